// Whether two numbers differ by rounding only.

const SMALLEST_NORMAL: number = 2 ** -1022;

/** Equal to a part of `epsilon`; NaN equals NaN, nothing but 0 is 0. As Prometheus' almost.Equal. */
export function almostEqual(a: number, b: number, epsilon: number): boolean {
  if (a === b || (a !== a && b !== b)) return true;
  const size = Math.abs(a) + Math.abs(b);
  const difference = Math.abs(a - b);
  if (a === 0 || b === 0 || size < SMALLEST_NORMAL) return difference < epsilon * SMALLEST_NORMAL;
  return difference / Math.min(size, Number.MAX_VALUE) < epsilon;
}
