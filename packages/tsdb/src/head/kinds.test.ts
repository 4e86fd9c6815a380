import { simWorld, type SimWorld } from '@munjigi/env/sim';
import { FAULT } from '@munjigi/model';
import { expect, test } from 'vitest';
import { openHead, openMemoryHead, type Head, type HeadOptions } from '../index.ts';
import { put, readAll, type TestSample, type Texts } from '../testing/samples.ts';

const M = { __name__: 'm' };
const NAME = '__name__=m';
const HOUR = 3_600_000;

async function open(world: SimWorld, options: Partial<HeadOptions> = {}): Promise<Head> {
  return world.run(openHead(world.env, { path: '/data', ...options }));
}

const h = (t: number, ...buckets: number[]): TestSample => ({ t, buckets });
const fh = (t: number, ...buckets: number[]): TestSample => ({ t, buckets, float: true });
const f = (t: number, v: number = t): TestSample => ({ t, v });

/** Every way to bring the head's samples back: as they are, flushed, restarted, restarted after a flush. */
async function everyWay(
  samples: readonly (readonly TestSample[])[],
  options: Partial<HeadOptions>,
): Promise<Texts[]> {
  const world = simWorld(1);
  let head = await open(world, options);
  for (const batch of samples) await world.run(put(head, M, batch));
  const seen: Texts[] = [await readAll(head, world.env.files)];
  for (const flush of [false, true]) {
    if (flush) {
      await world.run(head.flushChunks());
      seen.push(await readAll(head, world.env.files));
    }
    world.disk.crash('process');
    world.restart();
    head = await open(world, options);
    expect(head.walReplay().problems).toEqual([]);
    seen.push(await readAll(head, world.env.files));
  }
  await world.run(head.close());
  return seen;
}

const many = (n: number, make: (i: number) => TestSample): TestSample[] =>
  Array.from({ length: n }, (_, i) => make(i));

test.each<[string, TestSample[][], Partial<HeadOptions>, string[]]>([
  ['a histogram', [[h(1, 1, 2)]], {}, ['1 h[0:1 1:2] sum 4.5']],
  ['a float histogram', [[fh(1, 1, 2.5)]], {}, ['1 fh[0:1 1:2.5] sum 5.25']],
  ['custom bounds', [[{ t: 1, buckets: [1, 2], bounds: [5, 10] }]], {}, ['1 h[0:1 1:2]5/10 sum 4.5']],
  [
    'floats and histograms in turn, in one batch',
    [[f(1), h(2, 1), f(3), fh(4, 2), h(5, 3), f(6)]],
    {},
    ['1 1', '2 h[0:1] sum 1.5', '3 3', '4 fh[0:2] sum 3', '5 h[0:3] sum 4.5', '6 6'],
  ],
  [
    'new buckets code the chunk anew',
    [[h(1, 1)], [{ t: 2, buckets: [2, 1], offset: -1 }], [{ t: 3, buckets: [2, 1, 0, 7], offset: -1 }]],
    {},
    ['1 h[0:1] sum 1.5', '2 h[-1:2 0:1] sum 4.5', '3 h[-1:2 0:1 2:7] sum 15'],
  ],
  [
    'a staleness mark of a histogram',
    [[h(1, 1)], [{ t: 2, stale: true }], [h(3, 1)]],
    {},
    ['1 h[0:1] sum 1.5', '2 h[] sum stale', '3 h[0:1] sum 1.5'],
  ],
  ['start times are dropped', [[{ t: 5, v: 1, st: 2 }]], {}, ['5 1']],
  [
    'start times are kept',
    [[{ t: 5, v: 1, st: 2 }], [{ t: 6, v: 2, st: 2 }], [{ t: 7, v: 2, st: 7 }]],
    { xor2: true },
    ['5 1 from 2', '6 2 from 2', '7 2 from 7'],
  ],
  [
    'histograms with start times',
    [
      [
        { ...h(5, 1), st: 2 },
        { ...fh(6, 1), st: 3 },
      ],
    ],
    { xor2: true },
    ['5 h[0:1] sum 1.5 from 2', '6 fh[0:1] sum 1.5 from 3'],
  ],
  [
    'out of order: floats, histograms, start times',
    [[f(100_000)], [f(90_000), f(80_000)], [h(85_000, 1)], [{ t: 82_000, v: 1, st: 4 }], [f(100_001)]],
    { xor2: true, outOfOrderWindow_ms: HOUR },
    [
      '80000 80000',
      '82000 1 from 4',
      '85000 h[0:1] sum 1.5',
      '90000 90000',
      '100000 100000',
      '100001 100001',
    ],
  ],
  [
    'many chunks of floats, some out of order',
    [
      many(300, (i) => f(1000 * i + 50_000_000, i)),
      many(100, (i) => f(1000 * ((i * 37) % 100) + 50_000_500, i)),
    ],
    { outOfOrderWindow_ms: HOUR },
    [
      ...many(300, (i) => f(1000 * i + 50_000_000, i)),
      ...many(100, (i) => f(1000 * ((i * 37) % 100) + 50_000_500, i)),
    ]
      .sort((a, b) => a.t - b.t)
      .map(({ t, v }) => `${t} ${v}`),
  ],
  [
    'many chunks of histograms, in order and not',
    [many(200, (i) => h(10 * i + 10_000, i, i * i, 7)), many(70, (i) => h(10 * ((i * 11) % 70) + 10_005, i))],
    { outOfOrderWindow_ms: HOUR },
    [
      ...many(200, (i) => h(10 * i + 10_000, i, i * i, 7)),
      ...many(70, (i) => h(10 * ((i * 11) % 70) + 10_005, i)),
    ]
      .sort((a, b) => a.t - b.t)
      .map(({ t, buckets }) => {
        const cells = buckets!.flatMap((n, k) => (n === 0 ? [] : [`${k}:${n}`]));
        return `${t} h[${cells.join(' ')}] sum ${buckets!.reduce((a, b) => a + b, 0) * 1.5}`;
      }),
  ],
])('%s: seen at once, from files, after a restart', async (_, batches, options, wanted) => {
  for (const texts of await everyWay(batches, options)) expect(texts).toEqual({ [NAME]: wanted });
});

