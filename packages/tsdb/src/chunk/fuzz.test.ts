import { Prng } from '@munjigi/env/sim';
import { ENCODING, KIND, RESET_HINT, newColumn, newHistogramColumns, type Selection } from '@munjigi/model';
import { expect, test } from 'vitest';
import { pushHistogram } from '../testing/chunk-vectors.ts';
import { fuzzChunks } from '../testing/fuzz-chunks.ts';
import { HistogramEncoder } from './histogram-encode.ts';
import { openChunkReader } from './reader.ts';

test('wrong bytes are told or give wrong samples', () => {
  expect(() => fuzzChunks(new Prng(1, 'chunks'), 2000)).not.toThrow();
});

test('a histogram that follows another after a merge is not known to be no reset', () => {
  const buffer = new SharedArrayBuffer(4096);
  const b = new Uint8Array(buffer);
  const times = [
    [1, 3, 5, 7],
    [4, 6, 7],
  ];
  const encoders = times.map((list, source) => {
    const h = newHistogramColumns();
    const e = new HistogramEncoder(KIND.histogram, false);
    list.forEach((t, i) => {
      pushHistogram(h, { t, count: i });
      e.append(t, h, i, 0, null);
    });
    b.set(e.bytes.subarray(0, e.length), source * 1024);
    return e;
  });
  const selection: Selection = {
    count: 1,
    symbols: { count: 0, index: [], data: [] },
    labelFirst: Uint32Array.of(0, 0),
    labelSymbols: new Uint32Array(0),
    first: Uint32Array.of(0, 2),
    chunks: {
      arena: new Uint16Array(2),
      source: Uint16Array.of(0, 1),
      offset: Float64Array.of(0, 1024),
      bytes: Uint32Array.from(encoders, (e) => e.length),
      samples: Uint32Array.from(encoders, (e) => e.count),
      mint: Float64Array.from(encoders, (e) => e.mint),
      maxt: Float64Array.from(encoders, (e) => e.maxt),
      encoding: new Uint8Array(2).fill(ENCODING.histogram),
    },
    arenas: [{ kind: 'memory', id: 0, buffer }],
    deleted: null,
    warnings: [],
  };
  const column = newColumn();
  openChunkReader().series(selection, 0, 0, 9, column);
  const { unknown, notReset } = RESET_HINT;
  expect(Array.from(column.t.subarray(0, column.n))).toEqual([1, 3, 4, 5, 6, 7]);
  expect(Array.from(column.h!.resetHint.subarray(0, column.n))).toEqual([
    unknown,
    notReset,
    unknown,
    unknown,
    unknown,
    notReset,
  ]);
});
