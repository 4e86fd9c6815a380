// Snappy's block format: a length, then literals and copies of what was written before. Lengths are never trusted.
// https://github.com/google/snappy/blob/main/format_description.txt

/** Matches are looked for within blocks of this size, so that offsets fit 16 bits. */
const BLOCK_BYTES: number = 65_536;
/** The last bytes of a block are a literal: the search may then read ahead. */
const MARGIN_BYTES = 15;
/** A copy of 64 bytes takes 3 bytes: nothing grows by more than this. */
const MAX_GROWTH = 22;

const table: Uint16Array = new Uint16Array(1 << 14);

/** How many bytes `n` bytes take at most. */
export function snappyBound(n: number): number {
  return 32 + n + Math.ceil(n / 6);
}

/** Writes b[from..to) compressed to out[at..), which has room for snappyBound; returns the end. */
export function snappyCompress(b: Uint8Array, from: number, to: number, out: Uint8Array, at: number): number {
  let q = at;
  let n = to - from;
  for (; n >= 128; n = Math.floor(n / 128)) out[q++] = (n & 127) | 128;
  out[q++] = n;
  for (let start = from; start < to; start += BLOCK_BYTES)
    q = compressBlock(b, start, Math.min(to, start + BLOCK_BYTES), out, q);
  return q;
}

function word(b: Uint8Array, i: number): number {
  return b[i]! | (b[i + 1]! << 8) | (b[i + 2]! << 16) | (b[i + 3]! << 24);
}

function compressBlock(b: Uint8Array, from: number, to: number, out: Uint8Array, at: number): number {
  let q = at;
  let literal = from;
  if (to - from >= MARGIN_BYTES + 2) {
    // A table as small as the block allows: clearing it is a cost of its own.
    let bits = 8;
    while (bits < 14 && 1 << bits < to - from) bits++;
    const shift = 32 - bits;
    table.fill(0, 0, 1 << bits);
    const limit = to - MARGIN_BYTES;
    let i = from + 1;
    search: for (;;) {
      // The longer nothing matches, the larger the steps.
      let skip = 32;
      let next = i;
      let match: number;
      do {
        i = next;
        next = i + (skip++ >>> 5);
        if (next > limit) break search;
        const hash = Math.imul(word(b, i), 0x1e35a7bd) >>> shift;
        match = from + table[hash]!;
        table[hash] = i - from;
      } while (word(b, match) !== word(b, i));
      q = putLiteral(b, literal, i, out, q);
      for (;;) {
        const start = i;
        const offset = i - match;
        i += 4;
        match += 4;
        while (i < to && b[i] === b[match]) {
          i++;
          match++;
        }
        q = putCopy(out, q, offset, i - start);
        literal = i;
        if (i >= limit) break search;
        table[Math.imul(word(b, i - 1), 0x1e35a7bd) >>> shift] = i - 1 - from;
        const hash = Math.imul(word(b, i), 0x1e35a7bd) >>> shift;
        match = from + table[hash]!;
        table[hash] = i - from;
        if (word(b, match) !== word(b, i)) break;
      }
      i++;
    }
  }
  return literal < to ? putLiteral(b, literal, to, out, q) : q;
}

function putLiteral(b: Uint8Array, from: number, to: number, out: Uint8Array, at: number): number {
  let q = at;
  const n = to - from - 1;
  if (n < 60) out[q++] = n << 2;
  else if (n < 256) {
    out[q++] = 60 << 2;
    out[q++] = n;
  } else {
    // A block has no more than 2^16 bytes.
    out[q++] = 61 << 2;
    out[q++] = n;
    out[q++] = n >>> 8;
  }
  if (n < 64) for (let i = from; i < to; i++) out[q++] = b[i]!;
  else {
    out.set(b.subarray(from, to), q);
    q += to - from;
  }
  return q;
}

function putCopy(out: Uint8Array, at: number, offset: number, length: number): number {
  let q = at;
  let left = length;
  // A copy has 1 to 64 bytes, the short form 4 to 11: the last one is left with 4 or more.
  while (left >= 68) {
    q = putLongCopy(out, q, offset, 64);
    left -= 64;
  }
  if (left > 64) {
    q = putLongCopy(out, q, offset, 60);
    left -= 60;
  }
  if (left >= 12 || offset >= 2048) return putLongCopy(out, q, offset, left);
  out[q++] = ((offset >>> 8) << 5) | ((left - 4) << 2) | 1;
  out[q++] = offset;
  return q;
}

function putLongCopy(out: Uint8Array, at: number, offset: number, length: number): number {
  out[at] = ((length - 1) << 2) | 2;
  out[at + 1] = offset;
  out[at + 2] = offset >>> 8;
  return at + 3;
}

/** What the head of b[from..to) says: the length of what comes out, and where the rest begins; -1: it cannot be true. */
export function snappyLength(b: Uint8Array, from: number, to: number): { length: number; at: number } {
  let length = 0;
  for (let at = from, scale = 1; at < to && scale < 2 ** 35; at++, scale *= 128) {
    length += (b[at]! & 127) * scale;
    if (b[at]! < 128) {
      const possible = length < 2 ** 32 && length <= MAX_GROWTH * (to - at - 1);
      return { length: possible ? length : -1, at: at + 1 };
    }
  }
  return { length: -1, at: to };
}

/** Writes exactly `length` bytes to out[0..length) from the elements b[at..to); false: they are wrong. */
export function snappyDecompress(
  b: Uint8Array,
  at: number,
  to: number,
  out: Uint8Array,
  length: number,
): boolean {
  let i = at;
  let q = 0;
  while (i < to) {
    const tag = b[i++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let n = tag >>> 2;
      if (n >= 60) {
        const bytes = n - 59;
        if (bytes > to - i) return false;
        n = 0;
        for (let k = bytes - 1; k >= 0; k--) n = n * 256 + b[i + k]!;
        i += bytes;
      }
      n++;
      if (n > to - i || n > length - q) return false;
      if (n <= 32) for (const end = i + n; i < end;) out[q++] = b[i++]!;
      else {
        out.set(b.subarray(i, i + n), q);
        i += n;
        q += n;
      }
      continue;
    }
    const bytes = kind === 3 ? 4 : kind;
    if (bytes > to - i) return false;
    let n = (tag >>> 2) + 1;
    let offset = b[i]!;
    if (kind === 1) {
      n = ((tag >>> 2) & 7) + 4;
      offset |= (tag >>> 5) << 8;
    } else if (kind === 2) offset |= b[i + 1]! << 8;
    else offset = word(b, i) >>> 0;
    i += bytes;
    if (offset === 0 || offset > q || n > length - q) return false;
    // Byte by byte: a copy may overlap what it writes.
    for (const end = q + n; q < end; q++) out[q] = out[q - offset]!;
  }
  return q === length;
}
