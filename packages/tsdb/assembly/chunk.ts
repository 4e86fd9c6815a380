// Decoding of float chunks in AssemblyScript (a dialect of TypeScript that compiles to WebAssembly), where 64-bit integers are the machine's.
// Its twins, which say what the bytes mean: src/chunk/xor-decode.ts, src/chunk/xor2-decode.ts, src/chunk/stored.ts, src/wal/crc32c.ts.
// `node tools/assemble.ts` compiles it. All arguments are addresses of the memory that the module is given; 8 bytes behind a chunk are read.

/** What a chunk is not: then the twins read it, and say what is wrong with it. */
const OTHER: i32 = -1;
const XOR: u8 = 1;
const XOR2: u8 = 4;
const STALE: u64 = 0x7ff0000000000002;

let tables: usize = 0;

/** Fills the 16 KiB at `at` with the tables of `crc32c`, as its twin has them. */
export function start(at: usize): void {
  tables = at;
  for (let n: u32 = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = (c & 1) != 0 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    store<u32>(at + (n << 2), c);
  }
  for (let n: u32 = 0; n < 256; n++)
    for (let k: u32 = 1; k < 16; k++) {
      const before = load<u32>(at + (((k - 1) * 256 + n) << 2));
      store<u32>(at + ((k * 256 + n) << 2), load<u32>(at + ((before & 255) << 2)) ^ (before >>> 8));
    }
}

// @ts-ignore: a decorator of the dialect
@inline
function entry(table: u32, byte: u64): u32 {
  return load<u32>(tables + (table << 10) + (usize(byte & 255) << 2));
}

/** Of the bytes [from, to). */
export function crc32c(from: usize, to: usize): u32 {
  let crc: u32 = 0xffffffff;
  let at = from;
  for (; at + 16 <= to; at += 16) {
    const a = load<u64>(at) ^ u64(crc);
    const b = load<u64>(at, 8);
    crc =
      entry(15, a) ^
      entry(14, a >> 8) ^
      entry(13, a >> 16) ^
      entry(12, a >> 24) ^
      entry(11, a >> 32) ^
      entry(10, a >> 40) ^
      entry(9, a >> 48) ^
      entry(8, a >> 56) ^
      entry(7, b) ^
      entry(6, b >> 8) ^
      entry(5, b >> 16) ^
      entry(4, b >> 24) ^
      entry(3, b >> 32) ^
      entry(2, b >> 40) ^
      entry(1, b >> 48) ^
      entry(0, b >> 56);
  }
  for (; at < to; at++) crc = entry(0, u64(crc ^ load<u8>(at))) ^ (crc >>> 8);
  return ~crc;
}

/** Samples that `stored` decoded all in all, and where the last chunk began. */
let decoded: i32 = 0;
let lastAt: usize = 0;

export function samplesDecoded(): i32 {
  return decoded;
}

export function lastChunkAt(): usize {
  return lastAt;
}

/**
 * Decodes up to `count` chunks that follow each other in a segment file (see ENCODING.stored), the first one at `at`, to times at t and values at v
 * as float64, as long as there is room for `room` samples. How many it did: it ends before one that is no XOR or XOR2 chunk without start times, does
 * not end before `end`, or has not its sum. The bits from `checks` on, one for each byte of the page at `page`, say whose sum was right before; 0:
 * there are none.
 */
export function stored(
  at: usize,
  end: usize,
  count: i32,
  room: i32,
  page: usize,
  checks: usize,
  t: usize,
  v: usize,
): i32 {
  decoded = 0;
  for (let k = 0; k < count; k++) {
    let q = at;
    let length: usize = 0;
    for (let shift: usize = 0; ; shift += 7) {
      if (q >= end || shift > 21) return k;
      const c = load<u8>(q++);
      length |= usize(c & 127) << shift;
      if (c < 128) break;
    }
    const dataEnd = q + 1 + length;
    if (length < 3 || dataEnd + 4 > end) return k;
    const encoding = load<u8>(q);
    if (encoding != XOR && encoding != XOR2) return k;
    const check = checks + ((at - page) >> 3);
    const bit: u8 = <u8>1 << u8((at - page) & 7);
    if (checks == 0 || (load<u8>(check) & bit) == 0) {
      if (crc32c(q, dataEnd) != bswap<u32>(load<u32>(dataEnd))) return k;
      if (checks != 0) store<u8>(check, load<u8>(check) | bit);
    }
    const n = i32(bswap<u16>(load<u16>(q, 1)));
    if (decoded + n > room) return k;
    const to = usize(decoded) << 3;
    if (!samples(encoding, q + 3, dataEnd, n, t + to, v + to)) return k;
    decoded += n;
    lastAt = at;
    at = dataEnd + 4;
  }
  return count;
}

/** Decodes the n samples of the chunk at [at, end), as `stored` does; false: it cannot. */
export function samples(encoding: u8, at: usize, end: usize, n: i32, t: usize, v: usize): bool {
  if (n <= 0) return true;
  if (encoding == XOR) return xor(at, end, n, t, v);
  return encoding == XOR2 && load<u8>(at) == 0 && xor2(at + 1, end, n, t, v);
}

/** Behind the last uvarint that was read. */
let behind: usize = 0;

/** As float64: no number is too large for it, and wrong bytes give what they give in the twin. */
function uvarint(at: usize): f64 {
  let q = at;
  let c = load<u8>(q++);
  let x = f64(c & 127);
  for (let scale: f64 = 128; c >= 128 && scale < 1180591620717411303424.0; scale *= 128) {
    c = load<u8>(q++);
    x += f64(c & 127) * scale;
  }
  behind = q;
  return x;
}

