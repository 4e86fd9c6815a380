// Series: names, columns for the chart, stacking.
import { parse } from '@munjigi/promql';
import { describe, expect, test } from 'vitest';
import { lonePoints, printSeries, stack, toColumns, type LabelMap } from './series.ts';

describe('names', () => {
  test.each<[LabelMap, string]>([
    [{ __name__: 'up' }, 'up'],
    [{ __name__: 'up', job: 'api', instance: 'a:1' }, 'up{instance="a:1", job="api"}'],
    [{ job: 'api' }, '{job="api"}'],
    [{}, '{}'],
    [{ __name__: 'with.dot', 'odd label': 'a"b\\c\nd' }, '{"with.dot", "odd label"="a\\"b\\\\c\\nd"}'],
  ])('%j', (metric, text) => {
    expect(printSeries(metric)).toBe(text);
    // A name is an expression that can be run.
    expect('expr' in parse(text)).toBe(text !== '{}');
  });
});

describe('columns', () => {
  test('samples stand on the grid, gaps are null', () => {
    const { times, values } = toColumns(
      [
        {
          metric: {},
          values: [
            [100, '1'],
            [110.002, '2'],
            [130, '4'],
          ],
        },
        {
          metric: {},
          values: [
            [90, '9'],
            [120, 'NaN'],
            [130, '+Inf'],
            [140, '5'],
            [150, '9'],
          ],
        },
        { metric: {}, histograms: [] },
      ],
      100,
      140,
      10,
    );
    expect(times).toEqual([100, 110, 120, 130, 140]);
    expect(values).toEqual([
      [1, 2, null, 4, null],
      [null, null, null, null, 5],
      [null, null, null, null, null],
    ]);
  });
  test('a range shorter than its step has one point', () =>
    expect(toColumns([], 10, 10, 60).times).toEqual([10]));
  test('a step with a fraction loses no end', () => expect(toColumns([], 0, 0.3, 0.1).times).toHaveLength(4));

  test('stacks add up what is shown', () => {
    const values = [
      [1, 2, null],
      [10, null, 30],
      [100, 200, 300],
    ];
    expect(stack(values, () => true)).toEqual([
      [1, 2, null],
      [11, null, 30],
      [111, 202, 330],
    ]);
    expect(stack(values, (i) => i !== 1)[2]).toEqual([101, 202, 300]);
    expect(values[2]).toEqual([100, 200, 300]);
  });

  test.each<[(number | null | undefined)[], number[]]>([
    [
      [null, 1, null, 2, 3, null, 4],
      [1, 6],
    ],
    [[1], [0]],
    [[1, 2], []],
    [[undefined, 0, undefined], [1]],
    [[], []],
  ])('lone points of %j', (column, at) => expect(lonePoints(column)).toEqual(at));
});
