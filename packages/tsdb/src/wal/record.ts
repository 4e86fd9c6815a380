// WAL and WBL records as Prometheus 3.16 writes them, both ways. The bytes are drawn in ../../format/wal.md.
import {
  KIND,
  SCHEMA_CUSTOM,
  newHistogramColumns,
  type HistogramColumns,
  type Metadata,
  type MetricType,
} from '@munjigi/model';
import {
  putFloat,
  putInt64,
  putText,
  putU32,
  putUvarint,
  putVarint,
  readByte,
  readCount,
  readFloat,
  readInt64,
  readText,
  readU32,
  readUvarint,
  readVarint,
  room,
  type ByteReader,
  type ByteWriter,
} from './bytes.ts';
import { putHistogram, readHistogram } from './record-histogram.ts';

export const RECORD = {
  series: 1,
  samples: 2,
  tombstones: 3,
  exemplars: 4,
  /** Only in the WBL. */
  markers: 5,
  metadata: 6,
  histograms: 7,
  floatHistograms: 8,
  customHistograms: 9,
  customFloatHistograms: 10,
  samplesV2: 11,
  histogramsV2: 12,
  floatHistogramsV2: 13,
  /** Only in checkpoints. */
  minValidTime: 14,
} as const;

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

/** Start timestamps of V2 records: none, that of the entry before, or a difference to the first entry's. */
const START = { none: 0, same: 1, explicit: 2 } as const;

// ---- writing

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

/** `labels` are texts, name and value in turn. */
export function putLabels(w: ByteWriter, labels: readonly string[]): void {
  room(w, 10);
  w.n = putUvarint(w.b, w.n, labels.length / 2);
  for (const text of labels) putText(w, text);
}

/** One entry of a metadata record; the caller has begun the record. */
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

/** One entry of a tombstone record: [mint, maxt] in ms are deleted; the caller has begun the record. */
export function putTombstone(w: ByteWriter, ref: number, mint: number, maxt: number): void {
  room(w, 28);
  const at = putVarint(w.b, putInt64(w.b, w.n, ref), mint);
  w.n = putVarint(w.b, at, maxt);
}

/**
 * One entry of a WBL marker record: everything of the series before it lies in the head chunk that begins at byte `at` of
 * chunks_head file `file`; the caller has begun the record.
 */
export function putMarker(w: ByteWriter, ref: number, file: number, at: number): void {
  room(w, 16);
  w.n = putU32(w.b, putU32(w.b, putInt64(w.b, w.n, ref), file), at);
}

export interface LoggedExemplar {
  readonly ref: number;
  readonly t: number;
  readonly value: number;
  /** Texts, name and value in turn. */
  readonly labels: readonly string[];
}

/** A whole exemplar record; `type`: a snapshot has another number for it. */
export function putExemplars(
  w: ByteWriter,
  list: readonly LoggedExemplar[],
  type: number = RECORD.exemplars,
): void {
  beginRecord(w, type);
  const first = list[0];
  if (first === undefined) return;
  room(w, 16);
  w.n = putInt64(w.b, putInt64(w.b, w.n, first.ref), first.t);
  for (const e of list) {
    room(w, 28);
    const at = putVarint(w.b, putVarint(w.b, w.n, e.ref - first.ref), e.t - first.t);
    w.n = putFloat(w.b, at, e.value);
    putLabels(w, e.labels);
  }
}

/** The first record of a checkpoint: the oldest time (ms) that the head takes. */
export function putMinValidTime(w: ByteWriter, t: number): void {
  beginRecord(w, RECORD.minValidTime);
  room(w, 8);
  w.n = putInt64(w.b, w.n, t);
}

/** Samples as columns: WAL references, times, value halves (high, low), start times (0: none; absent: not kept). */
export interface SampleColumns {
  ref: Float64Array;
  t: Float64Array;
  value: Uint32Array;
  st?: Float64Array | null;
}

