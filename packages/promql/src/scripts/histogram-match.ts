// When a histogram is the one that a script expects.
import { compact, isCustom, type Histogram } from '../histogram/histogram.ts';
import { sameBounds } from '../histogram/bound.ts';
import { nearlyEqual } from './nearly.ts';

/** Whether they are the same but for empty buckets and small differences of counts; `hinted`: with the same counter reset hint. */
export function histogramsMatch(want: Histogram, got: Histogram, hinted: boolean): boolean {
  const a = compact(want);
  const b = compact(got);
  return (
    a.schema === b.schema &&
    nearlyEqual(a.count, b.count) &&
    nearlyEqual(a.sum, b.sum) &&
    (!isCustom(a) || sameBounds(a.bounds, b.bounds)) &&
    a.zeroThreshold === b.zeroThreshold &&
    nearlyEqual(a.zeroCount, b.zeroCount) &&
    sideMatches(a.negativeIndex, a.negative, b.negativeIndex, b.negative) &&
    sideMatches(a.positiveIndex, a.positive, b.positiveIndex, b.positive) &&
    (!hinted || a.resetHint === b.resetHint)
  );
}

function sideMatches(
  wantIndex: Int32Array,
  want: Float64Array,
  gotIndex: Int32Array,
  got: Float64Array,
): boolean {
  if (want.length !== got.length) return false;
  for (let i = 0; i < want.length; i++)
    if (wantIndex[i] !== gotIndex[i] || !nearlyEqual(want[i]!, got[i]!)) return false;
  return true;
}
