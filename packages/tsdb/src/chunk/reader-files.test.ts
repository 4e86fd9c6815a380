// The reader over everything at once: all encodings, memory and files, overlaps, deleted ranges; against a model.
import { Prng, simWorld } from '@munjigi/env/sim';
import type { Files } from '@munjigi/env';
import { KIND, newColumn, type Selection } from '@munjigi/model';
import { expect, test } from 'vitest';
import { HEAD_PATH, SEGMENT_PATH, longSeries, randomSeries, textOf } from '../testing/chunk-model.ts';
import { newFilePages, pageKey } from './file-pages.ts';
import { openChunkReader } from './reader.ts';

test('random series read as the model has them', async () => {
  const random = new Prng(11, 'reader');
  const { env } = simWorld(1);
  for (let round = 0; round < 400; round++) {
    const { selection, expected } = randomSeries(random, env.files);
    const reader = openChunkReader(env.files, {
      cacheBytes: random.below(2) === 0 ? 1 : 1e6,
      kernel: round % 8 === 0,
    });
    if (random.below(2) === 0) await reader.load(selection, 0, 1);
    const column = newColumn(random.below(200));
    for (let again = 0; again < 3; again++) {
      const mint = random.below(3) === 0 ? -Infinity : random.below(2000);
      const maxt = random.below(3) === 0 ? Infinity : mint + random.below(1000);
      reader.series(selection, 0, mint, maxt, column);
      const got = textOf(column);
      expect(got).toEqual(expected(mint, maxt));
      expect(column.kind === null).toBe(!column.kind?.subarray(0, column.n).some((k) => k !== KIND.float));
      if (column.h !== null) expect(column.h.n).toBe(column.n);
    }
  }
});

// A run of chunks is decoded at once where the table says that they follow each other: it must not be believed.
test.each([
  ['one after another', (n: number) => n],
  ['every second one', (n: number) => 2 * n],
  ['one left out now and then', (n: number) => n + Math.floor(n / 7)],
])('chunks of a segment, %s', (_, nth) => {
  const { env } = simWorld(1);
  const { selection, times } = longSeries(env.files, nth);
  const column = newColumn();
  for (const kernel of [true, false]) {
    const reader = openChunkReader(env.files, { kernel });
    for (const [mint, maxt] of [
      [-Infinity, Infinity],
      [30_000, 61_234],
      [0, 0],
      [5e9, 6e9],
    ] as const) {
      reader.series(selection, 0, mint, maxt, column);
      expect([...column.t.subarray(0, column.n)]).toEqual(times.filter((t) => t >= mint && t <= maxt));
      expect([...column.v.subarray(0, column.n)]).toEqual([...column.t.subarray(0, column.n)].map(Math.sqrt));
    }
  }
});

/** A series whose chunks lie in this file alone. */
function seriesIn(path: string, random: Prng, files: Files): Selection {
  for (;;) {
    const { selection } = randomSeries(random, files);
    const arena = path === SEGMENT_PATH ? 1 : 2;
    const { chunks } = selection;
    if (chunks.arena.includes(arena) && !chunks.arena.some((a) => a !== arena))
      return { ...selection, deleted: null };
  }
}

test.each([
  [SEGMENT_PATH, false],
  [HEAD_PATH, false],
  [SEGMENT_PATH, true],
  [HEAD_PATH, true],
])('damage in %s is named with its place (kernel: %s)', (path, kernel) => {
  const random = new Prng(3, path);
  const { env } = simWorld(1);
  const s = seriesIn(path, random, env.files);
  const k = random.below(s.chunks.offset.length);
  const offset = s.chunks.offset[k]!;
  const f = env.files.open(path, 'rw');
  const b = new Uint8Array(1);
  f.read(b, 0, 1, offset + 7);
  b[0]! ^= 4;
  f.write(b, 0, 1, offset + 7);
  const all = newColumn();
  const reader = openChunkReader(env.files, { kernel });
  expect(() => reader.series(s, 0, -Infinity, Infinity, all)).toThrow(
    `${path}: chunk at byte ${offset}: it does not have its checksum`,
  );
  // What was read in the middle of a write is read again.
  b[0]! ^= 4;
  f.write(b, 0, 1, offset + 7);
  reader.series(s, 0, -Infinity, Infinity, all);
  expect(all.n).toBeGreaterThan(0);
  f.truncate(offset + 8);
  expect(() => openChunkReader(env.files).series(s, 0, -Infinity, Infinity, all)).toThrow(
    /the file ends before it does/,
  );
  f.close();
  env.files.remove(path);
  expect(() => openChunkReader(env.files).series(s, 0, -Infinity, Infinity, all)).toThrow(/ENOENT|no such/i);
});

test('pages: bounded, coalesced, and read again when the file has grown', () => {
  const { env } = simWorld(2);
  const reads: number[] = [];
  const files: Files = {
    ...env.files,
    open: (path, mode) => {
      const f = env.files.open(path, mode);
      return {
        ...f,
        read: (b, from, to, position) => {
          reads.push(to - from);
          return f.read(b, from, to, position);
        },
        close: () => f.close(),
      };
    },
  };
  const page = 65_536;
  const f = env.files.open('/x', 'create');
  const data = Uint8Array.from({ length: 6 * page + 100 }, (_, i) => (i * 7) >> 3);
  f.write(data, 0, data.length, 0);
  const pages = newFilePages(files, 8 * page);
  const x = pages.fileOf('/x');
  pages.load(Float64Array.from([2, 0, 1, 1, 5], (p) => pageKey(x, p * page)));
  expect(reads).toEqual([3 * page, page]);
  pages.load(Float64Array.of(pageKey(x, page + 5)));
  expect(reads).toHaveLength(2);
  const check = (at: number, n: number): void => {
    const { b, from, length } = pages.view(x, at, n);
    expect(b.subarray(from, from + length)).toEqual(data.subarray(at, at + n));
  };
  for (const [at, n] of [
    [0, 10],
    [page - 5, 10],
    [page - 5, 2 * page],
    [6 * page + 90, 30],
    [7 * page, 3],
  ] as const)
    check(at, n);
  f.write(Uint8Array.of(1, 2, 3), 0, 3, data.length);
  const grown = pages.view(x, 6 * page + 99, 4);
  expect([...grown.b.subarray(grown.from, grown.from + grown.length)]).toEqual([data.at(-1), 1, 2, 3]);
  for (let p = 0; p < 6; p++) check(p * page, page);
  expect(pages.bytes()).toBeLessThanOrEqual(8 * page);
});
