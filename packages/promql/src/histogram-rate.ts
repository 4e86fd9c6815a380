// The rise of native histograms over a window, resets made good: what rate, increase, delta, irate and idelta multiply. Prometheus 3.16,
// promql/functions.go.
import { RESET_HINT } from '@munjigi/model';
import {
  boundsReconciled,
  mixedSchemas,
  notACounter,
  notAGauge,
  startTimeOverlap,
  type HistogramOperation,
} from './annotations.ts';
import type { Place } from './extended-window.ts';
import type { Remark } from './fragment.ts';
import {
  addHistograms,
  divideHistogram,
  scaleHistogram,
  subHistograms,
  toSchema,
} from './histogram/arithmetic.ts';
import { compact, EMPTY_HISTOGRAM, isCustom, type Histogram } from './histogram/histogram.ts';
import { detectReset } from './histogram/resets.ts';
import type { MixedSamples } from './mixed-samples.ts';
import { beganAnew, startOf, startsOverlap } from './start-time.ts';

/** Where a series is read: what annotations about it say. */
export interface Whereabouts {
  /** The metric's name. */
  readonly name: () => string;
  /** Place of the range in the query. */
  readonly place: string;
  readonly annotate: (a: Remark) => void;
}

const isGauge = (h: Histogram): boolean => h.resetHint === RESET_HINT.gauge;
const asGauge = (h: Histogram): Histogram => ({ ...h, resetHint: RESET_HINT.gauge });

/** a + b or a - b; null, with a warning, where their schemas do not go together. */
function combined(
  a: Histogram,
  b: Histogram,
  operation: Exclude<HistogramOperation, 'aggregation'>,
  w: Whereabouts,
): Histogram | null {
  const r = operation === 'addition' ? addHistograms(a, b) : subHistograms(a, b);
  if ('error' in r) {
    w.annotate(mixedSchemas(w.name(), w.place));
    return null;
  }
  if (r.boundsReconciled) w.annotate(boundsReconciled(operation, w.place));
  return r.h;
}

/** Adds the first histogram of a counter that began inside the range. */
export function withFirst(rise: Histogram | null, first: Histogram, w: Whereabouts): Histogram | null {
  return rise === null ? first : combined(rise, first, 'addition', w);
}

/** The rise from sample lo to sample hi - 1, all of them histograms, at least two; null where they do not go together. */
export function histogramRise(
  s: MixedSamples,
  lo: number,
  hi: number,
  isCounter: boolean,
  w: Whereabouts,
): Histogram | null {
  const notes: Remark[] = [];
  const quiet: Whereabouts = { ...w, annotate: (a) => notes.push(a) };
  const rise = riseOf(s, lo, hi, isCounter, quiet);
  // Where the schemas do not go together that is all that is told.
  const last = notes.at(-1);
  if (rise === null && last !== undefined) w.annotate(last);
  else notes.forEach(w.annotate);
  return rise;
}

function riseOf(
  s: MixedSamples,
  lo: number,
  hi: number,
  isCounter: boolean,
  w: Whereabouts,
): Histogram | null {
  const first = s.histogram(lo);
  const last = s.histogram(hi - 1);
  const isReset = (i: number, before: Histogram): boolean =>
    (s.st !== null && beganAnew(s.st[i - 1]!, s.t[i - 1]!, s.st[i]!, s.t[i]!)) ||
    detectReset(s.histogram(i), before);
  if (isCounter && (isGauge(first) || isGauge(last))) w.annotate(notACounter(w.name(), w.place));
  let before = first;
  let custom = isCustom(first);
  if (isCounter && isReset(lo + 1, first)) {
    // The first one is not looked at any more, so its layout does not matter either.
    const second = s.histogram(lo + 1);
    before = { ...EMPTY_HISTOGRAM, schema: second.schema, bounds: second.bounds };
    custom = isCustom(second);
  }
  const unlike = (): null => {
    w.annotate(mixedSchemas(w.name(), w.place));
    return null;
  };
  if (isCustom(last) !== custom) return unlike();
  let schema = Math.min(last.schema, before.schema);
  const inner = isCounter ? hi - 1 : lo;
  for (let i = lo + 1; i < inner; i++) {
    const h = s.histogram(i);
    if (isGauge(h)) w.annotate(notACounter(w.name(), w.place));
    schema = Math.min(schema, h.schema);
    if (isCustom(h) !== custom) return unlike();
  }
  let rise = combined(toSchema(last, schema), before, 'subtraction', w);
  if (rise === null) return null;
  if (!isCounter) {
    if (!isGauge(first) || !isGauge(last)) w.annotate(notAGauge(w.name(), w.place));
    return compact(asGauge(rise));
  }
  let told = false;
  for (let i = lo + 1; i < hi; i++) {
    if (!told && s.st !== null && startsOverlap(s.st[i - 1]!, s.t[i - 1]!, s.st[i]!)) {
      w.annotate(startTimeOverlap(w.name(), w.place));
      told = true;
    }
    if (isReset(i, before)) {
      rise = combined(rise, before, 'addition', w);
      if (rise === null) return null;
    }
    before = s.histogram(i);
  }
  return compact(asGauge(rise));
}

