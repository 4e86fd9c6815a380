// What a checkpoint keeps of a record. Entries are copied as bytes: only their references and times are looked at, so nothing is lost that this
// version cannot hold.
import { SCHEMA_CUSTOM } from '@munjigi/model';
import {
  putInt64,
  putVarint,
  readByte,
  readCount,
  readInt64,
  readUvarint,
  readVarint,
  room,
  type ByteReader,
  type ByteWriter,
} from './bytes.ts';
import { RECORD, beginRecord, putStart, readStart } from './record.ts';

export interface RecordFilter {
  /** Whether the series' own records are kept. */
  keep(ref: number): boolean;
  /** Samples and exemplars before it (ms) go. */
  readonly mint: number;
  /** Tombstones that end before it (ms) go. */
  readonly tombstoneMint: number;
  /** Metadata of a series that is kept: only the last one counts. `b[from..to)`: type and fields. */
  metadata(ref: number, b: Uint8Array, from: number, to: number): void;
  /** Counted: entries kept and dropped. */
  kept: number;
  dropped: number;
}

/** Appends what is kept of record b[from..to) to w, nothing when nothing is; returns why the record is wrong, ''. */
export function filterRecord(
  b: Uint8Array,
  from: number,
  to: number,
  filter: RecordFilter,
  w: ByteWriter,
): string {
  if (to <= from) return 'empty record';
  const type = b[from]!;
  const r: ByteReader = { b, at: from + 1, end: to, bad: false };
  const start = w.n;
  switch (type) {
    case RECORD.series:
    case RECORD.tombstones:
      filterByRef(r, type, filter, w);
      break;
    case RECORD.metadata:
      collectMetadata(r, filter);
      break;
    case RECORD.samples:
    case RECORD.exemplars:
    case RECORD.histograms:
    case RECORD.floatHistograms:
    case RECORD.customHistograms:
    case RECORD.customFloatHistograms:
      filterByTime(r, type, filter, w);
      break;
    case RECORD.samplesV2:
    case RECORD.histogramsV2:
    case RECORD.floatHistogramsV2:
      filterV2(r, type, filter, w);
      break;
    default:
  }
  if (!r.bad) return '';
  w.n = start;
  return `record of type ${type} ends too early or holds a wrong number`;
}

function copy(w: ByteWriter, b: Uint8Array, from: number, to: number): void {
  room(w, to - from);
  if (to - from < 64) for (let i = from, at = w.n; i < to; i++) w.b[at++] = b[i]!;
  else w.b.set(b.subarray(from, to), w.n);
  w.n += to - from;
}

function filterByRef(r: ByteReader, type: number, filter: RecordFilter, w: ByteWriter): void {
  const start = w.n;
  beginRecord(w, type);
  while (r.at < r.end) {
    const from = r.at;
    const ref = readInt64(r);
    let wanted = true;
    if (type === RECORD.series) skipLabels(r);
    else {
      readVarint(r);
      wanted = readVarint(r) >= filter.tombstoneMint;
    }
    if (r.bad) return;
    wanted &&= filter.keep(ref);
    count(filter, wanted);
    if (wanted) copy(w, r.b, from, r.at);
  }
  if (w.n === start + 1) w.n = start;
}

function count(filter: RecordFilter, kept: boolean): void {
  if (kept) filter.kept++;
  else filter.dropped++;
}

/** Entries are differences to the first one. */
function filterByTime(r: ByteReader, type: number, filter: RecordFilter, w: ByteWriter): void {
  if (r.at === r.end) return;
  const { mint } = filter;
  const baseRef = readInt64(r);
  const baseT = readInt64(r);
  let firstRef = 0;
  let firstT = 0;
  let any = false;
  while (!r.bad && r.at < r.end) {
    const ref = baseRef + readVarint(r);
    const t = baseT + readVarint(r);
    const from = r.at;
    skipPayload(r, type);
    if (r.bad) return;
    count(filter, t >= mint);
    if (t < mint) continue;
    if (!any) {
      any = true;
      firstRef = ref;
      firstT = t;
      beginRecord(w, type);
      room(w, 16);
      w.n = putInt64(w.b, putInt64(w.b, w.n, ref), t);
    }
    room(w, 20);
    w.n = putVarint(w.b, putVarint(w.b, w.n, ref - firstRef), t - firstT);
    copy(w, r.b, from, r.at);
  }
}

