import { simWorld } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { collectEntries } from '../testing/wal-entries.ts';
import {
  newByteWriter,
  putInt64,
  putUvarint,
  putVarint,
  readInt64,
  readUvarint,
  readVarint,
  type ByteReader,
} from './bytes.ts';
import { crc32c } from './crc32c.ts';
import { frameRecord } from './frame.ts';
import { newWalReader } from './reader.ts';
import { readRecord } from './record.ts';
import { WAL_PAGE_BYTES, segmentName } from './segments.ts';

const ASCII = new TextEncoder();

test.each([
  ['', 0],
  ['123456789', 0xe3069283],
  ['The quick brown fox jumps over the lazy dog', 0x22620404],
])('CRC-32C of %j', (text, sum) => {
  const b = ASCII.encode(`xx${text}yy`);
  expect(crc32c(b, 2, b.length - 2)).toBe(sum);
});

test('CRC-32C of any length at any place, as bit by bit', () => {
  const slow = (b: Uint8Array): number => {
    let crc = -1;
    for (const x of b) {
      crc ^= x;
      for (let k = 0; k < 8; k++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    return ~crc >>> 0;
  };
  for (let n = 0; n < 200; n++) {
    const whole = Uint8Array.from({ length: n + 20 }, (_, i) => (i * 167 + n * 13) & 255);
    const part = whole.subarray(n % 7);
    expect(crc32c(part, 3, 3 + n)).toBe(slow(part.subarray(3, 3 + n)));
  }
});

test.each([
  0,
  1,
  -1,
  63,
  64,
  127,
  128,
  -128,
  2 ** 28,
  -(2 ** 28) - 1,
  2 ** 31,
  2 ** 35 + 7,
  2 ** 52,
  -(2 ** 52),
])('varints of %d, as Go writes them', (x) => {
  const b = new Uint8Array(40);
  const encoded: number[] = [];
  for (let z = BigInt.asUintN(64, (BigInt(x) << 1n) ^ (BigInt(x) >> 63n)); ; z >>= 7n) {
    encoded.push(Number(z & 127n) | (z > 127n ? 128 : 0));
    if (z <= 127n) break;
  }
  const end = putVarint(b, 0, x);
  expect([...b.subarray(0, end)]).toEqual(encoded);
  const at = putUvarint(b, end, Math.abs(x));
  const done = putInt64(b, at, x);
  expect(new DataView(b.buffer).getBigInt64(at)).toBe(BigInt(x));
  const r: ByteReader = { b, at: 0, end: done, bad: false };
  expect([readVarint(r), readUvarint(r), readInt64(r), r.bad]).toEqual([x, Math.abs(x), x, false]);
});

/** A segment of these records. */
function segment(records: readonly Uint8Array[]): Uint8Array {
  const out = newByteWriter(1024);
  for (const record of records) frameRecord(out, 0, record, 0, record.length);
  return out.b.slice(0, out.n);
}

function record(n: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: n }, (_, i) => (i * 31 + seed) & 255);
}

const SIZES = [
  1,
  100,
  WAL_PAGE_BYTES - 7,
  WAL_PAGE_BYTES - 14,
  5,
  WAL_PAGE_BYTES,
  3 * WAL_PAGE_BYTES + 17,
  0,
  12,
  200_000,
];

function readBack(segments: readonly Uint8Array[]): {
  records: Uint8Array[];
  reader: ReturnType<typeof newWalReader>;
} {
  const world = simWorld(1);
  segments.forEach((bytes, i) => world.disk.put(`/wal/${segmentName(i)}`, bytes));
  const reader = newWalReader(
    world.env,
    '/wal',
    segments.map((_, i) => i),
  );
  const records: Uint8Array[] = [];
  while (reader.next()) records.push(reader.bytes.slice(reader.from, reader.to));
  reader.close();
  return { records, reader };
}

test('records of all sizes, over several segments', () => {
  const all = SIZES.map(record);
  const { records, reader } = readBack([segment(all), segment(all.toReversed())]);
  expect(reader.corruption).toBeNull();
  expect(records).toEqual([...all, ...all.toReversed()]);
});

test('a page may end up to 7 bytes short, and the rest is zero', () => {
  for (let left = 0; left <= 9; left++) {
    const first = record(WAL_PAGE_BYTES - 7 - left, left);
    const { records, reader } = readBack([segment([first, record(20, 1)])]);
    expect(reader.corruption).toBeNull();
    expect(records).toEqual([first, record(20, 1)]);
  }
});

test('damage anywhere: what comes before it is read, nothing wrong comes out, and it is said where', () => {
  const all = [record(50, 1), record(40_000, 2), record(60, 3), record(70, 4)];
  const whole = segment(all);
  const random = simWorld(2).random('damage');
  const wrong: unknown[] = [];
  for (let run = 0; run < 200; run++) {
    const bytes = whole.slice();
    const at = random.below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << random.below(8));
    const { records, reader } = readBack([run % 2 === 0 ? bytes : whole.slice(0, at)]);
    const good = segment(all.slice(0, records.length)).length;
    const right = records.every((r, i) => Buffer.compare(r, all[i]!) === 0);
    // A cut between two records is no damage.
    const said =
      reader.corruption === null ? run % 2 === 1 && at === good : reader.corruption.offset === good;
    if (!right || !said) wrong.push({ run, at, records: records.length, corruption: reader.corruption });
  }
  expect(wrong).toEqual([]);
});

test('random bytes as records and as segments: errors, no exceptions', () => {
  const random = simWorld(3).random('bytes');
  const sink = collectEntries([]);
  for (let run = 0; run < 1000; run++) {
    const bytes = random.bytes(1 + random.below(200));
    bytes[0] = run % 16;
    expect(typeof readRecord(bytes, 0, bytes.length, sink)).toBe('string');
    expect(readBack([bytes]).records.length).toBeLessThan(2);
  }
});
