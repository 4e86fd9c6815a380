// Windows over series with native histograms, and windows whose counters are judged by start timestamps too. The functions of floats run as
// ever on the floats alone; then every window with a histogram in it gets its own answer. One object a histogram: this is not the fast path.
import { KIND, RESET_HINT, type Column } from '@munjigi/model';
import {
  boundsReconciled,
  histogramsIgnoredInRange,
  mixedFloatsHistograms,
  mixedSchemas,
  resetCollision,
  startTimeOverlap,
} from './annotations.ts';
import { EXTENDED_FUNCTIONS, Place } from './extended-window.ts';
import { beganInside, extrapolation, type Observed, type Range } from './extrapolate.ts';
import { CELL, type Fragment } from './fragment.ts';
import { scaleHistogram } from './histogram/arithmetic.ts';
import { equalHistograms, isCustom, type Histogram } from './histogram/histogram.ts';
import { detectReset } from './histogram/resets.ts';
import { HistogramSum } from './histogram/sum.ts';
import {
  betweenHistograms,
  extendedHistogramRate,
  histogramRise,
  lastRise,
  withFirst,
  type Whereabouts,
} from './histogram-rate.ts';
import { histogramsOf, jumpsOf, isHistogramAt, isMark, type MixedSamples } from './mixed-samples.ts';
import { beganAnew, startOf, startsOverlap } from './start-time.ts';
import { checkFactors, WINDOW_FUNCTIONS, type Windows } from './window.ts';

/** Cells of one row, from `at` on. */
export interface Row {
  readonly values: Float64Array;
  readonly present: Uint8Array;
  readonly histograms: (Histogram | null)[];
  readonly at: number;
}

/** What a window shows: a number, a histogram, or nothing. */
type Shown = number | Histogram | null;

interface Window {
  /** Samples [lo, hi). */
  readonly lo: number;
  readonly hi: number;
  readonly start: number;
  readonly end: number;
  readonly range_ms: number;
}

type OfWindow = (s: MixedSamples, w: Window, about: Whereabouts) => Shown;

function show(row: Row, k: number, shown: Shown): void {
  const at = row.at + k;
  if (shown === null) row.present[at] = CELL.absent;
  else if (typeof shown === 'number') {
    row.values[at] = shown;
    row.present[at] = CELL.float;
  } else {
    row.histograms[at] = shown;
    row.present[at] = CELL.histogram;
  }
}

function histogramsIn(s: MixedSamples, w: Window): number {
  return s.histogramsBefore[w.hi]! - s.histogramsBefore[w.lo]!;
}

/** Whether floats and histograms stand in one window: then there is a warning and no result. */
function isMixed(s: MixedSamples, w: Window, about: Whereabouts): boolean {
  if (histogramsIn(s, w) === w.hi - w.lo || histogramsIn(s, w) === 0) return false;
  about.annotate(mixedFloatsHistograms(about.name(), about.place));
  return true;
}

function extrapolated(isCounter: boolean, isRate: boolean): OfWindow {
  return (s, w, about) => {
    if (isMixed(s, w, about)) return null;
    const range: Range = {
      start_ms: w.start,
      end_ms: w.end,
      range_ms: w.range_ms,
      isCounter,
      isRate,
    };
    const observed = (first: number, rise: number): Observed => ({
      first_ms: s.t[w.lo]!,
      last_ms: s.t[w.hi - 1]!,
      gaps: w.hi - w.lo - 1,
      start_ms: startOf(s.st, w.lo),
      first,
      rise,
    });
    if (histogramsIn(s, w) === 0) {
      let rise = floatRise(s, w, isCounter, about);
      const o = observed(s.v[w.lo]!, rise);
      const factor = extrapolation(o, range);
      if (Number.isNaN(factor)) return null;
      if (beganInside(o, range)) rise += s.v[w.lo]!;
      return rise * factor;
    }
    const first = s.histogram(w.lo);
    let rise = w.hi - w.lo > 1 ? histogramRise(s, w.lo, w.hi, isCounter, about) : null;
    if (rise === null && w.hi - w.lo > 1) return null;
    const o = observed(first.count, rise === null ? 0 : rise.count);
    const factor = extrapolation(o, range);
    if (Number.isNaN(factor)) return null;
    if (beganInside(o, range)) rise = withFirst(rise, first, about);
    return rise === null ? null : scaleHistogram(rise, factor);
  };
}

function floatRise(s: MixedSamples, w: Window, isCounter: boolean, about: Whereabouts): number {
  const { t, v, st } = s;
  let rise = v[w.hi - 1]! - v[w.lo]!;
  if (!isCounter) return rise;
  let told = st === null;
  for (let i = w.lo + 1; i < w.hi; i++) {
    if (!told && startsOverlap(st![i - 1]!, t[i - 1]!, st![i]!)) {
      about.annotate(startTimeOverlap(about.name(), about.place));
      told = true;
    }
    if (isReset(s, i)) rise += v[i - 1]!;
  }
  return rise;
}

