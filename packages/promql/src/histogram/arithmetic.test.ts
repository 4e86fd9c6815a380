import { expect, test } from 'vitest';
import {
  addHistograms,
  asGauge,
  divideHistogram,
  negateHistogram,
  scaleHistogram,
  subHistograms,
  toSchema,
} from './arithmetic.ts';
import { upperBound } from './bound.ts';
import { compact, equalHistograms, histogramBytes, histogramSize, type Histogram } from './histogram.ts';
import { literal } from './testing.ts';

interface Row {
  readonly name: string;
  readonly a: string;
  readonly b: string;
  readonly sum?: string;
  readonly difference?: string;
  readonly reconciled?: boolean;
  readonly collision?: boolean;
}

const ROWS: readonly Row[] = [
  {
    name: 'the same buckets',
    a: '{{count:6 sum:4 z_bucket:1 buckets:[2 3]}}',
    b: '{{count:3 sum:1 z_bucket:1 buckets:[1 1]}}',
    sum: '{{count:9 sum:5 z_bucket:2 buckets:[3 4]}}',
    difference: '{{count:3 sum:3 buckets:[1 2]}}',
  },
  {
    name: 'buckets around and between',
    a: '{{count:5 sum:1 offset:-1 buckets:[1 0 0 4] n_buckets:[1]}}',
    b: '{{count:6 sum:1 offset:-2 buckets:[1 0 2 0 0 3] n_offset:2 n_buckets:[7]}}',
    sum: '{{count:11 sum:2 offset:-2 buckets:[1 1 2 0 4 3] n_buckets:[1 0 7]}}',
    difference: '{{count:-1 offset:-2 buckets:[-1 1 -2 0 4 -3] n_buckets:[1 0 -7]}}',
  },
  {
    name: 'the finer schema becomes the coarser one',
    a: '{{schema:1 count:10 sum:1 buckets:[1 2 3 4]}}',
    b: '{{schema:0 count:5 sum:1 buckets:[5]}}',
    sum: '{{count:15 sum:2 buckets:[6 5 4]}}',
    difference: '{{count:5 buckets:[-4 5 4]}}',
  },
  {
    name: 'the wider zero bucket takes in what is below it',
    a: '{{count:7 sum:1 z_bucket:1 z_bucket_w:0.5 buckets:[1 2 3]}}',
    b: '{{count:4 sum:1 z_bucket:4 z_bucket_w:2}}',
    sum: '{{count:11 sum:2 z_bucket:8 z_bucket_w:2 offset:2 buckets:[3]}}',
    difference: '{{count:3 z_bucket_w:2 offset:2 buckets:[3]}}',
  },
  {
    name: 'a zero threshold within a full bucket moves to its end',
    a: '{{count:7 sum:1 z_bucket:1 z_bucket_w:0.5 buckets:[1 2 3]}}',
    b: '{{count:4 sum:1 z_bucket:4 z_bucket_w:1.5}}',
    sum: '{{count:11 sum:2 z_bucket:8 z_bucket_w:2 offset:2 buckets:[3]}}',
  },
  {
    name: 'a negative bucket moves it, too',
    a: '{{count:7 sum:1 z_bucket:1 z_bucket_w:1.5}}',
    b: '{{count:4 sum:1 n_offset:1 n_buckets:[2 5] offset:1 buckets:[3 1]}}',
    sum: '{{count:11 sum:2 z_bucket:6 z_bucket_w:2 offset:2 buckets:[1] n_offset:2 n_buckets:[5]}}',
  },
  {
    name: 'custom buckets',
    a: '{{schema:-53 count:6 sum:9 custom_values:[5 10] buckets:[1 2 3]}}',
    b: '{{schema:-53 count:1 sum:1 custom_values:[5 10] offset:1 buckets:[1]}}',
    sum: '{{schema:-53 count:7 sum:10 custom_values:[5 10] buckets:[1 3 3]}}',
    difference: '{{schema:-53 count:5 sum:8 custom_values:[5 10] buckets:[1 1 3]}}',
  },
  {
    name: 'custom buckets of other bounds: what both have',
    a: '{{schema:-53 count:10 sum:9 custom_values:[1 2 3] buckets:[1 2 3 4]}}',
    b: '{{schema:-53 count:3 sum:1 custom_values:[0 2 4] buckets:[1 1 1 0]}}',
    sum: '{{schema:-53 count:13 sum:10 custom_values:[2] buckets:[5 8]}}',
    difference: '{{schema:-53 count:7 sum:8 custom_values:[2] buckets:[1 6]}}',
    reconciled: true,
  },
  {
    name: 'custom bounds without a common one',
    a: '{{schema:-53 count:3 sum:9 custom_values:[1] buckets:[1 2]}}',
    b: '{{schema:-53 count:2 sum:1 custom_values:[2] buckets:[1 1]}}',
    sum: '{{schema:-53 count:5 sum:10 custom_values:[] buckets:[5]}}',
    reconciled: true,
  },
  {
    name: 'hints that contradict',
    a: '{{counter_reset_hint:reset count:1}}',
    b: '{{counter_reset_hint:not_reset count:1}}',
    sum: '{{count:2}}',
    collision: true,
  },
  {
    name: 'a gauge makes a gauge',
    a: '{{counter_reset_hint:reset count:1}}',
    b: '{{counter_reset_hint:gauge count:1}}',
    sum: '{{counter_reset_hint:gauge count:2}}',
  },
  {
    name: 'the same hint stays',
    a: '{{counter_reset_hint:reset}}',
    b: '{{counter_reset_hint:reset}}',
    sum: '{{counter_reset_hint:reset}}',
  },
  { name: 'a known hint and none', a: '{{counter_reset_hint:reset}}', b: '{{}}', sum: '{{}}' },
];