/** References are differences to the entry before, times and start times to the first one. */
function filterV2(r: ByteReader, type: number, filter: RecordFilter, w: ByteWriter): void {
  if (r.at === r.end) return;
  const { mint } = filter;
  let ref = readVarint(r);
  const baseT = readVarint(r);
  const baseSt = readVarint(r);
  let t = baseT;
  let st = baseSt;
  let firstT = 0;
  let firstSt = 0;
  let lastRef = 0;
  let lastSt = 0;
  let any = false;
  for (;;) {
    const from = r.at;
    skipPayload(r, type);
    if (r.bad) return;
    count(filter, t >= mint);
    if (t >= mint) {
      if (any) {
        room(w, 31);
        const at = putVarint(w.b, putVarint(w.b, w.n, ref - lastRef), t - firstT);
        w.n = putStart(w.b, at, st, lastSt, firstSt);
      } else {
        any = true;
        firstT = t;
        firstSt = st;
        beginRecord(w, type);
        room(w, 30);
        w.n = putVarint(w.b, putVarint(w.b, putVarint(w.b, w.n, ref), t), st);
      }
      copy(w, r.b, from, r.at);
      lastRef = ref;
      lastSt = st;
    }
    if (r.at >= r.end) return;
    ref += readVarint(r);
    t = baseT + readVarint(r);
    st = readStart(r, st, baseSt);
  }
}

function collectMetadata(r: ByteReader, filter: RecordFilter): void {
  while (r.at < r.end) {
    const ref = readUvarint(r);
    const from = r.at;
    readByte(r);
    const fields = readCount(r, 2);
    for (let i = 0; i < 2 * fields && !r.bad; i++) skip(r, readCount(r, 1));
    if (r.bad) return;
    const wanted = filter.keep(ref);
    count(filter, wanted);
    if (wanted) filter.metadata(ref, r.b, from, r.at);
  }
}

// ---- what is copied is only walked over

function skip(r: ByteReader, bytes: number): void {
  if (bytes > r.end - r.at) r.bad = true;
  else r.at += bytes;
}

function skipLabels(r: ByteReader): void {
  const n = readCount(r, 2);
  for (let i = 0; i < 2 * n && !r.bad; i++) skip(r, readCount(r, 1));
}

function skipPayload(r: ByteReader, type: number): void {
  if (type === RECORD.samples || type === RECORD.samplesV2) skip(r, 8);
  else if (type === RECORD.exemplars) {
    skip(r, 8);
    skipLabels(r);
  } else {
    const whole =
      type === RECORD.histograms || type === RECORD.customHistograms || type === RECORD.histogramsV2;
    skipHistogram(r, whole);
  }
}

function skipHistogram(r: ByteReader, whole: boolean): void {
  readByte(r);
  const schema = readVarint(r);
  skip(r, 8);
  if (whole) skipVarints(r, 2);
  else skip(r, 16);
  skip(r, 8);
  skipVarints(r, 2 * readCount(r, 2));
  skipVarints(r, 2 * readCount(r, 2));
  for (let side = 0; side < 2; side++) {
    const n = readCount(r, whole ? 1 : 8);
    if (whole) skipVarints(r, n);
    else skip(r, 8 * n);
  }
  if (schema === SCHEMA_CUSTOM) skip(r, 8 * readCount(r, 8));
}

function skipVarints(r: ByteReader, n: number): void {
  for (let i = 0; i < n && !r.bad; i++) readUvarint(r);
}
