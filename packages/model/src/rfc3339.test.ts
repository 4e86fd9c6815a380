import { expect, test } from 'vitest';
import { parseRfc3339, printRfc3339 } from './rfc3339.ts';

test.for([
  ['1970-01-01T00:00:00Z', 0],
  ['2026-01-02T13:37:00Z', 1_767_361_020_000],
  ['2026-01-02t13:37:00.5z', 1_767_361_020_500],
  ['2026-01-02T13:37:00.123999999Z', 1_767_361_020_123],
  ['2026-01-02T15:37:00+02:00', 1_767_361_020_000],
  ['2024-02-29T00:00:00-00:30', 1_709_166_600_000],
  ['1969-12-31T23:59:59.999Z', -1],
  ['0001-01-01T00:00:00Z', -62_135_596_800_000],
  ['2023-02-29T00:00:00Z', null],
  ['2026-13-01T00:00:00Z', null],
  ['2026-01-02T24:00:00Z', null],
  ['2026-01-02 13:37:00Z', null],
  ['2026-01-02T13:37:00', null],
  ['2026-01-02T13:37:00+24:00', null],
  ['', null],
] as const)('%s', ([text, ms]) => expect(parseRfc3339(text)).toBe(ms));

test('what is printed is read again, and agrees with the platform', () => {
  let seed = 1;
  for (let i = 0; i < 2000; i++) {
    seed = (seed * 48_271) % 2_147_483_647;
    const ms = Math.floor((seed / 2_147_483_647) * 4e12) - 2e12;
    const text = printRfc3339(ms);
    expect(parseRfc3339(text)).toBe(ms);
    expect(Date.parse(text)).toBe(ms);
  }
});
