// Wrong bytes anywhere in a block: merging it gives an error of the seam or a result, never anything else, and leaves no half block.
import { simWorld } from '@munjigi/env/sim';
import { StorageError } from '@munjigi/model';
import { expect, test } from 'vitest';
import { ulidOf } from '../testing/metas.ts';
import { writeModelBlock, type ModelBlock } from '../testing/model-blocks.ts';
import { deleteSeries } from './delete.ts';
import { mergeSymbols } from './merge-symbols.ts';
import { writeMerged } from './merge.ts';
import { compactBlocks } from './rewrite.ts';
import { newChunkRows, type SeriesSource, type SymbolView } from './source.ts';
import type { BlockWriter } from '../block/writer.ts';

const TIMEOUT_MS = 60_000;

const ROUNDS = 400;

test(`${ROUNDS} blocks with wrong bytes`, { timeout: TIMEOUT_MS }, async () => {
  const world = simWorld(11);
  const r = world.random('bytes');
  const { files } = world.env;
  const block = (from: number): ModelBlock =>
    new Map(
      Array.from({ length: 20 }, (_, i) => {
        const t = [from, from + 1, from + 2 + i];
        return [`__name__=m${i % 3},i=${i}`, [{ t, v: t }]] as const;
      }),
    );
  await world.run(async () => {
    await writeModelBlock(files, '/d', { ulid: ulidOf(1), minTime: 0, maxTime: 100 }, block(0));
    await writeModelBlock(files, '/d', { ulid: ulidOf(2), minTime: 20, maxTime: 120 }, block(20));
    const matchers = [{ name: 'i', op: '=~' as const, value: '1.*' }];
    await deleteSeries(files, { dir: `/d/${ulidOf(1)}`, mint: 1, maxt: 3, matchers });
    const names = ['index', 'chunks/000001', 'tombstones', 'meta.json'];
    const good = new Map(names.map((name) => [name, world.disk.read(`/d/${ulidOf(1)}/${name}`)!]));
    let failed = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const name = names[r.below(names.length)]!;
      const bytes = good.get(name)!.slice();
      if (r.chance(0.2)) world.disk.put(`/d/${ulidOf(1)}/${name}`, bytes.subarray(0, r.below(bytes.length)));
      else {
        for (let i = 1 + r.below(3); i > 0; i--) bytes[r.below(bytes.length)] = r.below(256);
        world.disk.put(`/d/${ulidOf(1)}/${name}`, bytes);
      }
      const error: unknown = await compactBlocks(files, [ulidOf(1), ulidOf(2)], {
        dir: '/d',
        ulid: ulidOf(3),
        xor2: false,
      }).then(
        () => null,
        (e: unknown) => e,
      );
      if (error !== null) {
        failed++;
        expect(error, `round ${round}`).toBeInstanceOf(StorageError);
        expect(files.list('/d').map((e) => e.name)).toEqual([ulidOf(1), ulidOf(2)]);
      } else if (files.stat(`/d/${ulidOf(3)}`) !== null) files.removeTree(`/d/${ulidOf(3)}`);
      for (const [file, its] of good) world.disk.put(`/d/${ulidOf(1)}/${file}`, its);
    }
    expect(failed).toBeGreaterThan(ROUNDS / 4);
  });
});

/** Series of one label each, by the numbers of its value. */
function sourceOf(values: readonly number[]): SeriesSource {
  let [i, symbol] = [-1, 0];
  const view: SymbolView = { number: 0, b: new Uint8Array(1), from: 0, to: 1 };
  return {
    name: 'a source',
    symbolCount: 9,
    nextSymbol(): SymbolView | null {
      if (symbol === 9) return null;
      view.number = symbol;
      view.b[0] = symbol++;
      return view;
    },
    next: () => ++i < values.length,
    get labels() {
      return Uint32Array.of(0, values[i]!);
    },
    labelCount: 2,
    chunks: newChunkRows(),
    deleted: newChunkRows(),
    read() {
      throw new Error('it has no chunk');
    },
  };
}

test.each([
  ['one behind another', [3, 2]],
  ['the same twice', [3, 3]],
])('a source out of label order is named: %s', async (_, values) => {
  const writer = { symbol() {} } as unknown as BlockWriter;
  const o = { mint: 0, maxt: 1, xor2: false };
  await expect(writeMerged([sourceOf(values), sourceOf([1])], writer, o)).rejects.toMatchObject({
    code: 'EFORMAT',
    message: expect.stringContaining('a source has series out of label order') as string,
  });
  expect(mergeSymbols([sourceOf([]), sourceOf([])], () => {}).map((n) => n.length)).toEqual([9, 9]);
});