/** Whether float i, after float i - 1, tells that the counter began anew. */
function isReset({ t, v, st }: MixedSamples, i: number): boolean {
  return v[i]! < v[i - 1]! || beganAnew(startOf(st, i - 1), t[i - 1]!, startOf(st, i), t[i]!);
}

function instant(isRate: boolean): OfWindow {
  return (s, w, about) => {
    if (w.hi - w.lo < 2) return null;
    const b = w.hi - 1;
    if (isMixed(s, { ...w, lo: b - 1 }, about)) return null;
    if (isHistogramAt(s, b)) return lastRise(s, w.hi, isRate, about);
    const change = isRate && isReset(s, b) ? s.v[b]! : s.v[b]! - s.v[b - 1]!;
    return isRate ? change / ((s.t[b]! - s.t[b - 1]!) / 1000) : change;
  };
}

/** sum_over_time and avg_over_time of histograms. */
function summed(mean: boolean): OfWindow {
  return (s, w, about) => {
    if (isMixed(s, w, about)) return null;
    const sum = new HistogramSum();
    for (let i = w.lo; i < w.hi && !sum.incompatible; i++) {
      if (mean) sum.addToMean(s.histogram(i));
      else sum.add(s.histogram(i));
    }
    const result = mean ? sum.mean() : sum.sum();
    if ('error' in result) {
      about.annotate(mixedSchemas(about.name(), about.place));
      return null;
    }
    if (sum.resetCollision) about.annotate(resetCollision('aggregation', about.place));
    if (sum.boundsReconciled) about.annotate(boundsReconciled('aggregation', about.place));
    return result;
  };
}

/** How often neighbours in a window differ; a float beside a histogram always does. */
function counted(differ: (s: MixedSamples, i: number) => boolean): OfWindow {
  return (s, w) => {
    let count = 0;
    for (let i = w.lo + 1; i < w.hi; i++)
      if (isHistogramAt(s, i) !== isHistogramAt(s, i - 1) || differ(s, i)) count++;
    return count;
  };
}

function resetAt(s: MixedSamples, i: number): boolean {
  if (!isHistogramAt(s, i)) return isReset(s, i);
  return (
    beganAnew(startOf(s.st, i - 1), s.t[i - 1]!, startOf(s.st, i), s.t[i]!) ||
    detectReset(s.histogram(i), s.histogram(i - 1))
  );
}

function changeAt(s: MixedSamples, i: number): boolean {
  if (isHistogramAt(s, i)) return !equalHistograms(s.histogram(i), s.histogram(i - 1));
  return s.v[i] !== s.v[i - 1] && !(Number.isNaN(s.v[i]!) && Number.isNaN(s.v[i - 1]!));
}

function sampleAt(s: MixedSamples, i: number): Shown {
  return isHistogramAt(s, i) ? s.histogram(i) : s.v[i]!;
}

/** Functions that say something about windows with histograms in them; all others leave the histograms out, and say so. */
const OF_MIXED: ReadonlyMap<string, OfWindow> = new Map<string, OfWindow>([
  ['rate', extrapolated(true, true)],
  ['increase', extrapolated(true, false)],
  ['delta', extrapolated(false, false)],
  ['irate', instant(true)],
  ['idelta', instant(false)],
  ['sum_over_time', summed(false)],
  ['avg_over_time', summed(true)],
  ['resets', counted(resetAt)],
  ['changes', counted(changeAt)],
  ['count_over_time', (_s, w) => w.hi - w.lo],
  ['present_over_time', () => 1],
  ['first_over_time', (s, w) => sampleAt(s, w.lo)],
  ['last_over_time', (s, w) => sampleAt(s, w.hi - 1)],
  ['ts_of_first_over_time', (s, w) => s.t[w.lo]! / 1000],
  ['ts_of_last_over_time', (s, w) => s.t[w.hi - 1]! / 1000],
]);

/** Functions that look at start timestamps. */
const OF_STARTS: ReadonlySet<string> = new Set(['rate', 'increase', 'irate', 'resets']);

