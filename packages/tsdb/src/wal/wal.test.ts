import { simWorld } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { openHead, type Head } from '../index.ts';
import { NAMED, query, using, write, type Row } from '../testing/store.ts';
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
import { RECORD, readRecord, type RecordSink } from './record.ts';
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
    world.env.files,
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
  const sink: RecordSink = {
    series: () => undefined,
    sample: () => undefined,
    metadata: () => undefined,
    unknown: () => undefined,
  };
  for (let run = 0; run < 1000; run++) {
    const bytes = random.bytes(1 + random.below(200));
    bytes[0] = [RECORD.series, RECORD.samples, RECORD.metadata, 9][run % 4]!;
    expect(typeof readRecord(bytes, 0, bytes.length, sink)).toBe('string');
    expect(readBack([bytes]).records.length).toBeLessThan(2);
  }
});

// ---- replay

const M = { __name__: 'm' };
const DIR = '/data/wal';

async function reopen(world: ReturnType<typeof simWorld>): Promise<Head> {
  world.disk.crash('process');
  world.restart();
  return world.run(openHead(world.env, { path: '/data', segmentBytes: 32_768 }));
}

/** A log of several segments: sample i is in every series at time i. */
async function longLog(world: ReturnType<typeof simWorld>, commits: number): Promise<Head> {
  const head = await world.run(openHead(world.env, { path: '/data', segmentBytes: 32_768 }));
  for (let k = 0; k < commits; k++)
    await write(
      head,
      Array.from({ length: 200 }, (_, i): Row => [{ ...M, i: String(i) }, k, k]),
    );
  return head;
}

test('replay of several segments, twice: the same head', async () => {
  const world = simWorld(4);
  const before = await query(await longLog(world, 60), NAMED);
  expect(world.disk.tree().filter((f) => f.startsWith(DIR)).length).toBeGreaterThan(3);
  let head = await reopen(world);
  expect(await query(head, NAMED)).toEqual(before);
  expect(head.walReplay()).toMatchObject({ samples: 12_000, problems: [], status: { state: 'done' } });
  head = await reopen(world);
  expect(await query(head, NAMED)).toEqual(before);
});

test.each<[string, number, (b: Uint8Array) => Uint8Array, RegExp, { least: number; most: number }]>([
  ['a torn tail', -1, (b) => b.slice(0, b.length - 5), /cut off/, { least: 59, most: 59 }],
  ['garbage behind the end', -1, (b) => Uint8Array.from([...b, 7, 7, 7]), /cut off/, { least: 60, most: 60 }],
  ['zeros behind the end', -1, (b) => Uint8Array.from([...b, 0, 0, 0]), /^$/, { least: 60, most: 60 }],
  [
    'damage in the middle',
    1,
    (b) => b.map((x, i) => (i === 100 ? x ^ 1 : x)),
    /later segments were dropped/,
    { least: 1, most: 58 },
  ],
])('%s', async (_, which, damage, said, commits) => {
  const world = simWorld(5);
  await longLog(world, 60);
  const files = world.disk.tree().filter((f) => /\/wal\/\d+$/.test(f));
  const file = files.at(which)!;
  const damaged = damage(world.disk.read(file)!);
  world.disk.crash('process');
  world.restart();
  world.disk.put(file, damaged);
  let head = await reopen(world);
  expect(
    head
      .walReplay()
      .problems.map((p) => p.message)
      .join(),
  ).toMatch(said);
  const first = await query(head, NAMED);
  const lengths = new Set(first.map((s) => s.t.length));
  expect(lengths.size).toBe(1);
  expect([...lengths][0]).toBeLessThanOrEqual(commits.most);
  expect([...lengths][0]).toBeGreaterThanOrEqual(commits.least);
  await write(head, [[{ ...M, i: '0' }, 1000, 7]]);
  head = await reopen(world);
  expect(head.walReplay().problems).toEqual([]);
  const again = await query(head, NAMED);
  expect(again.slice(1)).toEqual(first.slice(1));
  expect(again[0]!.t).toEqual([...first[0]!.t, 1000]);
});

test('a compressed record is refused with its place, and nothing is dropped', async () => {
  const world = simWorld(6);
  await longLog(world, 2);
  const file = `${DIR}/00000000`;
  const bytes = world.disk.read(file)!;
  bytes[0] = bytes[0]! | 8;
  world.disk.crash('process');
  world.restart();
  world.disk.put(file, bytes);
  await expect(reopen(world)).rejects.toThrow(/\/data\/wal\/00000000: byte 0: .*snappy.*wal-compression/);
  expect(world.disk.read(file)).toEqual(bytes);
});

test('a checkpoint lets old segments go, and the series they named stay', async () => {
  const world = simWorld(7);
  let head = await world.run(
    openHead(world.env, { path: '/data', segmentBytes: 32_768, retention_ms: 1000 }),
  );
  for (let k = 0; k < 200; k++) {
    const rows: Row[] = Array.from({ length: 100 }, (_, i) => [{ ...M, i: String(i) }, k * 100, k]);
    // One series is written rarely: its record is in a segment that goes.
    await write(head, k % 9 === 0 ? [...rows, [{ ...M, i: 'rare' }, k * 100, k]] : rows);
    if (k % 20 === 19) await world.run(head.sweep());
  }
  const files = world.disk.tree();
  expect(files.some((f) => /wal\/checkpoint\.\d{8}\/00000000$/.test(f))).toBe(true);
  expect(files.filter((f) => /wal\/\d{8}$/.test(f)).length).toBeLessThan(6);
  expect(files.some((f) => f.endsWith(`/${segmentName(0)}`) && !f.includes('checkpoint'))).toBe(false);
  const recent = (h: Head): ReturnType<typeof query> => query(h, NAMED, 18_900);
  const before = await recent(head);
  expect(before).toHaveLength(101);
  world.disk.crash('power');
  world.restart();
  head = await world.run(openHead(world.env, { path: '/data', segmentBytes: 32_768, retention_ms: 1000 }));
  const after = await recent(head);
  expect(after.map((s) => s.labels)).toEqual(before.map((s) => s.labels));
});

test('progress is told, from the first segment to the last', async () => {
  const world = simWorld(8);
  await longLog(world, 60);
  world.disk.crash('process');
  world.restart();
  const seen: string[] = [];
  const head = await world.run(
    openHead(world.env, { path: '/data', onReplay: (s) => seen.push(`${s.state} ${s.current}/${s.max}`) }),
  );
  const { max } = head.walReplay().status;
  expect(seen[0]).toBe(`in progress 0/${max}`);
  expect(seen.at(-1)).toBe(`done ${max}/${max}`);
  expect(
    await using(head.querier(), (q) => q.labelNames({ mint: 0, maxt: 1e9, matchers: [], limit: 0 })),
  ).toEqual({
    names: ['__name__', 'i'],
    warnings: [],
  });
});
