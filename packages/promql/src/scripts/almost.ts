// When a number is the one that a script expects.

const EPSILON = 1e-6;
const SMALLEST_NORMAL: number = 2 ** -1022;

/** Equal to a part in a million; NaN equals NaN, nothing but 0 is 0. */
export function almostEqual(a: number, b: number): boolean {
  if (a === b || (a !== a && b !== b)) return true;
  const size = Math.abs(a) + Math.abs(b);
  const difference = Math.abs(a - b);
  if (a === 0 || b === 0 || size < SMALLEST_NORMAL) return difference < EPSILON * SMALLEST_NORMAL;
  return difference / Math.min(size, Number.MAX_VALUE) < EPSILON;
}
