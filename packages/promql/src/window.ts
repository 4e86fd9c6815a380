// Functions of a window, each a loop that slides over one series' columns and fills one row of cells. Nothing is allocated per step.
import { isStale } from '@munjigi/model';
import { goSort } from './go-sort.ts';
import { executionError } from './query-error.ts';
import { extrapolatedInKernel, lastInKernel, mayHaveMarks, summedInKernel } from './window-kernel.ts';

/** One series' samples in time order. `bits` is a Uint32Array over v's buffer. */
export interface Samples {
  n: number;
  t: Float64Array;
  v: Float64Array;
  bits: Uint32Array;
  /** Start timestamps in ms, 0: unknown; null: not looked at. Only extended windows read them. */
  st: Float64Array | null;
}

/** Windows (end - range, end] at ends start, start + step, ...; ends never go back. */
export interface Windows {
  readonly start_ms: number;
  readonly step_ms: number;
  readonly steps: number;
  readonly range_ms: number;
  /** How far samples outside the range are seen; `anchored` and `smoothed` windows only. */
  readonly lookback_ms?: number;
}

/** Writes cell k of the row to out[at + k] and present[at + k]; `present` is zero before. An argument has one value, or one a step. */
export type WindowFunction = (
  s: Samples,
  w: Windows,
  args: readonly Float64Array[],
  out: Float64Array,
  present: Uint8Array,
  at: number,
) => void;

/** Value of an argument at step k. */
function argAt(args: readonly Float64Array[], i: number, k: number): number {
  const arg = args[i]!;
  return arg.length === 1 ? arg[0]! : arg[k]!;
}

/** The newest sample in the look-back, absent when it is a staleness mark. The samples hold their marks here. */
const lastSample: WindowFunction = (s, w, _args, out, present, at) => {
  const { t, v, bits, n } = s;
  const { range_ms, start_ms, step_ms, steps } = w;
  let hi = 0;
  let by = 0;
  for (let k = 0; k < steps; k++) {
    const end = start_ms + k * step_ms;
    const before = hi;
    hi = firstAfter(t, n, end, hi, by);
    by = hi - before;
    if (hi === 0 || t[hi - 1]! <= end - range_ms) continue;
    const value = v[hi - 1]!;
    if (value !== value && isStale(bits, hi - 1)) continue;
    out[at + k] = value;
    present[at + k] = 1;
  }
};

/** A number told by the newest sample in the look-back, absent likewise. */
function ofNewest(tell: (t_ms: number) => number): WindowFunction {
  return (s, w, _args, out, present, at) => {
    const { t, v, bits, n } = s;
    let hi = 0;
    for (let k = 0; k < w.steps; k++) {
      const end = w.start_ms + k * w.step_ms;
      while (hi < n && t[hi]! <= end) hi++;
      if (hi === 0 || t[hi - 1]! <= end - w.range_ms) continue;
      if (Number.isNaN(v[hi - 1]!) && isStale(bits, hi - 1)) continue;
      out[at + k] = tell(t[hi - 1]!);
      present[at + k] = 1;
    }
  };
}

const seconds = (t_ms: number): number => t_ms / 1000;

let resetsAt = new Int32Array(256);

/** Positions i with v[i] < v[i - 1], into `resetsAt`; returns how many. */
function findResets(v: Float64Array, n: number): number {
  let count = 0;
  for (let i = 1; i < n; i++) {
    if (v[i]! >= v[i - 1]!) continue;
    if (!(v[i]! < v[i - 1]!)) continue;
    if (count === resetsAt.length) {
      const more = new Int32Array(2 * count);
      more.set(resetsAt);
      resetsAt = more;
    }
    resetsAt[count++] = i;
  }
  return count;
}

/**
 * First sample after `time`, looked for from `from` on. Samples mostly come at a fixed interval, so that every step moves by the same number of
 * them: `by` is where it was found the last time, and tried first.
 */
function firstAfter(t: Float64Array, n: number, time: number, from: number, by: number): number {
  let i = from + by;
  if (i > 0 && i < n && t[i - 1]! <= time && t[i]! > time) return i;
  i = from;
  while (i < n && t[i]! <= time) i++;
  return i;
}

