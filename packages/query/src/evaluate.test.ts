import { nodeEnv } from '@munjigi/env/node';
import { labelsFromObject } from '@munjigi/model';
import {
  EMPTY_HISTOGRAM,
  newBudget,
  type Fragment,
  type FragmentPartial,
  type Histogram,
  type QueryIO,
} from '@munjigi/promql';
import { expect, test } from 'vitest';
import { federate } from './federate.ts';
import { queryLocal, type LocalOptions } from './local.ts';
import type { QueryRequest } from './request.ts';
import { plainStorage } from './testing/plain-storage.ts';

const { clock } = nodeEnv();

/** Two counters and a gauge at 10 s, from 0 to 100 s. */
const TIMES = Array.from({ length: 11 }, (_, i) => i * 10_000);
const STORE = plainStorage([
  { labels: { __name__: 'c_total', job: 'a' }, t: TIMES, v: TIMES.map((t) => t / 1000) },
  { labels: { __name__: 'c_total', job: 'b' }, t: TIMES, v: TIMES.map((t) => t / 500) },
  { labels: { __name__: 'g', job: 'a' }, t: TIMES, v: TIMES.map(() => Infinity) },
]);

const AT_100 = { kind: 'instant', time_ms: 100_000, limit: 0, stats: '' } as const;
const RANGE = { kind: 'range', start_ms: 0, end_ms: 20_000, step_ms: 10_000, limit: 0, stats: '' } as const;
const EVER = { mint: 0, maxt: 1e6, limit: 0 };
const SERIES_A = { __name__: 'c_total', job: 'a' };
const SERIES_B = { __name__: 'c_total', job: 'b' };

async function ask(request: QueryRequest, options: LocalOptions = {}): Promise<[number, object]> {
  const reply = await queryLocal(clock, STORE, STORE.reader, request, options);
  return [reply.status, JSON.parse(new TextDecoder().decode(reply.body)) as object];
}

