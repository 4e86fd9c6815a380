import { simWorld, SimCrash, type Prng } from '@munjigi/env/sim';
import { compareText, compileMatcher, labelValue, type Matcher } from '@munjigi/model';
import { expect, test } from 'vitest';
import { newBlockCache } from './cache.ts';
import { compileBlockTests } from './match.ts';
import { readMeta, writeMeta, type BlockMeta } from './meta.ts';
import { checkBlock, openBlock, type Block } from './reader.ts';
import { SEGMENT_STEP } from './segment-writer.ts';
import {
  NO_TOMBSTONES,
  mergeTombstones,
  readTombstones,
  tombstonesFrom,
  writeTombstones,
} from './tombstones.ts';
import { newUlid } from './ulid.ts';
import { encodeText } from '../testing/metas.ts';
import { writeRandomBlock, type RandomSeries } from '../testing/random-block.ts';

const ULID = '01HF7YAT00000000000000000A';

function labelsOf(block: Block, labels: Uint32Array, words: number): string[] {
  return Array.from(labels.subarray(0, words), (symbol) => block.symbolText(symbol));
}

function readAll(block: Block, matchers: readonly Matcher[] | null): { labels: string[]; times: number[] }[] {
  const cursor = block.series(matchers === null ? null : compileBlockTests(matchers), -Infinity, Infinity);
  const found: { labels: string[]; times: number[] }[] = [];
  while (cursor.next())
    found.push({
      labels: labelsOf(block, cursor.labels, cursor.labelCount),
      times: Array.from(cursor.chunkMint.subarray(0, cursor.chunkCount)),
    });
  return found;
}

function randomMatcher(random: Prng, series: readonly RandomSeries[]): Matcher {
  const { labels } = series[random.below(series.length)]!;
  const at = 2 * random.below(labels.length / 2);
  const name = random.chance(0.1) ? 'no such' : labels[at]!;
  const value = labels[at + 1]!;
  const op = (['=', '!=', '=~', '!~'] as const)[random.below(4)]!;
  if (op === '=' || op === '!=') return { name, op, value: random.chance(0.2) ? '' : value };
  const other = labelValue(series[random.below(series.length)]!.labels, name);
  const regexps = [
    '',
    '.*',
    '.+',
    value,
    `${value}|${other}`,
    `|${value}`,
    `${String.fromCodePoint(value.codePointAt(0)!)}.*`,
    '.*1',
    'm[01]',
    `${value}.+`,
    `${value}.*|${other}.*`,
    `(${value}|m)[0-9]*`,
    `${value}.+|`,
  ];
  return { name, op, value: regexps[random.below(regexps.length)]! };
}

// Batch entries: all at once; ranges of values; single values as they are read.
test.each([
  [1, 1_000_000, 1_000_000],
  [2, 40, 20_000],
  [3, 1, 0],
])('what is written is found, seed %d', async (seed, batchEntries, cacheBytes) => {
  const world = simWorld(seed);
  const random = world.random('blocks');
  const { files } = world.env;
  files.makeDir('/data');
  const written = await world.run(
    writeRandomBlock(files, '/data', ULID, random, {
      series: 300,
      mint: 0,
      maxt: 7_200_000,
      batchEntries,
      segmentBytes: 4000,
    }),
  );
  expect(files.list('/data').map(({ name }) => name)).toEqual([ULID]);
  expect(files.list(`/data/${ULID}/chunks`).length).toBeGreaterThan(2);
  const cache = newBlockCache(cacheBytes);
  const block = openBlock(files, written.dir, cache);
  expect(block.meta).toEqual(written.meta);
  const all = written.series.map(({ labels, times }) => ({ labels: [...labels], times: [...times] }));
  expect(readAll(block, null)).toEqual(all);
  const names = [...new Set(written.series.flatMap((s) => s.labels.filter((_, i) => i % 2 === 0)))].sort(
    compareText,
  );
  expect(block.labelNames()).toEqual(names);
  for (const name of names) {
    const values = [...new Set(written.series.map((s) => labelValue(s.labels, name)))].sort(compareText);
    expect(block.labelValues(name)).toEqual(values.filter((v) => v !== ''));
    const value = values.at(-1)!;
    expect(block.postings(name, value)).toHaveLength(
      written.series.filter((s) => labelValue(s.labels, name) === value).length,
    );
  }
  for (let i = 0; i < 300; i++) {
    const matchers = Array.from({ length: 1 + random.below(3) }, () => randomMatcher(random, written.series));
    const tests = matchers.map((m) => ({ name: m.name, test: compileMatcher(m) }));
    const expected = all.filter((_, k) =>
      tests.every((t) => t.test(labelValue(written.series[k]!.labels, t.name))),
    );
    expect(readAll(block, matchers), JSON.stringify(matchers)).toEqual(expected);
  }
  expect(cache.bytes()).toBeLessThanOrEqual(cacheBytes);
  block.close();
});

