// The store as a whole on the simulated disk: what goes in comes out, wherever it lies by then.
import { simWorld, type SimWorld } from '@munjigi/env/sim';
import { SymbolReader, labelsFromObject, type Matcher } from '@munjigi/model';
import { expect, test } from 'vitest';
import { withBlocks } from '../block/querier.ts';
import { NAMED, query, write, type ReadSeries, type Row } from '../testing/store.ts';
import { openDb, type Db } from './db.ts';
import type { DbOptions } from './options.ts';

const HOUR = 3_600_000;
const RANGE = 60_000;
const START = 1_700_000_000_000 - (1_700_000_000_000 % RANGE);

function open(world: SimWorld, options: Partial<DbOptions> = {}): Promise<Db> {
  return world.run(
    openDb(world.env, {
      path: '/data',
      minBlock_ms: RANGE,
      interval_ms: 24 * HOUR,
      retention_ms: 0,
      ...options,
    }),
  );
}

/** Everything, from the head and the blocks. */
function readAll(world: SimWorld, db: Db): Promise<ReadSeries[]> {
  return world.run(
    query(withBlocks(world.env, db, { cacheBytes: 1 << 20 }), NAMED, -Infinity, Infinity, world.env.files),
  );
}

/** `series` series with one sample every `step` ms in [from, to). */
async function fill(
  world: SimWorld,
  db: Db,
  from: number,
  to: number,
  step = 5000,
  series = 4,
): Promise<void> {
  for (let t = from; t < to; t += step) {
    const rows = Array.from({ length: series }, (_, i): Row => [
      { __name__: 'm', i: String(i) },
      t,
      t / 1000 + i,
    ]);
    await world.run(write(db, rows));
  }
}

function times(from: number, to: number, step = 5000): number[] {
  return Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => from + i * step);
}

test('full ranges of the head become blocks, the log gets shorter, and every sample stays', async () => {
  const world = simWorld(1);
  let db = await open(world, { segmentBytes: 32_768 });
  await fill(world, db, START, START + 5 * RANGE);
  await world.run(db.upkeep());
  expect(db.blocks().length).toBeGreaterThan(0);
  const all = await readAll(world, db);
  expect(all).toHaveLength(4);
  for (const s of all) expect(s.t).toEqual(times(START, START + 5 * RANGE));
  await world.run(db.close());
  db = await open(world);
  expect(await readAll(world, db)).toEqual(all);
  world.disk.crash('process');
  world.restart();
  db = await open(world);
  expect(await readAll(world, db)).toEqual(all);
});

const M1: readonly Matcher[] = [{ name: 'i', op: '=', value: '1' }];

function metricOf(db: Db, name: string): number {
  return db.families().find((f) => f.name === name)?.samples[0]?.value ?? Number.NaN;
}

function folders(world: SimWorld): string[] {
  return world.env.files
    .list('/data')
    .map(({ name }) => name)
    .filter((name) => /^[0-9A-Z]{26}/.test(name));
}

/** A store with `ranges` full ranges, all of it in blocks but for the newest. */
async function aged(world: SimWorld, ranges: number, options: Partial<DbOptions> = {}): Promise<Db> {
  const db = await open(world, options);
  for (let k = 0; k < ranges; k++) {
    await fill(world, db, START + k * RANGE, START + (k + 1) * RANGE);
    await world.run(db.upkeep());
  }
  return db;
}

test('blocks are merged level by level, and nothing is counted twice', async () => {
  const world = simWorld(2);
  const db = await aged(world, 14);
  expect(db.blocks().some(({ meta }) => meta.compaction.level > 2)).toBe(true);
  expect(folders(world)).toHaveLength(db.blocks().length);
  for (const s of await readAll(world, db)) expect(s.t).toEqual(times(START, START + 14 * RANGE));
  await world.run(db.close());
});