/** A samples record of entries [0, n), n > 0: V2 when `s.st` is there. */
export function putSamples(w: ByteWriter, s: SampleColumns, n: number): void {
  if (s.st !== undefined && s.st !== null) {
    putSamplesV2(w, s, s.st, n);
    return;
  }
  room(w, 17 + 28 * n);
  const b = w.b;
  const { ref: refs, t: times, value } = s;
  const ref = refs[0]!;
  const t = times[0]!;
  b[w.n] = RECORD.samples;
  let at = putInt64(b, w.n + 1, ref);
  at = putInt64(b, at, t);
  for (let i = 0; i < n; i++) {
    const time = times[i]! - t;
    at = putVarint(b, at, refs[i]! - ref);
    if (time === 0) b[at++] = 0;
    else at = putVarint(b, at, time);
    at = putU32(b, at, value[2 * i]!);
    at = putU32(b, at, value[2 * i + 1]!);
  }
  w.n = at;
}

function putSamplesV2(w: ByteWriter, s: SampleColumns, starts: Float64Array, n: number): void {
  room(w, 1 + 39 * n);
  const b = w.b;
  const { ref: refs, t: times, value } = s;
  const t = times[0]!;
  const st = starts[0]!;
  b[w.n] = RECORD.samplesV2;
  let at = putVarint(b, w.n + 1, refs[0]!);
  at = putVarint(b, at, t);
  at = putVarint(b, at, st);
  for (let i = 0; i < n; i++) {
    if (i > 0) {
      at = putVarint(b, at, refs[i]! - refs[i - 1]!);
      at = putVarint(b, at, times[i]! - t);
      at = putStart(b, at, starts[i]!, starts[i - 1]!, st);
    }
    at = putU32(b, at, value[2 * i]!);
    at = putU32(b, at, value[2 * i + 1]!);
  }
  w.n = at;
}

/** A start time of a V2 entry behind the first; `before` is that of the entry before it. */
export function putStart(b: Uint8Array, at: number, st: number, before: number, first: number): number {
  b[at] = st === 0 ? START.none : st === before ? START.same : START.explicit;
  return b[at] === START.explicit ? putVarint(b, at + 1, st - first) : at + 1;
}

/** Histograms of one commit as columns: entry i is row row[i] of h, of kind[i] (KIND). */
export interface HistogramEntries {
  readonly ref: Float64Array;
  readonly t: Float64Array;
  /** Start times (0: none); null: not kept, and the records are not V2. */
  readonly st: Float64Array | null;
  readonly kind: Uint8Array;
  readonly row: Uint32Array;
  readonly h: HistogramColumns;
}

/**
 * Writes entries [0, n) as records in Prometheus' order: integer, integer with custom buckets, float, float with custom buckets (V2: integer,
 * float). Pushes the end of each record to `ends`.
 */
export function putHistograms(w: ByteWriter, s: HistogramEntries, n: number, ends: number[]): void {
  for (const kind of [KIND.histogram, KIND.floatHistogram]) {
    const exponential = kind === KIND.histogram ? RECORD.histograms : RECORD.floatHistograms;
    const custom = kind === KIND.histogram ? RECORD.customHistograms : RECORD.customFloatHistograms;
    const v2 = kind === KIND.histogram ? RECORD.histogramsV2 : RECORD.floatHistogramsV2;
    for (const type of s.st === null ? [exponential, custom] : [v2]) {
      const start = w.n;
      putHistogramRecord(w, s, n, kind, type);
      if (w.n > start) ends.push(w.n);
    }
  }
}

function putHistogramRecord(w: ByteWriter, s: HistogramEntries, n: number, kind: number, type: number): void {
  const { st: starts, h } = s;
  let first = -1;
  let before = -1;
  for (let i = 0; i < n; i++) {
    if (s.kind[i] !== kind) continue;
    if (starts === null) {
      const custom = type === RECORD.customHistograms || type === RECORD.customFloatHistograms;
      if ((h.schema[s.row[i]!] === SCHEMA_CUSTOM) !== custom) continue;
    }
    if (first < 0) {
      first = i;
      beginRecord(w, type);
    }
    room(w, 48);
    const { b } = w;
    let at = w.n;
    if (starts === null) {
      if (i === first) at = putInt64(b, putInt64(b, at, s.ref[i]!), s.t[i]!);
      at = putVarint(b, at, s.ref[i]! - s.ref[first]!);
      at = putVarint(b, at, s.t[i]! - s.t[first]!);
    } else if (i === first) {
      at = putVarint(b, at, s.ref[i]!);
      at = putVarint(b, at, s.t[i]!);
      at = putVarint(b, at, starts[i]!);
    } else {
      at = putVarint(b, at, s.ref[i]! - s.ref[before]!);
      at = putVarint(b, at, s.t[i]! - s.t[first]!);
      at = putStart(b, at, starts[i]!, starts[before]!, starts[first]!);
    }
    w.n = at;
    before = i;
    putHistogram(w, kind, h, s.row[i]!);
  }
}

