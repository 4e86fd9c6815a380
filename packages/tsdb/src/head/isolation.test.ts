import { simWorld, type SimWorld } from '@munjigi/env/sim';
import { isDeepStrictEqual } from 'node:util';
import {
  FAULT,
  labelsFromObject,
  newColumn,
  type Matcher,
  type Querier,
  type Selection,
} from '@munjigi/model';
import { expect, test } from 'vitest';
import { openChunkReader, openHead, openMemoryHead, type Head } from '../index.ts';
import {
  NAMED,
  metric,
  query,
  readSelection,
  using,
  write,
  type ReadSeries,
  type Row,
} from '../testing/store.ts';

const COUNT = 40;

/** Commit k writes k to every series, and creates one more. */
function wave(k: number): Row[] {
  return Array.from({ length: COUNT + k }, (_, i) => [{ __name__: 'm', i: String(i) }, 1000 * k, k]);
}

async function open(world: SimWorld, walSync_ms: number): Promise<Head> {
  return world.run(openHead(world.env, { path: '/data', walSync_ms, slice_ms: 0 }));
}

test.each<[string, readonly Matcher[]]>([
  ['capturing', NAMED],
  [
    'matching, then capturing',
    [
      { name: '__name__', op: '=', value: 'm' },
      { name: 'i', op: '=~', value: '[0-9]+' },
    ],
  ],
])('selects that rest at every step of %s see whole commits', async (_, matchers) => {
  const world = simWorld(2);
  const head = await open(world, 1000);
  await world.run(write(head, wave(0)));
  const seen = new Set<number>();
  for (let delay = 0; delay < 300; delay += 15) {
    const before = head.stats().maxt / 1000;
    let newest = before;
    const select = using(head.querier(), async (q) => readSelection(await q.select(0, 1e9, matchers)));
    const commits = async (): Promise<void> => {
      for (let i = 0; i < delay; i++) await world.env.clock.yield();
      for (let k = before + 1; k <= before + 3; k++) {
        await write(head, wave(k));
        newest = k;
      }
    };
    const [found] = await world.run(Promise.all([select, commits()]));
    expect(newest).toBe(before + 3);
    const last = found[0]!.v.at(-1)!;
    seen.add(last - before);
    // All series of that commit and no other, each with its sample.
    expect(found).toHaveLength(COUNT + last);
    expect(found.every((s) => s.v.at(-1) === last && s.t.at(-1) === 1000 * last)).toBe(true);
  }
  // Otherwise the commits missed the selects and the test says nothing.
  expect(seen.size).toBeGreaterThan(1);
});

test('a commit during a capture is in the log at once and visible afterwards', async () => {
  const world = simWorld(3);
  const head = await open(world, 1000);
  await world.run(write(head, wave(0)));
  const select = using(head.querier(), async (q) => readSelection(await q.select(0, 1e9, NAMED)));
  // Past the matching, into the capture.
  for (let i = 0; i < COUNT / 2; i++) await world.env.clock.yield();
  const written = metric(head, 'munjigi_tsdb_wal_written_bytes_total');
  const commit = write(head, wave(1));
  expect(metric(head, 'munjigi_tsdb_wal_written_bytes_total')).toBeGreaterThan(written);
  expect(metric(head, 'munjigi_tsdb_head_commits_waiting')).toBe(1);
  expect(head.stats().maxt).toBe(0);
  const [found] = await world.run(Promise.all([select, commit]));
  expect(found.every((s) => s.t.length === 1)).toBe(true);
  expect(head.stats().maxt).toBe(1000);
});

