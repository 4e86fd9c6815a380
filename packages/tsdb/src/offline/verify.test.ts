import { simWorld, type SimWorld } from '@munjigi/env/sim';
import { labelsFromObject, newColumn } from '@munjigi/model';
import { describe, expect, test } from 'vitest';
import { encodeColumn } from '../chunk/encode-column.ts';
import { writeEntries, type LogEntry } from '../testing/wal-entries.ts';
import { newHeadChunkWriter } from '../wal/head-chunks.ts';
import { newWalWriter } from '../wal/writer.ts';
import { planRepair } from './repair.ts';
import { newSampleTable } from './sample-table.ts';
import { verifyStore, type StoreVerdict } from './verify-store.ts';

const DIR = '/d';
const ULID = '01KC4D6GXQA4CRHYKV78NEBVAE';
const T0 = 1_767_225_600_000;

type World = SimWorld;

/** A folder with one block: 6 series, 300 samples each, so 3 chunks each. */
async function withBlock(): Promise<World> {
  const world = simWorld(1);
  const { files } = world.env;
  files.makeDir(DIR);
  const table = newSampleTable();
  const v = new Float64Array(1);
  const bits = new Uint32Array(v.buffer);
  for (let s = 0; s < 6; s++) {
    const series = table.series(labelsFromObject({ __name__: 'm', s: `v${s % 3}`, é: `${s}` }));
    for (let i = 0; i < 300; i++) {
      v[0] = s * 1000 + i;
      table.add(series, T0 + i * 15_000, bits, 0);
    }
  }
  expect(await table.writeBlock(files, DIR, ULID, T0, T0 + 7_200_000)).not.toBeNull();
  return world;
}

function verify(world: World): Promise<StoreVerdict> {
  return verifyStore(world.env, DIR);
}

function flip(world: World, path: string, at: number, mask: number): void {
  const file = world.env.files.open(path, 'rw');
  const b = new Uint8Array(1);
  file.read(b, 0, 1, at);
  b[0]! ^= mask;
  file.write(b, 0, 1, at);
  file.close();
}

function damages({ findings }: StoreVerdict): string[] {
  return findings.filter((f) => f.severity === 'damage').map((f) => `${f.path}@${f.offset}: ${f.what}`);
}

describe('a block', () => {
  test('that is well', async () => {
    const verdict = await verify(await withBlock());
    expect(verdict.findings).toEqual([]);
    expect(verdict.blocks.get(ULID)).toMatchObject({ series: 6, chunks: 18, samples: 1800 });
  });

  // The index' version may be another that is read the same way; two bytes are padding of the magic's end.
  const IGNORED: Readonly<Record<string, readonly number[]>> = { index: [4], 'chunks/000001': [5, 6, 7] };
  test.each(['index', 'chunks/000001', 'tombstones'])('every byte of %s counts', async (name) => {
    const world = await withBlock();
    const path = `${DIR}/${ULID}/${name}`;
    const { size } = world.env.files.stat(path)!;
    const unseen: number[] = [];
    for (let at = 0; at < size; at++) {
      if (IGNORED[name]?.includes(at)) continue;
      flip(world, path, at, 0x21);
      const found = damages(await verify(world));
      if (found.length === 0) unseen.push(at);
      else if (!found.some((line) => line.startsWith(path))) unseen.push(at);
      flip(world, path, at, 0x21);
    }
    expect(unseen).toEqual([]);
    expect((await verify(world)).findings).toEqual([]);
  });
});

