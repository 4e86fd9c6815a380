// Takes dead rows out of the postings, between rests. Readers are kept out meanwhile, appends go on: they may put a row behind any list and
// a pair behind any name at every rest, so each list is looked at until its end, which may move.
import { findPair, hashPair, moveBlock, type NamePairs, type PairTable, type Postings } from './postings.ts';
import { PUBLISHED, type SeriesTable } from './series.ts';
import type { Slicer } from './slicer.ts';
import { freeWords } from './words.ts';

/** What stands in a place for each pair: whether a dead row was in its list, and whether it is gone with its last row. */
const TOUCHED = 1;
const GONE = 2;

/** Dead rows (`isDead[row]` is 1) are out of the series table; their labels are still there. */
export async function removeRows(
  p: Postings,
  s: SeriesTable,
  isDead: Uint8Array,
  slicer: Slicer,
): Promise<void> {
  p.version++;
  const t = p.pairs;
  const marks = await markPairs(p, s, isDead, slicer);
  for (let pair = 0; pair < marks.length; pair++) {
    const n = marks[pair] === TOUCHED ? t.n[pair]! : 0;
    if (slicer.due(1 + Math.min(n, slicer.chunk))) await slicer.rest();
    if (n > 1) await removeFromPair(p, pair, isDead, slicer);
    else if (n === 1 && isDead[t.at[pair]!] === 1) t.n[pair] = 0;
  }
  await removePairs(p, marks, slicer);
}

/** Marks the pairs that dead rows stand in. */
async function markPairs(
  p: Postings,
  s: SeriesTable,
  isDead: Uint8Array,
  slicer: Slicer,
): Promise<Uint8Array> {
  const marks = new Uint8Array(p.pairs.end);
  for (let row = 1; row < isDead.length; row++) {
    if (slicer.due()) await slicer.rest();
    if (isDead[row] !== 1 || (s.flags[row]! & PUBLISHED) === 0) continue;
    p.rows--;
    const { words } = s.labels;
    const at = s.labelsAt[row]!;
    for (let i = at; i < at + 2 * s.labelCount[row]!; i += 2)
      marks[findPair(p, words[i]!, words[i + 1]!)] = TOUCHED;
  }
  return marks;
}

/** Closes the ranks of the living, in the order they stand. The list may move at every rest. */
async function removeFromPair(p: Postings, pair: number, isDead: Uint8Array, slicer: Slicer): Promise<void> {
  const t = p.pairs;
  let kept = 0;
  for (let i = 0; i < t.n[pair]!;) {
    if (i > 0 && slicer.due(slicer.chunk)) await slicer.rest();
    const { words } = p.pool;
    const at = t.at[pair]!;
    const end = Math.min(t.n[pair]!, i + slicer.chunk);
    for (; i < end; i++) {
      const row = words[at + i]!;
      if (isDead[row] !== 1) words[at + kept++] = row;
    }
  }
  if (kept < t.n[pair]!) cutPair(p, pair, kept);
}

/** Shortens a list of several rows to its first n. Its block stays until three quarters of it are empty: lists come and go by little. */
function cutPair(p: Postings, pair: number, n: number): void {
  const t = p.pairs;
  const at = t.at[pair]!;
  const room = t.room[pair]!;
  t.n[pair] = n;
  if (n <= 1) {
    t.at[pair] = p.pool.words[at]!;
    t.room[pair] = 0;
    freeWords(p.pool, at, 2 ** room);
  } else if (4 * n <= 2 ** room) moveBlock(p, pair, room - 1);
}

/** Pairs without rows go, and names without pairs; their numbers are for others. One that got a row meanwhile stays. */
async function removePairs(p: Postings, marks: Uint8Array, slicer: Slicer): Promise<void> {
  const t = p.pairs;
  const names = new Set<number>();
  for (let pair = 0; pair < marks.length; pair++) {
    if (slicer.due()) await slicer.rest();
    if (marks[pair] !== TOUCHED || t.n[pair] !== 0) continue;
    removeSlot(t, pair);
    marks[pair] = GONE;
    names.add(t.name[pair]!);
  }
  for (const name of names) {
    const list = p.names.get(name)!;
    await removeFromName(list, marks, slicer);
    if (list.n === 0) p.names.delete(name);
  }
  for (let pair = 0; pair < marks.length; pair++) {
    if (slicer.due()) await slicer.rest();
    if (marks[pair] !== GONE) continue;
    t.at[pair] = t.free;
    t.free = pair;
    t.live--;
  }
}

async function removeFromName(list: NamePairs, marks: Uint8Array, slicer: Slicer): Promise<void> {
  const { order } = list;
  const runs: Uint32Array[] = [];
  for (const run of order.runs) {
    const left = run.slice();
    const n = await closeRanks({ n: left.length, pairs: left }, marks, left.length, slicer);
    if (n.kept > 0) runs.push(left.subarray(0, n.kept));
  }
  const { kept, first } = await closeRanks(list, marks, order.n, slicer);
  list.order = { n: first, runs };
  list.n = kept;
  if (kept > 0 && 4 * kept < list.pairs.length) list.pairs = list.pairs.slice(0, 2 * kept);
}

/** Of a list that may grow meanwhile: how many pairs are kept in all, and of the first `n`. */
async function closeRanks(
  list: { readonly n: number; readonly pairs: Uint32Array },
  marks: Uint8Array,
  n: number,
  slicer: Slicer,
): Promise<{ kept: number; first: number }> {
  let kept = 0;
  let first = 0;
  for (let i = 0; i < list.n;) {
    if (slicer.due(slicer.chunk)) await slicer.rest();
    const end = Math.min(list.n, i + slicer.chunk);
    for (; i < end; i++) {
      const pair = list.pairs[i]!;
      if (marks[pair] !== GONE) list.pairs[kept++] = pair;
      if (i < n) first = kept;
    }
  }
  return { kept, first };
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
