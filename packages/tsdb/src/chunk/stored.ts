// A chunk as a segment file of a block holds it: uvarint length of the data, encoding byte, data with its 2-byte count in front,
// CRC-32C of encoding and data. And the count itself, which in memory stands in a column instead.
import { ENCODING } from '@munjigi/model';
import { crc32c } from '../wal/crc32c.ts';

/** Length as uvarint (5 bytes), encoding, and the sum behind the data. */
export const STORED_EXTRA_BYTES = 10;
/** Chunks of more bytes than this are taken for damage. */
const DATA_MAX_BYTES: number = 16 * 1024 * 1024;

function isSt(encoding: number): boolean {
  return encoding === ENCODING.histogramSt || encoding === ENCODING.floatHistogramSt;
}

/** The size of a chunk's data in a file; `bytes` as in a ChunkTable. */
export function chunkDataBytes(encoding: number, bytes: number): number {
  return isSt(encoding) ? bytes : bytes + 2;
}

/** Where a chunk is addressed (ENCODING) whose data in a file begins at byte `at`. */
export function addressOf(encoding: number, at: number): number {
  return isSt(encoding) ? at : at + 2;
}

/** Writes a chunk's data (b[from..from + bytes), addressed as ENCODING says) as a file holds it; returns the end. */
export function putChunkData(
  to: Uint8Array,
  at: number,
  encoding: number,
  samples: number,
  b: Uint8Array,
  from: number,
  bytes: number,
): number {
  const address = addressOf(encoding, at);
  to.set(b.subarray(from, from + bytes), address);
  if (isSt(encoding)) {
    to[at] = (b[from]! & 0xc0) | (samples >> 8);
    to[at + 1] = samples;
  } else {
    to[at] = samples >> 8;
    to[at + 1] = samples;
  }
  return address + bytes;
}

/** The samples of a chunk whose data begins at byte `at`. */
export function storedSamples(encoding: number, b: Uint8Array, at: number): number {
  return (((b[at]! << 8) | b[at + 1]!) & (isSt(encoding) ? 0x3fff : 0xffff)) >>> 0;
}

export interface StoredPlace {
  readonly encoding: number;
  readonly samples: number;
  /** The chunk's address as ENCODING says, and the end of its data. */
  readonly dataAt: number;
  readonly dataEnd: number;
  /** Behind the sum. */
  readonly next: number;
}

/** How many bytes the chunk takes whose first bytes (10 are enough) lie in b[at..end); 0: more bytes are needed; -1: it is damaged. */
export function storedBytes(b: Uint8Array, at: number, end: number): number {
  let length = 0;
  let q = at;
  for (let shift = 0; ; shift += 7) {
    if (q >= end) return 0;
    const c = b[q++]!;
    length += (c & 127) * 2 ** shift;
    if (length > DATA_MAX_BYTES || shift > 28) return -1;
    if (c < 128) break;
  }
  // Every chunk has a count and a header or a sample.
  return length < 3 ? -1 : q - at + 1 + length + 4;
}

/** The chunk at byte `at` of b[..end), its sum checked; a text says what is wrong. */
export function readStored(b: Uint8Array, at: number, end: number): StoredPlace | string {
  const size = storedBytes(b, at, end);
  if (size < 0) return 'it has a length that cannot be';
  if (size === 0 || at + size > end) return 'the file ends before it does';
  let q = at;
  while (b[q]! >= 128) q++;
  const encodingAt = q + 1;
  const dataEnd = at + size - 4;
  if (crc32c(b, encodingAt, dataEnd) !== sumAt(b, dataEnd)) return 'it does not have its checksum';
  const encoding = b[encodingAt]!;
  return {
    encoding,
    samples: storedSamples(encoding, b, encodingAt + 1),
    dataAt: addressOf(encoding, encodingAt + 1),
    dataEnd,
    next: at + size,
  };
}

/** Series reference, first and last time, encoding: what stands before the length of a chunk in the head's chunk files. */
const HEAD_CHUNK_BYTES = 25;

/**
 * Where the chunk that is addressed at `offset` of one of the head's chunk files begins and ends: series reference (8 bytes), first and
 * last time (8 each), encoding, uvarint length, data, CRC-32C of all that.
 */
export function headChunkExtent(
  encoding: number,
  offset: number,
  bytes: number,
): { from: number; to: number } {
  const length = chunkDataBytes(encoding, bytes);
  let lengthBytes = 1;
  for (let rest = length; rest >= 128; rest = Math.floor(rest / 128)) lengthBytes++;
  return { from: offset + bytes - length - lengthBytes - HEAD_CHUNK_BYTES, to: offset + bytes + 4 };
}

/** Whether b[from..to) ends with its checksum. */
export function isHeadChunk(b: Uint8Array, from: number, to: number): boolean {
  return crc32c(b, from, to - 4) === sumAt(b, to - 4);
}

function sumAt(b: Uint8Array, at: number): number {
  return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
}
