import { RESET_HINT } from '@munjigi/model';
import { expect, test } from 'vitest';
import type { Histogram } from './histogram.ts';
import { parseHistogram, readHistogramItem } from './parse.ts';

function plain(h: Histogram): object {
  const { positiveIndex, positive, negativeIndex, negative, bounds, ...rest } = h;
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== 0)),
    ...(positive.length > 0 ? { positive: [...positiveIndex].map((i, k) => [i, positive[k]]) } : {}),
    ...(negative.length > 0 ? { negative: [...negativeIndex].map((i, k) => [i, negative[k]]) } : {}),
    ...(bounds === null ? {} : { bounds: [...bounds] }),
  };
}

test.each<[string, object | string]>([
  ['{{}}', {}],
  ['{{ }}', {}],
  [
    '{{schema:2 sum:-0.5 count:1e3 z_bucket:2 z_bucket_w:0.001}}',
    { schema: 2, sum: -0.5, count: 1000, zeroCount: 2, zeroThreshold: 0.001 },
  ],
  [
    '{{buckets:[1 2.5 0] offset:-1 }}',
    {
      positive: [
        [-1, 1],
        [0, 2.5],
        [1, 0],
      ],
    },
  ],
  [
    '{{n_buckets:[3 4 ] n_offset:7}}',
    {
      negative: [
        [7, 3],
        [8, 4],
      ],
    },
  ],
  [
    '{{schema:-53 custom_values:[-1 0.5 Inf] buckets:[1]}}',
    { schema: -53, bounds: [-1, 0.5, Infinity], positive: [[0, 1]] },
  ],
  ['{{counter_reset_hint:not_reset Sum:NaN}}', { resetHint: RESET_HINT.notReset, sum: NaN }],
  ['{{sum:-Inf\tcount:010}}', { sum: -Infinity, count: 8 }],
  ['{{sum:1 sum:2}}', 'duplicate key "sum" in histogram'],
  ['{{summe:1}}', 'bad histogram descriptor found: "summe"'],
  ['{{sum 1}}', 'missing `:` for histogram descriptor'],
  ['{{counter_reset_hint:maybe}}', 'bad histogram descriptor found: "maybe"'],
  ['{{sum:1,count:2}}', "histogram description incomplete unexpected: ','"],
  ['{{sum:1', 'histogram description incomplete unexpected: end of input'],
  ['{{ sum:1}}', "histogram description incomplete unexpected: 's'"],
  ['{{buckets:[1,2]}}', "invalid character in buckets description: ','"],
  ['{{buckets:[]}}', "expected a number, got ']'"],
  ['{{sum:+1}}', "expected a number, got '+'"],
  ['{{offset:1.5}}', "histogram description incomplete unexpected: '.'"],
  ['{{schema:x}}', "error parsing schema number: 'x'"],
  ['{{}}x3', 'unexpected "x3"'],
  ['1', 'expected "{{"'],
])('%s', (text, wanted) => {
  const parsed = parseHistogram(text);
  if ('error' in parsed) expect(parsed.error).toBe(wanted);
  else expect(plain(parsed.h)).toEqual(wanted);
});

const COUNTS = (text: string): number[] | string => {
  const item = readHistogramItem(text);
  return 'error' in item ? item.error : item.histograms.map((h) => h.count);
};

test.each<[string, number[] | string]>([
  ['{{count:1}}', [1]],
  ['{{count:1}}x2', [1, 1, 1]],
  ['{{count:1}}x0', [1]],
  ['{{count:1}}+{{count:2}}x3', [1, 3, 5, 7]],
  ['{{count:9}}-{{count:2}}x3', [9, 7, 5, 3]],
  ['{{count:9}}-{{count:2}}', 'unexpected end of a histogram series, expected "x" and how often'],
  ['{{}}x1000001', 'a series has at most 1000000 values, not 1000001'],
  ['{{schema:1}}+{{schema:0}}x1', 'error combining histograms: cannot merge from schema 0 to 1'],
  [
    '{{schema:-53 custom_values:[1]}}+{{schema:0}}x1',
    'cannot apply this operation on histograms with a mix of exponential and custom bucket schemas',
  ],
])('series %s', (text, wanted) => {
  expect(COUNTS(text)).toEqual(wanted);
});

test('an item in a line ends where it ends and says whether a hint was named', () => {
  const line = '_ {{count:1}}+{{count:1 counter_reset_hint:gauge}}x1 7';
  const item = readHistogramItem(line, 2);
  if ('error' in item) throw new Error(item.error);
  expect(line.slice(item.end)).toBe(' 7');
  expect(item.hintSet).toBe(true);
  expect(item.histograms.map((h) => h.resetHint)).toEqual([RESET_HINT.unknown, RESET_HINT.gauge]);
});

test('any text gives histograms or an error within it', () => {
  const seed =
    '{{schema:-53 sum:-1e3 count:2 z_bucket:1 z_bucket_w:.5 buckets:[1 2] offset:-3 n_buckets:[NaN] custom_values:[1 Inf]}}+{{counter_reset_hint:gauge}}x3';
  let random = 1;
  const below = (n: number): number => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return Math.floor((random / 2 ** 32) * n);
  };
  for (let round = 0; round < 5000; round++) {
    let text = seed;
    for (let i = below(4); i >= 0; i--) {
      const at = below(text.length + 1);
      const piece = seed.slice(below(seed.length), below(seed.length));
      text = text.slice(0, at) + (below(2) === 0 ? piece : '') + text.slice(at + below(9));
    }
    const item = readHistogramItem(text);
    const place = 'error' in item ? item.at : item.end;
    expect(place >= 0 && place <= text.length).toBe(true);
  }
});
