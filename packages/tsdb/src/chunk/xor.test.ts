import { ENCODING, HIGH, LOW, newColumn } from '@munjigi/model';
import { expect, test } from 'vitest';
import { oracleDecode, oracleEncode, type Sample } from '../testing/xor-oracle.ts';
import { startKernel } from './kernel.ts';
import { decodeXor } from './xor-decode.ts';
import { TIME_LIMIT_MS, XOR_SAMPLE_MAX_BYTES, appendXor, newXorState } from './xor-encode.ts';

const kernel = startKernel(0)!;
const F = new Float64Array(1);
const U = new Uint32Array(F.buffer);

function bitsOf(v: number): [number, number] {
  F[0] = v;
  return [U[HIGH]!, U[LOW]!];
}

const STALE: [number, number] = [0x7ff00000, 2];
const SPECIAL: readonly [number, number][] = [
  STALE,
  [0x7ff80000, 1],
  [0xfff00000, 0],
  [0x7ff00000, 0],
  [0x80000000, 0],
  [0, 0],
  [0, 1],
  [0xffffffff, 0xffffffff],
  [0x7fffffff, 0xffffffff],
  bitsOf(Number.MAX_VALUE),
  bitsOf(1),
];

/** Encodes with the chunk beginning at byte 3, junk all around. */
function encode(samples: readonly Sample[]): { bytes: Uint8Array; at: number; length: number } {
  const bytes = new Uint8Array(samples.length * XOR_SAMPLE_MAX_BYTES + 32).fill(0xa5);
  const state = newXorState(1);
  for (const s of samples) appendXor(bytes, 3, state, 0, Number(s.t), s.high, s.low);
  return { bytes, at: 3, length: (state.bits[0]! + 7) >> 3 };
}

/** Compares the bytes with the oracle's, all decoders with each other; returns what was decoded. */
function roundTrip(samples: readonly Sample[]): Sample[] {
  const { bytes, at, length } = encode(samples);
  const chunk = bytes.slice(at, at + length);
  expect(chunk).toEqual(oracleEncode(samples));
  expect(oracleDecode(chunk, samples.length)).toEqual(samples);
  const t = new Float64Array(samples.length + 2).fill(-7);
  const v = new Float64Array(samples.length + 2).fill(-7);
  const bits = new Uint32Array(v.buffer);
  decodeXor(bytes, at, samples.length, t, bits, 1);
  const decoded = samples.map((_, i) => ({
    t: BigInt(t[i + 1]!),
    high: bits[2 * (i + 1) + HIGH]!,
    low: bits[2 * (i + 1) + LOW]!,
  }));
  expect(kernel.memory(ENCODING.xor, bytes, at, length, samples.length)).toBe(true);
  const column = newColumn(1);
  kernel.moveTo(column, -Infinity, Infinity);
  expect(column.t.subarray(0, column.n)).toEqual(t.subarray(1, -1));
  expect(column.bits.subarray(0, 2 * column.n)).toEqual(bits.subarray(2, -2));
  // Neighbours are not touched.
  expect([t[0], t.at(-1), v[0], v.at(-1)]).toEqual([-7, -7, -7, -7]);
  return decoded;
}

function series(times: readonly number[], values: readonly [number, number][]): Sample[] {
  return times.map((t, i) => {
    const [high, low] = values[i % values.length]!;
    return { t: BigInt(t), high, low };
  });
}

