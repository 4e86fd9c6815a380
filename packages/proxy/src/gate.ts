// What one worker thread has: its world, its memory, its connections and the clock they share. The tick that runs here is the only timer of
// the data plane: no request has one of its own.
import type { Env, Timer } from '@munjigi/env';
import type { ClientConnection } from './client.ts';
import { WORKER } from './counters/layout.ts';
import { Head } from './http1/head.ts';
import type { AccessLog } from './log/access.ts';

/** Room for the largest head, all edits and a read's worth of body. */
const OUT_BYTES = 192 * 1024;
/** How often deadlines are looked at; timeouts are late by at most this. */
const TICK_MS = 100;
/** Buffers that are kept for the next time a socket keeps one. */
const SPARE_BUFFERS = 16;
/** How often pools are looked through. */
const EVICT_MS = 1000;

export interface GateLimits {
  /** Open client connections of one worker. */
  readonly maxConnections: number;
  /** From the first byte of a head to its end. */
  readonly headTimeout_ms: number;
  /** Between requests. */
  readonly keepAliveTimeout_ms: number;
  /** Longest silence of a client inside a body, and of a client that takes nothing of its answer. */
  readonly clientIdle_ms: number;
  /** After a refusal or the last answer: how long the client's remaining bytes are read away. */
  readonly linger_ms: number;
}

export const GATE_LIMITS: GateLimits = {
  maxConnections: 16_384,
  headTimeout_ms: 60_000,
  keepAliveTimeout_ms: 75_000,
  clientIdle_ms: 60_000,
  linger_ms: 5000,
};

export class Gate {
  readonly env: Env;
  readonly limits: GateLimits;
  /** This worker's counters. */
  readonly cells: Float64Array;
  readonly access: AccessLog | null;
  readonly trusts: (address: string) => boolean;
  /** Every head is read into this one: valid until the next is read. */
  readonly head: Head = new Head();
  /** Normal form of the path, when it isn't what came. */
  readonly path: Buffer = Buffer.allocUnsafeSlow(32 * 1024);
  /** What is being written. A socket that keeps it gets it, and another takes its place. */
  out: Buffer = Buffer.allocUnsafeSlow(OUT_BYTES);
  readonly spare: Buffer[] = [];
  readonly connections: ClientConnection[] = [];
  /** Monotonic ms, as fresh as the last tick or request. */
  now: number;
  /** Wall ms minus monotonic ms. */
  wallOffset = 0;
  /** Stops keep-alive: the worker is being closed. */
  draining = false;
  /** Counts swaps: what a connection remembers of routing is older when this differs. */
  epoch = 0;
  /** No deadline is earlier than this. */
  nextDeadline: number = Infinity;
  requests = 0;
  /** First cell of the row for requests that no route takes. */
  noRouteCell = 0;
  readonly idPrefix: Buffer;
  #evictAt = 0;
  readonly #timer: Timer;
  readonly #evict: (now: number) => void;

  constructor(
    env: Env,
    limits: GateLimits,
    cells: Float64Array,
    access: AccessLog | null,
    trusts: (address: string) => boolean,
    evict: (now: number) => void,
  ) {
    this.env = env;
    this.limits = limits;
    this.cells = cells;
    this.access = access;
    this.trusts = trusts;
    this.#evict = evict;
    this.now = env.clock.monotonic();
    this.wallOffset = env.clock.now() - this.now;
    this.idPrefix = Buffer.from(`,"id":"${Buffer.from(env.random.bytes(4)).toString('hex')}-`, 'latin1');
    cells[WORKER.connections] = 0;
    cells[WORKER.inFlight] = 0;
    this.#timer = env.clock.every(TICK_MS, () => this.tick());
  }

  /** Reads the clock. */
  time(): number {
    return (this.now = this.env.clock.monotonic());
  }

  wall(): number {
    return this.now + this.wallOffset;
  }

  tick(): void {
    const now = this.time();
    this.wallOffset = this.env.clock.now() - now;
    this.cells[WORKER.beat]! += 1;
    if (now >= this.nextDeadline) this.#sweep(now);
    if (now >= this.#evictAt) {
      this.#evictAt = now + EVICT_MS;
      this.#evict(now);
    }
    if (this.spare.length > SPARE_BUFFERS) this.spare.length = SPARE_BUFFERS;
    this.access?.flush();
  }

  /** A deadline was set: the sweep must come no later. */
  before(deadline: number): void {
    if (deadline < this.nextDeadline) this.nextDeadline = deadline;
  }

  /** Another buffer to write into: the one before belongs to a socket now. */
  replaceOut(): void {
    this.out = this.spare.pop() ?? Buffer.allocUnsafeSlow(OUT_BYTES);
  }

  add(c: ClientConnection): void {
    c.slot = this.connections.push(c) - 1;
    this.cells[WORKER.connections]! += 1;
  }

  remove(c: ClientConnection): void {
    const last = this.connections.pop()!;
    if (last !== c) {
      this.connections[c.slot] = last;
      last.slot = c.slot;
    }
    this.cells[WORKER.connections]! -= 1;
  }

  stop(): void {
    this.#timer.cancel();
    this.access?.flush();
  }

  #sweep(now: number): void {
    let next = Infinity;
    // Backwards: a connection that ends here is replaced by one that was looked at already.
    for (let i = this.connections.length - 1; i >= 0; i--) {
      const c = this.connections[i]!;
      let deadline = c.deadline();
      if (deadline <= now) {
        c.expire(now);
        if (this.connections[i] !== c) continue;
        deadline = Math.max(c.deadline(), now + TICK_MS);
      }
      if (deadline < next) next = deadline;
    }
    this.nextDeadline = next;
  }
}
