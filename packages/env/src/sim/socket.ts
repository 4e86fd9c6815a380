// One end of a simulated TCP connection. It keeps the socket contract as strictly as it can be kept: the buffer given to `data` is overwritten when
// `data` returns, bytes that `write` kept are compared when they are handed over, and how much is taken at once is up to the seed.
import { CLOSED, FULL, KEPT, TAKEN, type Socket, type SocketHandler, type WriteState } from '../env.ts';
import type { SimNet } from './net.ts';
import type { Task } from './task.ts';
import type { SimEvent } from './time.ts';

/** From this many waiting bytes on `write` answers FULL, as the real sockets do. */
const FULL_BYTES = 64 * 1024;
const READ_BYTES = 64 * 1024;
/** What the two systems hold of one direction, sent and not yet read: drawn per connection between these. */
const WINDOW_MIN_BYTES = 2 * 1024;
const WINDOW_MAX_BYTES = 128 * 1024;
/** How often `write` keeps bytes although the system had room. */
const KEEP_CHANCE = 0.3;
const POISON = 0xdb;
/** Between two arrivals at one end: far above what rounding of times could turn around. */
const ORDER_MS = 0.001;

const READ_BUFFER = new Uint8Array(READ_BYTES);

interface Waiting {
  readonly b: Uint8Array;
  from: number;
  readonly to: number;
  readonly checksum: number;
}

export class SimSocket implements Socket {
  remoteAddress = '';
  remotePort = 0;
  readonly net: SimNet;
  readonly task: Task;
  /** The machine it is on, for partitions. */
  readonly address: string;
  handler: SocketHandler | null = null;
  peer: SimSocket | null = null;
  connecting = true;
  #dead = false;
  #corks = 0;
  #ended = false;
  #finished = false;
  #queue: Waiting[] = [];
  #queued = 0;
  #inFlight = 0;
  readonly #window: number;
  #flushing = false;
  readonly #arrived: Uint8Array[] = [];
  #delivering = false;
  #paused = false;
  #peerEnded = false;
  #peerEndTold = false;
  /** When the last thing sent to us arrives: order is kept. */
  #arrival = 0;
  #idle_ms = 0;
  #idleEvent: SimEvent | null = null;
  readonly #forget: () => void;
  readonly #release: () => void;

