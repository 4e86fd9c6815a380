import { expect, test } from 'vitest';
import { detectReset } from './resets.ts';
import { literal } from './testing.ts';

const CUSTOM = '{{schema:-53 count:6 custom_values:[1 2 3] buckets:[1 2 2 1]}}';

test.each<[why: string, previous: string, current: string, reset: boolean]>([
  ['nothing changed', '{{count:3 buckets:[3]}}', '{{count:3 buckets:[3]}}', false],
  ['the count fell', '{{count:3}}', '{{count:2}}', true],
  ['a hint of a reset', '{{}}', '{{counter_reset_hint:reset}}', true],
  ['a hint of none', '{{count:3}}', '{{count:2 counter_reset_hint:not_reset}}', false],
  ['gauges are looked at', '{{count:3}}', '{{count:2 counter_reset_hint:gauge}}', true],
  ['a bucket fell', '{{count:3 buckets:[2 1]}}', '{{count:3 buckets:[1 2]}}', true],
  ['a negative bucket fell', '{{count:3 n_buckets:[2 1]}}', '{{count:3 n_buckets:[1 2]}}', true],
  ['a bucket is gone', '{{count:3 buckets:[2 1]}}', '{{count:3 offset:1 buckets:[3]}}', true],
  ['the last bucket is gone', '{{count:3 buckets:[2 1]}}', '{{count:3 buckets:[3]}}', true],
  ['an empty bucket is gone', '{{count:3 buckets:[0 3 0]}}', '{{count:4 offset:1 buckets:[4]}}', false],
  ['new buckets', '{{count:3 offset:1 buckets:[3]}}', '{{count:9 offset:-1 buckets:[1 1 3 4]}}', false],
  ['the zero bucket fell', '{{count:3 z_bucket:3}}', '{{count:3 z_bucket:2}}', true],
  ['finer buckets', '{{count:1}}', '{{schema:1 count:1}}', true],
  ['coarser buckets', '{{schema:1 count:3 buckets:[1 1 1]}}', '{{count:4 buckets:[1 3]}}', false],
  ['a coarser bucket fell', '{{schema:1 count:3 buckets:[1 1 1]}}', '{{count:4 buckets:[3 1]}}', true],
  ['a narrower zero bucket', '{{z_bucket_w:1}}', '{{z_bucket_w:0.5}}', true],
  [
    'a wider zero bucket',
    '{{count:2 buckets:[1 1]}}',
    '{{count:2 z_bucket:1 z_bucket_w:1 offset:1 buckets:[1]}}',
    false,
  ],
  [
    'a wider zero bucket that fell',
    '{{count:2 buckets:[2]}}',
    '{{count:2 z_bucket:1 z_bucket_w:1 offset:1 buckets:[1]}}',
    true,
  ],
  [
    'a zero threshold within a bucket',
    '{{count:2 offset:1 buckets:[2]}}',
    '{{count:9 z_bucket:9 z_bucket_w:1.5}}',
    true,
  ],
  ['custom buckets', CUSTOM, CUSTOM.replace('count:6', 'count:7'), false],
  ['a custom bucket fell', CUSTOM, CUSTOM.replace('[1 2 2 1]', '[1 3 1 1]'), true],
  ['exponential before, custom now', '{{}}', CUSTOM, true],
  ['custom before, exponential now', '{{schema:-53 custom_values:[1]}}', '{{}}', true],
  ['custom bounds are fewer', CUSTOM, '{{schema:-53 count:6 custom_values:[2] buckets:[3 3]}}', false],
  [
    'fewer, and between the shared ones it fell',
    CUSTOM,
    '{{schema:-53 count:6 custom_values:[2] buckets:[2 4]}}',
    true,
  ],
  ['no custom bound is shared', CUSTOM, '{{schema:-53 count:6 custom_values:[9] buckets:[6]}}', false],
  [
    'no custom bound is shared, and all of it fell',
    CUSTOM,
    '{{schema:-53 count:6 custom_values:[9] buckets:[5]}}',
    true,
  ],
])('%s', (_, previous, current, reset) => {
  expect(detectReset(literal(current), literal(previous))).toBe(reset);
});
