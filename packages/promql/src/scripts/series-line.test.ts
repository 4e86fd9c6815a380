import { isStale, labelsFromObject, newColumn, newHistogramColumns, KIND, FAULT } from '@munjigi/model';
import { describe, expect, test } from 'vitest';
import { CELL } from '../fragment.ts';
import { testHistogram } from '../histogram/print.ts';
import { literal } from '../histogram/testing.ts';
import { compareResult } from './compare.ts';
import { appendHistogram } from '../histogram/columns.ts';
import { customBucketSeries } from './nhcb.ts';
import { parseScript } from './script.ts';
import { parseSeriesLine, parseStartTimesLine } from './series-line.ts';
import { MemoryStore } from '../memory/store.ts';

/** Items as text: what they are read back from. */
function itemsOf(line: string): string {
  const { kind, values, histograms } = parseSeriesLine(line);
  return Array.from(kind, (k, i) => {
    if (k === CELL.absent) return '_';
    if (k === CELL.histogram) return testHistogram(histograms[i]!);
    return isStale(new Uint32Array(values.buffer), i) ? 'stale' : String(values[i]);
  }).join(' ');
}

test.each([
  ['x', ''],
  ['x 1 -2.5\t1e3  .5', '1 -2.5 1000 0.5'],
  ['x Inf -inf NaN +7 1_000 010', 'Infinity -Infinity NaN 7 1000 8'],
  ['x _ _x2 _x0 stale', '_ _ _ stale'],
  ['x 1x2 0x1 -3x0', '1 1 1 0 0 -3'],
  ['x 1+2x3 1-2x2 -1+0.5x2', '1 3 5 7 1 -1 -3 -1 -0.5 0'],
  ['x {{}} {{count:2 sum:1}}x1 3', '{{}} {{count:2 sum:1}} {{count:2 sum:1}} 3'],
  ['x {{count:2}}+{{count:1}}x2 _', '{{count:2}} {{count:3}} {{count:4}} _'],
  ['x {{count:2}}-{{count:1}}x1', '{{count:2}} {{count:1}}'],
])('%s', (line, wanted) => expect(itemsOf(line)).toBe(wanted));

test.each([
  ['up 1', { __name__: 'up' }],
  ['a:b{} 1', { __name__: 'a:b' }],
  ['{} 1', {}],
  ['sum{by="x"} 1', { __name__: 'sum', by: 'x' }],
  [String.raw`{"m n", a.b='c', "d e"="\"\u00e9\x41",} 1`, { __name__: 'm n', 'a.b': 'c', 'd e': '"éA' }],
  ['é{a=``, b=`\\n{{`} 1', { __name__: 'é', b: '\\n{{' }],
])('labels of %s', (line, wanted) => expect(parseSeriesLine(line).labels).toEqual(labelsFromObject(wanted)));

test('start timestamps', () => {
  const { labels, distance_ms } = parseStartTimesLine('x{a="b"}@st -1m _ 3s+1sx2 0s-1mx1 _x2 5msx1');
  expect(labels).toEqual(labelsFromObject({ __name__: 'x', a: 'b' }));
  expect([...distance_ms]).toEqual([-60_000, NaN, 3000, 4000, 5000, 0, -60_000, NaN, NaN, 5, 5]);
});

const BASE =
  '{{schema:1 count:9 sum:2 z_bucket:1 z_bucket_w:0.5 offset:-1 buckets:[1 2 3] n_offset:2 n_buckets:[2]}}';
const CUSTOM = '{{schema:-53 count:3 sum:2 custom_values:[1 2] buckets:[1 2]}}';

