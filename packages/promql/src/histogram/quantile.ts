// Quantiles, fractions and moments of native histograms, as promql/quantile.go and promql/functions.go of Prometheus 3.16 compute them.
import { exp2, log2 } from './binary-log.ts';
import { bucketAt, bucketCount, newBucket, type Bucket } from './buckets.ts';
import { isCustom, type Histogram } from './histogram.ts';
import { addCompensated, carry } from './kahan.ts';

/** What observations of NaN did: they are in no bucket and count as above all of them. */
export type NaNInfo = 'nan result' | 'nan skew' | null;

export interface Estimate {
  readonly value: number;
  readonly info: NaNInfo;
}

const bucket = newBucket();

/** The q-quantile: linear within custom buckets and the zero bucket, on a scale of logarithms within others. */
export function histogramQuantile(q: number, h: Histogram): Estimate {
  if (q < 0) return plain(-Infinity);
  if (q > 1) return plain(Infinity);
  if (h.count === 0 || q !== q) return plain(NaN);
  const sumIsNaN = h.sum !== h.sum;
  const forward = sumIsNaN || q < 0.5;
  let rank = (forward ? q : 1 - q) * h.count;
  const total = bucketCount(h);
  let count = 0;
  let seen = 0;
  clear(bucket);
  while (seen < total) {
    bucketAt(h, forward ? seen : total - 1 - seen, bucket);
    seen++;
    if (bucket.count === 0) continue;
    count += bucket.count;
    if (count >= rank) break;
  }
  if (isCustom(h)) {
    if (bucket.lower === -Infinity) {
      if (bucket.upper <= 0) return plain(bucket.upper);
      bucket.lower = 0;
    } else if (bucket.upper === Infinity) return plain(bucket.lower);
  } else if (bucket.lower < 0 && bucket.upper > 0) clampAtZero(h, bucket);
  // Rounding may have summed up more than there is.
  if (count > h.count) count = h.count;
  if (count < rank) return sumIsNaN ? { value: NaN, info: 'nan result' } : plain(bucket.upper);
  rank = forward ? rank - (count - bucket.count) : count - rank;
  const { lower, upper, count: held } = bucket;
  let info: NaNInfo = null;
  if (sumIsNaN) {
    for (; seen < total; seen++) {
      bucketAt(h, seen, bucket);
      count += bucket.count;
    }
    if (count < h.count) info = 'nan skew';
  }
  const fraction = rank / held;
  return { value: interpolate(h, lower, upper, fraction), info };
}

function interpolate(h: Histogram, lower: number, upper: number, fraction: number): number {
  if (isCustom(h) || (lower <= 0 && upper >= 0)) return lower + (upper - lower) * fraction;
  const logLower = log2(Math.abs(lower));
  const logUpper = log2(Math.abs(upper));
  if (lower > 0) return exp2(logLower + (logUpper - logLower) * fraction);
  return -exp2(logUpper + (logLower - logUpper) * (1 - fraction));
}

function plain(value: number): Estimate {
  return { value, info: null };
}

function clear(b: Bucket): void {
  b.lower = 0;
  b.upper = 0;
  b.count = 0;
}

/** Where all other buckets are on one side of zero, so are the observations in the zero bucket. */
function clampAtZero(h: Histogram, b: Bucket): void {
  if (h.negative.length === 0 && h.positive.length > 0) b.lower = 0;
  else if (h.positive.length === 0 && h.negative.length > 0) b.upper = 0;
}

/** Which part of the observations lies between two values; `info` 'nan skew': some are NaN and lie nowhere. */
export function histogramFraction(lower: number, upper: number, h: Histogram): Estimate {
  if (h.count === 0 || lower !== lower || upper !== upper) return plain(NaN);
  if (lower >= upper) return plain(0);
  const custom = isCustom(h);
  const total = bucketCount(h);
  let count = 0;
  let rank = 0;
  let lowerRank = -1;
  let upperRank = -1;
  let lowerSet = false;
  let upperSet = false;
  let seen = 0;
  while (seen < total) {
    bucketAt(h, seen++, bucket);
    count += bucket.count;
    const zero = !custom && bucket.lower <= 0 && bucket.upper >= 0;
    if (zero) clampAtZero(h, bucket);
    else if (custom && bucket.lower === -Infinity && bucket.upper > 0) bucket.lower = 0;
    if (!lowerSet && bucket.lower >= lower) {
      lowerRank = rank;
      lowerSet = true;
    }
    if (!upperSet && bucket.lower >= upper) {
      upperRank = rank;
      upperSet = true;
    }
    if (lowerSet && upperSet) break;
    if (!lowerSet && bucket.lower < lower && bucket.upper > lower) {
      lowerRank = rankWithin(rank, lower, custom || zero);
      lowerSet = true;
    }
    if (!upperSet && bucket.lower < upper && bucket.upper > upper) {
      upperRank = rankWithin(rank, upper, custom || zero);
      upperSet = true;
    }
    if (lowerSet && upperSet) break;
    rank += bucket.count;
  }
  let info: NaNInfo = null;
  if (h.sum === h.sum) count = h.count;
  else {
    for (; seen < total; seen++) {
      bucketAt(h, seen, bucket);
      count += bucket.count;
    }
    if (count < h.count) info = 'nan skew';
  }
  if (!lowerSet || lowerRank > count) lowerRank = count;
  if (!upperSet || upperRank > count) upperRank = count;
  return { value: (upperRank - lowerRank) / h.count, info };
}

/** How many observations are at most v, which is within `bucket`; `rank` are below it. A bucket from -Inf counts whole. */
function rankWithin(rank: number, v: number, linear: boolean): number {
  if (linear && bucket.lower === -Infinity) return bucket.count;
  return rank + bucket.count * fractionBelow(bucket, v, linear);
}

/** Which part of a bucket of finite bounds lies below v, which is within it. */
export function fractionBelow(b: Bucket, v: number, linear: boolean): number {
  if (linear) return (v - b.lower) / (b.upper - b.lower);
  const logLower = log2(Math.abs(b.lower));
  const logUpper = log2(Math.abs(b.upper));
  const logV = log2(Math.abs(v));
  if (v > 0) return (logV - logLower) / (logUpper - logLower);
  return 1 - (logV - logUpper) / (logLower - logUpper);
}

export function histogramAvg(h: Histogram): number {
  return h.sum / h.count;
}

/** Variance of the observations, each taken as the middle of its bucket. */
export function histogramStdVar(h: Histogram): number {
  const mean = h.sum / h.count;
  const total = bucketCount(h);
  let variance = 0;
  let c = 0;
  for (let k = 0; k < total; k++) {
    bucketAt(h, k, bucket);
    if (bucket.count === 0) continue;
    const delta = middleOf(h) - mean;
    variance = addCompensated(bucket.count * delta * delta, variance, c);
    c = carry;
  }
  return (variance + c) / h.count;
}

export function histogramStdDev(h: Histogram): number {
  return Math.sqrt(histogramStdVar(h));
}

function middleOf(h: Histogram): number {
  const { lower, upper } = bucket;
  if (isCustom(h)) return (upper + lower) / 2;
  if (lower <= 0 && upper >= 0) return 0;
  const middle = Math.sqrt(upper * lower);
  return upper < 0 ? -middle : middle;
}
