import { simWorld } from '@munjigi/env/sim';
import { StorageError } from '@munjigi/model';
import { expect, test } from 'vitest';
import { collectEntries, writeEntries, type LogEntry } from '../testing/wal-entries.ts';
import { checkpoint, type CheckpointOptions } from './checkpoint.ts';
import type { WalCompression } from './compress.ts';
import { newWalReader } from './reader.ts';
import { readRecord } from './record.ts';
import { checkpointName, listSegments, listWal, segmentName } from './segments.ts';
import { newWalWriter } from './writer.ts';

type World = ReturnType<typeof simWorld>;
const DIR = '/wal';
const MINT = 1000;
/** Series that are kept: the odd ones. */
const REFS: Float64Array = Float64Array.of(1, 3, 5, 7, 9);
const keep = (ref: number): boolean => REFS.includes(ref);

const HISTOGRAM = {
  hint: 0,
  schema: 0,
  zeroThreshold: 0.5,
  zeroCount: 1,
  count: 6,
  sum: '4000000000000000',
  positiveSpans: [[0, 2]],
  negativeSpans: [[1, 1]],
  positive: [1, 3],
  negative: [1],
  bounds: [],
};
const CUSTOM = {
  ...HISTOGRAM,
  schema: -53,
  zeroThreshold: 0,
  zeroCount: 0,
  count: 4,
  negativeSpans: [],
  negative: [],
  bounds: [1, 2],
};

/** What commit `k` logs: all kinds of entries, in segments before and after MINT. */
function commit(k: number): LogEntry[] {
  const t = MINT - 500 + 100 * k;
  const entries: LogEntry[] = [];
  for (let ref = 1; ref <= 10; ref++) {
    if (k % 5 === 0) entries.push({ kind: 'series', ref, labels: ['__name__', `m${ref}`, 'k', String(k)] });
    if ((k + ref) % 4 === 0)
      entries.push({ kind: 'metadata', ref, type: 'gauge', unit: '', help: `help ${k % 3} ${ref % 2}` });
    const at = t + 10 * (ref % 3) - 10;
    entries.push({ kind: 'sample', ref, t: at, st: k % 3 === 0 ? 0 : t - 2000, v: '7ff0000000000002' });
    if (ref % 3 === 0)
      entries.push({ kind: 'histogram', ref, t: at, st: t - 2000, h: k % 2 === 0 ? HISTOGRAM : CUSTOM });
    if (ref % 3 === 1)
      entries.push({ kind: 'floatHistogram', ref, t: at, st: 0, h: k % 2 === 0 ? CUSTOM : HISTOGRAM });
    entries.push({ kind: 'exemplar', ref, t: at, v: '3ff0000000000000', labels: ['trace', String(k)] });
    entries.push({ kind: 'tombstone', ref, mint: 0, maxt: at });
  }
  return entries;
}

/** Commits 0..11, two a segment: 0-5 are before the checkpoint 2. */
async function makeLog(world: World, withStart: boolean, compression: WalCompression): Promise<void> {
  world.env.files.makeDir(DIR);
  const writer = newWalWriter(world.env, {
    dir: DIR,
    firstSegment: 0,
    segmentBytes: 1 << 20,
    compression,
    faults: {},
  });
  for (let k = 0; k < 12; k++) {
    if (k > 0 && k % 2 === 0) writer.cut();
    const { w, ends } = writeEntries(commit(k), withStart);
    writer.log(w, ends);
  }
  await world.run(writer.syncTo(writer.written()));
  writer.close();
}

function read(world: World, dir: string, segments: readonly number[], entries: LogEntry[]): string {
  const reader = newWalReader(world.env, dir, segments);
  const sink = collectEntries(entries);
  while (reader.next()) expect(readRecord(reader.bytes, reader.from, reader.to, sink)).toBe('');
  reader.close();
  return reader.corruption?.reason ?? '';
}

/** As replay reads it: the newest checkpoint, then the segments behind it. */
function readAll(world: World): LogEntry[] {
  const { files } = world.env;
  const { checkpoint: number, segments } = listWal(files, DIR);
  const entries: LogEntry[] = [];
  if (number >= 0) {
    const dir = `${DIR}/${checkpointName(number)}`;
    expect(read(world, dir, listSegments(files, dir), entries)).toBe('');
  }
  const later = segments.filter((n) => n > number);
  expect(read(world, DIR, later, entries)).toBe('');
  return entries;
}

function needed(entries: readonly LogEntry[]): LogEntry[] {
  const last = new Map<number, LogEntry>();
  for (const e of entries) if (e.kind === 'metadata') last.set(e.ref, e);
  return entries.filter((e) => {
    switch (e.kind) {
      case 'series':
        return keep(e.ref);
      case 'metadata':
        return keep(e.ref) && last.get(e.ref) === e;
      case 'tombstone':
        return keep(e.ref) && e.maxt >= MINT;
      case 'minValidTime':
      case 'marker':
        return false;
      default:
        return e.t >= MINT;
    }
  });
}

const order = (entries: readonly LogEntry[]): string[] => entries.map((e) => JSON.stringify(e)).sort();

const options = (change: Partial<CheckpointOptions> = {}): CheckpointOptions => ({
  dir: DIR,
  from: -1,
  upTo: 2,
  mint: MINT,
  refs: REFS,
  faults: {},
  ...change,
});

