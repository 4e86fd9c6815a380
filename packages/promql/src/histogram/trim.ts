// `</` and `>/`: histograms without the observations above or below a value. Buckets that hold the value are cut by interpolation.
import { negativeBucket, newBucket, positiveBucket, type Bucket } from './buckets.ts';
import { compact, isCustom, type Histogram } from './histogram.ts';
import { fractionBelow } from './quantile.ts';

/** `h </ v`: only observations up to v. */
export function trimUpper(h: Histogram, v: number): Histogram {
  return trim(h, v, true);
}

/** `h >/ v`: only observations from v on. */
export function trimLower(h: Histogram, v: number): Histogram {
  return trim(h, v, false);
}

/** What is left of a bucket, and the value that its observations count with in the new sum. */
interface Rest {
  count: number;
  middle: number;
}

const bucket = newBucket();
const rest: Rest = { count: 0, middle: 0 };

/** Count and sum are made anew from what is left, but only when something was cut off. */
function trim(h: Histogram, v: number, upper: boolean): Histogram {
  const custom = isCustom(h);
  const positive = h.positive.slice();
  const negative = h.negative.slice();
  let { zeroCount } = h;
  let count = 0;
  let sum = 0;
  let cut = false;
  let hasPositive = false;
  let hasNegative = false;
  for (let i = 0; i < positive.length; i++) {
    if (positive[i] === 0) continue;
    hasPositive = true;
    positiveBucket(h, i, bucket);
    trimBucket(bucket, v, upper, true, custom);
    count += rest.count;
    sum += rest.middle * rest.count;
    if (positive[i] !== rest.count) cut = true;
    positive[i] = rest.count;
  }
  for (let i = 0; i < negative.length; i++) {
    if (negative[i] === 0) continue;
    hasNegative = true;
    negativeBucket(h, i, bucket);
    trimBucket(bucket, v, upper, false, custom);
    count += rest.count;
    sum += rest.middle * rest.count;
    if (negative[i] !== rest.count) cut = true;
    negative[i] = rest.count;
  }
  if (zeroCount > 0) {
    trimZeroBucket(h, v, upper, hasNegative, hasPositive);
    if (zeroCount !== rest.count) cut = true;
    zeroCount = rest.count;
    sum += rest.middle * rest.count;
    count += rest.count;
  }
  return cut ? compact({ ...h, positive, negative, zeroCount, count, sum }) : h;
}

function leave(count: number, middle: number): void {
  rest.count = count;
  rest.middle = middle;
}

function trimBucket(b: Bucket, v: number, upper: boolean, positive: boolean, custom: boolean): void {
  if (upper ? b.upper <= v : b.lower >= v) leave(b.count, middleOf(b.lower, b.upper, positive, custom));
  else if (!(upper ? b.lower < v : b.upper > v)) leave(0, 0);
  else if (b.lower === -Infinity) trimEndless(b, v, upper);
  else if (b.upper === Infinity) {
    // Nobody knows how far its observations lie above v: they stay whole or go whole.
    if (!upper && v >= b.lower) leave(b.count, v);
    else leave(0, Number.isFinite(b.lower) ? b.lower : 0);
  } else {
    const below = v <= b.lower ? 0 : v >= b.upper ? b.count : b.count * fractionBelow(b, v, custom);
    if (upper) leave(below, middleOf(b.lower, v, positive, custom));
    else leave(b.count - below, middleOf(v, b.upper, positive, custom));
  }
}

/** A bucket from -Inf that holds v: above 0 it is taken to begin there, as classic histograms do. */
function trimEndless(b: Bucket, v: number, upper: boolean): void {
  const finite = b.upper !== Infinity;
  const end = finite ? b.upper : 0;
  if (upper) {
    if (v > 0 && b.upper > 0 && finite) leave((b.count * v) / b.upper, v / 2);
    else if (b.upper <= 0) leave(b.count, v);
    else leave(0, end);
  } else if (v >= 0 && b.upper > v && finite) leave(b.count * (1 - v / b.upper), (v + b.upper) / 2);
  else if (v <= b.lower) leave(b.count, 0);
  else leave(0, end);
}

function trimZeroBucket(
  h: Histogram,
  v: number,
  upper: boolean,
  hasNegative: boolean,
  hasPositive: boolean,
): void {
  const low = hasPositive && !hasNegative ? 0 : -h.zeroThreshold;
  const high = hasNegative && !hasPositive ? 0 : h.zeroThreshold;
  const below = v <= low;
  const above = v >= high;
  if (upper) {
    if (below) leave(0, 0);
    else if (above) leave(h.zeroCount, (low + high) / 2);
    else leave(h.zeroCount * ((v - low) / (high - low)), (low + v) / 2);
  } else if (below) leave(h.zeroCount, (low + high) / 2);
  else if (above) leave(0, 0);
  else leave(h.zeroCount * ((high - v) / (high - low)), (v + high) / 2);
}

/** The value that stands for all between two bounds: their mean in custom buckets, their geometric mean in others. */
function middleOf(lower: number, upper: number, positive: boolean, linear: boolean): number {
  const lowerInfinite = lower === Infinity || lower === -Infinity;
  const upperInfinite = upper === Infinity || upper === -Infinity;
  if (lowerInfinite) return upperInfinite ? 0 : upper > 0 ? upper / 2 : upper;
  if (upperInfinite) return lower;
  if (linear) return (lower + upper) / 2;
  const middle = Math.sqrt(Math.abs(lower * upper));
  return positive ? middle : -middle;
}
