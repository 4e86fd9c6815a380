import { expect, test } from 'vitest';
import {
  appendEmptyRows,
  appendHistogramRow,
  halvesOf,
  moveHistogramRow,
  newHistogramColumns,
  sameHistogram,
  validateHistogram,
} from './histogram.ts';
import { isStale, setStale } from './sample.ts';
import { KIND, type HistogramColumns } from './storage.ts';

interface Parts {
  schema?: number;
  count?: number;
  zeroCount?: number;
  zeroThreshold?: number;
  sum?: number;
  spans?: readonly (readonly [offset: number, length: number])[];
  buckets?: readonly number[];
  negativeSpans?: readonly (readonly [offset: number, length: number])[];
  negative?: readonly number[];
  bounds?: readonly number[];
}

function row(p: Parts): HistogramColumns {
  const h = newHistogramColumns(1);
  const spans = [...(p.spans ?? []), ...(p.negativeSpans ?? [])];
  const buckets = [...(p.buckets ?? []), ...(p.negative ?? [])];
  h.n = 1;
  h.schema[0] = p.schema ?? 0;
  h.count[0] = p.count ?? 0;
  h.zeroCount[0] = p.zeroCount ?? 0;
  h.zeroThreshold[0] = p.zeroThreshold ?? 0;
  h.sum[0] = p.sum ?? 0;
  h.spanOffset = Int32Array.from(spans, ([offset]) => offset);
  h.spanLength = Uint32Array.from(spans, ([, length]) => length);
  h.bucket = Float64Array.from(buckets);
  h.bound = Float64Array.from(p.bounds ?? []);
  h.spans = spans.length;
  h.buckets = buckets.length;
  h.bounds = h.bound.length;
  h.positiveSpanEnd[0] = h.negativeSpanFirst[0] = p.spans?.length ?? 0;
  h.negativeSpanEnd[0] = spans.length;
  h.positiveEnd[0] = h.negativeFirst[0] = p.buckets?.length ?? 0;
  h.negativeEnd[0] = buckets.length;
  h.boundEnd[0] = h.bounds;
  return h;
}

const GOOD: Parts = {
  count: 10,
  zeroCount: 1,
  spans: [
    [-2, 2],
    [3, 1],
  ],
  buckets: [1, 2, 3],
  negativeSpans: [[0, 1]],
  negative: [3],
};
const CUSTOM: Parts = { schema: -53, count: 3, spans: [[0, 2]], buckets: [1, 2], bounds: [0.5, 1] };
const { histogram, floatHistogram } = KIND;

