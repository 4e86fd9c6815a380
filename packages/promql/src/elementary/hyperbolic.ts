// Hyperbolic functions and their inverses to the last bit as Go computes them. Sources: sinh near 0 is approximation 2029 of Hart and Cheney,
// tanh is Cephes' (tanh.c), the inverses are those of FreeBSD's msun (s_asinh.c, e_acosh.c, e_atanh.c).
import { exp, ln, log1p } from './exponential.ts';

export function sinh(x: number): number {
  const size = Math.abs(x);
  let y: number;
  if (size > 21) y = exp(size) * 0.5;
  else if (size > 0.5) {
    const e = exp(size);
    y = (e - 1 / e) * 0.5;
  } else {
    const z = size * size;
    y =
      (((-26.305_632_133_974_97 * z - 2894.211_355_989_564) * z - 89_912.720_220_395_09) * z -
        630_767.364_049_771_7) *
      size;
    y /= ((z - 173.678_953_558_233_7) * z + 15_215.173_787_900_19) * z - 630_767.364_049_771_7;
  }
  return x < 0 || Object.is(x, -0) ? -y : y;
}

export function cosh(x: number): number {
  const size = Math.abs(x);
  const e = exp(size);
  return size > 21 ? e * 0.5 : (e + 1 / e) * 0.5;
}

export function tanh(x: number): number {
  const size = Math.abs(x);
  if (size > 0.5 * 88.029_691_931_113_05) return x < 0 ? -1 : 1;
  if (size >= 0.625) {
    const y = 1 - 2 / (exp(2 * size) + 1);
    return x < 0 ? -y : y;
  }
  if (x === 0) return x;
  const z = x * x;
  return (
    x +
    (x * z * ((-0.964_399_179_425_052_3 * z - 99.287_723_100_191_85) * z - 1614.687_684_417_084_5)) /
      (((z + 112.811_678_491_632_93) * z + 2235.488_390_601_004_5) * z + 4844.063_053_251_255)
  );
}

export function asinh(x: number): number {
  const size = Math.abs(x);
  if (!(size < Infinity)) return x;
  let y: number;
  if (size > 2 ** 28) y = ln(size) + Math.LN2;
  else if (size > 2) y = ln(2 * size + 1 / (Math.sqrt(size * size + 1) + size));
  else if (size < 2 ** -28) y = size;
  else y = log1p(size + (size * size) / (1 + Math.sqrt(1 + size * size)));
  return x < 0 || Object.is(x, -0) ? -y : y;
}

export function acosh(x: number): number {
  if (!(x >= 1)) return NaN;
  if (x === 1) return 0;
  if (x >= 2 ** 28) return ln(x) + Math.LN2;
  if (x > 2) return ln(2 * x - 1 / (x + Math.sqrt(x * x - 1)));
  const t = x - 1;
  return log1p(t + Math.sqrt(2 * t + t * t));
}

export function atanh(x: number): number {
  const size = Math.abs(x);
  if (!(size <= 1)) return NaN;
  let y: number;
  if (size === 1) y = Infinity;
  else if (size < 2 ** -28) y = size;
  else if (size < 0.5) y = 0.5 * log1p(2 * size + (2 * size * size) / (1 - size));
  else y = 0.5 * log1p((2 * size) / (1 - size));
  return x < 0 || Object.is(x, -0) ? -y : y;
}
