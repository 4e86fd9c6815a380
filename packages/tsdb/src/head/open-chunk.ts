// What happens to the open chunk of a series: append, grow, close. Floats are encoded straight into the slot; a histogram chunk has an
// encoder that owns its bytes, and the slot is a copy of them for readers.
import { ENCODING, KIND, type HistogramColumns } from '@munjigi/model';
import { addChunk, linkChunk, type ChunkStore } from './chunk-table.ts';
import { startTimes } from './series.ts';
import { HistogramEncoder } from '../chunk/histogram-encode.ts';
import {
  MAX_SLOT_UNITS,
  NO_SLOT,
  SMALL_SLOT_UNITS,
  UNIT_BYTES,
  byteOf,
  pageOf,
  unitsFor,
} from '../chunk/slots.ts';
import { chunkDataBytes } from '../chunk/stored.ts';
import { XOR_SAMPLE_MAX_BYTES, appendXor } from '../chunk/xor-encode.ts';
import { XOR2_SAMPLE_MAX_BYTES, appendXor2 } from '../chunk/xor2-encode.ts';

/** A chunk of floats is closed at this many samples, as Prometheus' default is. */
const SAMPLES_PER_CHUNK = 120;
/**
 * The size in bytes that a histogram chunk should have, and its fewest samples. Queries see where it ends, because its histograms share one
 * layout: so it ends as in Prometheus' head.
 */
const HISTOGRAM_CHUNK_BYTES = 1024;
const HISTOGRAM_CHUNK_SAMPLES = 10;
/** The first slot of a series; later chunks begin with the size that the last one ended with. */
const FIRST_UNITS = 3;
/** A histogram chunk begins with this much room behind its first sample. */
const HISTOGRAM_ROOM_BYTES = 96;

/** Appends a judged float to the open chunk of a series, opening, growing and closing as needed. `st`: start time in ms, 0: none. */
export function appendFloat(
  c: ChunkStore,
  row: number,
  t: number,
  high: number,
  low: number,
  st: number,
): void {
  const s = c.series;
  const encoding = c.xor2 ? ENCODING.xor2 : ENCODING.xor;
  const most = c.xor2 ? XOR2_SAMPLE_MAX_BYTES : XOR_SAMPLE_MAX_BYTES;
  let slot = s.openSlot[row]!;
  if (slot !== NO_SLOT) {
    if (
      s.openEncoding[row] !== encoding ||
      s.xor.count[row]! >= SAMPLES_PER_CHUNK ||
      crossesRange(c, row, t)
    ) {
      closeChunk(c, row);
      slot = NO_SLOT;
    } else {
      const bytes = (s.xor.bits[row]! + 7) >> 3;
      if (bytes + most > s.openUnits[row]! * UNIT_BYTES) {
        if (s.openUnits[row]! >= SMALL_SLOT_UNITS) {
          closeChunk(c, row);
          slot = NO_SLOT;
        } else {
          const more = s.openUnits[row]! + Math.max(1, s.openUnits[row]! >> 1);
          slot = moveOpen(c, row, bytes, Math.min(SMALL_SLOT_UNITS, more));
        }
      }
    }
  }
  if (slot === NO_SLOT) {
    const wanted = s.openUnits[row] === 0 ? FIRST_UNITS : Math.min(SMALL_SLOT_UNITS, s.openUnits[row]!);
    slot = openSlot(c, row, wanted, encoding, t);
    s.xor.count[row] = 0;
    s.xor.bits[row] = 0;
  }
  const b = c.slots.bytes[pageOf(slot)]!;
  if (encoding === ENCODING.xor) appendXor(b, byteOf(slot), s.xor, row, t, high, low);
  else appendXor2(b, byteOf(slot), s.xor, startTimes(s), row, t, high, low, st);
}

/** As appendFloat, row `from` of `h` as a histogram of `kind`. */
export function appendHistogram(
  c: ChunkStore,
  row: number,
  t: number,
  kind: number,
  h: HistogramColumns,
  from: number,
  st: number,
): void {
  const s = c.series;
  let encoder = c.histograms.get(row) ?? null;
  let previous: HistogramEncoder | null = null;
  /** Where the histogram itself ends a chunk, the next one takes this over: its end is not foretold again. */
  let foretold = false;
  if (s.openSlot[row] !== NO_SLOT) {
    const full =
      encoder === null || isFull(c, encoder, t) || !encoder.fits(h, from, MAX_SLOT_UNITS * UNIT_BYTES);
    if (full || encoder!.encoding !== histogramEncoding(c, kind) || crossesRange(c, row, t)) {
      closeChunk(c, row);
      previous = encoder;
      encoder = null;
    }
  }
  if (encoder !== null) {
    const before = encoder.length;
    const did = encoder.append(t, h, from, st, null);
    if (did === 'cut') {
      closeChunk(c, row);
      previous = encoder;
      foretold = encoder.foretold;
    } else {
      mirror(c, row, encoder, did === 'recoded' ? 0 : Math.max(0, before - 1));
      s.xor.t[row] = t;
      return;
    }
  }
  const opened = new HistogramEncoder(kind, c.xor2);
  opened.append(t, h, from, st, previous);
  opened.foretold = foretold;
  c.histograms.set(row, opened);
  openSlot(c, row, unitsFor(opened.length + HISTOGRAM_ROOM_BYTES), opened.encoding, t);
  copyIn(c, row, opened, 0);
  s.xor.t[row] = t;
}