test('captured bytes stay while chunks grow, move, close and are dropped', async () => {
  const world = simWorld(4);
  const head = openMemoryHead(world.env, { retention_ms: 500_000, slice_ms: 0 });
  const random = world.random('values');
  const batch = (k: number): Row[] =>
    Array.from({ length: 20 }, (_, i) => [{ __name__: 'm', i: String(i) }, k * 1000, random.float()]);
  const held: { querier: Querier; selection: Selection; before: ReadSeries[] }[] = [];
  const changed: unknown[] = [];
  const release = (): void => {
    const { querier, selection, before } = held.shift()!;
    if (!isDeepStrictEqual(readSelection(selection), before)) changed.push(before);
    querier.close();
  };
  for (let k = 0; k < 1500; k++) {
    await write(head, batch(k));
    if (k % 50 === 7) {
      const querier = head.querier();
      const selection = await querier.select(-Infinity, Infinity, NAMED);
      held.push({ querier, selection, before: readSelection(selection) });
    }
    if (k % 40 === 0) await world.run(head.sweep());
    if (held.length > 6) release();
  }
  const retired = head.stats().retiredSlots;
  while (held.length > 0) release();
  expect(changed).toEqual([]);
  expect(retired).toBeGreaterThan(0);
  expect(head.stats().retiredSlots).toBe(0);
});

test('without queriers slots are used again: memory stays at what the retention needs', async () => {
  const world = simWorld(5);
  const head = openMemoryHead(world.env, { retention_ms: 200_000 });
  const random = world.random('values');
  let peak = 0;
  for (let k = 0; k < 4000; k++) {
    await write(
      head,
      Array.from({ length: 10 }, (_, i): Row => [{ i: String(i) }, k * 1000, random.float()]),
    );
    if (k % 50 === 0) await world.run(head.sweep());
    if (k === 1000) peak = head.stats().bytes.chunks;
  }
  expect(head.stats().bytes.chunks).toBeLessThan(1.5 * peak);
  expect(head.stats().bytes.pages).toBe(1024 * 1024);
});

test('a lease older than lease_max is revoked, also for a reader that holds only the selection', async () => {
  const world = simWorld(6);
  const head = openMemoryHead(world.env, { leaseMax_ms: 1000 });
  await write(head, wave(0));
  const querier = head.querier();
  const selection = await querier.select(0, 1e9, NAMED);
  const column = newColumn();
  const reader = openChunkReader();
  reader.series(selection, 0, 0, 1e9, column);
  expect(column.n).toBe(1);
  await world.advance(1500);
  await world.run(head.sweep());
  expect(() => reader.series(selection, 0, 0, 1e9, column)).toThrow(/lease_max/);
  expect(column.n).toBe(0);
  await expect(querier.select(0, 1e9, NAMED)).rejects.toMatchObject({ code: 'ELEASE' });
  expect(metric(head, 'munjigi_tsdb_leases_revoked_total')).toBe(1);
});

test('series that went away: their references are stale, their rows, labels and symbols are used again', async () => {
  const world = simWorld(7);
  const head = openMemoryHead(world.env, { retention_ms: 10_000 });
  const appender = head.appender();
  const old = appender.series(labelsFromObject({ __name__: 'm', i: 'old' }));
  appender.floats(Float64Array.of(old), Float64Array.of(1), Float64Array.of(1), null, 1);
  await appender.commit();
  for (let k = 1; k <= 30; k++) {
    // Long values, so that the symbol table is worth renumbering.
    const rows = Array.from({ length: 50 }, (_, i): Row => [
      { __name__: 'm', i: `${k}-${i}-${'x'.repeat(2000)}` },
      k * 10_000,
      k,
    ]);
    await write(head, [...rows, [{ __name__: 'm', i: 'steady' }, k * 10_000, k]]);
    await world.run(head.sweep());
    await world.run(head.sweep());
  }
  const stale = head.appender();
  stale.floats(Float64Array.of(old), Float64Array.of(400_000), Float64Array.of(1), null, 1);
  expect([...(await stale.commit()).faults]).toEqual([FAULT.stale_ref]);
  expect(head.stats().series).toBeLessThanOrEqual(102);
  expect(head.stats().bytes.symbols).toBeLessThan(2_000_000);
  const steady = await query(head, [{ name: 'i', op: '=', value: 'steady' }]);
  expect(steady).toEqual([
    { labels: '__name__=m,i=steady', t: steady[0]!.t, v: steady[0]!.t.map((t) => t / 10_000) },
  ]);
  const found = await query(head, [{ name: 'i', op: '=~', value: '30-.*' }]);
  expect(found).toHaveLength(50);
  expect(
    (await using(head.querier(), (q) => q.labelValues('i', { mint: 0, maxt: 1e9, matchers: [], limit: 0 })))
      .values,
  ).toHaveLength(head.stats().series);
});
