// The runner itself: small scripts that pass, and the same with one thing changed, which must fail.
import { describe, expect, test } from 'vitest';
import { runScript, type TestStorage } from './run.ts';
import { MemoryStore } from '../memory/store.ts';

const LOAD = `load 1m
  requests_total{job="api", code="200"} 0+60x10
  requests_total{job="web", code="200"} 0+120x10
  up{job="api"} 1 1 0 1 1 stale 1
  level -5 NaN Inf -Inf 0 1e-300
`;

const SCRIPTS = {
  select: `eval instant at 2m requests_total
  requests_total{job="api", code="200"} 120
  requests_total{job="web", code="200"} 240
`,
  sum: `eval instant at 3m sum(requests_total)
  {} 540
`,
  scalar: `eval instant at 1m 3 * 4
  12
`,
  string: `eval instant at 1m "some \\"text\\""
  expect string "some \\"text\\""
`,
  ordered: `eval instant at 2m sort_desc(requests_total)
  expect ordered
  requests_total{job="web", code="200"} 240
  requests_total{job="api", code="200"} 120
`,
  old_ordered: `eval_ordered instant at 2m sort(requests_total)
  requests_total{job="api", code="200"} 120
  requests_total{job="web", code="200"} 240
`,
  range: `eval range from 0 to 4m step 1m up
  up{job="api"} 1 1 0 1 1
`,
  range_gap: `eval range from 4m to 6m step 1m up
  up{job="api"} 1 _ 1
`,
  range_two: `eval range from 2m to 3m step 30s rate(requests_total[2m])
  {job="api", code="200"} 1 1 1
  {job="web", code="200"} 2 2 2
`,
  range_vector: `eval instant at 9m up[3m]
  expect range vector from 2m to 4m step 1m
  up{job="api"} 0 1 1
`,
  subquery: `eval instant at 9m (level + 1)[2m:1m]
  expect range vector from 3m to 4m step 1m
  {} -Inf 1
`,
  edges: `eval instant at 1m level
  level NaN

eval instant at 2m level
  level Inf

eval instant at 3m level
  level -Inf

eval instant at 4m level
  level 0

eval instant at 5m level
  level 1e-300

eval instant at 5m up
`,
  warn: `eval instant at 2m quantile(1.5, up)
  expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:10)
  expect no_info
  {} Inf
`,
  warn_regex: `eval instant at 2m quantile(-1, up)
  expect warn regex: got -1 .1:\\d+.$
  {} -Inf
`,
  old_warn: `eval_warn instant at 2m quantile(-1, up)
  {} -Inf
`,
  info: `eval instant at 2m rate(level[5m])
  expect info msg: PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "level" (1:6)
  expect no_warn
  {} Inf
`,
  fail: `eval instant at 2m up * on () requests_total
  expect fail regex: ^found duplicate series for the match group {} on the right .*
`,
  fail_message: `eval instant at 2m limitk(NaN, up)
  expect fail msg: Parameter value is NaN
`,
  old_fail: `eval_fail instant at 2m label_replace(requests_total, "job", "api", "", "")
  expected_fail_message vector cannot contain metrics with the same labelset
`,
  old_fail_regex: `eval_fail instant at 2m label_replace(requests_total, "job", "api", "", "")
  expected_fail_regexp same labelset$
`,
  clear: `clear
eval instant at 2m requests_total

load 1m
  other 7x2

eval instant at 2m {__name__=~".+"}
  other 7
`,
  expect_metric: `clear
load 1m
  expect{} 3

eval instant at 0 expect
  expect{} 3
`,
  repeated: `clear
load 1m
  x 1 1 1
  x 2 2 2

load 1m
  x _x3 4

eval range from 1m to 3m step 1m x
  x 2 2 4
`,
  histogram: `load 1m
  latency {{schema:1 count:4 sum:6 z_bucket:1 z_bucket_w:0.01 offset:-1 buckets:[1 2]}}+{{schema:1 count:3 sum:3 buckets:[3]}}x4

eval instant at 1m latency
  latency {{schema:1 count:7 sum:9 z_bucket:1 z_bucket_w:0.01 offset:-1 buckets:[1 5]}}
`,
  histogram_range: `load 1m
  mixed {{count:1}} 2 stale {{count:4 counter_reset_hint:gauge}}

eval range from 0 to 3m step 1m mixed
  mixed {{count:1}} 2 _ {{count:4 counter_reset_hint:gauge}}
`,
  histogram_vector: `load 1m
  latency {{count:1}}+{{count:1}}x4

eval instant at 4m latency[2m]
  expect range vector from 3m to 4m step 1m
  latency {{count:4 counter_reset_hint:not_reset}} {{count:5 counter_reset_hint:not_reset}}
`,
  histogram_info: `load 1m
  latency {{count:1 counter_reset_hint:gauge}}x4

eval instant at 4m rate(latency[2m])
  expect warn msg: PromQL warning: this native histogram metric is not a counter: "latency" (1:6)
  {} {{counter_reset_hint:gauge}}
`,
  custom: `load_with_nhcb 1m
  size_bucket{le="1"} 1+1x4
  size_bucket{le="2"} 3+3x4
  size_bucket{le="+Inf"} 3+4x4
  size_sum 5+5x4

eval instant at 1m size
  size {{schema:-53 count:7 sum:10 custom_values:[1 2] buckets:[2 4 1]}}
`,
  start_times: `load 1m
  jobs_total@st _ 0sx1 -1sx1
  jobs_total 1 2 3 4 5

eval instant at 4m resets(jobs_total[5m])
  {} 2
`,
} as const;

