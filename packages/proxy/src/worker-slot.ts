// One place for a worker thread: the thread that fills it now, and the replacing of it.
import { joinPort, type Caller, type Env, type Worker } from '@munjigi/env';
import type { Problem } from '@munjigi/model';
import { WORKER } from './counters/layout.ts';
import { problem } from './validate.ts';
import type { PrepareMessage, StartMessage, WorkerData } from './worker.ts';

/** A worker that dies this soon after its start makes the next start wait, longer each time. */
const SHORT_LIFE_MS = 5000;
const BACKOFF_FIRST_MS = 50;
const BACKOFF_MOST_MS = 5000;
/** A commit gives up on a slot after this many replacements; the slot goes on trying. */
const COMMIT_STARTS = 5;

/** A worker thread as the console shows it. */
export interface WorkerState {
  readonly index: number;
  readonly name: string;
  readonly state: 'starting' | 'running' | 'closed';
  /** The version it serves. */
  readonly version: number;
  readonly connections: number;
  readonly inFlight: number;
  /** How often it was replaced. */
  readonly restarts: number;
  /** Why the last one ended; ''. */
  readonly lastEnd: string;
}

export interface SlotOptions {
  readonly name: string;
  readonly index: number;
  readonly entry: URL;
  readonly data: WorkerData;
  readonly ackTimeout_ms: number;
  /** What a new worker starts with, as it stands when it starts. */
  readonly start: () => StartMessage;
  /** The change that is prepared and not yet committed. */
  readonly pending: () => PrepareMessage | null;
  readonly cells: Float64Array;
  /** Its memory is nobody's now. */
  readonly died: () => void;
  readonly log: (bytes: Uint8Array) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly caller: Caller;
  readonly startedAt: number;
  alive: boolean;
}

export class WorkerSlot {
  readonly #env: Env;
  readonly #o: SlotOptions;
  #thread: Thread;
  /** Resolves when the present thread serves what it was started with. */
  #ready: Promise<void>;
  #running = false;
  #version = 0;
  #restarts = 0;
  #shortLives = 0;
  #lastEnd = '';
  #closed = false;
  #beat = 0;
  #beatAt: number;

  constructor(env: Env, options: SlotOptions) {
    this.#env = env;
    this.#o = options;
    this.#beatAt = env.clock.monotonic();
    this.#thread = this.#launch();
    this.#ready = this.#begin(this.#thread);
  }

  state(): WorkerState {
    const { cells, index, name } = this.#o;
    return {
      index,
      name,
      state: this.#closed ? 'closed' : this.#running ? 'running' : 'starting',
      version: this.#version,
      connections: cells[WORKER.connections]!,
      inFlight: cells[WORKER.inFlight]!,
      restarts: this.#restarts,
      lastEnd: this.#lastEnd,
    };
  }

