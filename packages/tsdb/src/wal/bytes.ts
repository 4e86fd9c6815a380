// A growing buffer that records are written to, and the varints of Go's encoding/binary, without BigInt: numbers are whole float64
// up to 2^53.
import { encodeUtf8 } from '@munjigi/model';

export interface ByteWriter {
  b: Uint8Array;
  n: number;
}

export function newByteWriter(size: number): ByteWriter {
  return { b: new Uint8Array(size), n: 0 };
}

/** Makes room for `more` bytes. */
export function room(w: ByteWriter, more: number): void {
  if (w.n + more <= w.b.length) return;
  const grown = new Uint8Array(Math.max(w.n + more, 2 * w.b.length));
  grown.set(w.b.subarray(0, w.n));
  w.b = grown;
}

/** Writes an unsigned varint at `at` (10 bytes of room) and returns the end. */
export function putUvarint(b: Uint8Array, at: number, x: number): number {
  let rest = x;
  let q = at;
  while (rest >= 0x10000000) {
    b[q++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 128) {
    b[q++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  b[q++] = rest;
  return q;
}

/** Zig-zag. |x| up to 2^52. */
export function putVarint(b: Uint8Array, at: number, x: number): number {
  return putUvarint(b, at, x < 0 ? -2 * x - 1 : 2 * x);
}

/** A 64-bit big-endian integer, signed or not; |x| up to 2^53. */
export function putInt64(b: Uint8Array, at: number, x: number): number {
  const high = Math.floor(x / 2 ** 32);
  putU32(b, at, high);
  putU32(b, at + 4, x - high * 2 ** 32);
  return at + 8;
}

export function putU32(b: Uint8Array, at: number, x: number): number {
  b[at] = x >>> 24;
  b[at + 1] = x >>> 16;
  b[at + 2] = x >>> 8;
  b[at + 3] = x;
  return at + 4;
}

/** Length in bytes as uvarint, then UTF-8. */
export function putText(w: ByteWriter, text: string): void {
  room(w, 3 * text.length + 10);
  // One length byte is the common case: write behind it, then move when the length needs more.
  const end = encodeUtf8(text, w.b, w.n + 1);
  const length = end - w.n - 1;
  if (length >= 128) {
    const at = putUvarint(w.b, w.n, length);
    w.n = encodeUtf8(text, w.b, at);
    return;
  }
  w.b[w.n] = length;
  w.n = end;
}

/** Reads from b[at..end). `bad` becomes true on a read beyond the end or a varint of more than 10 bytes; values are then meaningless. */
export interface ByteReader {
  b: Uint8Array;
  at: number;
  end: number;
  bad: boolean;
}

export function readUvarint(r: ByteReader): number {
  let x = 0;
  for (let scale = 1; scale < 2 ** 70; scale *= 128) {
    if (r.at >= r.end) break;
    const c = r.b[r.at++]!;
    x += (c & 127) * scale;
    if (c < 128) return x;
  }
  r.bad = true;
  return 0;
}

export function readVarint(r: ByteReader): number {
  const negative = r.at < r.end && (r.b[r.at]! & 1) === 1;
  const x = readUvarint(r);
  return negative ? -(x + 1) / 2 : x / 2;
}

export function readU32(r: ByteReader): number {
  if (r.at + 4 > r.end) {
    r.bad = true;
    return 0;
  }
  const { b, at } = r;
  r.at += 4;
  return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
}

export function readInt64(r: ByteReader): number {
  const high = readU32(r) | 0;
  return high * 2 ** 32 + readU32(r);
}

/** The extent of a text of uvarint length: [from, to) of r.b, packed by the caller's use of r.at. Returns its length. */
export function readLength(r: ByteReader): number {
  const n = readUvarint(r);
  if (n > r.end - r.at) {
    r.bad = true;
    return 0;
  }
  return n;
}