/** irate and idelta of the last two samples of a window, both histograms. */
export function lastRise(s: MixedSamples, hi: number, isRate: boolean, w: Whereabouts): Histogram | null {
  const [a, b] = [hi - 2, hi - 1];
  const before = s.histogram(a);
  const last = s.histogram(b);
  if (isRate && (isGauge(last) || isGauge(before))) w.annotate(notACounter(w.name(), w.place));
  if (!isRate && (!isGauge(last) || !isGauge(before))) w.annotate(notAGauge(w.name(), w.place));
  const reset =
    isRate && (beganAnew(startOf(s.st, a), s.t[a]!, startOf(s.st, b), s.t[b]!) || detectReset(last, before));
  const rise = reset ? last : combined(last, before, 'subtraction', w);
  if (rise === null) return null;
  const result = compact(asGauge(rise));
  return isRate ? divideHistogram(result, (s.t[b]! - s.t[a]!) / 1000) : result;
}

/** Between samples i and i + 1 at a time, on a straight line; after a counter's reset from zero on. */
export function betweenHistograms(
  s: MixedSamples,
  i: number,
  t_ms: number,
  isCounter: boolean,
  w: Whereabouts,
): Histogram | null {
  const a = s.histogram(i);
  const b = s.histogram(i + 1);
  if (t_ms === s.t[i]) return a;
  if (t_ms === s.t[i + 1]) return b;
  const part = (t_ms - s.t[i]!) / (s.t[i + 1]! - s.t[i]!);
  if (isCounter && detectReset(b, a)) return scaleHistogram(b, part);
  const rise = combined(b, a, 'subtraction', w);
  return rise === null ? null : combined(scaleHistogram(rise, part), a, 'addition', w);
}

/** rate, increase and delta of an anchored or smoothed range whose samples are all histograms. `seconds`: what a rate is divided by, or null. */
export function extendedHistogramRate(
  s: MixedSamples,
  p: Place,
  smoothed: boolean,
  isCounter: boolean,
  seconds: number | null,
  w: Whereabouts,
): Histogram | null {
  const { first, last } = p;
  if (s.t[last]! <= p.start || (smoothed && s.t[first]! > p.end)) return null;
  const custom = isCustom(s.histogram(first));
  for (let i = first; i <= last; i++) {
    const h = s.histogram(i);
    if (isCustom(h) !== custom) {
      w.annotate(mixedSchemas(w.name(), w.place));
      return null;
    }
    if (isCounter && isGauge(h)) w.annotate(notACounter(w.name(), w.place));
  }
  const left =
    smoothed && s.t[first]! < p.start
      ? betweenHistograms(s, first, p.start, isCounter, w)
      : s.histogram(first);
  const right =
    smoothed && last > p.lo && s.t[last]! > p.end
      ? betweenHistograms(s, last - 1, p.end, isCounter, w)
      : s.histogram(last);
  if (left === null || right === null) return null;
  if (!isCounter && (!isGauge(left) || !isGauge(right))) w.annotate(notAGauge(w.name(), w.place));
  let result = combined(right, left, 'subtraction', w);
  if (result !== null && isCounter) result = withLosses(s, p, smoothed, result, left, right, w);
  if (result === null) return null;
  return compact(asGauge(seconds === null ? result : divideHistogram(result, seconds)));
}

/** Adds what the counter lost in resets between the bounds. */
function withLosses(
  s: MixedSamples,
  p: Place,
  smoothed: boolean,
  rise: Histogram,
  left: Histogram,
  right: Histogram,
  w: Whereabouts,
): Histogram | null {
  let from = p.first + 1;
  let before = left;
  if (smoothed && s.t[p.first]! < p.start && detectReset(s.histogram(from), s.histogram(p.first))) {
    // The value at the left bound has this reset in it already.
    before = s.histogram(from);
    from++;
  }
  if (from > p.last) return rise;
  let lost: Histogram | null = null;
  const lose = (h: Histogram): boolean => {
    lost = lost === null ? h : combined(lost, h, 'addition', w);
    return lost !== null;
  };
  for (let i = from; i < p.last; i++) {
    if (detectReset(s.histogram(i), before) && !lose(before)) return null;
    before = s.histogram(i);
  }
  if (detectReset(right, before) && !lose(before)) return null;
  return lost === null ? rise : combined(rise, lost, 'addition', w);
}
