import { labelsFromObject } from '@munjigi/model';
import { expect, test } from 'vitest';
import { execute } from './execute.ts';
import { explainPlan, printExplained } from './explain.ts';
import { fragmentRange, newBudget } from './fragment.ts';
import { parse } from './parse.ts';
import { plan, type Plan } from './plan.ts';
import type { PlanNode } from './plan-node.ts';
import { runFragment } from './run-fragment.ts';
import { MemoryStore } from './memory/store.ts';

const INSTANT = { start_ms: 600_000, end_ms: 600_000, step_ms: 0 };
const RANGE = { start_ms: 600_000, end_ms: 720_000, step_ms: 60_000 };

function planOf(text: string, times: typeof INSTANT): Plan {
  const parsed = parse(text);
  if ('errors' in parsed) throw new Error(text);
  return plan(parsed.expr, { ...times, text });
}

test.each<[text: string, times: typeof INSTANT, lines: readonly string[]]>([
  ['1 + 2', INSTANT, ['3  [1:1]']],
  ['"a"', INSTANT, ['"a"  [1:1]']],
  [
    'up{job!="a"} offset 1m',
    RANGE,
    [
      'newest sample of the last 5m  [1:1]',
      '    at        3 times, every 1m from 1970-01-01T00:10:00Z to 1970-01-01T00:12:00Z',
      '    selector  up{job!="a"}',
      '    windows   (t - 5m, t] with t at 3 times, every 1m from 1970-01-01T00:09:00Z to 1970-01-01T00:11:00Z',
      '    reads     1970-01-01T00:04:00.001Z to 1970-01-01T00:11:00Z',
    ],
  ],
  [
    'sum by (a, b) (rate({"x y"}[5m])) / on (a) group_left (c) max without (d) (y @ 60)',
    RANGE,
    [
      '/  [1:1]',
      '│   at    3 times, every 1m from 1970-01-01T00:10:00Z to 1970-01-01T00:12:00Z',
      '│   join  many-to-one, on (a), labels (c) of the one',
      '├─ left: sum by (a, b) of each rate of the last 5m  [1:1]',
      '│      selector  {__name__="x y"}',
      '│      windows   (t - 5m, t]',
      '│      reads     1970-01-01T00:05:00.001Z to 1970-01-01T00:12:00Z',
      '└─ right: the same at all times: computed once  [1:59]',
      '   └─ of: max without (d) of each newest sample of the last 5m  [1:59]',
      '          selector  y',
      '          windows   (1969-12-31T23:56:00Z, 1970-01-01T00:01:00Z]',
      '          reads     1969-12-31T23:56:00.001Z to 1970-01-01T00:01:00Z',
    ],
  ],
  [
    'topk(2, -max_over_time(x[2m:1m])) > bool 1',
    INSTANT,
    [
      '> bool  [1:1]',
      '│   at    1970-01-01T00:10:00Z',
      '│   join  each value with a number',
      '├─ left: topk  [1:1]',
      '│  ├─ parameter: 2  [1:6]',
      '│  └─ of: negated  [1:9]',
      '│     └─ of: max_over_time of the last 2m  [1:10]',
      '│        │   windows  (1970-01-01T00:08:00Z, 1970-01-01T00:10:00Z]',
      '│        │   name     dropped',
      '│        └─ over: newest sample of the last 5m  [1:24]',
      '│               at        2 times, every 1m from 1970-01-01T00:09:00Z to 1970-01-01T00:10:00Z',
      '│               selector  x',
      '│               windows   (t - 5m, t]',
      '│               reads     1970-01-01T00:04:00.001Z to 1970-01-01T00:10:00Z',
      '└─ right: 1  [1:42]',
    ],
  ],
  [
    'absent(x{a="b"}) or x{a="b"} or x{a="b"}',
    INSTANT,
    [
      'or  [1:1]',
      '│   at    1970-01-01T00:10:00Z',
      '│   join  set of series, on all labels',
      '├─ left: or  [1:1]',
      '│  │   join  set of series, on all labels',
      '│  ├─ left: 1 where there is nothing: {a="b"}  [1:1]',
      '│  │  └─ of: group of each newest sample of the last 5m  [1:8]',
      '│  │         selector  x{a="b"}',
      '│  │         windows   (1970-01-01T00:05:00Z, 1970-01-01T00:10:00Z]',
      '│  │         reads     1970-01-01T00:05:00.001Z to 1970-01-01T00:10:00Z',
      '│  │         decodes   of native histograms only count, sum and resets',
      '│  └─ right: newest sample of the last 5m  [1:21]',
      '│         selector  x{a="b"}',
      '│         windows   (1970-01-01T00:05:00Z, 1970-01-01T00:10:00Z]',
      '│         reads     1970-01-01T00:05:00.001Z to 1970-01-01T00:10:00Z',
      '└─ right: newest sample of the last 5m  [1:33]',
      '       selector  x{a="b"}',
      '       windows   (1970-01-01T00:05:00Z, 1970-01-01T00:10:00Z]',
      '       reads     1970-01-01T00:05:00.001Z to 1970-01-01T00:10:00Z',
      '       shared    read once for all places where it stands',
    ],
  ],
  [
    'rate(x[1m] anchored) * quantile_over_time(scalar(q), z[1m])',
    INSTANT,
    [
      '*  [1:1]',
      '│   at    1970-01-01T00:10:00Z',
      '│   join  one-to-one, on all labels',
      '├─ left: rate of the last 1m  [1:1]',
      '│      selector  x',
      '│      windows   (1970-01-01T00:09:00Z, 1970-01-01T00:10:00Z]',
      '│      reads     1970-01-01T00:04:00.001Z to 1970-01-01T00:10:00Z',
      '│      anchored  samples outside the window are seen as far as 5m',
      '│      name      dropped',
      '└─ right: quantile_over_time of the last 1m  [1:24]',
      '   │   selector  z',
      '   │   windows   (1970-01-01T00:09:00Z, 1970-01-01T00:10:00Z]',
      '   │   reads     1970-01-01T00:09:00.001Z to 1970-01-01T00:10:00Z',
      '   │   name      dropped',
      '   └─ argument: scalar()  [1:43]',
      '      └─ argument: newest sample of the last 5m  [1:50]',
      '             selector  q',
      '             windows   (1970-01-01T00:05:00Z, 1970-01-01T00:10:00Z]',
      '             reads     1970-01-01T00:05:00.001Z to 1970-01-01T00:10:00Z',
    ],
  ],
])('%s', (text, times, lines) => {
  const parsed = parse(text);
  if ('errors' in parsed) throw new Error(parsed.errors[0]!.message);
  expect(printExplained(explainPlan(plan(parsed.expr, { ...times, text })))).toEqual(lines);
});

