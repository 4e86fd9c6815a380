// Series of several sources on their way to one Selection: each distinct list of labels once, and for each source which rows of its chunks belong to
// which list. Chunks are copied once, to where they stay.
import { SELECTING_BYTES, type ChunkTable, type Intervals } from '@munjigi/model';

/** Chunks of one source: its series i is list `list[i]`, with rows [from[i], to[i]) of the source's columns. */
export interface Part {
  readonly n: number;
  readonly list: Uint32Array;
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  /** Copies rows [from, to) to a table, from its row `at` on. */
  readonly copy: (from: number, to: number, table: ChunkTable, at: number) => void;
}

export interface DeletedRows {
  readonly list: number[];
  readonly source: number[];
  readonly mint: number[];
  readonly maxt: number[];
}

export class SeriesJoin {
  /** Distinct lists. */
  count = 0;
  /** Symbols of list i: labelSymbols[labelFirst[i]..labelFirst[i + 1]). */
  labelFirst: Uint32Array = new Uint32Array(1025);
  labelSymbols: Uint32Array = new Uint32Array(16 * 1024);
  chunks = 0;
  readonly parts: Part[] = [];
  readonly deleted: DeletedRows = { list: [], source: [], mint: [], maxt: [] };
  /** List i is slot hash & mask, or one behind: i + 1. */
  #slots: Uint32Array = new Uint32Array(4096);
  #hashes: Uint32Array = new Uint32Array(1024);
  /** The list behind the one that was named last. */
  #next = 0;

  /** What a selection of it takes, all in all. */
  get bytes(): number {
    return this.count * SELECTING_BYTES.series + this.chunks * SELECTING_BYTES.chunk;
  }

  /** The number of the list labels[from..to). Sources mostly have the same series in the same order: the next list is tried first. */
  list(labels: Uint32Array, from: number, to: number): number {
    if (this.#next >= this.count || !this.#same(this.#next, labels, from, to))
      this.#next = this.#find(labels, from, to);
    return this.#next++;
  }

  delete(list: number, source: number, mint: number, maxt: number): void {
    const d = this.deleted;
    d.list.push(list);
    d.source.push(source);
    d.mint.push(mint);
    d.maxt.push(maxt);
  }

  copyDeleted(list: number, d: Intervals, i: number): void {
    for (let k = d.first[i]!; k < d.first[i + 1]!; k++)
      this.delete(list, d.source[k]!, d.mint[k]!, d.maxt[k]!);
  }

  #find(labels: Uint32Array, from: number, to: number): number {
    let hash = to - from;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ labels[i]!, 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    hash = (hash ^ (hash >>> 13)) >>> 0;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const known = this.#slots[slot]! - 1;
      if (this.#hashes[known] === hash && this.#same(known, labels, from, to)) return known;
    }
    const number = this.#add(labels, from, to);
    this.#slots[slot] = this.count;
    this.#hashes[number] = hash;
    if (4 * this.count > this.#slots.length) this.#rehash();
    return number;
  }

  #add(labels: Uint32Array, from: number, to: number): number {
    const number = this.count++;
    if (this.count === this.#hashes.length) this.#grow();
    const at = this.labelFirst[number]!;
    const end = at + to - from;
    if (end > this.labelSymbols.length)
      this.labelSymbols = grown(this.labelSymbols, new Uint32Array(2 * end));
    for (let i = from; i < to; i++) this.labelSymbols[at + i - from] = labels[i]!;
    this.labelFirst[this.count] = end;
    return number;
  }

  #same(known: number, labels: Uint32Array, from: number, to: number): boolean {
    const first = this.labelFirst[known]!;
    if (this.labelFirst[known + 1]! - first !== to - from) return false;
    const { labelSymbols } = this;
    for (let i = from; i < to; i++) if (labelSymbols[first + i - from] !== labels[i]) return false;
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

function grown(old: Uint32Array, fresh: Uint32Array): Uint32Array {
  fresh.set(old);
  return fresh;
}