test.for<readonly [name: string, request: QueryRequest, data: unknown, rest?: object]>([
  ['a scalar', { ...AT_100, query: '1 + 1' }, { resultType: 'scalar', result: [100, '2'] }],
  ['a string', { ...AT_100, query: '"x"' }, { resultType: 'string', result: [100, 'x'] }],
  [
    'a vector',
    { ...AT_100, query: 'c_total{job="a"}' },
    { resultType: 'vector', result: [{ metric: SERIES_A, value: [100, '100'] }] },
  ],
  [
    'infinity is a text',
    { ...AT_100, query: 'g' },
    { resultType: 'vector', result: [{ metric: { __name__: 'g', job: 'a' }, value: [100, '+Inf'] }] },
  ],
  [
    'an aggregation',
    { ...AT_100, query: 'sum(rate(c_total[30s]))' },
    { resultType: 'vector', result: [{ metric: {}, value: [100, '3'] }] },
  ],
  [
    'samples as they are',
    { ...AT_100, query: 'c_total{job="a"}[20s]' },
    {
      resultType: 'matrix',
      result: [
        {
          metric: SERIES_A,
          values: [
            [90, '90'],
            [100, '100'],
          ],
        },
      ],
    },
  ],
  [
    'a range',
    { ...RANGE, query: 'c_total{job="b"}' },
    {
      resultType: 'matrix',
      result: [
        {
          metric: SERIES_B,
          values: [
            [0, '0'],
            [10, '20'],
            [20, '40'],
          ],
        },
      ],
    },
  ],
  ['nothing', { ...AT_100, query: 'absent_metric' }, { resultType: 'vector', result: [] }],
  [
    'look-back of the request',
    { ...AT_100, time_ms: 130_000, lookback_ms: 10_000, query: 'c_total' },
    { resultType: 'vector', result: [] },
  ],
  [
    'a limit',
    { ...AT_100, limit: 1, query: 'c_total' },
    { resultType: 'vector', result: [{ metric: SERIES_A, value: [100, '100'] }] },
    { warnings: ['results truncated due to limit'] },
  ],
  [
    'a limit on a range',
    { ...RANGE, limit: 1, query: 'c_total' },
    {
      resultType: 'matrix',
      result: [
        {
          metric: SERIES_A,
          values: [
            [0, '0'],
            [10, '10'],
            [20, '20'],
          ],
        },
      ],
    },
    { warnings: ['results truncated due to limit'] },
  ],
  [
    'a hint',
    { ...AT_100, query: 'rate(g[30s]) > 1e300' },
    { resultType: 'vector', result: [] },
    { infos: [expect.stringContaining('might not be a counter') as string] },
  ],
  [
    'series',
    { kind: 'series', match: ['c_total', '{job="a"}'], ...EVER },
    [SERIES_A, SERIES_B, { __name__: 'g', job: 'a' }],
  ],
  [
    'series with a limit',
    { kind: 'series', match: ['c_total'], ...EVER, limit: 1 },
    [SERIES_A],
    { warnings: ['results truncated due to limit'] },
  ],
  ['series of another time', { kind: 'series', match: ['c_total'], ...EVER, mint: 1e6, maxt: 2e6 }, []],
  ['label names', { kind: 'labels', match: [], ...EVER }, ['__name__', 'job']],
  ['label values', { kind: 'values', label: 'job', match: ['g'], ...EVER }, ['a']],
  [
    'label values with a limit',
    { kind: 'values', label: 'job', match: [], ...EVER, limit: 1 },
    ['a'],
    { warnings: ['results truncated due to limit'] },
  ],
  [
    'metadata',
    { kind: 'metadata', metric: '', limit: -1, limitPerMetric: -1 },
    {
      a: [
        { type: 'gauge', help: 'help 1', unit: '' },
        { type: 'gauge', help: 'help 2', unit: '' },
      ],
      b: [{ type: 'gauge', help: 'help 0', unit: '' }],
    },
  ],
  [
    'metadata with limits',
    { kind: 'metadata', metric: 'a', limit: 1, limitPerMetric: 1 },
    { a: [{ type: 'gauge', help: 'help 1', unit: '' }] },
  ],
  ['no metadata at all', { kind: 'metadata', metric: '', limit: 0, limitPerMetric: -1 }, {}],
  [
    'exemplars',
    { kind: 'exemplars', query: 'rate(g[1m])', mint: 0, maxt: 1 },
    [
      {
        seriesLabels: { __name__: 'g', job: 'a' },
        exemplars: [{ labels: { trace: 'x' }, value: '+Inf', timestamp: 1.5 }],
      },
    ],
  ],
  ['formatted', { kind: 'format', query: 'sum(c_total)by(job)' }, 'sum by (job) (c_total)'],
  ['parsed', { kind: 'parse', query: '1' }, { type: 'numberLiteral', val: '1' }],
])('%s', async ([, request, data, rest]) => {
  expect(await ask(request)).toEqual([200, { status: 'success', data, ...rest }]);
  expect(STORE.open).toBe(0);
});

test.for<
  readonly [request: QueryRequest, status: number, errorType: string, error: string, options?: LocalOptions]
>([
  [
    { ...AT_100, query: '' },
    400,
    'bad_data',
    'invalid parameter "query": unknown position: parse error: no expression found in input',
  ],
  [
    { ...AT_100, query: 'sum(up' },
    400,
    'bad_data',
    'invalid parameter "query": 1:7: parse error: unclosed left parenthesis',
  ],
  [
    { ...RANGE, query: 'up[5m]' },
    400,
    'bad_data',
    'invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector',
  ],
  [
    { ...AT_100, query: 'c_total + on (x) c_total' },
    422,
    'execution',
    expect.stringContaining('many-to-many') as string,
  ],
  [
    { ...RANGE, query: 'c_total' },
    422,
    'execution',
    'query processing would load too many samples into memory in query execution',
    { limits: { maxSamples: 2, maxBytes: 0 } },
  ],
  [
    { kind: 'series', match: ['{'], ...EVER },
    400,
    'bad_data',
    'invalid parameter "match[]": 1:2: parse error: unexpected end of input inside braces',
  ],
  [
    { kind: 'series', match: ['{}'], ...EVER },
    400,
    'bad_data',
    'invalid parameter "match[]": match[] must contain at least one non-empty matcher',
  ],
  [
    { kind: 'format', query: '(' },
    400,
    'bad_data',
    expect.stringMatching(/^invalid parameter "query": 1:2: parse error/) as string,
  ],
])('%j', async ([request, status, errorType, error, options]) => {
  expect(await ask(request, options)).toEqual([status, { status: 'error', errorType, error }]);
  expect(STORE.open).toBe(0);
});

