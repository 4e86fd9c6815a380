// Logarithm and power of 2 to the last bit as Go computes them on amd64: quantiles are interpolated with them, and JavaScript's differ in the
// last digits between engines. The polynomials are those of FreeBSD's msun (e_log.c, e_exp.c).
import { HIGH } from '@munjigi/model';
import { ln } from '../elementary/exponential.ts';
import { scaleByPower } from './bound.ts';

const LN2_HIGH = 6.931_471_803_691_238e-1;
const LN2_LOW = 1.908_214_929_270_587_7e-10;

const scratch = new Float64Array(1);
const halves = new Uint32Array(scratch.buffer);
const SMALLEST_NORMAL = 2 ** -1022;

/** Logarithm to base 2. */
export function log2(x: number): number {
  if (!(x > 0) || x === Infinity) return x === 0 ? -Infinity : x > 0 ? x : NaN;
  const tiny = x < SMALLEST_NORMAL;
  scratch[0] = tiny ? x * 2 ** 52 : x;
  const high = halves[HIGH]!;
  const exponent = (high >>> 20) - 1022 - (tiny ? 52 : 0);
  // The same digits in [0.5, 1).
  halves[HIGH] = (high & 0xfffff) | 0x3fe00000;
  const fraction = scratch[0];
  return fraction === 0.5 ? exponent - 1 : ln(fraction) * Math.LOG2E + exponent;
}

/** 2 to the power x. */
export function exp2(x: number): number {
  if (x > 1023.999_999_999_999_9) return Infinity;
  if (x < -1074) return 0;
  if (x !== x) return x;
  const k = Math.trunc(x > 0 ? x + 0.5 : x - 0.5);
  const t = x - k;
  const high = t * LN2_HIGH;
  const low = -t * LN2_LOW;
  const r = high - low;
  const r2 = r * r;
  const c =
    r -
    r2 *
      (1.666_666_666_666_666_6e-1 +
        r2 *
          (-2.777_777_777_701_559_3e-3 +
            r2 *
              (6.613_756_321_437_934e-5 +
                r2 * (-1.653_390_220_546_525_2e-6 + r2 * 4.138_136_797_057_238_5e-8))));
  return scaleByPower(1 - (low - (r * c) / (2 - c) - high), k);
}
