import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { collectEntries, cutRecords, writeEntries, type LogEntry } from '../testing/wal-entries.ts';
import { newByteWriter, putInt64, putVarint, readVarint, type ByteReader } from './bytes.ts';
import { putHistogram } from './record-histogram.ts';
import { RECORD, beginRecord, readRecord } from './record.ts';
import { newHistogramColumns } from '@munjigi/model';
import { addPlainHistogram } from '../testing/wal-entries.ts';

interface Vector {
  readonly name: string;
  readonly st: boolean;
  readonly entries: LogEntry[];
  readonly hex: string[];
}

/** Our entries, and the records that Prometheus 3.16's encoder made of them. */
const VECTORS = JSON.parse(
  readFileSync(new URL('testdata/records.json', import.meta.url), 'utf8'),
) as Vector[];

const hexOf = (b: Uint8Array): string => Buffer.from(b).toString('hex');

test.each(VECTORS)('$name: the bytes of Prometheus, both ways', ({ entries, hex, st }) => {
  expect(cutRecords(writeEntries(entries, st)).map(hexOf)).toEqual(hex);
  const read: LogEntry[] = [];
  for (const record of hex) {
    const b = Buffer.from(`ffff${record}ffff`, 'hex');
    expect(readRecord(b, 2, b.length - 2, collectEntries(read))).toBe('');
  }
  const byKind = (list: readonly LogEntry[]): LogEntry[] =>
    list.toSorted((a, b) => a.kind.localeCompare(b.kind));
  // Custom buckets stand in a record of their own, behind the others of their kind.
  const custom = (e: LogEntry): boolean => 'h' in e && e.h.schema === -53 && !st;
  const expected = [...entries.filter((e) => !custom(e)), ...entries.filter(custom)];
  expect(byKind(read)).toEqual(byKind(expected));
});

test.each(VECTORS)('$name: cut off anywhere, an error or a shorter list', ({ hex }) => {
  for (const record of hex) {
    const b = Buffer.from(record, 'hex');
    for (let to = 1; to < b.length; to++) {
      const read: LogEntry[] = [];
      expect(readRecord(b, 0, to, collectEntries(read))).toMatch(/^$|ends too early/);
    }
  }
});

test('records that this version does not know are told and skipped', () => {
  const unknown: number[] = [];
  const entries: LogEntry[] = [];
  expect(readRecord(Uint8Array.of(200, 1, 2, 3), 0, 4, collectEntries(entries, unknown))).toBe('');
  expect({ unknown, entries }).toEqual({ unknown: [200], entries: [] });
  expect(readRecord(new Uint8Array(0), 0, 0, collectEntries(entries))).toBe('empty record');
});

const EMPTY = {
  hint: 0,
  schema: 0,
  zeroThreshold: 0,
  zeroCount: 0,
  count: 0,
  sum: '0000000000000000',
  positiveSpans: [],
  negativeSpans: [],
  positive: [],
  negative: [],
  bounds: [],
};

test.each([
  ['an unknown schema', { schema: 53 }, null],
  ['fewer buckets than spans say', { positiveSpans: [[0, 2]], positive: [1] }, null],
  [
    'a reserved finer schema becomes the finest known one',
    {
      schema: 10,
      positiveSpans: [
        [1, 3],
        [2, 3],
        [100, 1],
      ],
      positive: [1, 2, 3, 4, 5, 6, 7],
      negativeSpans: [[-7, 2]],
      negative: [1, 1],
    },
    {
      schema: 8,
      positiveSpans: [
        [1, 2],
        [25, 1],
      ],
      // 1, 2, 3 become 1; 6, 7, 8 become 2; 109 becomes 28.
      positive: [6, 15, 7],
      negativeSpans: [[-1, 1]],
      negative: [2],
    },
  ],
])('histograms: %s', (_, change, expected) => {
  const h = newHistogramColumns(1);
  addPlainHistogram(h, { ...EMPTY, ...change });
  const w = newByteWriter(64);
  beginRecord(w, RECORD.floatHistograms);
  w.n = putVarint(w.b, putVarint(w.b, putInt64(w.b, putInt64(w.b, w.n, 1), 2), 0), 0);
  const unknown: number[] = [];
  const entries: LogEntry[] = [];
  putHistogram(w, 2, h, 0);
  expect(readRecord(w.b, 0, w.n, collectEntries(entries, unknown))).toBe('');
  if (expected === null) expect({ entries, unknown }).toEqual({ entries: [], unknown: [8] });
  else expect(entries).toMatchObject([{ ref: 1, t: 2, h: { ...EMPTY, ...expected } }]);
});

test.each([
  [2 ** 53, 2n ** 53n],
  [-(2 ** 53), -(2n ** 53n)],
  [2 ** 63, 2n ** 63n - 1n],
  [-(2 ** 63), -(2n ** 63n)],
  [Infinity, 2n ** 63n - 1n],
])('varints beyond 2^52: %d', (x, whole) => {
  const b = new Uint8Array(12);
  const end = putVarint(b, 0, x);
  let zigzag = 0n;
  b.subarray(0, end).forEach((c, i) => (zigzag |= BigInt(c & 127) << BigInt(7 * i)));
  expect(BigInt.asIntN(64, (zigzag >> 1n) ^ -(zigzag & 1n))).toBe(whole);
  const r: ByteReader = { b, at: 0, end, bad: false };
  expect([readVarint(r), r.bad, r.at]).toEqual([Math.max(-(2 ** 63), Math.min(2 ** 63, x)), false, end]);
});
