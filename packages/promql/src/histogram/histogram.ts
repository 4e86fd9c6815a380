// One native histogram as the engine computes with it. Values are never changed in place: operations give new ones and may share arrays.
import { RESET_HINT } from '@munjigi/model';

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
