import { simWorld, type Prng } from '@munjigi/env/sim';
import type { Files } from '@munjigi/env';
import { expect, test } from 'vitest';
import { newBlockCache } from '../block/cache.ts';
import type { BlockMeta } from '../block/meta.ts';
import { openBlock } from '../block/reader.ts';
import { ulidOf } from '../testing/metas.ts';
import {
  plainSamples,
  readModelBlock,
  writeModelBlock,
  type ModelBlock,
  type ModelChunk,
  type Samples,
} from '../testing/model-blocks.ts';
import { readBlockMeta } from './block-meta.ts';
import { openChunkWindow } from './chunk-window.ts';
import { deleteSeries } from './delete.ts';
import { byAge } from './plan.ts';
import { cleanTombstones, compactBlocks } from './rewrite.ts';

const TIMEOUT_MS = 60_000;

const SEEDS = 40;
const NAMES = [
  '__name__=up,job=a',
  '__name__=up,job=b',
  '__name__=up,job=b,zone=1',
  '__name__=up,job=é',
  '__name__=up,job=\u{1f600}',
  '__name__=up,job=\uffee',
  '__name__=uq',
  'a=b',
  ...Array.from({ length: 10 }, (_, i) => `__name__=m,i=${i}`),
];

/** Chunks of random times in [mint, maxt), in order. */
function randomChunks(r: Prng, mint: number, maxt: number, step: number): ModelChunk[] {
  const chunks: ModelChunk[] = [];
  let t = mint + r.below(Math.max(1, (maxt - mint) >> 2));
  while (t < maxt && chunks.length < 6) {
    const size = 1 + r.below(r.chance(0.2) ? 150 : 8);
    const times: number[] = [];
    for (let i = 0; i < size && t < maxt; i++) {
      times.push(t);
      t += step * (1 + r.below(3));
    }
    chunks.push({ t: times, v: times.map(() => r.below(1000) - 500) });
  }
  return chunks;
}

function randomBlock(r: Prng, mint: number, maxt: number, step: number): ModelBlock {
  const block = new Map<string, ModelChunk[]>();
  for (const name of NAMES) if (r.chance(0.6)) block.set(name, randomChunks(r, mint, maxt, step));
  return block;
}

/** What a reader of all these blocks must find, given oldest first. */
function together(parts: readonly Samples[]): Samples {
  const all: Samples = new Map();
  for (const part of parts)
    for (const [name, samples] of part) {
      const known = all.get(name) ?? new Map<number, number>();
      for (const [t, v] of samples) known.set(t, v);
      if (known.size > 0) all.set(name, known);
    }
  return all;
}

function counted(samples: Samples): number {
  let n = 0;
  for (const s of samples.values()) n += s.size;
  return n;
}

test(
  `${SEEDS} times random blocks, with and without overlaps and tombstones, merged as in memory`,
  { timeout: TIMEOUT_MS },
  async () => {
    let overlaps = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = simWorld(seed);
      const r = world.random('merge');
      const { files } = world.env;
      await world.run(async () => {
        const metas: BlockMeta[] = [];
        const parts: Samples[] = [];
        const apart = r.chance(0.4);
        if (!apart) overlaps++;
        const step = r.chance(0.5) ? 1 : 10;
        const count = 1 + r.below(4);
        for (let i = 0; i < count; i++) {
          const mint = apart ? 3000 * i : r.below(2000);
          const block = randomBlock(r, mint, mint + 3000, step);
          const ulid = ulidOf(r.below(1000) * 10 + i);
          const meta = await writeModelBlock(
            files,
            '/d',
            { ulid, minTime: mint, maxTime: mint + 3000 },
            block,
          );
          if (meta.stats.numSamples === 0) continue;
          if (r.chance(0.4))
            await deleteSeries(files, {
              dir: `/d/${ulid}`,
              mint: mint + r.below(1000),
              maxt: mint + 500 + r.below(3000),
              matchers: [{ name: 'job', op: r.chance(0.5) ? '=' : '!=', value: 'b' }],
            });
          metas.push(meta);
        }
        metas.sort(byAge);
        for (const { ulid } of metas) parts.push(await readModelBlock(files, `/d/${ulid}`));
        const expected = together(parts);
        const { meta, replaced } = await compactBlocks(files, metas.map((m) => m.ulid).sort(), {
          dir: '/d',
          ulid: ulidOf(99_999),
          xor2: false,
        });
        expect([...replaced].sort()).toEqual(metas.map((m) => m.ulid).sort());
        if (meta === null) return expect(counted(expected)).toBe(0);
        expect(plainSamples(await readModelBlock(files, `/d/${ulidOf(99_999)}`)), `seed ${seed}`).toEqual(
          plainSamples(expected),
        );
        expect(readBlockMeta(files, `/d/${ulidOf(99_999)}`)).toEqual(meta);
        expect(meta.stats).toMatchObject({
          numSamples: counted(expected),
          numFloatSamples: counted(expected),
          numHistogramSamples: 0,
          numSeries: expected.size,
          numTombstones: 0,
        });
      });
    }
    expect(overlaps).toBeGreaterThan(SEEDS / 4);
  },
);

