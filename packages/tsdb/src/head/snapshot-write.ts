// Makes the files of a captured head, in any thread: a folder that Prometheus reads as its own, with one in it that Prometheus does not look at,
// for the metadata. It appears whole or not at all.
import { EnvError, type Clock, type Codec, type Files } from '@munjigi/env';
import {
  ENCODING,
  HIGH,
  LOW,
  StorageError,
  SYMBOLS_PER_INDEX_PAGE,
  decodeUtf8,
  encodeUtf8,
  newColumn,
  type SymbolPages,
} from '@munjigi/model';
import type { ChunkFileNeed, SnapshotData } from './snapshot.ts';
import type { PlantedFaults } from '../faults.ts';
import { clearColumn } from '../chunk/column.ts';
import { decodeHistogram } from '../chunk/histogram-decode.ts';
import { decodeXor } from '../chunk/xor-decode.ts';
import { decodeXor2 } from '../chunk/xor2-decode.ts';
import { newByteWriter, type ByteWriter } from '../wal/bytes.ts';
import { crc32c } from '../wal/crc32c.ts';
import type { WalCompression } from '../wal/compress.ts';
import { RECORD, beginRecord, putExemplars, putMetadata, type LabelTexts } from '../wal/record.ts';
import {
  SNAPSHOT_RECORD,
  newSnapshotChunk,
  putSnapshotSeries,
  putSnapshotTombstones,
  removeOldSnapshots,
  snapshotName,
  type SnapshotChunk,
} from '../wal/snapshot-record.ts';
import { newWalWriter, type WalWriter } from '../wal/writer.ts';

/** The folder in a snapshot that holds metadata, as records of the log. */
export const METADATA_FOLDER = 'metadata';
/** The file in that folder that names the files of chunks_head that the snapshot relies on. */
export const CHUNK_FILES = 'chunk_files';

const SEGMENT_BYTES: number = 128 * 1024 * 1024;
const FLUSH_BYTES: number = 1024 * 1024;
const METADATA_RECORD_BYTES: number = 64 * 1024;
const EXEMPLARS_PER_RECORD = 10_000;

export interface SnapshotOptions {
  readonly data: SnapshotData;
  readonly compression?: WalCompression | undefined;
  readonly faults?: PlantedFaults;
}

export interface SnapshotStats {
  readonly dir: string;
  readonly series: number;
  readonly bytes: number;
}

/** Writes the snapshot below the data folder `path`; older ones are removed once it is sure to last. Throws StorageError. */
export async function writeSnapshot(
  env: { files: Files; clock: Clock; codec: Codec },
  path: string,
  o: SnapshotOptions,
): Promise<SnapshotStats> {
  const { files } = env;
  const { segment, offset } = o.data.position;
  const dir = `${path}/${snapshotName(segment, offset)}`;
  const temporary = `${dir}.tmp`;
  try {
    files.removeTree(temporary);
    files.makeDir(temporary);
    files.makeDir(`${temporary}/${METADATA_FOLDER}`);
    let bytes = await writeLog(env, o, temporary, writeSeries);
    bytes += await writeLog(env, o, `${temporary}/${METADATA_FOLDER}`, writeMetadata);
    bytes += await writeChunkFiles(files, `${temporary}/${METADATA_FOLDER}`, o.data.chunkFiles);
    await files.syncDir(temporary);
    files.removeTree(dir);
    files.rename(temporary, dir);
    await files.syncDir(path);
    await removeOldSnapshots(files, path);
    return { dir, series: o.data.count, bytes };
  } catch (error) {
    if (!(error instanceof EnvError || error instanceof StorageError)) throw error;
    removeQuietly(files, temporary);
    throw new StorageError(
      error.code,
      `cannot write the memory snapshot ${dir}: ${error.message}. The next start reads more of the log instead`,
      error.code === 'ENOSPC',
    );
  }
}