test.each<[text: string, line: string]>([
  ['info(x)', '│   adds  labels of target_info, of the same instance and job, read once these are known'],
  [
    'info(x, {__name__="build_info", a=~".+"})',
    '│   adds  labels of {__name__="build_info", a=~".+"}, of the same instance and job, read once these are known',
  ],
])('%s', (text, line) => {
  const lines = printExplained(explainPlan(planOf(text, INSTANT)));
  expect(lines.slice(0, 3)).toEqual(['info()  [1:1]', '│   at    1970-01-01T00:10:00Z', line]);
});

test('more details of a node come behind its own', () => {
  const lines = printExplained(explainPlan(planOf('-x', INSTANT)), ({ node }) => [['kind', node.kind]]);
  expect(lines.filter((line) => line.includes('kind'))).toEqual([
    '│   kind  negate',
    '       kind      fragment',
  ]);
});

test('who looks on sees every node begin and end like brackets, with what it gave', async () => {
  const store = new MemoryStore();
  for (const a of ['1', '2'])
    store.add(labelsFromObject({ __name__: 'x', a }), [590_000, 650_000], Float64Array.of(1, 2));
  const planned = planOf('sum(x) + -x * 2', RANGE);
  const open: PlanNode[] = [];
  const seen: string[] = [];
  const budget = newBudget();
  const querier = store.querier();
  await execute(planned, {
    budget,
    run: async (f) => {
      const { mint, maxt } = fragmentRange(f);
      return runFragment(f, await querier.select(mint, maxt, f.matchers), store.reader(), budget);
    },
    observe: (node) => {
      open.push(node);
      return ({ rows, bytes }) => {
        expect(open.pop()).toBe(node);
        seen.push(`${node.kind} ${rows} ${bytes}`);
      };
    },
  });
  expect(open).toEqual([]);
  expect(seen).toEqual([
    'fragment 1 27',
    'fragment 2 54',
    'negate 2 54',
    'number 1 8',
    'binary 2 54',
    'binary 0 0',
  ]);
});
