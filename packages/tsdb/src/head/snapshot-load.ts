// Start: the newest memory snapshot. It names series and brings their open chunks, so that the log is read from its position only. One that is
// damaged, or that the log does not reach any more, is no loss: then all of the log is read.
import type { Files } from '@munjigi/env';
import { KIND, StorageError, type Problem } from '@munjigi/model';
import { showSeries, widen } from './appender.ts';
import { addChunk, kindOf, linkChunk } from './chunk-table.ts';
import { hashHistogram } from './histogram-hash.ts';
import { MAX_CHUNK_SPAN_MS } from './load-chunks.ts';
import type { ReplaySink } from './replay-sink.ts';
import { startTimes } from './series.ts';
import { CHUNK_FILES, METADATA_FOLDER, parseChunkFiles } from './snapshot-write.ts';
import { newSlicer } from './slicer.ts';
import type { HeadState, LogPosition } from './state.ts';
import { HistogramEncoder } from '../chunk/histogram-encode.ts';
import { MAX_SLOT_UNITS, SMALL_SLOT_UNITS, UNIT_BYTES, byteOf, pageOf, unitsFor } from '../chunk/slots.ts';
import { resumeXor } from '../chunk/xor-encode.ts';
import { XOR2_SAMPLE_MAX_BYTES, resumeXor2 } from '../chunk/xor2-encode.ts';
import { ENCODING } from '@munjigi/model';
import { headChunkFile } from '../wal/head-chunks.ts';
import { newWalReader } from '../wal/reader.ts';
import { readRecord } from '../wal/record.ts';
import type { ReplayEnv } from '../wal/replay.ts';
import { listSegments, listWal, segmentName } from '../wal/segments.ts';
import {
  listSnapshots,
  readSnapshotRecord,
  removeSnapshots,
  type SnapshotChunk,
  type SnapshotName,
} from '../wal/snapshot-record.ts';

/** A snapshot of another program does not say which references were given: this many are left out. */
const REFERENCES_LEFT_OUT = 1_000_000;

/** The position in the log that it stands for; null: there is none, or none that can be used (then `state` is of no use either). */
export async function loadSnapshot(
  env: ReplayEnv,
  state: HeadState,
  o: { readonly path: string; readonly chunksDir: string; readonly readOnly: boolean },
  sink: ReplaySink,
  problems: Problem[],
): Promise<LogPosition | null> {
  const { files } = env;
  if (files.stat(o.path) === null) return null;
  const { snapshots, leftovers } = listSnapshots(files, o.path);
  if (!o.readOnly) for (const name of leftovers) files.removeTree(`${o.path}/${name}`);
  const newest = snapshots[0];
  if (newest === undefined) return null;
  const gone = reaches(env, o.path, newest)
    ? chunksGone(files, o, newest, state.minValid)
    : 'the log does not reach its position';
  if (gone !== '') {
    problems.push(problem(o.path, newest, gone, o.readOnly));
    // Once the log has grown beyond the position, or a file has the number again, it would seem to be right.
    if (!o.readOnly) await removeSnapshots(files, o.path);
    return null;
  }
  const wrong = await read(env, state, `${o.path}/${newest.name}`, sink);
  if (wrong !== '') {
    problems.push(problem(o.path, newest, wrong, true));
    return null;
  }
  return { segment: newest.segment, offset: newest.offset };
}

/** Whether the log goes on from the snapshot's position without a gap. */
function reaches(env: ReplayEnv, path: string, s: SnapshotName): boolean {
  const dir = `${path}/wal`;
  if (env.files.stat(dir) === null) return false;
  const { segments, checkpoint } = listWal(env.files, dir);
  if (checkpoint >= s.segment) return true;
  if (!segments.includes(s.segment)) return false;
  return (env.files.stat(`${dir}/${segmentName(s.segment)}`)?.size ?? 0) >= s.offset;
}

/** Which of the closed chunks it relies on are gone, ''. Those before `minValid` are in blocks. A damaged note is found with all else. */
function chunksGone(
  files: Files,
  o: { readonly path: string; readonly chunksDir: string },
  s: SnapshotName,
  minValid: number,
): string {
  const note = `${o.path}/${s.name}/${METADATA_FOLDER}/${CHUNK_FILES}`;
  if (files.stat(note) === null) return '';
  for (const { file, bytes, maxt } of parseChunkFiles(files.readFile(note)) ?? []) {
    if (maxt < minValid) continue;
    const where = headChunkFile(o.chunksDir, file);
    const found = files.stat(where);
    if (found === null) return `${where} with chunks of it is missing`;
    if (found.size < bytes) return `${where} with chunks of it ends at byte ${found.size}, not ${bytes}`;
  }
  return '';
}

function problem(path: string, s: SnapshotName, reason: string, kept: boolean): Problem {
  return {
    severity: 'warning',
    file: `${path}/${s.name}`,
    line: 0,
    column: 0,
    field: '',
    message: `the memory snapshot ${path}/${s.name} cannot be used (${reason}): all of the log is read instead${kept ? '' : ', the snapshot was removed'}`,
  };
}