async function writeChunkFiles(files: Files, dir: string, needs: readonly ChunkFileNeed[]): Promise<number> {
  const lines = needs.map(({ file, bytes, maxt }) => `${file} ${bytes} ${maxt}\n`).join('');
  const all = new Uint8Array(lines.length + SUM_LINE_BYTES);
  const end = encodeUtf8(lines, all, 0);
  encodeUtf8(`${sumOf(all.subarray(0, end))}\n`, all, end);
  const file = files.open(`${dir}/${CHUNK_FILES}`, 'create');
  try {
    file.write(all, 0, all.length, 0);
    await file.sync();
  } finally {
    file.close();
  }
  await files.syncDir(dir);
  return all.length;
}

/** null: the bytes are damaged. */
export function parseChunkFiles(bytes: Uint8Array): ChunkFileNeed[] | null {
  const sumAt = bytes.length - SUM_LINE_BYTES;
  if (sumAt < 0) return null;
  const lines = bytes.subarray(0, sumAt);
  if (decodeUtf8(bytes, sumAt, bytes.length) !== `${sumOf(lines)}\n`) return null;
  const needs: ChunkFileNeed[] = [];
  for (const line of decodeUtf8(lines, 0, sumAt).split('\n').slice(0, -1)) {
    const [file, size, maxt, ...more] = line.split(' ').map(Number);
    if (more.length > 0 || ![file, size, maxt].every(Number.isSafeInteger)) return null;
    needs.push({ file: file!, bytes: size!, maxt: maxt! });
  }
  return needs;
}

/** 8 hexadecimal digits and the end of the line. */
const SUM_LINE_BYTES = 9;

function sumOf(b: Uint8Array): string {
  return crc32c(b, 0, b.length).toString(16).padStart(8, '0');
}

function removeQuietly(files: Files, dir: string): void {
  try {
    files.removeTree(dir);
  } catch (error) {
    // The next snapshot removes it.
    if (!(error instanceof EnvError)) throw error;
  }
}

/** Writes records together up to a size, and gives others a turn. */
interface Out {
  readonly w: ByteWriter;
  /** The record in w is complete. */
  readonly end: () => Promise<void>;
}

async function writeLog(
  env: { files: Files; clock: Clock; codec: Codec },
  o: SnapshotOptions,
  dir: string,
  write: (data: SnapshotData, out: Out) => Promise<void>,
): Promise<number> {
  const writer: WalWriter = newWalWriter(env, {
    dir,
    firstSegment: 0,
    segmentBytes: SEGMENT_BYTES,
    compression: o.compression ?? 'none',
    faults: o.faults ?? {},
  });
  try {
    const w = newByteWriter(2 * FLUSH_BYTES);
    let ends: number[] = [];
    const flush = async (): Promise<void> => {
      if (ends.length > 0) writer.log(w, ends);
      ends = [];
      w.n = 0;
      await env.clock.yield();
    };
    await write(o.data, {
      w,
      async end(): Promise<void> {
        ends.push(w.n);
        if (w.n > FLUSH_BYTES) await flush();
      },
    });
    await flush();
    await writer.syncTo(writer.written());
    return writer.written();
  } finally {
    writer.close();
  }
}

async function writeSeries(data: SnapshotData, { w, end }: Out): Promise<void> {
  const texts = symbolTexts(data);
  const chunkOf = chunkReader(data);
  for (let i = 0; i < data.count; i++) {
    const first = data.labelFirst[i]!;
    const n = data.labelFirst[i + 1]! - first;
    putSnapshotSeries(w, data.walRef[i]!, n, texts(first), chunkOf(i));
    await end();
  }
  const { ref, mint, maxt } = data.tombstones;
  putSnapshotTombstones(w, ref, mint, maxt, ref.length);
  await end();
  for (let i = 0; i < data.exemplars.length; i += EXEMPLARS_PER_RECORD) {
    putExemplars(w, data.exemplars.slice(i, i + EXEMPLARS_PER_RECORD), SNAPSHOT_RECORD.exemplars);
    await end();
  }
}

