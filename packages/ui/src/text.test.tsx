// Durations, times, numbers, steps, error places, history, shortcuts: one table each.
import { describe, expect, test } from 'vitest';
import { parseDuration, printAge, printAgo, printDuration, printElapsed } from './duration.ts';
import { axisLabels, parseInstant, parseRfc3339, printInstant } from './instant.ts';
import {
  parseSample,
  printCount,
  printLatency,
  printPercent,
  printRate,
  printShort,
  printValue,
} from './number.ts';
import { errorPlace } from './query/error-place.ts';
import { HISTORY_LIMIT, parseHistory, remember } from './query/history.ts';
import { pressKey, SEQUENCE_ms } from './shell/shortcuts.ts';
import { nextRange, POINTS_LIMIT, stepOf, type Resolution } from './step.ts';

describe('durations', () => {
  test.each<[string, number | null]>([
    ['90m', 5_400_000],
    ['1h30m', 5_400_000],
    ['1h 30m', 5_400_000],
    ['1y2w3d4h5m6s7ms', 365 * 86_400_000 + 17 * 86_400_000 + 4 * 3_600_000 + 306_007],
    ['300', 300_000],
    ['0.5', 500],
    ['15M', 900_000],
    ['', null],
    ['0s', null],
    ['5', 5000],
    ['m5', null],
    ['5m1h', null],
    ['-5m', null],
    ['5x', null],
    ['99999999999999y', null],
  ])('%s is %s ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each<[number, string]>([
    [0, '0s'],
    [1, '1ms'],
    [15_000, '15s'],
    [5_400_000, '1h30m'],
    [3_600_000, '1h'],
    [86_400_000, '1d'],
    [7 * 86_400_000, '1w'],
    [8 * 86_400_000, '8d'],
    [365 * 86_400_000, '1y'],
    [366 * 86_400_000, '366d'],
  ])('%s ms prints as %s', (ms, text) => {
    expect(printDuration(ms)).toBe(text);
    expect(parseDuration(text)).toBe(ms > 0 ? ms : null);
  });

  test('what is printed is read back, whatever the length', () => {
    for (let i = 0, ms = 1; i < 400; i++, ms = (ms * 16_807) % 2_147_483_647)
      expect(parseDuration(printDuration(ms))).toBe(ms);
  });

  test.each<[number, string]>([
    [0.84, '0.84 ms'],
    [9.96, '10.0 ms'],
    [412.4, '412 ms'],
    [1300, '1.30 s'],
    [125_000, '2m 5s'],
    [NaN, '-'],
  ])('%s ms took %s', (ms, text) => expect(printElapsed(ms)).toBe(text));

  test.each<[number, string]>([
    [-5000, 'just now'],
    [0, 'just now'],
    [12_000, '12 s ago'],
    [600_000, '10 min ago'],
    [10_800_000, '3 h ago'],
    [4 * 86_400_000, '4 d ago'],
  ])('%s ms back is %s', (age, text) => {
    expect(printAgo(1e12 - age, 1e12)).toBe(text);
    expect(printAge(1e12 - age, 1e12)).toBe(text === 'just now' ? '' : text.replace(' ago', ''));
  });
});

