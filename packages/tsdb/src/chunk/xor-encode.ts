// Prometheus' XOR chunk, written sample by sample into a slot of shared memory. Everything is 32-bit arithmetic: no BigInt. The
// 2-byte sample count of the file format is not part of these bytes (ENCODING.xor). Layout: ../../format/chunks.md.
import { HIGH, LOW } from '@munjigi/model';
import { putUvarint } from '../wal/bytes.ts';
import { NO_WINDOW } from './bits.ts';
import { decodeXor } from './xor-decode.ts';

/** One sample takes at most 145 bits, and one `put` touches 5 bytes: a slot needs this much room before an append. */
export const XOR_SAMPLE_MAX_BYTES = 24;
/** Times are whole ms in [-2^52, 2^52]: then every delta and delta of deltas of ordered samples is exact in a float64. */
export const TIME_LIMIT_MS: number = 2 ** 52;
const TWO_32 = 2 ** 32;

/** What an encoder remembers of its open chunk, one row a chunk: columns, so that a million open chunks are a few arrays. */
export interface XorState {
  /** Bits written. */
  bits: Uint16Array;
  /** Samples written. */
  count: Uint8Array;
  lead: Uint8Array;
  trail: Uint8Array;
  /** The last sample: time, time since the one before, value as high and low halves (2 entries a row). */
  t: Float64Array;
  delta: Float64Array;
  value: Uint32Array;
}

export function newXorState(rows: number): XorState {
  return {
    bits: new Uint16Array(rows),
    count: new Uint8Array(rows),
    lead: new Uint8Array(rows),
    trail: new Uint8Array(rows),
    t: new Float64Array(rows),
    delta: new Float64Array(rows),
    value: new Uint32Array(2 * rows),
  };
}

/** Appends a sample to the chunk that begins at byte `at` of b; t must be above the last one. Set count and bits to 0 to begin a chunk. */
export function appendXor(
  b: Uint8Array,
  at: number,
  s: XorState,
  row: number,
  t: number,
  high: number,
  low: number,
): void {
  const start = at * 8;
  const count = s.count[row]!;
  let p = start + s.bits[row]!;
  if (count === 0) {
    p = 8 * putUvarint(b, at, t < 0 ? -2 * t - 1 : 2 * t);
    put(b, p, high, 32);
    put(b, p + 32, low, 32);
    p += 64;
    s.lead[row] = NO_WINDOW;
    s.trail[row] = 0;
  } else {
    const delta = t - s.t[row]!;
    if (count === 1) p = 8 * putUvarint(b, p >> 3, delta);
    else {
      const dod = delta - s.delta[row]!;
      if (dod === 0) put(b, p++, 0, 1);
      else if (dod >= -8191 && dod <= 8192) {
        put(b, p, 0x8000 | (dod & 0x3fff), 16);
        p += 16;
      } else if (dod >= -65535 && dod <= 65536) {
        put(b, p, (6 << 17) | (dod & 0x1ffff), 20);
        p += 20;
      } else if (dod >= -524287 && dod <= 524288) {
        put(b, p, (14 << 20) | (dod & 0xfffff), 24);
        p += 24;
      } else {
        put(b, p, 15, 4);
        put(b, p + 4, Math.floor(dod / TWO_32), 32);
        put(b, p + 36, dod % TWO_32, 32);
        p += 68;
      }
    }
    s.delta[row] = delta;
    const xh = high ^ s.value[2 * row]!;
    const xl = low ^ s.value[2 * row + 1]!;
    if ((xh | xl) === 0) put(b, p++, 0, 1);
    else {
      let lead = xh !== 0 ? Math.clz32(xh) : 32 + Math.clz32(xl);
      if (lead > 31) lead = 31;
      let trail = xl !== 0 ? 31 - Math.clz32(xl & -xl) : 63 - Math.clz32(xh & -xh);
      const oldLead = s.lead[row]!;
      const oldTrail = s.trail[row]!;
      if (oldLead !== NO_WINDOW && lead >= oldLead && trail >= oldTrail) {
        lead = oldLead;
        trail = oldTrail;
        put(b, p, 2, 2);
        p += 2;
      } else {
        s.lead[row] = lead;
        s.trail[row] = trail;
        put(b, p, (3 << 11) | (lead << 6) | ((64 - lead - trail) & 63), 13);
        p += 13;
      }
      const size = 64 - lead - trail;
      const bits =
        trail >= 32 ? xh >>> (trail - 32) : trail === 0 ? xl : (xl >>> trail) | (xh << (32 - trail));
      if (size > 32) {
        put(b, p, xh >>> trail, size - 32);
        put(b, p + size - 32, bits, 32);
      } else put(b, p, bits, size);
      p += size;
    }
  }
  s.t[row] = t;
  s.value[2 * row] = high;
  s.value[2 * row + 1] = low;
  s.count[row] = count + 1;
  s.bits[row] = p - start;
}

/**
 * Makes row `row` ready to go on with a chunk of `count` samples that this encoder wrote at byte `at` of b. False: these bytes are not
 * what it would have written (then no sample may be appended to them).
 */
export function resumeXor(b: Uint8Array, at: number, s: XorState, row: number, count: number): boolean {
  const t = new Float64Array(count);
  const bits = new Uint32Array(2 * count);
  decodeXor(b, at, count, t, bits, 0);
  const again = new Uint8Array(count * XOR_SAMPLE_MAX_BYTES);
  s.count[row] = 0;
  s.bits[row] = 0;
  for (let i = 0; i < count; i++) appendXor(again, 0, s, row, t[i]!, bits[2 * i + HIGH]!, bits[2 * i + LOW]!);
  return sameBytes(b, at, again, (s.bits[row] + 7) >> 3);
}

/** Whether b from `at` on begins with the first `length` bytes of `other`. */
export function sameBytes(b: Uint8Array, at: number, other: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (b[at + i] !== other[i]) return false;
  return true;
}

/** As `putBits` of bits.ts: a call into another module would cost 5 ns here. */
function put(b: Uint8Array, p: number, v: number, n: number): void {
  const q = p >> 3;
  const s = p & 7;
  const w = v << (32 - n);
  b[q] = (b[q]! & (0xff00 >> s)) | (w >>> (24 + s));
  const rest = w << (8 - s);
  b[q + 1] = rest >>> 24;
  b[q + 2] = rest >>> 16;
  b[q + 3] = rest >>> 8;
  b[q + 4] = rest;
}
