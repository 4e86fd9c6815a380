// Exponentials, logarithms and powers to the last bit as Go computes them on amd64, where JavaScript leaves the last digits to the engine.
// Sources of the polynomials: exp is Naoki Shibata's for SIMD (ISC 2010; SLEEF), with fused multiplications, as every processor of the last
// ten years runs it; the logarithms are those of FreeBSD's msun (e_log.c, s_log1p.c).
import { HIGH, LOW } from '@munjigi/model';
import { multiplyAdd } from './multiply-add.ts';

const LN2_HIGH = 0.693_147_180_369_123_8;
const LN2_LOW = 1.908_214_929_270_587_7e-10;

const scratch = new Float64Array(1);
const halves = new Uint32Array(scratch.buffer);

const EXP_MAX = 7.097_827_128_933_84e2;
/** ln 2 in two parts, the upper one exact in products with small integers. */
const LN2_UPPER = 0.693_147_180_559_663;
const LN2_LOWER = 2.823_529_056_303_157_7e-13;
/** Adding and taking away rounds to the nearest integer, half to even. */
const ROUNDER: number = 1.5 * 2 ** 52;
/** 1/n! for n from 7 down to 1. */
const TAYLOR: readonly number[] = [
  0.000_198_412_698_412_698_4, 0.001_388_888_888_888_889, 0.008_333_333_333_333_333,
  0.041_666_666_666_666_664, 0.166_666_666_666_666_66, 0.5, 1,
];

/** e to the power x. From 709.44 on it is +Inf already: the exponent is rounded before it is limited. */
export function exp(x: number): number {
  if (!(x <= EXP_MAX)) return x > 0 ? Infinity : x;
  const k = x * Math.LOG2E + ROUNDER - ROUNDER;
  const exponent = k + 1023;
  if (exponent < -52) return 0;
  // A sixteenth of the rest: the result is squared four times, less 1 so that little is lost.
  const r = 0.0625 * multiplyAdd(-k, LN2_LOWER, multiplyAdd(-k, LN2_UPPER, x));
  let sum = 2.480_158_730_158_73e-5;
  for (const c of TAYLOR) sum = multiplyAdd(r, sum, c);
  let y = r * sum;
  for (let i = 0; i < 3; i++) y *= y + 2;
  y = multiplyAdd(y + 2, y, 1);
  if (exponent >= 2047) return Infinity;
  if (exponent > 0) return scaled(y, k);
  return y * 2 ** (exponent - 1) * 2 ** -1022;
}

/** Natural logarithm. Of numbers below 2^-1022 it is wrong, as there. */
export function ln(x: number): number {
  if (!(x > 0) || x === Infinity) return x === 0 ? -Infinity : x > 0 ? x : NaN;
  scratch[0] = x;
  const high = halves[HIGH]!;
  let k = (high >>> 20) - 1022;
  // The same digits in [0.5, 1), then between the roots of 1/2 and 2.
  halves[HIGH] = (high & 0xfffff) | 0x3fe00000;
  let f = scratch[0];
  if (f <= Math.SQRT1_2) {
    k--;
    f *= 2;
  }
  f--;
  const s = f / (2 + f);
  const s2 = s * s;
  const s4 = s2 * s2;
  const odd =
    s2 *
    (0.666_666_666_666_673_5 +
      s4 * (0.285_714_287_436_623_9 + s4 * (0.181_835_721_616_180_5 + s4 * 0.147_981_986_051_165_86)));
  const even =
    s4 * (0.399_999_999_994_094_2 + s4 * (0.222_221_984_321_497_84 + s4 * 0.153_138_376_992_093_73));
  const half = 0.5 * f * f;
  return k * LN2_HIGH - (half - (s * (half + (odd + even)) + k * LN2_LOW) - f);
}

export function log10(x: number): number {
  return ln(x) * Math.LOG10E;
}

/** Mantissa of the root of 2, without its leading bit. */
const ROOT_2_MANTISSA: number = 0x6a09e * 2 ** 32 + 0x667f3bcd;