test('chunks outside of the range are left out, references name segment and place', async () => {
  const world = simWorld(4);
  const { files } = world.env;
  files.makeDir('/data');
  const o = { series: 50, mint: 1000, maxt: 2000, segmentBytes: 700 };
  const { dir, series } = await world.run(writeRandomBlock(files, '/data', ULID, world.random('a'), o));
  const block = openBlock(files, dir, newBlockCache(100_000));
  const cursor = block.series(null, 1200, 1500);
  let seen = 0;
  let segments = 0;
  while (cursor.next()) {
    for (let i = 0; i < cursor.chunkCount; i++) {
      expect(cursor.chunkMint[i]! <= 1500 && cursor.chunkMaxt[i]! >= 1200).toBe(true);
      segments = Math.max(segments, Math.floor(cursor.chunkRef[i]! / SEGMENT_STEP));
      seen++;
    }
  }
  expect(seen).toBe(series.flatMap((s) => s.times).filter((t) => t >= 1200 && t <= 1500).length);
  expect(segments).toBeGreaterThan(0);
  expect(
    files.list(`${dir}/chunks`).every(({ name }) => files.stat(`${dir}/chunks/${name}`)!.size <= 700),
  ).toBe(true);
});

test('opening costs memory by what is asked for', async () => {
  const world = simWorld(5);
  const { files } = world.env;
  files.makeDir('/data');
  const o = { series: 5000, mint: 0, maxt: 1000 };
  const { dir } = await world.run(writeRandomBlock(files, '/data', ULID, world.random('a'), o));
  const cache = newBlockCache(10_000_000);
  const block = openBlock(files, dir, cache);
  expect(block.index.size).toBeGreaterThan(200_000);
  // First and last page.
  expect(cache.bytes()).toBeLessThan(40_000);
  expect(readAll(block, [{ name: '__name__', op: '=', value: 'no such' }])).toEqual([]);
  expect(cache.bytes()).toBeLessThan(150_000);
  block.close();
  expect(cache.bytes()).toBe(0);
});

test.each(['process', 'power'] as const)('a block appears whole or not at all: %s', async (kind) => {
  for (let operation = 1, finished = false; !finished; operation++) {
    const world = simWorld(operation);
    world.env.files.makeDir('/data');
    await world.run(world.env.files.syncDir('/data'));
    await world.run(world.env.files.syncDir('/'));
    world.disk.crashAt(world.disk.operations + operation);
    const o = { series: 30, mint: 0, maxt: 1000, segmentBytes: 300 };
    try {
      await world.run(() => writeRandomBlock(world.env.files, '/data', ULID, world.random('a'), o));
      finished = true;
    } catch (error) {
      if (!(error instanceof SimCrash)) throw error;
    }
    world.disk.crashAt(0);
    world.disk.crash(kind);
    const { files } = world.restart();
    const names = files.list('/data').map(({ name }) => name);
    for (const name of names) expect([ULID, `${ULID}.tmp-for-creation`]).toContain(name);
    if (names.includes(ULID)) {
      checkBlock(files, `/data/${ULID}`);
      const block = openBlock(files, `/data/${ULID}`, newBlockCache(100_000));
      expect(readAll(block, null)).toHaveLength(block.meta.stats.numSeries);
    } else expect(finished).toBe(false);
  }
});

test('a full disk leaves nothing', async () => {
  const world = simWorld(6);
  world.env.files.makeDir('/data');
  world.disk.full(2000);
  const o = { series: 100, mint: 0, maxt: 1000 };
  await expect(
    world.run(() => writeRandomBlock(world.env.files, '/data', ULID, world.random('a'), o)),
  ).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(world.env.files.list('/data')).toEqual([]);
});

test('a block without samples does not appear', async () => {
  const world = simWorld(7);
  world.env.files.makeDir('/data');
  const o = { series: 0, mint: 0, maxt: 1000 };
  const { meta } = await world.run(writeRandomBlock(world.env.files, '/data', ULID, world.random('a'), o));
  expect(meta.stats.numSamples).toBe(0);
  expect(world.env.files.list('/data')).toEqual([]);
});

