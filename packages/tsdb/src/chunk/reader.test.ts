import {
  ENCODING,
  HIGH,
  LOW,
  STALE_HIGH,
  STALE_LOW,
  isStale,
  newColumn,
  setStale,
  type Intervals,
  type Selection,
} from '@munjigi/model';
import { expect, test } from 'vitest';
import { openChunkReader } from './reader.ts';
import { appendXor, newXorState } from './xor-encode.ts';

interface Chunk {
  readonly source: number;
  readonly encoding: number;
  readonly samples: readonly (readonly [t: number, v: number])[];
}

/** One series with these chunks, in one arena. */
function selection(chunks: readonly Chunk[], deleted: Intervals | null = null): Selection {
  const buffer = new SharedArrayBuffer(65_536);
  const b = new Uint8Array(buffer);
  const n = chunks.length;
  const table = {
    arena: new Uint16Array(n),
    source: new Uint16Array(n),
    offset: new Float64Array(n),
    bytes: new Uint32Array(n),
    samples: new Uint32Array(n),
    mint: new Float64Array(n),
    maxt: new Float64Array(n),
    encoding: new Uint8Array(n),
  };
  chunks.forEach(({ source, encoding, samples }, i) => {
    const at = i * 8192;
    const times = samples.map(([t]) => t);
    table.source[i] = source;
    table.encoding[i] = encoding;
    table.offset[i] = at;
    table.samples[i] = samples.length;
    table.mint[i] = Math.min(...times);
    table.maxt[i] = Math.max(...times);
    const v = Float64Array.from(samples, ([, x]) => x);
    const bits = new Uint32Array(v.buffer);
    if (encoding === ENCODING.plain) {
      new Float64Array(buffer, at, 2 * samples.length).set(samples.flat());
      return;
    }
    const state = newXorState(1);
    times.forEach((t, k) => appendXor(b, at, state, 0, t, bits[2 * k + HIGH]!, bits[2 * k + LOW]!));
    table.bytes[i] = (state.bits[0]! + 7) >> 3;
  });
  return {
    count: 1,
    symbols: { count: 0, index: [], data: [] },
    labelFirst: Uint32Array.of(0, 0),
    labelSymbols: new Uint32Array(0),
    first: Uint32Array.of(0, n),
    chunks: table,
    arenas: [{ kind: 'memory', id: 0, buffer }],
    deleted,
    warnings: [],
  };
}

function read(s: Selection, mint: number = -Infinity, maxt: number = Infinity): [number, number][] {
  const [rows, kernelRows] = [false, true].map((kernel) => {
    const column = newColumn(1);
    openChunkReader(undefined, { kernel }).series(s, 0, mint, maxt, column);
    return Array.from({ length: column.n }, (_, i): [number, number] => [column.t[i]!, column.v[i]!]);
  });
  expect(kernelRows).toEqual(rows);
  return rows!;
}

const { xor, plain } = ENCODING;

test.each<[string, Chunk[], [number, number][]]>([
  ['no chunks', [], []],
  [
    'one after the other',
    [
      {
        source: 0,
        encoding: xor,
        samples: [
          [1, 10],
          [2, 20],
        ],
      },
      {
        source: 0,
        encoding: plain,
        samples: [
          [3, 30],
          [4, 40],
        ],
      },
    ],
    [
      [1, 10],
      [2, 20],
      [3, 30],
      [4, 40],
    ],
  ],
  [
    'plain, as it came: sorted, the later of equal times wins',
    [
      {
        source: 0,
        encoding: plain,
        samples: [
          [5, 1],
          [3, 2],
          [5, 3],
          [4, 4],
        ],
      },
    ],
    [
      [3, 2],
      [4, 4],
      [5, 3],
    ],
  ],
  [
    'overlap: the newest source wins at equal times',
    [
      {
        source: 2,
        encoding: xor,
        samples: [
          [1, 1],
          [3, 3],
          [5, 5],
        ],
      },
      {
        source: 1,
        encoding: plain,
        samples: [
          [2, -2],
          [3, -3],
          [6, -6],
        ],
      },
    ],
    [
      [1, 1],
      [2, -2],
      [3, 3],
      [5, 5],
      [6, -6],
    ],
  ],
  [
    'overlap of three, a newer one in the middle',
    [
      {
        source: 1,
        encoding: xor,
        samples: [
          [1, 1],
          [2, 1],
          [9, 1],
        ],
      },
      {
        source: 3,
        encoding: xor,
        samples: [
          [2, 3],
          [4, 3],
        ],
      },
      {
        source: 2,
        encoding: xor,
        samples: [
          [2, 2],
          [4, 2],
          [5, 2],
        ],
      },
    ],
    [
      [1, 1],
      [2, 3],
      [4, 3],
      [5, 2],
      [9, 1],
    ],
  ],
])('%s', (_, chunks, wanted) => {
  expect(read(selection(chunks))).toEqual(wanted);
});

