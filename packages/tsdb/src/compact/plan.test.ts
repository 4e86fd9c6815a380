import { simWorld } from '@munjigi/env/sim';
import { encodeText } from '../testing/metas.ts';
import { expect, test } from 'vitest';
import { meta, ulidOf, type MetaRow } from '../testing/metas.ts';
import { HINT, blockRanges, mergedMeta, planCompaction, splitByRange } from './plan.ts';
import { pendingUpload } from './upload.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

test.each([
  ['for ever: up to 31 days', 0, [2, 6, 18, 54, 162, 486]],
  ['15 days: up to 36 hours', 15 * DAY_MS, [2, 6, 18]],
  ['a year: 31 days are less than 36.5', 365 * DAY_MS, [2, 6, 18, 54, 162, 486]],
  ['an hour: the head cuts as it cuts', HOUR_MS, [2]],
])('ranges, kept %s', (_, retention_ms, hours) => {
  expect(blockRanges(2 * HOUR_MS, retention_ms)).toEqual(hours.map((h) => h * HOUR_MS));
});

const RANGES = [20, 60, 180, 540, 1620];

// [mint, maxt, more?]: block i has ulid i. The expected plan is a list of those numbers.
const PLANS: readonly (readonly [name: string, blocks: readonly MetaRow[], plan: readonly number[]])[] = [
  ['nothing is there', [], []],
  ['one block', [[0, 20]], []],
  [
    'the newest stays out, a part is not full',
    [
      [0, 20],
      [20, 40],
      [40, 60],
    ],
    [],
  ],
  [
    'full, and a newer block is there',
    [
      [0, 20],
      [20, 40],
      [40, 60],
      [60, 80],
    ],
    [0, 1, 2],
  ],
  [
    'not full, but it will not fill any more',
    [
      [0, 20],
      [20, 40],
      [60, 80],
      [80, 100],
    ],
    [0, 1],
  ],
  [
    'a gap in the middle of a full range',
    [
      [0, 20],
      [40, 60],
      [60, 80],
    ],
    [0, 1],
  ],
  [
    'alone in its range',
    [
      [0, 20],
      [60, 80],
      [80, 100],
    ],
    [],
  ],
  [
    'the smaller range first',
    [
      [0, 60],
      [60, 120],
      [120, 180],
      [180, 200],
      [200, 220],
      [220, 240],
      [240, 260],
    ],
    [3, 4, 5],
  ],
  [
    'a bigger range',
    [
      [0, 60],
      [60, 120],
      [120, 180],
      [180, 200],
    ],
    [0, 1, 2],
  ],
  [
    'times before 1970',
    [
      [-60, -40],
      [-40, -20],
      [-20, 0],
      [0, 20],
    ],
    [0, 1, 2],
  ],
  [
    'a block across a border belongs to no range',
    [
      [0, 20],
      [20, 40],
      [40, 70],
      [80, 100],
    ],
    [0, 1],
  ],
  [
    'in any order of ulids',
    [
      [60, 80],
      [40, 60],
      [0, 20],
      [20, 40],
    ],
    [2, 3, 1],
  ],
  [
    'a failed block keeps its range out',
    [
      [0, 20, { failed: true }],
      [20, 40],
      [40, 60],
      [60, 80],
    ],
    [],
  ],
  [
    'another range goes on',
    [
      [0, 20, { failed: true }],
      [20, 40],
      [60, 80],
      [80, 100],
      [120, 140],
      [180, 200],
    ],
    [2, 3],
  ],
  [
    'overlap first, even with the newest',
    [
      [0, 20],
      [20, 40],
      [40, 60],
      [50, 70],
    ],
    [2, 3],
  ],
  [
    'a chain of overlaps',
    [
      [0, 20],
      [19, 40],
      [39, 60],
      [60, 80],
    ],
    [0, 1, 2],
  ],
  [
    'one inside of another',
    [
      [0, 100],
      [10, 20],
      [30, 40],
      [100, 120],
    ],
    [0, 1, 2],
  ],
  [
    'equal ranges',
    [
      [0, 20],
      [0, 20],
    ],
    [0, 1],
  ],
  [
    'two overlaps: the older one',
    [
      [0, 20],
      [10, 30],
      [40, 60],
      [50, 70],
    ],
    [0, 1],
  ],
  [
    'an overlap that failed is passed over',
    [
      [0, 20, { failed: true }],
      [10, 30],
      [40, 60],
      [50, 70],
    ],
    [2, 3],
  ],
  [
    'out-of-order blocks are merged with the rest',
    [
      [0, 20],
      [0, 20, { hints: [HINT.outOfOrder] }],
      [20, 40],
    ],
    [0, 1],
  ],
  [
    'stale-series blocks only with each other',
    [
      [0, 20],
      [0, 20, { hints: [HINT.staleSeries] }],
      [20, 40],
    ],
    [],
  ],
  [
    'stale-series blocks that overlap',
    [
      [0, 20],
      [0, 20, { hints: [HINT.staleSeries] }],
      [10, 30, { hints: [HINT.staleSeries] }],
    ],
    [1, 2],
  ],
  [
    'whole blocks before parts',
    [
      [0, 20],
      [10, 30],
      [0, 20, { hints: [HINT.selectedSeries] }],
      [10, 30, { hints: [HINT.selectedSeries] }],
    ],
    [0, 1],
  ],
  [
    'tombstones: more than 5 % of a big block',
    [
      [0, 180, { series: 100, tombstones: 6 }],
      [180, 200],
    ],
    [0],
  ],
  [
    'tombstones: 5 % are not enough',
    [
      [0, 180, { series: 100, tombstones: 5 }],
      [180, 200],
    ],
    [],
  ],
  [
    'tombstones: not in a small block',
    [
      [0, 20, { series: 100, tombstones: 50 }],
      [20, 40],
    ],
    [],
  ],
  [
    'tombstones: all of a small block',
    [
      [0, 20, { series: 100, tombstones: 100 }],
      [20, 40],
    ],
    [0],
  ],
  [
    'tombstones: never in the newest',
    [
      [0, 20],
      [20, 40, { series: 1, tombstones: 1 }],
    ],
    [],
  ],
  [
    'tombstones: the newest of the big ones',
    [
      [0, 180, { series: 10, tombstones: 9 }],
      [180, 360, { series: 10, tombstones: 9 }],
      [360, 380],
    ],
    [1],
  ],
  [
    'tombstones: a small block hides older ones',
    [
      [0, 180, { series: 10, tombstones: 9 }],
      [180, 200],
      [200, 220],
    ],
    [],
  ],
];

