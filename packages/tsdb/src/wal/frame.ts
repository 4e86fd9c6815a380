// Cuts records into the fragments of WAL pages.
import { room, type ByteWriter } from './bytes.ts';
import { crc32c } from './crc32c.ts';
import { FRAGMENT, FRAGMENT_HEADER_BYTES, WAL_PAGE_BYTES } from './segments.ts';

/** At most this many bytes are added to records of `bytes` in all, `records` of them. */
export function framingBytes(bytes: number, records: number): number {
  const pages = Math.ceil(bytes / (WAL_PAGE_BYTES - FRAGMENT_HEADER_BYTES)) + 1;
  return (records + pages) * 2 * FRAGMENT_HEADER_BYTES;
}

/**
 * Appends record b[from..to) to `out`, which continues a segment at byte `position` of it (where out begins). `bits` say how the record is
 * compressed.
 */
export function frameRecord(
  out: ByteWriter,
  position: number,
  b: Uint8Array,
  from: number,
  to: number,
  bits: number = 0,
): void {
  room(out, to - from + framingBytes(to - from, 1));
  let at = from;
  let first = true;
  do {
    const left = WAL_PAGE_BYTES - ((position + out.n) % WAL_PAGE_BYTES);
    if (left < FRAGMENT_HEADER_BYTES + 1) {
      out.b.fill(0, out.n, out.n + left);
      out.n += left;
      continue;
    }
    const length = Math.min(to - at, left - FRAGMENT_HEADER_BYTES);
    const last = at + length === to;
    const type = first ? (last ? FRAGMENT.full : FRAGMENT.first) : last ? FRAGMENT.last : FRAGMENT.middle;
    const crc = crc32c(b, at, at + length);
    const o = out.b;
    let n = out.n;
    o[n++] = type | bits;
    o[n++] = length >> 8;
    o[n++] = length;
    o[n++] = crc >>> 24;
    o[n++] = crc >>> 16;
    o[n++] = crc >>> 8;
    o[n++] = crc;
    if (length < 64) for (let i = 0; i < length; i++) o[n + i] = b[at + i]!;
    else o.set(b.subarray(at, at + length), n);
    out.n = n + length;
    at += length;
    first = false;
  } while (at < to);
}
