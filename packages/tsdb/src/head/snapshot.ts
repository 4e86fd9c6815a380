// The head noted down as it is at one place of the log: series, open chunks (closed ones are in files), tombstones, exemplars, metadata. Captured
// as columns here; another thread makes the files of it (snapshot-write.ts).
import type { MetricMetadata, SymbolPages } from '@munjigi/model';
import { flushClosed } from './chunk-files.ts';
import { IN_MEMORY } from './chunk-table.ts';
import { LIVE, LOGGED, NO_CHUNK } from './series.ts';
import { newSlicer } from './slicer.ts';
import type { HeadState, LogPosition } from './state.ts';
import { NO_SLOT, byteOf, pageOf } from '../chunk/slots.ts';
import { SUM_BYTES, type HeadChunkWriter } from '../wal/head-chunks.ts';
import type { WalLog } from '../wal/log.ts';
import type { LoggedExemplar } from '../wal/record.ts';

/** A file of chunks_head that a snapshot relies on: it has at least so many bytes, and the newest sample in them. */
export interface ChunkFileNeed {
  readonly file: number;
  readonly bytes: number;
  readonly maxt: number;
}

/** Plain data. Series i has labels labelSymbols[labelFirst[i]..labelFirst[i + 1]) and, when samples[i] > 0, an open chunk. */
export interface SnapshotData {
  /** Everything before this place of the log is in it. */
  readonly position: LogPosition;
  /** The newest log reference that was ever given to a series. */
  readonly lastWalRef: number;
  readonly count: number;
  readonly symbols: SymbolPages;
  readonly walRef: Float64Array;
  readonly labelFirst: Uint32Array;
  readonly labelSymbols: Uint32Array;
  readonly encoding: Uint8Array;
  readonly samples: Uint32Array;
  readonly mint: Float64Array;
  readonly maxt: Float64Array;
  /** Page and byte of a float chunk, how many bits of it count, and its first byte, which later samples may change. */
  readonly page: Uint16Array;
  readonly offset: Uint32Array;
  readonly bits: Uint32Array;
  readonly firstByte: Uint8Array;
  readonly pages: readonly SharedArrayBuffer[];
  /** Histogram chunks are copied: `bytes` of series i at `copied` from offset[i] on, bits[i] / 8 of them. */
  readonly copied: Uint8Array;
  /** Metadata of series i: metadata[i] - 1 of the list; 0: none. */
  readonly metadata: Uint32Array;
  readonly metadataList: readonly MetricMetadata[];
  readonly tombstones: {
    readonly ref: Float64Array;
    readonly mint: Float64Array;
    readonly maxt: Float64Array;
  };
  readonly exemplars: readonly LoggedExemplar[];
  /** Where the in-order closed chunks lie, ascending. */
  readonly chunkFiles: readonly ChunkFileNeed[];
}

export interface HeadSnapshot {
  readonly data: SnapshotData;
  readonly transfer: ArrayBuffer[];
  /** Call when it was written or given up: until then the chunks that it addresses stay. */
  close(): void;
}

/** Throws StorageError when the disk refuses. Meanwhile commits reach the log and wait to be seen. */
export async function captureSnapshot(
  state: HeadState,
  writer: HeadChunkWriter,
  log: WalLog,
): Promise<HeadSnapshot> {
  const position = await endOfPage(state, log);
  // Most of what is closed, while commits go on.
  await flushClosed(state, writer, log);
  const lease = state.leases.open(state.clock.monotonic());
  lease.kept = true;
  let data: SnapshotData;
  try {
    const leave = await state.turns.share();
    try {
      const end = await state.turns.capture();
      try {
        await flushClosed(state, writer, log);
        data = await capture(state, position);
      } finally {
        end();
      }
    } finally {
      leave();
    }
    await writer.sync();
    await log.sync();
  } catch (error) {
    lease.close();
    throw error;
  }
  return { data, transfer: buffersOf(data), close: () => lease.close() };
}

/**
 * The place in the log that the snapshot is named by: the end of a page, because Prometheus counts pages from where it begins to read.
 * Resolves when all that is logged before it is visible. What is captured may hold commits behind it: replaying them again changes nothing.
 */
async function endOfPage(state: HeadState, log: WalLog): Promise<LogPosition> {
  log.writer.endPage();
  const position = log.position();
  const { ticket, visible } = state.turns.enqueue(() => void Object.assign(state.visibleTo, position));
  state.turns.release(ticket);
  await visible;
  return position;
}

