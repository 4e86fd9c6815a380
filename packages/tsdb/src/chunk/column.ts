// Columns while they are filled: start times, kinds and histograms are there only when some sample needs them, and then for all samples.
import {
  KIND,
  appendEmptyRows,
  moveHistogramRow,
  newHistogramColumns,
  type Column,
  type HistogramColumns,
} from '@munjigi/model';

/** Arrays that a column gave back when its series had no use for them. */
interface Spare {
  st: Float64Array | null;
  kind: Uint8Array | null;
  h: HistogramColumns | null;
}

const spare: Spare = { st: null, kind: null, h: null };

/** Empties a column to floats without start times. */
export function clearColumn(c: Column): void {
  c.n = 0;
  if (c.st !== null) {
    spare.st = c.st;
    c.st = null;
  }
  if (c.kind !== null) {
    spare.kind = c.kind;
    spare.h = c.h;
    c.kind = null;
    c.h = null;
  }
}

/** Gives the column start times (0 so far). */
export function needStartTimes(c: Column): Float64Array {
  if (c.st !== null) return c.st;
  const size = c.t.length;
  c.st = spare.st !== null && spare.st.length >= size ? spare.st : new Float64Array(size);
  spare.st = null;
  c.st.fill(0, 0, c.n);
  return c.st;
}

/** Gives the column kinds and histograms (floats so far): a row for each of its n samples. */
export function needHistograms(c: Column): HistogramColumns {
  if (c.kind === null) {
    const size = c.t.length;
    c.kind = spare.kind !== null && spare.kind.length >= size ? spare.kind : new Uint8Array(size);
    c.kind.fill(KIND.float, 0, c.n);
    c.h = spare.h ?? newHistogramColumns();
    c.h.n = 0;
    c.h.spans = 0;
    c.h.buckets = 0;
    c.h.bounds = 0;
    spare.kind = null;
    spare.h = null;
  }
  if (c.h!.n < c.n) appendEmptyRows(c.h!, c.n - c.h!.n);
  return c.h!;
}

/** Completes samples [from, n) that were appended as floats; `withSt`: their start times are there already. */
export function completeFloats(c: Column, from: number, withSt: boolean): void {
  if (c.st !== null && !withSt) c.st.fill(0, from, c.n);
  if (c.kind === null) return;
  c.kind.fill(KIND.float, from, c.n);
  appendEmptyRows(c.h!, c.n - c.h!.n);
}

/** Puts sample `from` where sample `to` was. */
export function moveSample(c: Column, to: number, from: number): void {
  if (to === from) return;
  c.t[to] = c.t[from]!;
  c.bits[2 * to] = c.bits[2 * from]!;
  c.bits[2 * to + 1] = c.bits[2 * from + 1]!;
  if (c.st !== null) c.st[to] = c.st[from]!;
  if (c.kind === null) return;
  c.kind[to] = c.kind[from]!;
  moveHistogramRow(c.h!, to, from);
}

/** Leaves the first n samples. */
export function cutColumn(c: Column, n: number): void {
  c.n = n;
  if (c.h !== null) c.h.n = n;
}