test.each(PLANS)('plan: %s', (_, rows, plan) => {
  const metas = rows.map((row, i) => meta(i, row));
  expect(planCompaction(metas, { ranges_ms: RANGES })).toEqual(plan.map(ulidOf));
});

test('a single range merges nothing', () => {
  const metas = [meta(0, [0, 20]), meta(1, [20, 40]), meta(2, [40, 60]), meta(3, [60, 80])];
  expect(planCompaction(metas, { ranges_ms: [20] })).toEqual([]);
});

test('ranges are split at their multiples', () => {
  const rows: MetaRow[] = [
    [0, 10],
    [10, 20],
    [50, 60],
    [90, 100],
  ];
  const metas = rows.map((row, i) => meta(i, row));
  expect(splitByRange(metas, 30).map((part) => part.map((m) => m.minTime))).toEqual([[0, 10], [50], [90]]);
});

const MERGES: readonly (readonly [
  name: string,
  parents: readonly MetaRow[],
  level: number,
  hints: string[] | undefined,
])[] = [
  [
    'levels',
    [
      [0, 20, { level: 1 }],
      [20, 60, { level: 3 }],
    ],
    4,
    undefined,
  ],
  [
    'all out of order',
    [
      [0, 20, { hints: [HINT.outOfOrder] }],
      [20, 60, { hints: [HINT.outOfOrder] }],
    ],
    2,
    [HINT.outOfOrder],
  ],
  [
    'some out of order',
    [
      [0, 20, { hints: [HINT.outOfOrder] }],
      [20, 60],
    ],
    2,
    undefined,
  ],
  [
    'any stale',
    [
      [0, 20, { hints: [HINT.staleSeries] }],
      [20, 60],
    ],
    2,
    [HINT.staleSeries],
  ],
];

test.each(MERGES)('the meta of a merged block: %s', (_, rows, level, hints) => {
  const merged = mergedMeta(
    ulidOf(9),
    rows.map((row, i) => meta(i, row)),
  );
  expect(merged).toEqual({
    ulid: ulidOf(9),
    minTime: 0,
    maxTime: 60,
    compaction: {
      level,
      sources: [ulidOf(0), ulidOf(1)],
      parents: [
        { ulid: ulidOf(0), minTime: 0, maxTime: 20 },
        { ulid: ulidOf(1), minTime: 20, maxTime: 60 },
      ],
      ...(hints === undefined ? {} : { hints }),
    },
  });
});

// The file's text (null: no file), and which of the blocks 0 (level 1), 1 (level 1), 2 (level 2) wait.
const UPLOADS: readonly (readonly [name: string, text: string | null, waiting: readonly number[]])[] = [
  ['no file holds nothing back', null, []],
  ['no JSON neither', '{"uploaded":', []],
  ['nothing uploaded yet', '{"version":1,"uploaded":null}', [0, 1]],
  ['one uploaded', `{"version":1,"uploaded":["${ulidOf(1)}"]}`, [0]],
  ['no list', '{"uploaded":"all"}', []],
  ['no object', 'null', [0, 1]],
];

test.each(UPLOADS)('uploads: %s', (_, text, waiting) => {
  const { env, disk } = simWorld(1);
  if (text !== null) disk.put('/shipper.json', encodeText(text));
  const waits = pendingUpload(env.files, '/shipper.json', env.log);
  const metas = [meta(0, [0, 20]), meta(1, [20, 40]), meta(2, [40, 60, { level: 2 }])];
  expect(metas.filter(waits).map((m) => m.ulid)).toEqual(waiting.map(ulidOf));
});

test('behind a block that waits nothing is merged', () => {
  const rows: MetaRow[] = [
    [0, 20],
    [20, 40],
    [40, 60],
    [60, 80],
  ];
  const metas = rows.map((row, i) => meta(i, row));
  const plan = (first: number): string[] =>
    planCompaction(metas, { ranges_ms: RANGES, excluded: (m) => m.ulid >= ulidOf(first) });
  expect([plan(0), plan(3), plan(4)]).toEqual([[], [], [0, 1, 2].map(ulidOf)]);
});
