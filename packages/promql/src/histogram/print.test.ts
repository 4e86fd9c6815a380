import { expect, test } from 'vitest';
import { bucketsOf, printHistogram, testHistogram } from './print.ts';
import { literal } from './testing.ts';

test.each<[text: string, printed: string]>([
  ['{{}}', '{count:0, sum:0}'],
  [
    '{{count:10 sum:1.5e7 z_bucket:1 z_bucket_w:0.00001 buckets:[2 0 3] n_buckets:[4 1]}}',
    '{count:10, sum:1.5e+07, [-2,-1):1, [-1,-0.5):4, [-1e-05,1e-05]:1, (0.5,1]:2, (2,4]:3}',
  ],
  [
    '{{schema:-53 count:3 sum:NaN custom_values:[0.5 7] buckets:[1 0.5 1.5]}}',
    '{count:3, sum:NaN, [-Inf,0.5]:1, (0.5,7]:0.5, (7,+Inf]:1.5}',
  ],
])('%s is printed', (text, printed) => {
  expect(printHistogram(literal(text))).toBe(printed);
});

test.each<[text: string, printed?: string]>([
  ['{{}}'],
  [
    '{{schema:3 count:5 sum:-1 z_bucket:2 z_bucket_w:0.001 counter_reset_hint:not_reset offset:-3 buckets:[1 0 2]}}',
  ],
  ['{{schema:-53 custom_values:[1 2.5] counter_reset_hint:gauge buckets:[1]}}'],
  ['{{count:1 counter_reset_hint:reset n_offset:7 n_buckets:[1e+06]}}'],
  ['{{buckets:[0 0 1 0] count:1 counter_reset_hint:unknown}}', '{{count:1 offset:2 buckets:[1]}}'],
])('%s is a literal again', (text, printed = text) => {
  expect(testHistogram(literal(text))).toBe(printed);
});

test.each<[string, (readonly [boundary: number, lower: number, upper: number, count: number])[]]>([
  ['{{}}', []],
  [
    '{{count:9 z_bucket:1 z_bucket_w:0.75 buckets:[2 0 3] n_buckets:[4 1]}}',
    [
      [1, -2, -1, 1],
      [1, -1, -0.75, 4],
      [3, -0.75, 0.75, 1],
      [0, 0.75, 1, 2],
      [0, 2, 4, 3],
    ],
  ],
  [
    '{{schema:-53 count:3 custom_values:[-1 7] buckets:[1 1 1]}}',
    [
      [3, -Infinity, -1, 1],
      [0, -1, 7, 1],
      [0, 7, Infinity, 1],
    ],
  ],
])('buckets of %s', (text, wanted) => {
  const { length, boundary, lower, upper, count } = bucketsOf(literal(text));
  const got = Array.from({ length }, (_, i) => [boundary[i], lower[i], upper[i], count[i]]);
  expect(got).toEqual(wanted);
});
