// One native histogram as the engine computes with it. Values are never changed in place: operations give new ones and may share arrays.
import { RESET_HINT, SCHEMA_CUSTOM } from '@munjigi/model';
import { sameBounds } from './bound.ts';
import { dropEmpty, sameIndex } from './side.ts';

/**
 * Buckets are sparse: `positiveIndex` holds the indexes of the buckets that are written out, rising, and `positive` their counts (not
 * cumulative); a bucket written out with the count 0 is kept as such, because equality looks at the layout. Index i of an exponential schema
 * s is the bucket (b^(i-1), b^i] with b = 2^(2^-s). Custom buckets (schema -53): index i is (bounds[i-1], bounds[i]], the first from -Inf (or 0), the last to
 * +Inf; they have no negative side and no zero bucket. All counts are float64.
 */
export interface Histogram {
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  /** RESET_HINT. */
  readonly resetHint: number;
  readonly positiveIndex: Int32Array;
  readonly positive: Float64Array;
  readonly negativeIndex: Int32Array;
  readonly negative: Float64Array;
  /** Upper bounds of custom buckets, rising, without +Inf; null for exponential schemas. */
  readonly bounds: Float64Array | null;
}

const NO_INDEX = new Int32Array(0);
const NO_COUNTS = new Float64Array(0);

/** No observations, exponential schema 0. */
export const EMPTY_HISTOGRAM: Histogram = {
  schema: 0,
  zeroThreshold: 0,
  zeroCount: 0,
  count: 0,
  sum: 0,
  resetHint: RESET_HINT.unknown,
  positiveIndex: NO_INDEX,
  positive: NO_COUNTS,
  negativeIndex: NO_INDEX,
  negative: NO_COUNTS,
  bounds: null,
};

/** Buckets with bounds of their own. */
export function isCustom(h: Histogram): boolean {
  return h.schema === SCHEMA_CUSTOM;
}

/** Without the buckets that are written out but empty. */
export function compact(h: Histogram): Histogram {
  const positive = dropEmpty({ index: h.positiveIndex, count: h.positive, carry: null });
  const negative = dropEmpty({ index: h.negativeIndex, count: h.negative, carry: null });
  if (positive.count === h.positive && negative.count === h.negative) return h;
  return {
    ...h,
    positiveIndex: positive.index,
    positive: positive.count,
    negativeIndex: negative.index,
    negative: negative.count,
  };
}

/**
 * PromQL's `==`: the same buckets (empty ones count) with the same data, -0 is not 0. Reset hints don't matter. Any NaN is any other:
 * their bits don't survive arithmetic in JavaScript.
 */
export function equalHistograms(a: Histogram, b: Histogram): boolean {
  return (
    a.schema === b.schema &&
    Object.is(a.count, b.count) &&
    Object.is(a.sum, b.sum) &&
    (!isCustom(a) || sameBounds(a.bounds, b.bounds)) &&
    a.zeroThreshold === b.zeroThreshold &&
    Object.is(a.zeroCount, b.zeroCount) &&
    sameIndex(a.negativeIndex, b.negativeIndex) &&
    sameCounts(a.negative, b.negative) &&
    sameIndex(a.positiveIndex, b.positiveIndex) &&
    sameCounts(a.positive, b.positive)
  );
}

function sameCounts(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** What Prometheus counts for the fields outside buckets, spans and bounds. */
const STRUCT_BYTES = 168;
const SAMPLE_BYTES = 16;

/** Bytes of a histogram as Prometheus counts them. */
export function histogramBytes(h: Histogram): number {
  const spans = runs(h.positiveIndex) + runs(h.negativeIndex);
  return STRUCT_BYTES + 8 * (spans + h.positive.length + h.negative.length + (h.bounds?.length ?? 0));
}

/** How many float samples a histogram with its time counts as, for the limit on samples. */
export function histogramSize(h: Histogram): number {
  return Math.floor((histogramBytes(h) + 8) / SAMPLE_BYTES);
}

/** Runs of neighbouring buckets: spans. */
function runs(index: Int32Array): number {
  let n = index.length === 0 ? 0 : 1;
  for (let i = 1; i < index.length; i++) if (index[i] !== index[i - 1]! + 1) n++;
  return n;
}
