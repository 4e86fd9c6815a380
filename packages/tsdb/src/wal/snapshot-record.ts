// Memory snapshots as Prometheus 3.16 writes them: the head's series with their open chunks, its tombstones and exemplars, as records of a log of
// their own in chunk_snapshot.<segment>.<offset>, which says where in the WAL it was taken. Drawn in ../../format/snapshot.md.
import type { Files } from '@munjigi/env';
import { ENCODING, KIND, newHistogramColumns, type HistogramColumns } from '@munjigi/model';
import { addressOf, chunkDataBytes, putChunkData, storedSamples } from '../chunk/stored.ts';
import {
  putInt64,
  putU32,
  putUvarint,
  putVarint,
  readByte,
  readCount,
  readInt64,
  readU32,
  readUvarint,
  readVarint,
  room,
  type ByteReader,
  type ByteWriter,
} from './bytes.ts';
import { putHistogram, readHistogram } from './record-histogram.ts';
import { removeFolders } from '../remove-folders.ts';
import { beginRecord, putSeries, readExemplars, readLabels, type LabelTexts } from './record.ts';

/** Exemplars: `putExemplars` with this type. */
export const SNAPSHOT_RECORD = { series: 1, tombstones: 2, exemplars: 3 } as const;
const TOMBSTONES_VERSION = 1;
/** Times and values of what once were the last four samples; the last value is still one. */
const SAMPLES_BYTES = 64;

// ---- folders

export interface SnapshotName {
  readonly name: string;
  /** The WAL's segment, and the byte in it, up to which the snapshot holds everything. */
  readonly segment: number;
  readonly offset: number;
}

export function snapshotName(segment: number, offset: number): string {
  return `chunk_snapshot.${String(segment).padStart(6, '0')}.${String(offset).padStart(10, '0')}`;
}

/** Finished snapshots below `path`, the newest first, and the names of unfinished ones. */
export function listSnapshots(
  files: Files,
  path: string,
): { snapshots: SnapshotName[]; leftovers: string[] } {
  const snapshots: SnapshotName[] = [];
  const leftovers: string[] = [];
  for (const { name, kind } of files.list(path)) {
    if (kind !== 'dir' || !name.startsWith('chunk_snapshot.')) continue;
    const numbers = /^chunk_snapshot\.(\d+)\.(\d+)$/.exec(name);
    if (numbers !== null) snapshots.push({ name, segment: Number(numbers[1]), offset: Number(numbers[2]) });
    else if (name.endsWith('.tmp')) leftovers.push(name);
  }
  snapshots.sort((a, b) => b.segment - a.segment || b.offset - a.offset);
  return { snapshots, leftovers };
}

/** Removes all snapshots but the newest one, and unfinished ones. */
export async function removeOldSnapshots(files: Files, path: string): Promise<void> {
  const { snapshots, leftovers } = listSnapshots(files, path);
  for (const name of leftovers) files.removeTree(`${path}/${name}`);
  const old = snapshots.slice(1).map(({ name }) => name);
  await removeFolders(files, path, old, '.tmp');
  if (leftovers.length > 0 || old.length > 0) await files.syncDir(path);
}

/** Removes all of them, for good when it resolves. */
export async function removeSnapshots(files: Files, path: string): Promise<void> {
  const names = listSnapshots(files, path).snapshots.map(({ name }) => name);
  await removeFolders(files, path, names, '.tmp');
  if (names.length > 0) await files.syncDir(path);
}

// ---- records

/** An open chunk as a snapshot has it. */
export interface SnapshotChunk {
  mint: number;
  maxt: number;
  /** `b`, `at` and `bytes` as a ChunkTable has them. */
  encoding: number;
  samples: number;
  b: Uint8Array;
  at: number;
  bytes: number;
  /** The last value of float chunks, by its halves. */
  lastHigh: number;
  lastLow: number;
  /** The last sample of histogram chunks. */
  h: HistogramColumns | null;
  row: number;
}

/** A series' record, n label texts in turn; the chunk is null when none is open. */
export function putSnapshotSeries(
  w: ByteWriter,
  ref: number,
  n: number,
  texts: LabelTexts,
  chunk: SnapshotChunk | null,
): void {
  beginRecord(w, SNAPSHOT_RECORD.series);
  putSeries(w, ref, n, texts);
  room(w, 9);
  // Once the chunk range.
  w.n = putInt64(w.b, w.n, 0);
  w.b[w.n++] = chunk === null ? 0 : 1;
  if (chunk === null) return;
  const { encoding, samples, bytes } = chunk;
  const length = chunkDataBytes(encoding, bytes);
  room(w, 27 + length + SAMPLES_BYTES);
  let at = putInt64(w.b, w.n, chunk.mint);
  at = putInt64(w.b, at, chunk.maxt);
  w.b[at++] = encoding;
  at = putUvarint(w.b, at, length);
  w.n = putChunkData(w.b, at, encoding, samples, chunk.b, chunk.at, bytes);
  const kind = kindOf(encoding);
  if (kind === KIND.float) {
    w.b.fill(0, w.n, w.n + SAMPLES_BYTES);
    w.n += SAMPLES_BYTES;
    putU32(w.b, w.n - 8, chunk.lastHigh);
    putU32(w.b, w.n - 4, chunk.lastLow);
  } else putHistogram(w, kind, chunk.h!, chunk.row);
}

