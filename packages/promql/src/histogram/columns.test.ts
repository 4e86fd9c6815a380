import { halvesOf, newHistogramColumns, RESET_HINT, setStale, validateHistogram, KIND } from '@munjigi/model';
import { expect, test } from 'vitest';
import { appendHistogram, fromColumns, isStaleRow } from './columns.ts';
import { EMPTY_HISTOGRAM, equalHistograms, type Histogram } from './histogram.ts';
import { literal } from './testing.ts';

const ROWS: readonly Histogram[] = [
  EMPTY_HISTOGRAM,
  literal(
    '{{schema:3 count:9 sum:-2.5 z_bucket:1 z_bucket_w:0.001 buckets:[1 0 2] offset:-7 n_buckets:[5] n_offset:3}}',
  ),
  literal('{{schema:-53 count:3 custom_values:[-1 5] buckets:[3] offset:2 counter_reset_hint:gauge}}'),
  { ...literal('{{count:4 buckets:[1 1 1 1]}}'), positiveIndex: Int32Array.of(-3, -2, 4, 9) },
];

test('histograms come out of columns as they went in', () => {
  const columns = newHistogramColumns(0);
  ROWS.forEach((h, i) => expect(appendHistogram(columns, h)).toBe(i));
  expect(columns.n).toBe(ROWS.length);
  ROWS.forEach((h, i) => {
    const back = fromColumns(columns, i);
    expect(equalHistograms(back, h)).toBe(true);
    expect(back.resetHint).toBe(h.resetHint);
    expect(validateHistogram(columns, i, KIND.floatHistogram)).toBeNull();
  });
  expect(fromColumns(columns, 2).resetHint).toBe(RESET_HINT.gauge);
  // -3 and -2 share a span.
  expect(columns.positiveSpanEnd[3]! - columns.positiveSpanFirst[3]!).toBe(3);
});

test('a row is stale by the bits of its sum', () => {
  const columns = newHistogramColumns(0);
  for (const sum of [1, NaN, 0]) appendHistogram(columns, { ...EMPTY_HISTOGRAM, sum });
  setStale(halvesOf(columns.sum), 2);
  expect([0, 1, 2].map((row) => isStaleRow(columns, row))).toEqual([false, false, true]);
});

test('schemas that are too fine are read coarser', () => {
  const columns = newHistogramColumns(0);
  appendHistogram(columns, literal('{{schema:10 count:8 buckets:[1 2 3 2] offset:1}}'));
  expect(equalHistograms(fromColumns(columns, 0), literal('{{schema:8 count:8 buckets:[8] offset:1}}'))).toBe(
    true,
  );
});