describe('times', () => {
  test.each<[string, number | null]>([
    ['2026-11-22 18:30:00', 1_795_372_200_000],
    ['2026-11-22T18:30:00Z', 1_795_372_200_000],
    ['2026-11-22 18:30', 1_795_372_200_000],
    ['2026-11-22', 1_795_305_600_000],
    ['1970-01-01', 0],
    ['2024-02-29 00:00:00', 1_709_164_800_000],
    ['1795372200', 1_795_372_200_000],
    ['2023-02-29', null],
    ['2026-13-01', null],
    ['2026-11-22 24:00', null],
    ['yesterday', null],
    ['', null],
  ])('%s is %s', (text, ms) => expect(parseInstant(text, 'utc')).toBe(ms));

  test('what is printed is read back in both zones', () => {
    for (let t = 86_400_000; t < 4e12; t += 86_400_000 * 97 + 3_723_000) {
      expect(parseInstant(printInstant(t, 'utc'), 'utc')).toBe(t);
      expect(parseInstant(printInstant(t, 'local'), 'local')).toBe(t);
    }
  });

  test.each<[string, number | null]>([
    ['2026-11-22T18:30:00.250Z', 1_795_372_200_250],
    ['2026-11-22T19:30:00+01:00', 1_795_372_200_000],
    ['2026-11-22T13:00:00.123456789-05:30', 1_795_372_200_123],
    ['0001-01-01T00:00:00Z', -62_135_596_800_000],
    ['2026-11-22', null],
  ])('RFC 3339 %s', (text, ms) => expect(parseRfc3339(text)).toBe(ms));

  test('an axis shows as much as its step needs', () => {
    const t = 1_795_305_600;
    expect(axisLabels([t - 60, t, t + 60], 60, 'utc')).toEqual(['23:59', '11-22', '00:01']);
    expect(axisLabels([t, t + 15], 15, 'utc')).toEqual(['00:00:00', '00:00:15']);
    expect(axisLabels([t], 86_400, 'utc')).toEqual(['11-22']);
    expect(axisLabels([t + 0.5], 0.5, 'utc')).toEqual(['00:00:00.500']);
  });

  test('a time out of range has no text', () => expect(printInstant(Infinity, 'utc')).toBe('-'));
});

describe('numbers', () => {
  test.each<[number, string]>([
    [0, '0'],
    [1234, '1.23k'],
    [999_999, '1M'],
    [-1500, '-1.5k'],
    [0.0021, '2.1m'],
    [12, '12'],
    [4.5e-7, '450n'],
    [1e-12, '1e-12'],
    [1.5e21, '1.50e+21'],
    [NaN, 'NaN'],
    [-Infinity, '-Inf'],
  ])('%s is short %s', (v, text) => expect(printShort(v)).toBe(text));

  test.each<[(v: number) => string, number, string]>([
    [printRate, 0, '0'],
    [printRate, 0.004, '<0.01'],
    [printRate, 0.25, '0.25'],
    [printRate, 4.2, '4.2'],
    [printRate, 411.6, '412'],
    [printRate, 12_400, '12.4k'],
    [printRate, NaN, '-'],
    [printPercent, 0.0213, '2.13 %'],
    [printPercent, 0, '0 %'],
    [printPercent, 0.000_01, '<0.01 %'],
    [printPercent, 1, '100 %'],
    [printLatency, 0.0123, '12.3 ms'],
    [printLatency, 0.000_25, '250 µs'],
    [printLatency, 0.9999, '1 s'],
    [printLatency, 2.5, '2.5 s'],
    [printLatency, NaN, '-'],
    [printCount, 12_345, '12,345'],
    [printCount, NaN, '-'],
    [printValue, 0.1 + 0.2, '0.3'],
    [printValue, 1e-7, '1e-7'],
    [printValue, 123_456.789, '123,456.8'],
    [printValue, Infinity, '+Inf'],
  ])('%s', (print, v, text) => expect(print(v)).toBe(text));

  test.each<[string, number]>([
    ['1.5e3', 1500],
    ['+Inf', Infinity],
    ['-Inf', -Infinity],
    ['NaN', NaN],
  ])('sample %s', (text, v) => expect(parseSample(text)).toBe(v));
});

