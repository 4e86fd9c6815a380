// A crash at every disk operation, both kinds, of everything that makes blocks from something: afterwards a start finds the old blocks or
// the new ones, and every sample once.
import { SimCrash, simWorld, type CrashKind, type SimWorld } from '@munjigi/env/sim';
import type { Env } from '@munjigi/env';
import { expect, test } from 'vitest';
import { openBlockList } from '../db/blocks.ts';
import { ulidOf } from '../testing/metas.ts';
import {
  plainSamples,
  readModelBlock,
  writeModelBlock,
  type ModelBlock,
  type Samples,
} from '../testing/model-blocks.ts';
import { floats, modelSelection } from '../testing/model-selection.ts';
import { cutHead, cutOutOfOrder } from './cut.ts';
import { deleteSeries } from './delete.ts';
import { cleanTombstones, compactBlocks, filterBlock } from './rewrite.ts';
import { snapshotBlocks } from './snapshot-blocks.ts';
import type { Files } from '@munjigi/env';
import type { Selection } from '@munjigi/model';

const TIMEOUT_MS = 60_000;

const DIR = '/d';
const SEED = 5;

/** One job: what is there before it, and what its result may be instead. */
interface Job {
  readonly name: string;
  prepare(files: Files): Promise<Selection | null>;
  work(env: Env, selection: Selection | null): Promise<unknown>;
  /** The blocks' samples, read as one store, before and after. Equal ones: nothing may be lost or come twice. */
  readonly before: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  readonly after: Readonly<Record<string, readonly (readonly [number, number])[]>>;
}

const CHUNKS: ModelBlock = new Map([
  [
    'a=b',
    [
      { t: [1, 2, 3], v: [1, 2, 3] },
      { t: [7, 9], v: [7, 9] },
    ],
  ],
  ['a=c', [{ t: [4], v: [4] }]],
]);
const LATER: ModelBlock = new Map([['a=b', [{ t: [11, 12], v: [11, 12] }]]]);
const OVER: ModelBlock = new Map([['a=b', [{ t: [2, 5, 12], v: [2, 5, 12] }]]]);
const OLD = { 'a=b': [1, 2, 3, 7, 9], 'a=c': [4] };

async function oneBlock(files: Files): Promise<null> {
  await writeModelBlock(files, DIR, { ulid: ulidOf(1), minTime: 0, maxTime: 10 }, CHUNKS);
  return null;
}

async function head(files: Files): Promise<Selection> {
  await oneBlock(files);
  const path = '/chunks_head';
  const selection = modelSelection(
    files,
    path,
    new Map([
      [
        'a=b',
        [
          { where: 'file' as const, source: 60_001, samples: floats([11, 12], [11, 12]) },
          { where: 'memory' as const, source: 60_001, samples: floats([13, 25], [13, 25]) },
        ],
      ],
    ]),
  );
  const file = files.open(path, 'rw');
  await file.sync();
  file.close();
  await files.syncDir('/');
  return selection;
}

const o = (n: number): { dir: string; ulid: string; xor2: boolean } => ({
  dir: DIR,
  ulid: ulidOf(n),
  xor2: false,
});

function samples(times: Readonly<Record<string, readonly number[]>>): Job['before'] {
  return Object.fromEntries(
    Object.entries(times).map(([name, list]) => [name, list.map((t) => [t, t] as const)]),
  );
}

