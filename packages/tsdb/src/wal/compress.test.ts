import { simWorld } from '@munjigi/env/sim';
import { describe, expect, test } from 'vitest';
import { newByteWriter, room, type ByteWriter } from './bytes.ts';
import type { WalCompression } from './compress.ts';
import { newWalReader } from './reader.ts';
import { WAL_PAGE_BYTES } from './segments.ts';
import { snappyBound, snappyCompress, snappyDecompress, snappyLength } from './snappy.ts';
import { newWalWriter } from './writer.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const unhex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

function compress(b: Uint8Array): Uint8Array {
  const out = new Uint8Array(snappyBound(b.length) + 4);
  return out.slice(4, snappyCompress(b, 0, b.length, out, 4));
}

/** null: refused. */
function decompress(b: Uint8Array): Uint8Array | null {
  const { length, at } = snappyLength(b, 0, b.length);
  if (length < 0) return null;
  const out = new Uint8Array(length);
  return snappyDecompress(b, at, b.length, out, length) ? out : null;
}

const random = simWorld(1).random('snappy');
/** Texts of few words: many matches, near and far. */
function words(n: number): Uint8Array {
  const list = Array.from({ length: 50 }, () => random.bytes(1 + random.below(30)));
  const out = newByteWriter(n);
  while (out.n < n) {
    const word = list[random.below(list.length)]!;
    room(out, word.length);
    out.b.set(word, out.n);
    out.n += word.length;
  }
  return out.b.slice(0, n);
}

const INPUTS: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array(0)],
  ['one byte', bytes('a')],
  ['a short text', bytes('Wikipedia is a free encyclopedia')],
  ['one byte many times', new Uint8Array(1_000_000).fill(7)],
  ['random bytes', random.bytes(200_000)],
  ['words', words(300_000)],
  ...[15, 16, 17, 18, 59, 60, 61, 62, 255, 256, 257, 65_535, 65_536, 65_537].flatMap(
    (n) =>
      [
        [`${n} random bytes`, random.bytes(n)],
        [`${n} bytes of words`, words(n)],
      ] as const,
  ),
];

describe('snappy', () => {
  test.each(INPUTS)('there and back: %s', (_, b) => {
    const packed = compress(b);
    expect(Buffer.compare(decompress(packed)!, b)).toBe(0);
  });

  test('repetition shrinks', () => {
    expect(compress(bytes('ab'.repeat(1000))).length).toBeLessThan(110);
    expect(compress(words(100_000)).length).toBeLessThan(40_000);
  });

  // Elements made by hand; the first and the long one as golang/snappy writes them.
  test.each([
    ['a literal', '030861686f', 'aho'],
    ['abab...', `d00f046162${'fe0200'.repeat(31)}360200`, 'ab'.repeat(1000)],
    ['literals of all length forms', '060061f00062f4000063f800000064fc00000000650066', 'abcdef'],
    ['a short copy that overlaps', '090461620d02', 'ababababa'],
    ['a copy with four bytes of offset', '060461620f02000000', 'ababab'],
    ['an offset of nothing', '060461620f00000000', null],
    ['an offset before the beginning', '060461620f03000000', null],
    ['more than the length says', '030461620f02000000', null],
    ['less than the length says', '070461620f02000000', null],
    ['a literal beyond the end', '05106162', null],
    ['a length that nothing can have', 'ffffffff0f046162', null],
    ['a length without an end', 'ffffff', null],
    ['no length', '', null],
  ])('%s', (_, hex, expected) => {
    const out = decompress(unhex(hex));
    expect(out === null ? null : new TextDecoder().decode(out)).toBe(expected);
  });

  test('mutated blocks are refused or are something else of that length', () => {
    const packed = compress(words(2000));
    for (let run = 0; run < 3000; run++) {
      const b = packed.slice(0, 1 + random.below(packed.length));
      for (let i = 0; i < 3; i++) b[random.below(b.length)] = random.below(256);
      const out = decompress(b);
      expect(out === null || out.length === snappyLength(b, 0, b.length).length).toBe(true);
    }
  });
});

function batch(records: readonly Uint8Array[]): { w: ByteWriter; ends: number[] } {
  const w = newByteWriter(16);
  const ends = records.map((r) => {
    room(w, r.length);
    w.b.set(r, w.n);
    return (w.n += r.length);
  });
  return { w, ends };
}