test.each(Object.entries(SCRIPTS))('%s passes', async (_, script) => {
  const result = await runScript(`${LOAD}\n${script}`);
  expect(result).toEqual({ passed: script.match(/^eval/gm)!.length, failures: [], problems: [] });
});

/** Script, what is changed in it, to what. */
const MUTATIONS: readonly (readonly [script: keyof typeof SCRIPTS, from: string, to: string])[] = [
  // Values, of all types and at the borders of what is equal.
  ['select', ' 120', ' 121'],
  ['select', ' 120', ' 120.0003'],
  ['select', ' 120', ' NaN'],
  ['select', ' 120', ' stale'],
  ['select', ' 120', ' {{count:120}}'],
  ['sum', '540', '-540'],
  ['sum', '540', '540.002'],
  ['sum', '{} 540', '540'],
  ['scalar', '  12', '  13'],
  ['scalar', '  12', '  {} 12'],
  ['string', 'string "some', 'string "Some'],
  ['string', 'expect string "some \\"text\\""', '{} 1'],
  ['edges', 'level NaN', 'level stale'],
  ['edges', 'level NaN', 'level 0'],
  ['edges', 'level Inf', 'level -Inf'],
  ['edges', 'level -Inf', 'level -1e308'],
  ['edges', 'level 0', 'level 1e-310'],
  ['edges', 'level 1e-300', 'level 0'],
  ['edges', '5m up', '5m up\n  up{job="api"} stale'],
  // Series.
  ['select', 'job="api"', 'job="app"'],
  ['select', 'code="200"', 'codes="200"'],
  ['select', '  requests_total{job="web", code="200"} 240\n', ''],
  ['select', ' 240', ' 240\n  requests_total{job="db", code="200"} 240'],
  ['select', 'requests_total{job="api"', '{job="api"'],
  ['sum', '  {} 540\n', ''],
  ['sum', '{} 540', '{job="api"} 540'],
  ['clear', '  other 7\n', ''],
  ['clear', '7x2', '7x2\n  another 1x2'],
  ['expect_metric', '  expect{} 3\n\n', '  expects{} 3\n\n'],
  // Order.
  ['ordered', 'sort_desc', 'sort'],
  ['old_ordered', 'sort(', 'sort_desc('],
  ['ordered', 'instant at 2m', 'range from 2m to 2m step 1m'],
  // Times and points of matrices.
  ['range', '1 1 0 1 1', '1 1 0 1 2'],
  ['range', '1 1 0 1 1', '1 1 0 1'],
  ['range', '1 1 0 1 1', '1 1 0 1 1 1'],
  ['range', '1 1 0 1 1', '1 1 _ 1 1'],
  ['range', '1 1 0 1 1', '_ 1 1 0 1'],
  ['range', 'to 4m step 1m', 'to 8m step 2m'],
  ['range', '  up{job="api"} 1 1 0 1 1\n', ''],
  ['range', '1 1 0 1 1', '1 1 0 1 1\n  up{job="web"} 1'],
  ['range_gap', '_', '1'],
  ['range_gap', '_', 'stale'],
  ['range_two', 'code="200"} 1', 'code="201"} 1'],
  ['range_two', ' 2 2 2', ' 2 2'],
  ['range_vector', '2m to 4m', '1m to 3m'],
  ['range_vector', 'step 1m', 'step 30s'],
  ['range_vector', '2m to 4m', '2m to 5m'],
  ['range_vector', ' 0 1 1', ' 0 1'],
  ['range_vector', ' 0 1 1', ' 0 1 2'],
  [
    'range_vector',
    '  expect range vector from 2m to 4m step 1m\n  up{job="api"} 0 1 1\n',
    '  up{job="api"} 0\n',
  ],
  ['subquery', '-Inf 1', '-Inf 2'],
  ['subquery', '{} -Inf', 'level -Inf'],
  ['repeated', '2 2 4', '1 1 4'],
  ['repeated', '2 2 4', '2 2 2'],
  // Loads.
  ['repeated', '_x3 4', '3'],
  ['repeated', '2 2 4', '_ _ 4'],
  ['clear', 'clear\n', ''],
  // Annotations.
  ['warn', 'got 1.5', 'got 2.5'],
  ['warn', '1:10', '1:11'],
  ['warn', 'expect warn msg: PromQL warning', 'expect warn msg: PromQL info'],
  [
    'warn',
    '  expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:10)',
    '  expect no_warn',
  ],
  ['warn', 'expect no_info', 'expect info'],
  ['warn', 'quantile(1.5', 'quantile(1'],
  ['warn_regex', 'got -1', 'got -2'],
  ['warn_regex', '\\d+.$', '\\d+$'],
  ['old_warn', 'quantile(-1', 'quantile(1'],
  ['old_warn', 'eval_warn', 'eval_info'],
  ['info', '"level"', '"levels"'],
  ['info', 'expect no_warn', 'expect warn'],
  ['info', 'expect info msg: ', 'expect info regex: ^metric'],
  ['info', 'rate(', 'delta('],
  // Failures.
  ['select', 'requests_total\n', 'requests_total\n  expect fail\n'],
  ['fail', 'duplicate', 'duplicates'],
  ['fail', ' .*', '$'],
  ['fail', '  expect fail regex: ^found duplicate series for the match group {} on the right .*\n', ''],
  ['fail', 'on ()', 'on () group_right ()'],
  ['fail_message', 'is NaN', 'is nan'],
  ['fail_message', 'value is NaN', 'value'],
  ['fail_message', 'limitk(NaN', 'limitk(1'],
  ['old_fail', 'same labelset', 'same labels'],
  ['old_fail', '  expected_fail_message vector', '  expected_fail_message a vector'],
  ['old_fail_regex', 'labelset$', 'labels$'],
  ['old_fail_regex', 'requests_total', 'up'],
  // Native histograms.
  ['histogram', 'latency {{schema:1 count:7', 'latency {{schema:2 count:7'],
  ['histogram', 'count:7', 'count:8'],
  ['histogram', 'sum:9', 'sum:9.1'],
  [
    'histogram',
    'z_bucket:1 z_bucket_w:0.01 offset:-1 buckets:[1 5]',
    'z_bucket:2 z_bucket_w:0.01 offset:-1 buckets:[1 5]',
  ],
  ['histogram', '0.01 offset:-1 buckets:[1 5]', '0.02 offset:-1 buckets:[1 5]'],
  ['histogram', 'offset:-1 buckets:[1 5]', 'buckets:[1 5]'],
  ['histogram', '[1 5]', '[1 6]'],
  ['histogram', '[1 5]', '[1 5 1]'],
  ['histogram', '[1 5]}}', '[1 5] n_buckets:[1]}}'],
  ['histogram', '[1 5]}}', '[1 5] counter_reset_hint:gauge}}'],
  ['histogram', '1m latency\n  latency {{', '1m latency\n  other {{'],
  ['histogram', '[3]}}x4', '[4]}}x4'],
  ['histogram_range', '2 _ {{', '2 {{count:1}} {{'],
  ['histogram_range', '2 _ {{', '{{count:2}} _ {{'],
  ['histogram_range', 'mixed {{count:1}} 2 _', 'mixed 1 2 _'],
  ['histogram_range', '_ {{count:4 counter_reset_hint:gauge}}', '_ {{count:4 counter_reset_hint:reset}}'],
  ['histogram_range', '_ {{count:4 counter_reset_hint:gauge}}', '_ {{count:5}}'],
  ['histogram_vector', '3m to 4m step 1m', '2m to 3m step 1m'],
  ['histogram_vector', 'latency {{count:4', 'latency {{count:3'],
  [
    'histogram_vector',
    'latency {{count:4 counter_reset_hint:not_reset',
    'latency {{count:4 counter_reset_hint:reset',
  ],
  ['histogram_info', 'not a counter', 'no counter'],
  ['histogram_info', 'x4', 'x1'],
  ['histogram_info', '{} {{counter_reset_hint:gauge}}', '{} {{count:1 counter_reset_hint:gauge}}'],
  // Classic histograms made into native ones.
  ['custom', '[2 4 1]', '[2 4]'],
  ['custom', '[2 4 1]', '[2 5 1]'],
  ['custom', 'custom_values:[1 2]', 'custom_values:[1 3]'],
  ['custom', 'custom_values:[1 2]', 'custom_values:[1]'],
  ['custom', 'sum:10', 'sum:11'],
  ['custom', 'load_with_nhcb', 'load'],
  ['custom', '"2"} 3+3x4', '"2"} 2+3x4'],
  // Start timestamps.
  ['start_times', '{} 2', '{} 1'],
  ['start_times', 'jobs_total@st _ 0sx1 -1sx1\n', ''],
  ['start_times', '_ 0sx1 -1sx1', '_x5'],
];