describe('histograms in results', () => {
  const differs = (want: string, got: string): boolean => {
    const { commands } = parseScript(`eval instant at 0 x\n  x ${want}`);
    const command = commands[0]!;
    if (command.kind !== 'eval') throw new Error('no eval');
    const labels = [labelsFromObject({ __name__: 'x' })];
    const at = { t_ms: 0, annotations: [], samplesRead: 0 };
    const one = { labels, values: Float64Array.of(0), histograms: [literal(got)] };
    const vector = compareResult({ type: 'vector', ...one, ...at }, command.want, null);
    const grid = { start_ms: 0, step_ms: 1, steps: 1 };
    const matrix = compareResult(
      { type: 'matrix', ...one, ...at, grid, present: Uint8Array.of(CELL.histogram) },
      command.want,
      { start_ms: 0, end_ms: 0, step_ms: 1 },
    );
    expect(matrix === '').toBe(vector === '');
    return vector !== '';
  };

  test.each([
    [BASE, BASE],
    [CUSTOM, CUSTOM],
    // Empty buckets, tiny differences, and hints that are not named do not count.
    [BASE, BASE.replace('buckets:[1 2 3]', 'buckets:[1 2 3 0]')],
    [BASE, BASE.replace('offset:-1 buckets:[1', 'offset:-2 buckets:[0 1')],
    [BASE, BASE.replace('count:9', 'count:9.000001')],
    [BASE, BASE.replace('}}', ' counter_reset_hint:gauge}}')],
    ['{{counter_reset_hint:gauge}}', '{{counter_reset_hint:gauge}}'],
    ['{{sum:NaN}}', '{{sum:NaN}}'],
  ])('%s is %s', (want, got) => expect(differs(want, got)).toBe(false));

  test.each([
    [BASE, CUSTOM],
    [BASE, BASE.replace('schema:1', 'schema:2')],
    [BASE, BASE.replace('count:9', 'count:10')],
    [BASE, BASE.replace('sum:2', 'sum:NaN')],
    [BASE, BASE.replace('z_bucket:1', 'z_bucket:2')],
    [BASE, BASE.replace('z_bucket_w:0.5', 'z_bucket_w:0.5000000001')],
    [BASE, BASE.replace('offset:-1', 'offset:-2')],
    [BASE, BASE.replace('[1 2 3]', '[1 2 4]')],
    [BASE, BASE.replace('[1 2 3]', '[1 2]')],
    [BASE, BASE.replace('[1 2 3]', '[1 0 2 3]')],
    [BASE, BASE.replace('n_offset:2', 'n_offset:3')],
    [BASE, BASE.replace('n_buckets:[2]', 'n_buckets:[1]')],
    [BASE, BASE.replace(' n_offset:2 n_buckets:[2]', '')],
    [CUSTOM, CUSTOM.replace('[1 2] buckets', '[1 2.0000000001] buckets')],
    [CUSTOM, CUSTOM.replace('[1 2] buckets', '[1] buckets')],
    [CUSTOM, CUSTOM.replace('buckets:[1 2]}', 'buckets:[2 1]}')],
    ['{{counter_reset_hint:reset}}', '{{counter_reset_hint:not_reset}}'],
    ['{{counter_reset_hint:unknown}}', '{{counter_reset_hint:gauge}}'],
    ['0', '{{}}'],
    ['stale', '{{}}'],
  ])('%s is not %s', (want, got) => expect(differs(want, got)).toBe(true));
});

