// Reads the records of a list of segments in order. Never throws on wrong bytes: it stops and says where and why.
import type { Codec, File, Files } from '@munjigi/env';
import { RECORD_TOO_LONG, newDecompressor } from './compress.ts';
import { crc32c } from './crc32c.ts';
import {
  FRAGMENT,
  FRAGMENT_HEADER_BYTES,
  SNAPPY_BIT,
  WAL_PAGE_BYTES,
  ZSTD_BIT,
  segmentName,
} from './segments.ts';

/** Where reading stopped. */
export interface WalCorruption {
  readonly segment: number;
  /** Everything before this byte of the segment was good. */
  readonly offset: number;
  readonly reason: string;
  /** The bytes are right, but this program cannot read them: nothing may be dropped. */
  readonly unreadable: boolean;
}

export interface WalReader {
  /** Moves to the next record; false at the end or at a corruption. */
  next(): boolean;
  /** The record: bytes [from, to), valid until the next call. */
  bytes: Uint8Array;
  from: number;
  to: number;
  corruption: WalCorruption | null;
  /** Bytes read so far, of all segments. */
  position: number;
  /** The segment of the record. */
  segment: number;
  /** Where in its segment the record before it ended: everything up to there was good. */
  before: number;
  close(): void;
}

/** Read at once; a multiple of the page. */
const BUFFER_BYTES: number = 32 * WAL_PAGE_BYTES;

export interface WalReaderOptions {
  /** False: checksums are not looked at (a planted fault). */
  readonly checkSums?: boolean;
  /** Where in the first segment to begin: the end of a record. */
  readonly from?: number;
}

export function newWalReader(
  env: { files: Files; codec: Codec },
  dir: string,
  segments: readonly number[],
  options: WalReaderOptions = {},
): WalReader {
  const { files } = env;
  const checkSums = options.checkSums !== false;
  const decompressor = newDecompressor(env.codec);
  let buffer = new Uint8Array(0);
  let assembled = new Uint8Array(0);
  let file: File | null = null;
  let index = -1;
  // The buffer holds bytes [base, base + size) of the segment; `at` is the next byte in it; the last complete record ended at `good`.
  let base = 0;
  let size = 0;
  let at = 0;
  let good = 0;

  function fill(): boolean {
    base += size;
    at = 0;
    size = 0;
    while (size < buffer.length) {
      const n = file!.read(buffer, size, buffer.length, base + size);
      if (n === 0) break;
      size += n;
    }
    reader.position += size;
    return size > 0;
  }

  function nextSegment(): boolean {
    file?.close();
    file = null;
    index++;
    if (index >= segments.length) return false;
    const expected = index > 0 ? segments[index - 1]! + 1 : segments[index]!;
    if (segments[index] !== expected) {
      const reason = `segment ${segmentName(expected)} is missing`;
      reader.corruption = { segment: expected, offset: 0, reason, unreadable: false };
      return false;
    }
    file = files.open(`${dir}/${segmentName(segments[index]!)}`, 'r');
    const pages = Math.max(1, Math.ceil(file.size() / WAL_PAGE_BYTES));
    if (buffer.length < BUFFER_BYTES && buffer.length < pages * WAL_PAGE_BYTES)
      buffer = new Uint8Array(Math.min(BUFFER_BYTES, pages * WAL_PAGE_BYTES));
    good = index === 0 ? (options.from ?? 0) : 0;
    base = good - (good % WAL_PAGE_BYTES);
    size = 0;
    fill();
    at = Math.min(size, good - base);
    return true;
  }

  function fail(reason: string, offset: number, unreadable: boolean = false): boolean {
    reader.corruption = { segment: segments[index]!, offset, reason, unreadable };
    file?.close();
    file = null;
    return false;
  }

  /** Skips zeros to the end of the page. */
  function skipPageEnd(): boolean {
    const end = Math.min(size, at - (at % WAL_PAGE_BYTES) + WAL_PAGE_BYTES);
    for (; at < end; at++)
      if (buffer[at] !== 0) return fail('a page ends with bytes that are not zero', good);
    return true;
  }

  function next(): boolean {
    if (reader.corruption !== null) return false;
    let parts = 0;
    let length = 0;
    for (;;) {
      if (file === null || at >= size) {
        if (file === null || !fill()) {
          if (file !== null && parts > 0) return fail('the segment ends inside a record', good);
          if (!nextSegment()) return false;
          continue;
        }
      }
      const left = WAL_PAGE_BYTES - (at % WAL_PAGE_BYTES);
      const head = buffer[at]!;
      const type = head & 7;
      if (type === FRAGMENT.pageEnd && head === 0) {
        if (!skipPageEnd()) return false;
        continue;
      }
      if (left < FRAGMENT_HEADER_BYTES) return fail('a fragment begins where none fits', good);
      if (at + FRAGMENT_HEADER_BYTES > size) return fail('the segment ends inside a fragment', good);
      const n = (buffer[at + 1]! << 8) | buffer[at + 2]!;
      const from = at + FRAGMENT_HEADER_BYTES;
      if (n > left - FRAGMENT_HEADER_BYTES) return fail(`a fragment of ${n} bytes crosses its page`, good);
      if (from + n > size) return fail('the segment ends inside a fragment', good);
      const want =
        ((buffer[at + 3]! << 24) | (buffer[at + 4]! << 16) | (buffer[at + 5]! << 8) | buffer[at + 6]!) >>> 0;
      if (checkSums && crc32c(buffer, from, from + n) !== want) return fail('a checksum is wrong', good);
      const fits = parts === 0 ? type === FRAGMENT.full || type === FRAGMENT.first : type > FRAGMENT.first;
      if (!fits || type > FRAGMENT.last || head > 31)
        return fail(`a fragment of type ${head} is out of place`, good);
      at = from + n;
      if (type === FRAGMENT.full) return deliver(buffer, from, at, head);
      if (length + n > assembled.length) {
        const grown = new Uint8Array(Math.max(length + n, 2 * assembled.length));
        grown.set(assembled.subarray(0, length));
        assembled = grown;
      }
      assembled.set(buffer.subarray(from, from + n), length);
      length += n;
      parts++;
      if (type === FRAGMENT.last) return deliver(assembled, 0, length, head);
    }
  }

  function deliver(bytes: Uint8Array, from: number, to: number, head: number): boolean {
    reader.bytes = bytes;
    reader.from = from;
    reader.to = to;
    const bits = head & (SNAPPY_BIT | ZSTD_BIT);
    if (bits !== 0) {
      const wrong = decompressor.decompress(bits, bytes, from, to);
      if (wrong !== '') return fail(wrong, good, wrong === RECORD_TOO_LONG);
      reader.bytes = decompressor.bytes;
      reader.from = 0;
      reader.to = decompressor.length;
    }
    reader.segment = segments[index]!;
    reader.before = good;
    good = base + at;
    return true;
  }

  const reader: WalReader = {
    next,
    bytes: buffer,
    from: 0,
    to: 0,
    corruption: null,
    position: 0,
    segment: segments[0] ?? 0,
    before: 0,
    close(): void {
      file?.close();
      file = null;
    },
  };
  return reader;
}
