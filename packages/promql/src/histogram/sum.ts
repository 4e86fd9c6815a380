// Sums and means of many histograms with compensation, as the aggregations and the _over_time functions of Prometheus 3.16 compute them.
import { RESET_HINT, SCHEMA_CUSTOM } from '@munjigi/model';
import {
  addAbove,
  addHistograms,
  divideHistogram,
  hintOfBoth,
  INCOMPATIBLE,
  negativeSide,
  positiveSide,
  type Incompatible,
} from './arithmetic.ts';
import { bucketsWithin, sameBounds } from './bound.ts';
import { addToShared, sharedBounds } from './custom.ts';
import { EMPTY_HISTOGRAM, isCustom, type Histogram } from './histogram.ts';
import { addCompensated, carry } from './kahan.ts';
import { addSides, sameIndex, type Side } from './side.ts';
import { reconcileZero, zeroOf } from './zero.ts';

/** A sum and what rounding cut off from each of its numbers. Counts and carries belong to it alone and change in place, layouts don't. */
interface Sum {
  schema: number;
  zeroThreshold: number;
  bounds: Float64Array | null;
  resetHint: number;
  zeroCount: number;
  count: number;
  sum: number;
  zeroCarry: number;
  countCarry: number;
  sumCarry: number;
  positive: CompensatedSide;
  negative: CompensatedSide;
}

interface CompensatedSide extends Side {
  readonly carry: Float64Array;
}

/**
 * Histograms are added one by one, either all with `add` or all with `addToMean`; the results have empty buckets where
 * Prometheus has them (see `compact`). Once exponential and custom buckets met, everything else is ignored and there is no result.
 */
export class HistogramSum {
  #sum: Sum = sumOf(EMPTY_HISTOGRAM);
  #n = 0;
  /** #sum is the mean so far: the sum would have overflowed. */
  #isMean = false;
  #resetSeen = false;
  #notResetSeen = false;
  /** Exponential and custom buckets met. */
  incompatible: boolean = false;
  /** Custom bounds differed: the result has those that all share. */
  boundsReconciled: boolean = false;

  /** How many were added. */
  get n(): number {
    return this.#n;
  }

  /** One said that its counter was reset, another that it was not. */
  get resetCollision(): boolean {
    return this.#resetSeen && this.#notResetSeen;
  }

  /** Nothing in it, as at first. */
  clear(): void {
    this.#n = 0;
    this.#isMean = false;
    this.#resetSeen = false;
    this.#notResetSeen = false;
    this.incompatible = false;
    this.boundsReconciled = false;
  }