test.each(ROWS)('a + b, a - b: $name', ({ a, b, sum, difference, reconciled, collision }) => {
  for (const [wanted, result] of [
    [sum, addHistograms(literal(a), literal(b))],
    [difference, subHistograms(literal(a), literal(b))],
  ] as const) {
    if (wanted === undefined) continue;
    if ('error' in result) throw new Error(result.error);
    // `custom_values:[]` is no text of the test language.
    const empty = wanted.includes('custom_values:[] ');
    const expected = literal(wanted.replace('custom_values:[] ', ''));
    const h = compact(result.h);
    if (empty) expect(h.bounds).toHaveLength(0);
    expect(equalHistograms(h, compact(expected))).toBe(true);
    expect(h.resetHint).toBe(expected.resetHint);
    expect(result.boundsReconciled).toBe(reconciled ?? false);
    expect(result.resetCollision).toBe(collision ?? false);
  }
});

test('exponential and custom buckets do not go together', () => {
  const a = literal('{{count:1 buckets:[1]}}');
  const b = literal('{{schema:-53 count:1 custom_values:[1] buckets:[1]}}');
  for (const result of [addHistograms(a, b), subHistograms(b, a)])
    expect(result).toEqual({ error: 'incompatible schema' });
});

const H = '{{count:6 sum:8 z_bucket:2 z_bucket_w:0.5 buckets:[4] n_buckets:[2]}}';

test.each<[string, (h: Histogram) => Histogram, string]>([
  [
    '* 2',
    (h) => scaleHistogram(h, 2),
    '{{count:12 sum:16 z_bucket:4 z_bucket_w:0.5 buckets:[8] n_buckets:[4]}}',
  ],
  [
    '/ 2',
    (h) => divideHistogram(h, 2),
    '{{count:3 sum:4 z_bucket:1 z_bucket_w:0.5 buckets:[2] n_buckets:[1]}}',
  ],
  ['/ 0', (h) => divideHistogram(h, 0), '{{count:Inf sum:Inf z_bucket:Inf z_bucket_w:0.5}}'],
  [
    '/ -2',
    (h) => divideHistogram(h, -2),
    '{{counter_reset_hint:gauge count:-3 sum:-4 z_bucket:-1 z_bucket_w:0.5 buckets:[-2] n_buckets:[-1]}}',
  ],
  [
    'negated',
    negateHistogram,
    '{{counter_reset_hint:gauge count:-6 sum:-8 z_bucket:-2 z_bucket_w:0.5 buckets:[-4] n_buckets:[-2]}}',
  ],
  ['a gauge', asGauge, H.replace('{{', '{{counter_reset_hint:gauge ')],
  ['schema -1', (h) => toSchema(h, -1), H.replace('{{', '{{schema:-1 ')],
])('a histogram %s', (_, change, wanted) => {
  const h = change(literal(H));
  expect(equalHistograms(h, literal(wanted))).toBe(true);
  expect(h.resetHint).toBe(literal(wanted).resetHint);
});

test.each<[string, string, boolean]>([
  ['{{count:1}}', '{{count:1}}', true],
  ['{{count:1}}', '{{count:1 counter_reset_hint:gauge}}', true],
  ['{{sum:NaN}}', '{{sum:NaN}}', true],
  ['{{sum:0}}', '{{sum:-0}}', false],
  ['{{buckets:[1 0]}}', '{{buckets:[1]}}', false],
  ['{{buckets:[1]}}', '{{buckets:[1] offset:1}}', false],
  ['{{n_buckets:[1]}}', '{{buckets:[1]}}', false],
  ['{{z_bucket_w:1}}', '{{z_bucket_w:2}}', false],
  ['{{schema:-53 custom_values:[1] buckets:[1]}}', '{{schema:-53 custom_values:[2] buckets:[1]}}', false],
])('%s == %s: %s', (a, b, same) => {
  expect(equalHistograms(literal(a), literal(b))).toBe(same);
});

test('sizes are those of Prometheus', () => {
  expect(histogramBytes(literal('{{}}'))).toBe(168);
  expect(histogramSize(literal('{{}}'))).toBe(11);
  // Two buckets in one span each side.
  expect(histogramBytes(literal('{{buckets:[1 2] n_buckets:[1 2]}}'))).toBe(168 + 2 * 8 + 4 * 8);
  expect(histogramSize(literal('{{schema:-53 custom_values:[1 2 3] buckets:[1]}}'))).toBe(
    (168 + 8 + 8 + 24 + 8) / 16 - 0.5,
  );
});

test.each<[number, number, number]>([
  [0, 0, 1],
  [1, 0, 2],
  [-3, 0, 0.125],
  [1, -2, 16],
  [1, 1, Math.SQRT2 - 2 ** -52],
  [3, 2, 1.6817928305074288],
  [1024, 0, Number.MAX_VALUE],
  [1025, 0, Infinity],
  [64, -4, Number.MAX_VALUE],
  [262_144, 8, Number.MAX_VALUE],
  [-1074, 0, 5e-324],
  [-1075, 0, 0],
])('bucket %i of schema %i ends at %d', (index, schema, bound) => {
  expect(upperBound(index, schema, null)).toBe(bound);
});