describe('classic histograms as native ones', () => {
  const made = (...lines: string[]): string[] =>
    customBucketSeries(lines.map(parseSeriesLine)).flatMap(({ labels, histograms }) =>
      histograms.map(([i, h]) => `${labels.join(',')} ${i} ${testHistogram(h)}`),
    );

  test.each<[string, string[], string[]]>([
    [
      'buckets, count and sum by time',
      [
        'h_bucket{le="1",a="b"} 1 _ 3',
        'h_bucket{le="+Inf",a="b"} 2 _ 3',
        'h_count{a="b"} 2 _ 3',
        'h_sum{a="b"} 5 _ 6',
      ],
      [
        '__name__,h,a,b 0 {{schema:-53 count:2 sum:5 custom_values:[1] buckets:[1 1]}}',
        '__name__,h,a,b 2 {{schema:-53 count:3 sum:6 custom_values:[1] buckets:[3]}}',
      ],
    ],
    [
      'bounds in any order, a bound twice, one that is none',
      [
        'h_bucket{le="2.0"} 3',
        'h_bucket{le="1"} 1',
        'h_bucket{le="2"} 9',
        'h_bucket{le="x"} 5',
        'h_bucket{le="Inf"} 4',
      ],
      ['__name__,h 0 {{schema:-53 count:4 custom_values:[1 2] buckets:[1 2 1]}}'],
    ],
    [
      'without +Inf',
      ['h_bucket{le="1"} 1', 'h_count 3'],
      ['__name__,h 0 {{schema:-53 count:3 custom_values:[1] buckets:[1 2]}}'],
    ],
    [
      'a count alone',
      ['h_count 3', 'h_sum 2', 'other 1'],
      ['__name__,h 0 {{schema:-53 count:3 sum:2 custom_values:[] buckets:[3]}}'],
    ],
    [
      'fractions',
      ['h_bucket{le="1"} 0.5', 'h_bucket{le="+Inf"} 1.5'],
      ['__name__,h 0 {{schema:-53 count:1.5 custom_values:[1] buckets:[0.5 1]}}'],
    ],
  ])('%s', (_, lines, wanted) => {
    expect(made(...lines)).toEqual(wanted);
  });

  test.each([
    [['h_bucket{le="1"} 3', 'h_bucket{le="2"} 2'], 'count is not cumulative: 2 < 3 at le=2'],
    [['h_bucket{le="+Inf"} 3', 'h_count 2'], 'count mismatch: count=2 != le=+Inf count=3'],
    [['h_bucket{le="1"} -3'], 'bucket must be non-negative: -3'],
    [['h_sum 3'], 'count must be provided when no buckets are present'],
  ])('%j is refused', (lines, message) => expect(() => made(...lines)).toThrow(message));

  test('few empty buckets between whole counts are written out', () => {
    const counts = (unit: number) =>
      customBucketSeries(
        [0, 1, 1, 1, 2, 2, 2, 2, 3].map((n, le) => parseSeriesLine(`h_bucket{le="${le}"} ${n * unit}`)),
      )[0]!.histograms[0]![1].positiveIndex;
    expect([...counts(1)]).toEqual([1, 2, 3, 4, 8]);
    expect([...counts(0.5)]).toEqual([1, 4, 8]);
  });
});

describe('the store in memory', () => {
  const x = labelsFromObject({ __name__: 'x' });

  async function read(store: MemoryStore, mint = -Infinity, maxt = Infinity) {
    const selection = await store.querier().select(mint, maxt, []);
    const column = newColumn(1);
    store.reader().series(selection, 0, mint, maxt, column);
    return column;
  }

  test('keeps floats, histograms, staleness marks and start timestamps', async () => {
    const store = new MemoryStore();
    const appender = store.appender();
    const ref = appender.series(x);
    const { values } = parseSeriesLine('x 1 stale');
    appender.floats(Float64Array.of(ref, ref), Float64Array.of(0, 10), values, null, 2);
    const rows = newHistogramColumns(1);
    appendHistogram(rows, literal(BASE));
    appender.histogram(ref, 20, KIND.floatHistogram, rows, 0, 15);
    appender.floats(Float64Array.of(ref), Float64Array.of(30), Float64Array.of(4), Float64Array.of(25), 1);
    expect(await appender.commit()).toMatchObject({ accepted: 4, created: 1 });
    const all = await read(store);
    expect([...all.t.subarray(0, all.n)]).toEqual([0, 10, 20, 30]);
    expect(isStale(all.bits, 1)).toBe(true);
    expect([...all.st!.subarray(0, 4)]).toEqual([0, 0, 15, 25]);
    expect([...all.kind!.subarray(0, 4)]).toEqual([0, 0, KIND.floatHistogram, 0]);
    expect([all.h!.n, all.h!.count[2], all.h!.negativeEnd[2]! - all.h!.negativeFirst[2]!]).toEqual([4, 9, 1]);
    const floats = await read(store, 25, 35);
    expect([floats.n, floats.kind, floats.h]).toEqual([1, null, null]);
  });

  test('judges samples by their times', async () => {
    const store = new MemoryStore();
    store.add(x, [10], Float64Array.of(1));
    const appender = store.appender();
    const ref = appender.series(x);
    const t = Float64Array.of(10, 10, 9, 11);
    appender.floats(Float64Array.of(ref, ref, ref, ref), t, Float64Array.of(1, 2, 1, 1), null, 4);
    const { accepted, faults } = await appender.commit();
    expect(accepted).toBe(2);
    expect([...faults]).toEqual([FAULT.none, FAULT.duplicate, FAULT.out_of_order, FAULT.none]);
    expect(() => store.add(x, [5], Float64Array.of(1))).toThrow('not newer');
  });
});
