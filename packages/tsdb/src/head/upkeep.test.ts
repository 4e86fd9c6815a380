// What a store does with a head: cuts, truncation, deletion, snapshots, a second reader.
import { simWorld, type SimWorld } from '@munjigi/env/sim';
import { labelsFromObject } from '@munjigi/model';
import { expect, test } from 'vitest';
import { writeSnapshot } from './snapshot-write.ts';
import { openHead, type Head, type HeadOptions } from '../index.ts';
import { NAMED, metric, using } from '../testing/store.ts';
import { newHeadChunkWriter } from '../wal/head-chunks.ts';
import { put, readAll, readFrom, selectionTexts, type TestSample } from '../testing/samples.ts';

const M = { __name__: 'm' };
const N = { __name__: 'n' };
const HOUR = 3_600_000;

async function open(world: SimWorld, options: Partial<HeadOptions> = {}): Promise<Head> {
  return world.run(openHead(world.env, { path: '/data', ...options }));
}

const f = (t: number, v: number = t): TestSample => ({ t, v });
const every = (from: number, to: number, step: number): TestSample[] =>
  Array.from({ length: Math.floor((to - from) / step) }, (_, i) => f(from + i * step));
const texts = (samples: readonly TestSample[]): string[] => samples.map(({ t, v }) => `${t} ${v}`);

async function restart(world: SimWorld, options: Partial<HeadOptions> = {}): Promise<Head> {
  world.disk.crash('process');
  world.restart();
  return open(world, options);
}

test('a cut and a truncation: what a block holds goes, files with it, and stays gone', async () => {
  const world = simWorld(1);
  let head = await open(world);
  for (let hour = 0; hour < 6; hour++)
    await world.run(put(head, M, every(hour * HOUR, (hour + 1) * HOUR, 15_000)));
  await world.run(put(head, N, every(5 * HOUR + HOUR / 2, 6 * HOUR, 15_000)));
  await world.run(head.flushChunks());
  expect(head.stats()).toMatchObject({ chunksInMemory: 0 });
  expect(head.range()).toMatchObject({ mint: 0, maxt: 6 * HOUR - 15_000 });
  const held = await world.run(head.selectAll(0, 2 * HOUR - 1, 'in-order'));
  expect(await selectionTexts(held.selection, world.env.files, 0, 2 * HOUR - 1)).toEqual({
    '__name__=m': texts(every(0, 2 * HOUR, 15_000)),
  });
  await world.run(head.truncate(2 * HOUR));
  // The cut still reads what it holds.
  expect(await selectionTexts(held.selection, world.env.files, 0, 2 * HOUR - 1)).toEqual({
    '__name__=m': texts(every(0, 2 * HOUR, 15_000)),
  });
  held.close();
  const wanted = {
    '__name__=m': texts(every(2 * HOUR, 6 * HOUR, 15_000)),
    '__name__=n': texts(every(5 * HOUR + HOUR / 2, 6 * HOUR, 15_000)),
  };
  expect(await readAll(head, world.env.files)).toEqual(wanted);
  expect(head.range().mint).toBe(2 * HOUR);
  head = await restart(world, { minValid: 2 * HOUR });
  expect(await readAll(head, world.env.files)).toEqual(wanted);
  expect(head.stats().chunksInFiles).toBe(7);
});

test('a truncation lets go of the file of chunks that is written to', async () => {
  const world = simWorld(1);
  const head = await open(world);
  const sizes: number[] = [];
  for (let hour = 0; hour < 24; hour += 2) {
    await world.run(put(head, M, every(hour * HOUR, (hour + 2) * HOUR, 15_000)));
    await world.run(head.flushChunks());
    await world.run(head.truncate(hour * HOUR));
    const files = world.disk.tree().filter((path) => path.includes('chunks_head/'));
    sizes.push(files.reduce((sum, path) => sum + world.disk.read(path)!.length, 0));
  }
  expect(Math.max(...sizes)).toBeLessThan(1.2 * sizes[1]!);
  expect(await readAll(head, world.env.files)).toEqual({
    '__name__=m': texts(every(22 * HOUR, 24 * HOUR, 15_000)),
  });
});

