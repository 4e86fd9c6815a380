import { expect, test } from 'vitest';
import { formatNumber, parseNumber } from './number.ts';

test.each([
  ['12.34e6', 12_340_000],
  ['.2', 0.2],
  ['2.', 2],
  ['0x1F', 31],
  ['0x_1F', 31],
  ['0b11', 3],
  ['0o17', 15],
  ['010', 8],
  ['08', 8],
  ['1_000', 1000],
  ['1_23.50_0_0e+1_2', 1.235e14],
  ['-5', -5],
  ['+Inf', Infinity],
  ['-inf', -Infinity],
  ['NaN', NaN],
])('reads %s', (text, value) => {
  expect(parseNumber(text)).toEqual({ value });
});

test.each(['', '1__2', '_1', '1_', '1e', '0x', 'x', '1.2.3', '1e999'])('refuses %j', (text) => {
  expect(parseNumber(text)).toHaveProperty('error');
});

test.each([
  [0, '0', '0', '0'],
  [-0, '-0', '-0', '-0'],
  [1, '1', '1', '1'],
  [0.1, '0.1', '0.1', '0.1'],
  [1e5, '100000', '100000', '100000'],
  [1e6, '1000000', '1e+06', '1000000'],
  [123_456_789, '123456789', '1.23456789e+08', '123456789'],
  [1e21, '1000000000000000000000', '1e+21', '1e+21'],
  [-1.5e22, '-15000000000000000000000', '-1.5e+22', '-1.5e+22'],
  [1e-5, '0.00001', '1e-05', '0.00001'],
  [1.25e-7, '0.000000125', '1.25e-07', '1.25e-07'],
  [5e-324, `0.${'0'.repeat(323)}5`, '5e-324', '5e-324'],
  [Infinity, '+Inf', '+Inf', '+Inf'],
  [-Infinity, '-Inf', '-Inf', '-Inf'],
  [NaN, 'NaN', 'NaN', 'NaN'],
])('prints %d', (value, f, g, json) => {
  expect([formatNumber(value), formatNumber(value, 'g'), formatNumber(value, 'json')]).toEqual([f, g, json]);
});

test('every form reads back as the same number', () => {
  const bits = new Uint32Array(2);
  const value = new Float64Array(bits.buffer);
  let seed = 1;
  for (let i = 0; i < 2000; i++) {
    for (const half of [0, 1]) {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      bits[half] = seed;
    }
    const x = value[0]!;
    if (!Number.isFinite(x)) continue;
    for (const format of ['f', 'g', 'json'] as const) expect(Number(formatNumber(x, format))).toBe(x);
  }
});
