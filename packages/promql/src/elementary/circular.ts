// Circular functions and their inverses to the last bit as Go computes them: Stephen Moshier's Cephes (sin.c, tan.c, atan.c), for large
// arguments with a reduction by Payne and Hanek.
import { HIGH, LOW } from '@munjigi/model';

/** pi/4 in three parts. */
const QUARTER_A = 0.785_398_125_648_498_5;
const QUARTER_B = 3.774_894_707_930_798e-8;
const QUARTER_C = 2.695_151_429_079_059_5e-15;
const FOUR_OVER_PI = 1.273_239_544_735_162_8;
/** From here on the three parts are not enough. */
const REDUCE_FROM: number = 2 ** 29;

/** Where an argument lies: its octant (even ones alone, 0 to 6) and what is left, in [-pi/4, pi/4]. */
let octant = 0;

/** Sets `octant` and gives the rest, of x >= 0. */
function reduced(x: number): number {
  if (x >= REDUCE_FROM) return reducedLarge(x);
  let j = Math.floor(x * FOUR_OVER_PI);
  if (j % 2 === 1) j++;
  octant = j % 8;
  return x - j * QUARTER_A - j * QUARTER_B - j * QUARTER_C;
}

/** The binary digits of 4/pi: 64 before the point, 1216 behind it. */
const FOUR_OVER_PI_BITS =
  0x1_45f306dc9c882a53_f84eafa3ea69bb81_b6c52b3278872083_fca2c757bd778ac3_6e48dc74849ba5c0_0c925dd413a32439_fc3bd63962534e7d_d1046bea5d768909_d338e04d68befc82_7323ac7306a673e9_3908bf177bf25076_3ff12fffbc0b301f_de5e2316b414da3e_da6cfd9e4f96136e_9e8c7ecd3cbfd45a_ea4f758fd7cbe2f6_7a0e73ef14a525d4_d7f6bf623f1aba10_ac06608df8f6d757n;

const scratch = new Float64Array(1);
const halves = new Uint32Array(scratch.buffer);

/** Of x >= 2^29: its product with 192 bits of 4/pi is needed, of which the first three that count are the octant. */
function reducedLarge(x: number): number {
  scratch[0] = x;
  const exponent = (halves[HIGH]! >>> 20) - 1075;
  const mantissa = (BigInt((halves[HIGH]! & 0xfffff) | 0x100000) << 32n) | BigInt(halves[LOW]!);
  const bits = BigInt.asUintN(192, FOUR_OVER_PI_BITS >> BigInt(1280 - 192 - 61 - exponent));
  const product = BigInt.asUintN(128, (bits * mantissa) >> 64n);
  octant = Number(product >> 125n);
  const fraction = BigInt.asUintN(64, product >> 61n);
  const zeros = 64 - fraction.toString(2).length;
  // The bits that move in are taken from where they lay before the octant was shifted out: so it is done there.
  const next = BigInt.asUintN(64, product) >> BigInt(63 - zeros);
  const digits = (BigInt.asUintN(64, fraction << BigInt(zeros + 1)) | next) >> 12n;
  halves[HIGH] = ((1022 - zeros) << 20) | Number(digits >> 32n);
  halves[LOW] = Number(BigInt.asUintN(32, digits));
  let rest = scratch[0];
  if (octant % 2 === 1) {
    octant = (octant + 1) % 8;
    rest--;
  }
  return rest * (Math.PI / 4);
}

/** sin of a rest. */
function sinePart(z: number): number {
  const zz = z * z;
  return (
    z +
    z *
      zz *
      (((((1.589_623_015_765_465_6e-10 * zz - 2.505_074_776_285_780_7e-8) * zz + 2.755_731_362_138_572_2e-6) *
        zz -
        0.000_198_412_698_295_895_4) *
        zz +
        0.008_333_333_333_322_118) *
        zz -
        0.166_666_666_666_666_3)
  );
}

