import { simWorld } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { ulidOf } from '../testing/metas.ts';
import { readModelBlock, writeModelBlock, type ModelBlock } from '../testing/model-blocks.ts';
import { appliedRetention, readBlockMeta } from './block-meta.ts';
import { needsFilter, type RetentionPolicy } from './retention.ts';
import { compactBlocks, filterBlock } from './rewrite.ts';

const CHUNK = { t: [7, 8, 9], v: [1, 2, 3] };
const BLOCK: ModelBlock = new Map([
  ['__name__=debug_a,job=billing', [CHUNK]],
  ['__name__=debug_b,job=shop', [CHUNK]],
  ['__name__=up,job=billing', [CHUNK]],
  ['__name__=up,job=shop', [CHUNK]],
]);

/** Debug series 10 ms, billing 400, the rest 15. */
const POLICY: RetentionPolicy = {
  retention_ms: 15,
  rules: [
    { matchers: [{ name: '__name__', op: '=~', value: 'debug_.*' }], retention_ms: 10 },
    { matchers: [{ name: 'job', op: '=', value: 'billing' }], retention_ms: 400 },
  ],
};

// The block ends at 10. Newest end; the series that are left (null: the block was not touched); whether it may be deleted.
const STEPS: readonly (readonly [name: string, newest: number, left: readonly string[] | null])[] = [
  ['debug series go first', 20, ['__name__=up,job=billing', '__name__=up,job=shop']],
  ['nothing more goes before its time', 24, null],
  ['then all but billing', 25, ['__name__=up,job=billing']],
  ['billing stays', 409, null],
  ['then nothing is left', 410, []],
];

test('a block loses its series as their rules say, and is written anew once a step', async () => {
  const world = simWorld(1);
  const { files } = world.env;
  await world.run(async () => {
    let ulid = ulidOf(1);
    await writeModelBlock(files, '/d', { ulid, minTime: 0, maxTime: 10 }, BLOCK);
    for (const [i, [name, newest_ms, left]] of STEPS.entries()) {
      const meta = readBlockMeta(files, `/d/${ulid}`);
      expect(needsFilter(meta, appliedRetention(meta), newest_ms, POLICY), name).toBe(left !== null);
      if (left === null) continue;
      const next = ulidOf(10 + i);
      const retention = { policy: POLICY, newest_ms };
      const done = await filterBlock(files, ulid, { dir: '/d', ulid: next, xor2: false, retention });
      expect(done.replaced, name).toEqual([ulid]);
      if (left.length === 0) {
        expect(done.meta).toBe(null);
        expect(readBlockMeta(files, `/d/${ulid}`).compaction.deletable).toBe(true);
      } else {
        expect([...(await readModelBlock(files, `/d/${next}`)).keys()], name).toEqual(left);
        ulid = next;
      }
    }
  });
});

test('a block without old series is only noted', async () => {
  const world = simWorld(1);
  const { files, disk } = { files: world.env.files, disk: world.disk };
  await world.run(async () => {
    await writeModelBlock(
      files,
      '/d',
      { ulid: ulidOf(1), minTime: 0, maxTime: 10 },
      new Map([['job=billing', [CHUNK]]]),
    );
    const index = disk.read(`/d/${ulidOf(1)}/index`);
    const o = { dir: '/d', ulid: ulidOf(2), xor2: false, retention: { policy: POLICY, newest_ms: 30 } };
    expect(await filterBlock(files, ulidOf(1), o)).toEqual({ meta: null, replaced: [] });
    const meta = readBlockMeta(files, `/d/${ulidOf(1)}`);
    expect(needsFilter(meta, appliedRetention(meta), 30, POLICY)).toBe(false);
    expect(disk.read(`/d/${ulidOf(1)}/index`)).toEqual(index);
    expect(files.stat(`/d/${ulidOf(2)}`)).toBe(null);
  });
});

test('merging leaves out chunks that are too old', async () => {
  const world = simWorld(1);
  const { files } = world.env;
  await world.run(async () => {
    await writeModelBlock(files, '/d', { ulid: ulidOf(1), minTime: 0, maxTime: 10 }, BLOCK);
    const newer = new Map([...BLOCK].map(([name]) => [name, [{ t: [11], v: [11] }]]));
    await writeModelBlock(files, '/d', { ulid: ulidOf(2), minTime: 10, maxTime: 20 }, newer);
    const o = { dir: '/d', ulid: ulidOf(3), xor2: false, retention: { policy: POLICY, newest_ms: 20 } };
    const { meta } = await compactBlocks(files, [ulidOf(1), ulidOf(2)], o);
    expect(meta!.stats).toMatchObject({ numSeries: 4, numSamples: 10, numChunks: 6 });
  });
});
