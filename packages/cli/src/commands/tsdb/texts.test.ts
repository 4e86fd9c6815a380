import { appendEmptyRows, growHistogramParts, KIND, newHistogramColumns } from '@munjigi/model';
import { expect, test } from 'vitest';
import { goBytes, goFloat, goQuote, goTable } from './go-format.ts';
import { histogramText } from './histogram-text.ts';
import { progressLine } from './progress.ts';
import { printUtc } from './utc.ts';

test.each<[value: number, text: string]>([
  [0, '0'],
  [-0, '-0'],
  [100_000, '100000'],
  [999_999, '999999'],
  [1e6, '1e+06'],
  [1_000_000.5, '1.0000005e+06'],
  [123_456_789, '1.23456789e+08'],
  [0.0001, '0.0001'],
  [0.00001, '1e-05'],
  [0.00012345, '0.00012345'],
  [1.25e21, '1.25e+21'],
  [-5e-324, '-5e-324'],
  [1e100, '1e+100'],
  [Number.NaN, 'NaN'],
  [Infinity, '+Inf'],
  [-Infinity, '-Inf'],
])('%d as Go prints it', (value, text) => expect(goFloat(value)).toBe(text));

test.each<[bytes: number, text: string]>([
  [0, '0B'],
  [1023, '1023B'],
  [1024, '1KiB'],
  [44_253, '43KiB221B'],
  [5 * 1024 ** 3 + 1, '5GiB1B'],
])('%d bytes', (bytes, text) => expect(goBytes(bytes)).toBe(text));

test.each<[text: string, quoted: string]>([
  ['plain', '"plain"'],
  ['a"b\\c\nd\te', '"a\\"b\\\\c\\nd\\te"'],
  ['é😀', '"é😀"'],
  ['\u0001\u007f', '"\\x01\\x7f"'],
  ['\u200b\u{e0001}', '"\\u200b\\U000e0001"'],
])('%j quoted', (text, quoted) => expect(goQuote(text)).toBe(quoted));

test('a table', () => {
  expect(
    goTable(
      [
        ['A', 'LONG NAME', 'C'],
        ['é', '1', 'x'],
      ],
      5,
    ),
  ).toBe('A    LONG NAME  C\né    1          x\n');
});

test.each<[ms: number, text: string]>([
  [0, '1970-01-01 00:00:00 +0000 UTC'],
  [1_767_361_020_999, '2026-01-02 13:37:00 +0000 UTC'],
  [-1000, '1969-12-31 23:59:59 +0000 UTC'],
])('%d in UTC', (ms, text) => expect(printUtc(ms)).toBe(text));

test('a line of progress', () => {
  expect(progressLine('reading', 1, 4, 80)).toBe('[######..................]  25% reading');
  expect(progressLine('reading', 7, 0, 80)).toBe('reading');
  expect(progressLine('reading', 1, 4, 10)).toHaveLength(9);
});

interface Written {
  readonly schema: number;
  readonly zero?: readonly [threshold: number, count: number];
  readonly positive?: readonly [offset: number, ...counts: number[]];
  readonly negative?: readonly [offset: number, ...counts: number[]];
  readonly bounds?: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** Texts are those of Prometheus 3.16 for the same histograms. */
test.each<[kind: number, h: Written, text: string]>([
  [KIND.histogram, { schema: 0, count: 0, sum: 0 }, '{count:0, sum:0}'],
  [
    KIND.histogram,
    {
      schema: 1,
      zero: [0.001, 2],
      positive: [0, 2, 0, 1],
      negative: [0, 2, 4],
      count: 12,
      sum: 18.4,
    },
    '{count:12, sum:18.4, [-1.414213562373095,-1):4, [-1,-0.7071067811865475):2, [-0.001,0.001]:2, (0.7071067811865475,1]:2, (1.414213562373095,2]:1}',
  ],
  [
    KIND.floatHistogram,
    { schema: -1, positive: [1, 1e6, 2.5], count: 1e6 + 2.5, sum: 1e9 },
    '{count:1.0000025e+06, sum:1e+09, (1,4]:1e+06, (4,16]:2.5}',
  ],
  [
    KIND.histogram,
    { schema: -53, bounds: [1, 2.5, 10], positive: [0, 1, 2, 3, 4], count: 10, sum: 40 },
    '{count:10, sum:40, [-Inf,1]:1, (1,2.5]:2, (2.5,10]:3, (10,+Inf]:4}',
  ],
  [KIND.histogram, { schema: 0, zero: [0, 1], count: 1, sum: 0 }, '{count:1, sum:0, [-0,0]:1}'],
  [
    KIND.histogram,
    { schema: -4, positive: [64, 1], count: 1, sum: 1e300 },
    '{count:1, sum:1e+300, (2.7430620343968443e+303,1.7976931348623157e+308]:1}',
  ],
])('a histogram of kind %d', (kind, written, text) => {
  const h = newHistogramColumns(1);
  appendEmptyRows(h, 1);
  h.schema[0] = written.schema;
  h.count[0] = written.count;
  h.sum[0] = written.sum;
  h.zeroThreshold[0] = written.zero?.[0] ?? 0;
  h.zeroCount[0] = written.zero?.[1] ?? 0;
  growHistogramParts(h, 2, 16, 8);
  for (const side of ['positive', 'negative'] as const) {
    const [offset = 0, ...counts] = written[side] ?? [];
    h[`${side}SpanFirst`][0] = h.spans;
    h[`${side}First`][0] = h.buckets;
    if (counts.length > 0) {
      h.spanOffset[h.spans] = offset;
      h.spanLength[h.spans++] = counts.length;
    }
    for (const n of counts) h.bucket[h.buckets++] = n;
    h[`${side}SpanEnd`][0] = h.spans;
    h[`${side}End`][0] = h.buckets;
  }
  h.boundFirst[0] = 0;
  for (const bound of written.bounds ?? []) h.bound[h.bounds++] = bound;
  h.boundEnd[0] = h.bounds;
  expect(histogramText(h, 0, kind)).toBe(text);
});