async function capture(state: HeadState, position: LogPosition): Promise<SnapshotData> {
  const s = state.series;
  const slicer = newSlicer(state.clock, state.slice_ms);
  const most = s.end;
  const out = {
    walRef: new Float64Array(most),
    labelFirst: new Uint32Array(most + 1),
    encoding: new Uint8Array(most),
    samples: new Uint32Array(most),
    mint: new Float64Array(most),
    maxt: new Float64Array(most),
    page: new Uint16Array(most),
    offset: new Uint32Array(most),
    bits: new Uint32Array(most),
    firstByte: new Uint8Array(most),
    metadata: new Uint32Array(most),
  };
  let labels = new Uint32Array(16 * Math.max(64, s.live));
  let copied = new Uint8Array(0);
  let copiedBytes = 0;
  const metadataOf = new Map<number, number>();
  const metadataList: MetricMetadata[] = [];
  const needs = new Map<number, { file: number; bytes: number; maxt: number }>();
  let i = 0;
  for (let row = 1; row < most; row++) {
    if (slicer.due()) await slicer.rest();
    if ((s.flags[row]! & (LIVE | LOGGED)) !== (LIVE | LOGGED)) continue;
    out.walRef[i] = s.walRef[row]!;
    const n = 2 * s.labelCount[row]!;
    const from = s.labelsAt[row]!;
    const to = out.labelFirst[i]!;
    if (to + n > labels.length) labels = grown(labels, new Uint32Array(2 * (to + n)));
    for (let k = 0; k < n; k++) labels[to + k] = s.labels.words[from + k]!;
    out.labelFirst[i + 1] = to + n;
    const number = s.metadata[row]!;
    if (number !== 0) {
      let index = metadataOf.get(number);
      if (index === undefined) {
        index = metadataList.push(state.metadata.entry(number));
        metadataOf.set(number, index);
      }
      out.metadata[i] = index;
    }
    noteFiles(state, s.newest[row]!, needs);
    const slot = s.openSlot[row]!;
    if (slot !== NO_SLOT) {
      const encoder = state.histograms.get(row);
      out.encoding[i] = s.openEncoding[row]!;
      out.mint[i] = s.openMint[row]!;
      out.maxt[i] = s.xor.t[row]!;
      if (encoder !== undefined) {
        if (copiedBytes + encoder.length > copied.length)
          copied = grown(copied, new Uint8Array(2 * (copiedBytes + encoder.length)));
        copied.set(encoder.bytes.subarray(0, encoder.length), copiedBytes);
        out.offset[i] = copiedBytes;
        out.bits[i] = 8 * encoder.length;
        out.samples[i] = encoder.count;
        copiedBytes += encoder.length;
      } else {
        out.page[i] = pageOf(slot);
        out.offset[i] = byteOf(slot);
        out.bits[i] = s.xor.bits[row]!;
        out.samples[i] = s.xor.count[row]!;
        out.firstByte[i] = state.slots.bytes[pageOf(slot)]![byteOf(slot)]!;
      }
    }
    i++;
  }
  return {
    ...out,
    position,
    lastWalRef: state.lastWalRef,
    count: i,
    symbols: state.symbols.pages(),
    labelSymbols: labels,
    pages: [...state.slots.buffers],
    copied,
    metadataList,
    tombstones: tombstonesOf(state),
    exemplars: exemplarsOf(state),
    chunkFiles: [...needs.values()].sort((a, b) => a.file - b.file),
  };
}

/** Widens what is needed of the files by a chain of closed chunks. */
function noteFiles(
  { chunks: t }: HeadState,
  newest: number,
  needs: Map<number, { file: number; bytes: number; maxt: number }>,
): void {
  for (let chunk = newest; chunk !== NO_CHUNK; chunk = t.previous[chunk]!) {
    const file = t.file[chunk]!;
    if (file === IN_MEMORY) continue;
    const end = t.place[chunk]! + t.bytes[chunk]! + SUM_BYTES;
    const maxt = t.maxt[chunk]!;
    const need = needs.get(file);
    if (need === undefined) {
      needs.set(file, { file, bytes: end, maxt });
      continue;
    }
    if (end > need.bytes) need.bytes = end;
    if (maxt > need.maxt) need.maxt = maxt;
  }
}

function tombstonesOf(state: HeadState): SnapshotData['tombstones'] {
  const ref: number[] = [];
  const mint: number[] = [];
  const maxt: number[] = [];
  for (const row of state.tombstones.rows()) {
    const ranges = state.tombstones.of(row)!;
    for (let k = 0; k < ranges.length; k += 2) {
      ref.push(state.series.walRef[row]!);
      mint.push(ranges[k]!);
      maxt.push(ranges[k + 1]!);
    }
  }
  return { ref: Float64Array.from(ref), mint: Float64Array.from(mint), maxt: Float64Array.from(maxt) };
}

function exemplarsOf(state: HeadState): LoggedExemplar[] {
  const { walRef, flags } = state.series;
  return state.exemplars
    .all()
    .filter(({ row }) => (flags[row]! & (LIVE | LOGGED)) === (LIVE | LOGGED))
    .map(({ row, exemplar: e }) => ({
      ref: walRef[row]!,
      t: e.t_ms,
      value: e.value,
      labels: e.labels as readonly string[],
    }));
}

function buffersOf(data: SnapshotData): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  for (const column of Object.values(data))
    if (ArrayBuffer.isView(column) && column.buffer instanceof ArrayBuffer) buffers.push(column.buffer);
  return buffers;
}

function grown<T extends { set(from: T): void }>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