const RECORDS = [bytes('x'), words(500), random.bytes(100), words(5 * WAL_PAGE_BYTES), random.bytes(50_000)];

/** Large arrays are slow to compare, texts are not. */
const textOf = (b: Uint8Array): string => Buffer.from(b).toString('latin1');
const TWICE: string[] = [...RECORDS, ...RECORDS].map(textOf);

async function log(compression: WalCompression): Promise<ReturnType<typeof simWorld>> {
  const world = simWorld(2);
  world.env.files.makeDir('/wal');
  const writer = newWalWriter(world.env, {
    dir: '/wal',
    firstSegment: 0,
    segmentBytes: 1 << 20,
    compression,
    faults: {},
  });
  const { w, ends } = batch(RECORDS);
  writer.log(w, ends);
  writer.log(w, ends);
  await writer.syncTo(writer.written());
  writer.close();
  return world;
}

const all = (
  world: ReturnType<typeof simWorld>,
  from: number = 0,
): { records: string[]; ends: number[]; reason: string } => {
  const reader = newWalReader(world.env, '/wal', [0], { from });
  const records: string[] = [];
  const ends: number[] = [];
  while (reader.next()) {
    records.push(textOf(reader.bytes.subarray(reader.from, reader.to)));
    ends.push(reader.before);
  }
  reader.close();
  return { records, ends, reason: reader.corruption?.reason ?? '' };
};

describe.each<WalCompression>(['none', 'snappy', 'zstd'])('a log with compression %s', (compression) => {
  test('is read back, and only what shrinks is compressed', async () => {
    const world = await log(compression);
    const { records, reason } = all(world);
    expect(reason).toBe('');
    expect(records).toEqual(TWICE);
    const size = world.disk.read('/wal/00000000')!.length;
    const incompressible = 2 * (100 + 50_000 + 1);
    if (compression === 'none') expect(size).toBeGreaterThan(400_000);
    else expect(size).toBeLessThan(incompressible + 200_000);
    // The first record does not shrink.
    expect(world.disk.read('/wal/00000000')![0]).toBe(1);
  });

  test('is read from the end of any record', async () => {
    const world = await log(compression);
    const { ends } = all(world);
    ends.forEach((from, i) => {
      expect(all(world, from).records).toEqual(TWICE.slice(i));
    });
    const size = world.disk.read('/wal/00000000')!.length;
    expect(all(world, size)).toMatchObject({ records: [], reason: '' });
    expect(all(world, size + 100_000)).toMatchObject({ records: [], reason: '' });
  });
});

test('a page may be ended anywhere, and reading begin behind it', async () => {
  const world = simWorld(3);
  world.env.files.makeDir('/wal');
  const writer = newWalWriter(world.env, { dir: '/wal', firstSegment: 0, segmentBytes: 1 << 20, faults: {} });
  writer.endPage();
  expect(writer.segmentSize()).toBe(0);
  const { w, ends } = batch(RECORDS);
  writer.log(w, ends);
  writer.endPage();
  const from = writer.segmentSize();
  expect(from % WAL_PAGE_BYTES).toBe(0);
  writer.endPage();
  expect(writer.segmentSize()).toBe(from);
  writer.log(w, ends);
  await writer.syncTo(writer.written());
  writer.close();
  expect(all(world)).toMatchObject({ records: TWICE, reason: '' });
  expect(all(world, from)).toMatchObject({ records: TWICE.slice(0, RECORDS.length), reason: '' });
});

test.each<[WalCompression, number, RegExp]>([
  ['snappy', 8, /no zstd/],
  ['zstd', 16, /no snappy/],
])('bytes of %s that say they are something else are a corruption', async (compression, bit, said) => {
  const world = await log(compression);
  const b = world.disk.read('/wal/00000000')!;
  // The second record begins behind the first's header and byte.
  expect(b[8]! & 24).toBe(bit);
  b[8]! ^= 24;
  world.disk.put('/wal/00000000', b);
  expect(all(world)).toMatchObject({
    records: TWICE.slice(0, 1),
    reason: expect.stringMatching(said) as string,
  });
});
