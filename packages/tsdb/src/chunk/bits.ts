// Bits from the highest of each byte down, as all chunks hold them: fields, Prometheus' "varbit" integers, changed values. Numbers are
// whole float64 (64-bit fields are read and written by halves), so everything here is exact up to 2^53.
import { HIGH, LOW } from '@munjigi/model';

/** `lead` while there is no window of significant bits yet. */
export const NO_WINDOW = 255;
/** A varbit integer takes at most 72 bits, a changed value 77, and one `putBits` touches 5 bytes. */
export const FIELD_MAX_BYTES = 16;

const TWO_32 = 2 ** 32;
/** Sizes of varbit fields by the number of ones in front; 7 ones: 56 bits, 8: 64. */
const SIZES: readonly number[] = [0, 3, 6, 9, 12, 18, 25];

/** Writes the low n bits (1 to 32) of v at bit p. Bits before p stay as they are; up to 4 bytes after the field become 0. */
export function putBits(b: Uint8Array, p: number, v: number, n: number): void {
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

/** Writes a 64-bit value by its halves at bit p; returns the end. */
export function putHalves(b: Uint8Array, p: number, high: number, low: number): number {
  putBits(b, p, high, 32);
  putBits(b, p + 32, low, 32);
  return p + 64;
}

/** Writes a signed varbit integer at bit p; returns the end. An n-bit field holds -(2^(n-1) - 1) .. 2^(n-1). */
export function putVarbit(b: Uint8Array, p: number, v: number): number {
  if (v === 0) {
    putBits(b, p, 0, 1);
    return p + 1;
  }
  if (v >= -3 && v <= 4) {
    putBits(b, p, 0x10 | (v & 7), 5);
    return p + 5;
  }
  if (v >= -31 && v <= 32) {
    putBits(b, p, 0x180 | (v & 63), 9);
    return p + 9;
  }
  if (v >= -255 && v <= 256) {
    putBits(b, p, 0x1c00 | (v & 511), 13);
    return p + 13;
  }
  if (v >= -2047 && v <= 2048) {
    putBits(b, p, 0x1e000 | (v & 4095), 17);
    return p + 17;
  }
  if (v >= -131071 && v <= 131072) {
    putBits(b, p, 0xf80000 | (v & 0x3ffff), 24);
    return p + 24;
  }
  if (v >= -16777215 && v <= 16777216) {
    putBits(b, p, 0xfc000000 | (v & 0x1ffffff), 32);
    return p + 32;
  }
  return putLong(b, p, v, v > -(2 ** 55) && v <= 2 ** 55);
}

/** Writes an unsigned varbit integer at bit p; returns the end. */
export function putVarbitUint(b: Uint8Array, p: number, v: number): number {
  if (v === 0) {
    putBits(b, p, 0, 1);
    return p + 1;
  }
  for (let ones = 1; ones <= 6; ones++) {
    const size = SIZES[ones]!;
    if (v >= 2 ** size) continue;
    putBits(b, p, ((2 ** ones - 1) << (size + 1)) | v, ones + 1 + size);
    return p + ones + 1 + size;
  }
  return putLong(b, p, v, v < 2 ** 56);
}

function putLong(b: Uint8Array, p: number, v: number, short: boolean): number {
  const high = Math.floor(v / TWO_32);
  if (short) {
    putBits(b, p, 0xfe000000 | (high & 0xffffff), 32);
    putBits(b, p + 32, v % TWO_32, 32);
    return p + 64;
  }
  putBits(b, p, 0xff, 8);
  return putHalves(b, p + 8, high, v % TWO_32);
}

/** Writes what changed in a value (bits of new XOR old, by halves) as XOR chunks do; window `row` is used or renewed. Returns the end. */
export function putChange(
  b: Uint8Array,
  at: number,
  xh: number,
  xl: number,
  leads: Uint8Array,
  trails: Uint8Array,
  row: number,
): number {
  let p = at;
  if ((xh | xl) === 0) {
    putBits(b, p, 0, 1);
    return p + 1;
  }
  let lead = xh !== 0 ? Math.clz32(xh) : 32 + Math.clz32(xl);
  if (lead > 31) lead = 31;
  let trail = xl !== 0 ? 31 - Math.clz32(xl & -xl) : 63 - Math.clz32(xh & -xh);
  const oldLead = leads[row]!;
  const oldTrail = trails[row]!;
  if (oldLead !== NO_WINDOW && lead >= oldLead && trail >= oldTrail) {
    lead = oldLead;
    trail = oldTrail;
    putBits(b, p, 2, 2);
    p += 2;
  } else {
    leads[row] = lead;
    trails[row] = trail;
    putBits(b, p, (3 << 11) | (lead << 6) | ((64 - lead - trail) & 63), 13);
    p += 13;
  }
  return putSignificant(b, p, xh, xl, lead, trail);
}

/** Writes the bits of a value between `lead` zeros in front and `trail` at the end; returns the end. */
export function putSignificant(
  b: Uint8Array,
  p: number,
  xh: number,
  xl: number,
  lead: number,
  trail: number,
): number {
  const size = 64 - lead - trail;
  const bits = trail >= 32 ? xh >>> (trail - 32) : trail === 0 ? xl : (xl >>> trail) | (xh << (32 - trail));
  if (size > 32) {
    putBits(b, p, xh >>> trail, size - 32);
    putBits(b, p + size - 32, bits, 32);
  } else putBits(b, p, bits, size);
  return p + size;
}

/** 32 bits from bit p, signed. Bytes beyond the array count as 0. */
export function window32(b: Uint8Array, p: number): number {
  const q = p >> 3;
  const s = p & 7;
  return (((b[q]! << 24) | (b[q + 1]! << 16) | (b[q + 2]! << 8) | b[q + 3]!) << s) | (b[q + 4]! >> (8 - s));
}

/** Reads fields one after the other. Reading beyond the end gives whatever lies there: the caller compares `p` with its end. */
export class BitReader {
  b: Uint8Array = new Uint8Array(0);
  /** The next bit. */
  p = 0;
  /** Halves of the last 64-bit field. */
  high = 0;
  low = 0;

  at(b: Uint8Array, p: number): this {
    this.b = b;
    this.p = p;
    return this;
  }

  /** n bits (1 to 32), unsigned. */
  bits(n: number): number {
    const w = window32(this.b, this.p) >>> (32 - n);
    this.p += n;
    return w;
  }

  /** 64 bits into `high` and `low`. */
  halves(): void {
    this.high = window32(this.b, this.p);
    this.low = window32(this.b, this.p + 32);
    this.p += 64;
  }

  varbit(): number {
    const w = window32(this.b, this.p);
    if (w >= 0) {
      this.p++;
      return 0;
    }
    const ones = Math.clz32(~w);
    if (ones <= 6) {
      const size = SIZES[ones]!;
      const v = (w << (ones + 1)) >>> (32 - size);
      this.p += ones + 1 + size;
      const half = 1 << (size - 1);
      return v > half ? v - 2 * half : v;
    }
    this.p += 8;
    if (ones > 7) {
      this.halves();
      return this.high * TWO_32 + (this.low >>> 0);
    }
    let high = this.bits(24);
    const low = this.bits(32);
    if (high > 0x800000 || (high === 0x800000 && low !== 0)) high -= 0x1000000;
    return high * TWO_32 + low;
  }

  varbitUint(): number {
    const w = window32(this.b, this.p);
    if (w >= 0) {
      this.p++;
      return 0;
    }
    const ones = Math.clz32(~w);
    if (ones <= 6) {
      const size = SIZES[ones]!;
      this.p += ones + 1 + size;
      return (w << (ones + 1)) >>> (32 - size);
    }
    this.p += 8;
    const high = this.bits(ones > 7 ? 32 : 24);
    return high * TWO_32 + this.bits(32);
  }

  /** A zig-zag LEB128 integer that need not begin at a byte. */
  varint(): number {
    let c = this.bits(8);
    const negative = (c & 1) === 1;
    let x = c & 127;
    for (let scale = 128; c >= 128 && scale < 2 ** 70; scale *= 128) {
      c = this.bits(8);
      x += (c & 127) * scale;
    }
    return negative ? -(x + 1) / 2 : x / 2;
  }

  /** Changes value i, of which `halves` are the bits (see HIGH, LOW), by the next field; window `row` is used or renewed. */
  change(halves: Uint32Array, i: number, leads: Uint8Array, trails: Uint8Array, row: number): void {
    const highAt = 2 * i + HIGH;
    const lowAt = 2 * i + LOW;
    const w = window32(this.b, this.p);
    if (w >= 0) {
      this.p++;
      return;
    }
    if ((w & 0x40000000) === 0) this.p += 2;
    else {
      const size = (w >>> 19) & 63 || 64;
      const said = (w >>> 25) & 31;
      leads[row] = said;
      // Wrong bytes may say more than 64 bits: any window will do for them.
      trails[row] = Math.max(0, 64 - said - size);
      this.p += 13;
    }
    const lead = leads[row] === NO_WINDOW ? 0 : leads[row]!;
    const trail = leads[row] === NO_WINDOW ? 0 : trails[row]!;
    const size = 64 - lead - trail;
    const xorHigh = size > 32 ? this.bits(size - 32) : 0;
    const xorLow = this.bits(Math.min(size, 32));
    if (trail >= 32) halves[highAt]! ^= xorLow << (trail - 32);
    else if (trail === 0) {
      halves[highAt]! ^= xorHigh;
      halves[lowAt]! ^= xorLow;
    } else {
      halves[highAt]! ^= (xorHigh << trail) | (xorLow >>> (32 - trail));
      halves[lowAt]! ^= xorLow << trail;
    }
  }
}
