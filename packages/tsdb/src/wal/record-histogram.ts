// One native histogram as log records and snapshots have it, both ways. Integer histograms have their buckets as differences to the bucket
// before; columns have absolute counts.
import {
  HIGH,
  KIND,
  LOW,
  SCHEMA_CUSTOM,
  SCHEMA_MAX,
  appendEmptyRows,
  clearHistograms,
  growHistogramParts,
  halvesOf,
  type HistogramColumns,
} from '@munjigi/model';
import { reduceRows } from '../chunk/histogram-reduce.ts';
import {
  putFloat,
  putU32,
  putUvarint,
  putVarint,
  readByte,
  readCount,
  readFloat,
  readU32,
  readUvarint,
  readVarint,
  room,
  type ByteReader,
  type ByteWriter,
} from './bytes.ts';

/** One histogram, as records and snapshots have it. */
export function putHistogram(w: ByteWriter, kind: number, h: HistogramColumns, row: number): void {
  const whole = kind === KIND.histogram;
  const spans =
    h.positiveSpanEnd[row]! - h.positiveSpanFirst[row]! + h.negativeSpanEnd[row]! - h.negativeSpanFirst[row]!;
  const buckets = h.positiveEnd[row]! - h.positiveFirst[row]! + h.negativeEnd[row]! - h.negativeFirst[row]!;
  room(w, 96 + 10 * spans + 10 * buckets + 8 * (h.boundEnd[row]! - h.boundFirst[row]!));
  const { b } = w;
  let at = w.n;
  b[at++] = h.resetHint[row]!;
  at = putVarint(b, at, h.schema[row]!);
  at = putFloat(b, at, h.zeroThreshold[row]!);
  at = whole ? putUvarint(b, at, h.zeroCount[row]!) : putFloat(b, at, h.zeroCount[row]!);
  at = whole ? putUvarint(b, at, h.count[row]!) : putFloat(b, at, h.count[row]!);
  const sums = halvesOf(h.sum);
  at = putU32(b, at, sums[2 * row + HIGH]!);
  at = putU32(b, at, sums[2 * row + LOW]!);
  at = putSpans(b, at, h, h.positiveSpanFirst[row]!, h.positiveSpanEnd[row]!);
  at = putSpans(b, at, h, h.negativeSpanFirst[row]!, h.negativeSpanEnd[row]!);
  at = putBuckets(b, at, whole, h.bucket, h.positiveFirst[row]!, h.positiveEnd[row]!);
  at = putBuckets(b, at, whole, h.bucket, h.negativeFirst[row]!, h.negativeEnd[row]!);
  if (h.schema[row] === SCHEMA_CUSTOM)
    at = putBuckets(b, at, false, h.bound, h.boundFirst[row]!, h.boundEnd[row]!);
  w.n = at;
}

function putSpans(b: Uint8Array, from: number, h: HistogramColumns, first: number, end: number): number {
  let at = putUvarint(b, from, end - first);
  for (let i = first; i < end; i++) {
    at = putVarint(b, at, h.spanOffset[i]!);
    at = putUvarint(b, at, h.spanLength[i]!);
  }
  return at;
}

function putBuckets(
  b: Uint8Array,
  from: number,
  whole: boolean,
  counts: Float64Array,
  first: number,
  end: number,
): number {
  let at = putUvarint(b, from, end - first);
  let before = 0;
  for (let i = first; i < end; i++) {
    const count = counts[i]!;
    at = whole ? putVarint(b, at, count - before) : putFloat(b, at, count);
    before = count;
  }
  return at;
}

/**
 * Reads one histogram as row 0 of h. False: a schema that is not known, or buckets that its spans contradict. Reserved finer schemas are brought
 * to the finest known one.
 */
export function readHistogram(r: ByteReader, kind: number, h: HistogramColumns): boolean {
  const whole = kind === KIND.histogram;
  clearHistograms(h);
  appendEmptyRows(h, 1);
  h.resetHint[0] = readByte(r);
  const schema = readVarint(r);
  h.schema[0] = schema;
  h.zeroThreshold[0] = readFloat(r);
  h.zeroCount[0] = whole ? readUvarint(r) : readFloat(r);
  h.count[0] = whole ? readUvarint(r) : readFloat(r);
  const sums = halvesOf(h.sum);
  sums[HIGH] = readU32(r);
  sums[LOW] = readU32(r);
  const positive = readSpans(r, h);
  h.positiveSpanEnd[0] = h.spans;
  h.negativeSpanFirst[0] = h.spans;
  const negative = readSpans(r, h);
  h.negativeSpanEnd[0] = h.spans;
  readBuckets(r, whole, h);
  h.positiveEnd[0] = h.buckets;
  h.negativeFirst[0] = h.buckets;
  readBuckets(r, whole, h);
  h.negativeEnd[0] = h.buckets;
  if (schema === SCHEMA_CUSTOM) {
    const n = readCount(r, 8);
    growHistogramParts(h, 0, 0, n);
    for (let i = 0; i < n; i++) h.bound[i] = readFloat(r);
    h.bounds = n;
    h.boundEnd[0] = n;
  }
  if (r.bad) return false;
  if (positive !== h.positiveEnd[0] || negative !== h.negativeEnd[0] - h.negativeFirst[0]) return false;
  if (schema === SCHEMA_CUSTOM || (schema >= RESERVED_MIN && schema <= SCHEMA_MAX)) return true;
  if (schema < RESERVED_MIN || schema > RESERVED_MAX) return false;
  const positiveSpans = h.positiveSpanEnd[0];
  return reduceRows(h, 0, 1, schema, SCHEMA_MAX, 0, positiveSpans, h.spans - positiveSpans);
}

/** Exponential schemas that Prometheus reads, beyond those that it writes. */
const RESERVED_MIN: number = -9;
const RESERVED_MAX = 52;

/** Returns how many buckets the spans have. */
function readSpans(r: ByteReader, h: HistogramColumns): number {
  const n = readCount(r, 2);
  growHistogramParts(h, n, 0, 0);
  let buckets = 0;
  for (let i = 0; i < n && !r.bad; i++) {
    const offset = readVarint(r);
    const length = readUvarint(r);
    if (offset < -(2 ** 31) || offset >= 2 ** 31 || length >= 2 ** 32) r.bad = true;
    h.spanOffset[h.spans] = offset;
    h.spanLength[h.spans++] = length;
    buckets += length;
  }
  return buckets;
}

function readBuckets(r: ByteReader, whole: boolean, h: HistogramColumns): void {
  const n = readCount(r, whole ? 1 : 8);
  growHistogramParts(h, 0, n, 0);
  let count = 0;
  for (let i = 0; i < n && !r.bad; i++) {
    count = whole ? count + readVarint(r) : readFloat(r);
    h.bucket[h.buckets++] = count;
  }
}
