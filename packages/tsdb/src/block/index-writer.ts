// The index of a block, written from front to end: ../../format/index.md. What is held in memory is bounded: of symbols every 32nd place, of
// postings one batch.
import type { Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import { crc32cOn, newBufferedFile } from './buffered-file.ts';
import { SERIES_ALIGN } from './postings-passes.ts';
import { writePostings } from './postings-writer.ts';
import { SYMBOL_STEP, writtenSymbols } from './written-symbols.ts';
import { putInt64, putU32, putUvarint, putVarint } from '../wal/bytes.ts';
import { crc32c } from '../wal/crc32c.ts';

export const INDEX_MAGIC = 0xbaaad700;
export const INDEX_HEADER_BYTES = 5;
export const TOC_BYTES: number = 6 * 8 + 4;
const WRITTEN_VERSION = 2;
const MAX_TABLE_BYTES = 0xffffffff;
const MAX_INDEX_BYTES: number = 16 * 0xffffffff;
const BUFFER_BYTES: number = 1024 * 1024;
/** Times beyond this cannot be told apart to the ms. */
const MAX_TIME: number = 2 ** 52;

/** Chunks of one series in the order of their times: rows [0, n). */
export interface ChunkRows {
  n: number;
  mint: Float64Array;
  maxt: Float64Array;
  ref: Float64Array;
}

export interface IndexWriter {
  /** The next symbol in the order of bytes, b[from..to). */
  symbol(b: Uint8Array, from: number, to: number): void;
  /** The next series in label order: names and values in turn by their symbols, `words` of them. */
  series(labels: Uint32Array, words: number, chunks: ChunkRows): void;
  /** Writes what comes behind the series; everything is on the disk when this resolves. */
  finish(): Promise<void>;
  close(): void;
}

/** Writes `path`, and `path`_tmp_po beside it for as long as it needs that. `batchEntries`: how many postings are held at once. */
export function newIndexWriter(files: Files, path: string, batchEntries: number): IndexWriter {
  const file = newBufferedFile(files, path, BUFFER_BYTES);
  let scratch = new Uint8Array(4096);
  let stage: 'symbols' | 'series' | 'done' = 'symbols';
  let symbols = 0;
  const symbolPlaces: number[] = [];
  let lastSymbol = new Uint8Array(256);
  let lastSymbolLength = -1;
  let seriesFrom = 0;
  let seriesCount = 0;
  let lastLabels = new Uint32Array(64);
  let lastWords = -1;
  let lastRef = -1;
  /** How many series have a label of this name, by the name's symbol. */
  const uses = new Map<number, number>();

  putU32(scratch, 0, INDEX_MAGIC);
  scratch[4] = WRITTEN_VERSION;
  // Length and count of the symbol table follow: they are known at its end.
  scratch.fill(0, INDEX_HEADER_BYTES, INDEX_HEADER_BYTES + 8);
  file.put(scratch, 0, INDEX_HEADER_BYTES + 8);

  function room(bytes: number): void {
    if (scratch.length < bytes) scratch = new Uint8Array(2 * bytes);
  }

  function checkSize(): void {
    if (file.position() > MAX_INDEX_BYTES)
      throw new StorageError(
        'EFBIG',
        `${path}: the index would exceed 64 GiB: make blocks of a shorter time range`,
        false,
      );
  }

  function endSymbols(): void {
    const from = INDEX_HEADER_BYTES;
    const length = file.position() - from - 4;
    if (length > MAX_TABLE_BYTES)
      throw new StorageError(
        'EFBIG',
        `${path}: the symbol table would exceed 4 GiB: make blocks of a shorter time range`,
        false,
      );
    const head = new Uint8Array(8);
    putU32(head, 0, length);
    putU32(head, 4, symbols);
    file.patch(from, head);
    const piece = new Uint8Array(BUFFER_BYTES);
    let crc = 0;
    const end = file.position();
    for (let at = from + 4; at < end; at += piece.length) {
      const n = Math.min(piece.length, end - at);
      file.read(piece, at, at + n);
      crc = crc32cOn(crc, piece, 0, n);
    }
    putU32(head, 0, crc);
    file.put(head, 0, 4);
    seriesFrom = file.position();
    stage = 'series';
  }

  function checkSeries(labels: Uint32Array, words: number, chunks: ChunkRows): void {
    for (let i = 0; i < words; i++)
      if (labels[i]! >= symbols) throw new Error(`${path}: symbol ${labels[i]} of ${symbols}`);
    if (compareWords(labels, words, lastLabels, lastWords) <= 0)
      throw new Error(`${path}: series ${seriesCount} is out of label order`);
    for (let i = 0; i < chunks.n; i++) {
      const mint = chunks.mint[i]!;
      const maxt = chunks.maxt[i]!;
      if (!(mint >= -MAX_TIME && maxt <= MAX_TIME && mint <= maxt))
        throw new Error(`${path}: a chunk of the times ${mint} to ${maxt}`);
      if (i > 0 && mint <= chunks.maxt[i - 1]!)
        throw new Error(`${path}: a chunk from ${mint} on behind one that ends at ${chunks.maxt[i - 1]}`);
      if (chunks.ref[i]! <= lastRef)
        throw new Error(`${path}: chunk ${chunks.ref[i]} behind chunk ${lastRef}`);
      lastRef = chunks.ref[i]!;
    }
  }

  return {
    symbol(b, from, to): void {
      if (stage !== 'symbols') throw new Error(`${path}: a symbol behind the first series`);
      if (lastSymbolLength >= 0 && compareBytes(b, from, to, lastSymbol, lastSymbolLength) <= 0)
        throw new Error(`${path}: symbol ${symbols} is out of order`);
      if (lastSymbol.length < to - from) lastSymbol = new Uint8Array(2 * (to - from));
      lastSymbol.set(b.subarray(from, to));
      lastSymbolLength = to - from;
      if (symbols % SYMBOL_STEP === 0) symbolPlaces.push(file.position());
      symbols++;
      file.put(scratch, 0, putUvarint(scratch, 0, to - from));
      file.put(b, from, to);
      checkSize();
    },
    series(labels, words, chunks): void {
      if (stage === 'symbols') endSymbols();
      checkSeries(labels, words, chunks);
      if (lastLabels.length < words) lastLabels = new Uint32Array(2 * words);
      lastLabels.set(labels.subarray(0, words));
      lastWords = words;
      for (let i = 0; i < words; i += 2) uses.set(labels[i]!, (uses.get(labels[i]!) ?? 0) + 1);
      file.pad(SERIES_ALIGN);
      room(34 + 5 * words + 30 * chunks.n);
      // The body begins behind room for its length, which is known afterwards.
      const from = 10;
      let at = putUvarint(scratch, from, words / 2);
      for (let i = 0; i < words; i++) at = putUvarint(scratch, at, labels[i]!);
      at = putChunks(scratch, putUvarint(scratch, at, chunks.n), chunks);
      putU32(scratch, at, crc32c(scratch, from, at));
      const lengthEnd = putUvarint(scratch, 0, at - from);
      file.put(scratch, 0, lengthEnd);
      file.put(scratch, from, at + 4);
      seriesCount++;
      checkSize();
    },
    async finish(): Promise<void> {
      if (stage === 'symbols') endSymbols();
      stage = 'done';
      const seriesTo = file.position();
      const tableAt = writePostings({
        files,
        path,
        file,
        seriesFrom,
        seriesTo,
        seriesCount,
        uses,
        symbols,
        symbol: writtenSymbols(file, symbolPlaces, seriesFrom - 4),
        batchEntries,
        maxTableBytes: MAX_TABLE_BYTES,
        checkSize,
      });
      let at = 0;
      for (const place of [INDEX_HEADER_BYTES, seriesFrom, seriesTo, tableAt, seriesTo, tableAt])
        at = putInt64(scratch, at, place);
      putU32(scratch, at, crc32c(scratch, 0, at));
      file.put(scratch, 0, TOC_BYTES);
      await file.finish();
    },
    close: () => file.close(),
  };
}

function putChunks(b: Uint8Array, from: number, chunks: ChunkRows): number {
  let at = from;
  for (let i = 0; i < chunks.n; i++) {
    const mint = chunks.mint[i]!;
    at = i === 0 ? putVarint(b, at, mint) : putUvarint(b, at, mint - chunks.maxt[i - 1]!);
    at = putUvarint(b, at, chunks.maxt[i]! - mint);
    const ref = chunks.ref[i]!;
    at = i === 0 ? putUvarint(b, at, ref) : putVarint(b, at, ref - chunks.ref[i - 1]!);
  }
  return at;
}

function compareBytes(a: Uint8Array, from: number, to: number, b: Uint8Array, bLength: number): number {
  const n = Math.min(to - from, bLength);
  for (let i = 0; i < n; i++) {
    const d = a[from + i]! - b[i]!;
    if (d !== 0) return d;
  }
  return to - from - bLength;
}

function compareWords(a: Uint32Array, aLength: number, b: Uint32Array, bLength: number): number {
  if (bLength < 0) return 1;
  const n = Math.min(aLength, bLength);
  for (let i = 0; i < n; i++) {
    const d = a[i]! - b[i]!;
    if (d !== 0) return d;
  }
  return aLength - bLength;
}
