// Reads the files of chunks_head at start, and repairs them.
import { EnvError, type File, type Files } from '@munjigi/env';
import { ENCODING, StorageError, type Problem } from '@munjigi/model';
import { addressOf, storedSamples } from '../chunk/stored.ts';
import { readInt64, readUvarint, type ByteReader } from './bytes.ts';
import { crc32c } from './crc32c.ts';
import {
  CHUNK_HEAD_BYTES,
  FILE_HEADER_BYTES,
  HEAD_CHUNKS_MAGIC,
  HEAD_CHUNKS_VERSION,
  OUT_OF_ORDER_BIT,
  SUM_BYTES,
  headChunkFile,
  listHeadChunkFiles,
} from './head-chunks.ts';

/** Chunks of more bytes than this are taken for damage. */
const DATA_MAX_BYTES: number = 16 * 1024 * 1024;
const READ_BYTES: number = 1024 * 1024;

/** A chunk as it was found. `offset` and `bytes` as a ChunkTable has them, `at`: where it begins in the file. */
export interface HeadChunk {
  ref: number;
  mint: number;
  maxt: number;
  encoding: number;
  outOfOrder: boolean;
  samples: number;
  file: number;
  at: number;
  offset: number;
  bytes: number;
}

export interface HeadChunkScan {
  /** The newest file that is there, 0: none. Writing goes on in the next one. */
  readonly lastFile: number;
  readonly chunks: number;
  readonly bytes: number;
  /** What was dropped, and where. */
  readonly problems: Problem[];
}

export interface HeadChunkScanOptions {
  /** False: nothing is changed on disk. */
  readonly repair: boolean;
  /** Called now and then: gives other work a turn. */
  readonly rest: () => Promise<void>;
}

/**
 * Calls `each` for every chunk, in the order of the files; the object is used again. `each` returns why the chunk cannot be, '' when it can. From
 * the first damage on everything is dropped. Throws StorageError when the disk fails.
 */
export async function scanHeadChunks(
  files: Files,
  dir: string,
  each: (chunk: HeadChunk) => string,
  o: HeadChunkScanOptions,
): Promise<HeadChunkScan> {
  try {
    return await scan(files, dir, each, o);
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    throw new StorageError(
      error.code,
      `cannot read the chunks of the head in ${dir}: ${error.message}. Check the disk and restart`,
      false,
    );
  }
}

async function scan(
  files: Files,
  dir: string,
  each: (chunk: HeadChunk) => string,
  o: HeadChunkScanOptions,
): Promise<HeadChunkScan> {
  const numbers = listHeadChunkFiles(files, dir);
  const reader = newFileScan(each, o.rest);
  const problems: Problem[] = [];
  let lastFile = 0;
  let damage: Damage | null = null;
  for (const [i, number] of numbers.entries()) {
    const newest = i === numbers.length - 1;
    const path = headChunkFile(dir, number);
    if (i > 0 && number !== numbers[i - 1]! + 1)
      damage = {
        at: 0,
        reason: `file ${headChunkFile('', numbers[i - 1]! + 1).slice(1)} before it is missing`,
      };
    else {
      const file = files.open(path, 'r');
      try {
        damage = await reader.scan(file, number, newest);
      } finally {
        file.close();
      }
    }
    if (damage === null) {
      lastFile = number;
      continue;
    }
    // A file that a crash left without its beginning: it held nothing.
    const empty = newest && damage.reason === NO_HEADER;
    if (!empty) problems.push(dropped(path, damage, numbers.length - 1 - i));
    if (damage.at > 0) lastFile = number;
    if (o.repair) await repair(files, dir, numbers.slice(i), damage.at);
    break;
  }
  // A killed process may have left bytes that no sync has reached; files before the newest were synced when it was begun.
  if (o.repair && lastFile > 0) await syncFile(files, dir, headChunkFile(dir, lastFile));
  return { lastFile, chunks: reader.chunks(), bytes: reader.bytes(), problems };
}

/** Before byte `at` (0: all of the file is wrong) everything was good. */
interface Damage {
  readonly at: number;
  readonly reason: string;
}

const NO_HEADER = 'it has no header';