/** Every encoding that the head has; -1: another one. */
function kindOf(encoding: number): number {
  switch (encoding) {
    case ENCODING.xor:
    case ENCODING.xor2:
      return KIND.float;
    case ENCODING.histogram:
    case ENCODING.histogramSt:
      return KIND.histogram;
    case ENCODING.floatHistogram:
    case ENCODING.floatHistogramSt:
      return KIND.floatHistogram;
    default:
      return -1;
  }
}

/** All tombstones in one record: entry i of n hides [mint[i], maxt[i]] (ms) of series ref[i]. */
export function putSnapshotTombstones(
  w: ByteWriter,
  ref: Float64Array,
  mint: Float64Array,
  maxt: Float64Array,
  n: number,
): void {
  beginRecord(w, SNAPSHOT_RECORD.tombstones);
  const inside: ByteWriter = { b: new Uint8Array(1 + 30 * n), n: 1 };
  inside.b[0] = TOMBSTONES_VERSION;
  for (let i = 0; i < n; i++) {
    const at = putVarint(inside.b, putUvarint(inside.b, inside.n, ref[i]!), mint[i]!);
    inside.n = putVarint(inside.b, at, maxt[i]!);
  }
  room(w, 10 + inside.n);
  w.n = putUvarint(w.b, w.n, inside.n);
  w.b.set(inside.b.subarray(0, inside.n), w.n);
  w.n += inside.n;
}

/** What is done with a snapshot's entries. */
export interface SnapshotSink {
  /** `labels` are texts, name and value in turn; the chunk is valid until this returns. */
  series(ref: number, labels: string[], chunk: SnapshotChunk | null): void;
  tombstone(ref: number, mint: number, maxt: number): void;
  exemplar(ref: number, t: number, value: number, labels: string[]): void;
}

/** To be filled; `b` is where its bytes will lie. */
export function newSnapshotChunk(b: Uint8Array): SnapshotChunk {
  return {
    mint: 0,
    maxt: 0,
    encoding: 0,
    samples: 0,
    b,
    at: 0,
    bytes: 0,
    lastHigh: 0,
    lastLow: 0,
    h: null,
    row: 0,
  };
}

const chunkRead: SnapshotChunk = newSnapshotChunk(new Uint8Array(0));
const columns: HistogramColumns = newHistogramColumns(1);

/** Reads one record; returns why it is wrong, '' when it is right: a snapshot with a wrong record is of no use. */
export function readSnapshotRecord(b: Uint8Array, from: number, to: number, sink: SnapshotSink): string {
  if (to <= from) return 'empty record';
  const type = b[from]!;
  const r: ByteReader = { b, at: from + 1, end: to, bad: false };
  if (type === SNAPSHOT_RECORD.series) readSeries(r, sink);
  else if (type === SNAPSHOT_RECORD.tombstones) readTombstones(r, sink);
  else if (type === SNAPSHOT_RECORD.exemplars) readExemplars(r, sink);
  else return `record of the unknown type ${type}`;
  return r.bad ? `record of type ${type} ends too early or holds a wrong number` : '';
}

function readSeries(r: ByteReader, sink: SnapshotSink): void {
  const ref = readInt64(r);
  const labels = readLabels(r);
  readInt64(r);
  const open = readUvarint(r);
  if (r.bad) return;
  if (open === 0) {
    sink.series(ref, labels, null);
    return;
  }
  const c = chunkRead;
  c.mint = readInt64(r);
  c.maxt = readInt64(r);
  c.encoding = readByte(r);
  const length = readCount(r, 1);
  const kind = kindOf(c.encoding);
  // Every chunk has a count and a header or a sample.
  if (r.bad || length < 3 || kind < 0) {
    r.bad = true;
    return;
  }
  c.b = r.b;
  c.at = addressOf(c.encoding, r.at);
  c.samples = storedSamples(c.encoding, r.b, r.at);
  r.at += length;
  c.bytes = r.at - c.at;
  c.h = null;
  if (kind === KIND.float) {
    r.at += SAMPLES_BYTES - 8;
    c.lastHigh = readU32(r);
    c.lastLow = readU32(r);
  } else {
    if (!readHistogram(r, kind, columns)) r.bad = true;
    c.h = columns;
  }
  if (!r.bad) sink.series(ref, labels, c);
}

function readTombstones(r: ByteReader, sink: SnapshotSink): void {
  const length = readCount(r, 1);
  if (length !== r.end - r.at || readByte(r) !== TOMBSTONES_VERSION) r.bad = true;
  while (!r.bad && r.at < r.end) {
    const ref = readUvarint(r);
    const mint = readVarint(r);
    const maxt = readVarint(r);
    if (!r.bad) sink.tombstone(ref, mint, maxt);
  }
}
