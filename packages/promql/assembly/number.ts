// Numbers as Prometheus' API writes them, in AssemblyScript, where 64-bit integers are the machine's: the shortest decimal that reads back as
// the same float64, by the method of Raffaello Giulietti, "The Schubfach way to render doubles" (2020): the interval that rounds to the number is
// scaled by one power of ten, known to 128 bits, so that it holds one to a few whole numbers, and the shortest of these is taken.
// Its twin: src/write-result.ts with formatNumber of model. `node tools/assemble.ts` compiles it. Addresses are of the memory that it is given.

/** Powers of ten from 10^-292 on: g, in [2^127, 2^128), with 10^k = g * 2^(floor(log2(10^k)) - 127), rounded up; high half, low half. */
let powers: usize = 0;
const LEAST_POWER: i32 = -292;
/** The texts of 00 to 99. */
let pairs: usize = 0;
/** Where the low halves of `multiply` go. */
let low: u64 = 0;

const HIDDEN: u64 = 1 << 52;
const FRACTION: u64 = HIDDEN - 1;
/** Whole numbers below are written digit by digit. */
const MAX_INTEGER: f64 = 1e15;
const ZERO: u32 = 48;
const MINUS: u8 = 45;
const POINT: u8 = 46;
const QUOTE: u8 = 34;
const COMMA: u8 = 44;
const OPEN: u8 = 91;
const CLOSE: u8 = 93;

/** The table of powers lies at `powersAt`; 200 bytes at `pairsAt` are filled. */
export function start(powersAt: usize, pairsAt: usize): void {
  powers = powersAt;
  pairs = pairsAt;
  for (let i: u32 = 0; i < 100; i++) store<u16>(pairsAt + (i << 1), u16((ZERO + i / 10) | ((ZERO + (i % 10)) << 8)));
}

/**
 * Writes `[time,"value"]` for each of the n cells at `values` and `present` (one byte) that is not absent, commas between them, to `to`; `any`:
 * there was one before. Text k of times, `[time,"`, lies at texts + first[k], and has 24 bytes of room. The end.
 */
export function cells(
  values: usize,
  present: usize,
  n: i32,
  texts: usize,
  first: usize,
  to: usize,
  any: bool,
): usize {
  let p = to;
  let comma = any;
  for (let k = 0; k < n; k++) {
    if (load<u8>(present + k) == 0) continue;
    if (comma) store<u8>(p++, COMMA);
    comma = true;
    const at = load<u32>(first + (usize(k) << 2));
    store<u64>(p, load<u64>(texts + at));
    store<u64>(p, load<u64>(texts + at, 8), 8);
    store<u64>(p, load<u64>(texts + at, 16), 16);
    p = number(load<f64>(values + (usize(k) << 3)), p + load<u32>(first + (usize(k) << 2), 4) - at);
    store<u16>(p, (u16(CLOSE) << 8) | QUOTE);
    p += 2;
  }
  return p;
}

/** As `cells` for n samples, with their times in ms, whole numbers. */
export function samples(times: usize, values: usize, n: i32, to: usize, any: bool): usize {
  let p = to;
  let comma = any;
  for (let i: usize = 0; i < usize(n); i++) {
    if (comma) store<u8>(p++, COMMA);
    comma = true;
    store<u8>(p++, OPEN);
    p = time(load<f64>(times + (i << 3)), p);
    store<u16>(p, (u16(QUOTE) << 8) | COMMA);
    p = number(load<f64>(values + (i << 3)), p + 2);
    store<u16>(p, (u16(CLOSE) << 8) | QUOTE);
    p += 2;
  }
  return p;
}

/** Seconds, with three decimals where there are milliseconds. */
function time(t_ms: f64, to: usize): usize {
  let p = to;
  if (t_ms < 0) store<u8>(p++, MINUS);
  const size = u64(abs(t_ms));
  const seconds = size / 1000;
  p = digits(seconds, countOf(seconds), p);
  const rest = size - seconds * 1000;
  if (rest == 0) return p;
  store<u8>(p, POINT);
  return digits(rest, 3, p + 1);
}

