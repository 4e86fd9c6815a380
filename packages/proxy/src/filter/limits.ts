// Counters of rate limits, exact across the worker threads of a process: one table in shared memory of a fixed size. Counting in a counter
// that exists is one compare-and-swap. Making one takes its bucket's lock, a word that holds the worker's number, so that the main thread can
// give back what a dead worker held. A counter is known by 64 bits of hash beside the bucket's; the seed is random, so nobody can aim
// at a collision.
//
// Rule for a full bucket: the counter whose window ends first makes way (among equals the lowest), and that is counted. Slots of windows
// that ended more than EXPIRY_GRACE_S ago are free.

const WAYS = 16;
const WORDS = 4;
const TAG = 0;
const TAG2 = 1;
const EXPIRY = 2;
const COUNT = 3;
/** Words before the first lock. */
const HEADER = 4;
/** Expiry is in seconds since this, so that it fits 31 bits until 2088. */
const EPOCH_S = 1_577_836_800;
/** A window's counter stays this long after its end: threads may read the clock at different moments. */
const EXPIRY_GRACE_S = 5;
/** A lock is waited for this many tries (a few hundred microseconds), then the counter is taken as new: the holder has died. */
const LOCK_TRIES = 200_000;

/** Counters in the default table: 1 MiB. */
export const LIMIT_SLOTS = 65_536;

/** Memory for `slots` counters (a power of two, at least 16). */
export function makeLimits(slots: number = LIMIT_SLOTS): SharedArrayBuffer {
  const buckets = slots / WAYS;
  return new SharedArrayBuffer(4 * (HEADER + buckets + slots * WORDS));
}

export class LimitTable {
  readonly #words: Int32Array;
  readonly #buckets: number;
  readonly #seed: number;
  readonly #worker: number;
  readonly #evicted: () => void;

  /** `worker` is from 1 on; `evicted` is told of counters that had to make way. */
  constructor(memory: SharedArrayBuffer, seed: number, worker: number, evicted: () => void) {
    this.#words = new Int32Array(memory);
    this.#buckets = (this.#words.length - HEADER) / (1 + WAYS * WORDS);
    this.#seed = seed;
    this.#worker = worker;
    this.#evicted = evicted;
  }

  /** The counter of `key` whose window ends at `end_s`: found, or made with 0. `now_s` and `end_s` in seconds since 1970. */
  find(key: string, end_s: number, now_s: number): number {
    let a = this.#seed | 0;
    let b = ~this.#seed;
    let c = this.#seed ^ 0x5bd1e995;
    for (let i = 0; i < key.length; i++) {
      const k = key.charCodeAt(i);
      a = Math.imul(a ^ k, 0x01000193);
      b = Math.imul(b ^ k, 0x85ebca6b) + (b >>> 15);
      c = Math.imul(c + k, 0xc2b2ae35) ^ (c >>> 13);
    }
    a = mix(a ^ c);
    b = mix(b + a);
    c = mix(c ^ b);
    const tag = a === 0 ? 1 : a;
    const bucket = (c >>> 0) % this.#buckets;
    const found = this.#lookUp(bucket, tag, b);
    if (found >= 0) return found;
    return this.#make(bucket, tag, b, end_s - EPOCH_S, now_s - EPOCH_S);
  }

  used(slot: number): number {
    return Atomics.load(this.#words, slot + COUNT);
  }

  /** Counts one when fewer than `limit` are counted; the count afterwards, -1: the limit is reached. */
  take(slot: number, limit: number): number {
    const words = this.#words;
    for (;;) {
      const used = Atomics.load(words, slot + COUNT);
      if (used >= limit) return -1;
      if (Atomics.compareExchange(words, slot + COUNT, used, used + 1) === used) return used + 1;
    }
  }

  /** Takes one back, of a request that another limit refused. */
  giveBack(slot: number): void {
    Atomics.sub(this.#words, slot + COUNT, 1);
  }

  /** Frees the locks that a dead worker held; for the main thread. */
  release(worker: number): void {
    for (let i = 0; i < this.#buckets; i++) Atomics.compareExchange(this.#words, HEADER + i, worker, 0);
  }

  #slot(bucket: number, way: number): number {
    return HEADER + this.#buckets + (bucket * WAYS + way) * WORDS;
  }

  #lookUp(bucket: number, tag: number, tag2: number): number {
    const words = this.#words;
    for (let way = 0; way < WAYS; way++) {
      const slot = this.#slot(bucket, way);
      if (Atomics.load(words, slot + TAG) === tag && Atomics.load(words, slot + TAG2) === tag2) return slot;
    }
    return -1;
  }

  #make(bucket: number, tag: number, tag2: number, end: number, now: number): number {
    const words = this.#words;
    const lock = HEADER + bucket;
    for (let tries = 0; Atomics.compareExchange(words, lock, 0, this.#worker) !== 0; tries++)
      if (tries === LOCK_TRIES) break;
    // Another worker may have made it while this one waited.
    let slot = this.#lookUp(bucket, tag, tag2);
    if (slot < 0) {
      slot = this.#choose(bucket, now);
      // The tag goes first and comes last: a reader sees the old counter, none, or the whole new one.
      Atomics.store(words, slot + TAG, 0);
      Atomics.store(words, slot + TAG2, tag2);
      Atomics.store(words, slot + EXPIRY, end);
      Atomics.store(words, slot + COUNT, 0);
      Atomics.store(words, slot + TAG, tag);
    }
    Atomics.compareExchange(words, lock, this.#worker, 0);
    return slot;
  }

  #choose(bucket: number, now: number): number {
    const words = this.#words;
    let best = -1;
    for (let way = 0; way < WAYS; way++) {
      const slot = this.#slot(bucket, way);
      if (words[slot + TAG] === 0 || words[slot + EXPIRY]! + EXPIRY_GRACE_S < now) return slot;
      if (
        best < 0 ||
        words[slot + EXPIRY]! < words[best + EXPIRY]! ||
        (words[slot + EXPIRY] === words[best + EXPIRY] && words[slot + COUNT]! < words[best + COUNT]!)
      )
        best = slot;
    }
    this.#evicted();
    return best;
  }
}

function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return h ^ (h >>> 16);
}