test.each<[string, readonly number[], readonly [number, number][]]>([
  ['one sample', [1_700_000_000_000], [bitsOf(42)]],
  ['steady', [0, 15_000, 30_000, 45_000], [bitsOf(1)]],
  ['special values', SPECIAL.map((_, i) => i * 15_000), SPECIAL],
  [
    'special values against each other',
    Array.from({ length: 121 }, (_, i) => i),
    SPECIAL.flatMap((a) => SPECIAL.flatMap((b) => [a, b])),
  ],
  ['before 1970', [-TIME_LIMIT_MS, -1000, -1, 0], [bitsOf(1), bitsOf(-1)]],
  [
    'the whole range of times',
    [-TIME_LIMIT_MS, -TIME_LIMIT_MS + 1, 0, 1, TIME_LIMIT_MS - 1, TIME_LIMIT_MS],
    [bitsOf(0.1)],
  ],
  ...[13, 14, 16, 17, 19, 20, 32, 33, 52].map((n): [string, number[], [number, number][]] => [
    `delta of deltas around 2^${n}`,
    stepsAround(n),
    [bitsOf(3)],
  ]),
])('%s', (_, times, values) => {
  const samples = series(times, values);
  expect(roundTrip(samples)).toEqual(samples);
});

/** Times whose deltas of deltas are ±2^n and its neighbours, as far as the range of times allows. */
function stepsAround(n: number): number[] {
  const times: number[] = [];
  const size = 2 ** n;
  let t = n === 52 ? -TIME_LIMIT_MS : 0;
  for (const change of [size - 1, size, size + 1]) {
    times.push(t, t + 1, t + 2);
    if (t + 3 + change > TIME_LIMIT_MS) break;
    times.push(t + 3 + change);
    t += 4 + 2 * change;
    if (t > TIME_LIMIT_MS) break;
    times.push(t);
    t += 1;
  }
  return times;
}

test('random chunks, against a slow bit-by-bit coder with BigInt', () => {
  let seed = 42;
  const random = (n: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
  const u32 = (): number => random(2 ** 32);
  for (let run = 0; run < 300; run++) {
    const samples: Sample[] = [];
    let t = run % 7 === 0 ? -TIME_LIMIT_MS : random(2 ** 41);
    let [high, low] = bitsOf(random(1000));
    const spread = 2 ** random(40);
    const n = 1 + random(140);
    for (let i = 0; i < n && t <= TIME_LIMIT_MS; i++) {
      samples.push({ t: BigInt(t), high, low });
      t += 1 + (random(3) === 0 ? random(spread) : random(3) + 15_000);
      const lot = random(8);
      if (lot === 0) [high, low] = SPECIAL[random(SPECIAL.length)]!;
      else if (lot === 1) [high, low] = [u32(), u32()];
      else if (lot === 2) low = (low ^ (1 << random(32))) >>> 0;
      else if (lot === 3) high = (high ^ (1 << random(32))) >>> 0;
      else if (lot > 4) [high, low] = bitsOf(random(100_000));
    }
    expect(roundTrip(samples)).toEqual(samples);
  }
});

test('decoding the beginning of a chunk gives the beginning of its samples, whatever follows', () => {
  const all = series(
    Array.from({ length: 100 }, (_, i) => i * 15_000 + (i % 3)),
    SPECIAL,
  );
  const { bytes, at } = encode(all);
  for (const n of [1, 2, 3, 50, 99]) {
    const part = encode(all.slice(0, n));
    const captured = bytes.slice(at, at + part.length);
    const t = new Float64Array(n);
    const bits = new Uint32Array(2 * n);
    decodeXor(captured, 0, n, t, bits, 0);
    expect(Array.from(t, BigInt)).toEqual(all.slice(0, n).map((s) => s.t));
  }
});

test('wrong bytes end', () => {
  let seed = 7;
  const bytes = new Uint8Array(300);
  const kernelBytes = kernel.newBytes(300);
  const t = new Float64Array(120);
  const bits = new Uint32Array(240);
  for (let run = 0; run < 500; run++) {
    for (let i = 0; i < bytes.length; i++)
      bytes[i] = (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) >>> 24;
    decodeXor(bytes, run % 290, 120, t, bits, 0);
    kernel.n = 0;
    kernel.memory(ENCODING.xor, bytes, run % 290, 300 - (run % 290), 120);
    kernel.memory(ENCODING.xor2, bytes, run % 290, 300 - (run % 290), 120);
    kernel.stored({ b: kernelBytes, from: 0, length: 300, checksAt: -1 }, new Float64Array(1), 0, 1);
  }
  expect(t).toHaveLength(120);
});
