import { expect, test } from 'vitest';
import { parseGoDuration } from './go-duration.ts';

test.each<[string, number | null]>([
  ['5s', 5000],
  ['0.5s', 500],
  ['.5s', 500],
  ['1h15m', 4_500_000],
  ['-2ms', -2],
  ['+2ms', 2],
  ['250us', 0.25],
  ['0', 0],
  ['5', null],
  ['1d', null],
  ['s', null],
  ['9999999h', null],
  ['', null],
])('%s', (text, ms) => {
  expect(parseGoDuration(text)).toBe(ms);
});