const JOBS: readonly Job[] = [
  {
    name: 'a cut',
    prepare: head,
    work: ({ files }, selection) =>
      cutHead(files, { ...o(2), selection: selection!, mint: 10, maxt: 20, outOfOrder: false }),
    before: samples(OLD),
    after: samples({ ...OLD, 'a=b': [...OLD['a=b'], 11, 12, 13] }),
  },
  {
    name: 'a compaction',
    async prepare(files) {
      await oneBlock(files);
      await writeModelBlock(files, DIR, { ulid: ulidOf(2), minTime: 10, maxTime: 20 }, LATER);
      await writeModelBlock(files, DIR, { ulid: ulidOf(3), minTime: 0, maxTime: 20 }, OVER);
      return null;
    },
    work: ({ files }) => compactBlocks(files, [1, 2, 3].map(ulidOf), o(4)),
    before: samples({ 'a=b': [1, 2, 3, 5, 7, 9, 11, 12], 'a=c': [4] }),
    after: samples({ 'a=b': [1, 2, 3, 5, 7, 9, 11, 12], 'a=c': [4] }),
  },
  {
    name: 'cleaning tombstones',
    async prepare(files) {
      await oneBlock(files);
      const all = [{ name: 'a', op: '=' as const, value: 'b' }];
      await deleteSeries(files, { dir: `${DIR}/${ulidOf(1)}`, mint: 2, maxt: 8, matchers: all });
      return null;
    },
    work: ({ files }) => cleanTombstones(files, ulidOf(1), o(2)),
    before: samples({ 'a=b': [1, 9], 'a=c': [4] }),
    after: samples({ 'a=b': [1, 9], 'a=c': [4] }),
  },
  {
    name: 'a deletion',
    prepare: oneBlock,
    work: ({ files }) =>
      deleteSeries(files, {
        dir: `${DIR}/${ulidOf(1)}`,
        mint: 0,
        maxt: 5,
        matchers: [{ name: 'a', op: '!=', value: '' }],
      }),
    before: samples(OLD),
    after: samples({ 'a=b': [7, 9] }),
  },
  {
    name: 'retention by a rule',
    prepare: oneBlock,
    work: ({ files }) =>
      filterBlock(files, ulidOf(1), {
        ...o(2),
        retention: {
          policy: {
            retention_ms: 0,
            rules: [{ matchers: [{ name: 'a', op: '=', value: 'b' }], retention_ms: 5 }],
          },
          newest_ms: 15,
        },
      }),
    before: samples(OLD),
    after: samples({ 'a=c': [4] }),
  },
  {
    name: 'everything deleted',
    async prepare(files) {
      await oneBlock(files);
      const all = [{ name: 'a', op: '!=' as const, value: '' }];
      await deleteSeries(files, { dir: `${DIR}/${ulidOf(1)}`, mint: 0, maxt: 10, matchers: all });
      return null;
    },
    work: ({ files }) => cleanTombstones(files, ulidOf(1), o(2)),
    before: {},
    after: {},
  },
];

/** What a start finds: leftovers go, parents of blocks that are there go, every sample is there once. */
async function opened(env: Env): Promise<Job['before']> {
  const list = openBlockList(env, DIR, { whenUnseen: (fn) => fn(), readOnly: false });
  await list.settled();
  // A parent that was being removed when the power went may have lost files: its child has its samples.
  const parents = list.list().flatMap(({ meta }) => meta.compaction.parents ?? []);
  const replaced = parents.map(({ ulid }) => `${DIR}/${ulid}`);
  for (const { dir } of list.aside()) expect(replaced).toContain(dir);
  const all: Samples = new Map();
  for (const { dir } of list.list())
    for (const [name, its] of await readModelBlock(env.files, dir)) {
      const known = all.get(name) ?? new Map<number, number>();
      for (const [t, v] of its) {
        if (known.has(t) && known.get(t) !== v) throw new Error(`${name} has two values at ${t}`);
        known.set(t, v);
      }
      if (known.size > 0) all.set(name, known);
    }
  for (const { name } of env.files.list(DIR)) expect(name).toMatch(/^[0-9A-Z]{26}$/);
  return plainSamples(all);
}

async function prepared(job: Job): Promise<{ world: SimWorld; selection: Selection | null }> {
  const world = simWorld(SEED);
  const selection = await world.run(() => job.prepare(world.env.files));
  await world.run(() => world.env.files.syncDir('/'));
  return { world, selection };
}

test.each(JOBS)('a crash at every operation of $name', { timeout: TIMEOUT_MS }, async (job) => {
  const { world, selection } = await prepared(job);
  expect(await world.run(opened(world.env))).toEqual(job.before);
  const begin = world.disk.operations;
  await world.run(job.work(world.env, selection));
  expect(world.disk.operations - begin).toBeGreaterThan(2);
  // Opening removes what is of no more use: a crash may come then, too.
  expect(await world.run(opened(world.env))).toEqual(job.after);
  const operations = world.disk.operations - begin;

  let old = 0;
  let fresh = 0;
  for (const kind of ['process', 'power'] as const satisfies readonly CrashKind[])
    for (let at = 1; at <= operations + 1; at++) {
      const place = `${job.name}, ${kind} crash at operation ${at}`;
      const { world, selection } = await prepared(job);
      world.disk.crashAt(world.disk.operations + at);
      const all = async (): Promise<void> => {
        await job.work(world.env, selection);
        await opened(world.env);
        // Nobody waits for the last removals to last.
        if (at > operations) throw new SimCrash('after the end');
      };
      await expect(world.run(all), place).rejects.toThrow(SimCrash);
      world.disk.crashAt(0);
      world.disk.crash(kind);
      const env = world.restart();
      const found = await world.run(opened(env));
      const isNew = JSON.stringify(found) === JSON.stringify(job.after);
      if (!isNew) expect(found, place).toEqual(job.before);
      if (isNew) fresh++;
      else old++;
      // And the work can be done again, from whichever of the two.
      if (isNew || at % 4 !== 0) continue;
      await world.run(job.work(env, selection));
      expect(await world.run(opened(env)), `${place}, again`).toEqual(job.after);
    }
  if (JSON.stringify(job.before) !== JSON.stringify(job.after)) {
    expect(old).toBeGreaterThan(0);
    expect(fresh).toBeGreaterThan(0);
  }
});