/**
 * Whether a histogram chunk ends before a sample at t. When it has a quarter of the size, the time is foretold at which it ends, such that the
 * chunks up to the end of the range last equally long; at twice the size it ends in any case.
 */
function isFull(c: ChunkStore, encoder: HistogramEncoder, t: number): boolean {
  const bytes = chunkDataBytes(encoder.encoding, encoder.length);
  if (!encoder.foretold && bytes >= HISTOGRAM_CHUNK_BYTES / 4) {
    const { mint, maxt } = encoder;
    const rangeEnd = (Math.floor(mint / c.chunkRange_ms) + 1) * c.chunkRange_ms;
    const chunks = (rangeEnd - mint) / ((maxt - mint + 1) * (HISTOGRAM_CHUNK_BYTES / bytes));
    if (chunks > 1) encoder.end_ms = Math.trunc(mint + (rangeEnd - mint) / Math.floor(chunks));
    encoder.foretold = true;
  }
  const due = t >= encoder.end_ms || bytes >= 2 * HISTOGRAM_CHUNK_BYTES;
  return due && encoder.count >= HISTOGRAM_CHUNK_SAMPLES;
}

function histogramEncoding(c: ChunkStore, kind: number): number {
  if (kind === KIND.histogram) return c.xor2 ? ENCODING.histogramSt : ENCODING.histogram;
  return c.xor2 ? ENCODING.floatHistogramSt : ENCODING.floatHistogram;
}

/** Whether t lies in another range than the open chunk began in. */
function crossesRange(c: ChunkStore, row: number, t: number): boolean {
  if (!(t >= c.rangeStart && t < c.rangeStart + c.chunkRange_ms))
    c.rangeStart = Math.floor(t / c.chunkRange_ms) * c.chunkRange_ms;
  return c.series.openMint[row]! < c.rangeStart;
}

function openSlot(c: ChunkStore, row: number, units: number, encoding: number, t: number): number {
  const s = c.series;
  const slot = c.slots.alloc(units);
  s.openSlot[row] = slot;
  s.openUnits[row] = units;
  s.openEncoding[row] = encoding;
  s.openMint[row] = t;
  c.openChunks++;
  c.openedChunks++;
  return slot;
}

/** Moves an open chunk to another slot: readers keep the old one under their leases. */
function moveOpen(c: ChunkStore, row: number, bytes: number, units: number): number {
  const s = c.series;
  const old = s.openSlot[row]!;
  const slot = c.slots.alloc(units);
  copySlot(c, old, slot, bytes);
  c.leases.retire(old, s.openUnits[row]!);
  s.openSlot[row] = slot;
  s.openUnits[row] = units;
  return slot;
}

function copySlot(c: ChunkStore, from: number, to: number, bytes: number): void {
  const a = byteOf(from);
  c.slots.bytes[pageOf(to)]!.set(c.slots.bytes[pageOf(from)]!.subarray(a, a + bytes), byteOf(to));
}

/** Brings the encoder's bytes from `from` on into the slot; from 0: into another one, because readers hold what was there. */
function mirror(c: ChunkStore, row: number, encoder: HistogramEncoder, from: number): void {
  const s = c.series;
  const fits = encoder.length <= s.openUnits[row]! * UNIT_BYTES;
  if (from > 0 && fits) {
    copyIn(c, row, encoder, from);
    // The header of start times, in which later samples set bits that earlier ones do not look at.
    const slot = s.openSlot[row]!;
    c.slots.bytes[pageOf(slot)]![byteOf(slot) + 2] = encoder.bytes[2]!;
    return;
  }
  const units = fits ? s.openUnits[row]! : unitsFor(Math.ceil(encoder.length * 1.25));
  c.leases.retire(s.openSlot[row]!, s.openUnits[row]!);
  s.openSlot[row] = c.slots.alloc(Math.min(units, MAX_SLOT_UNITS));
  s.openUnits[row] = Math.min(units, MAX_SLOT_UNITS);
  copyIn(c, row, encoder, 0);
}

function copyIn(c: ChunkStore, row: number, encoder: HistogramEncoder, from: number): void {
  const slot = c.series.openSlot[row]!;
  c.slots.bytes[pageOf(slot)]!.set(encoder.bytes.subarray(from, encoder.length), byteOf(slot) + from);
}

/** Ends the open chunk: it becomes a row of the table. */
export function closeChunk(c: ChunkStore, row: number): void {
  const s = c.series;
  let slot = s.openSlot[row]!;
  if (slot === NO_SLOT) return;
  const encoder = c.histograms.get(row);
  const bytes = encoder?.length ?? (s.xor.bits[row]! + 7) >> 3;
  const samples = encoder?.count ?? s.xor.count[row]!;
  let units = s.openUnits[row]!;
  const fitting = unitsFor(bytes);
  if (c.inMemory && fitting < units && c.slots.roomUnits() > MAX_SLOT_UNITS) {
    const tight = c.slots.alloc(fitting);
    copySlot(c, slot, tight, bytes);
    c.leases.retire(slot, units);
    slot = tight;
    units = fitting;
  }
  const { chunks } = c;
  linkChunk(
    c,
    row,
    addChunk(chunks, slot, units, bytes, samples, s.openEncoding[row]!, s.openMint[row]!, s.xor.t[row]!),
  );
  s.openSlot[row] = NO_SLOT;
  c.histograms.delete(row);
  c.openChunks--;
  // The next chunk of the series will most likely be as large, plus the room that the encoder asks for.
  s.openUnits[row] = Math.min(SMALL_SLOT_UNITS, unitsFor(bytes + XOR2_SAMPLE_MAX_BYTES));
}
