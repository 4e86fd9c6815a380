import { RESET_HINT } from '@munjigi/model';
import { expect, test } from 'vitest';
import { compact, equalHistograms, type Histogram } from './histogram.ts';
import { testHistogram } from './print.ts';
import { HistogramSum } from './sum.ts';
import { literal } from './testing.ts';

interface Row {
  readonly name: string;
  readonly given: readonly string[];
  readonly sum?: string;
  readonly mean?: string;
}

const ROWS: readonly Row[] = [
  {
    name: 'one alone',
    given: ['{{count:3 sum:1 buckets:[3]}}'],
    sum: '{{count:3 sum:1 buckets:[3]}}',
    mean: '{{count:3 sum:1 buckets:[3]}}',
  },
  {
    name: 'the same layout',
    given: [
      '{{count:3 sum:1 buckets:[3]}}',
      '{{count:1 sum:1 buckets:[1]}}',
      '{{count:5 sum:4 buckets:[5]}}',
    ],
    sum: '{{count:9 sum:6 buckets:[9]}}',
    mean: '{{count:3 sum:2 buckets:[3]}}',
  },
  {
    name: 'other layouts and schemas',
    given: ['{{schema:1 count:2 buckets:[1 1]}}', '{{count:4 offset:1 buckets:[4] n_buckets:[2]}}'],
    sum: '{{count:6 buckets:[1 5] n_buckets:[2]}}',
    mean: '{{count:3 buckets:[0.5 2.5] n_buckets:[1]}}',
  },
  {
    name: 'zero buckets of other widths',
    given: ['{{z_bucket:1 z_bucket_w:0.1 count:3 buckets:[1 1]}}', '{{z_bucket:3 z_bucket_w:1 count:3}}'],
    sum: '{{z_bucket:5 z_bucket_w:1 count:6 offset:1 buckets:[1]}}',
    mean: '{{z_bucket:2.5 z_bucket_w:1 count:3 offset:1 buckets:[0.5]}}',
  },
  {
    name: 'small numbers between large ones are not lost',
    given: [
      '{{count:1e100 sum:1e100 buckets:[1e100]}}',
      '{{count:1 sum:1 buckets:[1]}}',
      '{{count:-1e100 sum:-1e100 buckets:[-1e100]}}',
    ],
    sum: '{{count:1 sum:1 buckets:[1]}}',
  },
  {
    name: 'small numbers in buckets that merge',
    given: [
      '{{count:1 buckets:[1]}}',
      '{{schema:1 count:1 offset:-1 buckets:[1e100 1]}}',
      '{{count:1 buckets:[-1e100]}}',
    ],
    sum: '{{count:3 buckets:[2]}}',
  },
  {
    name: 'a mean whose sum would overflow',
    given: ['{{count:1e308 sum:1 buckets:[1e308]}}', '{{count:1e308 sum:3 buckets:[1e308]}}'],
    mean: '{{count:1e308 sum:2 buckets:[1e308]}}',
    sum: '{{count:Inf sum:4 buckets:[Inf]}}',
  },
];

test.each(ROWS)('$name', ({ given, sum, mean }) => {
  const sums = new HistogramSum();
  const means = new HistogramSum();
  for (const h of given.map(literal)) {
    sums.add(h);
    means.addToMean(h);
  }
  expect(sums.n).toBe(given.length);
  for (const [wanted, got] of [
    [sum, sums.sum()],
    [mean, means.mean()],
  ] as const) {
    if (wanted === undefined) continue;
    if ('error' in got) throw new Error(got.error);
    expect(testHistogram(compact(got))).toBe(testHistogram(literal(wanted)));
  }
});

test('what it was given stays as it was, and it can be used again', () => {
  const a = literal('{{count:1 buckets:[1]}}');
  const s = new HistogramSum();
  for (let i = 0; i < 3; i++) {
    s.clear();
    s.add(a);
    s.add(a);
    expect((s.sum() as Histogram).count).toBe(2);
    s.add(a);
    expect((s.sum() as Histogram).count).toBe(3);
  }
  expect(equalHistograms(a, literal('{{count:1 buckets:[1]}}'))).toBe(true);
});

const CUSTOM = '{{schema:-53 custom_values:[1 2] count:1 buckets:[1]}}';

test.each<[string, readonly string[], Partial<HistogramSum>, number | null]>([
  [
    'bounds differ',
    [CUSTOM, CUSTOM.replace('1 2', '2')],
    { boundsReconciled: true, incompatible: false },
    RESET_HINT.unknown,
  ],
  ['bounds are the same', [CUSTOM, CUSTOM], { boundsReconciled: false }, RESET_HINT.unknown],
  ['custom and exponential', [CUSTOM, '{{}}', CUSTOM], { incompatible: true }, null],
  [
    'hints contradict',
    ['{{counter_reset_hint:reset}}', '{{counter_reset_hint:not_reset}}'],
    { resetCollision: true },
    RESET_HINT.unknown,
  ],
  [
    'hints agree',
    ['{{counter_reset_hint:reset}}', '{{counter_reset_hint:reset}}'],
    { resetCollision: false },
    RESET_HINT.reset,
  ],
  [
    'a gauge',
    ['{{counter_reset_hint:reset}}', '{{counter_reset_hint:gauge}}'],
    { resetCollision: false },
    RESET_HINT.gauge,
  ],
])('flags: %s', (_, given, flags, hint) => {
  for (const mean of [false, true]) {
    const s = new HistogramSum();
    for (const h of given.map(literal)) {
      if (mean) s.addToMean(h);
      else s.add(h);
    }
    expect(s).toMatchObject(flags);
    const result = mean ? s.mean() : s.sum();
    if ('error' in result) expect(hint).toBeNull();
    else expect(result.resetHint).toBe(hint);
  }
});
