// A world from one seed: machines with clocks and disks, a network between them, and time that moves only when driven. The same seed and the same
// program give the same history, which `hash` sums up.
import type { Env } from '../env.ts';
import { nodeCodec } from '../node/codec.ts';
import { Disk, type SimDisk } from './disk.ts';
import { simFiles } from './files.ts';
import { simLog, type SimLogLine } from './log.ts';
import { SimHttp, type SimHttpFace } from './http.ts';
import { SimNet, type SimNetFace } from './net.ts';
import { Prng } from './prng.ts';
import { simClock, Task } from './task.ts';
import { SimTime } from './time.ts';
import { Trace } from './trace.ts';
import { simWorkers } from './workers.ts';

/** 2026-01-01T00:00:00Z. */
const START_MS = 1_767_225_600_000;

export interface SimWorldOptions {
  /** Wall time at the beginning. */
  readonly start_ms?: number;
  /** False: work in progress (syncs, messages) waits for `advance`, `run` or `settle` too. */
  readonly automatic?: boolean;
}

/** One computer: a disk, a wall clock, one process at a time. */
export interface SimMachine {
  readonly name: string;
  /** Where the others reach it. */
  readonly address: string;
  /** The world of the process that runs now. */
  readonly env: Env;
  readonly disk: SimDisk;
  /** Starts a new process on the same disk; one that still runs is killed first. */
  restart(): Env;
  /** Sets the wall clock forward or back; the monotonic one and timers don't notice. */
  jump(ms: number): void;
}

/** The members of SimMachine are those of the first machine. */
export interface SimWorld extends SimMachine {
  readonly seed: number;
  readonly net: SimNetFace;
  readonly http: SimHttpFace;
  /** Lines of all machines. */
  readonly log: readonly SimLogLine[];
  /** Virtual ms since the beginning. */
  readonly time_ms: number;
  /** The machine of that name, made when it is asked for first. Its address is its name's too. */
  machine(name: string): SimMachine;
  /** Moves time by ms and runs all that falls due. */
  advance(ms: number): Promise<void>;
  /** Runs until no work is in progress; timers that are not due stay. */
  settle(): Promise<void>;
  /**
   * Moves time until the promise settles, and gives its result. Rejects with SimCrash when a crash point is reached on the way, and
   * with an Error when nothing is left that could settle it or max_ms (an hour) of virtual time have passed.
   */
  run<T>(work: Promise<T> | (() => Promise<T>), max_ms?: number): Promise<T>;
  /** Of everything that happened so far. */
  hash(): string;
  /** Events counted in `hash`. */
  readonly events: number;
  /** A random stream of the seed for the test's own choices. */
  random(name: string): Prng;
}

export function simWorld(seed: number, options: SimWorldOptions = {}): SimWorld {
  const time = new SimTime(options.automatic !== false);
  const trace = new Trace();
  const lines: SimLogLine[] = [];
  const start_ms = options.start_ms ?? START_MS;
  const net = new SimNet(time, new Prng(seed, 'net'), trace);
  const http = new SimHttp(net);
  const machines = new Map<string, Machine>();
  const ends = new Set<(error: Error) => void>();

  class Machine implements SimMachine {
    readonly name: string;
    readonly address: string;
    readonly disk: Disk;
    readonly #random: Prng;
    #task: Task;
    #env: Env;
    #offset_ms = 0;

    constructor(name: string, address: string) {
      this.name = name;
      this.address = address;
      this.#random = new Prng(seed, `random ${name}`);
      this.#task = this.#begin();
      const wall = (): number => Math.floor(this.#wall() + time.now);
      this.disk = new Disk(this.#task, new Prng(seed, `disk ${name}`), trace, wall, (error) => {
        this.#task.end();
        if (error !== null) for (const end of ends) end(error);
      });
      this.#env = this.#makeEnv(this.#task);
    }

    get env(): Env {
      return this.#env;
    }

    restart(): Env {
      if (this.#task.alive || this.disk.halted) this.disk.crash('process');
      trace.add('restart', this.name);
      this.#task = this.#begin();
      this.disk.start(this.#task);
      this.#env = this.#makeEnv(this.#task);
      return this.#env;
    }

    jump(ms: number): void {
      this.#offset_ms += ms;
    }

    #wall(): number {
      return start_ms + this.#offset_ms;
    }

    #begin(): Task {
      return new Task(`the process on ${this.name}`, time, (error) => time.fail(error));
    }

    #makeEnv(task: Task): Env {
      const clock = simClock(task, () => this.#wall());
      const log = simLog(this.name, () => clock.now(), lines);
      return {
        clock,
        random: this.#random,
        files: simFiles(this.disk, task),
        net: net.of(task, this.address),
        http: http.of(task, this.address, (error) =>
          log.error('an HTTP handler failed', {
            error: error instanceof Error ? error.message : String(error),
          }),
        ),
        workers: simWorkers(task, this.#random, (thread) => this.#makeEnv(thread)),
        codec: nodeCodec,
        log,
      };
    }
  }

  function machine(name: string): Machine {
    let found = machines.get(name);
    if (found === undefined) {
      found = new Machine(name, `10.0.0.${machines.size + 1}`);
      machines.set(name, found);
      net.name(name, [found.address]);
    }
    return found;
  }

  async function run<T>(work: Promise<T> | (() => Promise<T>), max_ms?: number): Promise<T> {
    const crashed = Promise.withResolvers<never>();
    ends.add(crashed.reject);
    try {
      const promise = typeof work === 'function' ? work() : work;
      return await time.run(Promise.race([promise, crashed.promise]), max_ms);
    } finally {
      ends.delete(crashed.reject);
    }
  }

  const first = machine('main');
  return {
    seed,
    name: first.name,
    address: first.address,
    disk: first.disk,
    get env() {
      return first.env;
    },
    restart: () => first.restart(),
    jump: (ms) => first.jump(ms),
    net,
    http,
    log: lines,
    get time_ms() {
      return time.now;
    },
    machine,
    advance: (ms) => time.advance(ms),
    settle: () => time.settle(),
    run,
    hash: () => trace.hash(),
    get events() {
      return trace.events;
    },
    random: (name) => new Prng(seed, `test ${name}`),
  };
}