// ---- reading

/** What is done with records: one call an entry. References are the log's, times are ms, start times 0 when there is none. */
export interface RecordSink {
  /** `labels` are texts, name and value in turn. */
  series(ref: number, labels: string[]): void;
  sample(ref: number, t: number, high: number, low: number, st: number): void;
  /** Row `row` of h is valid until this returns; counts are absolute. */
  histogram(ref: number, t: number, st: number, kind: number, h: HistogramColumns, row: number): void;
  exemplar(ref: number, t: number, value: number, labels: string[]): void;
  metadata(ref: number, m: Metadata): void;
  /** [mint, maxt] of the series are deleted. */
  tombstone(ref: number, mint: number, maxt: number): void;
  /** Everything of the series so far lies in the chunk at byte `at` of chunks_head file `file` or before it; file 0: nothing does. */
  marker(ref: number, file: number, at: number): void;
  minValidTime(t: number): void;
  /** A record, or a histogram in it, that this version does not know. */
  unknown(type: number): void;
}

/** Reads one record; returns why it is wrong, '' when it is right. Entries before the wrong place have been delivered. */
export function readRecord(b: Uint8Array, from: number, to: number, sink: RecordSink): string {
  const r: ByteReader = { b, at: from + 1, end: to, bad: false };
  if (to <= from) return 'empty record';
  const type = b[from]!;
  switch (type) {
    case RECORD.samples:
      readSamples(r, sink);
      break;
    case RECORD.samplesV2:
      readSamplesV2(r, sink);
      break;
    case RECORD.series:
      readSeries(r, sink);
      break;
    case RECORD.histograms:
    case RECORD.floatHistograms:
    case RECORD.customHistograms:
    case RECORD.customFloatHistograms:
    case RECORD.histogramsV2:
    case RECORD.floatHistogramsV2:
      readHistograms(r, type, sink);
      break;
    case RECORD.exemplars:
      readExemplars(r, sink);
      break;
    case RECORD.metadata:
      readMetadata(r, sink);
      break;
    case RECORD.tombstones:
      while (r.at < r.end) {
        const ref = readInt64(r);
        const mint = readVarint(r);
        const maxt = readVarint(r);
        if (r.bad) break;
        sink.tombstone(ref, mint, maxt);
      }
      break;
    case RECORD.markers:
      while (r.at < r.end) {
        const ref = readInt64(r);
        const file = readU32(r);
        const at = readU32(r);
        if (r.bad) break;
        sink.marker(ref, file, at);
      }
      break;
    case RECORD.minValidTime: {
      const t = readInt64(r);
      if (r.at < r.end) r.bad = true;
      if (!r.bad) sink.minValidTime(t);
      break;
    }
    default:
      sink.unknown(type);
  }
  return r.bad ? `record of type ${type} ends too early or holds a wrong number` : '';
}

function readSeries(r: ByteReader, sink: RecordSink): void {
  while (r.at < r.end) {
    const ref = readInt64(r);
    const labels = readLabels(r);
    if (r.bad) return;
    sink.series(ref, labels);
  }
}

export function readLabels(r: ByteReader): string[] {
  const n = readCount(r, 2);
  const labels: string[] = [];
  for (let i = 0; i < 2 * n && !r.bad; i++) labels.push(readText(r));
  return labels;
}

/** An entry takes 10 bytes or more: two varints and the value. */
const SAMPLE_BYTES = 10;

