import { labelsFromObject, printLabels, setStale, type Labels } from '@munjigi/model';
import { describe, expect, test } from 'vitest';
import { execute } from './execute.ts';
import { BUDGET, fragmentRange, newBudget, type Fragment, type FragmentPartial } from './fragment.ts';
import { mergePartials } from './merge.ts';
import { parse } from './parse.ts';
import { plan, type PlanOptions } from './plan.ts';
import type { QueryError } from './query-error.ts';
import { eachPoint, type Result } from './result.ts';
import { runFragment } from './run-fragment.ts';
import { MemoryStore, queryOnce } from './memory-store.ts';
import { runScript } from './scripts/run.ts';

/** A result as text: one line a series. */
function show(r: Result): string[] {
  if (r.type === 'scalar' || r.type === 'string') return [String(r.value)];
  if (r.type === 'vector') return r.labels.map((l, i) => `${printLabels(l)} ${r.values[i]}`);
  return r.labels.map((l, i) => {
    const points: string[] = [];
    eachPoint(r, i, (t, v) => points.push(`${v}@${t / 1000}`));
    return `${printLabels(l)} ${points.join(' ')}`;
  });
}

function series(
  store: MemoryStore,
  labels: Record<string, string>,
  step_ms: number,
  values: readonly number[],
): void {
  store.add(
    labelsFromObject(labels),
    values.map((_, i) => i * step_ms),
    Float64Array.from(values),
  );
}

function shop(): MemoryStore {
  const store = new MemoryStore();
  ['a', 'b'].forEach((job, j) => {
    ['0', '1'].forEach((instance, i) => {
      const values = Array.from({ length: 61 }, (_, k) => (k < 30 ? k * 10 * (j + 1) : (k - 30) * (i + 1)));
      series(store, { __name__: 'requests_total', job, instance }, 15_000, values);
    });
  });
  series(store, { __name__: 'info', instance: '0', owner: 'x' }, 60_000, Array(16).fill(1));
  series(store, { __name__: 'info', instance: '1', owner: 'y' }, 60_000, Array(16).fill(1));
  return store;
}

const AT: PlanOptions = { start_ms: 300_000, end_ms: 300_000, step_ms: 0 };
const OVER: PlanOptions = { start_ms: 300_000, end_ms: 600_000, step_ms: 60_000 };

test.each([
  ['requests_total{job="a",instance="0"}', ['requests_total{instance="0", job="a"} 200']],
  ['sum by (job) (requests_total)', ['{job="a"} 400', '{job="b"} 800']],
  ['sum without (instance) (requests_total)', ['{job="a"} 400', '{job="b"} 800']],
  ['count(requests_total)', ['{} 4']],
  ['avg(requests_total)', ['{} 300']],
  ['sum(rate(requests_total[1m]))', ['{} 4']],
  ['increase(requests_total{job="b",instance="1"}[2m])', ['{instance="1", job="b"} 160']],
  ['topk(1, requests_total)', ['requests_total{instance="0", job="b"} 400']],
  [
    'bottomk by (job) (1, requests_total)',
    ['requests_total{instance="0", job="a"} 200', 'requests_total{instance="0", job="b"} 400'],
  ],
  ['quantile(0.5, requests_total)', ['{} 300']],
  ['stddev(requests_total)', ['{} 100']],
  ['count_values("v", requests_total)', ['{v="200"} 2', '{v="400"} 2']],
  ['sort_desc(sum by (job) (requests_total))', ['{job="b"} 800', '{job="a"} 400']],
  [
    'requests_total * on (instance) group_left (owner) info',
    [
      '{instance="0", job="a", owner="x"} 200',
      '{instance="0", job="b", owner="x"} 400',
      '{instance="1", job="a", owner="y"} 200',
      '{instance="1", job="b", owner="y"} 400',
    ],
  ],
  ['requests_total > 300 and on (instance) info{owner="y"}', ['requests_total{instance="1", job="b"} 400']],
  ['absent(nothing{a="b",c=~"d"})', ['{a="b"} 1']],
  ['absent(info)', []],
  [
    'label_replace(info{owner="x"}, "who", "$1-$1", "owner", "(.*)")',
    ['info{instance="0", owner="x", who="x-x"} 1'],
  ],
  ['max_over_time(sum(requests_total)[2m:30s])', ['{} 1200']],
  ['requests_total{job="a",instance="0"} offset 1m', ['requests_total{instance="0", job="a"} 160']],
  ['requests_total{job="a",instance="0"} @ 60', ['requests_total{instance="0", job="a"} 40']],
  ['scalar(info{owner="x"}) + 1', ['2']],
  ['time()', ['300']],
  ['"text"', ['text']],
  ['vector(1) + vector(2)', ['{} 3']],
  ['info{owner="x"}[2m]', ['info{instance="0", owner="x"} 1@240 1@300']],
  ['timestamp(info{owner="x"})', ['{instance="0", owner="x"} 300']],
])('instant: %s', async (text, lines) => {
  const got = show(await queryOnce(shop(), text, AT));
  expect(text.startsWith('sort') ? got : got.sort()).toEqual(lines);
});