function newFileScan(
  each: (chunk: HeadChunk) => string,
  rest: () => Promise<void>,
): {
  scan(file: File, number: number, newest: boolean): Promise<Damage | null>;
  chunks(): number;
  bytes(): number;
} {
  const r: ByteReader = { b: new Uint8Array(0), at: 0, end: 0, bad: false };
  const chunk: HeadChunk = {
    ref: 0,
    mint: 0,
    maxt: 0,
    encoding: 0,
    outOfOrder: false,
    samples: 0,
    file: 0,
    at: 0,
    offset: 0,
    bytes: 0,
  };
  let chunks = 0;
  let bytes = 0;
  let file: File;
  let size = 0;
  /** The buffer r.b[0..r.end) holds the file from byte `base` on. */
  let base = 0;

  /** At least `need` bytes of the file from r.at on are in the buffer afterwards, or all there are. */
  function load(need: number): void {
    if (r.end - r.at >= need || base + r.end >= size) return;
    const left = r.end - r.at;
    const wanted = Math.min(Math.max(READ_BYTES, need), size - base - r.at);
    if (r.b.length < wanted) {
      const grown = new Uint8Array(wanted);
      grown.set(r.b.subarray(r.at, r.end));
      r.b = grown;
    } else r.b.copyWithin(0, r.at, r.end);
    base += r.at;
    r.at = 0;
    r.end = left;
    while (r.end < wanted) {
      const n = file.read(r.b, r.end, wanted, base + r.end);
      if (n === 0) break;
      r.end += n;
      bytes += n;
    }
    if (r.end < wanted) size = base + r.end;
  }

  /** Whether only zeros follow. */
  function zerosOnly(): boolean {
    for (;;) {
      for (; r.at < r.end; r.at++) if (r.b[r.at] !== 0) return false;
      load(1);
      if (r.at >= r.end) return true;
    }
  }

  /** Reads the chunk at r.at and moves behind it; returns what is wrong, ''. */
  function readChunk(): string {
    load(CHUNK_HEAD_BYTES);
    const start = r.at;
    r.bad = false;
    const ref = readInt64(r);
    const mint = readInt64(r);
    const maxt = readInt64(r);
    const code = r.at < r.end ? r.b[r.at++]! : 0;
    const length = readUvarint(r);
    if (r.bad) return 'it ends inside the head of a chunk';
    const head = r.at - start;
    // Every chunk has a count and a header or a sample.
    if (length < 3 || length > DATA_MAX_BYTES) return `a chunk has the length ${length}`;
    r.at = start;
    load(head + length + SUM_BYTES);
    const data = r.at + head;
    const end = data + length;
    if (end + SUM_BYTES > r.end) return 'it ends inside a chunk';
    const { b } = r;
    const sum = ((b[end]! << 24) | (b[end + 1]! << 16) | (b[end + 2]! << 8) | b[end + 3]!) >>> 0;
    if (crc32c(b, r.at, end) !== sum) return 'a checksum is wrong';
    chunk.ref = ref;
    chunk.mint = mint;
    chunk.maxt = maxt;
    chunk.outOfOrder = (code & OUT_OF_ORDER_BIT) !== 0;
    chunk.encoding = code & ~OUT_OF_ORDER_BIT;
    chunk.samples = storedSamples(chunk.encoding, b, data);
    chunk.at = base + r.at;
    const address = addressOf(chunk.encoding, data);
    chunk.offset = base + address;
    chunk.bytes = end - address;
    // Chunks of kinds that this version does not know are left alone: their samples are in the log.
    const wrong = KNOWN.has(chunk.encoding) ? each(chunk) : '';
    if (wrong === '') {
      r.at = end + SUM_BYTES;
      chunks++;
    }
    return wrong;
  }

  return {
    async scan(opened, number, newest): Promise<Damage | null> {
      file = opened;
      chunk.file = number;
      size = file.size();
      base = 0;
      r.at = 0;
      r.end = 0;
      load(FILE_HEADER_BYTES);
      if (r.end < FILE_HEADER_BYTES || (readInt64(r) === 0 && newest)) return { at: 0, reason: NO_HEADER };
      r.at = FILE_HEADER_BYTES;
      const magic = ((r.b[0]! << 24) | (r.b[1]! << 16) | (r.b[2]! << 8) | r.b[3]!) >>> 0;
      if (magic !== HEAD_CHUNKS_MAGIC)
        return {
          at: 0,
          reason: `it begins with 0x${magic.toString(16)}, not 0x${HEAD_CHUNKS_MAGIC.toString(16)}`,
        };
      if (r.b[4] !== HEAD_CHUNKS_VERSION) return { at: 0, reason: `it has the format version ${r.b[4]}` };
      for (let read = bytes; ;) {
        if (bytes > read) {
          read = bytes;
          await rest();
        }
        load(CHUNK_HEAD_BYTES);
        if (r.at >= r.end) return null;
        const at = base + r.at;
        // Nothing has reference 0: a file may have been made longer before it was written.
        if (zerosFrom(r)) return zerosOnly() ? null : { at, reason: 'zeros stand where a chunk begins' };
        const wrong = readChunk();
        if (wrong !== '') return { at, reason: wrong };
      }
    },
    chunks: () => chunks,
    bytes: () => bytes,
  };
}

const KNOWN: ReadonlySet<number> = new Set([
  ENCODING.xor,
  ENCODING.histogram,
  ENCODING.floatHistogram,
  ENCODING.xor2,
  ENCODING.histogramSt,
  ENCODING.floatHistogramSt,
]);

/** Whether reference and times (or what there is of them) are zero. */
function zerosFrom(r: ByteReader): boolean {
  const end = Math.min(r.end, r.at + 24);
  for (let i = r.at; i < end; i++) if (r.b[i] !== 0) return false;
  return true;
}

/** Later files from the last one down, then the damaged one: a crash in between leaves what the next start repairs the same way. */
async function repair(files: Files, dir: string, numbers: readonly number[], at: number): Promise<void> {
  for (const n of numbers.slice(1).toReversed()) files.remove(headChunkFile(dir, n));
  if (numbers.length > 1) await files.syncDir(dir);
  const path = headChunkFile(dir, numbers[0]!);
  if (at === 0) {
    files.remove(path);
    await files.syncDir(dir);
    return;
  }
  const file = files.open(path, 'rw');
  try {
    file.truncate(at);
  } finally {
    file.close();
  }
}

async function syncFile(files: Files, dir: string, path: string): Promise<void> {
  const file = files.open(path, 'rw');
  try {
    await file.sync();
  } finally {
    file.close();
  }
  await files.syncDir(dir);
}

function dropped(file: string, damage: Damage, later: number): Problem {
  const what = damage.at > 0 ? 'the rest of it' : 'it';
  const files = later === 0 ? '' : later === 1 ? ' and a later file' : ` and ${later} later files`;
  const verb = later === 0 ? 'was' : 'were';
  return {
    severity: 'warning',
    file,
    line: 0,
    column: 0,
    field: `byte ${damage.at}`,
    message: `the head chunks are damaged at byte ${damage.at} of ${file} (${damage.reason}): ${what}${files} ${verb} dropped, their samples come from the log`,
  };
}