/** Writes a number, 25 characters at most and some bytes behind them that mean nothing. The end. */
export function number(x: f64, to: usize): usize {
  let p = to;
  const bits = reinterpret<u64>(x);
  if (i64(bits) < 0 && x == x) store<u8>(p++, MINUS);
  const size = abs(x);
  if (size < MAX_INTEGER) {
    const whole = u64(size);
    if (f64(whole) == size) return digits(whole, countOf(whole), p);
    // Fewer than 16 digits that read back as the number are its shortest form.
    const thousandths = nearest(size * 1000);
    if (thousandths / 1000 == size && thousandths < MAX_INTEGER && thousandths > 0)
      return decimal(u64(thousandths), 3, p);
  } else if (!(size < Infinity)) {
    if (x != x) {
      store<u8>(p, 78);
      store<u16>(p, 0x4e61, 1);
      return p + 3;
    }
    if (x > 0) store<u8>(p++, 43);
    store<u16>(p, 0x6e49);
    store<u8>(p, 102, 2);
    return p + 3;
  }
  return shortest(bits & 0x7fffffffffffffff, p);
}

/** A number of `thousandths`, that are not a whole number of ones, without zeros at its end. */
function decimal(value: u64, places: i32, to: usize): usize {
  let d = value;
  let n = places;
  while (d % 10 == 0) {
    d /= 10;
    n--;
  }
  return placed(d, countOf(d), -n, to);
}

/** x * y: the high half, and `low`. */
// @ts-ignore: a decorator of the dialect
@inline
function multiply(x: u64, y: u64): u64 {
  const a = x & 0xffffffff;
  const b = x >> 32;
  const c = y & 0xffffffff;
  const d = y >> 32;
  const ad = a * d;
  const bc = b * c;
  const middle = ((a * c) >> 32) + (ad & 0xffffffff) + bc;
  low = x * y;
  return b * d + (ad >> 32) + (middle >> 32);
}

/** floor(log2(10^k)). */
// @ts-ignore: a decorator of the dialect
@inline
function log2OfPower(k: i32): i32 {
  return (k * 1741647) >> 19;
}

/** Upper bits of a product, of which the lowest says whether anything but a hair lies below. */
// @ts-ignore: a decorator of the dialect
@inline
function odd(high: u64, middle: u64): u64 {
  return high | u64(middle > 1);
}

/** Writes a positive finite number. */
function shortest(bits: u64, to: usize): usize {
  const fraction = bits & FRACTION;
  const said = i32(bits >> 52);
  const c = said != 0 ? HIDDEN | fraction : fraction;
  const q = said != 0 ? said - 1075 : -1074;
  // Below a power of two the next number is nearer than above.
  const nearer = fraction == 0 && said > 1;
  const k = (q * 1262611 - (nearer ? 524031 : 0)) >> 22;
  const h = u64(q + log2OfPower(-k) + 1);
  const at = powers + (usize(-k - LEAST_POWER) << 4);
  const gHigh = load<u64>(at);
  const gLow = load<u64>(at, 8);

  // Four times the number, scaled, in 192 bits (high, middle, bottom); its neighbours' borders are two away, or one.
  const scaled = (c << 2) << h;
  const carried = multiply(gLow, scaled);
  const bottom = low;
  let high = multiply(gHigh, scaled);
  const middle = low + carried;
  high += u64(middle < carried);
  const up = h + 1;
  const topUp = gHigh >> (64 - up);
  const middleUp = (gHigh << up) | (gLow >> (64 - up));
  const bottomUp = gLow << up;
  const down = nearer ? h : up;
  const topDown = gHigh >> (64 - down);
  const middleDown = (gHigh << down) | (gLow >> (64 - down));
  const bottomDown = gLow << down;

  const bottomAbove = bottom + bottomUp;
  let middleAbove = middle + middleUp;
  let highAbove = high + topUp + u64(middleAbove < middleUp);
  const carry = u64(bottomAbove < bottomUp);
  middleAbove += carry;
  highAbove += u64(middleAbove < carry);

  const borrow = u64(bottom < bottomDown);
  const middleBelow = middle - middleDown;
  let highBelow = high - topDown - u64(middle < middleDown);
  highBelow -= u64(middleBelow < borrow);

  // Borders belong to even numbers.
  const out = c & 1;
  const least = odd(highBelow, middleBelow - borrow) + out;
  const most = odd(highAbove, middleAbove) - out;
  const value = odd(high, middle);

  const s = value >> 2;
  if (s >= 10) {
    // One digit less, if just one of the two neighbours of so many digits lies inside.
    const tens = s / 10;
    const below = least <= 40 * tens;
    const above = 40 * tens + 40 <= most;
    if (below != above) return trimmed(tens + u64(above), k + 1, to);
  }
  const below = least <= 4 * s;
  const above = 4 * s + 4 <= most;
  if (below != above) return trimmed(s + u64(above), k, to);
  const half = 4 * s + 2;
  return trimmed(s + u64(value > half || (value == half && (s & 1) != 0)), k, to);
}