test.each<[number, number, number[]]>([
  [2, 4, [2, 3, 4]],
  [-5, 1, [1]],
  [7, 9, [7]],
  [3.5, 3.6, []],
  [5, 4, []],
])('the range [%d, %d] is cut on both sides', (mint, maxt, wanted) => {
  const samples = [1, 2, 3, 4, 5, 6, 7].map((t) => [t, t] as const);
  const s = selection([
    { source: 0, encoding: xor, samples: samples.slice(0, 4) },
    { source: 0, encoding: xor, samples: samples.slice(4) },
  ]);
  expect(read(s, mint, maxt).map(([t]) => t)).toEqual(wanted);
});

test('deleted ranges are dropped', () => {
  const samples = [1, 2, 3, 4, 5, 6].map((t) => [t, t] as const);
  const deleted = {
    first: Uint32Array.of(0, 2),
    source: Uint16Array.of(0, 0),
    mint: Float64Array.of(2, 6),
    maxt: Float64Array.of(3, 9),
  };
  expect(read(selection([{ source: 0, encoding: xor, samples }], deleted)).map(([t]) => t)).toEqual([
    1, 4, 5,
  ]);
});

test.each([xor, plain])('StaleNaN keeps its bits through encoding %d, merging and cutting', (encoding) => {
  const s = selection([
    {
      source: 0,
      encoding,
      samples: [
        [1, 1],
        [2, 0],
        [3, 3],
      ],
    },
    {
      source: 1,
      encoding,
      samples: [
        [3, 4],
        [4, 5],
      ],
    },
  ]);
  const buffer = s.arenas[0]!.kind === 'memory' ? s.arenas[0]!.buffer : new SharedArrayBuffer(0);
  if (encoding === plain) setStale(new Uint32Array(buffer), 3);
  else {
    const state = newXorState(1);
    const b = new Uint8Array(buffer);
    appendXor(b, 0, state, 0, 1, 0x3ff00000, 0);
    appendXor(b, 0, state, 0, 2, STALE_HIGH, STALE_LOW);
    appendXor(b, 0, state, 0, 3, 0x40080000, 0);
  }
  const column = newColumn(1);
  openChunkReader().series(s, 0, 2, 9, column);
  expect(isStale(column.bits, 0)).toBe(true);
  expect(Array.from(column.t.subarray(0, column.n))).toEqual([2, 3, 4]);
  expect(column.v[1]).toBe(4);
});

test.each<[string, Selection, RegExp]>([
  [
    'an encoding that cannot be read',
    { ...selection([{ source: 0, encoding: 9, samples: [[1, 1]] }]) },
    /encoding 9/,
  ],
  [
    'a file',
    {
      ...selection([{ source: 0, encoding: xor, samples: [[1, 1]] }]),
      arenas: [{ kind: 'file', id: 0, path: '/x' }],
    },
    /\/x: this reader was opened without files/,
  ],
])('%s is an error', (_, s, message) => {
  expect(() => read(s)).toThrow(message);
});