test('files of chunks go when nothing lies in them and nobody reads them', async () => {
  const world = simWorld(1);
  let head = await open(world);
  await world.run(put(head, M, every(0, 4 * HOUR, 15_000)));
  await world.run(head.flushChunks());
  head = await restart(world);
  await world.run(put(head, M, every(4 * HOUR, 8 * HOUR, 15_000)));
  await world.run(head.flushChunks());
  const list = (): string[] => world.disk.tree().filter((p) => p.includes('chunks_head/'));
  expect(list()).toHaveLength(2);
  const querier = head.querier();
  const selection = await querier.select(0, HOUR, []);
  await world.run(head.truncate(6 * HOUR));
  expect(list()).toHaveLength(2);
  expect((await selectionTexts(selection, world.env.files, 0, HOUR))['__name__=m']).toHaveLength(241);
  querier.close();
  expect(list()).toHaveLength(1);
});

test('a full disk leaves chunks in memory, and they go to files when it has room', async () => {
  const world = simWorld(1);
  const head = await open(world);
  const samples = every(0, 2 * HOUR, 15_000);
  await world.run(put(head, M, samples));
  world.disk.full(world.disk.used + 100);
  await expect(world.run(head.flushChunks())).rejects.toMatchObject({ code: 'ENOSPC', retryable: true });
  expect(metric(head, 'munjigi_tsdb_head_chunk_flush_failures_total')).toBe(1);
  expect(await readAll(head, world.env.files)).toEqual({ '__name__=m': texts(samples) });
  world.disk.full(Infinity);
  expect(await world.run(head.flushChunks())).toBe(3);
  expect(await readAll(head, world.env.files)).toEqual({ '__name__=m': texts(samples) });
});

test('out of order: marked, cut, dropped; what came meanwhile stays', async () => {
  const world = simWorld(1);
  const options = { outOfOrderWindow_ms: 4 * HOUR };
  let head = await open(world, options);
  await world.run(put(head, M, [f(4 * HOUR)]));
  expect(await world.run(head.markOutOfOrder())).toBeNull();
  const late = every(HOUR, 2 * HOUR, 60_000);
  await world.run(put(head, M, late));
  await world.run(put(head, N, [f(4 * HOUR), f(HOUR)]));
  const mark = (await world.run(head.markOutOfOrder()))!;
  expect(mark).toMatchObject({ mint: HOUR, maxt: 2 * HOUR - 60_000 });
  await world.run(put(head, M, [f(3 * HOUR)]));
  const held = await world.run(head.selectAll(mark.mint, mark.maxt, 'out-of-order'));
  expect(await selectionTexts(held.selection, world.env.files)).toEqual({
    '__name__=m': texts(late),
    '__name__=n': [`${HOUR} ${HOUR}`],
  });
  held.close();
  await world.run(head.truncateOutOfOrder(mark));
  const wanted = {
    '__name__=m': [`${3 * HOUR} ${3 * HOUR}`, `${4 * HOUR} ${4 * HOUR}`],
    '__name__=n': [`${4 * HOUR} ${4 * HOUR}`],
  };
  expect(await readAll(head, world.env.files)).toEqual(wanted);
  head = await restart(world, options);
  expect(await readAll(head, world.env.files)).toEqual(wanted);
});

test('deleted samples stay deleted, what is written again later is seen', async () => {
  const world = simWorld(1);
  const options = { outOfOrderWindow_ms: HOUR };
  let head = await open(world, options);
  await world.run(put(head, M, [f(10), f(20), f(30), f(15, 1)]));
  await world.run(put(head, N, [f(20)]));
  await world.run(head.delete(15, 100, [[{ name: '__name__', op: '=', value: 'm' }]]));
  await world.run(put(head, M, [f(40)]));
  const wanted = { '__name__=m': ['10 10', '40 40'], '__name__=n': ['20 20'] };
  expect(await readAll(head, world.env.files)).toEqual(wanted);
  head = await restart(world, options);
  expect(await readAll(head, world.env.files)).toEqual(wanted);
  expect(head.stats().tombstones).toBe(1);
  await world.run(head.truncate(35));
  // What is out of order is still there.
  expect(head.stats().tombstones).toBe(1);
  await world.run(head.truncateOutOfOrder((await world.run(head.markOutOfOrder()))!));
  expect(head.stats().tombstones).toBe(0);
  // The file that its chunk lies in is still there.
  head = await restart(world, { ...options, minValid: 35 });
  expect(await readAll(head, world.env.files)).toEqual({ '__name__=m': ['40 40'] });
});

