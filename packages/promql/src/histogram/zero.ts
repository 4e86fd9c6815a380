// Zero buckets of different width: the narrower one takes in buckets until both are as wide.
import { upperBound } from './bound.ts';
import type { Histogram } from './histogram.ts';
import { addCompensated, carry } from './kahan.ts';
import { dropEmpty, type Side } from './side.ts';

/** The zero bucket of a histogram with the sides that belong to it; compensations are 0 and null where sums have none. */
export interface ZeroBucket {
  readonly threshold: number;
  readonly count: number;
  readonly carry: number;
  readonly positive: Side;
  readonly negative: Side;
}

interface Wide {
  readonly count: number;
  readonly threshold: number;
  readonly carry: number;
}

/**
 * What the zero bucket would hold if it reached to `threshold` at least. A threshold inside a bucket that holds something moves up to that
 * bucket's end, because a bucket cannot be cut.
 */
function widened(zero: ZeroBucket, schema: number, threshold: number): Wide {
  if (threshold === zero.threshold) return zero;
  // Runs once more when a negative bucket moved the threshold; the compensation, unlike the count, is then not taken back.
  let c = zero.carry;
  for (;;) {
    let count = zero.count;
    for (let i = 0; i < zero.positive.index.length; i++) {
      const index = zero.positive.index[i]!;
      if (upperBound(index - 1, schema, null) >= threshold) break;
      count = takeIn(zero.positive, i, count, c);
      c = carry;
      const end = upperBound(index, schema, null);
      if (end > threshold) {
        if (zero.positive.count[i] !== 0) threshold = end;
        break;
      }
    }
    let moved = false;
    for (let i = 0; i < zero.negative.index.length; i++) {
      const index = zero.negative.index[i]!;
      if (upperBound(index - 1, schema, null) >= threshold) break;
      count = takeIn(zero.negative, i, count, c);
      c = carry;
      const end = upperBound(index, schema, null);
      if (end > threshold) {
        if (zero.negative.count[i] !== 0) {
          threshold = end;
          moved = true;
        }
        break;
      }
    }
    if (!moved) return { count, threshold, carry: c };
  }
}

/** `sum` with bucket i of a side added. */
function takeIn(side: Side, i: number, sum: number, c: number): number {
  const t = addCompensated(side.count[i]!, sum, c);
  return side.carry === null ? t : addCompensated(side.carry[i]!, t, carry);
}

/** How many of the first buckets begin below the threshold. */
function beginningBelow(threshold: number, schema: number, index: Int32Array): number {
  let n = 0;
  while (n < index.length && !(upperBound(index[n]! - 1, schema, null) >= threshold)) n++;
  return n;
}

export interface Reconciled {
  readonly zero: ZeroBucket;
  /** What the other histogram's zero bucket holds at the same width; its buckets are as they were. */
  readonly otherCount: number;
  readonly otherCarry: number;
}

/** One zero threshold for both, outside any bucket that holds something. The buckets that `zero` took in are gone from its sides. */
export function reconcileZero(
  zero: ZeroBucket,
  schema: number,
  other: ZeroBucket,
  otherSchema: number,
): Reconciled {
  let { threshold: otherThreshold, count: otherCount } = other;
  let otherCarry = 0;
  for (;;) {
    if (zero.threshold > otherThreshold) {
      const wide = widened(other, otherSchema, zero.threshold);
      otherCount = wide.count;
      otherThreshold = wide.threshold;
      otherCarry = wide.carry;
    } else if (otherThreshold > zero.threshold) {
      const wide = widened(zero, schema, otherThreshold);
      const { positive, negative } = zero;
      zero = {
        ...wide,
        positive: dropEmpty(positive, beginningBelow(wide.threshold, schema, positive.index)),
        negative: dropEmpty(negative, beginningBelow(wide.threshold, schema, negative.index)),
      };
    } else return { zero, otherCount, otherCarry };
  }
}

/** The zero bucket of `h` if it reached to `threshold` at least; see `widened`. */
export function zeroCountAt(h: Histogram, threshold: number): Wide {
  return widened(zeroOf(h), h.schema, threshold);
}

export function zeroOf(h: Histogram): ZeroBucket {
  return {
    threshold: h.zeroThreshold,
    count: h.zeroCount,
    carry: 0,
    positive: { index: h.positiveIndex, count: h.positive, carry: null },
    negative: { index: h.negativeIndex, count: h.negative, carry: null },
  };
}
