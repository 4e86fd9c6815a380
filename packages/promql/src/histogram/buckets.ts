// The buckets of a histogram one after another, with their bounds. One object is filled again and again: bounds are only computed when asked for.
import { upperBound } from './bound.ts';
import { isCustom, type Histogram } from './histogram.ts';

export interface Bucket {
  lower: number;
  upper: number;
  lowerInclusive: boolean;
  upperInclusive: boolean;
  count: number;
}

/** A bucket of nothing, to be filled by the functions below. */
export function newBucket(): Bucket {
  return { lower: 0, upper: 0, lowerInclusive: false, upperInclusive: false, count: 0 };
}

/** Fills `b` with positive bucket i, counted from zero outwards. It may overlap with the zero bucket. */
export function positiveBucket(h: Histogram, i: number, b: Bucket): void {
  const index = h.positiveIndex[i]!;
  b.lower = upperBound(index - 1, h.schema, h.bounds);
  b.upper = upperBound(index, h.schema, h.bounds);
  b.count = h.positive[i]!;
  setInclusive(h, index, b);
}

/** Fills `b` with negative bucket i, counted from zero outwards. It may overlap with the zero bucket. */
export function negativeBucket(h: Histogram, i: number, b: Bucket): void {
  const index = h.negativeIndex[i]!;
  b.lower = -upperBound(index, h.schema, null);
  b.upper = -upperBound(index - 1, h.schema, null);
  b.count = h.negative[i]!;
  setInclusive(h, index, b);
}

function setInclusive(h: Histogram, index: number, b: Bucket): void {
  b.lowerInclusive = isCustom(h) ? index === 0 : b.lower < 0;
  b.upperInclusive = isCustom(h) || b.upper > 0;
}

export function zeroBucket(h: Histogram, b: Bucket): void {
  b.lower = -h.zeroThreshold;
  b.upper = h.zeroThreshold;
  b.lowerInclusive = true;
  b.upperInclusive = true;
  b.count = h.zeroCount;
}

function hasZeroBucket(h: Histogram): boolean {
  return h.zeroCount > 0 && !isCustom(h);
}

/** How many buckets are written out, the zero bucket with them when it holds something. */
export function bucketCount(h: Histogram): number {
  return h.negative.length + (hasZeroBucket(h) ? 1 : 0) + h.positive.length;
}

/** Fills `b` with bucket k in [0, bucketCount(h)), from the lowest to the highest; those that overlap with the zero bucket are cut. */
export function bucketAt(h: Histogram, k: number, b: Bucket): void {
  const negative = h.negative.length;
  if (k < negative) negativeBucket(h, negative - 1 - k, b);
  else if (k > negative || !hasZeroBucket(h)) positiveBucket(h, k - negative - (hasZeroBucket(h) ? 1 : 0), b);
  else {
    zeroBucket(h, b);
    return;
  }
  if (b.upper < 0 && b.upper > -h.zeroThreshold) b.upper = -h.zeroThreshold;
  else if (b.lower > 0 && b.lower < h.zeroThreshold) b.lower = h.zeroThreshold;
}