const META: BlockMeta = {
  ulid: ULID,
  minTime: -5,
  maxTime: 7_200_000,
  stats: {
    numSamples: 3,
    numFloatSamples: 2,
    numHistogramSamples: 1,
    numSeries: 1,
    numChunks: 1,
    numTombstones: 0,
  },
  compaction: {
    level: 2,
    sources: [ULID],
    parents: [{ ulid: ULID, minTime: 0, maxTime: 1 }],
    hints: ['from-out-of-order'],
  },
  version: 1,
  thanos: { labels: { a: 'ü' } },
  extra: { out_of_order: false },
};

test('a meta is read as it was written', () => {
  const bytes = writeMeta(META);
  expect(readMeta(bytes, 'meta.json')).toEqual(META);
  expect(new TextDecoder().decode(bytes)).toMatch(
    /^\{\n\t"ulid": "01HF7YAT00000000000000000A",\n\t"minTime": -5,/,
  );
});

test.each([
  ['', 'not JSON'],
  ['[]', 'the file is not an object'],
  ['{"version":3}', 'version 3 is not known'],
  ['{"version":1,"minTime":0,"maxTime":1,"ulid":"x"}', 'ulid is not a ULID'],
  ['{"version":1,"minTime":2,"maxTime":1}', 'maxTime 1 lies before minTime 2'],
  ['{"version":1,"minTime":0.5,"maxTime":1}', 'minTime is not a whole number'],
  [
    `{"version":1,"minTime":0,"maxTime":1,"ulid":"${ULID}","stats":{"numSeries":-1}}`,
    'stats.numSeries is below 0',
  ],
  [
    `{"version":1,"minTime":0,"maxTime":1,"ulid":"${ULID}","compaction":{"parents":[1]}}`,
    'compaction.parents[0] is not an object',
  ],
])('meta %s: %s', (text, why) => {
  expect(() => readMeta(encodeText(text), 'dir/meta.json')).toThrow(`dir/meta.json: byte 0: ${why}`);
});

// Rows of series, mint, maxt; the same after merging.
const TOMBSTONES: readonly (readonly [
  name: string,
  rows: readonly [number, number, number][],
  merged: readonly [number, number, number][],
])[] = [
  ['none', [], []],
  [
    'in any order',
    [
      [7, 5, 9],
      [3, -4, 2],
    ],
    [
      [3, -4, 2],
      [7, 5, 9],
    ],
  ],
  [
    'touching',
    [
      [1, 0, 4],
      [1, 5, 9],
      [1, 11, 12],
    ],
    [
      [1, 0, 9],
      [1, 11, 12],
    ],
  ],
  [
    'inside',
    [
      [1, 0, 100],
      [1, 5, 9],
    ],
    [[1, 0, 100]],
  ],
  [
    'without end',
    [
      [1, -Infinity, 4],
      [1, 7, Infinity],
    ],
    [
      [1, -(2 ** 63), 4],
      [1, 7, 2 ** 63],
    ],
  ],
];

test.each(TOMBSTONES)('tombstones: %s', (_, rows, merged) => {
  const made = tombstonesFrom(
    rows.map((r) => r[0]),
    rows.map((r) => r[1]),
    rows.map((r) => r[2]),
  );
  const read = readTombstones(writeTombstones(made), 'tombstones');
  const found: number[][] = [];
  read.ref.forEach((ref, i) => {
    for (let k = read.first[i]!; k < read.first[i + 1]!; k++) found.push([ref, read.mint[k]!, read.maxt[k]!]);
  });
  expect(found).toEqual(merged);
  expect(read.count).toBe(merged.length);
  expect(mergeTombstones(made, NO_TOMBSTONES)).toEqual(made);
  expect(mergeTombstones(made, made)).toEqual(made);
});

test('ulids order by time', () => {
  expect(newUlid(0, new Uint8Array(10))).toBe('00000000000000000000000000');
  expect(newUlid(2 ** 48 - 1, new Uint8Array(10).fill(255))).toBe('7ZZZZZZZZZZZZZZZZZZZZZZZZZ');
  expect(newUlid(1_700_000_000_000, new Uint8Array(10).fill(1))).toBe('01HF7YAT00040G2081040G2081');
});
