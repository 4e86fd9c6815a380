import { expect, test } from 'vitest';
import { testHistogram } from './print.ts';
import { literal } from './testing.ts';
import { trimLower, trimUpper } from './trim.ts';

const H = '{{count:10 sum:30 offset:1 buckets:[4 6]}}';
const BOTH = '{{count:8 sum:1 z_bucket:4 z_bucket_w:0.5 offset:1 buckets:[2] n_offset:1 n_buckets:[2]}}';
const CUSTOM = '{{schema:-53 count:12 sum:40 custom_values:[2 4] buckets:[4 4 4]}}';
const BELOW_ZERO = '{{schema:-53 count:4 sum:-9 custom_values:[-2] buckets:[4]}}';

test.each<[h: string, op: '</' | '>/', v: number, wanted: string]>([
  // Nothing is cut off: count and sum stay.
  [H, '</', 4, H],
  [H, '>/', 1, H],
  [H, '</', NaN, '{{}}'],
  [H, '</', 2, `{{count:4 sum:${4 * Math.SQRT2} offset:1 buckets:[4]}}`],
  [H, '>/', 2, `{{count:6 sum:${6 * Math.sqrt(8)} offset:2 buckets:[6]}}`],
  [H, '</', 0, '{{}}'],
  [H, '>/', Infinity, '{{}}'],
  [
    BOTH,
    '</',
    0,
    `{{count:4 sum:${-Math.SQRT2 * 2 - 0.5} z_bucket:2 z_bucket_w:0.5 n_offset:1 n_buckets:[2]}}`,
  ],
  [BOTH, '>/', 0, `{{count:4 sum:${Math.SQRT2 * 2 + 0.5} z_bucket:2 z_bucket_w:0.5 offset:1 buckets:[2]}}`],
  [BOTH, '</', -1, `{{count:2 sum:${-Math.SQRT2 * 2} z_bucket_w:0.5 n_offset:1 n_buckets:[2]}}`],
  [CUSTOM, '</', 3, '{{schema:-53 count:6 sum:9 custom_values:[2 4] buckets:[4 2]}}'],
  [CUSTOM, '</', 1, '{{schema:-53 count:2 sum:1 custom_values:[2 4] buckets:[2]}}'],
  [CUSTOM, '>/', 1, '{{schema:-53 count:10 sum:31 custom_values:[2 4] buckets:[2 4 4]}}'],
  [CUSTOM, '>/', 5, '{{schema:-53 count:4 sum:20 custom_values:[2 4] offset:2 buckets:[4]}}'],
  [CUSTOM, '</', 5, '{{schema:-53 count:8 sum:16 custom_values:[2 4] buckets:[4 4]}}'],
  [BELOW_ZERO, '</', -5, BELOW_ZERO],
  [BELOW_ZERO, '>/', -5, '{{schema:-53 custom_values:[-2]}}'],
  ['{{count:2 z_bucket:2 z_bucket_w:1}}', '</', 0.5, '{{count:1.5 sum:-0.375 z_bucket:1.5 z_bucket_w:1}}'],
  [
    '{{count:4 z_bucket:2 z_bucket_w:1 offset:3 buckets:[2]}}',
    '</',
    0.5,
    '{{count:1 sum:0.25 z_bucket:1 z_bucket_w:1}}',
  ],
])('%s %s %d', (h, op, v, wanted) => {
  const got = op === '</' ? trimUpper(literal(h), v) : trimLower(literal(h), v);
  expect(testHistogram(got)).toBe(testHistogram(literal(wanted)));
});
