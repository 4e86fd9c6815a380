// The decoder in WebAssembly (assembly/chunk.ts) with its memory, in which pages of files lie too: a chunk of a block is decoded where it was
// read to. It does what is frequent, float chunks without start times; for anything else it says no, and the readers in TypeScript do it.
import { growColumn, startWasm, type Column } from '@munjigi/model';
import { WASM } from './chunk-wasm.ts';
import { CHECKS_BYTES, JOINED_BYTES, PAGE_BYTES, PAGES_MIN, type FilePlace } from './file-pages.ts';

interface Exports {
  start(tables: number): void;
  crc32c(from: number, to: number): number;
  stored(
    at: number,
    end: number,
    count: number,
    room: number,
    page: number,
    checks: number,
    t: number,
    v: number,
  ): number;
  samplesDecoded(): number;
  lastChunkAt(): number;
  samples(encoding: number, at: number, end: number, n: number, t: number, v: number): number;
}

const TABLE_BYTES = 16 * 1024;
/** A chunk of memory, copied; longer ones are not decoded here. */
const COPY_BYTES = 128 * 1024;
/** Samples of one chunk at most: its count has 16 bits. */
const CHUNK_MAX_SAMPLES = 65_536;
/** Samples that are held at once. */
const SAMPLES: number = 256 * 1024 + CHUNK_MAX_SAMPLES;
/** So many are copied one by one: that is sooner done than making views. */
const FEW_SAMPLES = 64;
/** A decoder may look so far behind what it reads. */
const BEHIND_BYTES = 64;

const COPY_AT = TABLE_BYTES;
const T_AT: number = COPY_AT + COPY_BYTES + BEHIND_BYTES;
const V_AT: number = T_AT + 8 * SAMPLES;
const BYTES_AT: number = V_AT + 8 * SAMPLES;

/** Null: there is no WebAssembly here. `cacheBytes`: room for pages of files. */
export function startKernel(cacheBytes: number): ChunkKernel | null {
  const pages = cacheBytes === 0 ? 0 : Math.max(PAGES_MIN, Math.ceil(cacheBytes / PAGE_BYTES));
  const size = BYTES_AT + pages * (PAGE_BYTES + CHECKS_BYTES) + JOINED_BYTES + BEHIND_BYTES;
  const started = startWasm(WASM, size);
  return started === null ? null : new ChunkKernel(started.exports as Exports, started.memory.buffer);
}

export class ChunkKernel {
  /** Samples that are held: t[0..n). */
  n = 0;
  readonly t: Float64Array;
  readonly #bits: Uint32Array;
  readonly #exports: Exports;
  readonly #all: Uint8Array;
  #bytesEnd: number = BYTES_AT;

  constructor(exports: Exports, memory: ArrayBuffer) {
    this.#exports = exports;
    this.#all = new Uint8Array(memory);
    this.t = new Float64Array(memory, T_AT, SAMPLES);
    this.#bits = new Uint32Array(memory, V_AT, 2 * SAMPLES);
    exports.start(0);
  }

  /** Room that is never given back; elsewhere when there is no more here. */
  readonly newBytes = (n: number): Uint8Array => {
    const at = this.#bytesEnd;
    if (at + n + BEHIND_BYTES > this.#all.length) return new Uint8Array(n);
    this.#bytesEnd += n;
    return this.#all.subarray(at, at + n);
  };

  /** What it holds must be moved before there is another chunk. */
  get full(): boolean {
    return this.n > SAMPLES - CHUNK_MAX_SAMPLES;
  }

  /**
   * Appends the samples of chunks that a block has one after another: `count` from chunk k on, whose place is given; `offsets` say where they
   * should begin. How many chunks it did: as many as the place holds whole. -1: they do not lie so. A sum is checked, in a page only once.
   */
  stored({ b, from, length, checksAt }: FilePlace, offsets: Float64Array, k: number, count: number): number {
    if (b.buffer !== this.#all.buffer) return 0;
    const at = b.byteOffset + from;
    const checks = checksAt < 0 ? 0 : b.byteOffset + checksAt;
    const to = 8 * this.n;
    const e = this.#exports;
    const did = e.stored(
      at,
      at + length,
      count,
      SAMPLES - this.n,
      b.byteOffset,
      checks,
      T_AT + to,
      V_AT + to,
    );
    if (did === 0) return 0;
    if (e.lastChunkAt() - at !== offsets[k + did - 1]! - offsets[k]!) return -1;
    this.n += e.samplesDecoded();
    return did;
  }

  /** Appends the n samples of a chunk in the head's files, whose data begins `dataAt` bytes behind the place; its sum is checked. */
  headChunk(encoding: number, { b, from, length }: FilePlace, dataAt: number, n: number): boolean {
    if (b.buffer !== this.#all.buffer) return false;
    const at = b.byteOffset + from;
    const sumAt = from + length - 4;
    const sum = (b[sumAt]! << 24) | (b[sumAt + 1]! << 16) | (b[sumAt + 2]! << 8) | b[sumAt + 3]!;
    if (this.#exports.crc32c(at, at + length - 4) !== sum) return false;
    return this.#samples(encoding, at + dataAt, at + length - 4, n);
  }

  /** Appends the n samples of the chunk page[offset..offset + bytes). */
  memory(encoding: number, page: Uint8Array, offset: number, bytes: number, n: number): boolean {
    if (bytes > COPY_BYTES) return false;
    this.#all.set(page.subarray(offset, offset + bytes), COPY_AT);
    return this.#samples(encoding, COPY_AT, COPY_AT + bytes, n);
  }

  #samples(encoding: number, at: number, end: number, n: number): boolean {
    if (n > CHUNK_MAX_SAMPLES) return false;
    const to = 8 * this.n;
    if (this.#exports.samples(encoding, at, end, n, T_AT + to, V_AT + to) === 0) return false;
    this.n += n;
    return true;
  }

  /** Appends the samples with mint <= t <= maxt to a column of floats, and holds none any more. */
  moveTo(c: Column, mint: number, maxt: number): void {
    const from = this.#count(mint);
    const to = this.#count(Math.floor(maxt) + 1);
    growColumn(c, c.n + to - from);
    // As integers: NaNs must keep their bits.
    if (to - from > FEW_SAMPLES) {
      c.t.set(this.t.subarray(from, to), c.n);
      c.bits.set(this.#bits.subarray(2 * from, 2 * to), 2 * c.n);
    } else {
      for (let i = from, k = c.n; i < to; i++, k++) {
        c.t[k] = this.t[i]!;
        c.bits[2 * k] = this.#bits[2 * i]!;
        c.bits[2 * k + 1] = this.#bits[2 * i + 1]!;
      }
    }
    c.n += to - from;
    this.n = 0;
  }

  /** Samples before t; times are whole milliseconds. */
  #count(t: number): number {
    let low = 0;
    let high = this.n;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.t[middle]! < t) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
