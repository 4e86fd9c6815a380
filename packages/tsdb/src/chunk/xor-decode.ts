// Reads Prometheus' XOR chunk straight into columns through a 32-bit window: the hot path of every query.
import { HIGH, LOW } from '@munjigi/model';

const TWO_32 = 2 ** 32;

/**
 * Decodes the first n samples of the chunk at byte `at` of b into t[o..o+n) and, as float64 halves, bits[2o..2(o+n)). Reads up to 8
 * bytes beyond the chunk (absent bytes count as 0). Wrong bytes give wrong samples, never an endless loop. Returns the bit of b behind the last
 * sample: a reader that knows where the chunk ends compares.
 */
export function decodeXor(
  b: Uint8Array,
  at: number,
  n: number,
  t: Float64Array,
  bits: Uint32Array,
  o: number,
): number {
  if (n <= 0) return at * 8;
  let q = at;
  let c = b[q++]!;
  const negative = (c & 1) === 1;
  let x = c & 127;
  for (let scale = 128; c >= 128 && scale < 2 ** 70; scale *= 128) {
    c = b[q++]!;
    x += (c & 127) * scale;
  }
  let time = negative ? -(x + 1) / 2 : x / 2;
  let high = (b[q]! << 24) | (b[q + 1]! << 16) | (b[q + 2]! << 8) | b[q + 3]!;
  let low = (b[q + 4]! << 24) | (b[q + 5]! << 16) | (b[q + 6]! << 8) | b[q + 7]!;
  q += 8;
  t[o] = time;
  bits[2 * o + HIGH] = high;
  bits[2 * o + LOW] = low;
  if (n === 1) return q * 8;

  c = b[q++]!;
  let delta = c & 127;
  for (let scale = 128; c >= 128 && scale < 2 ** 70; scale *= 128) {
    c = b[q++]!;
    delta += (c & 127) * scale;
  }
  let p = q << 3;
  let trail = 0;
  // Encoders that took their state from a reader may use this window without having said one.
  let size = 64;
  const end = o + n;
  for (let i = o + 1; i < end; i++) {
    q = p >> 3;
    let s = p & 7;
    let w =
      (((b[q]! << 24) | (b[q + 1]! << 16) | (b[q + 2]! << 8) | b[q + 3]!) << s) | (b[q + 4]! >> (8 - s));
    if (i > o + 1) {
      if (w >= 0) {
        p++;
        w <<= 1;
      } else if ((w & 0x40000000) === 0) {
        // An n-bit field holds -(2^(n-1) - 1) .. 2^(n-1): sign-extend x - 1, then add 1.
        delta += (((((w << 2) >>> 18) - 1) << 18) >> 18) + 1;
        p += 16;
        w <<= 16;
      } else {
        if ((w & 0x20000000) === 0) {
          delta += (((((w << 3) >>> 15) - 1) << 15) >> 15) + 1;
          p += 20;
        } else if ((w & 0x10000000) === 0) {
          delta += (((((w << 4) >>> 12) - 1) << 12) >> 12) + 1;
          p += 24;
        } else {
          delta += window(b, p + 4) * TWO_32 + (window(b, p + 36) >>> 0);
          p += 68;
        }
        q = p >> 3;
        s = p & 7;
        w =
          (((b[q]! << 24) | (b[q + 1]! << 16) | (b[q + 2]! << 8) | b[q + 3]!) << s) | (b[q + 4]! >> (8 - s));
      }
    }
    time += delta;
    t[i] = time;
    // At least 15 bits of w are valid here; the control bits of a value are 13 at most.
    if (w >= 0) p++;
    else {
      if ((w & 0x40000000) === 0) p += 2;
      else {
        size = (w >>> 19) & 63;
        if (size === 0) size = 64;
        trail = 64 - ((w >>> 25) & 31) - size;
        p += 13;
      }
      q = p >> 3;
      s = p & 7;
      const a =
        (((b[q]! << 24) | (b[q + 1]! << 16) | (b[q + 2]! << 8) | b[q + 3]!) << s) | (b[q + 4]! >> (8 - s));
      if (size <= 32) {
        const xor = a >>> (32 - size);
        if (trail >= 32) high ^= xor << (trail - 32);
        else if (trail === 0) low ^= xor;
        else {
          low ^= xor << trail;
          high ^= xor >>> (32 - trail);
        }
        p += size;
      } else {
        const xorHigh = a >>> (64 - size);
        p += size - 32;
        const xorLow = window(b, p);
        p += 32;
        if (trail === 0) {
          high ^= xorHigh;
          low ^= xorLow;
        } else {
          high ^= (xorHigh << trail) | (xorLow >>> (32 - trail));
          low ^= xorLow << trail;
        }
      }
    }
    bits[2 * i + HIGH] = high;
    bits[2 * i + LOW] = low;
  }
  return p;
}

/** 32 bits from bit p, as `window32` of bits.ts: a call into another module would cost 3 ns a sample here. */
function window(b: Uint8Array, p: number): number {
  const q = p >> 3;
  const s = p & 7;
  return (((b[q]! << 24) | (b[q + 1]! << 16) | (b[q + 2]! << 8) | b[q + 3]!) << s) | (b[q + 4]! >> (8 - s));
}
