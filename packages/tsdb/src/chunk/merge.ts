// Columns after decoding: merging overlaps, cutting to a range, dropping deleted ranges. Values move as integers: StaleNaN's bits.
import {
  KIND,
  RESET_HINT,
  appendHistogramRow,
  growColumn,
  permuteHistogramRows,
  type Column,
  type Intervals,
} from '@munjigi/model';
import { completeFloats, cutColumn, moveSample, needHistograms, needStartTimes } from './column.ts';

/**
 * Merges `from` (one source, times ascending, equal times possible) into `into`, whose samples have the sources `sources`. At equal times
 * the higher source wins, of one source the later sample. Returns the sources of into's samples: `sources` itself where it is long enough.
 */
export function mergeInto(into: Column, sources: Uint16Array, from: Column, source: number): Uint16Array {
  const { n } = into;
  if (from.n === 0) return sources;
  const end = n + from.n;
  appendSamples(into, from);
  const of = end <= sources.length ? sources : grown(sources, 2 * end);
  of.fill(source, n, end);
  const first = lowerBound(into.t, n, into.t[n]!);
  if (first === n) return of;
  const order = mergedOrder(into, of, first, n, end);
  permute(into, of, first, end, order);
  return of;
}

/** Which of the samples [first, n), [n, end) stand where afterwards. A histogram that does not follow the one it did is no longer known not to be a reset. */
function mergedOrder(c: Column, sources: Uint16Array, first: number, n: number, end: number): Uint32Array {
  const order = new Uint32Array(end - first);
  let to = 0;
  for (let i = first, k = n; i < n || k < end;) {
    const at = i < n && (k >= end || c.t[i]! <= c.t[k]!) ? i++ : k++;
    if (to > 0 && c.t[order[to - 1]!] === c.t[at]) {
      if (sources[at]! < sources[order[to - 1]!]!) continue;
      to--;
    }
    order[to++] = at;
  }
  if (c.kind !== null) {
    const hints = c.h!.resetHint;
    for (let j = 0; j < to; j++) {
      const at = order[j]!;
      const followed = at === first || at === n ? -1 : at - 1;
      const before = j === 0 ? first - 1 : order[j - 1]!;
      if (before !== followed && hints[at] !== RESET_HINT.gauge) hints[at] = RESET_HINT.unknown;
    }
  }
  return order.subarray(0, to);
}

function permute(c: Column, sources: Uint16Array, first: number, end: number, order: Uint32Array): void {
  const t = c.t.slice(first, end);
  const bits = c.bits.slice(2 * first, 2 * end);
  const source = sources.slice(first, end);
  const st = c.st?.slice(first, end);
  const kind = c.kind?.slice(first, end);
  for (let j = 0; j < order.length; j++) {
    const at = order[j]! - first;
    const to = first + j;
    c.t[to] = t[at]!;
    c.bits[2 * to] = bits[2 * at]!;
    c.bits[2 * to + 1] = bits[2 * at + 1]!;
    sources[to] = source[at]!;
    if (st !== undefined) c.st![to] = st[at]!;
    if (kind !== undefined) c.kind![to] = kind[at]!;
  }
  if (kind !== undefined) permuteHistogramRows(c.h!, first, order);
  cutColumn(c, first + order.length);
}

/** Appends all samples of another column. */
function appendSamples(into: Column, from: Column): void {
  const at = into.n;
  growColumn(into, at + from.n);
  if (from.st !== null) needStartTimes(into);
  if (from.kind !== null) needHistograms(into);
  into.t.set(from.t.subarray(0, from.n), at);
  into.bits.set(from.bits.subarray(0, 2 * from.n), 2 * at);
  if (from.st !== null) into.st!.set(from.st.subarray(0, from.n), at);
  into.n = at + from.n;
  if (from.kind === null) {
    completeFloats(into, at, from.st !== null);
    return;
  }
  if (from.st === null) into.st?.fill(0, at, into.n);
  into.kind!.set(from.kind.subarray(0, from.n), at);
  for (let i = 0; i < from.n; i++) appendHistogramRow(into.h!, from.h!, i);
}

function grown(sources: Uint16Array, size: number): Uint16Array {
  const larger = new Uint16Array(size);
  larger.set(sources);
  return larger;
}

/** The first of n ascending times that is not below t. */
function lowerBound(times: Float64Array, n: number, t: number): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! < t) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Keeps samples with mint <= t <= maxt. */
export function keepRange(c: Column, mint: number, maxt: number): void {
  let end = c.n;
  while (end > 0 && c.t[end - 1]! > maxt) end--;
  let from = 0;
  while (from < end && c.t[from]! < mint) from++;
  if (from > 0) {
    c.t.copyWithin(0, from, end);
    c.bits.copyWithin(0, 2 * from, 2 * end);
    c.st?.copyWithin(0, from, end);
    if (c.kind !== null) {
      c.kind.copyWithin(0, from, end);
      permuteHistogramRows(
        c.h!,
        0,
        Uint32Array.from({ length: end - from }, (_, i) => from + i),
      );
    }
  }
  cutColumn(c, end - from);
  if (c.kind !== null && !c.kind.subarray(0, c.n).some((kind) => kind !== KIND.float)) {
    c.kind = null;
    c.h = null;
  }
}

/** Drops of the samples from `from` on, all of one source, what the deleted ranges of series i hide. */
export function dropDeleted(c: Column, from: number, deleted: Intervals, i: number, source: number): void {
  for (let k = deleted.first[i]!; k < deleted.first[i + 1]!; k++) {
    if (deleted.source[k] !== source) continue;
    const mint = deleted.mint[k]!;
    const maxt = deleted.maxt[k]!;
    let to = from;
    for (let n = from; n < c.n; n++) if (c.t[n]! < mint || c.t[n]! > maxt) moveSample(c, to++, n);
    cutColumn(c, to);
  }
}