/** d * 10^k without zeros at the end of d. */
function trimmed(value: u64, exponent: i32, to: usize): usize {
  let d = value;
  let k = exponent;
  while (true) {
    const tens = d / 10;
    if (tens * 10 != d) break;
    d = tens;
    k++;
  }
  return placed(d, countOf(d), k, to);
}

/** d, of n digits, times 10^k. */
function placed(d: u64, n: i32, k: i32, to: usize): usize {
  let p = to;
  // The number is 0.d times ten to this.
  const point = n + k;
  if (point > 21 || point < -5) {
    const end = digits(d, n, p + 1);
    store<u8>(p, load<u8>(p + 1));
    store<u8>(p + 1, POINT);
    p = n == 1 ? p + 1 : end;
    return exponent(point - 1, p);
  }
  if (point <= 0) {
    store<u64>(p, 0x3030303030302e30);
    return digits(d, n, p + 2 - point);
  }
  if (point >= n) {
    p = digits(d, n, p);
    for (let i = n; i < point; i++) store<u8>(p++, ZERO);
    return p;
  }
  const end = digits(d, n, p);
  p += point;
  const a = load<u64>(p);
  const b = load<u64>(p, 8);
  store<u64>(p, a, 1);
  store<u64>(p, b, 9);
  store<u8>(p, POINT);
  return end + 1;
}

/** e+21, e-07: two digits at least. */
function exponent(e: i32, to: usize): usize {
  store<u16>(to, e < 0 ? 0x2d65 : 0x2b65);
  const size = u32(abs(e));
  return digits(u64(size), size < 100 ? 2 : 3, to + 2);
}

function countOf(d: u64): i32 {
  if (d >= 1000000000000000) return d >= 100000000000000000 ? 18 : d >= 10000000000000000 ? 17 : 16;
  if (d < 10) return 1;
  let n = 2;
  for (let limit: u64 = 100; d >= limit; limit *= 10) n++;
  return n;
}

/** The n digits of d, 17 at most, or 18 that begin with a 1. The end. */
function digits(d: u64, n: i32, to: usize): usize {
  const end = to + n;
  let p = end;
  let left = n;
  let few: u32;
  if (left > 8) {
    const above = d / 100000000;
    p -= 8;
    eight(u32(d - above * 100000000), p);
    few = u32(above);
    left -= 8;
    if (left >= 8) {
      const rest = few / 100000000;
      p -= 8;
      eight(few - rest * 100000000, p);
      few = rest;
      left -= 8;
    }
  } else few = u32(d);
  while (left >= 2) {
    const hundreds = few / 100;
    p -= 2;
    store<u16>(p, load<u16>(pairs + ((few - hundreds * 100) << 1)));
    few = hundreds;
    left -= 2;
  }
  if (left > 0) store<u8>(p - 1, ZERO + few);
  return end;
}

function eight(x: u32, to: usize): void {
  const a = x / 10000;
  const b = x - a * 10000;
  const a1 = a / 100;
  const b1 = b / 100;
  store<u16>(to, load<u16>(pairs + (a1 << 1)));
  store<u16>(to, load<u16>(pairs + ((a - a1 * 100) << 1)), 2);
  store<u16>(to, load<u16>(pairs + (b1 << 1)), 4);
  store<u16>(to, load<u16>(pairs + ((b - b1 * 100) << 1)), 6);
}
