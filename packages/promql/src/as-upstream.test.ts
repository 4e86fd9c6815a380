// Corners of evaluation in which Prometheus 3.16 does what nobody would guess: answers, errors and annotations are its own.
import { labelsFromObject, printLabels } from '@munjigi/model';
import { expect, test } from 'vitest';
import { MemoryStore, queryOnce } from './memory-store.ts';
import type { PlanOptions } from './plan.ts';
import { QueryError } from './query-error.ts';
import { eachPoint } from './result.ts';

/** Series, with a value a minute from time 0 on; null: none. */
const SERIES: readonly (readonly [labels: Record<string, string>, values: readonly (number | null)[]])[] = [
  // Falls at the first and at the third minute.
  [{ __name__: 'h', le: '1' }, [20, 10, 20]],
  [{ __name__: 'h', le: '2' }, [10, 20, 10]],
  [{ __name__: 'h', le: '+Inf' }, [30, 30, 30]],
  [{ __name__: 'always', le: '1' }, [20, 20, 20]],
  [{ __name__: 'always', le: '2' }, [10, 10, 10]],
  [{ __name__: 'always', le: '+Inf' }, [30, 30, 30]],
  // One bound written in two ways.
  [{ __name__: 'twice', le: '0.1' }, [1, 1, 1]],
  [{ __name__: 'twice', le: '0.10' }, [1, 1, 1]],
  [{ __name__: 'twice', le: '0.5' }, [4, 4, 4]],
  [{ __name__: 'twice', le: '+Inf' }, [10, 10, 10]],
  [{ __name__: 'x', a: 'z' }, [1, 2, 3]],
  [{ __name__: 'x' }, [5, 6, 7]],
  [{ __name__: 'y', a: 'z', b: '2' }, [1, 1, 1]],
  [{ __name__: 'y', b: '2' }, [2, 2, 2]],
  [{ __name__: 'early', a: 'z' }, [1, null, null]],
  [{ __name__: 'zero', sign: '-' }, [-0, -0, 0]],
  [{ __name__: 'zero', sign: '?' }, [0, -0, 0]],
];

function store(): MemoryStore {
  const filled = new MemoryStore();
  for (const [labels, values] of SERIES) {
    const at = values.flatMap((v, i) => (v === null ? [] : [i]));
    filled.add(
      labelsFromObject(labels),
      at.map((i) => 60_000 * i),
      Float64Array.from(at, (i) => values[i]!),
    );
  }
  return filled;
}

/** A line for each series, then annotations; or the error. */
async function answer(text: string, options: PlanOptions): Promise<string[]> {
  try {
    const r = await queryOnce(store(), text, options);
    const lines: string[] = [];
    if (r.type === 'scalar' || r.type === 'string') lines.push(String(r.value));
    else if (r.type === 'vector') r.labels.forEach((l, i) => lines.push(`${printLabels(l)} ${r.values[i]}`));
    else
      r.labels.forEach((l, i) => {
        const points: string[] = [];
        eachPoint(r, i, (t_ms, v) => points.push(`${v}@${t_ms / 60_000}`));
        lines.push(`${printLabels(l)} ${points.join(' ')}`);
      });
    return [...lines, ...r.annotations.map((a) => a.message)];
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    return [error.message];
  }
}

const AT: PlanOptions = { start_ms: 120_000, end_ms: 120_000, step_ms: 0, lookback_ms: 60_000 };
const OVER: PlanOptions = { ...AT, start_ms: 0, step_ms: 60_000 };
const FIRST_TWO: PlanOptions = { ...OVER, end_ms: 60_000 };
/** The end is no step: one step, and a range. */
const SHORT: PlanOptions = { ...OVER, start_ms: 120_000, end_ms: 150_000 };
const LATE: PlanOptions = { ...OVER, delayedNameRemoval: true };

const forced = (numbers: string, place: string): string =>
  'PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see ' +
  `https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile), from buckets 2 to 2, with a max diff of 10, over ${numbers} (${place})`;
const sorted = (place: string): string =>
  `PromQL warning: sort is ineffective for range queries since results are always ordered by labels (${place})`;
const UNIQUE = 'vector cannot contain metrics with the same labelset';