const T = 100 * HOUR;

test.each<[string, TestSample, number, number]>([
  ['in order', f(T + 1), 0, 0],
  ['the same again', f(T, T), 0, 0],
  ['the same time, another value', f(T, 1), FAULT.duplicate, FAULT.duplicate],
  ['the same time, a histogram', h(T, 1), FAULT.duplicate, FAULT.duplicate],
  ['older', f(T - 1), FAULT.out_of_order, 0],
  ['older, a histogram', h(T - 1, 1), FAULT.out_of_order, 0],
  ['older than half a chunk range', f(T - HOUR - 1), FAULT.too_old, 0],
  ['at the end of the window', f(T - 2 * HOUR), FAULT.too_old, 0],
  ['beyond the window', f(T - 2 * HOUR - 1), FAULT.too_old, FAULT.too_old],
  [
    'a histogram that contradicts itself',
    { ...h(T + 1, 1, 2), bounds: [1, 1] },
    FAULT.bad_histogram,
    FAULT.bad_histogram,
  ],
])('judging %s, without and with a window', async (_, sample, without, within) => {
  for (const [outOfOrderWindow_ms, wanted] of [
    [0, without],
    [2 * HOUR, within],
  ] as const) {
    const head = openMemoryHead(simWorld(1).env, { outOfOrderWindow_ms, appendWindow_ms: HOUR });
    await put(head, M, [f(T, T)]);
    const { faults } = await put(head, M, [sample]);
    expect(faults[0] ?? 0).toBe(wanted);
  }
});

test('out of order: the same again is taken silently, another value is not', async () => {
  const head = openMemoryHead(simWorld(1).env, { outOfOrderWindow_ms: HOUR });
  await put(head, M, [f(1000)]);
  expect([...(await put(head, M, [f(500, 1), f(500, 1), f(500, 2)])).faults]).toEqual([
    0,
    0,
    FAULT.duplicate,
  ]);
  await put(head, M, [h(600, 1)]);
  expect([...(await put(head, M, [h(600, 1), h(600, 2)])).faults]).toEqual([0, FAULT.duplicate]);
  expect(await readAll(head)).toEqual({ [NAME]: ['500 1', '600 h[0:1] sum 1.5', '1000 1000'] });
});

test('an empty head begins at its first sample', async () => {
  const head = openMemoryHead(simWorld(1).env, { appendWindow_ms: HOUR });
  expect([...(await put(head, M, [f(T), f(T - HOUR - 1)])).faults]).toEqual([0, FAULT.too_old]);
  const other = openMemoryHead(simWorld(1).env, { appendWindow_ms: HOUR, minValid: T });
  expect([...(await put(other, M, [f(T - 1), f(T)])).faults]).toEqual([FAULT.too_old, 0]);
});

test('the settings change while it runs', async () => {
  const world = simWorld(1);
  const head = await open(world);
  await put(head, M, [f(1000)]);
  expect((await put(head, M, [f(500)])).faults[0]).toBe(FAULT.out_of_order);
  head.configure({ outOfOrderWindow_ms: HOUR, xor2: true, maxSeries: 1 });
  expect((await put(head, M, [f(500), { t: 2000, v: 1, st: 9 }])).accepted).toBe(2);
  expect((await put(head, { __name__: 'n' }, [f(2000)])).refused[FAULT.limit]).toBe(1);
  head.configure({ xor2: false });
  await put(head, M, [{ t: 3000, v: 1, st: 9 }]);
  const wanted = { [NAME]: ['500 500', '1000 1000', '2000 1 from 9', '3000 1'] };
  expect(await readAll(head, world.env.files)).toEqual(wanted);
  await world.run(head.close());
  expect(await readAll(await open(world, { xor2: true }), world.env.files)).toEqual(wanted);
});