test('a block that a querier may read stays until the querier is closed', async () => {
  const world = simWorld(3);
  const db = await aged(world, 4);
  const before = folders(world).length;
  const querier = db.querier();
  const selection = await world.run(querier.select(-Infinity, Infinity, NAMED));
  await fill(world, db, START + 4 * RANGE, START + 8 * RANGE);
  await world.run(db.upkeep());
  const merged = selection.blocks!.filter(({ ulid }) => !db.blocks().some(({ meta }) => meta.ulid === ulid));
  expect(merged.length).toBeGreaterThan(1);
  for (const { ulid } of merged) expect(folders(world)).toContain(ulid);
  expect(folders(world).length).toBeGreaterThan(before);
  querier.close();
  await world.settle();
  for (const { ulid } of merged) expect(folders(world)).not.toContain(ulid);
  expect(folders(world)).toHaveLength(db.blocks().length);
  await world.run(db.close());
});

test.each([
  ['its age', { retention_ms: 3 * RANGE }],
  ['the size', { retention_bytes: 5_000 }],
])('what is beyond the retention by %s goes, oldest first', async (_, options) => {
  const world = simWorld(4);
  const db = await aged(world, 12, { ...options, maxBlock_ms: RANGE });
  const [oldest] = db.blocks();
  expect(oldest!.meta.minTime).toBeGreaterThan(START + 4 * RANGE);
  expect(db.blocks().length).toBeGreaterThan(0);
  expect(folders(world)).toHaveLength(db.blocks().length);
  const all = await readAll(world, db);
  expect(all[0]!.t.at(-1)).toBe(START + 12 * RANGE - 5000);
  expect(all[0]!.t[0]).toBe(oldest!.meta.minTime);
  await world.run(db.close());
});

test('retention by selector: some series go early, some stay for long', async () => {
  const world = simWorld(5);
  const db = await aged(world, 14, {
    retention_ms: 6 * RANGE,
    maxBlock_ms: RANGE,
    retentionBy: [
      { matchers: [{ name: 'i', op: '=', value: '0' }], retention_ms: 0 },
      { matchers: [{ name: 'i', op: '=~', value: '1|2' }], retention_ms: 2 * RANGE },
    ],
  });
  const [forEver, early, early2, usual] = await readAll(world, db);
  const end = START + 14 * RANGE;
  expect(forEver!.t).toEqual(times(START, end));
  expect(early!.t[0]).toBeGreaterThan(end - 5 * RANGE);
  expect(early2!.t).toEqual(early!.t);
  expect(usual!.t[0]).toBeLessThan(end - 5 * RANGE);
  expect(usual!.t[0]).toBeGreaterThan(end - 9 * RANGE);
  // Nothing is rewritten again while no age is passed.
  const ulids = db.blocks().map(({ meta }) => meta.ulid);
  await world.run(db.upkeep());
  expect(db.blocks().map(({ meta }) => meta.ulid)).toEqual(ulids);
  await world.run(db.close());
});

test('deleted series are hidden in head and blocks, over a restart, and cleaned out', async () => {
  const world = simWorld(6);
  let db = await aged(world, 4);
  const from = START + RANGE / 2;
  const to = START + 4 * RANGE - 20_000;
  await world.run(db.deleteSeries([M1], from, to));
  const kept = times(START, START + 4 * RANGE).filter((t) => t < from || t > to);
  const check = async (): Promise<void> => {
    const [zero, one] = await readAll(world, db);
    expect(one!.t).toEqual(kept);
    expect(zero!.t).toEqual(times(START, START + 4 * RANGE));
  };
  await check();
  await world.run(db.close());
  db = await open(world);
  await check();
  const before = db.blocks().map(({ meta }) => meta.ulid);
  await world.run(db.cleanTombstones());
  await check();
  expect(db.blocks().map(({ meta }) => meta.ulid)).not.toEqual(before);
  expect(db.blocks().every(({ meta }) => meta.stats.numTombstones === 0)).toBe(true);
  expect(folders(world)).toHaveLength(before.length);
  await world.run(db.close());
});