/** rate, increase and delta: the difference over the window, extrapolated to its bounds as Prometheus 3 does. */
function extrapolated(isCounter: boolean, isRate: boolean): WindowFunction {
  return (s, w, _args, out, present, at) => {
    const { t, v, n } = s;
    const { range_ms, start_ms, step_ms, steps } = w;
    const range_s = range_ms / 1000;
    const resets = isCounter ? findResets(v, n) : 0;
    let firstReset = 0;
    let lo = 0;
    let hi = 0;
    let loBy = 0;
    let hiBy = 0;
    for (let k = 0; k < steps; k++) {
      const end = start_ms + k * step_ms;
      const start = end - range_ms;
      const hiBefore = hi;
      hi = firstAfter(t, n, end, hi, hiBy);
      hiBy = hi - hiBefore;
      const loBefore = lo;
      lo = firstAfter(t, n, start, lo, loBy);
      loBy = lo - loBefore;
      const gaps = hi - lo - 1;
      if (gaps < 1) continue;
      const v0 = v[lo]!;
      const t0 = t[lo]!;
      const t1 = t[hi - 1]!;
      let result = v[hi - 1]! - v0;
      while (firstReset < resets && resetsAt[firstReset]! <= lo) firstReset++;
      for (let r = firstReset; r < resets && resetsAt[r]! < hi; r++) result += v[resetsAt[r]! - 1]!;
      const sampled = (t1 - t0) / 1000;
      const average = sampled / gaps;
      const threshold = average * 1.1;
      let toStart = (t0 - start) / 1000;
      let toEnd = (end - t1) / 1000;
      if (toStart >= threshold) toStart = average / 2;
      // The zero point is mostly far off: then there is nothing to divide (a hair is left for roundings).
      if (isCounter && result > 0 && v0 >= 0 && !(sampled * v0 > toStart * result * 1.000001)) {
        const toZero = sampled * (v0 / result);
        if (toZero < toStart) toStart = toZero;
      }
      if (toEnd >= threshold) toEnd = average / 2;
      let factor = (sampled + toStart + toEnd) / sampled;
      if (isRate) factor /= range_s;
      out[at + k] = result * factor;
      present[at + k] = 1;
    }
  };
}

/** A function of the samples [lo, hi) of a window at step k that ends at `end`. */
type OfWindow = (
  t: Float64Array,
  v: Float64Array,
  lo: number,
  hi: number,
  args: readonly Float64Array[],
  k: number,
  end: number,
) => number;

function slide(least: number, f: OfWindow): WindowFunction {
  return (s, w, args, out, present, at) => {
    const { t, v, n } = s;
    let lo = 0;
    let hi = 0;
    for (let k = 0; k < w.steps; k++) {
      const end = w.start_ms + k * w.step_ms;
      while (hi < n && t[hi]! <= end) hi++;
      while (lo < hi && t[lo]! <= end - w.range_ms) lo++;
      if (hi - lo < least) continue;
      out[at + k] = f(t, v, lo, hi, args, k, end);
      present[at + k] = 1;
    }
  };
}

/**
 * The sum of v[lo..hi) in `total.sum` and what its roundings lost in `total.lost`. Each loss is exact (Knuth's two-sum), so it is the one that
 * Neumaier's comparison finds, without its branch; where infinities or NaN come in, `lost` means nothing.
 */
function addUp(v: Float64Array, lo: number, hi: number): void {
  let sum = v[lo]!;
  let lost = 0;
  for (let i = lo + 1; i < hi; i++) {
    const x = v[i]!;
    const next = sum + x;
    const part = next - sum;
    lost += sum - (next - part) + (x - part);
    sum = next;
  }
  total.sum = sum;
  total.lost = lost;
}

const total = { sum: 0, lost: 0 };

const sumOverTime: OfWindow = (_t, v, lo, hi) => {
  addUp(v, lo, hi);
  const plain = total.sum + total.lost;
  if (Number.isFinite(plain)) return plain;
  return carefulSum(v, lo, hi);
};

