// Whether a counter began anew between two samples.
import { RESET_HINT } from '@munjigi/model';
import { negativeSide, positiveSide } from './arithmetic.ts';
import { bucketsWithin, sameBounds, upperBound } from './bound.ts';
import { isCustom, type Histogram } from './histogram.ts';
import { coarsenSide, type Side } from './side.ts';
import { zeroCountAt } from './zero.ts';

/**
 * Whether `current` cannot have grown out of `previous`: its hint says so, or some count fell, or a bucket that held something is gone, or
 * its buckets became finer. A hint that there was no reset is believed; gauges are looked at like counters.
 */
export function detectReset(current: Histogram, previous: Histogram): boolean {
  if (current.resetHint === RESET_HINT.reset) return true;
  if (current.resetHint === RESET_HINT.notReset) return false;
  if (current.count < previous.count) return true;
  if (isCustom(current)) {
    if (!isCustom(previous)) return true;
    if (!sameBounds(current.bounds, previous.bounds)) return anyFellBetweenShared(current, previous);
    return anyFell(positiveSide(current), positiveSide(previous), 0, 0);
  }
  if (current.schema > previous.schema || isCustom(previous)) return true;
  if (current.zeroThreshold < previous.zeroThreshold) return true;
  const zero = zeroCountAt(previous, current.zeroThreshold);
  // A threshold within a bucket that held something cannot have been reached without a reset.
  if (zero.threshold !== current.zeroThreshold || current.zeroCount < zero.count) return true;
  return (
    anyFellAbove(current, positiveSide(current), positiveSide(previous), previous.schema) ||
    anyFellAbove(current, negativeSide(current), negativeSide(previous), previous.schema)
  );
}

function anyFellAbove(h: Histogram, current: Side, previous: Side, previousSchema: number): boolean {
  if (previousSchema > h.schema) previous = coarsenSide(previous, previousSchema, h.schema);
  if (h.zeroThreshold === 0) return anyFell(current, previous, 0, 0);
  const from = bucketsWithin(h.zeroThreshold, h.schema, current.index);
  return anyFell(current, previous, from, bucketsWithin(h.zeroThreshold, h.schema, previous.index));
}

/** Whether a bucket of `previous` held more than the same one of `current`; the first buckets of each are left out. */
function anyFell(current: Side, previous: Side, currentFrom: number, previousFrom: number): boolean {
  let i = currentFrom;
  for (let k = previousFrom; k < previous.index.length; k++) {
    const index = previous.index[k]!;
    while (i < current.index.length && current.index[i]! < index) i++;
    const there = i < current.index.length && current.index[i] === index;
    if (there ? current.count[i]! < previous.count[k]! : previous.count[k] !== 0) return true;
  }
  return false;
}

/** Custom buckets of different bounds: compares what lies between the bounds that both have. */
function anyFellBetweenShared(current: Histogram, previous: Histogram): boolean {
  const n = current.bounds?.length ?? 0;
  const m = previous.bounds?.length ?? 0;
  let at = 0;
  let previousAt = 0;
  for (let i = 0, k = 0; i <= n && k <= m;) {
    const bound = upperBound(i, current.schema, current.bounds);
    const previousBound = upperBound(k, previous.schema, previous.bounds);
    if (bound < previousBound) i++;
    else if (bound !== previousBound) k++;
    else {
      let sum = 0;
      let previousSum = 0;
      for (; at < current.positive.length && endOf(current, at) <= bound; at++) sum += current.positive[at]!;
      for (; previousAt < previous.positive.length && endOf(previous, previousAt) <= bound; previousAt++)
        previousSum += previous.positive[previousAt]!;
      if (sum < previousSum) return true;
      i++;
      k++;
    }
  }
  return false;
}

function endOf(h: Histogram, i: number): number {
  return upperBound(h.positiveIndex[i]!, h.schema, h.bounds);
}