test('samples out of order within the window become blocks too', async () => {
  const world = simWorld(7);
  let db = await open(world, { outOfOrderWindow_ms: 10 * RANGE });
  await fill(world, db, START, START + 3 * RANGE);
  await fill(world, db, START + 2000, START + 2 * RANGE, 20_000);
  const want = [...times(START, START + 3 * RANGE), ...times(START + 2000, START + 2 * RANGE, 20_000)].sort(
    (a, b) => a - b,
  );
  const check = async (): Promise<void> => {
    const all = await readAll(world, db);
    expect(all).toHaveLength(4);
    for (const s of all) expect(s.t).toEqual(want);
  };
  await check();
  world.disk.crash('process');
  world.restart();
  db = await open(world, { outOfOrderWindow_ms: 10 * RANGE });
  await check();
  await world.run(db.upkeep());
  expect(metricOf(db, 'munjigi_tsdb_head_cuts_total')).toBeGreaterThan(0);
  await check();
  await world.run(db.close());
  db = await open(world, { outOfOrderWindow_ms: 10 * RANGE });
  await check();
  await world.run(db.close());
});

test('blocks of late samples that reach beyond those in order hide nothing at the next start', async () => {
  const world = simWorld(15);
  const options = { outOfOrderWindow_ms: 3 * RANGE };
  let db = await open(world, options);
  const want: number[] = [];
  for (let k = 0; k < 10; k++) {
    // What is newest lies almost one and a half ranges behind what was cut in order.
    const from = START + k * RANGE + (k === 0 ? 0 : 0.4 * RANGE);
    const to = START + (k + 1.4) * RANGE;
    await fill(world, db, from, to);
    await fill(world, db, from + 1000, to - 10_000, 10_000);
    want.push(...times(from, to), ...times(from + 1000, to - 10_000, 10_000));
    await world.run(db.upkeep());
    world.disk.crash('process');
    world.restart();
    db = await open(world, options);
    for (const s of await readAll(world, db)) expect(s.t).toEqual(want.toSorted((a, b) => a - b));
  }
  expect(db.blocks().some(({ meta }) => meta.compaction.level > 1)).toBe(true);
  await world.run(db.close());
});

test('a snapshot is a store of its own', async () => {
  const world = simWorld(8);
  const db = await aged(world, 4, { outOfOrderWindow_ms: RANGE });
  const all = await readAll(world, db);
  const name = await world.run(db.snapshot(false));
  expect(name).toMatch(/^\d{8}T\d{6}Z-[0-9a-f]{16}$/);
  const copy = await open(world, { path: `/data/snapshots/${name}` });
  expect(await readAll(world, copy)).toEqual(all);
  await world.run(copy.close());
  const blocksOnly = await open(world, { path: `/data/snapshots/${await world.run(db.snapshot(true))}` });
  const [first] = await readAll(world, blocksOnly);
  expect(first!.t).toEqual(all[0]!.t.filter((t) => t < db.blocks().at(-1)!.meta.maxTime));
  await world.run(blocksOnly.close());
  await world.run(db.close());
});

test('a folder has one owner; a second one may read', async () => {
  const world = simWorld(9);
  const db = await aged(world, 3);
  const all = await readAll(world, db);
  await expect(open(world)).rejects.toThrow(/\/data is in use: .*munjigi\.lock/);
  const tree = world.disk.tree();
  const second = await open(world, { readOnly: true });
  expect(await readAll(world, second)).toEqual(all);
  await expect(world.run(write(second, [[{ __name__: 'x' }, START + 4 * RANGE, 1]]))).rejects.toThrow(
    /read-only/,
  );
  await expect(world.run(second.cleanTombstones())).rejects.toThrow(/read-only/);
  expect(world.disk.tree()).toEqual(tree);
  // It follows what the first one writes, cuts and merges.
  await fill(world, db, START + 3 * RANGE, START + 8 * RANGE);
  await world.run(db.upkeep());
  await world.advance(40_000);
  expect(await readAll(world, second)).toEqual(await readAll(world, db));
  expect(second.blocks().map(({ meta }) => meta.ulid)).toEqual(db.blocks().map(({ meta }) => meta.ulid));
  await world.run(second.close());
  await expect(open(world, { path: '/nothing', readOnly: true })).rejects.toThrow(/no such folder/);
  await world.run(db.close());
  await world.run((await open(world)).close());
});

