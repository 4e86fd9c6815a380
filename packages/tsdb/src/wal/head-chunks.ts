// The files of chunks_head: closed chunks that still belong to the head, each with its series' log reference. Drawn in
// ../../format/head-chunks.md. Everything in them is in the log too: what is damaged is dropped, and replayed from there.
import { EnvError, type File, type Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import { addressOf, chunkDataBytes, putChunkData } from '../chunk/stored.ts';
import { newByteWriter, putInt64, putU32, putUvarint, room } from './bytes.ts';
import { crc32c } from './crc32c.ts';

export const HEAD_CHUNKS_MAGIC = 0x0130bc91;
export const HEAD_CHUNKS_VERSION = 1;
export const FILE_HEADER_BYTES = 8;
const FILE_MAX_BYTES: number = 128 * 1024 * 1024;
export const OUT_OF_ORDER_BIT = 0x80;
/** Reference, times and encoding in front of the length, and the sum behind the data. */
const FIXED_BYTES = 25;
export const SUM_BYTES = 4;
/** The longest head of a chunk: FIXED_BYTES and the length. */
export const CHUNK_HEAD_BYTES = 30;
/** A buffer above this is given back after use. */
const KEEP_BUFFER_BYTES: number = 16 * 1024 * 1024;

export function headChunkFile(dir: string, file: number): string {
  return `${dir}/${String(file).padStart(6, '0')}`;
}

/** Numbers of the files, ascending. */
export function listHeadChunkFiles(files: Files, dir: string): number[] {
  return files
    .list(dir)
    .filter(({ name, kind }) => kind === 'file' && /^\d{1,10}$/.test(name))
    .map(({ name }) => Number(name))
    .sort((a, b) => a - b);
}

/** Where a chunk begins in its file, as markers name it, that a ChunkTable addresses by `offset` and `bytes`. */
export function headChunkStart(encoding: number, offset: number, bytes: number): number {
  const length = chunkDataBytes(encoding, bytes);
  return offset - addressOf(encoding, 0) - uvarintBytes(length) - FIXED_BYTES;
}

function uvarintBytes(n: number): number {
  return n < 2 ** 7 ? 1 : n < 2 ** 14 ? 2 : n < 2 ** 21 ? 3 : n < 2 ** 28 ? 4 : 5;
}

// ---- writing

export interface HeadChunkWriter {
  /** Goes on in a new file when `bytes` more do not fit in this one, which is synced first: no file outlives the end of an earlier one. */
  ready(bytes: number): Promise<void>;
  /**
   * Puts a chunk into the batch; `encoding`, `b`, `from` and `bytes` as a ChunkTable has them. Returns its place: after `flush` it is addressed
   * by `base + place`.
   */
  append(
    ref: number,
    mint: number,
    maxt: number,
    encoding: number,
    outOfOrder: boolean,
    samples: number,
    b: Uint8Array,
    from: number,
    bytes: number,
  ): number;
  /** Bytes of the batch so far. */
  pending(): number;
  /** Writes the batch in one call to `file()` and returns its base: all, or StorageError and none. Either way the batch is empty then. */
  flush(): number;
  /** The file that is written to. */
  file(): number;
  /** Goes on in the next file, when something was written to this one. */
  cut(): Promise<void>;
  /** What was written survives a power failure once this resolves. */
  sync(): Promise<void>;
  close(): void;
}

/** Writes to `firstFile`, which is made with the first batch, and those after it. */
export function newHeadChunkWriter(files: Files, dir: string, firstFile: number): HeadChunkWriter {
  const out = newByteWriter(64 * 1024);
  let number = firstFile;
  let file: File | null = null;
  /** Bytes in the file, its header included. */
  let position = 0;
  let torn = false;
  begin();

  /** The batch has room for the file's header in front. */
  function begin(): void {
    if (out.b.length > KEEP_BUFFER_BYTES) out.b = new Uint8Array(64 * 1024);
    putHeader(out.b);
    out.n = FILE_HEADER_BYTES;
  }

  async function sync(): Promise<void> {
    if (file === null) return;
    try {
      await file.sync();
      await files.syncDir(dir);
    } catch (error) {
      throw failed(error, 'sync');
    }
  }

  async function cut(): Promise<void> {
    if (position === 0) return;
    await sync();
    file?.close();
    file = null;
    position = 0;
    number++;
  }

  function write(): number {
    file ??= files.open(headChunkFile(dir, number), 'create');
    if (torn) {
      file.truncate(position);
      torn = false;
    }
    const from = position === 0 ? 0 : FILE_HEADER_BYTES;
    // Set while the write may have left a part behind.
    torn = true;
    file.write(out.b, from, out.n, position);
    torn = false;
    const base = position - from;
    position += out.n - from;
    return base;
  }

  /** Cuts off what a failed write left; when that fails too, the next batch tries again before it writes. */
  function mend(): void {
    if (file === null || !torn) return;
    try {
      file.truncate(position);
      torn = false;
    } catch (error) {
      if (!(error instanceof EnvError)) throw error;
    }
  }

  function failed(error: unknown, what: string): Error {
    if (!(error instanceof EnvError)) return error as Error;
    const full = error.code === 'ENOSPC';
    return new StorageError(
      error.code,
      `cannot ${what} chunks of the head: ${error.message}${full ? ': free some space; they stay in memory meanwhile' : ''}`,
      full,
    );
  }

  return {
    async ready(bytes): Promise<void> {
      if (position > 0 && position + bytes > FILE_MAX_BYTES) await cut();
    },
    append(ref, mint, maxt, encoding, outOfOrder, samples, b, from, bytes): number {
      const length = chunkDataBytes(encoding, bytes);
      room(out, CHUNK_HEAD_BYTES + length + SUM_BYTES);
      const start = out.n;
      let at = putInt64(out.b, start, ref);
      at = putInt64(out.b, at, mint);
      at = putInt64(out.b, at, maxt);
      out.b[at++] = outOfOrder ? encoding | OUT_OF_ORDER_BIT : encoding;
      at = putUvarint(out.b, at, length);
      const place = addressOf(encoding, at);
      at = putChunkData(out.b, at, encoding, samples, b, from, bytes);
      out.n = putU32(out.b, at, crc32c(out.b, start, at));
      return place;
    },
    pending: () => out.n - FILE_HEADER_BYTES,
    flush(): number {
      if (out.n === FILE_HEADER_BYTES) return 0;
      try {
        return write();
      } catch (error) {
        mend();
        throw failed(error, 'write');
      } finally {
        begin();
      }
    },
    file: () => number,
    cut,
    sync,
    close(): void {
      file?.close();
      file = null;
    },
  };
}

function putHeader(b: Uint8Array): void {
  putU32(b, 0, HEAD_CHUNKS_MAGIC);
  b[4] = HEAD_CHUNKS_VERSION;
  b.fill(0, 5, FILE_HEADER_BYTES);
}

/** A file of a header alone, so that it lasts: its number is taken. */
export async function makeEmptyHeadChunkFile(files: Files, dir: string, n: number): Promise<void> {
  const header = new Uint8Array(FILE_HEADER_BYTES);
  putHeader(header);
  const file = files.open(headChunkFile(dir, n), 'create');
  try {
    file.write(header, 0, header.length, 0);
    await file.sync();
  } finally {
    file.close();
  }
  await files.syncDir(dir);
}