test.each([
  ['sum by (job) (rate(requests_total[2m]))', 2],
  ['sum(requests_total) / count(requests_total)', 1],
  ['sum(requests_total @ 300)', 1],
  ['predict_linear(requests_total{job="a"}[5m] @ 400, 60)', 2],
  ['topk(1, requests_total)', 2],
  ['quantile_over_time(scalar(info{owner="x"}), requests_total[3m])', 4],
  ['day_of_week()', 1],
])('range: every step of %s is what an instant query gives', async (text, rows) => {
  const store = shop();
  const range = await queryOnce(store, text, OVER);
  expect(range.type === 'matrix' && range.labels.length).toBe(rows);
  const byTime = new Map<number, string[]>();
  if (range.type === 'matrix')
    range.labels.forEach((l, i) =>
      eachPoint(range, i, (t, v) => byTime.set(t, [...(byTime.get(t) ?? []), `${printLabels(l)} ${v}`])),
    );
  for (let t = OVER.start_ms; t <= OVER.end_ms; t += OVER.step_ms) {
    const single = await queryOnce(store, text, { start_ms: t, end_ms: t, step_ms: 0 });
    expect([...(byTime.get(t) ?? [])].sort()).toEqual(show(single).sort());
  }
});

describe('staleness', () => {
  const values = Float64Array.of(1, 0, 3);
  setStale(new Uint32Array(values.buffer), 1);
  const store = new MemoryStore();
  store.add(labelsFromObject({ __name__: 'x' }), [0, 60_000, 120_000], values);

  test.each([
    ['x', 60_000, []],
    ['x', 59_999, ['x 1']],
    ['x', 120_000, ['x 3']],
    ['count_over_time(x[5m])', 120_000, ['{} 2']],
    ['last_over_time(x[1m30s])', 61_000, ['x 1']],
  ])('%s at %d', async (text, t, lines) => {
    expect(show(await queryOnce(store, text, { start_ms: t, end_ms: t, step_ms: 0 }))).toEqual(lines);
  });

  test('an ordinary NaN is a value', async () => {
    const nan = new MemoryStore();
    series(nan, { __name__: 'x' }, 1000, [NaN]);
    expect(show(await queryOnce(nan, 'x', { start_ms: 0, end_ms: 0, step_ms: 0 }))).toEqual(['x NaN']);
  });
});

test('windows are open on the left', async () => {
  const store = new MemoryStore();
  series(store, { __name__: 'x' }, 60_000, [1, 2, 3]);
  const at = { start_ms: 120_000, end_ms: 120_000, step_ms: 0 };
  expect(show(await queryOnce(store, 'count_over_time(x[2m])', at))).toEqual(['{} 2']);
  expect(show(await queryOnce(store, 'x', { start_ms: 420_000, end_ms: 420_000, step_ms: 0 }))).toEqual([]);
  expect(show(await queryOnce(store, 'x', { start_ms: 419_999, end_ms: 419_999, step_ms: 0 }))).toEqual([
    'x 3',
  ]);
});

