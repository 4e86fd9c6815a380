import { EMPTY_LABELS, labelsFromObject } from '@munjigi/model';
import { expect, test } from 'vitest';
import type { Result } from './result.ts';
import { writeResult } from './write-result.ts';

const NOTHING = { annotations: [], samplesRead: 0 } as const;

function text(r: Result, limit: number = 0): string {
  const [written, plain] = [true, false].map((kernel) =>
    new TextDecoder().decode(writeResult(r, { limit, kernel })),
  );
  expect(written).toBe(plain);
  return written!;
}

const NUMBERS: readonly (readonly [number, string])[] = [
  [0, '0'],
  [-0, '-0'],
  [7, '7'],
  [10, '10'],
  [-42, '-42'],
  [999_999_999, '999999999'],
  [1_000_000_000, '1000000000'],
  [1_000_000_001, '1000000001'],
  [123_456_789_012_345, '123456789012345'],
  [-999_999_999_999_999, '-999999999999999'],
  [1e15, '1000000000000000'],
  [1e20, '100000000000000000000'],
  [1e21, '1e+21'],
  [0.1, '0.1'],
  [1 / 3, '0.3333333333333333'],
  [1e-6, '0.000001'],
  [1.5e-7, '1.5e-07'],
  [NaN, 'NaN'],
  [Infinity, '+Inf'],
  [-Infinity, '-Inf'],
];

test.each(NUMBERS)('number %d', (value, digits) => {
  expect(text({ type: 'scalar', t_ms: 1000, value, ...NOTHING })).toBe(
    `{"resultType":"scalar","result":[1,"${digits}"]}`,
  );
});

test.each([
  [0, '0'],
  [1, '0.001'],
  [1500, '1.500'],
  [1_700_000_000_000, '1700000000'],
  [1_700_000_000_120, '1700000000.120'],
  [-1500, '-1.500'],
])('time %d', (t_ms, digits) => {
  const vector = {
    type: 'vector',
    t_ms,
    labels: [EMPTY_LABELS],
    values: Float64Array.of(1),
    histograms: null,
  } as const;
  expect(text({ ...vector, ...NOTHING })).toBe(
    `{"resultType":"vector","result":[{"metric":{},"value":[${digits},"1"]}]}`,
  );
  // Alone, a time is a plain number.
  expect(text({ type: 'scalar', t_ms, value: 1, ...NOTHING })).toBe(
    `{"resultType":"scalar","result":[${Number(digits)},"1"]}`,
  );
  expect(text({ type: 'string', t_ms, value: 'x', ...NOTHING })).toBe(
    `{"resultType":"string","result":[${Number(digits)},"x"]}`,
  );
});

test('strings of every kind', () => {
  const value = 'a"\\\n\t\u0001é€😀\ud800x\udc00\u2028';
  const written = text({ type: 'string', t_ms: 0, value, ...NOTHING });
  expect(JSON.parse(written)).toEqual({ resultType: 'string', result: [0, value.toWellFormed()] });
});

test('a vector, and its limit', () => {
  const r: Result = {
    type: 'vector',
    histograms: null,
    t_ms: 1000,
    labels: [labelsFromObject({ __name__: 'x', a: 'b' }), EMPTY_LABELS],
    values: Float64Array.of(1, 2.5),
    ...NOTHING,
  };
  expect(text(r)).toBe(
    '{"resultType":"vector","result":[{"metric":{"__name__":"x","a":"b"},"value":[1,"1"]},{"metric":{},"value":[1,"2.5"]}]}',
  );
  expect(text(r, 1)).toBe(
    '{"resultType":"vector","result":[{"metric":{"__name__":"x","a":"b"},"value":[1,"1"]}]}',
  );
});

