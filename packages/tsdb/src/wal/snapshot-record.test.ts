import { simWorld } from '@munjigi/env/sim';
import { newHistogramColumns } from '@munjigi/model';
import { expect, test } from 'vitest';
import { addPlainHistogram, plainHistogram, type PlainHistogram } from '../testing/wal-entries.ts';
import { newByteWriter } from './bytes.ts';
import { putExemplars } from './record.ts';
import {
  SNAPSHOT_RECORD,
  listSnapshots,
  putSnapshotSeries,
  putSnapshotTombstones,
  readSnapshotRecord,
  removeOldSnapshots,
  snapshotName,
  type SnapshotChunk,
  type SnapshotSink,
} from './snapshot-record.ts';

const LABELS = ['__name__', 'm', 'ä', 'b'];
const HISTOGRAM: PlainHistogram = {
  hint: 2,
  schema: 1,
  zeroThreshold: 0.5,
  zeroCount: 1,
  count: 6,
  sum: '7ff0000000000002',
  positiveSpans: [[0, 2]],
  negativeSpans: [[1, 1]],
  positive: [1, 3],
  negative: [1],
  bounds: [],
};

function texts(labels: readonly string[]): Parameters<typeof putSnapshotSeries>[3] {
  const bytes = labels.map((text) => new TextEncoder().encode(text));
  return {
    length: (i) => bytes[i]!.length,
    copy: (i, b, at) => {
      b.set(bytes[i]!, at);
      return at + bytes[i]!.length;
    },
  };
}

/** A sink that keeps plain data. */
function collect(out: unknown[]): SnapshotSink {
  return {
    series: (ref, labels, chunk) => {
      if (chunk === null) out.push({ ref, labels });
      else {
        const { b, at, bytes, h, ...rest } = chunk;
        const histogram = h === null ? null : plainHistogram(h, chunk.row);
        out.push({ ref, labels, ...rest, data: [...b.subarray(at, at + bytes)], histogram });
      }
    },
    tombstone: (...args) => void out.push(args),
    exemplar: (...args) => void out.push(args),
  };
}

function read(w: { b: Uint8Array; n: number }): { out: unknown[]; wrong: string } {
  const out: unknown[] = [];
  return { wrong: readSnapshotRecord(w.b, 0, w.n, collect(out)), out };
}

test.each([1, 2, 3, 4, 5, 6])('a series with an open chunk of encoding %d', (encoding) => {
  const h = newHistogramColumns(1);
  const row = addPlainHistogram(h, HISTOGRAM);
  const float = encoding === 1 || encoding === 4;
  // Encodings with their count inside have it in the lower 14 bits.
  const data = encoding > 4 ? [0xc0, 119, 1, 2, 3, 4] : [1, 2, 3, 4, 5];
  const chunk: SnapshotChunk = {
    mint: -5,
    maxt: 1_700_000_000_000,
    encoding,
    samples: 119,
    b: Uint8Array.from([0, 0, ...data, 0]),
    at: 2,
    bytes: data.length,
    lastHigh: 0x7ff00000,
    lastLow: 2,
    h: float ? null : h,
    row,
  };
  const w = newByteWriter(4);
  putSnapshotSeries(w, 2 ** 40 + 1, LABELS.length, texts(LABELS), chunk);
  const { out, wrong } = read(w);
  expect(wrong).toBe('');
  expect(out).toMatchObject([
    { ref: 2 ** 40 + 1, labels: LABELS, mint: -5, maxt: 1_700_000_000_000, encoding, samples: 119, data },
  ]);
  expect(out[0]).toMatchObject(float ? { lastHigh: 0x7ff00000, lastLow: 2 } : { histogram: HISTOGRAM });
  for (let n = 1; n < w.n; n++) expect(read({ b: w.b, n }).wrong).toMatch(/ends too early/);
});

test('a series without an open chunk, tombstones and exemplars', () => {
  const w = newByteWriter(4);
  putSnapshotSeries(w, 7, LABELS.length, texts(LABELS), null);
  expect(read(w)).toEqual({ wrong: '', out: [{ ref: 7, labels: LABELS }] });
  w.n = 0;
  putSnapshotTombstones(
    w,
    Float64Array.of(1, 2 ** 40),
    Float64Array.of(-9, 0),
    Float64Array.of(9, 2 ** 45),
    2,
  );
  expect(read(w)).toEqual({
    wrong: '',
    out: [
      [1, -9, 9],
      [2 ** 40, 0, 2 ** 45],
    ],
  });
  w.n = 0;
  putSnapshotTombstones(w, new Float64Array(0), new Float64Array(0), new Float64Array(0), 0);
  expect(read(w)).toEqual({ wrong: '', out: [] });
  w.n = 0;
  const exemplars = [
    { ref: 3, t: 100, value: 1.5, labels: ['trace', 'x'] },
    { ref: 1, t: 90, value: -2, labels: [] },
  ];
  putExemplars(w, exemplars, SNAPSHOT_RECORD.exemplars);
  expect(read(w)).toEqual({
    wrong: '',
    out: exemplars.map(({ ref, t, value, labels }) => [ref, t, value, labels]),
  });
  expect(read({ b: Uint8Array.of(4, 1), n: 2 }).wrong).toMatch(/unknown type 4/);
  expect(read({ b: Uint8Array.of(2, 1, 2), n: 3 }).wrong).toMatch(/wrong number/);
});

test('snapshots are listed by where they were taken, and older ones go', async () => {
  const world = simWorld(1);
  const { files } = world.env;
  expect(snapshotName(3, 70_000)).toBe('chunk_snapshot.000003.0000070000');
  const names = [
    snapshotName(9, 5),
    snapshotName(10, 4),
    snapshotName(10, 200),
    `${snapshotName(11, 0)}.tmp`,
  ];
  for (const name of [...names, 'wal', 'chunk_snapshot.x', 'chunk_snapshot.1.2.3'])
    files.makeDir(`/data/${name}`);
  expect(listSnapshots(files, '/data')).toEqual({
    snapshots: [
      { name: names[2], segment: 10, offset: 200 },
      { name: names[1], segment: 10, offset: 4 },
      { name: names[0], segment: 9, offset: 5 },
    ],
    leftovers: [names[3]],
  });
  await world.run(removeOldSnapshots(files, '/data'));
  expect(listSnapshots(files, '/data')).toMatchObject({ snapshots: [{ name: names[2] }], leftovers: [] });
  expect(files.list('/data').map(({ name }) => name)).toContain('chunk_snapshot.x');
});