test('a long list of series is read and written in pieces', async () => {
  const names = Array.from({ length: 12_001 }, (_, i) => ({
    __name__: 'many',
    i: String(i).padStart(5, '0'),
  }));
  const store = plainStorage(names.map((labels) => ({ labels, t: [1000], v: [1] })));
  const request: QueryRequest = { kind: 'series', match: ['many'], ...EVER };
  const { body } = await queryLocal(clock, store, store.reader, request);
  expect(JSON.parse(new TextDecoder().decode(body))).toEqual({ status: 'success', data: names });
});

test('federation: the newest samples as text, each series once', async () => {
  const store = plainStorage([
    { labels: { __name__: 'b', q: 'a"\\\n' }, t: [1000, 2500], v: [1, 2] },
    { labels: { __name__: 'a', job: 'x', instance: 'i' }, t: [2000], v: [Infinity] },
    { labels: { __name__: 'a.b', 'x.y': 'z' }, t: [2000], v: [0.5] },
    { labels: { __name__: 'old' }, t: [-400_000], v: [1] },
    { labels: { job: 'x', q: 'no name' }, t: [2000], v: [1] },
  ]);
  const request: QueryRequest = { kind: 'federate', match: ['{__name__=~".+"}', '{job="x"}'], time_ms: 3000 };
  const { status, body } = await queryLocal(clock, store, store.reader, request);
  expect(status).toBe(200);
  expect(new TextDecoder().decode(body).split('\n')).toEqual([
    '# TYPE a untyped',
    'a{instance="i",job="x"} +Inf 2000',
    '# TYPE "a.b" untyped',
    '{"a.b","x.y"="z",instance=""} 0.5 2000',
    '# TYPE b untyped',
    'b{q="a\\"\\\\\\n",instance=""} 2 2500',
    '',
  ]);
  expect(store.open).toBe(0);
});

test('federation: custom buckets are classic ones, exponential histograms have no text', async () => {
  const histogram = (bounds: readonly number[] | null): Histogram => ({
    ...EMPTY_HISTOGRAM,
    schema: bounds === null ? 0 : -53,
    count: 6,
    sum: 7.5,
    positiveIndex: Int32Array.of(0, 2),
    positive: Float64Array.of(2, 4),
    bounds: bounds === null ? null : Float64Array.from(bounds),
  });
  const partial = (f: Fragment): FragmentPartial => ({
    fragment: f.id,
    steps: 1,
    rows: 3,
    labels: ['custom', 'exponential', 'plain'].map((name) =>
      labelsFromObject({ __name__: name, instance: 'i' }),
    ),
    values: f.func === 'timestamp' ? Float64Array.of(1.5, 2, 2) : Float64Array.of(0, 0, 1),
    present: Uint8Array.of(2, 2, 1),
    histograms: f.func === 'timestamp' ? null : [histogram([0.5, 1]), histogram(null), null],
    compensation: null,
    counts: null,
    samples: null,
    gaveUp: false,
    annotations: [],
    samplesRead: 3,
  });
  const io: QueryIO = { budget: newBudget(), run: (f) => Promise.resolve(partial(f)) };
  let text = '';
  for await (const piece of await federate(['{a="b"}'], 2000, 300_000, io))
    text += new TextDecoder().decode(piece);
  expect(text.split('\n')).toEqual([
    '# TYPE custom histogram',
    'custom_bucket{instance="i",le="0.5"} 2 1500',
    'custom_bucket{instance="i",le="1"} 2 1500',
    'custom_bucket{instance="i",le="+Inf"} 6 1500',
    'custom_sum{instance="i"} 7.5 1500',
    'custom_count{instance="i"} 6 1500',
    '# TYPE plain untyped',
    'plain{instance="i"} 1 2000',
    '',
  ]);
});

