// Histograms out of the store's columns and back.
import {
  appendEmptyRows,
  growHistogramParts,
  halvesOf,
  isStale,
  SCHEMA_MAX,
  type HistogramColumns,
} from '@munjigi/model';
import { toSchema } from './arithmetic.ts';
import { isCustom, type Histogram } from './histogram.ts';

/** Whether row `row` only says that its series ended. Ask before `fromColumns`: numbers in JavaScript don't keep the bits of a NaN. */
export function isStaleRow(columns: HistogramColumns, row: number): boolean {
  return isStale(halvesOf(columns.sum), row);
}

/** Row `row`, copied. Schemas finer than any that is computed with are made coarser, as Prometheus does when it reads them. */
export function fromColumns(columns: HistogramColumns, row: number): Histogram {
  const positive = columns.bucket.slice(columns.positiveFirst[row], columns.positiveEnd[row]);
  const negative = columns.bucket.slice(columns.negativeFirst[row], columns.negativeEnd[row]);
  const h: Histogram = {
    schema: columns.schema[row]!,
    zeroThreshold: columns.zeroThreshold[row]!,
    zeroCount: columns.zeroCount[row]!,
    count: columns.count[row]!,
    sum: columns.sum[row]!,
    resetHint: columns.resetHint[row]!,
    positiveIndex: indexesOf(
      columns,
      columns.positiveSpanFirst[row]!,
      columns.positiveSpanEnd[row]!,
      positive.length,
    ),
    positive,
    negativeIndex: indexesOf(
      columns,
      columns.negativeSpanFirst[row]!,
      columns.negativeSpanEnd[row]!,
      negative.length,
    ),
    negative,
    bounds: null,
  };
  if (isCustom(h))
    return { ...h, bounds: columns.bound.slice(columns.boundFirst[row], columns.boundEnd[row]) };
  return h.schema > SCHEMA_MAX ? toSchema(h, SCHEMA_MAX) : h;
}

/** Indexes of `n` buckets in spans; of valid rows they are as many as the spans have. */
function indexesOf(columns: HistogramColumns, first: number, end: number, n: number): Int32Array {
  const index = new Int32Array(n);
  let at = 0;
  let i = 0;
  for (let span = first; span < end && i < n; span++) {
    at += columns.spanOffset[span]!;
    const stop = Math.min(n, i + columns.spanLength[span]!);
    while (i < stop) index[i++] = at++;
  }
  return index;
}

/** Appends a row; returns its number. Neighbouring buckets share a span. */
export function appendHistogram(to: HistogramColumns, h: Histogram): number {
  const row = to.n;
  appendEmptyRows(to, 1);
  const buckets = h.positive.length + h.negative.length;
  growHistogramParts(to, buckets, buckets, h.bounds?.length ?? 0);
  to.schema[row] = h.schema;
  to.zeroThreshold[row] = h.zeroThreshold;
  to.zeroCount[row] = h.zeroCount;
  to.count[row] = h.count;
  to.sum[row] = h.sum;
  to.resetHint[row] = h.resetHint;
  to.positiveSpanFirst[row] = to.spans;
  appendSpans(to, h.positiveIndex);
  to.positiveSpanEnd[row] = to.spans;
  to.negativeSpanFirst[row] = to.spans;
  appendSpans(to, h.negativeIndex);
  to.negativeSpanEnd[row] = to.spans;
  to.positiveFirst[row] = to.buckets;
  appendBuckets(to, h.positive);
  to.positiveEnd[row] = to.buckets;
  to.negativeFirst[row] = to.buckets;
  appendBuckets(to, h.negative);
  to.negativeEnd[row] = to.buckets;
  to.boundFirst[row] = to.bounds;
  if (h.bounds !== null) {
    to.bound.set(h.bounds, to.bounds);
    to.bounds += h.bounds.length;
  }
  to.boundEnd[row] = to.bounds;
  return row;
}

function appendSpans(to: HistogramColumns, index: Int32Array): void {
  let next = 0;
  for (let i = 0; i < index.length; i++) {
    const offset = index[i]! - next;
    if (i > 0 && offset === 0) to.spanLength[to.spans - 1] = to.spanLength[to.spans - 1]! + 1;
    else {
      to.spanOffset[to.spans] = offset;
      to.spanLength[to.spans++] = 1;
    }
    next = index[i]! + 1;
  }
}

function appendBuckets(to: HistogramColumns, count: Float64Array): void {
  to.bucket.set(count, to.buckets);
  to.buckets += count.length;
}
