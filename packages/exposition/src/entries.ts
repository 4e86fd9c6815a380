// Everything a target's pages have shown lately, by its bytes: series and comment lines, each with a number (its entry). Columns and one
// byte arena, no object per series. Open hash table with linear probing.

/** What an entry is. */
export const SERIES = 0;
export const COMMENT = 1;

export class Entries {
  count = 0;
  /** All entries' bytes, one after the other. */
  arena: Uint8Array = new Uint8Array(4096);
  arenaUsed = 0;
  offset: Int32Array = new Int32Array(64);
  length: Int32Array = new Int32Array(64);
  kind: Uint8Array = new Uint8Array(64);
  /** Series: the number of the metric type in force when it was read. Comments: 0. */
  type: Uint8Array = new Uint8Array(64);
  /** Comments: the number of the type that a TYPE line sets, plus one; else 0. */
  sets: Uint8Array = new Uint8Array(64);
  /** Number of the last page that had the entry. */
  seen: Int32Array = new Int32Array(64);
  /** Its place in that page's order. */
  position: Int32Array = new Int32Array(64);
  /** The reader's own: what it stores of a series (a SeriesRef, a mark). 0 in a new entry. */
  slot: Float64Array = new Float64Array(64);
  /** The reader's own, too. 0 in a new entry. */
  mark: Uint8Array = new Uint8Array(64);
  #table: Int32Array = new Int32Array(128).fill(-1);
  #hash: Int32Array = new Int32Array(64);

  /** The entry with these bytes, kind and type, or -1. */
  find(b: Uint8Array, from: number, to: number, kind: number, type: number): number {
    const hash = hashBytes(b, from, to);
    const mask = this.#table.length - 1;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const e = this.#table[i]!;
      if (e < 0) return -1;
      if (
        this.#hash[e] === hash &&
        this.kind[e] === kind &&
        this.type[e] === type &&
        this.equals(e, b, from, to)
      )
        return e;
    }
  }

  equals(e: number, b: Uint8Array, from: number, to: number): boolean {
    const n = this.length[e]!;
    if (n !== to - from) return false;
    const { arena } = this;
    const at = this.offset[e]!;
    for (let k = 0; k < n; k++) if (arena[at + k] !== b[from + k]) return false;
    return true;
  }

  add(b: Uint8Array, from: number, to: number, kind: number, type: number): number {
    const e = this.count++;
    if (e >= this.offset.length) this.#grow(2 * e);
    const n = to - from;
    if (this.arenaUsed + n > this.arena.length) {
      const arena = new Uint8Array(Math.max(2 * this.arena.length, this.arenaUsed + n));
      arena.set(this.arena.subarray(0, this.arenaUsed));
      this.arena = arena;
    }
    this.arena.set(b.subarray(from, to), this.arenaUsed);
    this.offset[e] = this.arenaUsed;
    this.length[e] = n;
    this.arenaUsed += n;
    this.kind[e] = kind;
    this.type[e] = type;
    this.sets[e] = 0;
    this.seen[e] = 0;
    this.position[e] = 0;
    this.slot[e] = 0;
    this.mark[e] = 0;
    this.#hash[e] = hashBytes(b, from, to);
    if (2 * this.count > this.#table.length) this.#rehash(2 * this.#table.length);
    else this.#insert(e);
    return e;
  }

  /** Only the entries for which `keep` says so, with new numbers; returns old number to new (-1: gone). */
  compact(keep: (e: number) => boolean): Int32Array {
    const moved = new Int32Array(this.count).fill(-1);
    let n = 0;
    let used = 0;
    for (let e = 0; e < this.count; e++) {
      if (!keep(e)) continue;
      const at = this.offset[e]!;
      const size = this.length[e]!;
      this.arena.copyWithin(used, at, at + size);
      this.offset[n] = used;
      this.length[n] = size;
      used += size;
      for (const column of [
        this.kind,
        this.type,
        this.sets,
        this.seen,
        this.position,
        this.slot,
        this.mark,
        this.#hash,
      ])
        column[n] = column[e]!;
      moved[e] = n++;
    }
    this.count = n;
    this.arenaUsed = used;
    let size = 128;
    while (size < 2 * n) size *= 2;
    this.#rehash(size);
    return moved;
  }

  #grow(size: number): void {
    this.offset = grown(this.offset, new Int32Array(size));
    this.length = grown(this.length, new Int32Array(size));
    this.kind = grown(this.kind, new Uint8Array(size));
    this.type = grown(this.type, new Uint8Array(size));
    this.sets = grown(this.sets, new Uint8Array(size));
    this.seen = grown(this.seen, new Int32Array(size));
    this.position = grown(this.position, new Int32Array(size));
    this.mark = grown(this.mark, new Uint8Array(size));
    this.slot = grown(this.slot, new Float64Array(size));
    this.#hash = grown(this.#hash, new Int32Array(size));
  }

  #rehash(size: number): void {
    this.#table = new Int32Array(size).fill(-1);
    for (let e = 0; e < this.count; e++) this.#insert(e);
  }

  #insert(e: number): void {
    const mask = this.#table.length - 1;
    let i = this.#hash[e]! & mask;
    while (this.#table[i]! >= 0) i = (i + 1) & mask;
    this.#table[i] = e;
  }
}

function grown<T extends Int32Array | Uint8Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** FNV-1a with a last mix: the low bits choose the place in the table. */
function hashBytes(b: Uint8Array, from: number, to: number): number {
  let h = 0x811c9dc5 | 0;
  for (let i = from; i < to; i++) h = Math.imul(h ^ b[i]!, 0x01000193);
  h ^= h >>> 15;
  return Math.imul(h, 0x85ebca6b) ^ (h >>> 13);
}
