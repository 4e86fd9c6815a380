// Closed chunks as columns, each series' ones chained in time order (out-of-order ones in a chain of their own, in the order they were
// closed). A chunk's bytes lie in a slot until they are in a file of chunks_head; then its row addresses the file.
import { ENCODING, KIND } from '@munjigi/model';
import type { Leases } from './leases.ts';
import type { OutOfOrder } from './ooo.ts';
import { NO_CHUNK, OUT_OF_ORDER, UNKNOWN_KIND, type SeriesTable } from './series.ts';
import type { HistogramEncoder } from '../chunk/histogram-encode.ts';
import { NO_SLOT, type SlotPages } from '../chunk/slots.ts';

/** `file` of a chunk whose bytes are in a slot. */
export const IN_MEMORY = 0;

export interface ChunkRows {
  /** Rows in use or free. */
  end: number;
  live: number;
  /** Live rows whose bytes are in memory, and the units of their slots. */
  waiting: number;
  waitingUnits: number;
  /** Slot, or where the data begins in its file. */
  place: Uint32Array;
  /** Number of the chunks_head file; IN_MEMORY. */
  file: Uint32Array;
  /** Of the slot. */
  units: Uint16Array;
  /** Bytes of data behind the sample count. */
  bytes: Uint32Array;
  samples: Uint16Array;
  encoding: Uint8Array;
  mint: Float64Array;
  maxt: Float64Array;
  previous: Uint32Array;
  next: Uint32Array;
  /** Free rows, chained through `next`. */
  free: number;
}

export function newChunkRows(): ChunkRows {
  const rows = 1024;
  return {
    end: 0,
    live: 0,
    waiting: 0,
    waitingUnits: 0,
    place: new Uint32Array(rows),
    file: new Uint32Array(rows),
    units: new Uint16Array(rows),
    bytes: new Uint32Array(rows),
    samples: new Uint16Array(rows),
    encoding: new Uint8Array(rows),
    mint: new Float64Array(rows),
    maxt: new Float64Array(rows),
    previous: new Uint32Array(rows),
    next: new Uint32Array(rows),
    free: NO_CHUNK,
  };
}

/** Everything that an append touches. */
export interface ChunkStore {
  readonly series: SeriesTable;
  readonly chunks: ChunkRows;
  readonly slots: SlotPages;
  readonly leases: Leases;
  /** Open histogram chunks by series row: only series that have one. */
  readonly histograms: Map<number, HistogramEncoder>;
  /** By series row: only series that have any. */
  readonly outOfOrder: Map<number, OutOfOrder>;
  /** Series with an open chunk. */
  openChunks: number;
  /** Chunks opened so far. */
  openedChunks: number;
  /** A chunk never crosses a multiple of this: blocks are cut there. */
  readonly chunkRange_ms: number;
  /** The range [rangeStart, rangeStart + chunkRange_ms) of the last append. */
  rangeStart: number;
  /** New chunks keep start times: XOR2 for floats. */
  xor2: boolean;
  /** Closed chunks stay in memory (there is no folder): their slots are made as small as can be. */
  readonly inMemory: boolean;
}

/** The head and tail of a chain. */
export interface Chain {
  oldest: number;
  newest: number;
}

/** A row for a chunk in memory. */
export function addChunk(
  c: ChunkRows,
  slot: number,
  units: number,
  bytes: number,
  samples: number,
  encoding: number,
  mint: number,
  maxt: number,
): number {
  const chunk = takeRow(c);
  c.place[chunk] = slot;
  c.file[chunk] = IN_MEMORY;
  c.units[chunk] = units;
  c.bytes[chunk] = bytes;
  c.samples[chunk] = samples;
  c.encoding[chunk] = encoding;
  c.mint[chunk] = mint;
  c.maxt[chunk] = maxt;
  c.previous[chunk] = NO_CHUNK;
  c.next[chunk] = NO_CHUNK;
  c.waiting++;
  c.waitingUnits += units;
  return chunk;
}

/** A row for a chunk in a file. */
export function addFileChunk(
  c: ChunkRows,
  file: number,
  offset: number,
  bytes: number,
  samples: number,
  encoding: number,
  mint: number,
  maxt: number,
): number {
  const chunk = takeRow(c);
  c.place[chunk] = offset;
  c.file[chunk] = file;
  c.bytes[chunk] = bytes;
  c.samples[chunk] = samples;
  c.encoding[chunk] = encoding;
  c.mint[chunk] = mint;
  c.maxt[chunk] = maxt;
  c.previous[chunk] = NO_CHUNK;
  c.next[chunk] = NO_CHUNK;
  return chunk;
}

/** The chunk's bytes are in a file now: its slot is given up. */
export function moveToFile(c: ChunkStore, chunk: number, file: number, offset: number): void {
  giveUpSlot(c, chunk);
  c.chunks.file[chunk] = file;
  c.chunks.place[chunk] = offset;
}

