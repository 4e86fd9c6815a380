// Histograms into rows of columns, as storage takes them.
import { appendEmptyRows, growHistogramParts, type HistogramColumns } from '@munjigi/model';
import type { Histogram } from '../histogram/histogram.ts';

/** Appends a row; buckets that are neighbours share a span. */
export function appendHistogram(to: HistogramColumns, h: Histogram): void {
  const row = to.n;
  appendEmptyRows(to, 1);
  to.schema[row] = h.schema;
  to.zeroThreshold[row] = h.zeroThreshold;
  to.zeroCount[row] = h.zeroCount;
  to.count[row] = h.count;
  to.sum[row] = h.sum;
  to.resetHint[row] = h.resetHint;
  const bounds = h.bounds ?? NO_BOUNDS;
  // A span has at least one bucket.
  const most = h.positive.length + h.negative.length;
  growHistogramParts(to, most, most, bounds.length);
  to.positiveSpanFirst[row] = to.spans;
  to.positiveFirst[row] = to.buckets;
  appendSide(to, h.positiveIndex, h.positive);
  to.positiveSpanEnd[row] = to.negativeSpanFirst[row] = to.spans;
  to.positiveEnd[row] = to.negativeFirst[row] = to.buckets;
  appendSide(to, h.negativeIndex, h.negative);
  to.negativeSpanEnd[row] = to.spans;
  to.negativeEnd[row] = to.buckets;
  to.boundFirst[row] = to.bounds;
  to.bound.set(bounds, to.bounds);
  to.bounds += bounds.length;
  to.boundEnd[row] = to.bounds;
}

const NO_BOUNDS = new Float64Array(0);

function appendSide(to: HistogramColumns, index: Int32Array, counts: Float64Array): void {
  to.bucket.set(counts, to.buckets);
  to.buckets += counts.length;
  let end = 0;
  for (let i = 0; i < index.length; i++) {
    if (i === 0 || index[i] !== end) {
      to.spanOffset[to.spans] = index[i]! - end;
      to.spanLength[to.spans++] = 0;
    }
    to.spanLength[to.spans - 1]!++;
    end = index[i]! + 1;
  }
}