test.each(['meta.json', 'index', 'chunks/000001'])(
  'a block whose %s is damaged is named, the rest serves',
  async (file) => {
    const world = simWorld(10);
    let db = await aged(world, 3, { maxBlock_ms: RANGE });
    const { ulid } = db.blocks()[0]!.meta;
    await world.run(db.close());
    const path = `/data/${ulid}/${file}`;
    const bytes = world.disk.read(path)!;
    world.disk.put(path, bytes.subarray(0, file === 'meta.json' ? 10 : 3));
    db = await open(world);
    expect(db.aside()).toHaveLength(1);
    expect(db.aside()[0]).toMatchObject({
      dir: `/data/${ulid}`,
      reason: expect.stringContaining(path) as string,
    });
    expect(metricOf(db, 'munjigi_tsdb_blocks_aside')).toBe(1);
    const [first] = await readAll(world, db);
    expect(first!.t.length).toBeGreaterThan(10);
    // Each answer that needs it says so; where not even its time is known, every answer.
    const querier = db.querier();
    const about = (from: number, to: number): Promise<readonly string[]> =>
      world.run(querier.select(from, to, NAMED)).then(({ warnings }) => warnings);
    expect(await about(START, START + 1)).toEqual([expect.stringContaining(ulid) as string]);
    expect(await about(START + 2.5 * RANGE, START + 3 * RANGE)).toHaveLength(file === 'meta.json' ? 1 : 0);
    querier.close();
    expect(folders(world)).toContain(ulid);
    await world.run(db.close());
  },
);

test('a full disk refuses samples, says so, and takes them again when there is space; upkeep does too', async () => {
  const world = simWorld(11);
  const db = await open(world);
  await fill(world, db, START, START + 3 * RANGE);
  world.disk.full(world.disk.used + 100);
  await expect(fill(world, db, START + 3 * RANGE, START + 4 * RANGE)).rejects.toThrow(/free some space/);
  expect(metricOf(db, 'munjigi_tsdb_disk_full')).toBe(1);
  await expect(world.run(db.upkeep())).rejects.toThrow(/ENOSPC|space/);
  expect(folders(world)).toEqual([]);
  world.disk.full(Infinity);
  await fill(world, db, START + 3 * RANGE, START + 4 * RANGE);
  expect(metricOf(db, 'munjigi_tsdb_disk_full')).toBe(0);
  await world.run(db.upkeep());
  for (const s of await readAll(world, db)) expect(s.t).toEqual(times(START, START + 4 * RANGE));
  await world.run(db.close());
});

test('a block that ends within a chunk of the head does not make it cut without end', async () => {
  const world = simWorld(15);
  let db = await aged(world, 4, { maxBlock_ms: RANGE });
  await world.run(db.close());
  const { dir, meta } = db.blocks().at(-1)!;
  // As when somebody puts a block there that reaches into the newest range.
  const longer = { ...meta, maxTime: meta.maxTime + RANGE / 2 };
  world.disk.put(`${dir}/meta.json`, new TextEncoder().encode(JSON.stringify(longer)));
  db = await open(world);
  await fill(world, db, START + 4 * RANGE, START + 6 * RANGE);
  await world.run(db.upkeep());
  for (const s of await readAll(world, db)) expect(new Set(s.t).size).toBe(s.t.length);
  expect(db.blocks().length).toBeLessThan(8);
  await world.run(db.close());
});

test('what is not yet uploaded is not merged', async () => {
  const world = simWorld(12);
  world.disk.put('/shipper.json', new TextEncoder().encode('{"uploaded":[]}'));
  const db = await aged(world, 8, { delayCompactFile: '/shipper.json' });
  expect(db.blocks().every(({ meta }) => meta.compaction.level === 1)).toBe(true);
  const uploaded = db.blocks().map(({ meta }) => meta.ulid);
  world.disk.put('/shipper.json', new TextEncoder().encode(JSON.stringify({ uploaded })));
  await world.run(db.upkeep());
  expect(db.blocks().some(({ meta }) => meta.compaction.level === 2)).toBe(true);
  await world.run(db.close());
});