test.each(MUTATIONS)('%s with %j as %j fails', async (name, from, to) => {
  const script: string = SCRIPTS[name];
  expect(script).toContain(from);
  const { failures, problems } = await runScript(`${LOAD}\n${script.replace(from, () => to)}`);
  expect([failures.length > 0, problems]).toEqual([true, []]);
});

/** What may be written in another way. */
const SAME: typeof MUTATIONS = [
  ['select', ' 120', ' 120.0001'],
  ['select', '{job="api", code="200"}', '{code=\'200\', "job"=`api`,}'],
  ['select', 'requests_total{job="api", code="200"}', '{"requests_total", job="api", code="200"}'],
  ['select', ' 240', ' 7\n  requests_total{job="web", code="200"} 240'],
  ['sum', '540', '540.001'],
  ['sum', '540', '+5.4e2'],
  ['scalar', '  12', '\t0xC'],
  ['string', '"some \\"text\\""\n  expect', '`some "text"`\n  expect'],
  ['range', '1 1 0 1 1', '1x1 0 1-0x1'],
  ['range_gap', '_', '_x1'],
  ['range_two', '2 2 2', '2+0x2'],
  ['warn', 'expect no_info', 'expect warn'],
  ['warn_regex', 'regex: got', 'regex:got'],
  ['info', 'expect info msg: PromQL info: metric', 'expect info regex: metric|'],
  ['fail', '^found', 'found'],
  ['old_fail', '  expected_fail_message vector cannot contain metrics with the same labelset\n', ''],
  ['histogram', '[1 5]', '[1 5 0]'],
  ['histogram_range', '_ {{count:4 counter_reset_hint:gauge}}', '_ {{count:4}}'],
  ['clear', '\nload', '\n# A comment ends a block, too.\nload'],
];