test.each<[query: string, options: PlanOptions, lines: string[]]>([
  // An annotation that is added to itself at each step.
  [
    'histogram_quantile(0.1, h)',
    FIRST_TWO,
    ['{} 0.15@0 0.3@1', forced('2 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z', '1:25')],
  ],
  [
    'histogram_quantile(0.1, h)',
    OVER,
    ['{} 0.15@0 0.3@1 0.15@2', forced('6 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:02:00Z', '1:25')],
  ],
  [
    'histogram_quantile(0.1, always)',
    FIRST_TWO,
    ['{} 0.15@0 0.15@1', forced('4 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z', '1:25')],
  ],
  [
    'histogram_quantile(0.1, always) + histogram_quantile(0.1, always)',
    FIRST_TWO,
    ['{} 0.3@0 0.3@1', forced('8 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z', '1:25')],
  ],
  [
    'histogram_quantile(scalar(histogram_quantile(0.1, always)), always)',
    FIRST_TWO,
    ['{} 0.225@0 0.225@1', forced('7 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z', '1:51')],
  ],
  // Several quantiles change the same buckets.
  [
    'histogram_quantiles(always, "q", 0.1, 0.2)',
    AT,
    [
      '{q="0.1"} 0.15',
      '{q="0.2"} 0.3',
      forced('1 samples from 1970-01-01T00:02:00Z to 1970-01-01T00:02:00Z', '1:21'),
    ],
  ],
  ['histogram_quantiles(twice, "q", 0.1, 0.1)', LATE, [UNIQUE]],
  [
    'histogram_quantiles(h, "q", time() / 120)',
    OVER,
    [
      '{q="0.0"} 0@0',
      '{q="0.5"} 1.5@1',
      '{q="1.0"} 2@2',
      forced('6 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:02:00Z', '1:21'),
    ],
  ],
  // Rows that have equal labels at different steps are one series, whose name the first one drops or keeps.
  ['early * 1 or on () x{a="z"} * 1', OVER, ['{a="z"} 1@0 2@1 3@2']],
  ['x{a="z"} <= bool 0 or x{a="z"} * 2 >= bool 9', OVER, ['{a="z"} 0@0 0@1 0@2']],
  [
    'early or on () label_replace(x{a="z"} * 1, "__name__", "early", "", "")',
    LATE,
    ['early{a="z"} 1@0 2@1 3@2'],
  ],
  ['abs(early) or on () label_replace(x{a="z"}, "__name__", "early", "", "")', LATE, ['{a="z"} 1@0 2@1 3@2']],
  // What a parameter does with its rows is not seen outside.
  ['clamp_max(x{a="z"}, scalar(limit_ratio(1, nosuch)))', AT, ['{a="z"} NaN']],
  // Rows stay in the order that sort made.
  ['sort(x) * 2', AT, ['{a="z"} 6', '{} 14']],
  ['sort_desc(x) * 2', AT, ['{} 14', '{a="z"} 6']],
  ['topk(2, x) + 0', AT, ['{} 7', '{a="z"} 3']],
  // An absent label is neither before nor after another one.
  ['sort_by_label(y, "a")', AT, ['y{a="z", b="2"} 1', 'y{b="2"} 2']],
  ['sort(x)', SHORT, ['x 7@2', 'x{a="z"} 3@2', sorted('1:1')]],
  ['max_over_time(sort(x{a="z"})[1m:1m])', AT, ['{a="z"} 3']],
  ['sort(x{a="z"} @ 60)', OVER, ['x{a="z"} 2@0 2@1 2@2']],
  ['sort(x{a="z"} @ 60 - end())', OVER, ['{a="z"} -118@0 -118@1 -118@2']],
  // An offset beside a fixed time only says which samples are fetched.
  ['timestamp(x{a="z"} @ 120 offset 30s)', AT, []],
  ['timestamp(x{a="z"} @ 150 offset 10s)', AT, ['{a="z"} 120']],
  ['timestamp(x{a="z"} @ 120 smoothed offset 30s)', AT, ['{a="z"} 120']],
  // Zeros of both signs are equal: of a few values, equal ones stay in their order.
  ['1 / quantile_over_time(0, zero[3m])', AT, ['{sign="-"} -Infinity', '{sign="?"} Infinity']],
  ['1 / quantile_over_time(1, zero[3m])', AT, ['{sign="-"} Infinity', '{sign="?"} Infinity']],
  [
    'predict_linear(x{a="z"}[5m:1m] @ 120.87, 60)',
    { ...AT, start_ms: 1_700_009_878_286, end_ms: 1_700_009_878_286 },
    ['{a="z"} 24902490.451455075'],
  ],
  // Series of which nothing is left do not say that the name is to be dropped.
  ['sum by (__name__) (x or max_over_time(x[1m]))', LATE, ['x 6@0 8@1 10@2']],
  // Of NaN and infinity the larger one is infinity.
  [
    'quantile(time() / (time() - 60) * (time() / time()), y)',
    FIRST_TWO,
    [
      '{} NaN@0 Infinity@1',
      'PromQL warning: quantile value should be between 0 and 1, got NaN (1:10)',
      'PromQL warning: quantile value should be between 0 and 1, got +Inf (1:10)',
    ],
  ],
  // @ start() and @ end() are not settled in a parameter.
  [
    'quantile(scalar(early @ start()), y)',
    FIRST_TWO,
    ['{} 2@0 NaN@1', 'PromQL warning: quantile value should be between 0 and 1, got NaN (1:10)'],
  ],
  ['1 / quantile(0, zero @ 0)', AT, ['{} -Infinity']],
  ['1 / quantile(1, zero @ 0)', AT, ['{} Infinity']],
  [
    'sum by (q) (histogram_quantiles(always, "q", -0))',
    AT,
    ['{q="0.0"} 0', forced('1 samples from 1970-01-01T00:02:00Z to 1970-01-01T00:02:00Z', '1:33')],
  ],
  // A parameter over a fixed time is that of the first step.
  ['topk(scalar(x{a="z"}), x @ 120)', OVER, ['x 7@0 7@1 7@2']],
  ['count_over_time(x{a="z"}[2m + 5m % 1ms])', AT, ['{a="z"} 2']],
  ['x{a="z"} offset (1ms * 0.9)', AT, ['x{a="z"} 3']],
  ['x[((30s / 1) % (step() * 1))]', AT, ['4:26: modulo by zero']],
  ['x[((5m ^ 2) ^ 300)]', AT, ['4:17: duration is NaN or infinite']],
  [
    'double_exponential_smoothing(x[30s], 2, 0.5)',
    AT,
    ['invalid smoothing factor. Expected: 0 < sf < 1, got: 2.000000'],
  ],
  [
    'topk(scalar(double_exponential_smoothing(x[30s], 0.5, 0)), nosuch)',
    AT,
    ['invalid trend factor. Expected: 0 < tf < 1, got: 0.000000'],
  ],
  // Where no step falls into a subquery there is nothing that could be wrong.
  ['count_over_time(changes(x[1m] smoothed)[1m:7m])', AT, []],
  [
    'count_over_time(changes(x[1m] smoothed)[1m:1m])',
    AT,
    ['smoothed modifier can only be used with: delta, increase, rate - not with changes'],
  ],
  ['absent(nosuch{b!~"i.",b="1"})', AT, ['{} 1']],
  [
    'x * on () x',
    AT,
    [
      'found duplicate series for the match group {} on the right hand-side of the operation: [{__name__="x", a="z"}, {__name__="x"}];many-to-many matching not allowed: matching labels must be unique on one side',
    ],
  ],
  [
    'count_values("__name__", x) + on () count_values("__name__", x)',
    AT,
    [
      'found duplicate series for the match group {} on the right hand-side of the operation: [{__name__="3"}, {__name__="7"}];many-to-many matching not allowed: matching labels must be unique on one side',
    ],
  ],
  // With NaN among them nothing else is said of quantiles.
  [
    'quantile(scalar(early) * 2, x)',
    OVER,
    ['{} Infinity@0 NaN@1 NaN@2', 'PromQL warning: quantile value should be between 0 and 1, got NaN (1:10)'],
  ],
  // The last place of a text counts, and a sign is a place.
  [
    'quantile(2, +x)',
    AT,
    ['{} Infinity', 'PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)'],
  ],
  [
    'sum(rate(x[2m])) - sum(rate(x[2m]))',
    AT,
    [
      '{} 0',
      'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "x" (1:29)',
    ],
  ],
])('%s', async (text, options, lines) => {
  expect(await answer(text, options)).toEqual(lines);
});