  /** Problems of the worker; one that can't answer is replaced, and its successor is asked. */
  async prepare(message: PrepareMessage): Promise<readonly Problem[]> {
    for (let tries = 0; tries < COMMIT_STARTS && !this.#closed; tries++) {
      await this.#ready;
      const thread = this.#thread;
      const answer = await this.#ask<Problem[]>(thread, 'prepare', message);
      if (answer !== null) return answer;
    }
    return [this.#gaveUp()];
  }

  /** Resolves when a thread of this slot serves `version`. */
  async commit(version: number): Promise<readonly Problem[]> {
    for (let tries = 0; tries < COMMIT_STARTS && !this.#closed; tries++) {
      await this.#ready;
      if (this.#running && this.#version === version) return [];
      const answer = await this.#ask<number>(this.#thread, 'commit', version);
      if (answer === version) {
        this.#version = version;
        return [];
      }
    }
    return [this.#gaveUp()];
  }

  abort(version: number): void {
    this.#thread.caller.call('abort', version).catch(() => undefined);
  }

  /** These counter rows belong to nobody any more. */
  forgetRows(keys: readonly string[]): void {
    this.#thread.caller.send('forgetRows', keys);
  }

  /** Ends a thread that has stopped to move. */
  check(): void {
    const beat = this.#o.cells[WORKER.beat]!;
    const now = this.#env.clock.monotonic();
    if (beat !== this.#beat || !this.#running) {
      this.#beat = beat;
      this.#beatAt = now;
    } else if (now - this.#beatAt > this.#o.ackTimeout_ms && !this.#closed) {
      this.#beatAt = now;
      void this.#end(this.#thread, `did not move for ${this.#o.ackTimeout_ms} ms`);
    }
  }

  async close(drain_ms: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { caller, worker, alive } = this.#thread;
    if (alive)
      await Promise.race([
        caller.call('close', drain_ms).catch(() => undefined),
        this.#env.clock.sleep(drain_ms + this.#o.ackTimeout_ms),
      ]);
    await worker.terminate();
  }

  #launch(): Thread {
    const { name, entry, data, log } = this.#o;
    const worker = this.#env.workers.start(name, entry, data);
    const caller = joinPort(worker, { log });
    const thread: Thread = { worker, caller, startedAt: this.#env.clock.monotonic(), alive: true };
    void worker.ended.then((reason) => this.#ended(thread, reason));
    return thread;
  }

  /** Gives a new thread the Snapshot, and what is being prepared. */
  async #begin(thread: Thread): Promise<void> {
    const message = this.#o.start();
    const problems = await this.#ask<Problem[]>(thread, 'start', message);
    if (problems === null || this.#thread !== thread) return;
    if (problems.some(({ severity }) => severity === 'error')) {
      const why = problems.map((p) => p.message).join('; ');
      return this.#end(thread, `could not start version ${message.version}: ${why}`);
    }
    const pending = this.#o.pending();
    if (pending !== null && pending.delta.base === message.version) {
      // What the others have prepared already; its problems were or will be told by them.
      if ((await this.#ask(thread, 'prepare', pending)) === null || this.#thread !== thread) return;
    }
    this.#version = message.version;
    this.#beatAt = this.#env.clock.monotonic();
    this.#running = true;
  }

  /** The answer, or null when the thread failed to give one and is being replaced. */
  async #ask<T>(thread: Thread, method: string, argument: unknown): Promise<T | null> {
    if (!thread.alive) return null;
    let late = false;
    const timer = this.#env.clock.after(this.#o.ackTimeout_ms, () => {
      late = true;
      thread.caller.fail(`no answer to ${method}`);
    });
    try {
      return await thread.caller.call<T>(method, argument);
    } catch (error) {
      const why = late ? `no answer to ${method} in ${this.#o.ackTimeout_ms} ms` : (error as Error).message;
      await this.#end(thread, why);
      return null;
    } finally {
      timer.cancel();
    }
  }

  async #end(thread: Thread, why: string): Promise<void> {
    if (thread.alive) this.#lastEnd = why;
    await thread.worker.terminate();
    await thread.worker.ended;
  }

  #ended(thread: Thread, reason: string): void {
    if (!thread.alive) return;
    thread.alive = false;
    thread.caller.fail('the worker has ended');
    if (thread !== this.#thread || this.#closed) return;
    if (reason !== 'terminated' || this.#lastEnd === '') this.#lastEnd = reason;
    this.#running = false;
    this.#restarts++;
    this.#o.died();
    const life = this.#env.clock.monotonic() - thread.startedAt;
    this.#shortLives = life < SHORT_LIFE_MS ? this.#shortLives + 1 : 0;
    const delay =
      this.#shortLives < 2 ? 0 : Math.min(BACKOFF_MOST_MS, BACKOFF_FIRST_MS * 2 ** this.#shortLives);
    this.#env.log.error('a proxy worker ended and is replaced', {
      worker: this.#o.name,
      reason: this.#lastEnd,
    });
    this.#ready = (delay === 0 ? Promise.resolve() : this.#env.clock.sleep(delay)).then(() => {
      if (this.#closed) return;
      this.#thread = this.#launch();
      return this.#begin(this.#thread);
    });
  }

  #gaveUp(): Problem {
    return problem('', `worker ${this.#o.name} could not be brought up: ${this.#lastEnd}`);
  }
}
