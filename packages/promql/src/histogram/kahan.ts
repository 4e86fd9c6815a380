// Sums with compensation (Kahan's, as improved by Neumaier): what rounding cut off is carried beside the sum.

/** The compensation that the last `addCompensated` left. */
export let carry: number = 0;

/** sum + x; `carry` becomes its compensation, where `c` was that of `sum`. A sum that overflows has none. */
export function addCompensated(x: number, sum: number, c: number): number {
  const t = sum + x;
  if (t === Infinity || t === -Infinity) carry = 0;
  else if (Math.abs(sum) >= Math.abs(x)) carry = c + (sum - t + x);
  else carry = c + (x - t + sum);
  return t;
}