/** The chunks' data of every series, as text. */
function chunkBytes(files: Files, dir: string): Map<string, string[]> {
  const block = openBlock(files, dir, newBlockCache(1 << 20));
  const window = openChunkWindow(files, dir, 64);
  const cursor = block.series(null, -Infinity, Infinity);
  const found = new Map<string, string[]>();
  while (cursor.next()) {
    const name = Array.from(cursor.labels.subarray(0, cursor.labelCount), (s) => block.symbolText(s)).join();
    const data: string[] = [];
    for (let i = 0; i < cursor.chunkCount; i++) {
      const view = window.read(cursor.chunkRef[i]!);
      data.push(`${view.encoding}:${view.samples}:${view.b.subarray(view.from, view.to).join()}`);
    }
    found.set(name, data);
  }
  window.close();
  block.close();
  return found;
}

test('chunks that nothing touches are copied byte for byte, twins once', async () => {
  const world = simWorld(7);
  const r = world.random('copy');
  const { files } = world.env;
  await world.run(async () => {
    const first = randomBlock(r, 0, 1000, 10);
    const second = randomBlock(r, 1000, 2000, 10);
    await writeModelBlock(files, '/d', { ulid: ulidOf(1), minTime: 0, maxTime: 1000 }, first);
    await writeModelBlock(files, '/d', { ulid: ulidOf(2), minTime: 1000, maxTime: 2000 }, second);
    await writeModelBlock(files, '/d', { ulid: ulidOf(3), minTime: 1000, maxTime: 2000 }, second);
    const o = { dir: '/d', ulid: ulidOf(4), xor2: false };
    await compactBlocks(files, [ulidOf(1), ulidOf(2), ulidOf(3)], o);
    const expected = chunkBytes(files, `/d/${ulidOf(1)}`);
    for (const [name, data] of chunkBytes(files, `/d/${ulidOf(2)}`))
      expected.set(name, [...(expected.get(name) ?? []), ...data]);
    expect(Object.fromEntries(chunkBytes(files, `/d/${ulidOf(4)}`))).toEqual(Object.fromEntries(expected));
  });
});

test('overlapping chunks become chunks of 120 samples', async () => {
  const world = simWorld(8);
  const { files } = world.env;
  await world.run(async () => {
    const chunk = (from: number): ModelChunk => {
      const t = Array.from({ length: 200 }, (_, i) => from + 2 * i);
      return { t, v: t };
    };
    const block = (from: number): ModelBlock => new Map([['a=b', [chunk(from)]]]);
    await writeModelBlock(files, '/d', { ulid: ulidOf(1), minTime: 0, maxTime: 500 }, block(0));
    await writeModelBlock(files, '/d', { ulid: ulidOf(2), minTime: 0, maxTime: 500 }, block(1));
    const o = { dir: '/d', ulid: ulidOf(4), xor2: false };
    const { meta } = await compactBlocks(files, [ulidOf(1), ulidOf(2)], o);
    expect(meta!.stats).toMatchObject({ numSamples: 400, numChunks: 4, numSeries: 1 });
  });
});

test('tombstones are cleaned away, and a block of which nothing is left may be deleted', async () => {
  const world = simWorld(9);
  const { files } = world.env;
  await world.run(async () => {
    const chunk = { t: [1, 2, 3, 4], v: [1, 2, 3, 4] };
    const block: ModelBlock = new Map([
      ['job=a', [chunk]],
      ['job=b', [chunk]],
    ]);
    const compaction = { level: 3, sources: [ulidOf(7), ulidOf(8)], hints: ['from-out-of-order'] };
    const parts = { ulid: ulidOf(1), minTime: 0, maxTime: 5, compaction, extra: { kept: [1] } };
    await writeModelBlock(files, '/d', parts, block);
    const o = { dir: '/d', xor2: false };
    expect(await cleanTombstones(files, ulidOf(1), { ...o, ulid: ulidOf(2) })).toEqual({
      meta: null,
      replaced: [],
    });
    const del = (ulid: string, value: string, mint: number, maxt: number): Promise<number> =>
      deleteSeries(files, { dir: `/d/${ulid}`, mint, maxt, matchers: [{ name: 'job', op: '=~', value }] });
    expect(await del(ulidOf(1), 'none', 0, 9)).toBe(0);
    expect(await del(ulidOf(1), 'b', 3, 9)).toBe(1);
    expect(await del(ulidOf(1), '.*', 1, 1)).toBe(2);
    expect(readBlockMeta(files, `/d/${ulidOf(1)}`).stats.numTombstones).toBe(3);
    const cleaned = await cleanTombstones(files, ulidOf(1), { ...o, ulid: ulidOf(2) });
    expect(cleaned.replaced).toEqual([ulidOf(1)]);
    expect(cleaned.meta).toMatchObject({
      minTime: 0,
      maxTime: 5,
      stats: { numSamples: 4, numSeries: 2, numTombstones: 0 },
      compaction: { ...compaction, parents: [{ ulid: ulidOf(1), minTime: 0, maxTime: 5 }] },
      extra: { kept: [1] },
    });
    expect(plainSamples(await readModelBlock(files, `/d/${ulidOf(2)}`))).toEqual({
      'job=a': [
        [2, 2],
        [3, 3],
        [4, 4],
      ],
      'job=b': [[2, 2]],
    });
    await del(ulidOf(2), '.*', -Infinity, Infinity);
    expect(await cleanTombstones(files, ulidOf(2), { ...o, ulid: ulidOf(3) })).toEqual({
      meta: null,
      replaced: [ulidOf(2)],
    });
    expect(readBlockMeta(files, `/d/${ulidOf(2)}`).compaction.deletable).toBe(true);
    expect(files.stat(`/d/${ulidOf(3)}`)).toBe(null);
  });
});