/** With the comparison, for sums that leave the range of float64. */
function carefulSum(v: Float64Array, lo: number, hi: number): number {
  let sum = 0;
  let c = 0;
  for (let i = lo; i < hi; i++) {
    const x = v[i]!;
    const next = sum + x;
    if (next > Number.MAX_VALUE || next < -Number.MAX_VALUE) c = 0;
    else if (Math.abs(sum) >= Math.abs(x)) c += sum - next + x;
    else c += x - next + sum;
    sum = next;
  }
  return sum === Infinity || sum === -Infinity ? sum : sum + c;
}

const avgOverTime: OfWindow = (_t, v, lo, hi) => {
  addUp(v, lo, hi);
  const count = hi - lo;
  const plain = total.sum / count + total.lost / count;
  if (Number.isFinite(plain)) return plain;
  return carefulMean(v, lo, hi);
};

/** Likewise; the mean goes on by itself where the sum would overflow. */
function carefulMean(v: Float64Array, lo: number, hi: number): number {
  let sum = v[lo]!;
  let c = 0;
  for (let i = lo + 1; i < hi; i++) {
    const x = v[i]!;
    const next = sum + x;
    if (next === Infinity || next === -Infinity)
      return incrementalMean(v, i, hi, sum / (i - lo), c / (i - lo), lo);
    if (Math.abs(sum) >= Math.abs(x)) c += sum - next + x;
    else c += x - next + sum;
    sum = next;
  }
  const count = hi - lo;
  return sum / count + c / count;
}

/** Goes on from sample i where the plain sum would overflow. */
function incrementalMean(
  v: Float64Array,
  from: number,
  hi: number,
  meanBefore: number,
  cBefore: number,
  lo: number,
): number {
  let mean = meanBefore;
  let c = cBefore;
  for (let i = from; i < hi; i++) {
    const count = i - lo + 1;
    const q = (count - 1) / count;
    const x = v[i]! / count;
    const base = q * mean;
    c *= q;
    const next = base + x;
    if (next === Infinity || next === -Infinity) c = 0;
    else if (Math.abs(base) >= Math.abs(x)) c += base - next + x;
    else c += x - next + base;
    mean = next;
  }
  return mean + c;
}

/** max_over_time and min_over_time: the best sample is kept while it stays in the window. NaN only where all are. */
function extreme(max: boolean): WindowFunction {
  return (s, w, _args, out, present, at) => {
    const { t, v, n } = s;
    let lo = 0;
    let hi = 0;
    let best = -1;
    for (let k = 0; k < w.steps; k++) {
      const end = w.start_ms + k * w.step_ms;
      let i = hi;
      while (hi < n && t[hi]! <= end) hi++;
      while (lo < hi && t[lo]! <= end - w.range_ms) lo++;
      if (hi === lo) continue;
      if (best < lo) {
        best = lo;
        i = lo + 1;
      }
      let bestValue = v[best]!;
      for (; i < hi; i++) {
        const x = v[i]!;
        if ((max ? x > bestValue : x < bestValue) || bestValue !== bestValue) {
          best = i;
          bestValue = x;
        }
      }
      out[at + k] = bestValue;
      present[at + k] = 1;
    }
  };
}

function timeOfExtreme(max: boolean): OfWindow {
  return (t, v, lo, hi) => {
    let best = lo;
    for (let i = lo + 1; i < hi; i++)
      if ((max ? v[i]! >= v[best]! : v[i]! <= v[best]!) || Number.isNaN(v[best]!)) best = i;
    return t[best]! / 1000;
  };
}

const variance: OfWindow = (_t, v, lo, hi) => {
  let mean = 0;
  let cMean = 0;
  let aux = 0;
  let cAux = 0;
  for (let i = lo; i < hi; i++) {
    const x = v[i]!;
    const delta = x - (mean + cMean);
    const step = delta / (i - lo + 1);
    let next = mean + step;
    if (next === Infinity || next === -Infinity) cMean = 0;
    else if (Math.abs(mean) >= Math.abs(step)) cMean += mean - next + step;
    else cMean += step - next + mean;
    mean = next;
    const add = delta * (x - (mean + cMean));
    next = aux + add;
    if (next === Infinity || next === -Infinity) cAux = 0;
    else if (Math.abs(aux) >= Math.abs(add)) cAux += aux - next + add;
    else cAux += add - next + aux;
    aux = next;
  }
  return (aux + cAux) / (hi - lo);
};