test('exemplars come back with the log, bounded, by the rules', async () => {
  const world = simWorld(1);
  const options = { maxExemplars: 3 };
  let head = await open(world, options);
  const put1 = async (t: number, value: number, trace: string): Promise<void> => {
    const appender = head.appender();
    const ref = appender.series(labelsFromObject(M));
    appender.exemplar(ref, { labels: labelsFromObject({ trace }), value, t_ms: t });
    await world.run(appender.commit());
  };
  await world.run(put(head, M, [f(1)]));
  for (const [t, value, trace] of [
    [1, 1, 'a'],
    [2, 1, 'a'],
    [2, 1, 'a'],
    [1, 5, 'b'],
    [2, 2, 'a'],
    [3, 1, 'x'.repeat(200)],
    [3, 1, 'c'],
  ] as const)
    await put1(t, value, trace);
  const wanted = [
    {
      labels: labelsFromObject(M),
      exemplars: [
        { labels: labelsFromObject({ trace: 'a' }), value: 1, t_ms: 2 },
        { labels: labelsFromObject({ trace: 'a' }), value: 2, t_ms: 2 },
        { labels: labelsFromObject({ trace: 'c' }), value: 1, t_ms: 3 },
      ],
    },
  ];
  const all = (): Promise<unknown> => using(head.querier(), (q) => q.exemplars(0, 10, [NAMED]));
  expect(await all()).toEqual(wanted);
  head = await restart(world, options);
  expect(await all()).toEqual(wanted);
  head.configure({ maxExemplars: 1 });
  expect(await all()).toMatchObject([{ exemplars: [{ t_ms: 3 }] }]);
});

test('a snapshot: the start reads the log from there on, and nothing is lost', async () => {
  const world = simWorld(1);
  const options = { outOfOrderWindow_ms: HOUR, xor2: true };
  let head = await open(world, options);
  const h = (t: number, ...buckets: number[]): TestSample => ({ t, buckets });
  const write = async (): Promise<void> => {
    const appender = head.appender();
    const ref = appender.series(labelsFromObject(M));
    appender.metadata(ref, { type: 'counter', help: 'Müll', unit: '' });
    appender.exemplar(ref, { labels: labelsFromObject({ trace: 'x' }), value: 1, t_ms: 5 });
    appender.floats(Float64Array.of(ref), Float64Array.of(1), Float64Array.of(1), Float64Array.of(1), 1);
    await world.run(appender.commit());
  };
  await write();
  await world.run(put(head, M, every(1000, HOUR, 15_000)));
  await world.run(put(head, N, [h(1, 1), h(2, 1, 2), { ...h(3, 4), float: true }, { t: 4, stale: true }]));
  await world.run(put(head, M, [f(3000, 9)]));
  await world.run(head.delete(16_000, 16_000, [NAMED]));
  const captured = (await world.run(head.captureSnapshot()))!;
  const stats = await world.run(writeSnapshot(world.env, '/data', { data: captured.data }));
  captured.close();
  expect(stats.series).toBe(2);
  expect(await world.run(head.captureSnapshot())).toBeNull();
  await world.run(put(head, M, every(HOUR, 2 * HOUR, 15_000)));
  await world.run(put(head, N, [h(2 * HOUR, 7)]));
  const wanted = await readAll(head, world.env.files);
  expect(wanted['__name__=m']).toHaveLength(1 + 239 + 240 + 1 - 1);
  head = await restart(world, options);
  expect(head.walReplay()).toMatchObject({ snapshot: captured.data.position, problems: [] });
  expect(await readAll(head, world.env.files)).toEqual(wanted);
  expect(await using(head.querier(), (q) => q.metadata())).toMatchObject([{ metric: 'm', help: 'Müll' }]);
  expect(await using(head.querier(), (q) => q.exemplars(0, 10, [NAMED]))).toHaveLength(1);
  // The chunks go on where they were.
  await world.run(put(head, M, [f(2 * HOUR)]));
  await world.run(put(head, N, [h(2 * HOUR + 1, 8), { ...h(2 * HOUR + 2, 9), float: true }]));
  const more = await readAll(head, world.env.files);
  expect(more['__name__=n']!.slice(-3)).toEqual([
    '7200000 h[0:7] sum 10.5',
    '7200001 h[0:8] sum 12',
    '7200002 fh[0:9] sum 13.5',
  ]);
  head = await restart(world, options);
  expect(await readAll(head, world.env.files)).toEqual(more);
});