test('settings change while it runs', async () => {
  const world = simWorld(13);
  const db = await open(world);
  await fill(world, db, START, START + RANGE);
  const late: Row[] = [[{ __name__: 'm', i: '0' }, START + RANGE - 9000, 1]];
  expect((await world.run(write(db, late))).faults).toEqual(Uint8Array.of(1));
  db.configure({ outOfOrderWindow_ms: RANGE });
  expect((await world.run(write(db, late))).accepted).toBe(1);
  db.configure({ maxSeries: 4 });
  const result = await world.run(write(db, [[{ __name__: 'new' }, START + RANGE, 1]]));
  expect(result.refused[5]).toBe(1);
  await world.run(db.close());
});

test('labels of head and blocks are found together', async () => {
  const world = simWorld(14);
  const db = await open(world);
  for (let k = 0; k < 4; k++) {
    await world.run(write(db, [[{ __name__: 'old', k: String(k) }, START + k * RANGE, k]]));
    await world.run(db.upkeep());
  }
  const merged = withBlocks(world.env, db, { cacheBytes: 1 << 20 });
  const q = merged.querier();
  const all = { mint: -Infinity, maxt: Infinity, matchers: [], limit: 0 };
  expect((await world.run(q.labelValues('k', all))).values).toEqual(['0', '1', '2', '3']);
  expect((await world.run(q.labelNames(all))).names).toEqual(['__name__', 'k']);
  const s = await world.run(q.select(START, START + 1, NAMED));
  const symbols = new SymbolReader(s.symbols);
  expect(Array.from(s.labelSymbols, (n) => symbols.text(n))).toEqual([
    ...labelsFromObject({ __name__: 'old', k: '0' }),
  ]);
  q.close();
  await world.run(db.close());
});

test('a block that a query finds unreadable is named in the answer, the log and the metric', async () => {
  const world = simWorld(16);
  const db = await aged(world, 3, { maxBlock_ms: RANGE });
  const { ulid } = db.blocks()[0]!.meta;
  const index = world.disk.read(`/data/${ulid}/index`)!;
  world.disk.put(`/data/${ulid}/index`, index.fill(0xff, 8, 60));
  const querier = withBlocks(world.env, db, { cacheBytes: 1 << 20 }).querier();
  const { warnings } = await world.run(querier.select(-Infinity, Infinity, NAMED));
  querier.close();
  expect(warnings).toEqual([expect.stringContaining(ulid) as string]);
  expect(metricOf(db, 'munjigi_tsdb_blocks_aside')).toBe(1);
  expect(
    world.log.some(({ level, msg }) => level === 'error' && msg.includes('could not read a block')),
  ).toBe(true);
  await world.run(db.close());
});

test('a block that claims to reach far into the future hides nothing of the log', async () => {
  const world = simWorld(17, { start_ms: START + 4 * RANGE });
  let db = await aged(world, 4);
  const all = await readAll(world, db);
  const { ulid, maxTime } = db.blocks().at(-1)!.meta;
  world.disk.crash('process');
  world.restart();
  const path = `/data/${ulid}/meta.json`;
  const meta = new TextDecoder().decode(world.disk.read(path));
  world.disk.put(path, new TextEncoder().encode(meta.replace(String(maxTime), String(2 * maxTime))));
  db = await open(world);
  expect(await readAll(world, db)).toEqual(all);
  await world.run(db.close());
});

test('an empty folder with the name of a block is nothing to speak of', async () => {
  const world = simWorld(18);
  world.env.files.makeDir('/data/01HF7YAT0209Q84TAYV93QXBKW');
  const db = await open(world);
  expect([db.aside(), folders(world)]).toEqual([[], []]);
  await world.run(db.close());
});