/** Slope and intercept at `intercept_ms`, by least squares with Kahan sums, in `line`. */
function linearRegression(
  t: Float64Array,
  v: Float64Array,
  lo: number,
  hi: number,
  intercept_ms: number,
): void {
  let sumX = 0;
  let cX = 0;
  let sumY = 0;
  let cY = 0;
  let sumXY = 0;
  let cXY = 0;
  let sumX2 = 0;
  let cX2 = 0;
  let constant = true;
  for (let i = lo; i < hi; i++) {
    const y = v[i]!;
    if (y !== v[lo]!) constant = false;
    const x = (t[i]! - intercept_ms) / 1000;
    let next = sumX + x;
    cX += Math.abs(sumX) >= Math.abs(x) ? sumX - next + x : x - next + sumX;
    sumX = next;
    next = sumY + y;
    if (next === Infinity || next === -Infinity) cY = 0;
    else cY += Math.abs(sumY) >= Math.abs(y) ? sumY - next + y : y - next + sumY;
    sumY = next;
    const xy = x * y;
    next = sumXY + xy;
    if (next === Infinity || next === -Infinity) cXY = 0;
    else cXY += Math.abs(sumXY) >= Math.abs(xy) ? sumXY - next + xy : xy - next + sumXY;
    sumXY = next;
    const x2 = x * x;
    next = sumX2 + x2;
    cX2 += Math.abs(sumX2) >= Math.abs(x2) ? sumX2 - next + x2 : x2 - next + sumX2;
    sumX2 = next;
  }
  if (constant) {
    const finite = v[lo]! !== Infinity && v[lo]! !== -Infinity;
    line.slope = finite ? 0 : NaN;
    line.intercept = finite ? v[lo]! : NaN;
    return;
  }
  const n = hi - lo;
  sumX += cX;
  sumY += cY;
  sumXY += cXY;
  sumX2 += cX2;
  line.slope = (sumXY - (sumX * sumY) / n) / (sumX2 - (sumX * sumX) / n);
  line.intercept = sumY / n - (line.slope * sumX) / n;
}

const line = { slope: 0, intercept: 0 };

const deriv: OfWindow = (t, v, lo, hi) => {
  linearRegression(t, v, lo, hi, t[lo]!);
  return line.slope;
};

/** Arguments: seconds ahead, and how far the evaluation time lies after the window's end, in ms. */
const predictLinear: OfWindow = (t, v, lo, hi, args, k, end) => {
  // Whole milliseconds: behind @ the argument comes from seconds.
  linearRegression(t, v, lo, hi, Math.round(end + argAt(args, 1, k)));
  return line.slope * argAt(args, 0, k) + line.intercept;
};

function instant(isRate: boolean, isCounter: boolean): OfWindow {
  return (t, v, _lo, hi) => {
    const last = v[hi - 1]!;
    const before = v[hi - 2]!;
    const change = isCounter && last < before ? last : last - before;
    return isRate ? change / ((t[hi - 1]! - t[hi - 2]!) / 1000) : change;
  };
}

const resets: OfWindow = (_t, v, lo, hi) => {
  let count = 0;
  for (let i = lo + 1; i < hi; i++) if (v[i]! < v[i - 1]!) count++;
  return count;
};

const changes: OfWindow = (_t, v, lo, hi) => {
  let count = 0;
  for (let i = lo + 1; i < hi; i++) {
    const a = v[i - 1]!;
    const b = v[i]!;
    if (a !== b && !(a !== a && b !== b)) count++;
  }
  return count;
};

let sorting = new Float64Array(256);

