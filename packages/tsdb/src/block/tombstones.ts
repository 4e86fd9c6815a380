// The tombstones file of a block: deleted time ranges by series. ../../format/tombstones.md.
import { StorageError } from '@munjigi/model';
import { newByteWriter, putU32, putUvarint, putVarint, readUvarint, readVarint, room } from '../wal/bytes.ts';
import type { ByteReader } from '../wal/bytes.ts';
import { crc32c } from '../wal/crc32c.ts';

export const TOMBSTONES_FILE = 'tombstones';
const MAGIC = 0x0130ba30;
const VERSION = 1;
const HEADER_BYTES = 5;
/** Ranges without an end are written as the ends of what 64 bits hold. */
const FOREVER: number = 2 ** 63;

/**
 * Series by ascending reference; rows [first[i], first[i+1]) of mint/maxt (ms, both inclusive) are those of ref[i], ascending, with gaps
 * between them.
 */
export interface Tombstones {
  /** Ranges. */
  readonly count: number;
  readonly ref: Float64Array;
  readonly first: Uint32Array;
  readonly mint: Float64Array;
  readonly maxt: Float64Array;
}

export const NO_TOMBSTONES: Tombstones = {
  count: 0,
  ref: new Float64Array(0),
  first: new Uint32Array(1),
  mint: new Float64Array(0),
  maxt: new Float64Array(0),
};

/** Tombstones from rows in any order; ranges of a series that touch become one. */
export function tombstonesFrom(
  ref: readonly number[],
  mint: readonly number[],
  maxt: readonly number[],
): Tombstones {
  const order = Uint32Array.from(ref, (_, i) => i).sort((a, b) => ref[a]! - ref[b]! || mint[a]! - mint[b]!);
  const refs: number[] = [];
  const first: number[] = [];
  const from = new Float64Array(ref.length);
  const to = new Float64Array(ref.length);
  let n = 0;
  for (const row of order) {
    const known = refs.length > 0 && refs.at(-1) === ref[row];
    if (!known) {
      refs.push(ref[row]!);
      first.push(n);
    }
    if (known && mint[row]! <= to[n - 1]! + 1) {
      to[n - 1] = Math.max(to[n - 1]!, maxt[row]!);
      continue;
    }
    from[n] = mint[row]!;
    to[n] = maxt[row]!;
    n++;
  }
  first.push(n);
  return {
    count: n,
    ref: Float64Array.from(refs),
    first: Uint32Array.from(first),
    mint: from.slice(0, n),
    maxt: to.slice(0, n),
  };
}

/** Both together. */
export function mergeTombstones(a: Tombstones, b: Tombstones): Tombstones {
  const ref: number[] = [];
  const mint: number[] = [];
  const maxt: number[] = [];
  for (const t of [a, b])
    for (let i = 0; i < t.ref.length; i++)
      for (let k = t.first[i]!; k < t.first[i + 1]!; k++) {
        ref.push(t.ref[i]!);
        mint.push(t.mint[k]!);
        maxt.push(t.maxt[k]!);
      }
  return tombstonesFrom(ref, mint, maxt);
}

/** The row of a series; -1: none. */
export function findTombstones(t: Tombstones, ref: number): number {
  let low = 0;
  let high = t.ref.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = t.ref[middle]!;
    if (found === ref) return middle;
    if (found < ref) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** The file's bytes. */
export function writeTombstones(t: Tombstones): Uint8Array {
  const w = newByteWriter(64 + 24 * t.count);
  putU32(w.b, 0, MAGIC);
  w.b[4] = VERSION;
  w.n = HEADER_BYTES;
  for (let i = 0; i < t.ref.length; i++)
    for (let k = t.first[i]!; k < t.first[i + 1]!; k++) {
      room(w, 34);
      w.n = putUvarint(w.b, w.n, t.ref[i]!);
      w.n = putTime(w.b, w.n, t.mint[k]!);
      w.n = putTime(w.b, w.n, t.maxt[k]!);
    }
  room(w, 4);
  const end = putU32(w.b, w.n, crc32c(w.b, HEADER_BYTES, w.n));
  return w.b.slice(0, end);
}

/** Varint; beyond ±2^52 the end of 64 bits on that side. */
function putTime(b: Uint8Array, from: number, t: number): number {
  if (Math.abs(t) <= 2 ** 52) return putVarint(b, from, t);
  // Zig-zag: 2^64 - 2 is 2^63 - 1, 2^64 - 1 is -2^63.
  b[from] = t > 0 ? 0xfe : 0xff;
  b.fill(0xff, from + 1, from + 9);
  b[from + 9] = 1;
  return from + 10;
}

/** Throws StorageError EFORMAT that names `path`, the byte and what is wrong. */
export function readTombstones(b: Uint8Array, path: string): Tombstones {
  const wrong = (at: number, why: string): StorageError =>
    new StorageError(
      'EFORMAT',
      `${path}: byte ${at}: ${why}: restore the file from a copy; without it deleted samples come back`,
      false,
    );
  const end = b.length - 4;
  if (end < HEADER_BYTES) throw wrong(0, `${b.length} bytes are too few`);
  const r: ByteReader = { b, at: HEADER_BYTES, end, bad: false };
  const word = (at: number): number =>
    ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
  if (word(0) !== MAGIC) throw wrong(0, `no tombstones (${word(0).toString(16)})`);
  if (b[4] !== VERSION) throw wrong(4, `version ${b[4]} is not known`);
  if (word(end) !== crc32c(b, HEADER_BYTES, end)) throw wrong(end, 'the checksum does not match');
  const ref: number[] = [];
  const mint: number[] = [];
  const maxt: number[] = [];
  while (r.at < end) {
    const at = r.at;
    ref.push(readUvarint(r));
    mint.push(Math.max(-FOREVER, readVarint(r)));
    maxt.push(Math.min(FOREVER, readVarint(r)));
    if (r.bad) throw wrong(at, 'a tombstone is cut off');
  }
  return tombstonesFrom(ref, mint, maxt);
}
