import { simWorld } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { openHead, type Head } from '../index.ts';
import { NAMED, query, using, write, type Row } from '../testing/store.ts';
import { segmentName } from './segments.ts';

const M = { __name__: 'm' };
const DIR = '/data/wal';

async function reopen(world: ReturnType<typeof simWorld>): Promise<Head> {
  world.disk.crash('process');
  world.restart();
  return world.run(openHead(world.env, { path: '/data', segmentBytes: 32_768 }));
}

/** A log of several segments: sample i is in every series at time i. */
async function longLog(world: ReturnType<typeof simWorld>, commits: number): Promise<Head> {
  const head = await world.run(openHead(world.env, { path: '/data', segmentBytes: 32_768 }));
  for (let k = 0; k < commits; k++)
    await write(
      head,
      Array.from({ length: 200 }, (_, i): Row => [{ ...M, i: String(i) }, k, k]),
    );
  return head;
}

test('replay of several segments, twice: the same head', async () => {
  const world = simWorld(4);
  const before = await query(await longLog(world, 60), NAMED);
  expect(world.disk.tree().filter((f) => f.startsWith(DIR)).length).toBeGreaterThan(3);
  let head = await reopen(world);
  expect(await query(head, NAMED)).toEqual(before);
  expect(head.walReplay()).toMatchObject({ samples: 12_000, problems: [], status: { state: 'done' } });
  head = await reopen(world);
  expect(await query(head, NAMED)).toEqual(before);
});

test.each<[string, number, (b: Uint8Array) => Uint8Array, RegExp, { least: number; most: number }]>([
  ['a torn tail', -1, (b) => b.slice(0, b.length - 5), /cut off/, { least: 59, most: 59 }],
  ['garbage behind the end', -1, (b) => Uint8Array.from([...b, 7, 7, 7]), /cut off/, { least: 60, most: 60 }],
  ['zeros behind the end', -1, (b) => Uint8Array.from([...b, 0, 0, 0]), /^$/, { least: 60, most: 60 }],
  [
    'damage in the middle',
    1,
    (b) => b.map((x, i) => (i === 100 ? x ^ 1 : x)),
    /later segments were dropped/,
    { least: 1, most: 58 },
  ],
])('%s', async (_, which, damage, said, commits) => {
  const world = simWorld(5);
  await longLog(world, 60);
  const files = world.disk.tree().filter((f) => /\/wal\/\d+$/.test(f));
  const file = files.at(which)!;
  const damaged = damage(world.disk.read(file)!);
  world.disk.crash('process');
  world.restart();
  world.disk.put(file, damaged);
  let head = await reopen(world);
  expect(
    head
      .walReplay()
      .problems.map((p) => p.message)
      .join(),
  ).toMatch(said);
  const first = await query(head, NAMED);
  const lengths = new Set(first.map((s) => s.t.length));
  expect(lengths.size).toBe(1);
  expect([...lengths][0]).toBeLessThanOrEqual(commits.most);
  expect([...lengths][0]).toBeGreaterThanOrEqual(commits.least);
  await write(head, [[{ ...M, i: '0' }, 1000, 7]]);
  head = await reopen(world);
  expect(head.walReplay().problems).toEqual([]);
  const again = await query(head, NAMED);
  expect(again.slice(1)).toEqual(first.slice(1));
  expect(again[0]!.t).toEqual([...first[0]!.t, 1000]);
});

test('a checkpoint lets old segments go, and the series they named stay', async () => {
  const world = simWorld(7);
  let head = await world.run(
    openHead(world.env, { path: '/data', segmentBytes: 32_768, retention_ms: 1000 }),
  );
  for (let k = 0; k < 200; k++) {
    const rows: Row[] = Array.from({ length: 100 }, (_, i) => [{ ...M, i: String(i) }, k * 100, k]);
    // One series is written rarely: its record is in a segment that goes.
    await write(head, k % 9 === 0 ? [...rows, [{ ...M, i: 'rare' }, k * 100, k]] : rows);
    if (k % 20 === 19) await world.run(head.sweep());
  }
  const files = world.disk.tree();
  expect(files.some((f) => /wal\/checkpoint\.\d{8}\/00000000$/.test(f))).toBe(true);
  expect(files.filter((f) => /wal\/\d{8}$/.test(f)).length).toBeLessThan(6);
  expect(files.some((f) => f.endsWith(`/${segmentName(0)}`) && !f.includes('checkpoint'))).toBe(false);
  const recent = (h: Head): ReturnType<typeof query> => query(h, NAMED, 18_900);
  const before = await recent(head);
  expect(before).toHaveLength(101);
  world.disk.crash('power');
  world.restart();
  head = await world.run(openHead(world.env, { path: '/data', segmentBytes: 32_768, retention_ms: 1000 }));
  const after = await recent(head);
  expect(after.map((s) => s.labels)).toEqual(before.map((s) => s.labels));
});

test('progress is told, from the first segment to the last', async () => {
  const world = simWorld(8);
  await longLog(world, 60);
  world.disk.crash('process');
  world.restart();
  const seen: string[] = [];
  const head = await world.run(
    openHead(world.env, { path: '/data', onReplay: (s) => seen.push(`${s.state} ${s.current}/${s.max}`) }),
  );
  const { max } = head.walReplay().status;
  expect(seen[0]).toBe(`in progress 0/${max}`);
  expect(seen.at(-1)).toBe(`done ${max}/${max}`);
  expect(
    await using(head.querier(), (q) => q.labelNames({ mint: 0, maxt: 1e9, matchers: [], limit: 0 })),
  ).toEqual({
    names: ['__name__', 'i'],
    warnings: [],
  });
});