function giveUpSlot(c: ChunkStore, chunk: number): void {
  const t = c.chunks;
  const units = t.units[chunk]!;
  c.leases.retire(t.place[chunk]!, units);
  t.waiting--;
  t.waitingUnits -= units;
}

/** Puts a chunk behind the newest of its series' in-order chunks. */
export function linkChunk(c: ChunkStore, row: number, chunk: number): void {
  const s = c.series;
  const newest = s.newest[row]!;
  c.chunks.previous[chunk] = newest;
  if (newest === NO_CHUNK) s.oldest[row] = chunk;
  else c.chunks.next[newest] = chunk;
  s.newest[row] = chunk;
}

/** As linkChunk, to a chain of another place. */
export function linkToChain(c: ChunkRows, chain: Chain, chunk: number): void {
  c.previous[chunk] = chain.newest;
  if (chain.newest === NO_CHUNK) chain.oldest = chunk;
  else c.next[chain.newest] = chunk;
  chain.newest = chunk;
}

/** Gives up a row and its slot; returns the next row of its chain. */
export function freeChunk(c: ChunkStore, chunk: number): number {
  const t = c.chunks;
  if (t.file[chunk] === IN_MEMORY) giveUpSlot(c, chunk);
  t.file[chunk] = IN_MEMORY;
  const next = t.next[chunk]!;
  t.next[chunk] = t.free;
  t.free = chunk;
  t.live--;
  return next;
}

/** Drops in-order chunks that end before `mint`, the open one too; returns how many. */
export function dropChunksBefore(c: ChunkStore, row: number, mint: number): number {
  const s = c.series;
  let dropped = 0;
  let chunk = s.oldest[row]!;
  while (chunk !== NO_CHUNK && c.chunks.maxt[chunk]! < mint) {
    chunk = freeChunk(c, chunk);
    dropped++;
  }
  s.oldest[row] = chunk;
  if (chunk === NO_CHUNK) s.newest[row] = NO_CHUNK;
  else c.chunks.previous[chunk] = NO_CHUNK;
  if (s.openSlot[row] !== NO_SLOT && s.xor.t[row]! < mint) {
    dropOpenChunk(c, row);
    dropped++;
  }
  return dropped;
}

export function dropOpenChunk(c: ChunkStore, row: number): void {
  const s = c.series;
  c.leases.retire(s.openSlot[row]!, s.openUnits[row]!);
  s.openSlot[row] = NO_SLOT;
  c.histograms.delete(row);
  c.openChunks--;
}

/** KIND of the samples of an encoding. */
export function kindOf(encoding: number): number {
  if (encoding === ENCODING.histogram || encoding === ENCODING.histogramSt) return KIND.histogram;
  if (encoding === ENCODING.floatHistogram || encoding === ENCODING.floatHistogramSt)
    return KIND.floatHistogram;
  return KIND.float;
}

/** KIND of the newest sample judged. */
export function newestKind(c: ChunkStore, row: number): number {
  const s = c.series;
  const kind = s.judgedKind[row]!;
  return kind === UNKNOWN_KIND ? newestChunkKind(c, row) : kind;
}

/** KIND of the newest visible in-order sample; float when there is none. */
export function newestChunkKind(c: ChunkStore, row: number): number {
  const s = c.series;
  if (s.openSlot[row] !== NO_SLOT) return kindOf(s.openEncoding[row]!);
  const newest = s.newest[row]!;
  return newest === NO_CHUNK ? KIND.float : kindOf(c.chunks.encoding[newest]!);
}

/** Whether readers could find anything in a series. */
export function hasChunks(s: SeriesTable, row: number): boolean {
  return s.openSlot[row] !== NO_SLOT || s.newest[row] !== NO_CHUNK || (s.flags[row]! & OUT_OF_ORDER) !== 0;
}

function takeRow(c: ChunkRows): number {
  c.live++;
  if (c.free !== NO_CHUNK) {
    const row = c.free;
    c.free = c.next[row]!;
    return row;
  }
  if (c.end === c.place.length) growRows(c);
  return c.end++;
}

function growRows(c: ChunkRows): void {
  const rows = Math.ceil(c.place.length * 1.5);
  c.place = grown(c.place, new Uint32Array(rows));
  c.file = grown(c.file, new Uint32Array(rows));
  c.units = grown(c.units, new Uint16Array(rows));
  c.bytes = grown(c.bytes, new Uint32Array(rows));
  c.samples = grown(c.samples, new Uint16Array(rows));
  c.encoding = grown(c.encoding, new Uint8Array(rows));
  c.mint = grown(c.mint, new Float64Array(rows));
  c.maxt = grown(c.maxt, new Float64Array(rows));
  c.previous = grown(c.previous, new Uint32Array(rows));
  c.next = grown(c.next, new Uint32Array(rows));
}

function grown<T extends { set(from: T): void }>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}

/** Bytes of the rows' columns. */
export function chunkRowsBytes(c: ChunkRows): number {
  let bytes = 0;
  for (const column of Object.values(c)) if (ArrayBuffer.isView(column)) bytes += column.byteLength;
  return bytes;
}
