// Columns after decoding: merging overlaps, cutting to a range, dropping deleted ranges. Values move as integers: StaleNaN's bits.
import { growColumn, type Column, type Intervals } from '@munjigi/model';

/**
 * Merges `from` (one source, times ascending, equal times possible) into `into`. At equal times the higher source wins, of one source
 * the later sample. Returns the sources of into's samples.
 */
export function mergeInto(
  into: Column,
  sources: Uint16Array,
  from: Column,
  source: number,
): Uint16Array<ArrayBuffer> {
  const n = into.n;
  const total = n + from.n;
  const t = into.t.slice(0, n);
  const bits = into.bits.slice(0, 2 * n);
  const merged = new Uint16Array(total);
  growColumn(into, total);
  let i = 0;
  let k = 0;
  let to = 0;
  while (i < n || k < from.n) {
    const old = i < n && (k >= from.n || t[i]! <= from.t[k]!);
    const time = old ? t[i]! : from.t[k]!;
    const itsSource = old ? sources[i]! : source;
    const itsBits = old ? bits : from.bits;
    const at = old ? i++ : k++;
    if (to > 0 && into.t[to - 1] === time) {
      if (itsSource < merged[to - 1]!) continue;
      to--;
    }
    into.t[to] = time;
    into.bits[2 * to] = itsBits[2 * at]!;
    into.bits[2 * to + 1] = itsBits[2 * at + 1]!;
    merged[to] = itsSource;
    to++;
  }
  into.n = to;
  return merged;
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
  }
  c.n = end - from;
}

/** Drops what stands in row i of the deleted ranges. */
export function dropDeleted(c: Column, deleted: Intervals, i: number): void {
  for (let k = deleted.first[i]!; k < deleted.first[i + 1]!; k++) {
    const mint = deleted.mint[k]!;
    const maxt = deleted.maxt[k]!;
    let to = 0;
    for (let n = 0; n < c.n; n++) {
      if (c.t[n]! >= mint && c.t[n]! <= maxt) continue;
      c.t[to] = c.t[n]!;
      c.bits[2 * to] = c.bits[2 * n]!;
      c.bits[2 * to + 1] = c.bits[2 * n + 1]!;
      to++;
    }
    c.n = to;
  }
}
