// Closed chunks as columns, each series' ones chained in time order; and what happens to an open chunk: append, grow, close, drop.
import type { Leases } from './leases.ts';
import { NO_CHUNK, type SeriesTable } from './series.ts';
import {
  MAX_SLOT_UNITS,
  NO_SLOT,
  UNIT_BYTES,
  byteOf,
  pageOf,
  unitsFor,
  type SlotPages,
} from '../chunk/slots.ts';
import { XOR_SAMPLE_MAX_BYTES, appendXor } from '../chunk/xor-encode.ts';

/** A chunk is closed at this many samples, as Prometheus' default is. */
const SAMPLES_PER_CHUNK = 120;
/** The first slot of a series; later chunks begin with the size that the last one ended with. */
const FIRST_UNITS = 3;

export interface ChunkRows {
  /** Rows in use or free. */
  end: number;
  live: number;
  slot: Uint32Array;
  units: Uint8Array;
  bytes: Uint16Array;
  samples: Uint8Array;
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
    slot: new Uint32Array(rows),
    units: new Uint8Array(rows),
    bytes: new Uint16Array(rows),
    samples: new Uint8Array(rows),
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
  /** Series with an open chunk. */
  openChunks: number;
  /** Chunks opened so far. */
  openedChunks: number;
  /** A chunk never crosses a multiple of this: blocks are cut there. */
  readonly chunkRange_ms: number;
}

/** Appends a judged sample to the open chunk of a series, opening, growing and closing as needed. */
export function appendSample(c: ChunkStore, row: number, t: number, high: number, low: number): void {
  const s = c.series;
  let slot = s.openSlot[row]!;
  if (slot !== NO_SLOT) {
    const bytes = (s.xor.bits[row]! + 7) >> 3;
    const crossed =
      t - s.openMint[row]! >= c.chunkRange_ms ||
      Math.floor(t / c.chunkRange_ms) !== Math.floor(s.openMint[row]! / c.chunkRange_ms);
    if (crossed || s.xor.count[row]! >= SAMPLES_PER_CHUNK) {
      closeChunk(c, row);
      slot = NO_SLOT;
    } else if (bytes + XOR_SAMPLE_MAX_BYTES > s.openUnits[row]! * UNIT_BYTES) {
      if (s.openUnits[row] === MAX_SLOT_UNITS) {
        closeChunk(c, row);
        slot = NO_SLOT;
      } else slot = growSlot(c, row, bytes);
    }
  }
  if (slot === NO_SLOT) {
    const units = s.openUnits[row] === 0 ? FIRST_UNITS : s.openUnits[row]!;
    slot = c.slots.alloc(units);
    s.openSlot[row] = slot;
    s.openUnits[row] = units;
    s.openMint[row] = t;
    c.openChunks++;
    c.openedChunks++;
    s.xor.count[row] = 0;
    s.xor.bits[row] = 0;
  }
  appendXor(c.slots.bytes[pageOf(slot)]!, byteOf(slot), s.xor, row, t, high, low);
}

/** Moves an open chunk to a larger slot: readers keep the old one under their leases. */
function growSlot(c: ChunkStore, row: number, bytes: number): number {
  const s = c.series;
  const old = s.openSlot[row]!;
  const units = Math.min(MAX_SLOT_UNITS, s.openUnits[row]! + Math.max(1, s.openUnits[row]! >> 1));
  const slot = c.slots.alloc(units);
  copySlot(c.slots, old, slot, bytes);
  c.leases.retire(old, s.openUnits[row]!);
  s.openSlot[row] = slot;
  s.openUnits[row] = units;
  return slot;
}

function copySlot(slots: SlotPages, from: number, to: number, bytes: number): void {
  const a = byteOf(from);
  slots.bytes[pageOf(to)]!.set(slots.bytes[pageOf(from)]!.subarray(a, a + bytes), byteOf(to));
}

