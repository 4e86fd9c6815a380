// Closed chunks go to the files of chunks_head, and their slots are given back. A full disk leaves them in memory: the next try takes them
// again. Of out-of-order chunks the log of such samples is told, so that a replay does not read their samples twice.
import { EnvError, type Files } from '@munjigi/env';
import { HIGH, KIND, LOW, newColumn } from '@munjigi/model';
import { IN_MEMORY, moveToFile } from './chunk-table.ts';
import { readGroup } from './ooo.ts';
import { LIVE, NO_CHUNK, OUT_OF_ORDER } from './series.ts';
import { newSlicer } from './slicer.ts';
import type { HeadState } from './state.ts';
import { byteOf, pageOf } from '../chunk/slots.ts';
import { newByteWriter } from '../wal/bytes.ts';
import {
  headChunkFile,
  headChunkStart,
  listHeadChunkFiles,
  type HeadChunkWriter,
} from '../wal/head-chunks.ts';
import { RECORD, beginRecord, putHistograms, putMarker, putSamples } from '../wal/record.ts';

import type { WalLog } from '../wal/log.ts';

/** A batch is written when it has so many bytes, or when others shall have a turn. */
const BATCH_BYTES: number = 512 * 1024;

/** Chunks put into the writer's batch. */
interface Batch {
  readonly chunk: number[];
  readonly place: number[];
  /** Out-of-order chains whose newest chunk is in it. */
  readonly marks: Mark[];
}

/**
 * Writes closed chunks to files, oldest first of each series; returns how many. Throws StorageError when the disk refuses: chunks written
 * until then are in files. `log` null: there is no log of out-of-order samples to be told. `onlyMarked`:
 * nothing but the marked out-of-order chunks.
 */
export async function flushClosed(
  state: HeadState,
  writer: HeadChunkWriter,
  log: WalLog | null,
  onlyMarked: boolean = false,
): Promise<number> {
  if (state.chunks.waiting === 0) return 0;
  const s = state.series;
  const slicer = newSlicer(state.clock, state.slice_ms);
  const batch: Batch = { chunk: [], place: [], marks: [] };
  const marks: Mark[] = [];
  const before = state.counters.chunksFlushed;
  try {
    await writer.ready(BATCH_BYTES);
    for (let row = 1; row < s.end; row++) {
      if (writer.pending() >= BATCH_BYTES || slicer.due()) {
        writeBatch(state, writer, batch, marks);
        await slicer.rest();
        await writer.ready(BATCH_BYTES);
      }
      if ((s.flags[row]! & LIVE) === 0) continue;
      if (s.newest[row] !== NO_CHUNK && !onlyMarked)
        putChain(state, writer, row, s.newest[row]!, false, batch);
      if ((s.flags[row]! & OUT_OF_ORDER) === 0) continue;
      const { newest, mark } = state.outOfOrder.get(row)!;
      const last = onlyMarked ? mark : newest;
      if (last !== NO_CHUNK) putChain(state, writer, row, last, true, batch);
    }
    writeBatch(state, writer, batch, marks);
    if (log !== null && marks.length > 0) {
      // A marker must not outlive the chunk it names.
      await writer.sync();
      writeMarkers(state, log, marks);
    }
  } catch (error) {
    state.counters.flushFailures++;
    throw error;
  }
  return state.counters.chunksFlushed - before;
}

function writeBatch(state: HeadState, writer: HeadChunkWriter, batch: Batch, marks: Mark[]): void {
  if (batch.chunk.length === 0) return;
  const base = writer.flush();
  const file = writer.file();
  marks.push(...batch.marks);
  batch.chunk.forEach((chunk, i) => moveToFile(state, chunk, file, base + batch.place[i]!));
  state.counters.chunksFlushed += batch.chunk.length;
  batch.chunk.length = 0;
  batch.place.length = 0;
  batch.marks.length = 0;
}

interface Mark {
  readonly row: number;
  readonly chunk: number;
}

