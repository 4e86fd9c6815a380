// The simulated network: machines with addresses, names, listeners, delays, and what goes wrong on the way. The faults are listed in the README.
import {
  CLOSED,
  EnvError,
  type ListenOptions,
  type Listener,
  type Net,
  type Socket,
  type SocketHandler,
} from '../env.ts';
import type { Prng } from './prng.ts';
import { SimSocket } from './socket.ts';
import type { Task } from './task.ts';
import type { SimTime } from './time.ts';
import type { Trace } from './trace.ts';

/** Without a timeout of its own a connection attempt gives up after this, as Linux does after six tries. */
const CONNECT_MAX_MS = 127_000;
/** A lost segment is sent again after this, then after twice that, ... */
const RETRANSMIT_MS = 200;
const RETRANSMITS_MAX = 8;
const PORT_FIRST = 32_768;
const TTL_MS = 30_000;

/** Chances are between 0 and 1, each drawn per segment (or connection). Times are virtual. */
export interface NetFaults {
  delay_min_ms: number;
  delay_max_ms: number;
  /** A segment is cut at a random byte. */
  split: number;
  /** The connection breaks with a reset on both sides. */
  reset: number;
  /** A segment is lost and comes 200 ms (400, 800, ...) later. */
  loss: number;
  /** A connection attempt finds nobody although somebody listens. */
  refuse: number;
}

export interface SimNetFace {
  /** May be changed at any time. Splits and small delays are on from the start, losses and resets are not. */
  readonly faults: NetFaults;
  /** Nothing passes between the two machines any more (names or addresses); what is sent waits for `heal`. */
  part(a: string, b: string): void;
  /** Ends all partings. */
  heal(): void;
  /** Sets what a host name resolves to; no addresses: it is unknown again. */
  name(host: string, addresses: readonly string[], ttl_ms?: number): void;
  /** Ends of open connections. */
  readonly open: number;
}

interface Listening {
  readonly address: string;
  /** Only from the machine itself. */
  readonly local: boolean;
  readonly port: number;
  readonly shared: boolean;
  readonly task: Task;
  readonly accept: (socket: Socket) => SocketHandler;
}

export class SimNet implements SimNetFace {
  readonly time: SimTime;
  readonly random: Prng;
  readonly trace: Trace;
  readonly faults: NetFaults = {
    delay_min_ms: 0.05,
    delay_max_ms: 2,
    split: 0.3,
    reset: 0,
    loss: 0,
    refuse: 0,
  };
  readonly sockets: Set<SimSocket> = new Set();
  readonly #names = new Map<string, { addresses: readonly string[]; ttl_ms: number }>();
  readonly #listening: Listening[] = [];
  readonly #parted = new Set<string>();
  #waiting: (() => void)[] = [];
  #nextPort = PORT_FIRST;

  constructor(time: SimTime, random: Prng, trace: Trace) {
    this.time = time;
    this.random = random;
    this.trace = trace;
  }

  get open(): number {
    return this.sockets.size;
  }

  name(host: string, addresses: readonly string[], ttl_ms: number = TTL_MS): void {
    if (addresses.length === 0) this.#names.delete(host);
    else this.#names.set(host, { addresses, ttl_ms });
  }

  part(a: string, b: string): void {
    this.trace.add('part', a, b);
    this.#parted.add(pairKey(this.#addressOf(a), this.#addressOf(b)));
  }

  heal(): void {
    this.trace.add('heal');
    this.#parted.clear();
    for (const fn of this.#waiting.splice(0)) fn();
  }

  parted(a: string, b: string): boolean {
    return this.#parted.size > 0 && this.#parted.has(pairKey(a, b));
  }

  delay(): number {
    const { delay_min_ms, delay_max_ms, loss } = this.faults;
    let delay = this.random.between(delay_min_ms, delay_max_ms);
    for (let i = 0; i < RETRANSMITS_MAX && this.random.chance(loss); i++) delay += RETRANSMIT_MS * 2 ** i;
    return delay;
  }

  /** Calls fn at the other side after the delay, in the order of calls; not before `heal` when the two are parted. */
  carry(from: string, to: string, delay_ms: number, fn: () => void): void {
    if (this.parted(from, to)) this.#waiting.push(() => this.carry(from, to, delay_ms, fn));
    else this.time.schedule(delay_ms, true, fn);
  }

  /** Addresses of a host as seen from a machine; null: unknown. */
  lookUp(host: string, from: string): { addresses: readonly string[]; ttl_ms: number } | null {
    if (isLoopback(host)) return { addresses: [from], ttl_ms: Infinity };
    if (/^[\d.]+$|:/.test(host)) return { addresses: [host], ttl_ms: Infinity };
    return this.#names.get(host) ?? null;
  }

  /** Who accepts a connection; several share a port by the seed's choice. */
  listener(from: string, address: string, port: number): Listening | null {
    const found = this.#listening.filter(
      (l) => l.port === port && l.address === address && (!l.local || from === address),
    );
    return found.length === 0 ? null : found[this.random.below(found.length)]!;
  }