/** cos of a rest. */
function cosinePart(z: number): number {
  const zz = z * z;
  return (
    1 -
    0.5 * zz +
    zz *
      zz *
      (((((-1.135_853_652_138_768_2e-11 * zz + 2.087_570_084_197_473e-9) * zz - 2.755_731_417_929_674e-7) *
        zz +
        2.480_158_728_885_170_4e-5) *
        zz -
        0.001_388_888_888_887_305_6) *
        zz +
        0.041_666_666_666_666_595)
  );
}

export function sin(x: number): number {
  if (x === 0 || x !== x) return x;
  if (x === Infinity || x === -Infinity) return NaN;
  const z = reduced(Math.abs(x));
  const y = octant === 2 || octant === 6 ? cosinePart(z) : sinePart(z);
  return octant > 3 !== x < 0 ? -y : y;
}

export function cos(x: number): number {
  if (!(Math.abs(x) < Infinity)) return NaN;
  const z = reduced(Math.abs(x));
  const y = octant === 2 || octant === 6 ? sinePart(z) : cosinePart(z);
  return octant === 2 || octant === 4 ? -y : y;
}

export function tan(x: number): number {
  if (x === 0 || x !== x) return x;
  if (x === Infinity || x === -Infinity) return NaN;
  const z = reduced(Math.abs(x));
  const zz = z * z;
  let y = z;
  if (zz > 1e-14)
    y =
      z +
      z *
        ((zz * ((-13_093.693_918_138_379 * zz + 1_153_516.648_385_874_2) * zz - 17_956_525.197_648_488)) /
          ((((zz + 13_681.296_347_069_296) * zz - 1_320_892.344_402_109_7) * zz + 25_008_380.182_335_79) *
            zz -
            53_869_575.592_945_464));
  if (octant === 2 || octant === 6) y = -1 / y;
  return x < 0 ? -y : y;
}

/** atan of [0, 0.66]. */
function smallArc(x: number): number {
  const z = x * x;
  const numerator =
    z *
    ((((-0.875_060_860_003_190_4 * z - 16.157_537_187_333_652) * z - 75.008_557_923_147_05) * z -
      122.886_668_449_013_61) *
      z -
      64.850_219_049_420_25);
  const denominator =
    ((((z + 24.858_464_901_423_062) * z + 165.027_009_831_698_85) * z + 432.881_060_491_290_27) * z +
      485.390_399_635_913_7) *
      z +
    194.550_657_148_261_4;
  return x * (numerator / denominator) + x;
}

/** What pi/2 has beyond its double. */
const HALF_PI_REST = 6.123_233_995_736_766e-17;

/** atan of a positive number. */
function arc(x: number): number {
  if (x <= 0.66) return smallArc(x);
  if (x > 2.414_213_562_373_095) return Math.PI / 2 - smallArc(1 / x) + HALF_PI_REST;
  return Math.PI / 4 + smallArc((x - 1) / (x + 1)) + 0.5 * HALF_PI_REST;
}

export function atan(x: number): number {
  if (x === 0) return x;
  return x > 0 ? arc(x) : -arc(-x);
}

export function asin(x: number): number {
  if (x === 0) return x;
  const size = Math.abs(x);
  if (!(size <= 1)) return NaN;
  const other = Math.sqrt(1 - size * size);
  const y = size > 0.7 ? Math.PI / 2 - arc(other / size) : arc(size / other);
  return x < 0 ? -y : y;
}

export function acos(x: number): number {
  return Math.PI / 2 - asin(x);
}

/** Like JavaScript's in everything but the last digits: its special cases are those of C. */
export function atan2(y: number, x: number): number {
  if (x === 0 || y === 0 || !(Math.abs(x) < Infinity) || !(Math.abs(y) < Infinity)) return Math.atan2(y, x);
  const q = atan(y / x);
  if (x > 0) return q;
  return q <= 0 ? q + Math.PI : q - Math.PI;
}
