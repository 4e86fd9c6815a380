// A fused multiplication and addition: one rounding. By Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms
// using rounding to odd" (IEEE Transactions on Computers, 2008), without cases of overflow and underflow.
import { HIGH, LOW } from '@munjigi/model';

const SPLITTER: number = 2 ** 27 + 1;

const scratch = new Float64Array(1);
const halves = new Uint32Array(scratch.buffer);

/** a * b + c, rounded once, for finite numbers of common size. */
export function multiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const aBig = SPLITTER * a;
  const aHigh = aBig - (aBig - a);
  const aLow = a - aHigh;
  const bBig = SPLITTER * b;
  const bHigh = bBig - (bBig - b);
  const bLow = b - bHigh;
  const productRest = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
  const low = c + productRest;
  const lowRest = restOf(c, productRest, low);
  const high = product + low;
  const highRest = restOf(product, low, high);
  return high + sumToOdd(highRest, lowRest);
}

/** What rounding cut off from sum = a + b. */
function restOf(a: number, b: number, sum: number): number {
  const bPart = sum - a;
  return a - (sum - bPart) + (b - bPart);
}

/** a + b; where it is not exact, of the two neighbours the one whose last bit is set: a second rounding then errs no more. */
function sumToOdd(a: number, b: number): number {
  const sum = a + b;
  const rest = restOf(a, b, sum);
  if (rest === 0) return sum;
  scratch[0] = sum;
  if ((halves[LOW]! & 1) === 1) return sum;
  // Towards the rest: away from zero when it has the sign of the sum.
  if (rest > 0 === sum > 0) halves[LOW]!++;
  else {
    if (halves[LOW] === 0) halves[HIGH]!--;
    halves[LOW]!--;
  }
  return scratch[0];
}