const DAY = 86_400_000;
const LAST = T0 + 299 * 15_000;
test.each<[string, number, number, RegExp[]]>([
  ['begins behind its first chunk', T0 + 1, T0 + 7_200_000, [/index@-1: .*outside of the block's/]],
  ['ends before its last chunk does', T0, LAST, [/index@-1: .*outside of the block's/]],
  ['ends just behind its last chunk', T0, LAST + 1, []],
  ['ends 31 days later', T0, LAST + 31 * DAY, []],
  [
    'ends more than 31 days later',
    T0,
    LAST + 31 * DAY + 1,
    [/meta\.json@-1: maxTime is .* the newest chunk/],
  ],
  ['ends beyond all times', T0, 2 ** 53, [/maxTime is 9007199254740992, a time/, /the newest chunk ends at/]],
  ['begins before all times', -(2 ** 53), T0 + 7_200_000, [/minTime is -9007199254740992, a time/]],
])('a block whose meta %s', async (_, minTime, maxTime, wanted) => {
  const world = await withBlock();
  const path = `${DIR}/${ULID}/meta.json`;
  const meta = JSON.parse(new TextDecoder().decode(world.disk.read(path))) as object;
  world.disk.put(path, new TextEncoder().encode(JSON.stringify({ ...meta, minTime, maxTime })));
  const found = damages(await verify(world));
  if (wanted.length === 0) expect(found).toEqual([]);
  for (const pattern of wanted) expect(found.join('\n')).toMatch(pattern);
  for (const { apply } of planRepair(world.env, DIR, await verify(world), `${DIR}/aside`)) await apply();
  const after = await verify(world);
  expect(after.findings).toEqual([]);
  expect([...after.blocks.values()]).toMatchObject([{ series: 6, samples: 1800 }]);
});

const SERIES: LogEntry = { kind: 'series', ref: 1, labels: ['__name__', 'm'] };
const sample = (ref: number, t: number): LogEntry => ({
  kind: 'sample',
  ref,
  t,
  st: 0,
  v: '3ff0000000000000',
});

/** A log of two segments and two files of head chunks. */
async function withHead(): Promise<World> {
  const world = simWorld(1);
  const { files } = world.env;
  files.makeDir(`${DIR}/wal`);
  files.makeDir(`${DIR}/chunks_head`);
  const log = newWalWriter(world.env, {
    dir: `${DIR}/wal`,
    firstSegment: 0,
    segmentBytes: 128 * 1024,
    faults: {},
  });
  for (const entries of [
    [SERIES, sample(1, T0)],
    [sample(1, T0 + 1), sample(1, T0 + 2)],
    [sample(1, T0 + 3)],
  ]) {
    const { w, ends } = writeEntries(entries, false);
    log.log(w, ends);
    if (entries.length === 2 && entries[0]!.kind === 'sample') log.cut();
  }
  await log.syncTo(log.written());
  log.close();
  const chunks = newHeadChunkWriter(files, `${DIR}/chunks_head`, 1);
  const column = newColumn(4);
  for (let file = 0; file < 2; file++) {
    column.n = 3;
    for (let i = 0; i < 3; i++) {
      column.t[i] = T0 + 10 * file + i;
      column.v[i] = i;
    }
    const [c] = encodeColumn(column, 0, 3, { xor2: false, maxSamples: 120 });
    chunks.append(1, c!.mint, c!.maxt, c!.encoding, false, c!.samples, c!.data, 2, c!.data.length - 2);
    chunks.flush();
    await chunks.cut();
  }
  chunks.close();
  return world;
}

describe('the head', () => {
  test('that is well', async () => {
    const verdict = await verify(await withHead());
    expect(verdict.findings).toEqual([]);
    expect(verdict.wal).toMatchObject({ records: 4, series: 1, samples: 4, damages: [] });
    expect(verdict.headChunks).toEqual({ chunks: 2, damage: null });
  });

  test.each(['wal/00000000', 'wal/00000001', 'chunks_head/000001', 'chunks_head/000002'])(
    'every byte of %s counts, and what is damaged can be cut',
    async (name) => {
      const { size } = (await withHead()).env.files.stat(`${DIR}/${name}`)!;
      // Three bytes of a head chunk file's header are padding; a page of a log is filled up with zeros that may be there or not.
      const header = name.startsWith('chunks') ? [5, 6, 7] : [];
      for (let at = 0; at < Math.min(size, 120); at++) {
        if (header.includes(at)) continue;
        const world = await withHead();
        flip(world, `${DIR}/${name}`, at, 0x21);
        const verdict = await verify(world);
        expect(verdict.findings.length, `byte ${at}`).toBeGreaterThan(0);
        for (const { apply } of planRepair(world.env, DIR, verdict, `${DIR}/aside`)) await apply();
        const { findings } = await verify(world);
        // What a cut leaves without its series is said, and no more than that.
        expect(
          findings.filter(({ severity }) => severity === 'damage'),
          `byte ${at}`,
        ).toEqual([]);
      }
    },
  );
});

test('a memory snapshot that is damaged is set aside', async () => {
  const world = await withHead();
  const { files } = world.env;
  const dir = `${DIR}/chunk_snapshot.000001.0000000000`;
  for (const folder of [dir, `${dir}/metadata`]) {
    files.makeDir(folder);
    const log = newWalWriter(world.env, {
      dir: folder,
      firstSegment: 0,
      segmentBytes: 128 * 1024,
      faults: {},
    });
    const { w, ends } = writeEntries([SERIES], false);
    log.log(w, ends);
    log.close();
  }
  expect((await verify(world)).findings).toEqual([]);
  flip(world, `${dir}/metadata/00000000`, 12, 1);
  const verdict = await verify(world);
  expect(verdict.snapshots).toEqual([dir]);
  for (const { apply } of planRepair(world.env, DIR, verdict, `${DIR}/aside`)) await apply();
  expect((await verify(world)).findings).toEqual([]);
  expect(files.stat(dir)).toBeNull();
});

describe('repair', () => {
  test('plans nothing where nothing is wrong', async () => {
    const world = await withBlock();
    expect(planRepair(world.env, DIR, await verify(world), `${DIR}/aside`)).toEqual([]);
  });

  test.each<[what: string, name: string, at: number, series: number, samples: number]>([
    ['a chunk', 'chunks/000001', 40, 6, 1680],
    ['the list of all series', 'index', -60, 6, 1800],
    ['the tombstones', 'tombstones', 0, 6, 1800],
    ['meta.json', 'meta.json', 0, 6, 1800],
  ])('of a block keeps what can be read: %s', async (_, name, at, series, samples) => {
    const world = await withBlock();
    const { files } = world.env;
    const path = `${DIR}/${ULID}/${name}`;
    flip(world, path, at < 0 ? files.stat(path)!.size + at : at, 0x21);
    const before = await verify(world);
    const steps = planRepair(world.env, DIR, before, `${DIR}/aside`);
    expect(steps).toHaveLength(1);
    // Planning changes nothing.
    expect((await verify(world)).findings).toEqual(before.findings);
    await steps[0]!.apply();
    const after = await verify(world);
    expect(after.findings).toEqual([]);
    const [ulid] = [...after.blocks.keys()];
    expect(ulid).not.toBe(ULID);
    expect(after.blocks.get(ulid!)).toMatchObject({ series, samples });
    expect(files.stat(`${DIR}/aside/${ULID}/index`)).not.toBeNull();
  });

  test('of a block of which nothing can be read sets it aside', async () => {
    const world = await withBlock();
    const { files } = world.env;
    files.remove(`${DIR}/${ULID}/index`);
    const steps = planRepair(world.env, DIR, await verify(world), `${DIR}/aside`);
    await steps[0]!.apply();
    const after = await verify(world);
    expect([after.findings, after.blocks.size]).toEqual([[], 0]);
    expect(files.stat(`${DIR}/aside/${ULID}/chunks`)).not.toBeNull();
  });
});

test('noise is an answer, whatever it is', async () => {
  const world = await withBlock();
  const { files } = world.env;
  let seed = 7;
  const random = (n: number): number => (seed = (seed * 48_271) % 2_147_483_647) % n;
  for (let round = 0; round < 60; round++) {
    const flips: [string, number, number][] = [];
    for (let k = 0; k < 4; k++) {
      const path = `${DIR}/${ULID}/${['index', 'chunks/000001', 'tombstones', 'meta.json'][random(4)]!}`;
      flips.push([path, random(files.stat(path)!.size), 1 + random(255)]);
    }
    for (const [path, at, mask] of flips) flip(world, path, at, mask);
    await verify(world);
    for (const [path, at, mask] of flips) flip(world, path, at, mask);
  }
  expect((await verify(world)).findings).toEqual([]);
});
