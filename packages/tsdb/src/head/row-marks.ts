// Sets of series rows while matching: a bit a row, where lists of rows in any order come together, and ascending lists, which are the result.
// Only appending happens meanwhile: what a list had stays at its place in it, rows beyond the marks are newer than the question.
import { pairCount, pairRows, type Postings } from './postings.ts';
import { LIVE, PUBLISHED, type SeriesTable } from './series.ts';
import type { Slicer } from './slicer.ts';

/** Bit (row & 31) of word row >>> 5. */
export type RowMarks = Uint32Array;

/** Numbers of pairs, each once. */
export type Pairs = readonly number[] | Uint32Array;

/** So many rows are sorted at once. */
const SORTED_AT_ONCE = 4096;

/** Series of all pairs together. */
export async function countRows(p: Postings, pairs: Pairs, slicer: Slicer): Promise<number> {
  let n = 0;
  for (let at = 0; at < pairs.length; at += slicer.chunk) {
    const end = Math.min(pairs.length, at + slicer.chunk);
    if (slicer.due(end - at)) await slicer.rest();
    for (let i = at; i < end; i++) n += pairCount(p, pairs[i]!);
  }
  return n;
}

/** The published series, ascending. */
export async function allRows(s: SeriesTable, slicer: Slicer): Promise<Uint32Array> {
  const { end } = s;
  const rows = new Uint32Array(end);
  let n = 0;
  for (let from = 1; from < end; from += slicer.chunk) {
    if (slicer.due(slicer.chunk)) await slicer.rest();
    const { flags } = s;
    const to = Math.min(end, from + slicer.chunk);
    for (let row = from; row < to; row++)
      if ((flags[row]! & (LIVE | PUBLISHED)) === (LIVE | PUBLISHED)) rows[n++] = row;
  }
  return rows.subarray(0, n);
}

/** The series of any of the pairs of one name, ascending. */
export async function rowsOfPairs(
  p: Postings,
  s: SeriesTable,
  pairs: Pairs,
  slicer: Slicer,
): Promise<Uint32Array> {
  const count = await countRows(p, pairs, slicer);
  if (count <= SORTED_AT_ONCE) return sortedRows(p, pairs);
  if (pairs.length === 1) {
    const rows = await rowsInOrder(p, pairs[0]!, slicer);
    if (rows !== null) return rows;
  }
  return rowsOfMarks(await markRows(p, s, pairs, slicer), slicer);
}

function sortedRows(p: Postings, pairs: Pairs): Uint32Array {
  let count = 0;
  for (const pair of pairs) count += pairCount(p, pair);
  const rows = new Uint32Array(count);
  let n = 0;
  for (const pair of pairs) {
    rows.set(pairRows(p, pair), n);
    n += pairCount(p, pair);
  }
  return rows.sort();
}

/** A copy of a list that is ascending, as most are; null: it is not. */
async function rowsInOrder(p: Postings, pair: number, slicer: Slicer): Promise<Uint32Array | null> {
  const rows = new Uint32Array(pairCount(p, pair));
  for (let from = 0; from < rows.length; from += slicer.chunk) {
    if (slicer.due(slicer.chunk)) await slicer.rest();
    const to = Math.min(rows.length, from + slicer.chunk);
    // Taken anew: the list may have moved.
    rows.set(pairRows(p, pair).subarray(from, to), from);
    for (let i = Math.max(1, from); i < to; i++) if (rows[i]! <= rows[i - 1]!) return null;
  }
  return rows;
}

export async function markRows(p: Postings, s: SeriesTable, pairs: Pairs, slicer: Slicer): Promise<RowMarks> {
  const marks = new Uint32Array((s.end >>> 5) + 1);
  const t = p.pairs;
  for (const pair of pairs)
    for (let from = 0; from < t.n[pair]!; from += slicer.chunk) {
      // Taken anew: the list may have moved.
      const single = t.n[pair] === 1;
      const words = single ? t.at : p.pool.words;
      const at = single ? pair : t.at[pair]!;
      const to = at + Math.min(t.n[pair]!, from + slicer.chunk);
      for (let i = at + from; i < to; i++) marks[words[i]! >>> 5]! |= 1 << (words[i]! & 31);
      if (slicer.due(to - at - from)) await slicer.rest();
    }
  return marks;
}

async function rowsOfMarks(marks: RowMarks, slicer: Slicer): Promise<Uint32Array> {
  let count = 0;
  for (let w = 0; w < marks.length; w++) {
    if (w % 64 === 0 && slicer.due(64)) await slicer.rest();
    for (let word = marks[w]!; word !== 0; word &= word - 1) count++;
  }
  const rows = new Uint32Array(count);
  let n = 0;
  for (let w = 0; w < marks.length; w++) {
    if (w % 64 === 0 && slicer.due(512)) await slicer.rest();
    for (let word = marks[w]!; word !== 0; word &= word - 1)
      rows[n++] = 32 * w + 31 - Math.clz32(word & -word);
  }
  return rows;
}

/** Keeps in place those rows that are marked, or that are not. */
export async function filterByMarks(
  rows: Uint32Array,
  marks: RowMarks,
  marked: boolean,
  slicer: Slicer,
): Promise<Uint32Array> {
  const want = marked ? 1 : 0;
  let n = 0;
  for (let from = 0; from < rows.length; from += slicer.chunk) {
    if (slicer.due(slicer.chunk)) await slicer.rest();
    const to = Math.min(rows.length, from + slicer.chunk);
    for (let i = from; i < to; i++) {
      const row = rows[i]!;
      if (((marks[row >>> 5]! >>> (row & 31)) & 1) === want) rows[n++] = row;
    }
  }
  return rows.subarray(0, n);
}
