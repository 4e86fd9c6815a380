// Samples of all kinds, in memory and in files, overlapping and partly deleted: what a block holds after a cut, and after a merge of such
// blocks, is what a reader of the head finds.
import { simWorld } from '@munjigi/env/sim';
import { ENCODING, symbolPages, type Selection } from '@munjigi/model';
import { expect, test } from 'vitest';
import { randomSeries, textOf } from '../testing/chunk-model.ts';
import { ulidOf } from '../testing/metas.ts';
import { eachColumn } from '../testing/model-blocks.ts';
import { cutHead } from './cut.ts';
import { compactBlocks } from './rewrite.ts';

const TIMEOUT_MS = 60_000;

const SEEDS = 150;
const LIMIT_MS: number = 2 ** 43;

/** The selection with a label. */
function labelled(selection: Selection): Selection {
  return {
    ...selection,
    symbols: symbolPages(['a', 'b']),
    labelFirst: Uint32Array.of(0, 2),
    labelSymbols: Uint32Array.of(0, 1),
  };
}

test(`${SEEDS} random series, cut in two blocks and merged`, { timeout: TIMEOUT_MS }, async () => {
  let compared = 0;
  let histograms = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = simWorld(seed);
    const { files } = world.env;
    files.makeDir('/data/block/chunks');
    files.makeDir('/data/chunks_head');
    const r = world.random('series');
    const { selection, expected } = randomSeries(r, files);
    if (selection.chunks.encoding.includes(ENCODING.stored)) continue;
    const times = [...selection.chunks.mint];
    const middle = times[r.below(times.length)]! + 1 + r.below(20_000);
    await world.run(async () => {
      const o = { selection: labelled(selection), dir: '/d', outOfOrder: false, xor2: r.chance(0.5) };
      const parents: string[] = [];
      for (const [i, mint, maxt] of [
        [1, -LIMIT_MS, middle],
        [2, middle, LIMIT_MS],
      ] as const) {
        const meta = await cutHead(files, { ...o, mint, maxt, ulid: ulidOf(i) });
        const want = expected(mint, maxt - 1);
        expect(meta?.stats.numSamples ?? 0, `seed ${seed}`).toBe(want.length);
        if (meta === null) continue;
        parents.push(meta.ulid);
        histograms += meta.stats.numHistogramSamples;
        await eachColumn(files, `/d/${meta.ulid}`, (_, column) =>
          expect(textOf(column), `seed ${seed}`).toEqual(want),
        );
      }
      if (parents.length === 0) return;
      const { meta } = await compactBlocks(files, parents, { dir: '/d', ulid: ulidOf(3), xor2: false });
      const all = expected(-LIMIT_MS, LIMIT_MS);
      expect(meta!.stats.numSamples).toBe(all.length);
      await eachColumn(files, `/d/${ulidOf(3)}`, (_, column) => expect(textOf(column)).toEqual(all));
      compared += all.length;
    });
  }
  expect(compared).toBeGreaterThan(SEEDS * 5);
  expect(histograms).toBeGreaterThan(SEEDS);
});