  constructor(net: SimNet, task: Task, address: string) {
    this.net = net;
    this.task = task;
    this.address = address;
    this.#window = WINDOW_MIN_BYTES + net.random.below(WINDOW_MAX_BYTES - WINDOW_MIN_BYTES);
    this.#release = task.hold();
    // The system closes what a dead process leaves: with a reset when it had not read everything.
    this.#forget = task.onEnd(() => {
      const unread = this.#arrived.length > 0;
      this.#die();
      if (unread) this.#toPeer(0, (peer) => peer.broken(CLOSED.reset));
      else this.#toPeer(0, (peer) => peer.#fin());
    });
  }

  write(b: Uint8Array, from: number, to: number): WriteState {
    if (this.#dead || this.#ended || to <= from) return TAKEN;
    this.#touch();
    const { random } = this.net;
    const ready = !this.connecting && this.#corks === 0 && this.#queue.length === 0;
    if (ready && to - from <= this.#window - this.#inFlight && !random.chance(KEEP_CHANCE)) {
      // A copy: `slice` of a Buffer would be a view.
      this.#send(new Uint8Array(b.subarray(from, to)));
      return TAKEN;
    }
    this.#queue.push({ b, from, to, checksum: checksum(b, from, to) });
    this.#queued += to - from;
    this.#flushSoon();
    return this.#queued < FULL_BYTES ? KEPT : FULL;
  }

  cork(): void {
    this.#corks++;
  }

  uncork(): void {
    if (this.#corks > 0 && --this.#corks === 0) this.#flushSoon();
  }

  end(): void {
    if (this.#dead || this.#ended) return;
    this.#ended = true;
    this.#corks = 0;
    this.#flushSoon();
  }

  reset(): void {
    if (this.#dead) return;
    this.#die();
    this.#toPeer(0, (peer) => peer.broken(CLOSED.reset));
    this.task.soon(0, () => this.handler?.closed(CLOSED.normal));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#deliverSoon();
  }

  idle(timeout_ms: number): void {
    this.#idle_ms = timeout_ms;
    this.#touch();
  }

  /** The connection stands. */
  opened(remoteAddress: string, remotePort: number): void {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.connecting = false;
    this.#touch();
    if (this.#queue.length > 0 || this.#ended) this.#flushSoon();
  }

  /** Nothing of the peer may come before. */
  arrives(at: number): void {
    this.#arrival = at;
  }

  /** The end, by something other than ourselves. */
  broken(why: number): void {
    if (this.#dead) return;
    this.#die();
    this.task.enter(() => this.handler?.closed(why));
  }

  get dead(): boolean {
    return this.#dead;
  }

  // ---- sending

  #flushSoon(): void {
    if (this.#flushing || this.#dead) return;
    this.#flushing = true;
    this.task.soon(this.net.random.between(0, 0.2), () => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#dead || this.connecting || this.#corks > 0) return;
    const kept = this.#queue.length > 0;
    while (this.#queue.length > 0 && this.#inFlight < this.#window) {
      const first = this.#queue[0]!;
      this.#unharmed(first);
      const take = Math.min(first.to - first.from, this.#window - this.#inFlight);
      const bytes = new Uint8Array(first.b.subarray(first.from, first.from + take));
      this.#queued -= take;
      if (first.from + take === first.to) this.#queue.shift();
      else
        this.#queue[0] = {
          b: first.b,
          from: first.from + take,
          to: first.to,
          checksum: checksum(first.b, first.from + take, first.to),
        };
      this.#send(bytes);
    }
    if (this.#dead || this.#queue.length > 0) return;
    if (kept) this.handler?.drain();
    // `drain` may have written more.
    if (this.#ended && !this.#finished && !this.#dead && this.#queue.length === 0) {
      this.#finished = true;
      this.#toPeer(this.#delay(), (peer) => peer.#fin());
      this.#maybeClosed();
    }
  }

  #unharmed({ b, from, to, checksum: before }: Waiting): void {
    if (checksum(b, from, to) !== before)
      throw new Error(
        `bytes that write had kept were changed before drain (${to - from} bytes to ${this.remoteAddress})`,
      );
  }

  #send(bytes: Uint8Array): void {
    const { random, faults } = this.net;
    this.#touch();
    for (let from = 0; from < bytes.length;) {
      const left = bytes.length - from;
      const n = Math.min(READ_BYTES, random.chance(faults.split) ? 1 + random.below(left) : left);
      const segment = bytes.subarray(from, from + n);
      from += n;
      this.#inFlight += n;
      if (random.chance(faults.reset)) {
        this.net.trace.add('net reset', this.address);
        this.#toPeer(this.#delay(), (peer) => peer.broken(CLOSED.reset));
        this.task.soon(this.#delay(), () => this.broken(CLOSED.reset));
        return;
      }
      this.#toPeer(this.#delay(), (peer) => peer.#receive(segment));
    }
  }

  #delay(): number {
    return this.net.delay();
  }

  /** In order, and not at all while the network is parted: those wait for `heal`. */
  #toPeer(delay_ms: number, fn: (peer: SimSocket) => void): void {
    const { peer } = this;
    if (peer === null) return;
    const { time } = this.task;
    peer.#arrival = Math.max(peer.#arrival + ORDER_MS, time.now + delay_ms);
    this.net.carry(this.address, peer.address, peer.#arrival - time.now, () => fn(peer));
  }

  // ---- receiving

  #receive(segment: Uint8Array): void {
    if (this.#dead) {
      // Nobody is there any more: the sender is told.
      this.#toPeer(this.#delay(), (peer) => peer.broken(CLOSED.reset));
      return;
    }
    this.#arrived.push(segment);
    this.#deliver();
  }

  #deliverSoon(): void {
    if (!this.#dead) this.task.soon(0, () => this.#deliver());
  }

  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    this.task.enter(() => {
      try {
        while (!this.#dead && !this.#paused && this.#arrived.length > 0) this.#give(this.#arrived.shift()!);
        if (!this.#dead && !this.#paused && this.#peerEnded && !this.#peerEndTold) {
          this.#peerEndTold = true;
          this.handler?.end();
          this.#maybeClosed();
        }
      } finally {
        this.#delivering = false;
      }
    });
  }

  #give(segment: Uint8Array): void {
    this.#touch();
    const n = segment.length;
    READ_BUFFER.set(segment);
    this.net.trace.add('data', this.address, n);
    const peer = this.peer;
    try {
      if (this.handler?.data(READ_BUFFER, n) === false) this.#paused = true;
    } finally {
      READ_BUFFER.fill(POISON, 0, n);
    }
    if (peer === null) return;
    peer.#inFlight -= n;
    if (peer.#queue.length > 0) peer.#flushSoon();
  }

  #fin(): void {
    if (this.#dead) return;
    this.#peerEnded = true;
    this.#deliver();
  }

  // ---- ending

  #maybeClosed(): void {
    if (this.#dead || !this.#finished || !this.#peerEndTold) return;
    this.#die();
    this.task.soon(0, () => this.handler?.closed(CLOSED.normal));
  }

  #die(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#queue = [];
    this.#arrived.length = 0;
    this.#forget();
    this.#release();
    this.net.sockets.delete(this);
    if (this.#idleEvent !== null) this.task.time.cancel(this.#idleEvent);
  }

  #touch(): void {
    if (this.#idleEvent !== null) this.task.time.cancel(this.#idleEvent);
    this.#idleEvent = null;
    if (this.#idle_ms === 0 || this.#dead) return;
    this.#idleEvent = this.task.time.schedule(this.#idle_ms, false, () =>
      this.task.enter(() => this.handler?.timeout?.()),
    );
  }
}

function checksum(b: Uint8Array, from: number, to: number): number {
  let sum = 0x811c9dc5;
  for (let i = from; i < to; i++) sum = Math.imul(sum ^ b[i]!, 0x01000193);
  return sum;
}
