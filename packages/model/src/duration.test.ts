import { expect, test } from 'vitest';
import { parseDuration, printDuration, printGoDuration } from './duration.ts';

test.each([
  ['0', 0],
  ['1ms', 1],
  ['1h30m', 5_400_000],
  ['1y2w3d4h5m6s7ms', 33_019_506_007],
  ['90m', 5_400_000],
  ['292y', 292 * 31_536_000_000],
  ['9223372036854ms', 9_223_372_036_854],
])('reads %s', (text, ms) => {
  expect(parseDuration(text)).toEqual({ ms });
});

test.each([
  ['', 'empty duration string'],
  ['1', 'not a valid duration string: "1"'],
  ['1m2h', 'not a valid duration string: "1m2h"'],
  ['1m1m', 'not a valid duration string: "1m1m"'],
  ['99999999999999999999s', 'not a valid duration string: "99999999999999999999s"'],
  ['1.5h', 'unknown unit "." in duration "1.5h"'],
  ['5y1hs', 'unknown unit "hs" in duration "5y1hs"'],
  ['-1m', 'not a valid duration string: "-1m"'],
  ['293y', 'duration out of range'],
  ['9223372036855ms', 'duration out of range'],
])('refuses %j', (text, error) => {
  expect(parseDuration(text)).toEqual({ error });
});

test.each([
  [0, '0s'],
  [1, '1ms'],
  [300_000, '5m'],
  [5_400_000, '1h30m'],
  [604_800_000, '1w'],
  [691_200_000, '8d'],
  [31_536_000_000, '1y'],
  [-90_000, '-1m30s'],
])('prints %d ms', (ms, text) => {
  expect(printDuration(ms)).toBe(text);
});

test('what is printed reads back', () => {
  let seed = 7;
  for (let i = 0; i < 500; i++) {
    seed = (seed * 48_271) % 0x7fffffff;
    const ms = seed * (i % 7) + (i % 1000);
    expect(parseDuration(printDuration(ms))).toEqual({ ms });
  }
});

test.each<[ms: number, text: string]>([
  [0, '0s'],
  [7, '7ms'],
  [0.25, '250µs'],
  [0.0005, '500ns'],
  [20.5, '20.5ms'],
  [1500, '1.5s'],
  [60_000, '1m0s'],
  [7_200_000, '2h0m0s'],
  [6_360_374, '1h46m0.374s'],
  [-61_000, '-1m1s'],
])('%d ms as Go prints it', (ms, text) => expect(printGoDuration(ms)).toBe(text));
