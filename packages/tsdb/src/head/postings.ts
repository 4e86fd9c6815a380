// Which rows have which label pair. A pair (name symbol, value symbol) is a row of columns, its series rows a block of words; only
// names have an object each. Lists are in the order in which series came: publishing only appends.
import { NO_ORDER, type ValueOrder } from './value-order.ts';
import { allocWords, freeWords, newWordPool, type WordPool } from './words.ts';

export interface Postings {
  /** Grows with every change that a reader could see. */
  version: number;
  names: Map<number, NamePairs>;
  /** Series in the lists. */
  rows: number;
  readonly pairs: PairTable;
  readonly pool: WordPool;
}

/** The pairs of one name, by age. */
export interface NamePairs {
  n: number;
  pairs: Uint32Array;
  order: ValueOrder;
  /** Somebody puts more values in order. */
  sorting: boolean;
}

export interface PairTable {
  /** Pairs in use or free: [0, end). */
  end: number;
  live: number;
  /** Free pairs (no rows: n is 0), chained through `at`. */
  free: number;
  name: Uint32Array;
  value: Uint32Array;
  /** One row: the row itself. More: where the block is. */
  at: Uint32Array;
  n: Uint32Array;
  /** The block has 2^room words; 0: there is none (one row, or no row). */
  room: Uint8Array;
  slots: Uint32Array;
}

export const NO_PAIR = 0xffffffff;

export function newPostings(): Postings {
  const rows = 1024;
  return {
    version: 0,
    names: new Map(),
    rows: 0,
    pairs: {
      end: 0,
      live: 0,
      free: NO_PAIR,
      name: new Uint32Array(rows),
      value: new Uint32Array(rows),
      at: new Uint32Array(rows),
      n: new Uint32Array(rows),
      room: new Uint8Array(rows),
      slots: new Uint32Array(2 * rows),
    },
    pool: newWordPool(16 * 1024),
  };
}

/** Adds a series: n words at `at`, name and value in turn. */
export function addPostings(p: Postings, words: Uint32Array, at: number, n: number, row: number): void {
  p.version++;
  for (let i = at; i < at + n; i += 2) {
    let pair = findPair(p, words[i]!, words[i + 1]!);
    if (pair < 0) pair = addPair(p, words[i]!, words[i + 1]!);
    addToPair(p, pair, row);
  }
  p.rows++;
}

/** The number of a pair; -1: no series has it. */
export function findPair(p: Postings, name: number, value: number): number {
  const t = p.pairs;
  const mask = t.slots.length - 1;
  for (let i = hashPair(name, value) & mask; ; i = (i + 1) & mask) {
    const found = t.slots[i]!;
    if (found === 0) return -1;
    if (t.name[found - 1] === name && t.value[found - 1] === value) return found - 1;
  }
}

export function pairCount(p: Postings, pair: number): number {
  return p.pairs.n[pair]!;
}

export function pairValue(p: Postings, pair: number): number {
  return p.pairs.value[pair]!;
}

/** The rows of a pair by age. A view: valid until the next change. */
export function pairRows(p: Postings, pair: number): Uint32Array {
  const t = p.pairs;
  const n = t.n[pair]!;
  if (n === 1) return t.at.subarray(pair, pair + 1);
  const at = t.at[pair]!;
  return p.pool.words.subarray(at, at + n);
}

export function postingsBytes(p: Postings): number {
  let bytes = p.pool.words.byteLength;
  for (const column of Object.values(p.pairs)) if (ArrayBuffer.isView(column)) bytes += column.byteLength;
  for (const name of p.names.values()) bytes += name.pairs.byteLength + 4 * name.order.n + 160;
  return bytes;
}

function addPair(p: Postings, name: number, value: number): number {
  const t = p.pairs;
  let pair = t.free;
  if (pair !== NO_PAIR) t.free = t.at[pair]!;
  else {
    if (t.end === t.name.length) growPairs(p);
    pair = t.end++;
  }
  t.live++;
  t.name[pair] = name;
  t.value[pair] = value;
  t.n[pair] = 0;
  insertSlot(t, pair);
  addToName(p, name, pair);
  return pair;
}

function addToName(p: Postings, name: number, pair: number): void {
  let list = p.names.get(name);
  if (list === undefined)
    p.names.set(name, (list = { n: 0, pairs: new Uint32Array(4), order: NO_ORDER, sorting: false }));
  if (list.n === list.pairs.length) {
    const grown = new Uint32Array(2 * list.n);
    grown.set(list.pairs);
    list.pairs = grown;
  }
  list.pairs[list.n++] = pair;
}

function addToPair(p: Postings, pair: number, row: number): void {
  const t = p.pairs;
  const n = t.n[pair]!;
  if (n === 0) t.at[pair] = row;
  else {
    let at = t.at[pair]!;
    if (n === 1) {
      const first = at;
      at = allocWords(p.pool, 2);
      p.pool.words[at] = first;
      t.at[pair] = at;
      t.room[pair] = 1;
    } else if (n === 2 ** t.room[pair]!) at = moveBlock(p, pair, t.room[pair]! + 1);
    p.pool.words[at + n] = row;
  }
  t.n[pair] = n + 1;
}

/** Moves a pair's list to a block of 2^room words, whole: blocks are never cut, so the free ones fit the next. Returns where it is. */
export function moveBlock(p: Postings, pair: number, room: number): number {
  const t = p.pairs;
  const from = t.at[pair]!;
  const to = allocWords(p.pool, 2 ** room);
  p.pool.words.copyWithin(to, from, from + t.n[pair]!);
  freeWords(p.pool, from, 2 ** t.room[pair]!);
  t.at[pair] = to;
  t.room[pair] = room;
  return to;
}

export function hashPair(name: number, value: number): number {
  const h = Math.imul(Math.imul(name, 0x9e3779b1) ^ value, 0x85ebca6b);
  return (h ^ (h >>> 15)) >>> 0;
}

function insertSlot(t: PairTable, pair: number): void {
  insertPair(t.slots, hashPair(t.name[pair]!, t.value[pair]!), pair);
}

export function insertPair(slots: Uint32Array, hash: number, pair: number): void {
  const mask = slots.length - 1;
  let i = hash & mask;
  while (slots[i] !== 0) i = (i + 1) & mask;
  slots[i] = pair + 1;
}

function growPairs(p: Postings): void {
  const t = p.pairs;
  const grow = (old: Uint32Array): Uint32Array => {
    const larger = new Uint32Array(2 * old.length);
    larger.set(old);
    return larger;
  };
  t.name = grow(t.name);
  t.value = grow(t.value);
  t.at = grow(t.at);
  t.n = grow(t.n);
  const room = new Uint8Array(2 * t.room.length);
  room.set(t.room);
  t.room = room;
  t.slots = new Uint32Array(2 * t.slots.length);
  for (let i = 0; i < t.end; i++) insertSlot(t, i);
}
