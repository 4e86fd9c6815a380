// Reads Prometheus' XOR2 chunk into columns; as xor-decode.ts, with joint control bits and start times.
import { HIGH, LOW, STALE_HIGH, STALE_LOW } from '@munjigi/model';
import { BitReader } from './bits.ts';
import { StartTimes } from './start-time.ts';

const TWO_32 = 2 ** 32;
const reader: BitReader = new BitReader();
const startTimes: StartTimes = new StartTimes();

/** Whether the chunk at byte `at` says start times. */
export function hasStartTimes(b: Uint8Array, at: number): boolean {
  return b[at] !== 0;
}

/**
 * Decodes the first n samples of the chunk at byte `at` of b (its start-time header) into t[o..o+n), float64 halves bits[2o..2(o+n)) and,
 * where it is given, st[o..o+n) (0: none). Wrong bytes give wrong samples, never an endless loop. Returns the bit behind the last sample.
 */
export function decodeXor2(
  b: Uint8Array,
  at: number,
  n: number,
  t: Float64Array,
  bits: Uint32Array,
  st: Float64Array | null,
  o: number,
): number {
  if (n <= 0) return at * 8;
  const withSt = hasStartTimes(b, at);
  const r = reader.at(b, 8 * (at + 1));
  let time = r.varint();
  r.halves();
  // What changes are told against: the last value that is no staleness mark.
  let high = 0;
  let low = 0;
  t[o] = time;
  bits[2 * o + HIGH] = r.high;
  bits[2 * o + LOW] = r.low;
  if (!((r.low | 0) === STALE_LOW && (r.high | 0) === STALE_HIGH)) {
    high = r.high;
    low = r.low;
  }
  startTimes.begin(b[at]!);
  const first = withSt ? startTimes.read(r, 0, time, 0) : 0;
  if (st !== null) st[o] = first;
  let delta = 0;
  let p = r.p;
  let lead = 0;
  let trail = 0;
  for (let i = 1; i < n; i++) {
    let w = window(b, p);
    // 0: no value change, 1: in the old window, 2: in a new one, 3: stale
    let change = 0;
    if (i > 1 && w >= 0) p++;
    else if (i > 1 && (w & 0x40000000) === 0) {
      change = (w & 0x20000000) === 0 ? 1 : 2;
      p += 3;
      w <<= 3;
    } else if (i > 1 && (w & 0xf8000000) >>> 27 === 31) {
      change = 3;
      p += 5;
    } else {
      if (i === 1) {
        delta = uvarint(b, p >> 3);
        p = 8 * uvarintEnd(b, p >> 3);
      } else if ((w & 0x20000000) === 0) {
        delta += (w << 3) >> 19;
        p += 16;
      } else if ((w & 0x10000000) === 0) {
        delta += (w << 4) >> 12;
        p += 24;
      } else {
        delta += window(b, p + 5) * TWO_32 + (window(b, p + 37) >>> 0);
        p += 69;
      }
      w = window(b, p);
      if (w >= 0) p++;
      else if ((w & 0x40000000) === 0) {
        change = 1;
        p += 2;
      } else {
        change = (w & 0x20000000) === 0 ? 2 : 3;
        p += 3;
        w <<= 3;
      }
    }
    const before = time;
    time += delta;
    t[o + i] = time;
    if (change === 3) {
      bits[2 * (o + i) + HIGH] = STALE_HIGH;
      bits[2 * (o + i) + LOW] = STALE_LOW;
    } else {
      if (change === 2) {
        lead = w >>> 27;
        trail = Math.max(0, 64 - lead - ((w >>> 21) & 63 || 64));
        p += 11;
      }
      if (change !== 0) {
        const size = 64 - lead - trail;
        const xorHigh = size > 32 ? window(b, p) >>> (64 - size) : 0;
        if (size > 32) p += size - 32;
        const rest = size > 32 ? 32 : size;
        const xorLow = window(b, p) >>> (32 - rest);
        p += rest;
        if (trail >= 32) high ^= xorLow << (trail - 32);
        else if (trail === 0) {
          high ^= xorHigh;
          low ^= xorLow;
        } else {
          high ^= (xorHigh << trail) | (xorLow >>> (32 - trail));
          low ^= xorLow << trail;
        }
      }
      bits[2 * (o + i) + HIGH] = high;
      bits[2 * (o + i) + LOW] = low;
    }
    if (withSt) {
      r.p = p;
      const start = startTimes.read(r, i, time, before);
      p = r.p;
      if (st !== null) st[o + i] = start;
    } else if (st !== null) st[o + i] = 0;
  }
  return p;
}

function uvarint(b: Uint8Array, at: number): number {
  let x = 0;
  let q = at;
  for (let scale = 1; scale < 2 ** 70; scale *= 128) {
    const c = b[q++]! | 0;
    x += (c & 127) * scale;
    if (c < 128) break;
  }
  return x;
}

function uvarintEnd(b: Uint8Array, at: number): number {
  let q = at;
  while (q < at + 9 && b[q]! >= 128) q++;
  return q + 1;
}

/** 32 bits from bit p: kept in the module of the loop, see xor-decode.ts. */
function window(b: Uint8Array, p: number): number {
  const q = p >> 3;
  const s = p & 7;
  return (((b[q]! << 24) | (b[q + 1]! << 16) | (b[q + 2]! << 8) | b[q + 3]!) << s) | (b[q + 4]! >> (8 - s));
}
