// One series' samples where histograms stand among floats. Histograms are made from their columns only when a window asks for them.
import { isStale, KIND, RESET_HINT, SCHEMA_CUSTOM, type Column, type HistogramColumns } from '@munjigi/model';
import { fromColumns, isStaleRow } from './histogram/columns.ts';
import { EMPTY_HISTOGRAM, type Histogram } from './histogram/histogram.ts';
import { detectReset } from './histogram/resets.ts';
import type { Samples, Windows } from './window.ts';

/** Samples in time order without staleness marks. Sample i is a histogram where histogramsBefore[i + 1] > histogramsBefore[i]. */
export interface MixedSamples {
  readonly n: number;
  readonly t: Float64Array;
  readonly v: Float64Array;
  /** Start timestamps in ms, 0: unknown; null: not looked at. */
  readonly st: Float64Array | null;
  /** n + 1 entries. */
  readonly histogramsBefore: Uint32Array;
  /** Sample i, which is one. */
  readonly histogram: (i: number) => Histogram;
  /** The floats alone. */
  readonly floats: Samples;
}

/** Whether sample i is a histogram. */
export function isHistogramAt(s: MixedSamples, i: number): boolean {
  return s.histogramsBefore[i + 1]! > s.histogramsBefore[i]!;
}

/** Whether sample i of a column marks that the series ended. */
export function isMark(c: Column, i: number): boolean {
  if (c.kind !== null && c.kind[i] !== KIND.float) return isStaleRow(c.h!, i);
  return isStale(c.bits, i);
}

/**
 * Which samples of a column are the first after a jump, as bytes: where a window begins behind all that was seen for the one before, Prometheus jumps
 * to its first sample. `reach_ms`: how long before its end that is looked for.
 */
export function jumpsOf(c: Column, w: Windows, reach_ms: number): Uint8Array {
  const jumps = new Uint8Array(c.n);
  let at = 0;
  let seen = -Infinity;
  for (let k = 0; k < w.steps && at < c.n; k++) {
    const end = w.start_ms + k * w.step_ms;
    if (end - reach_ms > seen) {
      while (at < c.n && c.t[at]! < end - reach_ms) at++;
      if (at < c.n) jumps[at] = 1;
    }
    while (at < c.n && c.t[at]! < end) at++;
    seen = c.t[Math.min(at, c.n - 1)]!;
  }
  return jumps;
}

/** Histograms of a column by sample; each is made once. `jumps`: with count and sum alone, read with these jumps (see `jumpsOf`). */
export function histogramsOf(c: Column, jumps: Uint8Array | null): (i: number) => Histogram {
  const h = c.h!;
  const made: (Histogram | undefined)[] = [];
  const make =
    jumps === null
      ? (i: number): Histogram => fromColumns(h, i)
      : (i: number): Histogram => stats(c, i, jumps);
  return (i) => (made[i] ??= make(i));
}

/** A histogram without its buckets. Whether it was reset is found out while there are buckets to look at. */
function stats(c: Column, i: number, jumps: Uint8Array): Histogram {
  const h = c.h!;
  return {
    ...EMPTY_HISTOGRAM,
    schema: h.schema[i]!,
    bounds: h.schema[i] === SCHEMA_CUSTOM ? NO_BOUNDS : null,
    count: h.count[i]!,
    sum: h.sum[i]!,
    resetHint: h.resetHint[i] === RESET_HINT.unknown ? hintBySight(c, h, i, jumps) : h.resetHint[i]!,
  };
}

const NO_BOUNDS = new Float64Array(0);

/** What was seen since the last jump tells, no matter whether it lies in the window. */
function hintBySight(c: Column, h: HistogramColumns, i: number, jumps: Uint8Array): number {
  let before = i;
  while (before > 0 && jumps[before] === 0) {
    before--;
    if (c.kind![before] === KIND.float || isMark(c, before)) continue;
    return detectReset(fromColumns(h, i), fromColumns(h, before)) ? RESET_HINT.reset : RESET_HINT.notReset;
  }
  return RESET_HINT.unknown;
}

/** A column's samples without its marks. `jumps`: of its histograms count and sum alone (see `histogramsOf`). */
export function samplesOfColumn(c: Column, jumps: Uint8Array | null, withStarts: boolean): MixedSamples {
  const rows = new Uint32Array(c.n);
  let n = 0;
  for (let i = 0; i < c.n; i++) if (!isMark(c, i)) rows[n++] = i;
  const t = new Float64Array(n);
  const v = new Float64Array(n);
  const st = withStarts && c.st !== null ? new Float64Array(n) : null;
  const histogramsBefore = new Uint32Array(n + 1);
  for (let i = 0; i < n; i++) {
    const row = rows[i]!;
    t[i] = c.t[row]!;
    v[i] = c.v[row]!;
    if (st !== null) st[i] = c.st![row]!;
    histogramsBefore[i + 1] = histogramsBefore[i]! + (c.kind === null || c.kind[row] === KIND.float ? 0 : 1);
  }
  const histogram = c.h === null ? noHistogram : histogramsOf(c, jumps);
  return withFloats({ n, t, v, st, histogramsBefore, histogram: (i) => histogram(rows[i]!) });
}

function noHistogram(): never {
  throw new TypeError('these samples are floats');
}

/** Samples given one by one; histograms[i] where sample i is one. */
export function samplesOf(
  t: Float64Array,
  v: Float64Array,
  histograms: readonly (Histogram | null)[],
): MixedSamples {
  const n = t.length;
  const histogramsBefore = new Uint32Array(n + 1);
  for (let i = 0; i < n; i++)
    histogramsBefore[i + 1] = histogramsBefore[i]! + (histograms[i] === null ? 0 : 1);
  return withFloats({ n, t, v, st: null, histogramsBefore, histogram: (i) => histograms[i]! });
}

function withFloats(s: Omit<MixedSamples, 'floats'>): MixedSamples {
  const count = s.n - s.histogramsBefore[s.n]!;
  const t = new Float64Array(count);
  const v = new Float64Array(count);
  const st = s.st === null ? null : new Float64Array(count);
  let n = 0;
  for (let i = 0; i < s.n; i++) {
    if (s.histogramsBefore[i + 1]! > s.histogramsBefore[i]!) continue;
    t[n] = s.t[i]!;
    v[n] = s.v[i]!;
    if (st !== null) st[n] = s.st![i]!;
    n++;
  }
  return { ...s, floats: { n, t, v, bits: new Uint32Array(v.buffer), st } };
}
