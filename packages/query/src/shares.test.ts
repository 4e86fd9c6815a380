import { ENCODING, type Selection } from '@munjigi/model';
import type { Fragment } from '@munjigi/promql';
import { expect, test } from 'vitest';
import { shareOut } from './shares.ts';

const FRAGMENT: Fragment = {
  id: 1,
  matchers: [],
  grid: { start_ms: 0, step_ms: 1, steps: 10 },
  range_ms: 1,
  func: 'last',
  args: [],
  aggregate: null,
  place: '',
};

/** One chunk a series, of so many samples. */
function selection(samples: readonly number[]): Selection {
  const n = samples.length;
  const zeros = new Float64Array(n);
  return {
    count: n,
    symbols: { count: 0, index: [], data: [] },
    labelFirst: new Uint32Array(n + 1),
    labelSymbols: new Uint32Array(0),
    first: Uint32Array.from({ length: n + 1 }, (_, i) => i),
    chunks: {
      arena: new Uint16Array(n),
      source: new Uint16Array(n),
      offset: zeros,
      bytes: new Uint32Array(n),
      samples: Uint32Array.from(samples),
      mint: zeros,
      maxt: zeros,
      encoding: new Uint8Array(n).fill(ENCODING.plain),
    },
    arenas: [],
    deleted: null,
    warnings: [],
  };
}

test.for<readonly [name: string, samples: number[], workers: number, bounds: number[]]>([
  ['nothing', [], 4, [0, 0]],
  ['too little to share', [100, 100, 100], 4, [0, 3]],
  ['one worker', [1e6, 1e6], 1, [0, 2]],
  ['even halves', [1e6, 1e6, 1e6, 1e6], 2, [0, 2, 4]],
  ['more workers than series', [1e6, 1e6], 4, [0, 1, 2]],
  ['enough for two of four', [160e3, 160e3, 1, 1], 4, [0, 1, 4]],
  ['one heavy series first', [9e6, 1, 1, 1], 3, [0, 0, 1, 4]],
  ['one heavy series last', [1, 1, 1, 9e6], 2, [0, 3, 4]],
])('%s', ([, samples, workers, bounds]) => {
  expect(shareOut(FRAGMENT, selection(samples), workers)).toEqual(bounds);
});
