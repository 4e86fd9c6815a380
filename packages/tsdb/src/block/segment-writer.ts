// Chunk segments: ../../format/segments.md.
import type { Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import { newBufferedFile, type BufferedFile } from './buffered-file.ts';
import { putU32, putUvarint } from '../wal/bytes.ts';
import { crc32c } from '../wal/crc32c.ts';

export const SEGMENT_MAGIC = 0x85bd40dd;
export const SEGMENT_VERSION = 1;
export const SEGMENT_HEADER_BYTES = 8;
export const SEGMENT_BYTES: number = 512 * 1024 * 1024;
/** Uvarint length, encoding byte and checksum of a chunk, at most. */
export const CHUNK_FRAME_BYTES: number = 5 + 1 + 4;
/** A chunk's reference is its segment's number, counted from 0, times this, plus its place in the file. */
export const SEGMENT_STEP: number = 2 ** 32;
/** References stay whole numbers. */
const MAX_SEGMENTS: number = 2 ** 21;
const BUFFER_BYTES: number = 1024 * 1024;

/** The file of segment `n`, counted from 0. */
export function segmentFile(n: number): string {
  return String(n + 1).padStart(6, '0');
}

export interface SegmentWriter {
  /** A series begins: its chunks are placed together where they fit. */
  series(): void;
  /** Writes a chunk whose data, with its count, is b[from..to); returns its reference. */
  chunk(encoding: number, b: Uint8Array, from: number, to: number): number;
  finish(): Promise<void>;
  close(): void;
}

/** Writes segments into the folder `dir`, which exists and is empty, and begins another one before `segmentBytes` are exceeded. */
export function newSegmentWriter(files: Files, dir: string, segmentBytes: number): SegmentWriter {
  if (segmentBytes >= SEGMENT_STEP)
    throw new RangeError(`segments of ${segmentBytes} bytes: a place in one is a number of 32 bits`);
  const done: BufferedFile[] = [];
  let segment: BufferedFile | null = null;
  let data = new Uint8Array(4096);
  /** Where the segment ended when the batch began, and what the batch has taken since by an upper bound. */
  let base = 0;
  let batch = 0;

  function cut(): BufferedFile {
    if (done.length >= MAX_SEGMENTS)
      throw new StorageError('EFBIG', `${dir}: more than ${MAX_SEGMENTS} segments in one block`, false);
    segment?.rest();
    const next = newBufferedFile(files, `${dir}/${segmentFile(done.length)}`, BUFFER_BYTES);
    done.push(next);
    const header = new Uint8Array(SEGMENT_HEADER_BYTES);
    putU32(header, 0, SEGMENT_MAGIC);
    header[4] = SEGMENT_VERSION;
    next.put(header, 0, header.length);
    return next;
  }

  return {
    series(): void {
      base = segment?.position() ?? SEGMENT_HEADER_BYTES;
      batch = 0;
    },
    chunk(encoding, b, from, to): number {
      // The rule of where to cut is Prometheus' own, so that the files are the same: each chunk counts as if its length took 5 bytes.
      const most = to - from + CHUNK_FRAME_BYTES;
      const fresh = base === SEGMENT_HEADER_BYTES && batch === 0;
      batch += most;
      if (segment === null) segment = cut();
      else if (!fresh && base + batch > segmentBytes) {
        segment = cut();
        base = SEGMENT_HEADER_BYTES;
        batch = most;
      }
      const at = segment.position();
      if (at + most >= SEGMENT_STEP)
        throw new StorageError('EFBIG', `${dir}: a chunk of ${to - from} bytes fits in no segment`, false);
      if (data.length < most) data = new Uint8Array(2 * most);
      const dataAt = putUvarint(data, 0, to - from);
      data[dataAt] = encoding;
      data.set(b.subarray(from, to), dataAt + 1);
      const end = dataAt + 1 + to - from;
      putU32(data, end, crc32c(data, dataAt, end));
      segment.put(data, 0, end + 4);
      return (done.length - 1) * SEGMENT_STEP + at;
    },
    async finish(): Promise<void> {
      for (const file of done) await file.finish();
      await files.syncDir(dir);
    },
    close(): void {
      for (const file of done) file.close();
    },
  };
}