function varint(at: usize): f64 {
  const x = uvarint(at);
  return (load<u8>(at) & 1) != 0 ? -(x + 1) / 2 : x / 2;
}

/** At least 57 bits from bit p on, in front. */
// @ts-ignore: a decorator of the dialect
@inline
function window(at: usize, p: u32): u64 {
  return bswap<u64>(load<u64>(at + (p >> 3))) << u64(p & 7);
}

/** An n-bit field in front of w: it holds -(2^(n-1) - 1) .. 2^(n-1). */
// @ts-ignore: a decorator of the dialect
@inline
function signed(w: u64, n: u64): f64 {
  return f64(((i64(w >> (64 - n)) - 1) << (64 - n) >> (64 - n)) + 1);
}

/** `size` bits from bit p on; w is the window there. */
// @ts-ignore: a decorator of the dialect
@inline
function field(at: usize, p: u32, w: u64, size: u64): u64 {
  if (size <= 57) return w >> (64 - size);
  return ((w >> 32) << (size - 32)) | (window(at, p + 32) >> (96 - size));
}

function xor(at: usize, end: usize, n: i32, t: usize, v: usize): bool {
  const limit = u32(end - at) << 3;
  let time = varint(at);
  let value = bswap<u64>(load<u64>(behind));
  store<f64>(t, time);
  store<u64>(v, value);
  if (n == 1) return behind + 8 <= end;
  let delta = uvarint(behind + 8);
  let p = u32(behind - at) << 3;
  let size: u64 = 64;
  let trail: u64 = 0;
  for (let i = 1; i < n; i++) {
    if (p >= limit) return false;
    let w = window(at, p);
    if (i > 1) {
      if (i64(w) >= 0) {
        p++;
        w <<= 1;
      } else {
        if ((w & 0x4000000000000000) == 0) {
          delta += signed(w << 2, 14);
          p += 16;
        } else if ((w & 0x2000000000000000) == 0) {
          delta += signed(w << 3, 17);
          p += 20;
        } else if ((w & 0x1000000000000000) == 0) {
          delta += signed(w << 4, 20);
          p += 24;
        } else {
          delta += f64(i64(field(at, p + 4, window(at, p + 4), 64)));
          p += 68;
        }
        w = window(at, p);
      }
    }
    time += delta;
    store<f64>(t + (usize(i) << 3), time);
    if (i64(w) >= 0) p++;
    else {
      if ((w & 0x4000000000000000) == 0) {
        p += 2;
        w <<= 2;
      } else {
        const said = (w >> 51) & 63;
        size = said == 0 ? 64 : said;
        trail = (64 - ((w >> 57) & 31) - size) & 63;
        p += 13;
        w <<= 13;
      }
      // At least 57 bits from p - 14 on were in the window.
      const x = size <= 43 ? w >> (64 - size) : field(at, p, window(at, p), size);
      value ^= x << trail;
      p += u32(size);
    }
    store<u64>(v + (usize(i) << 3), value);
  }
  return p <= limit;
}

/** Without start times; `at` is behind their header. */
function xor2(at: usize, end: usize, n: i32, t: usize, v: usize): bool {
  const limit = u32(end - at) << 3;
  let time = varint(at);
  const first = bswap<u64>(load<u64>(behind));
  store<f64>(t, time);
  store<u64>(v, first);
  if (n == 1) return behind + 8 <= end;
  // What changes are told against: the last value that is no staleness mark.
  let value = first == STALE ? 0 : first;
  let p = u32(behind + 8 - at) << 3;
  let delta: f64 = 0;
  let lead: u64 = 0;
  let trail: u64 = 0;
  for (let i = 1; i < n; i++) {
    if (p >= limit) return false;
    let w = window(at, p);
    // 0: no value change, 1: in the old window, 2: in a new one, 3: stale
    let change = 0;
    if (i > 1 && i64(w) >= 0) p++;
    else if (i > 1 && (w & 0x4000000000000000) == 0) {
      change = (w & 0x2000000000000000) == 0 ? 1 : 2;
      p += 3;
      w <<= 3;
    } else if (i > 1 && w >> 59 == 31) {
      change = 3;
      p += 5;
    } else {
      if (i == 1) {
        delta = uvarint(at + (p >> 3));
        p = u32(behind - at) << 3;
      } else if ((w & 0x2000000000000000) == 0) {
        delta += f64(i64(w << 3) >> 51);
        p += 16;
      } else if ((w & 0x1000000000000000) == 0) {
        delta += f64(i64(w << 4) >> 44);
        p += 24;
      } else {
        delta += f64(i64(field(at, p + 5, window(at, p + 5), 64)));
        p += 69;
      }
      w = window(at, p);
      if (i64(w) >= 0) p++;
      else if ((w & 0x4000000000000000) == 0) {
        change = 1;
        p += 2;
      } else {
        change = (w & 0x2000000000000000) == 0 ? 2 : 3;
        p += 3;
        w <<= 3;
      }
    }
    time += delta;
    store<f64>(t + (usize(i) << 3), time);
    if (change == 3) {
      store<u64>(v + (usize(i) << 3), STALE);
      continue;
    }
    if (change == 2) {
      lead = w >> 59;
      const said = (w >> 53) & 63;
      const size: u64 = said == 0 ? 64 : said;
      trail = lead + size > 64 ? 0 : 64 - lead - size;
      p += 11;
    }
    if (change != 0) {
      const size = 64 - lead - trail;
      value ^= field(at, p, window(at, p), size) << trail;
      p += u32(size);
    }
    store<u64>(v + (usize(i) << 3), value);
  }
  return p <= limit;
}
