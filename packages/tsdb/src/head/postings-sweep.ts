// Takes dead rows out of the postings, between rests. Readers are kept out meanwhile, appends go on: they may put a row behind any list and
// a pair behind any name at every rest, so each list is looked at until its end, which may move.
import { capacity, findPair, hashPair, type NamePairs, type PairTable, type Postings } from './postings.ts';
import type { SeriesTable } from './series.ts';
import { PUBLISHED } from './series.ts';
import type { Slicer } from './slicer.ts';
import { NO_ORDER } from './value-order.ts';
import { freeWords } from './words.ts';

/** `dead` rows are out of the series table, their labels still there; `isDead[row]` is 1 for them. */
export async function removeRows(
  p: Postings,
  s: SeriesTable,
  dead: readonly number[],
  isDead: Uint8Array,
  slicer: Slicer,
): Promise<void> {
  p.version++;
  const t = p.pairs;
  const emptied: number[] = [];
  for (const pair of await pairsOf(p, s, dead, slicer)) {
    const kept = await removeFromList(pairList(p, pair), isDead, slicer);
    if (slicer.due(kept)) await slicer.rest();
    if (t.n[pair] === 0) emptied.push(pair);
  }
  await removeFromList(allList(p), isDead, slicer);
  await removePairs(p, emptied, slicer);
}

/** The pairs that dead rows stand in, each once. */
async function pairsOf(
  p: Postings,
  s: SeriesTable,
  dead: readonly number[],
  slicer: Slicer,
): Promise<number[]> {
  const seen = new Uint8Array(p.pairs.end);
  const pairs: number[] = [];
  for (const row of dead) {
    if (slicer.due()) await slicer.rest();
    if ((s.flags[row]! & PUBLISHED) === 0) continue;
    const { words } = s.labels;
    const at = s.labelsAt[row]!;
    for (let i = at; i < at + 2 * s.labelCount[row]!; i += 2) {
      const pair = findPair(p, words[i]!, words[i + 1]!);
      if (seen[pair] === 1) continue;
      seen[pair] = 1;
      pairs.push(pair);
    }
  }
  return pairs;
}

/** A list of rows wherever it lies. It may move at every rest. */
interface List {
  n(): number;
  /** The first so many are in order. */
  sorted(): number;
  rows(): { readonly words: Uint32Array; readonly at: number };
  cut(n: number, sorted: number): void;
}

function pairList(p: Postings, pair: number): List {
  const t = p.pairs;
  return {
    n: () => t.n[pair]!,
    sorted: () => t.sorted[pair]!,
    rows: () => (t.n[pair] === 1 ? { words: t.at, at: pair } : { words: p.pool.words, at: t.at[pair]! }),
    cut: (n, sorted) => cutPair(p, pair, n, sorted),
  };
}

function allList({ all }: Postings): List {
  return {
    n: () => all.n,
    sorted: () => all.sorted,
    rows: () => ({ words: all.rows, at: 0 }),
    cut(n, sorted): void {
      all.n = n;
      all.sorted = sorted;
    },
  };
}

/** Closes the ranks of the living, in the order they stand; how many. */
async function removeFromList(list: List, isDead: Uint8Array, slicer: Slicer): Promise<number> {
  let kept = 0;
  let sorted = 0;
  for (let i = 0; i < list.n();) {
    if (i > 0 && slicer.due(slicer.chunk)) await slicer.rest();
    const { words, at } = list.rows();
    const end = Math.min(list.n(), i + slicer.chunk);
    for (; i < end; i++) {
      const row = words[at + i]!;
      if (isDead[row] === 1) continue;
      words[at + kept++] = row;
      if (i < list.sorted()) sorted = kept;
    }
  }
  if (kept < list.n()) list.cut(kept, sorted);
  return kept;
}

/** Shortens a pair's list to its first n rows; the block's rest is free in parts, each a power of two as the block is. */
function cutPair(p: Postings, pair: number, n: number, sorted: number): void {
  const t = p.pairs;
  const before = t.n[pair]!;
  const at = t.at[pair]!;
  t.n[pair] = n;
  t.sorted[pair] = n <= 1 ? n : sorted;
  if (before === 1) return;
  const first = p.pool.words[at]!;
  let size = n <= 1 ? 0 : capacity(n);
  const end = capacity(before);
  if (size === 0) {
    freeWords(p.pool, at, end);
    t.at[pair] = first;
  } else for (; size < end; size *= 2) freeWords(p.pool, at + size, size);
}

/** Pairs without rows go, and names without pairs; their numbers are for others. One that got a row meanwhile stays. */
async function removePairs(p: Postings, emptied: readonly number[], slicer: Slicer): Promise<void> {
  const t = p.pairs;
  const gone = new Uint8Array(t.end);
  const names = new Set<number>();
  const removed: number[] = [];
  for (const pair of emptied) {
    if (slicer.due()) await slicer.rest();
    if (t.n[pair] !== 0) continue;
    removeSlot(t, pair);
    gone[pair] = 1;
    names.add(t.name[pair]!);
    removed.push(pair);
  }
  for (const name of names) {
    const list = p.names.get(name)!;
    await removeFromName(list, gone, slicer);
    if (list.n === 0) p.names.delete(name);
  }
  for (const pair of removed) {
    if (slicer.due()) await slicer.rest();
    t.at[pair] = t.free;
    t.free = pair;
    t.live--;
  }
}

async function removeFromName(list: NamePairs, gone: Uint8Array, slicer: Slicer): Promise<void> {
  let kept = 0;
  list.order = NO_ORDER;
  for (let i = 0; i < list.n;) {
    if (i > 0 && slicer.due(slicer.chunk)) await slicer.rest();
    const end = Math.min(list.n, i + slicer.chunk);
    for (; i < end; i++) {
      const pair = list.pairs[i]!;
      if (gone[pair] !== 1) list.pairs[kept++] = pair;
    }
  }
  list.n = kept;
  if (kept > 0 && 4 * kept < list.pairs.length) list.pairs = list.pairs.slice(0, 2 * kept);
}

/** Linear probing without tombstones: what stood behind the hole moves up. */
function removeSlot(t: PairTable, pair: number): void {
  const mask = t.slots.length - 1;
  const home = (slot: number): number => hashPair(t.name[slot - 1]!, t.value[slot - 1]!) & mask;
  let hole = home(pair + 1);
  while (t.slots[hole] !== pair + 1) hole = (hole + 1) & mask;
  for (let i = (hole + 1) & mask; t.slots[i] !== 0; i = (i + 1) & mask) {
    if (((i - home(t.slots[i]!)) & mask) < ((i - hole) & mask)) continue;
    t.slots[hole] = t.slots[i]!;
    hole = i;
  }
  t.slots[hole] = 0;
}