describe('steps', () => {
  const HOUR = 3_600_000;
  test.each<[Resolution, number, number]>([
    [{ kind: 'auto', density: 'medium' }, HOUR, 14_000],
    [{ kind: 'auto', density: 'low' }, HOUR, 36_000],
    [{ kind: 'auto', density: 'high' }, HOUR, 4000],
    [{ kind: 'auto', density: 'high' }, 60_000, 1000],
    [{ kind: 'fixed', step_ms: 15_000 }, HOUR, 15_000],
    [{ kind: 'fixed', step_ms: 1000 }, 365 * 24 * HOUR, Math.ceil((365 * 24 * HOUR) / (POINTS_LIMIT - 1))],
  ])('%o over %s ms', (resolution, range, step) => {
    expect(stepOf(resolution, range)).toBe(step);
    expect(range / step + 1).toBeLessThanOrEqual(POINTS_LIMIT);
  });

  test.each<[number, 1 | -1, number]>([
    [HOUR, 1, 2 * HOUR],
    [HOUR, -1, HOUR / 2],
    [90 * 60_000, 1, 2 * HOUR],
    [60_000, -1, 30_000],
    [43_200 * 60_000, 1, 86_400 * 60_000],
  ])('beside %s in direction %s', (range, direction, next) => expect(nextRange(range, direction)).toBe(next));
});

describe('places of errors', () => {
  test.each<[string, string, [number, number] | null]>([
    ['invalid parameter "query": 1:5: parse error: unexpected end of input', 'sum(', [1, 5]],
    ['1:5: parse error: no', 'sum(', [1, 5]],
    ['2:3: parse error: no', 'sum(\n  +)', [2, 3]],
    // Three bytes each for two letters of Hangul.
    ['1:14: parse error: no', 'up{a="문지"} +', [1, 10]],
    ['1:99: parse error: no', 'up', null],
    ['9:1: parse error: no', 'up', null],
    ['query timed out', 'up', null],
    ['at 127.0.0.1:9090: refused', 'up', null],
  ])('%s', (message, expr, place) => {
    const found = errorPlace(message, expr);
    expect(found === null ? null : [found.line, found.column]).toEqual(place);
    expect(found?.message ?? '').not.toContain('parse error');
  });
});

describe('history', () => {
  test('the newest first, without doubles, within its limit', () => {
    expect(remember(['b', 'a'], ' a ')).toEqual(['a', 'b']);
    expect(remember(['a'], '  ')).toEqual(['a']);
    const full = Array.from({ length: HISTORY_LIMIT }, (_, i) => `q${i}`);
    expect(remember(full, 'new')).toEqual(['new', ...full.slice(0, HISTORY_LIMIT - 1)]);
  });
  test.each<[string | null, string[]]>([
    [null, []],
    ['["a","b"]', ['a', 'b']],
    ['["a",1,null]', ['a']],
    ['{"a":1}', []],
    ['not json', []],
  ])('stored %s', (stored, list) => expect(parseHistory(stored)).toEqual(list));
});

describe('shortcuts', () => {
  const press = (keys: readonly (readonly [string, number])[]): (string | null)[] => {
    let typed: Parameters<typeof pressKey>[0] = null;
    return keys.map(([key, at_ms]) => {
      const next = pressKey(typed, key, at_ms);
      typed = next.typed;
      return next.command;
    });
  };
  test.each<[readonly (readonly [string, number])[], (string | null)[]]>([
    [
      [
        ['g', 0],
        ['o', 100],
      ],
      [null, 'overview'],
    ],
    [
      [
        ['g', 0],
        ['q', SEQUENCE_ms],
      ],
      [null, 'query'],
    ],
    [
      [
        ['g', 0],
        ['q', SEQUENCE_ms + 1],
      ],
      [null, null],
    ],
    [
      [
        ['x', 0],
        ['t', 10],
      ],
      [null, null],
    ],
    [
      [
        ['g', 0],
        ['g', 10],
        ['t', 20],
      ],
      [null, null, 'targets'],
    ],
    [[['/', 0]], ['editor']],
    [
      [
        ['g', 0],
        ['?', 10],
      ],
      [null, 'help'],
    ],
  ])('%j', (keys, commands) => expect(press(keys)).toEqual(commands));
});
