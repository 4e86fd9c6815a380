import { simWorld, type SimWorld } from '@munjigi/env/sim';
import {
  FAULT,
  KIND,
  StorageError,
  appendEmptyRows,
  labelsFromObject,
  newHistogramColumns,
  type Labels,
} from '@munjigi/model';
import { expect, test } from 'vitest';
import { openHead, openMemoryHead, type Head, type HeadOptions } from '../index.ts';
import { NAMED, metric, query, using, write, type Row } from '../testing/store.ts';

const M = { __name__: 'm' };

async function open(world: SimWorld, options: Partial<HeadOptions> = {}): Promise<Head> {
  return world.run(openHead(world.env, { path: '/data', retention_ms: 3_600_000, ...options }));
}

test.each<[string, readonly Row[], number[]]>([
  ['in order', [[M, 20, 1]], []],
  ['the same again', [[M, 10, 1]], []],
  ['same time, other value', [[M, 10, 2]], [FAULT.duplicate]],
  ['older', [[M, 9, 1]], [FAULT.out_of_order]],
  [
    'one bad among good',
    [
      [M, 20, 1],
      [M, 15, 1],
      [M, 30, 1],
    ],
    [0, FAULT.out_of_order, 0],
  ],
  ['a fraction of a ms', [[M, 20.5, 1]], [FAULT.unsupported]],
  ['a time beyond all times', [[M, 2 ** 53, 1]], [FAULT.unsupported]],
  ['NaN as time', [[M, Number.NaN, 1]], [FAULT.unsupported]],
  ['labels without a name', [[{}, 20, 1]], [FAULT.stale_ref]],
])('judging: %s', async (_, rows, faults) => {
  const head = openMemoryHead(simWorld(1).env);
  await write(head, [[M, 10, 1]]);
  const result = await write(head, rows);
  expect([...result.faults]).toEqual(faults);
  expect(result.accepted).toBe(rows.length - faults.filter((f) => f !== 0).length);
});

test('too old: before the retention', async () => {
  const head = openMemoryHead(simWorld(1).env, { retention_ms: 1000 });
  await write(head, [[M, 5000, 1]]);
  const result = await write(head, [
    [{ __name__: 'other' }, 3999, 1],
    [{ __name__: 'other' }, 4000, 1],
  ]);
  expect([...result.faults]).toEqual([FAULT.too_old, 0]);
});

test.each<[string, readonly string[]]>([
  ['no labels', []],
  ['twice the same name', ['a', '1', 'a', '2']],
  ['out of order', ['b', '1', 'a', '2']],
  ['an empty value', ['a', '']],
  ['an empty name', ['', 'x']],
  ['half a pair', ['a']],
  ['a text of more than a MiB', ['a', 'x'.repeat(1024 * 1024 + 1)]],
])('labels that no series can have: %s', async (_, flat) => {
  const head = openMemoryHead(simWorld(1).env);
  const appender = head.appender();
  expect(appender.series(flat as unknown as Labels)).toBe(0);
  const result = await appender.commit();
  expect(result.refused[FAULT.bad_labels]).toBe(1);
});

test('the limit of series refuses new ones and keeps the known', async () => {
  const head = openMemoryHead(simWorld(1).env, { maxSeries: 2 });
  await write(head, [
    [{ a: '1' }, 1, 1],
    [{ a: '2' }, 1, 1],
  ]);
  const result = await write(head, [
    [{ a: '1' }, 2, 1],
    [{ a: '3' }, 2, 1],
  ]);
  expect(result.refused[FAULT.limit]).toBe(1);
  expect([...result.faults]).toEqual([0, FAULT.stale_ref]);
  expect(head.stats().series).toBe(2);
});

test('bad histograms are refused at their place in the batch', async () => {
  const head = openMemoryHead(simWorld(1).env);
  const appender = head.appender();
  const ref = appender.series(labelsFromObject(M));
  appender.floats(Float64Array.of(ref), Float64Array.of(1), Float64Array.of(1), null, 1);
  const h = newHistogramColumns(1);
  appendEmptyRows(h, 1);
  h.schema[0] = 99;
  appender.histogram(ref, 2, KIND.histogram, h, 0);
  h.schema[0] = 0;
  appender.histogram(ref, 2, KIND.float, h, 0);
  appender.floats(Float64Array.of(ref), Float64Array.of(3), Float64Array.of(1), null, 1);
  expect([...(await appender.commit()).faults]).toEqual([0, FAULT.bad_histogram, FAULT.unsupported, 0]);
});

test('a rolled back batch leaves nothing to see, and its series can be written later', async () => {
  const world = simWorld(1);
  let head = await open(world);
  const appender = head.appender();
  const ref = appender.series(labelsFromObject(M));
  appender.floats(Float64Array.of(ref), Float64Array.of(1), Float64Array.of(1), null, 1);
  appender.rollback();
  expect(await query(head, NAMED)).toEqual([]);
  expect(
    await using(head.querier(), (q) => q.labelNames({ mint: 0, maxt: 9, matchers: [], limit: 0 })),
  ).toEqual({ names: [], warnings: [] });
  await write(head, [[M, 2, 5]]);
  await world.run(head.close());
  head = await open(world);
  expect(await query(head, NAMED)).toEqual([{ labels: '__name__=m', t: [2], v: [5] }]);
});