async function writeMetadata(data: SnapshotData, { w, end }: Out): Promise<void> {
  let begun = w.n;
  beginRecord(w, RECORD.metadata);
  // Of no series: says which references were given, so that none is given twice.
  putMetadata(w, data.lastWalRef + 1, { type: 'unknown', help: '', unit: '' });
  for (let i = 0; i < data.count; i++) {
    if (data.metadata[i] === 0) continue;
    if (w.n - begun > METADATA_RECORD_BYTES) {
      await end();
      begun = w.n;
      beginRecord(w, RECORD.metadata);
    }
    putMetadata(w, data.walRef[i]!, data.metadataList[data.metadata[i]! - 1]!);
  }
  await end();
}

/** Label texts of the series whose symbols begin at a place. */
function symbolTexts(data: SnapshotData): (first: number) => LabelTexts {
  const { symbols, labelSymbols } = data;
  const indexes = symbols.index.map((page) => new Uint32Array(page));
  const pages = symbols.data.map((page) => new Uint8Array(page));
  let at = 0;
  const place = (i: number): [page: Uint8Array, at: number] =>
    symbolPlace(symbols, indexes, pages, labelSymbols[at + i]!);
  const texts: LabelTexts = {
    length(i): number {
      const [page, from] = place(i);
      return lengthAt(page, from);
    },
    copy(i, b, to): number {
      const [page, from] = place(i);
      const length = lengthAt(page, from);
      b.set(page.subarray(from + 4, from + 4 + length), to);
      return to + length;
    },
  };
  return (first) => {
    at = first;
    return texts;
  };
}

function symbolPlace(
  symbols: SymbolPages,
  indexes: readonly Uint32Array[],
  pages: readonly Uint8Array[],
  symbol: number,
): [page: Uint8Array, at: number] {
  if (symbol >= symbols.count) throw new RangeError(`symbol ${symbol} of ${symbols.count}`);
  const index = indexes[Math.floor(symbol / SYMBOLS_PER_INDEX_PAGE)]!;
  const entry = 2 * (symbol % SYMBOLS_PER_INDEX_PAGE);
  return [pages[index[entry]!]!, index[entry + 1]!];
}

function lengthAt(page: Uint8Array, at: number): number {
  return (page[at]! | (page[at + 1]! << 8) | (page[at + 2]! << 16) | (page[at + 3]! << 24)) >>> 0;
}

/** The open chunk of a series as a record has it; the object is used again. */
function chunkReader(data: SnapshotData): (i: number) => SnapshotChunk | null {
  const pages = data.pages.map((page) => new Uint8Array(page));
  const column = newColumn(256);
  const copy = new Uint8Array(64 * 1024);
  const chunk = newSnapshotChunk(copy);
  return (i) => {
    const samples = data.samples[i]!;
    if (samples === 0) return null;
    const encoding = data.encoding[i]!;
    const bytes = (data.bits[i]! + 7) >> 3;
    chunk.mint = data.mint[i]!;
    chunk.maxt = data.maxt[i]!;
    chunk.encoding = encoding;
    chunk.samples = samples;
    chunk.bytes = bytes;
    chunk.h = null;
    clearColumn(column);
    if (encoding === ENCODING.xor || encoding === ENCODING.xor2) {
      // What was appended since stands behind the captured bits.
      const at = data.offset[i]!;
      copy.set(pages[data.page[i]!]!.subarray(at, at + bytes), 0);
      copy[0] = data.firstByte[i]!;
      copy[bytes - 1]! &= 0xff << (8 * bytes - data.bits[i]!);
      copy.fill(0, bytes, bytes + 16);
      chunk.b = copy;
      chunk.at = 0;
      const t = new Float64Array(samples);
      const bits = new Uint32Array(2 * samples);
      if (encoding === ENCODING.xor) decodeXor(copy, 0, samples, t, bits, 0);
      else decodeXor2(copy, 0, samples, t, bits, null, 0);
      chunk.lastHigh = bits[2 * (samples - 1) + HIGH]!;
      chunk.lastLow = bits[2 * (samples - 1) + LOW]!;
    } else {
      chunk.b = data.copied;
      chunk.at = data.offset[i]!;
      decodeHistogram(data.copied, chunk.at, chunk.at + bytes, samples, encoding, column);
      chunk.h = column.h;
      chunk.row = samples - 1;
    }
    return chunk;
  };
}