  /** Adds to a sum. */
  add(h: Histogram): void {
    if (this.#begin(h)) this.#add(h);
  }

  /** Adds to a mean: a sum as long as it stays finite, then a mean that moves. */
  addToMean(h: Histogram): void {
    if (!this.#begin(h)) return;
    const n = this.#n;
    if (!this.#isMean) {
      if (sameLayout(this.#sum, h) && !wouldOverflow(this.#sum, h)) {
        addInPlace(this.#sum, h);
        return;
      }
      const grown = added(this.#sum, h);
      if (!overflows(grown)) {
        this.#take(grown, h);
        return;
      }
      this.#isMean = true;
      divide(this.#sum, n - 1);
    }
    multiply(this.#sum, (n - 1) / n);
    this.#add(divideHistogram(h, n));
  }

  /** The first is taken as it is. Whether there is something to add. */
  #begin(h: Histogram): boolean {
    if (this.incompatible) return false;
    if (h.resetHint === RESET_HINT.reset) this.#resetSeen = true;
    if (h.resetHint === RESET_HINT.notReset) this.#notResetSeen = true;
    this.#n++;
    if (this.#n === 1) {
      this.#sum = sumOf(h);
      return false;
    }
    if (isCustom(h) === (this.#sum.schema === SCHEMA_CUSTOM)) return true;
    this.incompatible = true;
    return false;
  }

  #add(h: Histogram): void {
    if (sameLayout(this.#sum, h)) addInPlace(this.#sum, h);
    else this.#take(added(this.#sum, h), h);
  }

  #take(grown: Sum, h: Histogram): void {
    if (isCustom(h) && !sameBounds(this.#sum.bounds, h.bounds)) this.boundsReconciled = true;
    this.#sum = grown;
  }

  /** The sum of what `add` was given; at least one. */
  sum(): Histogram | Incompatible {
    return this.incompatible ? INCOMPATIBLE : withCarry(valueOf(this.#sum), this.#n, this.#sum);
  }

  /** The mean of what `addToMean` was given; at least one. */
  mean(): Histogram | Incompatible {
    if (this.incompatible) return INCOMPATIBLE;
    if (this.#isMean) return withCarry(valueOf(this.#sum), this.#n, this.#sum);
    const mean = sumOf(valueOf(this.#sum), this.#sum);
    divide(mean, this.#n);
    return withCarry(valueOf(mean), this.#n, mean);
  }
}

/** The carries are added at the very end; a single histogram has none. */
function withCarry(value: Histogram, n: number, from: Sum): Histogram {
  if (n === 1) return value;
  const total = addHistograms(value, carryOf(from));
  return 'error' in total ? value : total.h;
}

/** Copies; without `carries` there are none yet. */
function sumOf(h: Histogram, carries: Sum | null = null): Sum {
  return {
    schema: h.schema,
    zeroThreshold: h.zeroThreshold,
    bounds: h.bounds,
    resetHint: h.resetHint,
    zeroCount: h.zeroCount,
    count: h.count,
    sum: h.sum,
    zeroCarry: carries?.zeroCarry ?? 0,
    countCarry: carries?.countCarry ?? 0,
    sumCarry: carries?.sumCarry ?? 0,
    positive: {
      index: h.positiveIndex,
      count: h.positive.slice(),
      carry: carries?.positive.carry.slice() ?? new Float64Array(h.positive.length),
    },
    negative: {
      index: h.negativeIndex,
      count: h.negative.slice(),
      carry: carries?.negative.carry.slice() ?? new Float64Array(h.negative.length),
    },
  };
}

function valueOf(s: Sum): Histogram {
  return {
    schema: s.schema,
    zeroThreshold: s.zeroThreshold,
    bounds: s.bounds,
    resetHint: s.resetHint,
    zeroCount: s.zeroCount,
    count: s.count,
    sum: s.sum,
    positiveIndex: s.positive.index,
    positive: s.positive.count.slice(),
    negativeIndex: s.negative.index,
    negative: s.negative.count.slice(),
  };
}

function carryOf(s: Sum): Histogram {
  return {
    schema: s.schema,
    zeroThreshold: s.zeroThreshold,
    bounds: s.bounds,
    resetHint: s.resetHint,
    zeroCount: s.zeroCarry,
    count: s.countCarry,
    sum: s.sumCarry,
    positiveIndex: s.positive.index,
    positive: s.positive.carry,
    negativeIndex: s.negative.index,
    negative: s.negative.carry,
  };
}

/** s + h as a new sum; both exponential or both custom. */
function added(s: Sum, h: Histogram): Sum {
  const count = addCompensated(h.count, s.count, s.countCarry);
  const countCarry = carry;
  const sum = addCompensated(h.sum, s.sum, s.sumCarry);
  const sumCarry = carry;
  const resetHint = hintOfBoth(s.resetHint, h.resetHint);
  const total = { resetHint, count, countCarry, sum, sumCarry };
  if (isCustom(h)) {
    const same = sameBounds(s.bounds, h.bounds);
    const bounds = same ? s.bounds : sharedBounds(s.bounds, h.bounds);
    const positive = same
      ? addSides(s.positive, positiveSide(h), 0, 1)
      : addToShared(s.positive, s.bounds, positiveSide(h), h.bounds, 1, bounds!);
    return { ...s, ...total, bounds, positive: compensated(positive) };
  }
  const { zero, otherCount, otherCarry } = reconcileZero(
    {
      threshold: s.zeroThreshold,
      count: s.zeroCount,
      carry: s.zeroCarry,
      positive: s.positive,
      negative: s.negative,
    },
    s.schema,
    zeroOf(h),
    h.schema,
  );
  const ownZero = addCompensated(otherCount, zero.count, zero.carry);
  const zeroCount = addCompensated(otherCarry, ownZero, carry);
  const zeroCarry = carry;
  const threshold = zero.threshold;
  const positive = addAbove(zero.positive, s.schema, positiveSide(h), h.schema, threshold, 1);
  const negative = addAbove(zero.negative, s.schema, negativeSide(h), h.schema, threshold, 1);
  return {
    ...total,
    schema: Math.min(s.schema, h.schema),
    zeroThreshold: threshold,
    bounds: null,
    zeroCount,
    zeroCarry,
    positive: compensated(positive),
    negative: compensated(negative),
  };
}

function compensated(side: Side): CompensatedSide {
  return { ...side, carry: side.carry ?? new Float64Array(side.count.length) };
}

/** Whether buckets can be added one to one, as nearly always. */
function sameLayout(s: Sum, h: Histogram): boolean {
  return (
    s.schema === h.schema &&
    s.zeroThreshold === h.zeroThreshold &&
    sameBounds(s.bounds, h.bounds) &&
    sameIndex(s.positive.index, h.positiveIndex) &&
    sameIndex(s.negative.index, h.negativeIndex) &&
    bucketsWithin(s.zeroThreshold, s.schema, h.positiveIndex) === 0 &&
    bucketsWithin(s.zeroThreshold, s.schema, h.negativeIndex) === 0
  );
}

function addInPlace(s: Sum, h: Histogram): void {
  s.resetHint = hintOfBoth(s.resetHint, h.resetHint);
  s.zeroCount = addCompensated(h.zeroCount, s.zeroCount, s.zeroCarry);
  s.zeroCarry = carry;
  s.count = addCompensated(h.count, s.count, s.countCarry);
  s.countCarry = carry;
  s.sum = addCompensated(h.sum, s.sum, s.sumCarry);
  s.sumCarry = carry;
  addCounts(s.positive, h.positive);
  addCounts(s.negative, h.negative);
}

function addCounts(side: CompensatedSide, more: Float64Array): void {
  const { count, carry: carries } = side;
  for (let i = 0; i < count.length; i++) {
    count[i] = addCompensated(more[i]!, count[i]!, carries[i]!);
    carries[i] = carry;
  }
}

function isInfinite(x: number): boolean {
  return x === Infinity || x === -Infinity;
}

/** Whether a number of the sum is infinite. */
function overflows(s: Sum): boolean {
  return (
    isInfinite(s.zeroCount) ||
    isInfinite(s.count) ||
    isInfinite(s.sum) ||
    s.positive.count.some(isInfinite) ||
    s.negative.count.some(isInfinite) ||
    (s.bounds?.some(isInfinite) ?? false)
  );
}

/** The same of s + h, where buckets can be added one to one. */
function wouldOverflow(s: Sum, h: Histogram): boolean {
  return (
    isInfinite(s.zeroCount + h.zeroCount) ||
    isInfinite(s.count + h.count) ||
    isInfinite(s.sum + h.sum) ||
    anyOverflows(s.positive.count, h.positive) ||
    anyOverflows(s.negative.count, h.negative) ||
    (s.bounds?.some(isInfinite) ?? false)
  );
}

function anyOverflows(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < a.length; i++) if (isInfinite(a[i]! + b[i]!)) return true;
  return false;
}

function multiply(s: Sum, factor: number): void {
  s.zeroCount *= factor;
  s.zeroCarry *= factor;
  s.count *= factor;
  s.countCarry *= factor;
  s.sum *= factor;
  s.sumCarry *= factor;
  for (const column of columnsOf(s)) for (let i = 0; i < column.length; i++) column[i] = column[i]! * factor;
}

function divide(s: Sum, divisor: number): void {
  s.zeroCount /= divisor;
  s.zeroCarry /= divisor;
  s.count /= divisor;
  s.countCarry /= divisor;
  s.sum /= divisor;
  s.sumCarry /= divisor;
  for (const column of columnsOf(s)) for (let i = 0; i < column.length; i++) column[i] = column[i]! / divisor;
}

function columnsOf(s: Sum): readonly Float64Array[] {
  return [s.positive.count, s.positive.carry, s.negative.count, s.negative.carry];
}
