import { expect, test } from 'vitest';
import { readFloat } from './float.ts';

const out = new Float64Array(1);
const bits = new Uint32Array(out.buffer);
function read(text: string): [end: number, value: number] {
  const b = new TextEncoder().encode(text);
  const end = readFloat(b, 0, b.length, out, 0);
  return [end, out[0]!];
}

test.each([
  '0',
  '-0',
  '+1',
  '1',
  '12345678901234567890',
  '0.1',
  '.5',
  '5.',
  '1e3',
  '1E+3',
  '1e-3',
  '1.7976931348623157e308',
  '5e-324',
  '2.2250738585072014e-308',
  '9007199254740993',
  '123456789012345',
  '0.000001234567890123',
  '4.9351e-05',
  '7.424100000000001e-05',
  '1e22',
  '1e23',
  '0.3',
  '1e-400',
  '000123',
  '1.00000000000000000000',
  '-1.5e-7',
])('%s', (text) => {
  expect(read(text)).toEqual([text.length, Number(text)]);
});

test.each<[string, number]>([
  ['Inf', Infinity],
  ['+inf', Infinity],
  ['-INFINITY', -Infinity],
])('%s', (text, value) => {
  expect(read(text)).toEqual([text.length, value]);
});

test('NaN has the bits of a normal NaN', () => {
  expect(read('nan')[0]).toBe(3);
  expect([...bits].sort((a, b) => a - b)).toEqual([1, 0x7ff80000]);
});

test.each([
  '',
  '-',
  '.',
  'e5',
  '1e',
  '1e+',
  '0x10',
  '1_000',
  '1,5',
  'true',
  '+NaN',
  'Infinit',
  '1e999',
  '-1e999',
  '--1',
  '1..2',
  `1${'0'.repeat(2000)}`,
])('%s is no number', (text) => {
  const [end] = read(text);
  expect(end === -1 || end === 0).toBe(true);
});

test('stops at a blank', () => {
  expect(read('12 34')).toEqual([2, 12]);
  expect(read('12\t34')).toEqual([2, 12]);
  expect(read('12\n')).toEqual([2, 12]);
});

test('random numbers read as Number reads them', () => {
  let seed = 42;
  const next = (n: number): number => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) % n;
  const view = new DataView(new ArrayBuffer(8));
  for (let i = 0; i < 20_000; i++) {
    view.setUint32(0, next(2 ** 32));
    view.setUint32(4, next(2 ** 32));
    const value = i % 2 === 0 ? view.getFloat64(0) : next(2 ** 32) / 10 ** next(12);
    if (!Number.isFinite(value)) continue;
    const text = [String(value), value.toExponential(next(18)), value.toPrecision(1 + next(17))][next(3)]!;
    const want = Number(text);
    const [end, got] = read(text);
    expect(Number.isFinite(want) ? [end, got] : end).toEqual(
      Number.isFinite(want) ? [text.length, want] : -1,
    );
  }
});
