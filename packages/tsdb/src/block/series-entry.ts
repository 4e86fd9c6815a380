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

const EXACT: number = 2 ** 53;

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
  into.chunkCount = 0;
  let maxt = 0;
  let ref = 0;
  for (let i = 0; i < count; i++) {
    const mint = i === 0 ? readInt(r) : maxt + readUint(r);
    maxt = mint + readUint(r);
    ref = i === 0 ? readUint(r) : ref + readInt(r);
    if (r.bad) return;
    if (maxt < from || mint > to) continue;
    const n = into.chunkCount++;
    if (n === into.chunkMint.length) growChunks(into);
    into.chunkMint[n] = mint;
    into.chunkMaxt[n] = maxt;
    into.chunkRef[n] = ref;
  }
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

/** Zig-zag. */
function readInt(r: ByteReader): number {
  const { at } = r;
  const x = readVarint(r);
  if (x > -EXACT / 2 && x < EXACT / 2) return x;
  const all = bits64(r, at);
  return Number((all & 1n) === 1n ? -(all >> 1n) - 1n : all >> 1n);
}

/** Sums of 64 bits go round: what is added is above 2^63 when a chunk begins before the last one's end. */
function readUint(r: ByteReader): number {
  const { at } = r;
  const x = readUvarint(r);
  return x < EXACT ? x : Number(BigInt.asIntN(64, bits64(r, at)));
}

/** The uvarint at `from`, whole: such numbers are rare. */
function bits64(r: ByteReader, from: number): bigint {
  let x = 0n;
  for (let i = from, shift = 0n; i < r.at; i++, shift += 7n) x |= BigInt(r.b[i]! & 127) << shift;
  return BigInt.asUintN(64, x);
}