/** Puts the chunks of a chain that are in memory, up to and with `last`, into the batch. */
function putChain(
  state: HeadState,
  writer: HeadChunkWriter,
  row: number,
  last: number,
  outOfOrder: boolean,
  batch: Batch,
): void {
  const t = state.chunks;
  if (t.file[last] !== IN_MEMORY) return;
  let chunk = last;
  while (t.previous[chunk] !== NO_CHUNK && t.file[t.previous[chunk]!] === IN_MEMORY)
    chunk = t.previous[chunk]!;
  for (let done = false; !done; chunk = t.next[chunk]!) {
    done = chunk === last;
    const slot = t.place[chunk]!;
    batch.chunk.push(chunk);
    batch.place.push(
      writer.append(
        state.series.walRef[row]!,
        t.mint[chunk]!,
        t.maxt[chunk]!,
        t.encoding[chunk]!,
        outOfOrder,
        t.samples[chunk]!,
        state.slots.bytes[pageOf(slot)]!,
        byteOf(slot),
        t.bytes[chunk]!,
      ),
    );
  }
  if (outOfOrder) batch.marks.push({ row, chunk: last });
}

/**
 * Tells the log of out-of-order samples which series have everything so far in files, and writes again what those have in memory still: a
 * replay forgets what stood before a marker.
 */
function writeMarkers(state: HeadState, log: WalLog, marks: readonly Mark[]): void {
  const w = newByteWriter(1024);
  const ends: number[] = [];
  const s = state.series;
  // A series that got another closed chunk meanwhile is marked when that is in a file.
  const t = state.chunks;
  const whole = marks.filter(({ row, chunk }) => state.outOfOrder.get(row)?.newest === chunk);
  if (whole.length === 0) return;
  beginRecord(w, RECORD.markers);
  for (const { row, chunk } of whole) {
    const at = headChunkStart(t.encoding[chunk]!, t.place[chunk]!, t.bytes[chunk]!);
    putMarker(w, s.walRef[row]!, t.file[chunk]!, at);
  }
  ends.push(w.n);
  for (const { row } of whole) {
    const column = newColumn(32);
    for (const group of state.outOfOrder.get(row)!.groups) readGroup(state, group, group.n, column);
    if (column.n === 0) continue;
    const ref = new Float64Array(column.n).fill(s.walRef[row]!);
    const st = state.xor2 ? (column.st ?? new Float64Array(column.n)) : null;
    if (column.kind === null) {
      putSamples(w, { ref, t: column.t, value: highFirst(column.bits, column.n), st }, column.n);
      ends.push(w.n);
      continue;
    }
    for (let i = 0; i < column.n; i++) {
      const one = { ref, t: column.t.subarray(i), st: st?.subarray(i) ?? null };
      if (column.kind[i] === KIND.float) {
        putSamples(w, { ...one, value: highFirst(column.bits.subarray(2 * i), 1) }, 1);
        ends.push(w.n);
      } else
        putHistograms(
          w,
          { ...one, kind: column.kind.subarray(i), row: Uint32Array.of(i), h: column.h! },
          1,
          ends,
        );
    }
  }
  log.writeLate(w, ends);
}

/** Halves of values as records have them. */
function highFirst(bits: Uint32Array, n: number): Uint32Array {
  const value = new Uint32Array(2 * n);
  for (let i = 0; i < n; i++) {
    value[2 * i] = bits[2 * i + HIGH]!;
    value[2 * i + 1] = bits[2 * i + LOW]!;
  }
  return value;
}

/** Removes the files that no chunk lies in any more, once nobody can read them. */
export async function removeUnusedFiles(
  state: HeadState,
  files: Files,
  writer: HeadChunkWriter,
  onError: (error: EnvError) => void,
): Promise<void> {
  const { file, end } = state.chunks;
  const slicer = newSlicer(state.clock, state.slice_ms);
  let oldest = writer.file();
  for (let chunk = 0; chunk < end; chunk++) {
    if (slicer.due()) await slicer.rest();
    if (file[chunk] !== IN_MEMORY && file[chunk]! < oldest) oldest = file[chunk]!;
  }
  const there = listHeadChunkFiles(files, state.chunksDir);
  // The newest stays: numbers go on from it, and the out-of-order log names files by number.
  const unused = there.filter((n) => n < oldest && n !== there.at(-1));
  if (unused.length === 0) return;
  state.leases.whenUnseen(() => {
    try {
      // Oldest first: what is left has no gap.
      for (const n of unused) files.remove(headChunkFile(state.chunksDir, n));
    } catch (error) {
      if (!(error instanceof EnvError)) throw error;
      onError(error);
    }
  });
}