test('stats say what it took', async () => {
  const [, reply] = await ask({ ...AT_100, query: 'sum(rate(c_total[30s]))', stats: 'true' });
  expect(reply).toMatchObject({
    data: {
      result: [{ value: [100, '3'] }],
      stats: {
        timings: { execQueueTime: 0, evalTotalTime: expect.any(Number) as number },
        samples: { totalQueryableSamples: 6, seriesTouched: 2, samplesRead: 6 },
        threads: { copiedBytes: 0, shares: 1, sharesElsewhere: 0 },
      },
    },
  });
});

test('exemplars of no selector: nothing at all', async () => {
  const request = { kind: 'exemplars', query: '1', mint: 0, maxt: 1 } as const;
  const { status, body } = await queryLocal(clock, STORE, STORE.reader, request);
  expect([status, body.length]).toEqual([204, 0]);
});

/** Samples at 0, 10, ... 100 s; steps at 50, 60 and 70 s. */
test.for<readonly [query: string, total: readonly number[], read: readonly number[]]>([
  ['c_total', [2, 2, 2], [2, 2, 2]],
  ['g offset 1m', [0, 1, 1], [0, 1, 1]],
  ['rate(g[30s])', [3, 3, 3], [3, 1, 1]],
  ['rate(g[5s])', [1, 1, 1], [1, 1, 1]],
  ['g + rate(g[20s])', [3, 3, 3], [3, 2, 2]],
  ['g @ 30', [1, 1, 1], [1, 0, 0]],
  ['g @ 30 + g', [2, 2, 2], [2, 1, 1]],
  ['g + g', [2, 2, 2], [2, 2, 2]],
  // Of the steps every 5 s in 10 s, two are seen by each window; the first window reads both, the others two new ones.
  ['sum_over_time(g[10s:5s])', [2, 2, 2], [2, 2, 2]],
  ['sum_over_time(g[20s:5s])', [4, 4, 4], [4, 2, 2]],
  ['sum_over_time(g[20s:5s] @ 60)', [4, 4, 4], [4, 0, 0]],
  ['1', [0, 0, 0], [0, 0, 0]],
])('samples at each step: %s', async ([query, total, read]) => {
  const request = { ...RANGE, start_ms: 50_000, end_ms: 70_000, query, stats: 'all' };
  const [, reply] = await ask(request);
  const points = (values: readonly number[]): unknown => values.map((n, k) => [50 + k * 10, n]);
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  expect(reply).toMatchObject({
    data: {
      stats: {
        samples: {
          totalQueryableSamplesPerStep: points(total),
          totalQueryableSamples: sum(total),
          samplesReadPerStep: points(read),
          samplesRead: sum(read),
        },
      },
    },
  });
});

test('stats of a name that is none are given with a warning', async () => {
  const [, reply] = await ask({ ...AT_100, query: '1', stats: 'yes' });
  expect(reply).toMatchObject({
    data: { stats: {} },
    warnings: [
      'value "yes" for parameter "stats" is deprecated and will be rejected in the next major release, use "true" or "all"',
    ],
  });
});

test('a store that fails is an internal error', async () => {
  const failing = {
    querier: () => ({ ...STORE.querier(), select: () => Promise.reject(new Error('disk is gone')) }),
  };
  const { status, error } = await queryLocal(clock, failing, STORE.reader, { ...AT_100, query: 'up' });
  expect([status, error]).toEqual([500, { errorType: 'internal', message: 'disk is gone' }]);
});