test('a full disk refuses the batch, whole, and takes the next when space returns', async () => {
  const world = simWorld(3);
  let head = await open(world);
  await write(head, [[M, 1, 1]]);
  world.disk.full(world.disk.used + 20);
  const error = await write(head, [
    [M, 2, 2],
    [{ __name__: 'new' }, 2, 2],
  ]).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(StorageError);
  expect(error).toMatchObject({ code: 'ENOSPC', retryable: true });
  expect(await query(head, NAMED)).toEqual([{ labels: '__name__=m', t: [1], v: [1] }]);
  world.disk.full(Infinity);
  // The same batch again is not a duplicate of anything.
  expect(
    (
      await write(head, [
        [M, 2, 2],
        [{ __name__: 'new' }, 2, 2],
      ])
    ).accepted,
  ).toBe(2);
  const before = await query(head, NAMED);
  expect(before).toEqual([
    { labels: '__name__=m', t: [1, 2], v: [1, 2] },
    { labels: '__name__=new', t: [2], v: [2] },
  ]);
  world.disk.crash('process');
  world.restart();
  head = await open(world);
  expect(head.walReplay().problems).toEqual([]);
  expect(await query(head, NAMED)).toEqual(before);
});

test('wal_sync always: waiting commits share a sync and are seen only after it', async () => {
  const world = simWorld(4, { automatic: false });
  const head = await open(world, { walSync_ms: 'always' });
  const first = write(head, [[M, 1, 1]]);
  const more = [2, 3, 4, 5].map((t) => write(head, [[M, t, t]]));
  expect(metric(head, 'munjigi_tsdb_head_commits_waiting')).toBe(5);
  expect(head.stats().samples).toBe(0);
  await world.run(Promise.all([first, ...more]));
  expect(head.stats().samples).toBe(5);
  // One for the first, one for all that came while it ran.
  expect(metric(head, 'munjigi_tsdb_wal_syncs_total')).toBe(2);
});

test('a failed sync ends writing: nobody knows what the disk has', async () => {
  const world = simWorld(5);
  const head = await open(world, { walSync_ms: 'always' });
  await world.run(write(head, [[M, 1, 1]]));
  world.disk.fault((operation) => (operation === 'sync' ? 'EIO' : undefined));
  await expect(world.run(write(head, [[M, 2, 2]]))).rejects.toMatchObject({ code: 'EIO', retryable: false });
  world.disk.fault(null);
  await expect(world.run(write(head, [[M, 3, 3]]))).rejects.toThrow(/restart/);
  expect(await query(head, NAMED)).toEqual([{ labels: '__name__=m', t: [1], v: [1] }]);
});

test('wal_sync by interval: what the timer synced survives a power failure', async () => {
  const world = simWorld(6);
  let head = await open(world, { walSync_ms: 1000 });
  await write(head, [[M, 1, 1]]);
  await world.advance(1100);
  world.disk.crash('power');
  world.restart();
  head = await open(world);
  expect(await query(head, NAMED)).toEqual([{ labels: '__name__=m', t: [1], v: [1] }]);
});

test('a folder in use is refused, and free after close', async () => {
  const world = simWorld(7);
  const head = await open(world);
  await expect(open(world)).rejects.toMatchObject({ code: 'ELOCKED' });
  await expect(open(world)).rejects.toThrow(/\/data\/munjigi\.lock/);
  await world.run(head.close());
  await expect(write(head, [[M, 1, 1]])).rejects.toMatchObject({ code: 'ECLOSED' });
  await world.run((await open(world)).close());
});

test('out of chunk memory: the batch is refused before anything is promised', async () => {
  const head = openMemoryHead(simWorld(1).env, { maxPages: 1 });
  const codes: string[] = [];
  for (let k = 0; k < 40; k++) {
    const rows: Row[] = Array.from({ length: 2000 }, (_, i) => [{ i: String(i) }, k, i / 7 + k]);
    await write(head, rows).catch((error: StorageError) => codes.push(error.code));
  }
  expect(new Set(codes)).toEqual(new Set(['ENOMEM']));
  const series = await query(head, [{ name: 'i', op: '=', value: '7' }]);
  expect(series[0]!.t).toHaveLength(40 - codes.length);
});

test('metadata and exemplars', async () => {
  const world = simWorld(8);
  let head = await open(world);
  const appender = head.appender();
  const ref = appender.series(labelsFromObject(M));
  appender.floats(Float64Array.of(ref), Float64Array.of(7), Float64Array.of(1), null, 1);
  appender.metadata(ref, { type: 'counter', help: 'Müll', unit: 'bytes' });
  appender.exemplar(ref, { labels: labelsFromObject({ trace: 'x' }), value: 3, t_ms: 0 });
  await appender.commit();
  const wanted = [{ metric: 'm', type: 'counter', help: 'Müll', unit: 'bytes' }];
  expect(await using(head.querier(), (q) => q.metadata())).toEqual(wanted);
  expect(await using(head.querier(), (q) => q.exemplars(0, 10, [NAMED]))).toEqual([
    {
      labels: labelsFromObject(M),
      exemplars: [{ labels: labelsFromObject({ trace: 'x' }), value: 3, t_ms: 7 }],
    },
  ]);
  await world.run(head.close());
  head = await open(world);
  expect(await using(head.querier(), (q) => q.metadata('m'))).toEqual(wanted);
  expect(await using(head.querier(), (q) => q.metadata('other'))).toEqual([]);
});