/** ln(1 + x). */
export function log1p(x: number): number {
  if (!(x > -1)) return x === -1 ? -Infinity : NaN;
  if (x === Infinity) return x;
  const size = Math.abs(x);
  let k = 1;
  let f = 0;
  let exact = false;
  let correction = 0;
  if (size < 0.414_213_562_373_095_03) {
    if (size < 2 ** -54) return x;
    if (size < 2 ** -29) return x - x * x * 0.5;
    if (x > -0.292_893_218_813_452_5) {
      k = 0;
      f = x;
    }
  }
  if (k !== 0) {
    let u = size < 2 ** 53 ? 1 + x : x;
    scratch[0] = u;
    const high = halves[HIGH]!;
    k = (high >>> 20) - 1023;
    if (size < 2 ** 53) correction = (k > 0 ? 1 - (u - x) : x - (u - 1)) / u;
    const mantissa = (high & 0xfffff) * 2 ** 32 + halves[LOW]!;
    const low = mantissa < ROOT_2_MANTISSA;
    if (!low) k++;
    exact = low ? mantissa === 0 : 2 ** 52 - mantissa < 4;
    halves[HIGH] = (high & 0xfffff) | (low ? 0x3ff00000 : 0x3fe00000);
    u = scratch[0];
    f = u - 1;
  }
  const half = 0.5 * f * f;
  if (exact) {
    if (f === 0) return k === 0 ? 0 : k * LN2_HIGH + (correction + k * LN2_LOW);
    const r = half * (1 - 0.666_666_666_666_666_6 * f);
    return k === 0 ? f - r : k * LN2_HIGH - (r - (k * LN2_LOW + correction) - f);
  }
  const s = f / (2 + f);
  const z = s * s;
  const r =
    z *
    (0.666_666_666_666_673_5 +
      z *
        (0.399_999_999_994_094_2 +
          z *
            (0.285_714_287_436_623_9 +
              z *
                (0.222_221_984_321_497_84 +
                  z *
                    (0.181_835_721_616_180_5 +
                      z * (0.153_138_376_992_093_73 + z * 0.147_981_986_051_165_86))))));
  if (k === 0) return f - (half - s * (half + r));
  return k * LN2_HIGH - (half - (s * (half + r) + (k * LN2_LOW + correction)) - f);
}

/** x to the power y: the whole part of y by squarings of x's mantissa, the rest by exp and ln. */
export function power(x: number, y: number): number {
  if (y === 0 || x === 1) return 1;
  if (y === 1) return x;
  if (x !== x || y !== y) return NaN;
  if (x === 0) {
    const signed = isOdd(y) ? x : 0;
    return y < 0 ? 1 / signed : signed;
  }
  if (y === Infinity || y === -Infinity) {
    if (x === -1) return 1;
    return Math.abs(x) < 1 === y > 0 ? 0 : Infinity;
  }
  if (x === Infinity) return y < 0 ? 0 : Infinity;
  if (x === -Infinity) return power(-0, -y);
  if (y === 0.5) return Math.sqrt(x);
  if (y === -0.5) return 1 / Math.sqrt(x);
  let whole = Math.floor(Math.abs(y));
  let rest = Math.abs(y) - whole;
  if (rest !== 0 && x < 0) return NaN;
  if (whole >= 2 ** 63) {
    if (x === -1) return 1;
    return Math.abs(x) < 1 === y > 0 ? 0 : Infinity;
  }
  let product = 1;
  if (rest !== 0) {
    if (rest > 0.5) {
      rest--;
      whole++;
    }
    product = exp(rest * ln(x));
  }
  let scale = exponentOf(x);
  let base = fractionOf(x);
  let exponent = 0;
  for (let i = whole; i !== 0; i = Math.floor(i / 2)) {
    if (scale < -4096 || scale > 4096) {
      // Beyond all numbers already.
      exponent += scale;
      break;
    }
    if (i % 2 === 1) {
      product *= base;
      exponent += scale;
    }
    base *= base;
    scale *= 2;
    if (base < 0.5) {
      base += base;
      scale--;
    }
  }
  return y < 0 ? scaled(1 / product, -exponent) : scaled(product, exponent);
}

function isOdd(y: number): boolean {
  return Math.abs(y) < 2 ** 53 && Math.abs(y) % 2 === 1;
}

/** x = fractionOf(x) * 2^exponentOf(x) with a fraction in [0.5, 1), for finite numbers but 0. */
function exponentOf(x: number): number {
  const tiny = Math.abs(x) < 2 ** -1022;
  scratch[0] = tiny ? x * 2 ** 52 : x;
  return ((halves[HIGH]! >>> 20) & 2047) - 1022 - (tiny ? 52 : 0);
}

function fractionOf(x: number): number {
  scratch[0] = Math.abs(x) < 2 ** -1022 ? x * 2 ** 52 : x;
  halves[HIGH] = (halves[HIGH]! & 0x800f_ffff) | 0x3fe0_0000;
  return scratch[0];
}

/** x * 2^n, rounded once. */
function scaled(x: number, n: number): number {
  if (x === 0 || !(Math.abs(x) < Infinity)) return x;
  const exponent = exponentOf(x) + n;
  const fraction = fractionOf(x);
  if (exponent > 1024) return fraction * Infinity;
  if (exponent < -1074) return fraction < 0 ? -0 : 0;
  // Two steps, because 2^exponent alone may be out of range; the first is exact.
  if (exponent > 1000) return fraction * 2 ** 1000 * 2 ** (exponent - 1000);
  if (exponent < -1000) return fraction * 2 ** -1000 * 2 ** (exponent + 1000);
  return fraction * 2 ** exponent;
}