  port(): number {
    return this.#nextPort++;
  }

  /** Registers a listener, also that of the simulated HTTP server. Throws EADDRINUSE. */
  register(
    o: ListenOptions,
    address: string,
    task: Task,
    accept: Listening['accept'],
  ): { port: number; remove: () => void } {
    task.check();
    const any = o.host === '' || o.host === '0.0.0.0' || o.host === '::';
    const local = isLoopback(o.host);
    if (!any && !local && this.#addressOf(o.host) !== address)
      throw new EnvError('EADDRNOTAVAIL', `${o.host}:${o.port}`, `${o.host} is no address of this machine`);
    const port = o.port === 0 ? this.port() : o.port;
    const others = this.#listening.filter((l) => l.address === address && l.port === port);
    if (others.some((l) => !l.shared || o.reusePort !== true)) throw inUse(o.host, port);
    const listening = { address, local, port, shared: o.reusePort === true, task, accept };
    this.#listening.push(listening);
    const remove = (): void => {
      const at = this.#listening.indexOf(listening);
      if (at >= 0) this.#listening.splice(at, 1);
      forget();
      release();
    };
    const release = task.hold();
    const forget = task.onEnd(() => remove());
    return { port, remove };
  }

  /** `Net` of a process (or thread) on the machine with that address. */
  of(task: Task, address: string): Net {
    return {
      listen: async (o, accept): Promise<Listener> => {
        const { port, remove } = this.register(o, address, task, accept);
        return { address: o.host, port, close: async () => remove() };
      },
      connect: (o, handler) => this.#connect(task, address, o, handler),
      tryPort: async (host, port) => {
        if (this.#listening.some((l) => l.address === address && l.port === port)) throw inUse(host, port);
      },
      resolve: async (host) => {
        await new Promise<void>((resolve) => task.soon(this.delay(), resolve));
        const found = this.lookUp(host, address);
        if (found === null) throw new EnvError('ENOTFOUND', host, `${host}: no such host`);
        return { addresses: isLoopback(host) ? ['127.0.0.1'] : [...found.addresses], ttl_ms: found.ttl_ms };
      },
    };
  }

  #connect(
    task: Task,
    address: string,
    o: { host: string; port: number; timeout_ms: number },
    handler: SocketHandler,
  ): Socket {
    const socket = new SimSocket(this, task, address);
    socket.handler = handler;
    if (!task.alive) return socket;
    this.sockets.add(socket);
    const timeout = this.time.schedule(o.timeout_ms > 0 ? o.timeout_ms : CONNECT_MAX_MS, false, () => {
      if (socket.connecting) socket.broken(CLOSED.timeout);
    });
    const over = (why: number): void => {
      this.time.cancel(timeout);
      socket.broken(why);
    };
    const found = this.lookUp(o.host, address);
    if (found === null) {
      task.soon(this.delay(), () => over(CLOSED.unreachable));
      return socket;
    }
    const target = found.addresses[0]!;
    this.carry(address, target, this.delay(), () => {
      if (socket.dead) return;
      const listening = this.listener(address, target, o.port);
      this.trace.add('connect', address, target, o.port);
      if (listening === null || this.random.chance(this.faults.refuse))
        return this.carry(target, address, this.delay(), () => over(CLOSED.refused));
      const server = new SimSocket(this, listening.task, target);
      this.sockets.add(server);
      const back = this.delay();
      server.peer = socket;
      socket.peer = server;
      const peerAddress = isLoopback(o.host) ? '127.0.0.1' : address;
      server.opened(peerAddress, this.port());
      this.carry(target, address, back, () => {
        this.time.cancel(timeout);
        if (socket.dead) return;
        task.enter(() => {
          socket.opened(isLoopback(o.host) ? '127.0.0.1' : target, o.port);
          handler.open?.();
        });
      });
      socket.arrives(this.time.now + back);
      listening.task.enter(() => {
        server.handler = listening.accept(server);
      });
    });
    return socket;
  }

  #addressOf(host: string): string {
    return this.#names.get(host)?.addresses[0] ?? host;
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || host.startsWith('127.');
}

function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function inUse(host: string, port: number): EnvError {
  return new EnvError('EADDRINUSE', `${host}:${port}`, `${host}:${port}: address already in use`);
}
