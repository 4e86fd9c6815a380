// When a number is the one that a script expects.
import { almostEqual } from '../almost.ts';

/** To a part in a million. */
export function nearlyEqual(a: number, b: number): boolean {
  return almostEqual(a, b, 1e-6);
}
