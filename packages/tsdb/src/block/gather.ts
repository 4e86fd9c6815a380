// Series of several sources on their way to one Selection: each distinct list of labels once, chunks and deleted ranges as rows that name their
// series.
import { ENCODING, newChunkTable, SELECTING_BYTES, type ChunkTable, type Intervals } from '@munjigi/model';

/** Rows [0, n) of chunks; `series` numbers the distinct label lists in the order they came. */
export interface ChunkRows {
  n: number;
  series: Uint32Array;
  arena: Uint16Array;
  source: Uint16Array;
  offset: Float64Array;
  bytes: Uint32Array;
  samples: Uint32Array;
  mint: Float64Array;
  maxt: Float64Array;
  encoding: Uint8Array;
}

export interface DeletedRows {
  n: number;
  series: Uint32Array;
  source: Uint16Array;
  mint: Float64Array;
  maxt: Float64Array;
}

export class Gather {
  count = 0;
  /** Symbols of list i: labelSymbols[labelFirst[i]..labelFirst[i + 1]). */
  labelFirst: Uint32Array = new Uint32Array(1025);
  labelSymbols: Uint32Array = new Uint32Array(16 * 1024);
  readonly chunks: ChunkRows = newChunkRows();
  readonly deleted: DeletedRows = newDeletedRows();
  #slots: Uint32Array = new Uint32Array(4096);
  #hashes: Uint32Array = new Uint32Array(1024);

  /** What a selection of it takes, all in all. */
  get bytes(): number {
    return this.count * SELECTING_BYTES.series + this.chunks.n * SELECTING_BYTES.chunk;
  }

  /** Room for the next list: its symbols go to labelSymbols from the result on, and `series` takes them. */
  room(words: number): number {
    const at = this.labelFirst[this.count]!;
    if (at + words > this.labelSymbols.length)
      this.labelSymbols = grown(this.labelSymbols, new Uint32Array(2 * (at + words)));
    return at;
  }

  /** The number of the list whose `words` symbols were put where `room` said. */
  series(words: number): number {
    const at = this.labelFirst[this.count]!;
    const { labelSymbols } = this;
    let hash = words;
    for (let i = at; i < at + words; i++) hash = Math.imul(hash ^ labelSymbols[i]!, 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    hash = (hash ^ (hash >>> 13)) >>> 0;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const known = this.#slots[slot]! - 1;
      if (this.#hashes[known] === hash && this.#same(known, at, words)) return known;
    }
    const number = this.count++;
    this.#slots[slot] = this.count;
    if (this.count === this.#hashes.length) this.#grow();
    this.#hashes[number] = hash;
    this.labelFirst[this.count] = at + words;
    if (4 * this.count > this.#slots.length) this.#rehash();
    return number;
  }

  /** Copies chunk k of a table, whose arena is number `arena` here. */
  copyChunk(series: number, c: ChunkTable, k: number, arena: number): void {
    const i = this.#chunk(series, arena, c.source[k]!, c.mint[k]!, c.maxt[k]!, c.offset[k]!);
    this.chunks.bytes[i] = c.bytes[k]!;
    this.chunks.samples[i] = c.samples[k]!;
    this.chunks.encoding[i] = c.encoding[k]!;
  }

  /** A chunk as a segment holds it. */
  storedChunk(
    series: number,
    arena: number,
    source: number,
    mint: number,
    maxt: number,
    offset: number,
  ): void {
    const i = this.#chunk(series, arena, source, mint, maxt, offset);
    this.chunks.bytes[i] = 0;
    this.chunks.samples[i] = 0;
    this.chunks.encoding[i] = ENCODING.stored;
  }

  delete(series: number, source: number, mint: number, maxt: number): void {
    const d = this.deleted;
    if (d.n === d.series.length) growDeleted(d);
    d.series[d.n] = series;
    d.source[d.n] = source;
    d.mint[d.n] = mint;
    d.maxt[d.n] = maxt;
    d.n++;
  }

  copyDeleted(series: number, d: Intervals, i: number): void {
    for (let k = d.first[i]!; k < d.first[i + 1]!; k++)
      this.delete(series, d.source[k]!, d.mint[k]!, d.maxt[k]!);
  }

  #chunk(series: number, arena: number, source: number, mint: number, maxt: number, offset: number): number {
    const c = this.chunks;
    if (c.n === c.series.length) growChunks(c);
    const i = c.n++;
    c.series[i] = series;
    c.arena[i] = arena;
    c.source[i] = source;
    c.offset[i] = offset;
    c.mint[i] = mint;
    c.maxt[i] = maxt;
    return i;
  }

  #same(known: number, at: number, words: number): boolean {
    const first = this.labelFirst[known]!;
    if (this.labelFirst[known + 1]! - first !== words) return false;
    const { labelSymbols } = this;
    for (let i = 0; i < words; i++) if (labelSymbols[first + i] !== labelSymbols[at + i]) return false;
    return true;
  }

  #grow(): void {
    const size = 2 * this.#hashes.length;
    this.#hashes = grown(this.#hashes, new Uint32Array(size));
    this.labelFirst = grown(this.labelFirst, new Uint32Array(size + 1));
  }

  #rehash(): void {
    const slots = new Uint32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let i = 0; i < this.count; i++) {
      let slot = this.#hashes[i]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = i + 1;
    }
    this.#slots = slots;
  }
}

function newChunkRows(): ChunkRows {
  const n = 1024;
  return {
    n: 0,
    series: new Uint32Array(n),
    ...newChunkTable(n),
  };
}

function newDeletedRows(): DeletedRows {
  const n = 16;
  return {
    n: 0,
    series: new Uint32Array(n),
    source: new Uint16Array(n),
    mint: new Float64Array(n),
    maxt: new Float64Array(n),
  };
}

function growChunks(c: ChunkRows): void {
  const n = Math.ceil(1.5 * c.n);
  c.series = grown(c.series, new Uint32Array(n));
  c.arena = grown(c.arena, new Uint16Array(n));
  c.source = grown(c.source, new Uint16Array(n));
  c.offset = grown(c.offset, new Float64Array(n));
  c.bytes = grown(c.bytes, new Uint32Array(n));
  c.samples = grown(c.samples, new Uint32Array(n));
  c.mint = grown(c.mint, new Float64Array(n));
  c.maxt = grown(c.maxt, new Float64Array(n));
  c.encoding = grown(c.encoding, new Uint8Array(n));
}

function growDeleted(d: DeletedRows): void {
  const n = 2 * d.n;
  d.series = grown(d.series, new Uint32Array(n));
  d.source = grown(d.source, new Uint16Array(n));
  d.mint = grown(d.mint, new Float64Array(n));
  d.maxt = grown(d.maxt, new Float64Array(n));
}

function grown<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(old: T, fresh: T): T {
  fresh.set(old);
  return fresh;
}
