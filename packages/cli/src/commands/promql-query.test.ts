import { expect, test } from 'vitest';
import { readAnswer, type JsonData } from './promql-query-answer.ts';
import { plotBars, plotLines } from './promql-query-plot.ts';
import { timeScale, valueScale } from './promql-query-scale.ts';
import { printCsv, printTable } from './promql-query-text.ts';
import { rangeTimes, readStep, readTime } from './promql-query-times.ts';
import { newPrinter, type Printer } from './tsdb/output.ts';

function printed(write: (out: Printer) => void): string {
  let text = '';
  const out = newPrinter({ write: (piece) => void (text += String(piece)) });
  write(out);
  out.flush();
  return text;
}

const NOW = 1_700_000_000_000;

test.each<[text: string, ms: number | null]>([
  ['now', NOW],
  ['-1h', NOW - 3_600_000],
  ['+5m', NOW + 300_000],
  ['now-1h30m', NOW - 5_400_000],
  ['now+1d', NOW + 86_400_000],
  ['1700000000.5', NOW + 500],
  ['-5', -5000],
  ['2023-11-14T22:13:20Z', NOW],
  ['2023-11-14T23:13:20.25+01:00', NOW + 250],
  ['', null],
  ['1h', null],
  ['now-', null],
  ['-1x', null],
  ['yesterday', null],
  ['2023-11-14', null],
])('the time %j', (text, ms) => {
  if (ms === null) expect(() => readTime('--time', text, NOW)).toThrow(/^--time: wants a time /);
  else expect(readTime('--time', text, NOW)).toBe(ms);
});

test.each<[text: string, ms: number | null]>([
  ['15s', 15_000],
  ['1m30s', 90_000],
  ['0.5', 500],
  ['0', null],
  ['-5', null],
  ['', null],
  ['x', null],
])('the step %j', (text, ms) => {
  if (ms === null) expect(() => readStep('--step', text)).toThrow(/^--step: wants a duration above zero/);
  else expect(readStep('--step', text)).toBe(ms);
});

test('a range has an hour and some 240 points when nothing is said', () => {
  expect(rangeTimes({}, NOW)).toEqual({
    kind: 'range',
    start_ms: NOW - 3_600_000,
    end_ms: NOW,
    step_ms: 15_000,
  });
  expect(rangeTimes({ start: '-10s' }, NOW)).toMatchObject({ step_ms: 1000 });
  expect(() => rangeTimes({ start: 'now', end: '-1h' }, NOW)).toThrow(/^--end .* is before --start /);
});

const HISTOGRAM = {
  count: '4',
  sum: '10.5',
  buckets: [
    [1, '-2', '-1', '1'],
    [3, '-0.001', '0.001', '1'],
    [0, '1', '2', '2'],
  ],
} as const;

const VECTOR: JsonData = {
  resultType: 'vector',
  result: [
    { metric: { __name__: 'up', job: 'a' }, value: [1_700_000_000, '1'] },
    { metric: { __name__: 'up', instance: 'x"\n,y' }, value: [1_700_000_000, '+Inf'] },
    { metric: { job: 'h' }, histogram: [1_700_000_000, HISTOGRAM] },
  ],
};

const MATRIX: JsonData = {
  resultType: 'matrix',
  result: [
    {
      metric: { __name__: 'up' },
      values: [
        [1_700_000_000, '1'],
        [1_700_000_030.5, 'NaN'],
      ],
      histograms: [[1_700_000_015, HISTOGRAM]],
    },
  ],
};

const HISTOGRAM_TEXT = '{count:4, sum:10.5, [-2,-1):1, [-0.001,0.001]:1, (1,2]:2}';

test.each<[name: string, data: JsonData, columns: number, text: string]>([
  ['a scalar', { resultType: 'scalar', result: [1, '2.5'] }, 80, '2.5\n'],
  ['a string', { resultType: 'string', result: [1, 'a b'] }, 80, 'a b\n'],
  ['nothing', { resultType: 'vector', result: [] }, 80, ''],
  [
    'no labels',
    { resultType: 'vector', result: [{ metric: {}, value: [1, '7'] }] },
    80,
    'SERIES  VALUE\n{}      7\n',
  ],
  [
    'a vector',
    VECTOR,
    120,
    [
      '__name__  instance  job  VALUE',
      'up                  a    1',
      'up        x"\\n,y         +Inf',
      `                    h    ${HISTOGRAM_TEXT}`,
      '',
    ].join('\n'),
  ],
  [
    'a vector on a narrow terminal',
    VECTOR,
    60,
    [
      'SERIES                  VALUE',
      'up{job="a"}             1',
      'up{instance="x\\"\\n,y"}  +Inf',
      `{job="h"}               ${HISTOGRAM_TEXT}`,
      '',
    ].join('\n'),
  ],
  [
    'a matrix',
    MATRIX,
    80,
    [
      'up',
      '  2023-11-14T22:13:20Z    1',
      `  2023-11-14T22:13:35Z    ${HISTOGRAM_TEXT}`,
      '  2023-11-14T22:13:50.5Z  NaN',
      '',
    ].join('\n'),
  ],
])('%s as a table', (_, data, columns, text) =>
  expect(printed((out) => printTable(out, readAnswer(data), columns))).toBe(text),
);