test('a matrix on a grid, with gaps', () => {
  const r: Result = {
    type: 'matrix',
    histograms: null,
    labels: [labelsFromObject({ a: '1' }), labelsFromObject({ a: '2' })],
    values: Float64Array.of(1, 0, 3, 0, 0.5, 0),
    present: Uint8Array.of(1, 0, 1, 0, 1, 0),
    grid: { start_ms: 500, step_ms: 500, steps: 3 },
    ...NOTHING,
  };
  expect(text(r)).toBe(
    '{"resultType":"matrix","result":[{"metric":{"a":"1"},"values":[[0.500,"1"],[1.500,"3"]]},{"metric":{"a":"2"},"values":[[1,"0.5"]]}]}',
  );
});

test('a matrix of samples', () => {
  const r: Result = {
    type: 'matrix',
    histograms: null,
    labels: [EMPTY_LABELS],
    values: Float64Array.of(1, 2),
    grid: null,
    first: Uint32Array.of(0, 2),
    times: Float64Array.of(1, 2000),
    ...NOTHING,
  };
  expect(text(r)).toBe('{"resultType":"matrix","result":[{"metric":{},"values":[[0.001,"1"],[2,"2"]]}]}');
});

test('random numbers read back as themselves', () => {
  const values = new Float64Array(5000);
  const bits = new Uint32Array(values.buffer);
  let seed = 99;
  for (let i = 0; i < bits.length; i++) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    bits[i] = seed;
  }
  // Integers and short decimals too.
  for (let i = 0; i < 2000; i++)
    values[i] = i % 2 === 0 ? Math.round(values[i]! % 1e12) : Math.round(values[i]! % 1e6) / 1000;
  const kept = values.filter((x) => Number.isFinite(x));
  const r: Result = {
    type: 'matrix',
    histograms: null,
    labels: [EMPTY_LABELS],
    values: kept,
    present: new Uint8Array(kept.length).fill(1),
    grid: { start_ms: 0, step_ms: 1, steps: kept.length },
    ...NOTHING,
  };
  const back = JSON.parse(text(r)) as { result: { values: [number, string][] }[] };
  back.result[0]!.values.forEach(([t, v], i) => {
    expect(t).toBe(i / 1000);
    expect(Number(v)).toBe(kept[i]);
  });
});

test('numbers of all sizes are written alike by the kernel and without it', () => {
  let seed = 3;
  const u32 = (): number => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0);
  const values = new Float64Array(30_000);
  const bits = new Uint32Array(values.buffer);
  for (let i = 0; i < values.length; i++) {
    const part = u32() / 2 ** 32;
    const lot = i % 8;
    if (lot < 3) bits.set([u32(), u32()], 2 * i);
    // Borders: powers of two, and their neighbours.
    else if (lot === 3) bits.set([i % 3 === 0 ? 0 : i % 3 === 1 ? 1 : 0xffffffff, (i % 2047) << 20], 2 * i);
    else if (lot === 4) values[i] = Math.floor(part * 2 ** (i % 70));
    else if (lot === 5) values[i] = Math.round(part * 1e6) / 10 ** (i % 9);
    else if (lot === 6) values[i] = Number(`${part.toPrecision(1 + (i % 17))}e${(i % 60) - 30}`);
    else values[i] = part * 100;
  }
  const steps = 3000;
  const rows = values.length / steps;
  const labels = Array.from({ length: rows }, () => EMPTY_LABELS);
  const common = { type: 'matrix', labels, values, histograms: null, ...NOTHING } as const;
  const present = Uint8Array.from(values, (_, i) => (i % 7 === 0 ? 0 : 1));
  const grid = { start_ms: -1_000_500, step_ms: 1500, steps };
  const first = Uint32Array.from({ length: rows + 1 }, (_, i) => i * steps);
  const times = Float64Array.from(values, (_, i) => (i - 500) * 1000 + (i % 3 === 0 ? 7 : 0));
  for (const m of [
    { ...common, grid, present },
    { ...common, grid: null, first, times },
  ])
    expect(JSON.parse(text(m))).toMatchObject({ result: { length: rows } });
});