/** The q-quantile of values[0, n), whose order is changed; NaN counts as the smallest. */
export function quantileOf(q: number, values: Float64Array, n: number): number {
  if (n === 0 || q !== q) return NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  if (hasZerosOfBothSigns(values, n)) {
    sortAsGo(values, n);
    return quantileOfSorted(q, values, n);
  }
  let nans = 0;
  for (let i = 0; i < n; i++) {
    if (!Number.isNaN(values[i]!)) continue;
    values[i] = values[nans]!;
    values[nans++] = NaN;
  }
  const rank = q * (n - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(n - 1, lower + 1);
  if (lower >= nans) select(values, nans, n, lower);
  const weight = rank - Math.floor(rank);
  if (weight === 0 || upper === lower) return values[lower]!;
  // Everything behind the selected one is as large or larger.
  let above = values[upper]!;
  // A NaN stays: nothing is smaller.
  for (let i = upper + 1; i < n; i++) if (values[i]! < above) above = values[i]!;
  return values[lower]! * (1 - weight) + above * weight;
}

/** They are equal: which of them a quantile picks depends on how they were sorted. */
function hasZerosOfBothSigns(values: Float64Array, n: number): boolean {
  let seen = 0;
  for (let i = 0; i < n; i++) if (values[i] === 0) seen |= 1 / values[i]! > 0 ? 1 : 2;
  return seen === 3;
}

/** Values [0, n), NaN first. */
function sortAsGo(values: Float64Array, n: number): void {
  const sorted = Array.from(values.subarray(0, n));
  goSort(sorted, (a, b) => a !== a || a < b);
  values.set(sorted);
}

function quantileOfSorted(q: number, values: Float64Array, n: number): number {
  const rank = q * (n - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(n - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return weight === 0 || upper === lower
    ? values[lower]!
    : values[lower]! * (1 - weight) + values[upper]! * weight;
}

/** Moves values of [lo, hi) so that k holds what it would hold sorted, with nothing larger before and nothing smaller behind (Hoare). */
function select(values: Float64Array, lo: number, hi: number, k: number): void {
  let left = lo;
  let right = hi - 1;
  while (left < right) {
    const middle = (left + right) >> 1;
    const [a, b, c] = [values[left]!, values[middle]!, values[right]!];
    const pivot = a < b ? (b < c ? b : a < c ? c : a) : a < c ? a : b < c ? c : b;
    let i = left;
    let j = right;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const x = values[i]!;
      values[i++] = values[j]!;
      values[j--] = x;
    }
    if (k <= j) right = j;
    else if (k >= i) left = i;
    else return;
  }
}

function windowQuantile(q: number, v: Float64Array, lo: number, hi: number): number {
  const n = hi - lo;
  if (sorting.length < n) sorting = new Float64Array(2 * n);
  for (let i = 0; i < n; i++) sorting[i] = v[lo + i]!;
  return quantileOf(q, sorting, n);
}

/** Neighbouring windows share most of their samples: they stay sorted, what leaves is taken out and what comes is put in. */
const quantileOverTime: WindowFunction = (s, w, args, out, present, at) => {
  const { t, v, n } = s;
  let lo = 0;
  let hi = 0;
  let nans = 0;
  let size = 0;
  if (sorting.length < n) sorting = new Float64Array(2 * n);
  for (let k = 0; k < w.steps; k++) {
    const end = w.start_ms + k * w.step_ms;
    const before = lo;
    while (lo < hi && t[lo]! <= end - w.range_ms) lo++;
    if (lo === hi) {
      size = 0;
      nans = 0;
    } else {
      for (let i = before; i < lo; i++) {
        if (Number.isNaN(v[i]!)) nans--;
        else size = takeOut(size, v[i]!);
      }
    }
    for (; hi < n && t[hi]! <= end; hi++) {
      if (t[hi]! <= end - w.range_ms) {
        lo = hi + 1;
        continue;
      }
      if (Number.isNaN(v[hi]!)) nans++;
      else size = putIn(size, v[hi]!);
    }
    if (hi === lo) continue;
    const q = argAt(args, 0, k);
    const value = sortedQuantile(q, size, nans);
    out[at + k] =
      value === 0 && hasZerosOfBothSigns(sorting, size) ? quantileOf(q, v.slice(lo, hi), hi - lo) : value;
    present[at + k] = 1;
  }
};

/** Where x stands, or would stand, in sorting[0, size): the first place with nothing smaller. */
function placeIn(size: number, x: number): number {
  let lo = 0;
  let hi = size;
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (sorting[middle]! < x) lo = middle + 1;
    else hi = middle;
  }
  return lo;
}

/** Zeros of both signs may change places: their signs are counted, not their order. */
function putIn(size: number, x: number): number {
  const place = placeIn(size, x);
  sorting.copyWithin(place + 1, place, size);
  sorting[place] = x;
  return size + 1;
}

function takeOut(size: number, x: number): number {
  let place = placeIn(size, x);
  while (!Object.is(sorting[place], x)) place++;
  sorting.copyWithin(place, place + 1, size);
  return size - 1;
}

/** The q-quantile of sorting[0, size) with `nans` NaN before them. */
function sortedQuantile(q: number, size: number, nans: number): number {
  if (q !== q) return NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  const n = size + nans;
  const rank = q * (n - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(n - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  const low = lower < nans ? NaN : sorting[lower - nans]!;
  if (weight === 0) return low;
  return low * (1 - weight) + (upper < nans ? NaN : sorting[upper - nans]!) * weight;
}

const madOverTime: OfWindow = (_t, v, lo, hi) => {
  for (let i = lo; i < hi; i++) if (Number.isNaN(v[i]!)) return NaN;
  const median = windowQuantile(0.5, v, lo, hi);
  const n = hi - lo;
  for (let i = 0; i < n; i++) sorting[i] = Math.abs(sorting[i]! - median);
  return quantileOf(0.5, sorting, n);
};

/** Arguments: smoothing and trend factor. They are judged where there is anything to smooth. */
const doubleExponentialSmoothing: WindowFunction = (s, w, args, out, present, at) => {
  const smooth: OfWindow = (_t, v, lo, hi, _args, k) => {
    const sf = argAt(args, 0, k);
    const tf = argAt(args, 1, k);
    checkFactors(args, k);
    return smoothed(v, lo, hi, sf, tf);
  };
  slide(1, smooth)(s, w, args, out, present, at);
  // One sample has no trend.
  let lo = 0;
  let hi = 0;
  for (let k = 0; k < w.steps; k++) {
    const end = w.start_ms + k * w.step_ms;
    while (hi < s.n && s.t[hi]! <= end) hi++;
    while (lo < hi && s.t[lo]! <= end - w.range_ms) lo++;
    if (hi - lo < 2) present[at + k] = 0;
  }
};

/** Throws QueryError where a factor is none. */
export function checkFactors(args: readonly Float64Array[], k: number): void {
  checkFactor('smoothing', argAt(args, 0, k));
  checkFactor('trend', argAt(args, 1, k));
}

function checkFactor(name: string, x: number): void {
  if (x > 0 && x < 1) return;
  // NaN passes, as it does there.
  if (!Number.isNaN(x))
    throw executionError(`invalid ${name} factor. Expected: 0 < ${name[0]}f < 1, got: ${fixed6(x)}`);
}

/** Go's %f. */
function fixed6(x: number): string {
  if (!Number.isFinite(x)) return x > 0 ? '+Inf' : '-Inf';
  return x.toFixed(6);
}

function smoothed(v: Float64Array, lo: number, hi: number, sf: number, tf: number): number {
  let before = 0;
  let value = v[lo]!;
  let trend = hi - lo < 2 ? 0 : v[lo + 1]! - v[lo]!;
  for (let i = lo + 1; i < hi; i++) {
    if (i > lo + 1) trend = tf * (value - before) + (1 - tf) * trend;
    const next = sf * v[i]! + (1 - sf) * (value + trend);
    before = value;
    value = next;
  }
  return value;
}

/** Argument: 0 left point, 1 right point, else trapezoids. NaN counts as zero. */
const integral: OfWindow = (t, v, lo, hi, args, k) => {
  const strategy = args.length === 0 ? 2 : argAt(args, 0, k);
  let sum = 0;
  let c = 0;
  for (let i = lo + 1; i < hi; i++) {
    const left = zeroForNaN(v[i - 1]!);
    const right = zeroForNaN(v[i]!);
    const seconds = (t[i]! - t[i - 1]!) / 1000;
    let mean = strategy === 0 ? left : right;
    let rest = 0;
    if (strategy !== 0 && strategy !== 1) {
      mean = (left + right) / 2;
      if (Number.isFinite(mean)) {
        // What the addition of both lost, halved.
        const total = left + right;
        rest = (Math.abs(left) >= Math.abs(right) ? left - total + right : right - total + left) / 2;
      } else mean = left / 2 + right / 2;
    }
    if (mean === 0 && rest === 0) continue;
    const x = mean * seconds;
    c += rest * seconds;
    const next = sum + x;
    if (next === Infinity || next === -Infinity) c = 0;
    else c += Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum;
    sum = next;
  }
  return sum === Infinity || sum === -Infinity ? sum : sum + c;
};

function zeroForNaN(x: number): number {
  return Number.isNaN(x) ? 0 : x;
}

/** All functions of a window by PromQL's name. */
export const WINDOW_FUNCTIONS: ReadonlyMap<string, WindowFunction> = new Map<string, WindowFunction>([
  ['last', lastInKernel(lastSample)],
  ['timestamp', ofNewest(seconds)],
  // Which of several info series is the newest.
  ['info', ofNewest(seconds)],
  // Here samples have no start timestamps.
  ['start_timestamp', ofNewest(() => 0)],
  ['rate', extrapolatedInKernel(true, true, extrapolated(true, true))],
  ['increase', extrapolatedInKernel(true, false, extrapolated(true, false))],
  ['delta', extrapolatedInKernel(false, false, extrapolated(false, false))],
  ['irate', slide(2, instant(true, true))],
  ['idelta', slide(2, instant(false, false))],
  ['deriv', slide(2, deriv)],
  ['predict_linear', slide(2, predictLinear)],
  ['resets', slide(1, resets)],
  ['changes', slide(1, changes)],
  ['sum_over_time', summedInKernel(false, slide(1, sumOverTime))],
  ['avg_over_time', summedInKernel(true, slide(1, avgOverTime))],
  ['max_over_time', extreme(true)],
  ['min_over_time', extreme(false)],
  ['count_over_time', slide(1, (_t, _v, lo, hi) => hi - lo)],
  ['present_over_time', slide(1, () => 1)],
  ['last_over_time', slide(1, (_t, v, _lo, hi) => v[hi - 1]!)],
  ['first_over_time', slide(1, (_t, v, lo) => v[lo]!)],
  ['stdvar_over_time', slide(1, variance)],
  ['stddev_over_time', slide(1, (...window) => Math.sqrt(variance(...window)))],
  ['quantile_over_time', quantileOverTime],
  ['mad_over_time', slide(1, madOverTime)],
  ['ts_of_first_over_time', slide(1, (t, _v, lo) => t[lo]! / 1000)],
  ['ts_of_last_over_time', slide(1, (t, _v, _lo, hi) => t[hi - 1]! / 1000)],
  ['ts_of_max_over_time', slide(1, timeOfExtreme(true))],
  ['ts_of_min_over_time', slide(1, timeOfExtreme(false))],
  ['double_exponential_smoothing', doubleExponentialSmoothing],
  ['integral', slide(1, integral)],
]);

/** Drops staleness marks: functions of a range see only samples. */
export function dropStale(s: Samples): void {
  if (!mayHaveMarks(s)) return;
  const { v, t, bits } = s;
  let i = 0;
  while (i < s.n && !(Number.isNaN(v[i]!) && isStale(bits, i))) i++;
  if (i === s.n) return;
  let kept = i;
  for (; i < s.n; i++) {
    if (Number.isNaN(v[i]!) && isStale(bits, i)) continue;
    t[kept] = t[i]!;
    v[kept] = v[i]!;
    if (s.st !== null) s.st[kept] = s.st[i]!;
    kept++;
  }
  s.n = kept;
}
