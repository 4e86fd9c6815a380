// Decimal text to float64 on bytes, exactly as `Number()` rounds, but without a string for what most samples look like.

/** Powers of ten that are exact as float64. */
const POWER = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
/** NaN as Prometheus writes it, 0x7ff8000000000001. */
const NAN_BITS = new Uint32Array(2);
const NORMAL_NAN = new Float64Array(NAN_BITS.buffer);
{
  const little = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
  NAN_BITS[little ? 0 : 1] = 1;
  NAN_BITS[little ? 1 : 0] = 0x7ff80000;
}

/**
 * Reads the number at b[p..end) up to a space, tab, newline or `end` into out[i]. Returns where it ended, or -1 when it is no number:
 * decimal with or without exponent, Inf, Infinity and NaN in any case, a sign. No hexadecimal, no `_`. Overflow is no number.
 */
export function readFloat(b: Uint8Array, p: number, end: number, out: Float64Array, i: number): number {
  const start = p;
  let c = p < end ? b[p]! : 0;
  let negative = false;
  if (c === 45 || c === 43) {
    negative = c === 45;
    c = ++p < end ? b[p]! : 0;
  }
  let mantissa = 0;
  let significant = 0;
  let scale = 0;
  const digits = p;
  while (c >= 48 && c <= 57) {
    mantissa = mantissa * 10 + (c - 48);
    if (mantissa !== 0) significant++;
    c = ++p < end ? b[p]! : 0;
  }
  let seen = p - digits;
  if (c === 46) {
    c = ++p < end ? b[p]! : 0;
    const fraction = p;
    while (c >= 48 && c <= 57) {
      mantissa = mantissa * 10 + (c - 48);
      if (mantissa !== 0) significant++;
      c = ++p < end ? b[p]! : 0;
    }
    scale = fraction - p;
    seen += p - fraction;
  }
  if (seen === 0) return readWord(b, start, end, out, i);
  if (c === 101 || c === 69) {
    c = ++p < end ? b[p]! : 0;
    let minus = false;
    if (c === 45 || c === 43) {
      minus = c === 45;
      c = ++p < end ? b[p]! : 0;
    }
    const first = p;
    let exponent = 0;
    while (c >= 48 && c <= 57) {
      if (exponent < 100_000) exponent = exponent * 10 + (c - 48);
      c = ++p < end ? b[p]! : 0;
    }
    if (p === first) return -1;
    scale += minus ? -exponent : exponent;
  }
  if (p < end && c !== 10 && c !== 32 && c !== 9) return -1;
  // Up to 15 digits are exact, and so is one multiplication or division by an exact power of ten.
  if (significant <= 15 && scale >= -22 && scale <= 22) {
    const value = scale < 0 ? mantissa / POWER[-scale]! : mantissa * POWER[scale]!;
    out[i] = negative ? -value : value;
    return p;
  }
  if (p - start > MAX_DIGITS) return -1;
  const value = Number(ascii(b, start, p));
  if (value === Infinity || value === -Infinity) return -1;
  out[i] = value;
  return p;
}

/** Longer numbers are refused: nothing writes them, and they would only cost time. */
const MAX_DIGITS = 800;
const WORDS: ReadonlyMap<string, number> = new Map([
  ['inf', Infinity],
  ['infinity', Infinity],
]);

function readWord(b: Uint8Array, start: number, end: number, out: Float64Array, i: number): number {
  let p = start;
  while (p < end && b[p]! > 32) p++;
  if (p - start > 9) return -1;
  const word = ascii(b, start, p).toLowerCase();
  if (word === 'nan' || word === '+nan' || word === '-nan') {
    if (word !== 'nan') return -1;
    // Set, not assigned: a typed array's set copies the bits of a NaN.
    out.set(NORMAL_NAN, i);
    return p;
  }
  const negative = word.startsWith('-');
  const value = WORDS.get(negative || word.startsWith('+') ? word.slice(1) : word);
  if (value === undefined) return -1;
  out[i] = negative ? -value : value;
  return p;
}

function ascii(b: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += String.fromCharCode(b[i]!);
  return text;
}