function readSamples(r: ByteReader, sink: RecordSink): void {
  if (r.at === r.end) return;
  const ref = readInt64(r);
  const t = readInt64(r);
  if (r.bad) return;
  const { b, end } = r;
  let { at } = r;
  while (at < end) {
    if (end - at < SAMPLE_BYTES) {
      r.bad = true;
      return;
    }
    // Small differences are the common case: read here, without a call.
    let refDelta = b[at]!;
    if (refDelta < 128) {
      refDelta = (refDelta >>> 1) ^ -(refDelta & 1);
      at++;
    } else {
      r.at = at;
      refDelta = readVarint(r);
      at = r.at;
    }
    let tDelta = b[at]!;
    if (tDelta < 128) {
      tDelta = (tDelta >>> 1) ^ -(tDelta & 1);
      at++;
    } else {
      r.at = at;
      tDelta = readVarint(r);
      at = r.at;
    }
    if (r.bad || end - at < 8) {
      r.bad = true;
      return;
    }
    const high = (b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!;
    const low = (b[at + 4]! << 24) | (b[at + 5]! << 16) | (b[at + 6]! << 8) | b[at + 7]!;
    at += 8;
    sink.sample(ref + refDelta, t + tDelta, high >>> 0, low >>> 0, 0);
  }
  r.at = at;
}

function readSamplesV2(r: ByteReader, sink: RecordSink): void {
  if (r.at === r.end) return;
  let ref = readVarint(r);
  const firstT = readVarint(r);
  const firstSt = readVarint(r);
  let t = firstT;
  let st = firstSt;
  for (;;) {
    const high = readU32(r);
    const low = readU32(r);
    if (r.bad) return;
    sink.sample(ref, t, high, low, st);
    if (r.at >= r.end) return;
    ref += readVarint(r);
    t = firstT + readVarint(r);
    st = readStart(r, st, firstSt);
  }
}

export function readStart(r: ByteReader, before: number, first: number): number {
  const how = readByte(r);
  if (how === START.none) return 0;
  return how === START.same ? before : first + readVarint(r);
}

/** One at a time is read into it. */
const columns: HistogramColumns = newHistogramColumns(1);

/** The entries of a histogram record of `type`. */
function readHistograms(r: ByteReader, type: number, sink: RecordSink): void {
  if (r.at === r.end) return;
  const v2 = type === RECORD.histogramsV2 || type === RECORD.floatHistogramsV2;
  const whole =
    type === RECORD.histograms || type === RECORD.customHistograms || type === RECORD.histogramsV2;
  const kind = whole ? KIND.histogram : KIND.floatHistogram;
  const firstRef = v2 ? readVarint(r) : readInt64(r);
  const firstT = v2 ? readVarint(r) : readInt64(r);
  const firstSt = v2 ? readVarint(r) : 0;
  let ref = firstRef;
  let t = firstT;
  let st = firstSt;
  for (let i = 0; r.at < r.end; i++) {
    if (!v2) {
      ref = firstRef + readVarint(r);
      t = firstT + readVarint(r);
    } else if (i > 0) {
      ref += readVarint(r);
      t = firstT + readVarint(r);
      st = readStart(r, st, firstSt);
    }
    const known = readHistogram(r, kind, columns);
    if (r.bad) return;
    if (known) sink.histogram(ref, t, st, kind, columns, 0);
    else sink.unknown(type);
  }
}

export function readExemplars(r: ByteReader, sink: Pick<RecordSink, 'exemplar'>): void {
  if (r.at === r.end) return;
  const ref = readInt64(r);
  const t = readInt64(r);
  while (r.at < r.end) {
    const entryRef = ref + readVarint(r);
    const time = t + readVarint(r);
    const value = readFloat(r);
    const labels = readLabels(r);
    if (r.bad) return;
    sink.exemplar(entryRef, time, value, labels);
  }
}

function readMetadata(r: ByteReader, sink: RecordSink): void {
  while (r.at < r.end) {
    const ref = readUvarint(r);
    const type = METRIC_TYPES[readByte(r)] ?? 'unknown';
    const fields = readCount(r, 2);
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
