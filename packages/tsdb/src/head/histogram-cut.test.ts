// Where the head ends histogram chunks, which Prometheus' head does at the same samples (compat: tsdb-interop compares the bytes).
import { simWorld } from '@munjigi/env/sim';
import { RESET_HINT } from '@munjigi/model';
import { expect, test } from 'vitest';
import { openHead, openMemoryHead, type Head } from '../index.ts';
import { put, type TestSample } from '../testing/samples.ts';

const M = { __name__: 'm' };
const MINUTE = 60_000;
const RANGE_MS = 120 * MINUTE;
const T0 = 100 * RANGE_MS;

/** Counts of `buckets` buckets that grow so that each takes some bytes a sample. */
function grown(i: number, buckets: number): number[] {
  return Array.from({ length: buckets }, (_, k) => 1000 * i + ((i * (k + 3) * 7919) % 900));
}

function h(minute: number, buckets: number, more: Partial<TestSample> = {}): TestSample {
  return { t: T0 + minute * MINUTE, buckets: grown(minute, buckets), ...more };
}

const minutes = (n: number, make: (minute: number) => TestSample, from: number = 0): TestSample[] =>
  Array.from({ length: n }, (_, i) => make(from + i));

/** `samples@minute of the first` of every chunk. */
async function chunksOf(head: Head): Promise<string[]> {
  const querier = head.querier();
  try {
    const { chunks } = await querier.select(-Infinity, Infinity, []);
    return Array.from(
      chunks.samples,
      (samples, i) => `${samples}@${Math.round((chunks.mint[i]! - T0) / MINUTE)}`,
    );
  } finally {
    querier.close();
  }
}

test.each<[string, TestSample[], string[]]>([
  [
    'a small one lasts to the end of the range',
    minutes(130, (m) => h(m, 1, { buckets: [1] })),
    ['120@0', '10@120'],
  ],
  [
    'foretold at a quarter of the size: the range in equal parts',
    minutes(130, (m) => h(m, 16)),
    ['40@0', '27@40', '27@67', '26@94', '10@120'],
  ],
  ['ten samples are the fewest', minutes(30, (m) => h(m, 300)), ['10@0', '10@10', '10@20']],
  [
    'at twice the size in any case: more buckets came than were foretold',
    [...minutes(20, (m) => h(m, 6)), ...minutes(20, (m) => h(m, 100), 20)],
    ['31@0', '9@31'],
  ],
  ['a range that ends is the end of fewer than ten', minutes(8, (m) => h(m, 300), 116), ['4@116', '4@120']],
  [
    'a reset begins a chunk',
    [...minutes(5, (m) => h(m, 6)), ...minutes(5, (m) => h(m - 5, 6, { t: T0 + m * MINUTE }), 5)],
    ['5@0', '5@5'],
  ],
  [
    'after a reset nothing is foretold again: twice the size is the end',
    [...minutes(20, (m) => h(m, 24)), ...minutes(90, (m) => h(m - 20, 24, { t: T0 + m * MINUTE }), 20)],
    ['20@0', '57@20', '22@77', '11@99'],
  ],
  [
    'unless nothing had been foretold before',
    [...minutes(3, (m) => h(m, 12)), ...minutes(107, (m) => h(m - 3, 12, { t: T0 + m * MINUTE }), 3)],
    ['3@0', '59@3', '48@62'],
  ],
  [
    'floats between histograms end both, and something is foretold again',
    [...minutes(20, (m) => h(m, 12)), { t: T0 + 20 * MINUTE, v: 1 }, ...minutes(90, (m) => h(m, 12), 21)],
    ['20@0', '1@20', '50@21', '40@71'],
  ],
  [
    'what would not fit into a slot when it is coded anew',
    [...minutes(1380, (m) => h(m, 1, { t: T0 + 1000 * m, buckets: [1] })), h(23, 9000)],
    ['1380@0', '1@23'],
  ],
  [
    'float histograms likewise',
    minutes(130, (m) => h(m, 6, { float: true })),
    ['30@0', '45@30', '45@75', '10@120'],
  ],
])('%s', async (_, samples, wanted) => {
  const world = simWorld(1);
  const options = { path: '/data', chunkRange_ms: RANGE_MS, snapshot: false };
  let head = await world.run(openHead(world.env, options));
  for (const s of samples) await world.run(put(head, M, [s]));
  expect(await chunksOf(head)).toEqual(wanted);
  // A replay of the log makes the same chunks.
  world.disk.crash('process');
  world.restart();
  head = await world.run(openHead(world.env, options));
  expect(await chunksOf(head)).toEqual(wanted);
  await world.run(head.close());
});

/** 32 late samples, a group, that come in another order. */
const late = (make: (i: number) => TestSample): TestSample[] =>
  minutes(32, (m) => ({ ...make((7 * m) % 32), t: T0 + ((7 * m) % 32) * MINUTE }));

test.each<[string, TestSample[], string[]]>([
  ['one layout', late((i) => h(i, 6)), ['32@0']],
  ['some have start times', late((i) => h(i, 6, i % 2 === 0 ? {} : { st: T0 })), ['32@0']],
  ['a hint', late((i) => h(i, 6, { hint: i === 20 ? RESET_HINT.reset : 0 })), ['20@0', '12@20']],
  ['gauges', late((i) => h(i, 6, { hint: RESET_HINT.gauge })), ['32@0']],
  ['floats, then histograms', late((i) => (i < 16 ? { t: 0, v: i } : h(i, 6))), ['16@0', '16@16']],
  ['some of the floats have start times', late((i) => ({ t: 0, v: i, st: i < 16 ? 0 : T0 })), ['32@0']],
])('late ones, %s: a group is cut to chunks as in Prometheus', async (_, samples, wanted) => {
  const head = openMemoryHead(simWorld(1).env, { outOfOrderWindow_ms: RANGE_MS, xor2: true });
  await put(head, M, [{ t: T0 + RANGE_MS - MINUTE, v: 1 }]);
  for (const s of samples) await put(head, M, [s]);
  expect(await chunksOf(head)).toEqual([...wanted, '1@119']);
});

test('late histograms whose chunk would not fit into a slot are cut to several', async () => {
  const head = openMemoryHead(simWorld(1).env, { outOfOrderWindow_ms: RANGE_MS });
  await put(head, M, [{ t: T0 + RANGE_MS - MINUTE, v: 1 }]);
  for (const s of late((i) => h(i, 0, { float: true, buckets: grown(i, 9000).map((n) => n / 7) })))
    await put(head, M, [s]);
  expect(await chunksOf(head)).toEqual(['14@0', '16@14', '2@30', '1@119']);
});

test('a group that is not full yet is read with the layout of its chunk', async () => {
  const head = openMemoryHead(simWorld(1).env, { outOfOrderWindow_ms: RANGE_MS });
  await put(head, M, [{ t: T0 + RANGE_MS - MINUTE, v: 1 }]);
  await put(head, M, [h(3, 0, { buckets: [1, 2, 5] })]);
  await put(head, M, [h(1, 0, { buckets: [1, 1] })]);
  expect(await chunksOf(head)).toEqual(['2@1', '1@119']);
  await put(head, M, [{ t: T0 + 2 * MINUTE, v: 1 }]);
  expect(await chunksOf(head)).toEqual(['1@1', '1@2', '1@3', '1@119']);
});