test.each<[boolean, WalCompression]>([
  [false, 'none'],
  [true, 'none'],
  [false, 'snappy'],
  [true, 'zstd'],
])('start times %s, compression %s: what is needed stays, the rest goes', async (withStart, compression) => {
  const world = simWorld(1);
  await makeLog(world, withStart, compression);
  const before = readAll(world);
  const stats = await world.run(checkpoint(world.env, options({ compression })));
  expect(listWal(world.env.files, DIR)).toEqual({ segments: [3, 4, 5], checkpoint: 2, leftovers: [] });
  const inside: LogEntry[] = [];
  const dir = `${DIR}/${checkpointName(2)}`;
  read(world, dir, listSegments(world.env.files, dir), inside);
  expect(inside[0]).toEqual({ kind: 'minValidTime', t: MINT });
  // Only the last metadata of each series counts: the log behind has newer ones of most.
  expect(order(needed(readAll(world)))).toEqual(order(needed(before)));
  const metadata = inside.filter((e) => e.kind === 'metadata').map((e) => e.ref);
  expect(metadata).toEqual([1, 3, 5, 7, 9]);
  const rest = (e: LogEntry): boolean => e.kind !== 'metadata' && e.kind !== 'minValidTime';
  expect(order(needed(inside).filter(rest))).toEqual(order(inside.filter(rest)));
  const six = Array.from({ length: 6 }, (_, k) => commit(k).length).reduce((a, b) => a + b);
  expect(stats.kept + stats.dropped).toBe(six);
  expect(stats.bytes).toBeGreaterThan(inside.length);
});

test('a checkpoint of a checkpoint, and the oldest valid time never goes back', async () => {
  const world = simWorld(2);
  await makeLog(world, true, 'none');
  const before = readAll(world);
  await world.run(checkpoint(world.env, options({ upTo: 1 })));
  await world.run(checkpoint(world.env, options({ from: 1, upTo: 3, mint: MINT - 10_000 })));
  expect(listWal(world.env.files, DIR)).toEqual({ segments: [4, 5], checkpoint: 3, leftovers: [] });
  const after = readAll(world);
  expect(after[0]).toEqual({ kind: 'minValidTime', t: MINT });
  expect(order(needed(after))).toEqual(order(needed(before)));
});

test('tombstones may be needed longer than samples', async () => {
  const world = simWorld(6);
  await makeLog(world, false, 'none');
  const ends = (entries: readonly LogEntry[]): number[] =>
    entries.flatMap((e) => (e.kind === 'tombstone' && keep(e.ref) ? [e.maxt] : []));
  const all = ends(readAll(world));
  await world.run(checkpoint(world.env, options({ tombstoneMint: MINT - 300 })));
  const left = ends(readAll(world));
  expect(left).toEqual(all.filter((maxt) => maxt >= MINT - 300));
  expect(left.length).toBeLessThan(all.length);
});

test('a damaged log is named, and nothing changes', async () => {
  const world = simWorld(3);
  await makeLog(world, false, 'none');
  const file = `${DIR}/${segmentName(1)}`;
  const bytes = world.disk.read(file)!;
  bytes[500]! ^= 1;
  world.disk.put(file, bytes);
  const before = world.disk.tree();
  await expect(world.run(checkpoint(world.env, options()))).rejects.toMatchObject({
    code: 'EFORMAT',
    message: expect.stringMatching(
      /cannot make the checkpoint .*00000002: .*00000001: byte \d+: a checksum is wrong/,
    ) as string,
  });
  expect(world.disk.tree()).toEqual(before);
});

test('a full disk leaves everything as it was', async () => {
  const world = simWorld(4);
  await makeLog(world, false, 'none');
  const before = world.disk.tree();
  world.disk.full(1000);
  await expect(world.run(checkpoint(world.env, options()))).rejects.toThrow(StorageError);
  expect(world.disk.tree()).toEqual(before);
  world.disk.full(Infinity);
  await world.run(checkpoint(world.env, options()));
  expect(listWal(world.env.files, DIR).checkpoint).toBe(2);
});

test('a crash at any operation leaves a log with everything needed', async () => {
  const probe = simWorld(5);
  await makeLog(probe, true, 'snappy');
  const expected = order(needed(readAll(probe)));
  const begin = probe.disk.operations;
  await probe.run(checkpoint(probe.env, options()));
  const end = probe.disk.operations;
  expect(end - begin).toBeGreaterThan(8);
  for (const kind of ['process', 'power'] as const)
    for (let seed = 0; seed < 3; seed++)
      for (let at = begin + 1; at <= end; at++) {
        const world = simWorld(100 + seed);
        await makeLog(world, true, 'snappy');
        await world.run(world.env.files.syncDir('/'));
        const shift = world.disk.operations - begin;
        world.disk.crashAt(at + shift);
        await world.run(checkpoint(world.env, options())).catch(() => undefined);
        world.disk.crash(kind);
        world.restart();
        expect([kind, seed, at, order(needed(readAll(world)))]).toEqual([kind, seed, at, expected]);
        const { checkpoint: from } = listWal(world.env.files, DIR);
        await world.run(checkpoint(world.env, options({ from, upTo: 3 })));
        expect(order(needed(readAll(world)))).toEqual(expected);
      }
});