test.each<[name: string, data: JsonData, text: string]>([
  ['a scalar', { resultType: 'scalar', result: [1, '2.5'] }, 'time,value\n1970-01-01T00:00:01Z,2.5\n'],
  ['nothing', { resultType: 'matrix', result: [] }, 'time,value\n'],
  [
    'a vector',
    VECTOR,
    [
      '__name__,instance,job,time,value',
      'up,,a,2023-11-14T22:13:20Z,1',
      'up,"x""\n,y",,2023-11-14T22:13:20Z,+Inf',
      `,,h,2023-11-14T22:13:20Z,"${HISTOGRAM_TEXT}"`,
      '',
    ].join('\n'),
  ],
])('%s as CSV', (_, data, text) => expect(printed((out) => printCsv(out, readAnswer(data)))).toBe(text));

test.each<[least: number, most: number, labels: string]>([
  [0, 10, '0 2 4 6 8 10'],
  [0.1, 0.35, '0.10 0.15 0.20 0.25 0.30 0.35'],
  [5, 5, '2 3 4 5 6 7 8'],
  [0, 0, '-0.6 -0.4 -0.2 0 0.2 0.4 0.6'],
  [-3, 12_000, '-5k 0 5k 10k 15k'],
  [0, 4e6, '0 1M 2M 3M 4M'],
  [1e-9, 4e-9, '1e-9 2e-9 3e-9 4e-9'],
])('a scale from %d to %d', (least, most, labels) => {
  const scale = valueScale(least, most, 5);
  expect(scale.ticks.map(({ label }) => label).join(' ')).toBe(labels);
  expect(scale.least).toBeLessThanOrEqual(least);
  expect(scale.most).toBeGreaterThanOrEqual(most);
});

test.each<[least: number, most: number]>([
  [-1.7e308, 1.7e308],
  [0, 5e-324],
  [1, 1 + Number.EPSILON],
  [1e300, 1.1e300],
])('a scale from %d to %d ends', (least, most) => {
  const { ticks } = valueScale(least, most, 5);
  expect(ticks.length).toBeLessThan(14);
});

test.each<[to_ms: number, labels: string, day: string]>([
  [NOW + 3_600_000, '22:15 22:30 22:45 23:00', '2023-11-14 UTC'],
  [NOW + 30_000, '22:13:20 22:13:30 22:13:40 22:13:50', '2023-11-14 UTC'],
  [NOW + 3 * 86_400_000, '11-15 11-16 11-17', '2023-11-14 to 2023-11-17 UTC'],
])('times up to %d', (to_ms, labels, day) => {
  const scale = timeScale(NOW, to_ms, 5);
  expect(scale.ticks.map(({ label }) => label).join(' ')).toBe(labels);
  expect(scale.day).toBe(day);
});

const LINES: JsonData = {
  resultType: 'matrix',
  result: [
    { metric: { i: '0' }, values: [0, 60, 120, 240].map((t) => [1_700_000_000 + t, String(t / 60)]) },
    {
      metric: { i: '1' },
      values: [
        [1_700_000_000, '4'],
        [1_700_000_240, 'NaN'],
      ],
    },
  ],
};
const TIME = { from_ms: NOW, to_ms: NOW + 240_000, gap_ms: 90_000 };

test('lines are joined across a step, not across a gap', () => {
  let left = 0;
  const { series } = readAnswer(LINES);
  const text = printed((out) => (left = plotLines(out, series, TIME, { columns: 44, colour: false })));
  expect(left).toBe(1);
  const rows = text.split('\n');
  expect(rows[0]).toBe(`4 ┤b${' '.repeat(39)}a`);
  expect(rows.slice(0, 16).join('\n').replaceAll(/[^a]/g, '').length).toBeGreaterThan(10);
  expect(rows[16]).toMatch(/^ {2}└[─┬]{41}$/);
  expect(rows.slice(-3)).toEqual(['a {i="0"}', 'b {i="1"}', '']);
  // Nothing between 120 s and 240 s.
  expect(rows.slice(0, 16).every((row) => !row.slice(26, 40).includes('a'))).toBe(true);
});

test('colours only where they are wanted', () => {
  const { series } = readAnswer(LINES);
  const draw = (colour: boolean): string =>
    printed((out) => plotLines(out, series, TIME, { columns: 60, colour }));
  expect(draw(false)).not.toContain('\x1b');
  expect(draw(true)).toContain('\x1b[34m');
  expect(draw(true)).toContain('\x1b[33m━━\x1b[39m {i="1"}');
});

test('one series without colours is drawn in dots', () => {
  const series = readAnswer(LINES).series.slice(0, 1);
  expect(printed((out) => plotLines(out, series, TIME, { columns: 60, colour: false }))).toMatch(
    /[\u2801-\u28ff]/,
  );
});

test('no line is wider than the terminal', () => {
  for (const columns of [30, 60, 200]) {
    const rows = printed((out) =>
      plotLines(out, readAnswer(LINES).series, TIME, { columns, colour: false }),
    ).split('\n');
    expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(columns);
  }
});

test('an instant query is drawn as bars', () => {
  const data: JsonData = {
    resultType: 'vector',
    result: [
      { metric: { job: 'a' }, value: [1, '10'] },
      { metric: { job: 'b' }, value: [1, '-5'] },
      { metric: { job: 'c' }, value: [1, 'NaN'] },
      { metric: { job: 'd' }, value: [1, '2.5'] },
    ],
  };
  let left = 0;
  expect(
    printed((out) => (left = plotBars(out, readAnswer(data).series, { columns: 36, colour: false }))),
  ).toBe(
    [
      `{job="a"}   10  ${'█'.repeat(20)}`,
      `{job="b"}   -5  ${'─'.repeat(10)}`,
      '{job="c"}  NaN',
      `{job="d"}  2.5  ${'█'.repeat(5)}`,
      '',
    ].join('\n'),
  );
  expect(left).toBe(1);
});