describe('what cannot be answered', () => {
  test.each([
    [
      'info * on () info',
      'execution',
      'found duplicate series for the match group {} on the right hand-side of the operation: ' +
        '[{__name__="info", instance="0", owner="x"}, {__name__="info", instance="1", owner="y"}];' +
        'many-to-many matching not allowed: matching labels must be unique on one side',
    ],
    [
      'requests_total * on (instance) info',
      'execution',
      'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
    ],
    [
      'rate({__name__=~"info|also"}[5m])',
      'execution',
      'vector cannot contain metrics with the same labelset',
    ],
    [
      'sum(rate({__name__=~"info|also"}[5m]))',
      'execution',
      'vector cannot contain metrics with the same labelset',
    ],
    ['label_replace(info, "instance", "z", "owner", ".*")', '', ''],
    ['1 </ 2', 'execution', 'operator "</" not allowed for Scalar operations'],
    ['info >/ (time() </ 2)', 'execution', 'operator "</" not allowed for Scalar operations'],
    [
      'label_replace(info, "owner", "z", "owner", "(")',
      'execution',
      'invalid regular expression in label_replace(): (',
    ],
    ['topk(scalar(nothing), info)', 'execution', 'Parameter value is NaN'],
    [
      'resets(info[5m] smoothed)',
      'execution',
      'smoothed modifier can only be used with: delta, increase, rate - not with resets',
    ],
    ['info[step()]', 'execution', '5:11: duration must be greater than 0'],
  ])('%s', async (text, kind, message) => {
    const store = shop();
    series(store, { __name__: 'also', instance: '0', owner: 'x' }, 60_000, Array(16).fill(1));
    const failed = await queryOnce(store, text, AT).then(
      () => ({ kind: '', message: '' }),
      (error: unknown) => error as QueryError,
    );
    expect([failed.kind, failed.message]).toEqual([kind, message]);
  });

  test('a range query of a range vector', async () => {
    await expect(queryOnce(shop(), 'info[5m]', OVER)).rejects.toThrow(
      'invalid expression type "range vector" for range query, must be Scalar or instant Vector',
    );
  });
});

describe('budget', () => {
  test('a limit of samples', async () => {
    const budget = newBudget({ maxSamples: 10, maxBytes: 0 });
    await expect(queryOnce(shop(), 'rate(requests_total[5m])', { ...OVER, budget })).rejects.toThrow(
      'too many samples',
    );
  });
  test('a limit of bytes', async () => {
    const budget = newBudget({ maxSamples: 0, maxBytes: 100 });
    await expect(queryOnce(shop(), 'requests_total', { ...OVER, budget })).rejects.toThrow(
      'query needs 2048 bytes of memory and may hold 100 (query.max_memory)',
    );
  });
  test('cancelling', async () => {
    const budget = newBudget();
    budget.state[BUDGET.cancelled] = 1;
    await expect(queryOnce(shop(), 'requests_total', { ...OVER, budget })).rejects.toMatchObject({
      kind: 'cancelled',
    });
  });
  test('what intermediate tables took is given back', async () => {
    const budget = newBudget();
    await queryOnce(shop(), 'abs(requests_total + 0) - abs(requests_total)', { ...OVER, budget });
    const held = budget.state[BUDGET.samples]!;
    const single = newBudget();
    await queryOnce(shop(), 'requests_total + 0', { ...OVER, budget: single });
    expect(held).toBeLessThanOrEqual(2 * single.state[BUDGET.samples]!);
  });
});