test.each<[string, number, Parts, RegExp | null]>([
  ['good', histogram, GOOD, null],
  ['good, of floats', floatHistogram, { ...GOOD, count: 0.5 }, null],
  ['nothing in it', histogram, {}, null],
  ['custom', histogram, CUSTOM, null],
  ['custom, the last bucket', histogram, { ...CUSTOM, count: 1, spans: [[2, 1]], buckets: [1] }, null],
  ['NaN observations are in no bucket', histogram, { ...GOOD, count: 12, sum: NaN }, null],
  ['too many in the buckets', histogram, { ...GOOD, count: 9, sum: NaN }, /hold 10 observations.*says 9/],
  ['count differs', histogram, { ...GOOD, count: 11 }, /hold 10 observations/],
  ['schema', histogram, { schema: 9 }, /schema 9/],
  [
    'negative offset',
    histogram,
    {
      ...GOOD,
      spans: [
        [0, 2],
        [-1, 1],
      ],
    },
    /positive side: span 2 .*-1/,
  ],
  ['too few buckets', histogram, { ...GOOD, buckets: [1, 2] }, /positive side: .*need 3 buckets, it has 2/],
  ['out of range', histogram, { ...GOOD, spans: [[2 ** 31 - 2, 3]] }, /out of range/],
  ['out of range below', histogram, { ...GOOD, spans: [[-(2 ** 31), 3]] }, /out of range/],
  ['a negative bucket', histogram, { ...GOOD, negative: [-3] }, /negative side: bucket 1 .*-3/],
  ['a negative zero bucket', floatHistogram, { ...GOOD, zeroCount: -1 }, /zero bucket/],
  ['a negative count', floatHistogram, { ...GOOD, count: -1 }, /count of observations is negative/],
  ['not whole', histogram, { ...GOOD, buckets: [0.5, 2.5, 3] }, /whole number/],
  ['too large', histogram, { count: 2 ** 52, spans: [[0, 1]], buckets: [2 ** 52] }, /2\^51/],
  ['bounds with exponential buckets', histogram, { ...GOOD, bounds: [1] }, /no custom bounds/],
  ['custom: bounds fall', histogram, { ...CUSTOM, bounds: [1, 1] }, /they must rise/],
  ['custom: NaN', histogram, { ...CUSTOM, bounds: [NaN] }, /NaN/],
  ['custom: +Inf', histogram, { ...CUSTOM, bounds: [1, Infinity] }, /\+Inf/],
  ['custom: too few bounds', histogram, { ...CUSTOM, bounds: [] }, /too few/],
  ['custom: zero bucket', histogram, { ...CUSTOM, zeroCount: 1, count: 4 }, /zero bucket/],
  ['custom: zero threshold', histogram, { ...CUSTOM, zeroThreshold: 1 }, /threshold/],
  ['custom: negative buckets', histogram, { ...CUSTOM, negativeSpans: [[0, 0]] }, /negative buckets/],
])('valid? %s', (_, kind, parts, wrong) => {
  const said = validateHistogram(row(parts), 0, kind);
  if (wrong === null) expect(said).toBeNull();
  else expect(said).toMatch(wrong);
});

test('rows are copied whole, with the bits of their sum', () => {
  const from = row(GOOD);
  setStale(halvesOf(from.sum), 0);
  const to = newHistogramColumns(0);
  appendEmptyRows(to, 3);
  for (let i = 0; i < 20; i++) expect(appendHistogramRow(to, from, 0)).toBe(3 + i);
  expect(appendHistogramRow(to, row(CUSTOM), 0)).toBe(23);
  expect(isStale(halvesOf(to.sum), 22)).toBe(true);
  expect(sameHistogram(to, 22, from, 0)).toBe(true);
  expect(sameHistogram(to, 23, row(CUSTOM), 0)).toBe(true);
  moveHistogramRow(to, 1, 23);
  expect(sameHistogram(to, 1, row(CUSTOM), 0)).toBe(true);
  expect(validateHistogram(to, 1, histogram)).toBeNull();
});

test.each<[string, Parts, Parts, boolean]>([
  ['themselves', GOOD, GOOD, true],
  [
    'spans cut otherwise',
    GOOD,
    {
      ...GOOD,
      spans: [
        [-2, 1],
        [0, 1],
        [1, 0],
        [2, 1],
      ],
    },
    true,
  ],
  [
    'a span without buckets at the end',
    GOOD,
    {
      ...GOOD,
      negativeSpans: [
        [0, 1],
        [7, 0],
      ],
    },
    true,
  ],
  [
    'another bucket',
    GOOD,
    {
      ...GOOD,
      spans: [
        [-2, 2],
        [4, 1],
      ],
    },
    false,
  ],
  ['other counts', GOOD, { ...GOOD, buckets: [1, 3, 2] }, false],
  ['another sum', GOOD, { ...GOOD, sum: -0 }, false],
  ['other bounds', CUSTOM, { ...CUSTOM, bounds: [0.5, 2] }, false],
  ['another schema', GOOD, { ...GOOD, schema: 1 }, false],
])('the same? %s', (_, a, b, same) => {
  expect(sameHistogram(row(a), 0, row(b), 0)).toBe(same);
  expect(sameHistogram(row(b), 0, row(a), 0)).toBe(same);
});