/** Returns why the snapshot is of no use, ''. */
async function read(env: ReplayEnv, state: HeadState, dir: string, sink: ReplaySink): Promise<string> {
  const slicer = newSlicer(env.clock, state.slice_ms === 0 ? 5 : state.slice_ms);
  const segments = listSegments(env.files, dir);
  // A head without series is not noted down.
  if (segments[0] !== 0) return 'its first file is missing';
  const reader = newWalReader(env, dir, segments);
  let wrong = '';
  try {
    while (wrong === '' && reader.next()) {
      wrong = readSnapshotRecord(reader.bytes, reader.from, reader.to, {
        series(ref, labels, chunk): void {
          const row = sink.define(ref, labels);
          if (row !== 0 && chunk !== null && wrong === '') wrong = takeChunk(state, row, chunk);
        },
        tombstone: (ref, mint, maxt) => sink.tombstone(ref, mint, maxt),
        exemplar: (ref, t, value, of) => sink.exemplar(ref, t, value, of),
      });
      if (slicer.due()) await slicer.rest();
    }
    if (wrong === '') wrong = reader.corruption?.reason ?? '';
  } finally {
    reader.close();
  }
  return wrong === '' ? readMetadata(env, state, `${dir}/${METADATA_FOLDER}`, sink) : wrong;
}

async function readMetadata(
  env: ReplayEnv,
  state: HeadState,
  dir: string,
  sink: ReplaySink,
): Promise<string> {
  if (env.files.stat(dir) === null) {
    state.lastWalRef += REFERENCES_LEFT_OUT;
    return '';
  }
  const note = `${dir}/${CHUNK_FILES}`;
  if (env.files.stat(note) !== null && parseChunkFiles(env.files.readFile(note)) === null)
    return `${note}: its checksum is wrong`;
  const slicer = newSlicer(env.clock, state.slice_ms === 0 ? 5 : state.slice_ms);
  const reader = newWalReader(env, dir, listSegments(env.files, dir));
  try {
    while (reader.next()) {
      const wrong = readRecord(reader.bytes, reader.from, reader.to, sink);
      if (wrong !== '') return wrong;
      if (slicer.due()) await slicer.rest();
    }
    return reader.corruption?.reason ?? '';
  } finally {
    reader.close();
  }
}

/** Makes it the series' open chunk; one that another encoder wrote becomes a closed one. Returns why it cannot be, ''. */
function takeChunk(state: HeadState, row: number, chunk: SnapshotChunk): string {
  const s = state.series;
  const { mint, maxt, encoding, samples, bytes } = chunk;
  const span_ms = maxt - mint;
  if (!(span_ms >= 0 && span_ms <= MAX_CHUNK_SPAN_MS) || samples === 0 || bytes > MAX_SLOT_UNITS * UNIT_BYTES)
    return `a chunk of ${samples} samples and ${bytes} bytes from ${mint} to ${maxt}`;
  if (maxt < state.minValid) return '';
  const kind = kindOf(encoding);
  const units = unitsFor(Math.min(MAX_SLOT_UNITS * UNIT_BYTES, bytes + XOR2_SAMPLE_MAX_BYTES));
  const slot = state.slots.alloc(units);
  const page = state.slots.bytes[pageOf(slot)]!;
  page.set(chunk.b.subarray(chunk.at, chunk.at + bytes), byteOf(slot));
  if (resume(state, row, page, byteOf(slot), chunk, units)) {
    s.openSlot[row] = slot;
    s.openUnits[row] = units;
    s.openEncoding[row] = encoding;
    s.openMint[row] = mint;
    state.openChunks++;
  } else linkChunk(state, row, addChunk(state.chunks, slot, units, bytes, samples, encoding, mint, maxt));
  state.openedChunks++;
  s.xor.t[row] = maxt;
  s.judgedT[row] = maxt;
  s.judgedKind[row] = kind;
  if (kind === KIND.float) {
    s.judgedValue[2 * row] = chunk.lastHigh;
    s.judgedValue[2 * row + 1] = chunk.lastLow;
  } else hashHistogram(chunk.h!, chunk.row, s.judgedValue, 2 * row);
  if (maxt > state.judgedMaxt) state.judgedMaxt = maxt;
  showSeries(state, row);
  widen(state, mint);
  widen(state, maxt);
  return '';
}

/** Whether samples may be appended to it. */
function resume(
  state: HeadState,
  row: number,
  page: Uint8Array,
  at: number,
  chunk: SnapshotChunk,
  units: number,
): boolean {
  const s = state.series;
  const { encoding, samples, bytes } = chunk;
  if (kindOf(encoding) === KIND.float) {
    if (samples > 250 || units > SMALL_SLOT_UNITS) return false;
    const resumed =
      encoding === ENCODING.xor
        ? resumeXor(page, at, s.xor, row, samples)
        : resumeXor2(page, at, s.xor, startTimes(s), row, samples);
    return resumed && s.xor.t[row] === chunk.maxt;
  }
  try {
    const encoder = HistogramEncoder.resume(page.slice(at, at + bytes), bytes, samples, encoding);
    if (encoder.maxt !== chunk.maxt) return false;
    state.histograms.set(row, encoder);
    return true;
  } catch (error) {
    if (error instanceof StorageError) return false;
    throw error;
  }
}