describe('parts', () => {
  const queries = [
    'sum by (job) (rate(requests_total[2m]))',
    'avg without (instance) (requests_total)',
    'max(requests_total)',
    'min by (job) (requests_total)',
    'count(requests_total)',
    'group(requests_total)',
    'requests_total',
  ];
  test.each(queries)('%s gives the same when its series are split', async (text) => {
    const store = shop();
    const parsed = parse(text);
    if ('errors' in parsed) throw new Error(parsed.errors[0]!.message);
    const budget = newBudget();
    const querier = store.querier();
    let fragments = 0;
    const run = async (f: Fragment): Promise<FragmentPartial> => {
      fragments++;
      const { mint, maxt } = fragmentRange(f);
      const s = await querier.select(mint, maxt, f.matchers);
      const parts: FragmentPartial[] = [];
      for (let i = 0; i < s.count; i++)
        parts.push(await runFragment(f, s, store.reader(), budget, { from: i, to: i + 1 }));
      return mergePartials(f, parts);
    };
    const split = await execute(plan(parsed.expr, OVER), { run, budget });
    expect(fragments).toBe(1);
    expect(show(split)).toEqual(show(await queryOnce(store, text, OVER)));
  });
});

test('equal selectors run once, constants are folded', () => {
  const parsed = parse('sum(rate(x_total[5m])) / (2 * 3) + sum(rate(x_total[5m])) + y');
  if ('errors' in parsed) throw new Error(parsed.errors[0]!.message);
  const p = plan(parsed.expr, OVER);
  expect(p.fragments.map((f) => `${f.func}:${f.aggregate?.op ?? ''}`)).toEqual(['rate:sum', 'last:']);
  expect(JSON.stringify(p.root)).toContain('"value":6');
});

test('fragments ask for exactly the samples they need', () => {
  const parsed = parse('rate(x_total[5m] offset 1m)');
  if ('errors' in parsed) throw new Error(parsed.errors[0]!.message);
  expect(fragmentRange(plan(parsed.expr, OVER).fragments[0]!)).toEqual({ mint: -59_999, maxt: 540_000 });
});

test('a metric whose name is no counter gets a hint with its place', async () => {
  const { annotations } = await queryOnce(shop(), 'sum(rate(info[5m]))', AT);
  expect(annotations).toEqual([
    {
      severity: 'info',
      message:
        'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "info" (1:10)',
    },
  ]);
});

test('classic histograms', async () => {
  const result = await runScript(`
load 5m
  h_bucket{le="0.1"} 0+10x10
  h_bucket{le="1"} 0+20x10
  h_bucket{le="+Inf"} 0+30x10
  bad_bucket{le="x"} 1x10
  falling_bucket{le="1"} 20x10
  falling_bucket{le="2"} 10x10
  falling_bucket{le="+Inf"} 30x10

eval instant at 50m histogram_quantile(0.5, rate(h_bucket[10m]))
  {} 0.55

eval instant at 50m histogram_quantile(1.5, h_bucket)
  expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:20)
  {} Inf

eval instant at 50m histogram_fraction(0, 1, h_bucket)
  {} 0.6666666666666666

eval instant at 50m histogram_quantile(0.5, bad_bucket)
  expect warn

eval instant at 50m histogram_quantile(0.9, falling_bucket)
  expect info
  {} 2

eval range from 0 to 10m step 5m histogram_quantile(0.9, sum by (le) (h_bucket))
  {} NaN 1 1
`);
  expect(result).toEqual({ passed: 6, failures: [], problems: [] });
});

test('names: dropped at once by default, at the end with delayed removal', async () => {
  const text = 'label_replace(rate(requests_total{job="a"}[5m]), "name", "$1", "__name__", "(.+)")';
  const names = async (delayedNameRemoval: boolean): Promise<readonly Labels[]> => {
    const r = await queryOnce(shop(), text, { ...AT, delayedNameRemoval });
    return r.type === 'vector' ? r.labels : [];
  };
  expect((await names(false)).map(printLabels)).toEqual([
    '{instance="0", job="a"}',
    '{instance="1", job="a"}',
  ]);
  expect((await names(true)).map(printLabels)[0]).toBe('{instance="0", job="a", name="requests_total"}');
});