test.each(SAME)('%s with %j as %j passes', async (name, from, to) => {
  const { failures, problems } = await runScript(`${LOAD}\n${SCRIPTS[name].replace(from, () => to)}`);
  expect([failures, problems]).toEqual([[], []]);
});

/** A store that answers its `lie`-th question (from 0) with nothing. */
function lying(lie: number): { readonly store: TestStorage; asked(): number } {
  const inner = new MemoryStore();
  let asked = 0;
  const store: TestStorage = {
    appender: () => inner.appender(),
    reader: () => inner.reader(),
    querier: () => {
      const querier = inner.querier();
      return {
        ...querier,
        select: (mint, maxt, matchers) =>
          querier.select(mint, maxt, asked++ === lie ? [{ name: 'none', op: '=', value: 'none' }] : matchers),
      };
    },
    close: () => Promise.resolve(),
  };
  return { store, asked: () => asked };
}

describe('every repetition is looked at', () => {
  const load = 'load 1m\n  x 1+1x10\n\n';
  test.each([
    // Itself and five other times, each also as the middle of a range query.
    ['eval instant at 5m sum(x)\n  {} 6', 12],
    ['eval instant at 0 x\n  x 1', 8],
    ['eval instant at 5m sum_over_time(x[2m])\n  {} 11', 12],
    // Its value depends on the time of evaluation whatever @ says.
    ['eval instant at 5m timestamp(x)\n  {} 300', 2],
    ['eval instant at 5m x + start()\n  {} 306', 1],
    ['eval instant at 5m scalar(x)\n  6', 12],
    ['eval range from 1m to 5m step 1m x\n  x 2+1x4', 1],
    ['eval instant at 9m x[2m]\n  expect range vector from 4m to 5m step 1m\n  x 5 6', 6],
  ])('%s', async (text, questions) => {
    const honest = lying(-1);
    const run = (store: TestStorage) => runScript(load + text, { newStorage: () => Promise.resolve(store) });
    expect(await run(honest.store)).toEqual({ passed: 1, failures: [], problems: [] });
    expect(honest.asked()).toBe(questions);
    for (let lie = 0; lie < questions; lie++)
      expect([lie, (await run(lying(lie).store)).failures.length]).toEqual([lie, 1]);
  });
});

