// WAL records as Prometheus writes them: series (1), samples (2), metadata (6). The bytes are drawn in ../../format/wal.md.
import { decodeUtf8, type Metadata, type MetricType } from '@munjigi/model';
import {
  putInt64,
  putText,
  putU32,
  putUvarint,
  putVarint,
  readInt64,
  readLength,
  readU32,
  readUvarint,
  readVarint,
  room,
  type ByteReader,
  type ByteWriter,
} from './bytes.ts';

export const RECORD = { series: 1, samples: 2, metadata: 6 } as const;

/** Prometheus' numbers for metric types, by position. */
const METRIC_TYPES: readonly MetricType[] = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
];

/** Writes a record's type byte. */
export function beginRecord(w: ByteWriter, type: number): void {
  room(w, 1);
  w.b[w.n++] = type;
}

/** Label texts of one series: how long text i is, and its bytes. */
export interface LabelTexts {
  length(i: number): number;
  copy(i: number, b: Uint8Array, at: number): number;
}

/** One series of a series record, with n label texts in turn; the caller has begun the record. */
export function putSeries(w: ByteWriter, ref: number, n: number, texts: LabelTexts): void {
  room(w, 20);
  w.n = putInt64(w.b, w.n, ref);
  w.n = putUvarint(w.b, w.n, n / 2);
  for (let i = 0; i < n; i++) {
    const length = texts.length(i);
    room(w, length + 10);
    w.n = texts.copy(i, w.b, putUvarint(w.b, w.n, length));
  }
}

export function putMetadata(w: ByteWriter, ref: number, m: Metadata): void {
  room(w, 32);
  w.n = putUvarint(w.b, w.n, ref);
  w.b[w.n++] = Math.max(0, METRIC_TYPES.indexOf(m.type));
  w.b[w.n++] = 2;
  putText(w, 'UNIT');
  putText(w, m.unit);
  putText(w, 'HELP');
  putText(w, m.help);
}

/** Samples as columns: WAL references, times, value halves (high, low). */
export interface SampleColumns {
  ref: Float64Array;
  t: Float64Array;
  value: Uint32Array;
}

/** A samples record of entries [0, n). */
export function putSamples(w: ByteWriter, s: SampleColumns, n: number): void {
  room(w, 17 + 28 * n);
  const b = w.b;
  const ref = s.ref[0]!;
  const t = s.t[0]!;
  b[w.n] = RECORD.samples;
  let at = putInt64(b, w.n + 1, ref);
  at = putInt64(b, at, t);
  for (let i = 0; i < n; i++) {
    at = putVarint(b, at, s.ref[i]! - ref);
    at = putVarint(b, at, s.t[i]! - t);
    at = putU32(b, at, s.value[2 * i]!);
    at = putU32(b, at, s.value[2 * i + 1]!);
  }
  w.n = at;
}

/** What a replay does with records. */
export interface RecordSink {
  /** `labels` are texts, name and value in turn. */
  series(ref: number, labels: string[]): void;
  sample(ref: number, t: number, high: number, low: number): void;
  metadata(ref: number, m: Metadata): void;
  /** A record of a type that is not taken here. */
  unknown(type: number): void;
}

/** Reads one record; returns why it is wrong, '' when it is right. Entries before the wrong place have been delivered. */
export function readRecord(b: Uint8Array, from: number, to: number, sink: RecordSink): string {
  const r: ByteReader = { b, at: from + 1, end: to, bad: false };
  if (to <= from) return 'empty record';
  const type = b[from]!;
  if (type === RECORD.series) readSeries(r, sink);
  else if (type === RECORD.samples) readSamples(r, sink);
  else if (type === RECORD.metadata) readMetadata(r, sink);
  else sink.unknown(type);
  return r.bad ? `record of type ${type} ends too early or holds a wrong number` : '';
}

function readSeries(r: ByteReader, sink: RecordSink): void {
  while (r.at < r.end) {
    const ref = readInt64(r);
    const n = readUvarint(r);
    if (n > r.end - r.at) r.bad = true;
    if (r.bad) return;
    const labels: string[] = [];
    for (let i = 0; i < 2 * n; i++) labels.push(readText(r));
    if (r.bad) return;
    sink.series(ref, labels);
  }
}

function readSamples(r: ByteReader, sink: RecordSink): void {
  if (r.at === r.end) return;
  const ref = readInt64(r);
  const t = readInt64(r);
  while (!r.bad && r.at < r.end) {
    const sampleRef = ref + readVarint(r);
    const time = t + readVarint(r);
    const high = readU32(r);
    const low = readU32(r);
    if (!r.bad) sink.sample(sampleRef, time, high, low);
  }
}

function readMetadata(r: ByteReader, sink: RecordSink): void {
  while (r.at < r.end) {
    const ref = readUvarint(r);
    const type = METRIC_TYPES[r.b[r.at++] ?? 0] ?? 'unknown';
    const fields = readUvarint(r);
    let unit = '';
    let help = '';
    for (let i = 0; i < fields && !r.bad; i++) {
      const name = readText(r);
      const text = readText(r);
      if (name === 'UNIT') unit = text;
      else if (name === 'HELP') help = text;
    }
    if (r.bad) return;
    sink.metadata(ref, { type, unit, help });
  }
}

function readText(r: ByteReader): string {
  const n = readLength(r);
  const text = decodeUtf8(r.b, r.at, r.at + n);
  r.at += n;
  return text;
}