test.each<[string, (world: SimWorld, dir: string) => void]>([
  [
    'damaged',
    (world, dir) => world.disk.put(`${dir}/00000000`, world.disk.read(`${dir}/00000000`)!.fill(7, 20, 40)),
  ],
  ['whose log is gone', (world) => world.disk.put('/data/wal/00000000', new Uint8Array(0))],
])('a snapshot that is %s is said and does no harm', async (what, damage) => {
  const world = simWorld(1);
  let head = await open(world);
  await world.run(put(head, M, [f(1), f(2)]));
  const captured = (await world.run(head.captureSnapshot()))!;
  const { dir } = await world.run(writeSnapshot(world.env, '/data', { data: captured.data }));
  captured.close();
  world.disk.crash('process');
  world.restart();
  damage(world, dir);
  head = await open(world);
  expect(head.walReplay()).toMatchObject({ snapshot: null });
  expect(
    head
      .walReplay()
      .problems.map((p) => p.message)
      .join(),
  ).toMatch(/memory snapshot/);
  expect(await readAll(head)).toEqual(what === 'damaged' ? { '__name__=m': ['1 1', '2 2'] } : {});
});

const value = (head: Head, name: string): number | undefined =>
  head.families().find((family) => family.name === name)?.samples[0]?.value;

test.each<[string, (world: SimWorld, file: string) => void]>([
  ['missing', (world, file) => world.env.files.remove(file)],
  ['short', (world, file) => world.disk.put(file, world.disk.read(file)!.slice(0, 8))],
])('a file of chunks that is %s beside a snapshot: its samples come from the log', async (_, damage) => {
  const world = simWorld(1);
  let head = await open(world);
  await world.run(put(head, M, every(0, 2 * HOUR, 15_000)));
  const captured = (await world.run(head.captureSnapshot()))!;
  const { dir } = await world.run(writeSnapshot(world.env, '/data', { data: captured.data }));
  captured.close();
  expect(captured.data.chunkFiles).toMatchObject([{ file: 1 }]);
  const wanted = await readAll(head, world.env.files);
  world.disk.crash('process');
  world.restart();
  damage(world, '/data/chunks_head/000001');
  head = await open(world);
  expect(await readAll(head, world.env.files)).toEqual(wanted);
  const { snapshot, problems } = head.walReplay();
  expect(snapshot).toBeNull();
  expect(problems.map((p) => p.message).join()).toMatch(/chunks_head\/000001 with chunks of it/);
  expect(value(head, 'prometheus_tsdb_snapshot_replay_error_total')).toBe(1);
  expect(value(head, 'prometheus_tsdb_wal_corruptions_total')).toBe(0);
  // Another file may get the number before the chunks are in it.
  expect(world.env.files.stat(dir)).toBeNull();
  head = await restart(world);
  expect(head.walReplay().problems).toEqual([]);
  expect(await readAll(head, world.env.files)).toEqual(wanted);
});

test('a file of chunks that blocks hold may go beside a snapshot', async () => {
  const world = simWorld(1);
  let head = await open(world);
  await world.run(put(head, M, every(0, 2 * HOUR, 15_000)));
  const captured = (await world.run(head.captureSnapshot()))!;
  await world.run(writeSnapshot(world.env, '/data', { data: captured.data }));
  captured.close();
  world.disk.crash('process');
  world.restart();
  world.env.files.remove('/data/chunks_head/000001');
  head = await open(world, { minValid: 2 * HOUR });
  expect(head.walReplay()).toMatchObject({ snapshot: captured.data.position, problems: [] });
});

