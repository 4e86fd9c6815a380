// Decodes one series of an index: its labels as symbol numbers and its chunks. Columns are reused from series to series.
import { readUvarint, readVarint, type ByteReader } from '../wal/bytes.ts';
import { crc32c } from '../wal/crc32c.ts';
import type { PagedFile } from './paged-file.ts';
import { u32At } from './section.ts';
import type { IndexSymbols } from './symbols.ts';

export interface SeriesEntry {
  /** Symbol numbers labels[0..labelCount), name and value in turn. */
  labels: Uint32Array;
  labelCount: number;
  /** Chunks in the file's order; times in ms, both inclusive. Beyond 2^53 they are close. */
  chunkCount: number;
  chunkMint: Float64Array;
  chunkMaxt: Float64Array;
  /** Segment number (from 0) times 2^32, plus the place in the segment. */
  chunkRef: Float64Array;
}

export function newSeriesEntry(): SeriesEntry {
  return {
    labels: new Uint32Array(64),
    labelCount: 0,
    chunkCount: 0,
    chunkMint: new Float64Array(32),
    chunkMaxt: new Float64Array(32),
    chunkRef: new Float64Array(32),
  };
}

/** Varints are read as floats: up to here they are exact. */
const EXACT: number = 2 ** 52;

/** Reads the series at `place`; chunks that do not overlap [mint, maxt] are left out. Throws StorageError EFORMAT. */
export function readSeries(
  file: PagedFile,
  place: number,
  symbols: IndexSymbols,
  version: number,
  mint: number,
  maxt: number,
  into: SeriesEntry,
): void {
  const peek = file.peek(place, 10);
  const r: ByteReader = { b: peek.b, at: peek.from, end: peek.to, bad: false };
  const length = readUvarint(r);
  if (r.bad) throw file.wrong(place, 'the length of a series is cut off');
  const from = place + r.at - peek.from;
  const body = file.view(from, length + 4);
  r.b = body.b;
  r.at = body.from;
  r.end = body.to - 4;
  if (u32At(body.b, r.end) !== crc32c(body.b, body.from, r.end))
    throw file.wrong(place, 'the checksum of a series does not match');
  readLabels(file, place, r, symbols, version, into);
  readChunks(r, mint, maxt, into);
  if (r.bad) throw file.wrong(place, 'a series is cut off');
}

function readLabels(
  file: PagedFile,
  place: number,
  r: ByteReader,
  symbols: IndexSymbols,
  version: number,
  into: SeriesEntry,
): void {
  const n = 2 * readUvarint(r);
  if (n > r.end - r.at) throw file.wrong(place, `a series of ${n / 2} labels in ${r.end - r.at} bytes`);
  if (into.labels.length < n) into.labels = new Uint32Array(2 * n);
  const { labels } = into;
  for (let i = 0; i < n; i++) {
    const symbol = readUvarint(r);
    if (version !== 1 && symbol >= symbols.count)
      throw file.wrong(place, `a series names symbol ${symbol} of ${symbols.count}`);
    labels[i] = symbol;
  }
  into.labelCount = n;
  if (version !== 1) return;
  // The pages of the table take the place of the series' own.
  const rest = r.b.slice(r.at, r.end);
  for (let i = 0; i < n; i++) labels[i] = symbols.numberAt(labels[i]!);
  r.b = rest;
  r.end = rest.length;
  r.at = 0;
}

function readChunks(r: ByteReader, from: number, to: number, into: SeriesEntry): void {
  const count = readUvarint(r);
  const first = r.at;
  into.chunkCount = 0;
  let maxt = 0;
  let ref = 0;
  for (let i = 0; i < count; i++) {
    const gap = i === 0 ? readVarint(r) : readUvarint(r);
    const length = readUvarint(r);
    const step = i === 0 ? readUvarint(r) : readVarint(r);
    if (r.bad) return;
    const mint = maxt + gap;
    maxt = mint + length;
    ref += step;
    if (!(Math.abs(gap) < EXACT && length < EXACT && Math.abs(step) < EXACT && Math.abs(maxt) < EXACT)) {
      r.at = first;
      readWideChunks(r, count, from, to, into);
      return;
    }
    addChunk(mint, maxt, ref, from, to, into);
  }
}

/**
 * The same with whole 64 bits, for files that need them: times without an end, and chunks that begin before the last one's end, whose gap
 * goes round.
 */
function readWideChunks(r: ByteReader, count: number, from: number, to: number, into: SeriesEntry): void {
  into.chunkCount = 0;
  let maxt = 0n;
  let ref = 0n;
  for (let i = 0; i < count; i++) {
    const mint = BigInt.asIntN(64, maxt + (i === 0 ? zigZag(readBits(r)) : readBits(r)));
    maxt = BigInt.asIntN(64, mint + readBits(r));
    ref = BigInt.asUintN(64, ref + (i === 0 ? readBits(r) : zigZag(readBits(r))));
    if (r.bad) return;
    addChunk(Number(mint), Number(maxt), Number(ref), from, to, into);
  }
}

function addChunk(
  mint: number,
  maxt: number,
  ref: number,
  from: number,
  to: number,
  into: SeriesEntry,
): void {
  if (maxt < from || mint > to) return;
  const n = into.chunkCount++;
  if (n === into.chunkMint.length) growChunks(into);
  into.chunkMint[n] = mint;
  into.chunkMaxt[n] = maxt;
  into.chunkRef[n] = ref;
}

function growChunks(e: SeriesEntry): void {
  const grown = (old: Float64Array): Float64Array => {
    const next = new Float64Array(2 * old.length);
    next.set(old);
    return next;
  };
  e.chunkMint = grown(e.chunkMint);
  e.chunkMaxt = grown(e.chunkMaxt);
  e.chunkRef = grown(e.chunkRef);
}

/** A uvarint. */
function readBits(r: ByteReader): bigint {
  const from = r.at;
  readUvarint(r);
  let x = 0n;
  for (let i = from, shift = 0n; i < r.at; i++, shift += 7n) x |= BigInt(r.b[i]! & 127) << shift;
  return BigInt.asUintN(64, x);
}

function zigZag(x: bigint): bigint {
  return (x & 1n) === 1n ? -(x >> 1n) - 1n : x >> 1n;
}