test('what a store refuses fails the load, and the script goes on', async () => {
  const { passed, failures } = await runScript(
    'load 1m\n  x 1 2\n\nload 1m\n  x 1 3\n\neval instant at 1m x\n  x 2',
  );
  expect(passed).toBe(1);
  expect(failures).toEqual([
    {
      line: 4,
      message: '2 samples refused: out of order sample: an older timestamp than the newest of its series',
    },
  ]);
});

test('settings can be those of a server without flags', async () => {
  const script = 'load 1m\n  x 1 2 3\n\neval instant at 2m {__name__=~"x", a=""} + 0\n  {} 3';
  const result = await runScript(script, { delayedNameRemoval: false, startTimestamps: false });
  expect(result).toEqual({ passed: 1, failures: [], problems: [] });
});

test.each([
  ['ever', 1, 'invalid command "ever"'],
  ['load', 1, 'invalid load command. (load[_with_nhcb] <step:duration>)'],
  ['load x', 1, 'invalid step definition "x": not a valid duration string: "x"'],
  [
    'load 1m\n  x 1\n  x{a="b"',
    3,
    'series x{a="b": unexpected end of line at character 8, expected "," or "}"',
  ],
  ['load 1m\n  x{a=b} 1', 2, 'series x{a=b} 1: unexpected "b} 1" at character 5, expected a string'],
  ['load 1m\n  x{a="b",a="c"} 1', 2, 'series x{a="b",a="c"}: a label stands there twice'],
  ['load 1m\n  1 1', 2, 'series 1 1: unexpected "1 1" at character 1, expected a metric name or "{"'],
  ['load 1m\n  x 1+2', 2, 'series values: unexpected 1+2, expected a number, a histogram, "_" or "stale"'],
  ['load 1m\n  x 1x9999999', 2, '1x9999999: a line has at most 1000000 items'],
  ['load 1m\n  x {{}}x9999999', 2, '}}x9999999: a line has at most 1000000 items'],
  [
    'load 1m\n  x {{sums:1}}',
    2,
    'series values: bad histogram descriptor found: "sums" at character 4 of the values',
  ],
  ['load 1m\n  x@st 1m', 2, '@st line has no following sample line'],
  ['load 1m\n  x@st 1m\n  x@st 1m\n  x 1', 2, '@st line has no following sample line'],
  ['load 1m\n  x@st 1m\n  y 1', 2, '@st metric does not match the following sample line metric'],
  ['load 1m\n  x@st 1m 1m\n  x 1', 2, '@st line has 2 values but sample line has 1'],
  ['load 1m\n  x@st 1q\n  x 1', 2, 'invalid duration 1q: unknown unit "q" in duration "1q"'],
  ['eval instant x', 1, /^invalid evaluation command/],
  ['eval instant at 1q x', 1, 'invalid timestamp definition "1q": unknown unit "q" in duration "1q"'],
  ['eval instant at 1m x +', 1, '4: parse error: unexpected end of input'],
  ['eval range from 2m to 1m step 1m x', 1, /end timestamp \(1m\) is before start timestamp \(2m\)$/],
  ['eval instant at 1m x\n  x 1 2', 2, /^expecting 2 values in instant evaluation not allowed/],
  ['eval instant at 1m x\n  x', 2, /^expecting 0 values/],
  ['eval instant at 1m x\n  expect nothing', 2, /^invalid expect statement/],
  ['eval instant at 1m x\n  expect warn regex: (', 2, /^invalid regex \(: /],
  ['eval instant at 1m x\n  expect warn\n  expect no_warn', 3, /warn and no_warn cannot be used together$/],
  ['eval instant at 1m x\n  expect info\n  expect no_info', 3, /info and no_info cannot be used together$/],
  ['eval instant at 1m x\n  expect fail\n  expect fail', 3, /multiple expect fail lines are not allowed$/],
  ['eval instant at 1m x\n  expect string text', 2, /^expected string literal not valid/],
  ['eval instant at 1m x\n  expect range vector from 1m', 2, /^invalid range vector definition/],
  [
    'eval range from 1m to 2m step 1m x\n  expect range vector from 1m to 2m step 1m',
    2,
    /^a range query gives no/,
  ],
  ['eval instant at 1m x\n  12\n  x 1', 3, 'invalid command "x 1"'],
])('%j is wrong', async (script, line, message) => {
  const { passed, problems } = await runScript(script);
  expect([passed, problems]).toEqual([
    0,
    [{ line, message: typeof message === 'string' ? message : (expect.stringMatching(message) as string) }],
  ]);
});
