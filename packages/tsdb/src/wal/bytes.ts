// A growing buffer that records are written to, and the varints of Go's encoding/binary, without BigInt: numbers are whole float64
// up to 2^53.
import { HIGH, LOW, decodeUtf8, encodeUtf8 } from '@munjigi/model';

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

/** Zig-zag. Exact for |x| up to 2^53; beyond the int64 range the nearest end of it. */
export function putVarint(b: Uint8Array, at: number, x: number): number {
  if (x <= 4503599627370496 && x >= -4503599627370496) return putUvarint(b, at, x < 0 ? -2 * x - 1 : 2 * x);
  return putWideVarint(b, at, x);
}

function putWideVarint(b: Uint8Array, at: number, x: number): number {
  const clamped = x >= 2 ** 63 ? 2n ** 63n - 1n : x <= -(2 ** 63) ? -(2n ** 63n) : BigInt(x);
  let rest = BigInt.asUintN(64, clamped < 0n ? -2n * clamped - 1n : 2n * clamped);
  let q = at;
  for (; rest >= 128n; rest >>= 7n) b[q++] = Number(rest & 127n) | 128;
  b[q++] = Number(rest);
  return q;
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

const float: Float64Array = new Float64Array(1);
const halves: Uint32Array = new Uint32Array(float.buffer);

/** A float64, big-endian. Which NaN it is may be lost: what must keep its bits is written by its halves. */
export function putFloat(b: Uint8Array, at: number, x: number): number {
  float[0] = x;
  return putU32(b, putU32(b, at, halves[HIGH]!), halves[LOW]!);
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
  const { b, end } = r;
  let { at } = r;
  let x = 0;
  let c = 128;
  for (let shift = 0; shift < 28 && at < end; shift += 7) {
    c = b[at++]!;
    x |= (c & 127) << shift;
    if (c < 128) {
      r.at = at;
      return x;
    }
  }
  for (let scale = 2 ** 28; scale < 2 ** 70 && at < end; scale *= 128) {
    c = b[at++]!;
    x += (c & 127) * scale;
    if (c < 128) {
      // The tenth byte has room for one bit.
      if (scale === 2 ** 63 && c > 1) break;
      r.at = at;
      return x;
    }
  }
  r.bad = true;
  return 0;
}

export function readVarint(r: ByteReader): number {
  const negative = r.at < r.end && (r.b[r.at]! & 1) === 1;
  const x = readUvarint(r);
  if (r.bad) return 0;
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

export function readFloat(r: ByteReader): number {
  halves[HIGH] = readU32(r);
  halves[LOW] = readU32(r);
  return float[0]!;
}

export function readByte(r: ByteReader): number {
  if (r.at < r.end) return r.b[r.at++]!;
  r.bad = true;
  return 0;
}

/** A count of things of at least `bytes` bytes each: more than could follow is bad, so that nobody makes room for them. */
export function readCount(r: ByteReader, bytes: number): number {
  const n = readUvarint(r);
  if (n <= (r.end - r.at) / bytes) return n;
  r.bad = true;
  return 0;
}

/** A text of uvarint length; '' and bad when it does not fit. */
export function readText(r: ByteReader): string {
  const n = readCount(r, 1);
  const from = r.at;
  r.at = from + n;
  return n === 0 ? '' : decodeUtf8(r.b, from, r.at);
}