test.each(JOBS)(
  'a full disk in the middle of $name leaves what was there',
  { timeout: TIMEOUT_MS },
  async (job) => {
    let failed = 0;
    for (let room = 0; ; room += 61) {
      const { world, selection } = await prepared(job);
      const tree = world.disk.tree();
      world.disk.full(world.disk.used + room);
      const error: unknown = await world.run(job.work(world.env, selection)).then(
        () => null,
        (e: unknown) => e,
      );
      if (error === null) break;
      failed++;
      expect(error).toMatchObject({ code: 'ENOSPC', retryable: true });
      // A deletion may have hidden samples already; what only counts them could not be written.
      expect(world.disk.tree().filter((path) => !path.endsWith('.tmp'))).toEqual(tree);
      world.disk.full(Infinity);
      await world.run(job.work(world.env, selection));
      expect(await world.run(opened(world.env))).toEqual(job.after);
    }
    expect(failed).toBeGreaterThan(0);
  },
);

test(
  'out-of-order blocks: all or none when the disk is full, each whole after a crash',
  { timeout: TIMEOUT_MS },
  async () => {
    const job: Job = {
      name: 'a cut of samples out of order',
      prepare: head,
      work: ({ files }, selection) => {
        let n = 1;
        return cutOutOfOrder(files, {
          ...o(0),
          selection: selection!,
          newUlid: () => ulidOf(++n),
          range_ms: 10,
        });
      },
      before: samples(OLD),
      after: samples({ ...OLD, 'a=b': [...OLD['a=b'], 11, 12, 13, 25] }),
    };
    for (let room = 0; ; room += 61) {
      const { world, selection } = await prepared(job);
      world.disk.full(world.disk.used + room);
      const done = await world.run(job.work(world.env, selection)).then(
        () => true,
        () => false,
      );
      expect(await world.run(opened(world.env))).toEqual(done ? job.after : job.before);
      if (done) break;
    }
    const first = samples({ ...OLD, 'a=b': [...OLD['a=b'], 11, 12, 13] });
    const allowed = [job.before, first, job.after].map((s) => JSON.stringify(s));
    for (let at = 1; ; at++) {
      const { world, selection } = await prepared(job);
      world.disk.crashAt(world.disk.operations + at);
      const done = await world.run(job.work(world.env, selection)).then(
        () => true,
        () => false,
      );
      world.disk.crashAt(0);
      if (done) break;
      world.disk.crash(at % 2 === 0 ? 'process' : 'power');
      expect(allowed).toContain(JSON.stringify(await world.run(opened(world.restart()))));
    }
  },
);

test('a snapshot is whole after a crash at any operation, or not there', async () => {
  let whole = 0;
  let crashes = 0;
  for (let done = false; !done; crashes++) {
    const world = simWorld(SEED);
    await world.run(() => oneBlock(world.env.files));
    world.disk.crashAt(world.disk.operations + 1 + crashes);
    done = await world.run(snapshotBlocks(world.env.files, [`${DIR}/${ulidOf(1)}`], '/s/now')).then(
      () => true,
      () => false,
    );
    world.disk.crashAt(0);
    if (!done) {
      world.disk.crash(crashes % 2 === 0 ? 'process' : 'power');
      world.restart();
    }
    const { files } = world.env;
    if (files.stat(`/s/now/${ulidOf(1)}`) === null) continue;
    whole++;
    expect(plainSamples(await readModelBlock(files, `/s/now/${ulidOf(1)}`))).toEqual(samples(OLD));
  }
  expect(whole).toBeGreaterThan(0);
  expect(crashes).toBeGreaterThan(whole);
});