/** Ends the open chunk: its row goes to the table, its bytes to a slot that fits. */
function closeChunk(c: ChunkStore, row: number): void {
  const s = c.series;
  let slot = s.openSlot[row]!;
  if (slot === NO_SLOT) return;
  const bytes = (s.xor.bits[row]! + 7) >> 3;
  let units = s.openUnits[row]!;
  const fitting = unitsFor(bytes);
  if (fitting < units && c.slots.roomUnits() > MAX_SLOT_UNITS) {
    const tight = c.slots.alloc(fitting);
    copySlot(c.slots, slot, tight, bytes);
    c.leases.retire(slot, units);
    slot = tight;
    units = fitting;
  }
  const chunk = takeRow(c.chunks);
  c.chunks.slot[chunk] = slot;
  c.chunks.units[chunk] = units;
  c.chunks.bytes[chunk] = bytes;
  c.chunks.samples[chunk] = s.xor.count[row]!;
  c.chunks.mint[chunk] = s.openMint[row]!;
  c.chunks.maxt[chunk] = s.xor.t[row]!;
  const newest = s.newest[row]!;
  c.chunks.previous[chunk] = newest;
  c.chunks.next[chunk] = NO_CHUNK;
  if (newest === NO_CHUNK) s.oldest[row] = chunk;
  else c.chunks.next[newest] = chunk;
  s.newest[row] = chunk;
  s.openSlot[row] = NO_SLOT;
  c.openChunks--;
  // The next chunk of the series will most likely be as large, plus the room that the encoder asks for.
  s.openUnits[row] = Math.min(MAX_SLOT_UNITS, unitsFor(bytes + XOR_SAMPLE_MAX_BYTES));
}

/** Drops chunks that end before `mint`, the open one too; returns how many. */
export function dropChunksBefore(c: ChunkStore, row: number, mint: number): number {
  const s = c.series;
  let dropped = 0;
  let chunk = s.oldest[row]!;
  while (chunk !== NO_CHUNK && c.chunks.maxt[chunk]! < mint) {
    const next = c.chunks.next[chunk]!;
    c.leases.retire(c.chunks.slot[chunk]!, c.chunks.units[chunk]!);
    c.chunks.next[chunk] = c.chunks.free;
    c.chunks.free = chunk;
    c.chunks.live--;
    dropped++;
    chunk = next;
  }
  s.oldest[row] = chunk;
  if (chunk === NO_CHUNK) s.newest[row] = NO_CHUNK;
  else c.chunks.previous[chunk] = NO_CHUNK;
  if (s.openSlot[row] !== NO_SLOT && s.xor.t[row]! < mint) {
    c.leases.retire(s.openSlot[row]!, s.openUnits[row]!);
    s.openSlot[row] = NO_SLOT;
    c.openChunks--;
    dropped++;
  }
  return dropped;
}

/** Whether readers could find anything in a series. */
export function hasChunks(s: SeriesTable, row: number): boolean {
  return s.openSlot[row] !== NO_SLOT || s.newest[row] !== NO_CHUNK;
}

/** Whether a chunk of the series overlaps [mint, maxt]. */
export function overlaps(c: ChunkStore, row: number, mint: number, maxt: number): boolean {
  const s = c.series;
  if (s.openSlot[row] !== NO_SLOT && s.openMint[row]! <= maxt && s.xor.t[row]! >= mint) return true;
  for (let i = s.newest[row]!; i !== NO_CHUNK && c.chunks.maxt[i]! >= mint; i = c.chunks.previous[i]!)
    if (c.chunks.mint[i]! <= maxt) return true;
  return false;
}

function takeRow(c: ChunkRows): number {
  c.live++;
  if (c.free !== NO_CHUNK) {
    const row = c.free;
    c.free = c.next[row]!;
    return row;
  }
  if (c.end === c.slot.length) growRows(c);
  return c.end++;
}

function growRows(c: ChunkRows): void {
  const rows = Math.ceil(c.slot.length * 1.5);
  c.slot = grown(c.slot, new Uint32Array(rows));
  c.units = grown(c.units, new Uint8Array(rows));
  c.bytes = grown(c.bytes, new Uint16Array(rows));
  c.samples = grown(c.samples, new Uint8Array(rows));
  c.mint = grown(c.mint, new Float64Array(rows));
  c.maxt = grown(c.maxt, new Float64Array(rows));
  c.previous = grown(c.previous, new Uint32Array(rows));
  c.next = grown(c.next, new Uint32Array(rows));
}

function grown<T extends { set(from: T): void }>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
