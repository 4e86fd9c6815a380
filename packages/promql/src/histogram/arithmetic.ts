// Sums, differences and multiples of histograms, as model/histogram of Prometheus 3.16 computes them: the same float operations in the same order.
import { RESET_HINT } from '@munjigi/model';
import { bucketsWithin, sameBounds } from './bound.ts';
import { addToShared, sharedBounds } from './custom.ts';
import { isCustom, type Histogram } from './histogram.ts';
import { addSides, coarsenSide, type Side } from './side.ts';
import { reconcileZero, zeroOf } from './zero.ts';

export interface Combined {
  readonly h: Histogram;
  /** One says that its counter was reset, the other that it was not. */
  readonly resetCollision: boolean;
  /** Custom bounds differed: the result has those of both. */
  readonly boundsReconciled: boolean;
}

/** Exponential and custom buckets don't go together. */
export interface Incompatible {
  readonly error: 'incompatible schema';
}

export const INCOMPATIBLE: Incompatible = { error: 'incompatible schema' };

/** a + b. The result may have empty buckets (see `compact`). */
export function addHistograms(a: Histogram, b: Histogram): Combined | Incompatible {
  return combine(a, b, 1);
}

/** a - b. The hint follows the rules of a sum: PromQL's `-` makes its result a gauge (see `asGauge`). */
export function subHistograms(a: Histogram, b: Histogram): Combined | Incompatible {
  return combine(a, b, -1);
}

function combine(a: Histogram, b: Histogram, sign: 1 | -1): Combined | Incompatible {
  if (isCustom(a) !== isCustom(b)) return INCOMPATIBLE;
  const resetHint = hintOfBoth(a.resetHint, b.resetHint);
  const resetCollision = hintsCollide(a.resetHint, b.resetHint);
  const count = a.count + sign * b.count;
  const sum = a.sum + sign * b.sum;
  if (isCustom(a)) {
    const boundsReconciled = !sameBounds(a.bounds, b.bounds);
    const bounds = boundsReconciled ? sharedBounds(a.bounds, b.bounds) : a.bounds;
    const positive = boundsReconciled
      ? addToShared(positiveSide(a), a.bounds, positiveSide(b), b.bounds, sign, bounds!)
      : addSides(positiveSide(a), positiveSide(b), 0, sign);
    const h = {
      ...a,
      count,
      sum,
      resetHint,
      positiveIndex: positive.index,
      positive: positive.count,
      bounds,
    };
    return { h, resetCollision, boundsReconciled };
  }
  const { zero, otherCount } = reconcileZero(zeroOf(a), a.schema, zeroOf(b), b.schema);
  const schema = Math.min(a.schema, b.schema);
  const within = zero.threshold;
  const positive = addAbove(zero.positive, a.schema, positiveSide(b), b.schema, within, sign);
  const negative = addAbove(zero.negative, a.schema, negativeSide(b), b.schema, within, sign);
  const h = {
    schema,
    zeroThreshold: within,
    zeroCount: zero.count + sign * otherCount,
    count,
    sum,
    resetHint,
    positiveIndex: positive.index,
    positive: positive.count,
    negativeIndex: negative.index,
    negative: negative.count,
    bounds: null,
  };
  return { h, resetCollision, boundsReconciled: false };
}

export function positiveSide(h: Histogram): Side {
  return { index: h.positiveIndex, count: h.positive, carry: null };
}

export function negativeSide(h: Histogram): Side {
  return { index: h.negativeIndex, count: h.negative, carry: null };
}

/** a + sign * b in the coarser of their schemas, without the first buckets of b, which are in the zero bucket. */
export function addAbove(
  a: Side,
  aSchema: number,
  b: Side,
  bSchema: number,
  zeroThreshold: number,
  sign: 1 | -1,
): Side {
  const schema = Math.min(aSchema, bSchema);
  if (aSchema > schema) a = coarsenSide(a, aSchema, schema);
  if (bSchema > schema) {
    // What rounding cuts off while b's buckets are merged is not lost either.
    if (a.carry !== null) b = { ...b, carry: new Float64Array(b.count.length) };
    b = coarsenSide(b, bSchema, schema);
  }
  return addSides(a, b, bucketsWithin(zeroThreshold, schema, b.index), sign);
}

/** The hint of a sum or difference. */
export function hintOfBoth(a: number, b: number): number {
  if (a === b) return a;
  return a === RESET_HINT.gauge || b === RESET_HINT.gauge ? RESET_HINT.gauge : RESET_HINT.unknown;
}

export function hintsCollide(a: number, b: number): boolean {
  const { reset, notReset } = RESET_HINT;
  return (a === reset && b === notReset) || (a === notReset && b === reset);
}

/** h * factor; times a negative number it is a gauge. */
export function scaleHistogram(h: Histogram, factor: number): Histogram {
  return {
    ...h,
    zeroCount: h.zeroCount * factor,
    count: h.count * factor,
    sum: h.sum * factor,
    resetHint: factor < 0 ? RESET_HINT.gauge : h.resetHint,
    positive: h.positive.map((count) => count * factor),
    negative: h.negative.map((count) => count * factor),
  };
}

/** h / divisor; by a negative number it is a gauge, by 0 it has no buckets. */
export function divideHistogram(h: Histogram, divisor: number): Histogram {
  const gone = divisor === 0;
  const side = (index: Int32Array): Int32Array => (gone ? index.subarray(0, 0) : index);
  const counts = (count: Float64Array): Float64Array =>
    gone ? count.subarray(0, 0) : count.map((c) => c / divisor);
  return {
    ...h,
    zeroCount: h.zeroCount / divisor,
    count: h.count / divisor,
    sum: h.sum / divisor,
    resetHint: divisor < 0 ? RESET_HINT.gauge : h.resetHint,
    positiveIndex: side(h.positiveIndex),
    positive: counts(h.positive),
    negativeIndex: side(h.negativeIndex),
    negative: counts(h.negative),
  };
}

/** Unary minus. */
export function negateHistogram(h: Histogram): Histogram {
  return scaleHistogram(h, -1);
}

/** The same as a gauge. */
export function asGauge(h: Histogram): Histogram {
  return withHint(h, RESET_HINT.gauge);
}

export function withHint(h: Histogram, resetHint: number): Histogram {
  return h.resetHint === resetHint ? h : { ...h, resetHint };
}

/** The same in the wider buckets of `schema`, which is at most that of h; both are exponential. */
export function toSchema(h: Histogram, schema: number): Histogram {
  if (schema === h.schema) return h;
  const positive = coarsenSide(positiveSide(h), h.schema, schema);
  const negative = coarsenSide(negativeSide(h), h.schema, schema);
  return {
    ...h,
    schema,
    positiveIndex: positive.index,
    positive: positive.count,
    negativeIndex: negative.index,
    negative: negative.count,
  };
}