/** Fills a row with a function of a range over a series that has histograms or start timestamps. */
export function mixedWindow(
  func: string,
  s: MixedSamples,
  w: Windows,
  args: readonly Float64Array[],
  row: Row,
  about: Whereabouts,
): void {
  WINDOW_FUNCTIONS.get(func)!(s.floats, w, args, row.values, row.present, row.at);
  const f = OF_MIXED.get(func);
  const always = s.st !== null && OF_STARTS.has(func);
  let ignored = false;
  let lo = 0;
  let hi = 0;
  for (let k = 0; k < w.steps; k++) {
    const end = w.start_ms + k * w.step_ms;
    while (hi < s.n && s.t[hi]! <= end) hi++;
    while (lo < hi && s.t[lo]! <= end - w.range_ms) lo++;
    if (hi === lo) continue;
    const histograms = s.histogramsBefore[hi]! - s.histogramsBefore[lo]!;
    if (func === 'double_exponential_smoothing') checkFactors(args, k);
    if (f === undefined) ignored ||= histograms > 0 && histograms < hi - lo;
    else if (histograms > 0 || always)
      show(row, k, f(s, { lo, hi, start: end - w.range_ms, end, range_ms: w.range_ms }, about));
  }
  if (ignored) about.annotate(histogramsIgnoredInRange(about.name(), about.place));
}

/** Fills a row with a function of an anchored or smoothed range, or with a smoothed instant selector (`last`). */
export function mixedExtendedWindow(
  f: Fragment,
  s: MixedSamples,
  w: Windows,
  row: Row,
  about: Whereabouts,
): void {
  const { kind } = f.extended!;
  const smoothed = kind === 'smoothed';
  EXTENDED_FUNCTIONS.get(`${f.func} ${kind}`)!(s.floats, w, f.args, row.values, row.present, row.at);
  if (f.func === 'last') {
    smoothedInstant(s, w, row, about);
    return;
  }
  const p = new Place(s, w, smoothed);
  const counts = f.func === 'resets' || f.func === 'changes';
  for (let k = 0; k < w.steps; k++) {
    if (!p.move(k)) continue;
    const seen: Window = { lo: p.lo, hi: p.hi, start: p.start, end: p.end, range_ms: w.range_ms };
    if (histogramsIn(s, seen) === 0) continue;
    if (counts) {
      const some = s.t[p.hi - 1]! > p.start;
      show(row, k, some ? OF_MIXED.get(f.func)!(s, { ...seen, lo: p.first }, about) : null);
    } else if (isMixed(s, seen, about)) show(row, k, null);
    else {
      const seconds = f.func === 'rate' ? w.range_ms / 1000 : null;
      show(row, k, extendedHistogramRate(s, p, smoothed, f.func !== 'delta', seconds, about));
    }
  }
}

/** An instant selector between its neighbours, as far as the look-back on both sides. */
function smoothedInstant(s: MixedSamples, w: Windows, row: Row, about: Whereabouts): void {
  let lo = 0;
  let hi = 0;
  let next = 0;
  for (let k = 0; k < w.steps; k++) {
    const time = w.start_ms + k * w.step_ms;
    while (hi < s.n && s.t[hi]! <= time + w.range_ms) hi++;
    while (lo < hi && s.t[lo]! <= time - w.range_ms) lo++;
    while (next < s.n && s.t[next]! < time) next++;
    const seen: Window = { lo, hi, start: time - w.range_ms, end: time, range_ms: w.range_ms };
    if (hi === lo || histogramsIn(s, seen) === 0) continue;
    show(row, k, isMixed(s, seen, about) ? null : smoothedAt(s, seen, Math.max(lo, next), time, about));
  }
}

function smoothedAt(s: MixedSamples, w: Window, next: number, time: number, about: Whereabouts): Shown {
  if (next < w.hi && s.t[next] === time) return s.histogram(next);
  if (next === w.lo) return null;
  const before = s.histogram(next - 1);
  if (next === w.hi) return { ...before, resetHint: RESET_HINT.unknown };
  const after = s.histogram(next);
  if (isCustom(before) !== isCustom(after)) {
    about.annotate(mixedSchemas(about.name(), about.place));
    return null;
  }
  const isCounter = before.resetHint !== RESET_HINT.gauge || after.resetHint !== RESET_HINT.gauge;
  return betweenHistograms(s, next - 1, time, isCounter, about);
}

/** The newest sample in the look-back: its value or histogram (`last`), or its time (`timestamp`) or start (`start_timestamp`) in seconds. */
export function lastMixed(func: string, c: Column, w: Windows, statsOnly: boolean, row: Row): void {
  const jumps = statsOnly ? jumpsOf(c, w, w.range_ms - 1) : null;
  const histogram = c.h === null ? null : histogramsOf(c, jumps);
  let hi = 0;
  for (let k = 0; k < w.steps; k++) {
    const end = w.start_ms + k * w.step_ms;
    while (hi < c.n && c.t[hi]! <= end) hi++;
    const i = hi - 1;
    if (i < 0 || c.t[i]! <= end - w.range_ms || isMark(c, i)) continue;
    if (func === 'start_timestamp') show(row, k, startOf(c.st, i) / 1000);
    else if (func !== 'last') show(row, k, c.t[i]! / 1000);
    else show(row, k, c.kind !== null && c.kind[i] !== KIND.float ? histogram!(i) : c.v[i]!);
  }
}
