// Sorts numbers by keys of rising depth (the words of a list, the bytes of a text), in steps between which others have a turn. Quicksort
// with three parts: what has the same key goes on with the key of the next depth, so that no key is looked at more often than needed.
import type { Slicer } from './slicer.ts';

export interface KeySource {
  /** Sets keys[i] to the key of items[i] at `depth`, for i in [from, to). */
  load(items: Uint32Array, from: number, to: number, depth: number, keys: Float64Array): void;
  /** Whether items that have this key in common, and those before it, are equal. */
  last(key: number): boolean;
}

/** Ranges up to this long are sorted by insertion. */
const SMALL = 24;

/** A range of items to be sorted from a depth on. */
interface Range {
  readonly from: number;
  readonly to: number;
  readonly depth: number;
  /** Whether the keys of that depth are there. */
  readonly loaded: boolean;
}

/** Where the partition of a range stands: [from, less) is below the pivot, [less, i) equal, [more, to) above. */
interface Parting {
  less: number;
  i: number;
  more: number;
}

/** Sorts `items`. With a limit (0: none) only the first so many are sure to be in their places. */
export async function sortByKeys(
  items: Uint32Array,
  source: KeySource,
  limit: number,
  slicer: Slicer,
): Promise<void> {
  const wanted = limit > 0 ? Math.min(limit, items.length) : items.length;
  const keys = new Float64Array(items.length);
  const parting: Parting = { less: 0, i: 0, more: 0 };
  const waiting: Range[] = [{ from: 0, to: items.length, depth: 0, loaded: false }];
  for (let range = waiting.pop(); range !== undefined; range = waiting.pop()) {
    const { from, to, depth } = range;
    if (to - from < 2 || from >= wanted) continue;
    if (!range.loaded)
      for (let at = from; at < to; at += slicer.chunk) {
        const end = Math.min(to, at + slicer.chunk);
        if (slicer.due(end - at)) await slicer.rest();
        source.load(items, at, end, depth, keys);
      }
    if (to - from <= SMALL) {
      if (slicer.due(to - from)) await slicer.rest();
      insertionSort(items, keys, from, to);
      goOn(waiting, source, keys, from, to, depth);
      continue;
    }
    const pivot = pivotOf(keys, from, to);
    parting.less = from;
    parting.i = from;
    parting.more = to;
    while (parting.i < parting.more) {
      if (slicer.due(Math.min(slicer.chunk, parting.more - parting.i))) await slicer.rest();
      part(items, keys, pivot, parting, slicer.chunk);
    }
    const { less, more } = parting;
    waiting.push({ from: more, to, depth, loaded: true });
    if (!source.last(pivot)) waiting.push({ from: less, to: more, depth: depth + 1, loaded: false });
    waiting.push({ from, to: less, depth, loaded: true });
  }
}

/** So many steps of a partition. */
function part(items: Uint32Array, keys: Float64Array, pivot: number, p: Parting, steps: number): void {
  let { less, i, more } = p;
  for (let n = 0; n < steps && i < more; n++) {
    const key = keys[i]!;
    if (key === pivot) i++;
    else {
      const other = key < pivot ? less++ : --more;
      const item = items[i]!;
      keys[i] = keys[other]!;
      items[i] = items[other]!;
      keys[other] = key;
      items[other] = item;
      if (key < pivot) i++;
    }
  }
  p.less = less;
  p.i = i;
  p.more = more;
}

/** The median of three places that depend on the range, so that no order of the input is slow by design. */
function pivotOf(keys: Float64Array, from: number, to: number): number {
  const n = to - from;
  const place = (salt: number): number => keys[from + ((Math.imul(n + salt, 0x9e3779b1) >>> 0) % n)]!;
  const [a, b, c] = [place(1), place(from + 7), place(to + 77)];
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

function insertionSort(items: Uint32Array, keys: Float64Array, from: number, to: number): void {
  for (let i = from + 1; i < to; i++) {
    const key = keys[i]!;
    const item = items[i]!;
    let k = i;
    for (; k > from && keys[k - 1]! > key; k--) {
      keys[k] = keys[k - 1]!;
      items[k] = items[k - 1]!;
    }
    keys[k] = key;
    items[k] = item;
  }
}

/** Of a sorted range: what has a key in common is to be sorted by the next one. */
function goOn(
  waiting: Range[],
  source: KeySource,
  keys: Float64Array,
  from: number,
  to: number,
  depth: number,
): void {
  for (let at = from; at < to;) {
    let end = at + 1;
    while (end < to && keys[end] === keys[at]) end++;
    if (end > at + 1 && !source.last(keys[at]!))
      waiting.push({ from: at, to: end, depth: depth + 1, loaded: false });
    at = end;
  }
}