test('damage is counted by where it is, and a snapshot beside damaged chunks is not used by a later start either', async () => {
  const world = simWorld(1);
  let head = await open(world);
  await world.run(put(head, M, every(0, 2 * HOUR, 15_000)));
  const captured = (await world.run(head.captureSnapshot()))!;
  await world.run(writeSnapshot(world.env, '/data', { data: captured.data }));
  captured.close();
  const wanted = await readAll(head, world.env.files);
  const counts = (): (number | undefined)[] =>
    ['mmap_chunk_corruptions', 'snapshot_replay_error', 'wal_corruptions'].map((name) =>
      value(head, `prometheus_tsdb_${name}_total`),
    );
  world.disk.crash('process');
  world.restart();
  const file = '/data/chunks_head/000001';
  world.disk.put(file, world.disk.read(file)!.fill(7, 60, 70));
  const reader = await open(world, { readOnly: true });
  expect(value(reader, 'prometheus_tsdb_mmap_chunk_corruptions_total')).toBe(1);
  await world.run(reader.close());
  head = await open(world);
  expect(counts()).toEqual([1, 0, 0]);
  for (let i = 0; i < 2; i++) {
    expect(await readAll(head, world.env.files)).toEqual(wanted);
    head = await restart(world);
  }
  expect(counts()).toEqual([0, 0, 0]);
  world.disk.crash('process');
  world.restart();
  const first = world.disk.read('/data/wal/00000000')!;
  world.disk.put('/data/wal/00000000', first.fill(7, 400, 420));
  head = await open(world);
  expect(counts()).toEqual([0, 0, 1]);
});

test('a chunk that spans an age is taken for damaged, though its checksum is right', async () => {
  const world = simWorld(1);
  let head = await open(world);
  await world.run(put(head, M, [f(1), f(2)]));
  const chunks = newHeadChunkWriter(world.env.files, '/data/chunks_head', 7);
  chunks.append(1, 1, 2 ** 50, 1, false, 2, new Uint8Array(20), 0, 20);
  chunks.flush();
  chunks.close();
  head = await restart(world);
  const { problems } = head.walReplay();
  expect(problems.map((p) => p.message).join()).toMatch(/goes from 1 to 1125899906842624/);
  expect(await readAll(head)).toEqual({ '__name__=m': ['1 1', '2 2'] });
});

test('a second process reads what there is, and changes nothing', async () => {
  const world = simWorld(1);
  const head = await open(world, { outOfOrderWindow_ms: HOUR });
  await world.run(put(head, M, every(0, 2 * HOUR, 15_000)));
  await world.run(head.flushChunks());
  await world.run(put(head, M, [f(2 * HOUR), f(HOUR + 1)]));
  const before = world.disk.tree();
  const bytes = before.map((p) => world.disk.read(p)?.length);
  const reader = await open(world, { readOnly: true });
  expect(await readAll(reader, world.env.files)).toEqual(await readAll(head, world.env.files));
  await expect(world.run(put(reader, M, [f(3 * HOUR)]))).rejects.toMatchObject({ code: 'EREADONLY' });
  await world.run(reader.sweep());
  await world.run(reader.close());
  expect(world.disk.tree()).toEqual(before);
  expect(before.map((p) => world.disk.read(p)?.length)).toEqual(bytes);
  await world.run(put(head, M, [f(3 * HOUR)]));
});

test('references for a checkpoint: live series, and dead ones until their segments are gone', async () => {
  const world = simWorld(1);
  const head = await open(world);
  await world.run(put(head, N, [f(0)]));
  await world.run(put(head, M, [f(0)]));
  head.wal!.cut();
  await world.run(put(head, M, [f(5 * HOUR)]));
  await world.run(head.truncate(4 * HOUR));
  await world.run(head.truncate(4 * HOUR + 1));
  expect(head.stats().series).toBe(1);
  expect(head.wal!.segments()).toEqual({ first: 0, last: 1, checkpoint: -1 });
  expect([...(await world.run(head.wal!.liveRefs(0, 4 * HOUR)))]).toEqual([1, 2]);
  expect([...(await world.run(head.wal!.liveRefs(1, 4 * HOUR)))]).toEqual([2]);
  head.wal!.truncated(1);
  expect([...(await world.run(head.wal!.liveRefs(0, 4 * HOUR)))]).toEqual([2]);
});

test('a selection opened before a flush reads on', async () => {
  const world = simWorld(1);
  const head = await open(world);
  const samples = every(0, 2 * HOUR, 15_000);
  await world.run(put(head, M, samples));
  const querier = head.querier();
  const selection = await querier.select(0, 2 * HOUR, []);
  await world.run(head.flushChunks());
  for (let k = 0; k < 50; k++)
    await world.run(put(head, { k: String(k) }, every(2 * HOUR, 3 * HOUR, 15_000)));
  expect(await selectionTexts(selection, world.env.files)).toEqual({ '__name__=m': texts(samples) });
  expect((await readFrom(querier, world.env.files))['__name__=m']).toEqual(texts(samples));
  querier.close();
});
