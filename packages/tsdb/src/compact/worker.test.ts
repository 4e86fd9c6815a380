import { simWorld, type SimWorld } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { ulidOf } from '../testing/metas.ts';
import { plainSamples, readModelBlock, writeModelBlock, type ModelBlock } from '../testing/model-blocks.ts';
import { floats, modelSelection } from '../testing/model-selection.ts';
import { connectCompactor, type Compactor } from './client.ts';
import type { CompactionProgress } from './worker.ts';

const DIR = '/d';
const O = { dir: DIR, xor2: false };

function started(world: SimWorld): {
  compactor: Compactor;
  stop: Int32Array;
  progress: CompactionProgress[];
} {
  const stop = new SharedArrayBuffer(4);
  const progress: CompactionProgress[] = [];
  const worker = world.env.workers.start('compaction', new URL('./worker.ts', import.meta.url), { stop });
  const compactor = connectCompactor(worker, { progress: (p) => progress.push(p) });
  return { compactor, stop: new Int32Array(stop), progress };
}

const BLOCK: ModelBlock = new Map([['a=b', [{ t: [1, 2], v: [1, 2] }]]]);

test('jobs of the thread, from a cut to a snapshot', async () => {
  const world = simWorld(3);
  const { files } = world.env;
  files.makeDir(DIR);
  const { compactor, progress } = started(world);
  await world.run(async () => {
    const head = (source: number) =>
      modelSelection(
        files,
        '/none',
        new Map([['a=b', [{ where: 'memory' as const, source, samples: floats([11, 25], [1, 2]) }]]]),
      );
    const cut = await compactor.cut({
      ...O,
      selection: head(60_000),
      mint: 10,
      maxt: 20,
      ulid: ulidOf(1),
      outOfOrder: false,
    });
    expect(cut).toMatchObject({ ulid: ulidOf(1), stats: { numSamples: 1 } });
    const none = { ...O, selection: head(60_000), mint: 50, maxt: 60, ulid: ulidOf(2), outOfOrder: false };
    expect(await compactor.cut(none)).toBe(null);
    const ooo = await compactor.cutOutOfOrder({ ...O, selection: head(60_001), range_ms: 10 });
    expect(ooo.map((m) => m.minTime)).toEqual([10, 20]);
    const parents = [ulidOf(1), ...ooo.map((m) => m.ulid)];
    // Called together, done one after the other.
    const all = [{ name: 'a', op: '=' as const, value: 'b' }];
    const [merged, hidden, cleaned] = await Promise.all([
      compactor.compact({ ...O, parents, ulid: ulidOf(3) }),
      compactor.delete({ dir: `${DIR}/${ulidOf(3)}`, mint: 0, maxt: 20, matchers: all }),
      compactor.clean({ ...O, parent: ulidOf(3), ulid: ulidOf(4) }),
    ]);
    expect(merged.meta).toMatchObject({ minTime: 10, maxTime: 30, stats: { numSamples: 2, numSeries: 1 } });
    expect([...merged.replaced].sort()).toEqual([...parents].sort());
    expect(hidden).toBe(1);
    expect(cleaned.meta).toMatchObject({ ulid: ulidOf(4), stats: { numSamples: 1 } });
    await compactor.snapshotBlocks({ dirs: [`${DIR}/${ulidOf(4)}`], to: '/s' });
    expect(plainSamples(await readModelBlock(files, `/s/${ulidOf(4)}`))).toEqual({ 'a=b': [[25, 2]] });
    const policy = { retention_ms: 5, rules: [{ matchers: [], retention_ms: 5 }] };
    const gone = await compactor.filter({
      ...O,
      parent: ulidOf(4),
      ulid: ulidOf(5),
      retention: { policy, newest_ms: 100 },
    });
    expect(gone).toEqual({ meta: null, replaced: [ulidOf(4)] });
  });
  expect(progress[0]).toEqual({ job: 'cut', series: 1 });
  expect(new Set(progress.map((p) => p.job))).toEqual(
    new Set(['cut', 'cutOutOfOrder', 'compact', 'clean', 'filter']),
  );
});

test('what fails is an error of the seam, and the thread goes on', async () => {
  const world = simWorld(3);
  const { files } = world.env;
  const { compactor } = started(world);
  await world.run(async () => {
    await writeModelBlock(files, DIR, { ulid: ulidOf(1), minTime: 0, maxTime: 10 }, BLOCK);
    const absent = compactor.compact({ ...O, parents: [ulidOf(7)], ulid: ulidOf(3) });
    await expect(absent).rejects.toMatchObject({ code: 'ENOENT', retryable: false });
    world.disk.full(world.disk.used);
    const full = compactor.compact({ ...O, parents: [ulidOf(1)], ulid: ulidOf(3) });
    await expect(full).rejects.toMatchObject({ code: 'ENOSPC', retryable: true });
    world.disk.full(Infinity);
    const segment = world.disk.read(`${DIR}/${ulidOf(1)}/chunks/000001`)!;
    segment[segment.length - 6]! ^= 1;
    world.disk.put(`${DIR}/${ulidOf(1)}/chunks/000001`, segment);
    const bad = compactor.compact({ ...O, parents: [ulidOf(1)], ulid: ulidOf(3) });
    await expect(bad).rejects.toMatchObject({
      code: 'EFORMAT',
      message: expect.stringContaining(`${DIR}/${ulidOf(1)}/chunks/000001: byte 8`) as string,
    });
    const text = new TextDecoder().decode(files.readFile(`${DIR}/${ulidOf(1)}/meta.json`));
    expect(JSON.parse(text)).toMatchObject({ compaction: { failed: true } });
    expect(files.list(DIR).map((e) => e.name)).toEqual([ulidOf(1)]);
  });
});

test('a stopped job leaves nothing, and nothing is begun after it', async () => {
  const world = simWorld(3);
  const { files } = world.env;
  const { compactor, stop } = started(world);
  await world.run(async () => {
    await writeModelBlock(files, DIR, { ulid: ulidOf(1), minTime: 0, maxTime: 10 }, BLOCK);
    const running = compactor.compact({ ...O, parents: [ulidOf(1)], ulid: ulidOf(3) });
    Atomics.store(stop, 0, 1);
    await expect(running).rejects.toMatchObject({ code: 'ECANCELED' });
    const later = compactor.clean({ ...O, parent: ulidOf(1), ulid: ulidOf(3) });
    await expect(later).rejects.toMatchObject({ code: 'ECANCELED' });
    expect(files.list(DIR).map((e) => e.name)).toEqual([ulidOf(1)]);
  });
});
