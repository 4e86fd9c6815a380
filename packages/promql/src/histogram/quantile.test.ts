import { expect, test } from 'vitest';
import { exp2, log2 } from './binary-log.ts';
import {
  histogramAvg,
  histogramFraction,
  histogramQuantile,
  histogramStdDev,
  histogramStdVar,
  type NaNInfo,
} from './quantile.ts';
import { literal } from './testing.ts';

function expectNear(got: number, wanted: number): void {
  if (wanted !== wanted) expect(got).toBeNaN();
  else expect(got).toBeCloseTo(wanted, 14);
}

const POSITIVE = '{{count:12 sum:100 z_bucket:2 z_bucket_w:0.001 buckets:[4 0 6] offset:1}}';
const NEGATIVE = '{{count:12 sum:-100 z_bucket:2 z_bucket_w:0.001 n_buckets:[4 0 6] n_offset:1}}';
const BOTH = '{{count:8 sum:0 z_bucket:4 z_bucket_w:0.5 buckets:[2] n_buckets:[2] n_offset:1 offset:1}}';
const CUSTOM = '{{schema:-53 count:10 sum:20 custom_values:[2 4] buckets:[4 4 2]}}';
const BELOW_ZERO = '{{schema:-53 count:10 sum:-20 custom_values:[-2 4] buckets:[4 4 2]}}';
const NANS = '{{count:10 sum:NaN buckets:[4 4]}}';
const INFINITIES = '{{count:8 sum:NaN buckets:[4 4]}}';

test.each<[q: number, h: string, value: number, info: NaNInfo]>([
  [-0.1, POSITIVE, -Infinity, null],
  [1.1, POSITIVE, Infinity, null],
  [NaN, POSITIVE, NaN, null],
  [0.5, '{{}}', NaN, null],
  [0, POSITIVE, 0, null],
  [1, POSITIVE, 8, null],
  [1 / 3, POSITIVE, Math.SQRT2, null],
  [0.75, POSITIVE, 4 * Math.SQRT2, null],
  [1 / 12, POSITIVE, 0.0005, null],
  [0, NEGATIVE, -8, null],
  [0.25, NEGATIVE, -4 * Math.SQRT2, null],
  [1, NEGATIVE, 0, null],
  [0.5, BOTH, 0, null],
  [0.375, BOTH, -0.25, null],
  [0.2, CUSTOM, 1, null],
  [0.6, CUSTOM, 3, null],
  [0.9, CUSTOM, 4, null],
  [0.2, BELOW_ZERO, -2, null],
  [0.6, BELOW_ZERO, 1, null],
  [0.2, NANS, Math.SQRT1_2, 'nan skew'],
  [0.9, NANS, NaN, 'nan result'],
  [0.25, INFINITIES, Math.SQRT1_2, null],
  [1, '{{count:9 sum:1 buckets:[4 4]}}', 2, null],
])('the %d-quantile of %s', (q, h, value, info) => {
  const got = histogramQuantile(q, literal(h));
  expectNear(got.value, value);
  expect(got.info).toBe(info);
});

test.each<[lower: number, upper: number, h: string, value: number, info: NaNInfo]>([
  [-Infinity, Infinity, POSITIVE, 1, null],
  [1, 2, POSITIVE, 4 / 12, null],
  [Math.SQRT2, 8, POSITIVE, 8 / 12, null],
  [0.0005, 1, POSITIVE, 1 / 12, null],
  [3, 3, POSITIVE, 0, null],
  [5, 3, POSITIVE, 0, null],
  [NaN, 3, POSITIVE, NaN, null],
  [0, 3, '{{}}', NaN, null],
  [-8, -4 * Math.SQRT2, NEGATIVE, 3 / 12, null],
  [-0.25, 0.25, BOTH, 2 / 8, null],
  [1, 3, CUSTOM, 0.4, null],
  [-Infinity, 5, CUSTOM, 0.8, null],
  [-5, Infinity, BELOW_ZERO, 0.6, null],
  [-Infinity, Infinity, NANS, 0.8, 'nan skew'],
  [-Infinity, Infinity, INFINITIES, 1, null],
])('the fraction from %d to %d of %s', (lower, upper, h, value, info) => {
  const got = histogramFraction(lower, upper, literal(h));
  expectNear(got.value, value);
  expect(got.info).toBe(info);
});

test.each<[string, avg: number, variance: number]>([
  ['{{count:4 sum:4 z_bucket:2 buckets:[0 2]}}', 1, (2 * 1 + 2 * (Math.SQRT2 - 1) ** 2) / 4],
  ['{{count:2 sum:-2 n_buckets:[0 2]}}', -1, (1 - Math.SQRT2) ** 2],
  ['{{schema:-53 count:4 sum:8 custom_values:[1 3] offset:1 buckets:[4]}}', 2, 0],
  ['{{}}', NaN, NaN],
])('mean and variance of %s', (text, avg, variance) => {
  const h = literal(text);
  expect(histogramAvg(h)).toBe(avg);
  expectNear(histogramStdVar(h), variance);
  expectNear(histogramStdDev(h), Math.sqrt(variance));
});

test.each<[number, number]>([
  [8, 3],
  [0.125, -3],
  [5e-324, -1074],
  [0, -Infinity],
  [Infinity, Infinity],
  [-1, NaN],
])('log2(%d) and back', (x, log) => {
  expect(log2(x)).toBe(log);
  if (log === log) expect(exp2(log)).toBe(x);
});

test('logarithms and powers are near those of the language', () => {
  for (let i = 1; i < 2000; i++) {
    const x = (i * i) / 977;
    expect(Math.abs(log2(x) - Math.log2(x))).toBeLessThan(4e-15);
    expect(Math.abs(exp2(x % 50) / 2 ** (x % 50) - 1)).toBeLessThan(4e-15);
  }
  expect(exp2(NaN)).toBeNaN();
  expect(exp2(1024)).toBe(Infinity);
  expect(exp2(-1080)).toBe(0);
});
