// Where buckets begin and end.
import { SCHEMA_CUSTOM, SCHEMA_MAX, SCHEMA_MIN } from '@munjigi/model';

/** Bounds in [0.5, 1) of the finest schema; coarser ones take every second, fourth, ... of them. */
const FINEST = finestBounds();

/**
 * Each schema halves the steps of the one before: a bound between two old ones is the lower times 2^(2^-schema). Neither these
 * products nor the first factor (a step too small) are always the nearest double, but stored histograms were counted with them.
 */
function finestBounds(): Float64Array {
  const bounds = new Float64Array(1 << SCHEMA_MAX);
  bounds[0] = 0.5;
  let root = 2;
  for (let schema = 1; schema <= SCHEMA_MAX; schema++) {
    root = Math.sqrt(root);
    const factor = schema === 1 ? Math.SQRT2 - 2 ** -52 : root;
    const step = 1 << (SCHEMA_MAX - schema);
    for (let i = step; i < bounds.length; i += 2 * step) bounds[i] = bounds[i - step]! * factor;
  }
  return bounds;
}

/** Schemas whose buckets can be computed with; there are wider ones that can be read only. */
function isExponential(schema: number): boolean {
  return schema >= SCHEMA_MIN && schema <= SCHEMA_MAX;
}

/** fraction * 2^exponent, rounded once, for fractions in [0.5, 1]. */
export function scaleByPower(fraction: number, exponent: number): number {
  if (exponent > 1024) return Infinity;
  if (exponent < -1074) return 0;
  // Two steps, because 2^exponent alone may be out of range; the first is exact.
  if (exponent > 1000) return fraction * 2 ** 1000 * 2 ** (exponent - 1000);
  if (exponent < -1000) return fraction * 2 ** -1000 * 2 ** (exponent + 1000);
  return fraction * 2 ** exponent;
}

/** Upper bound of the positive exponential bucket `index`. The last one for finite numbers ends at the largest of them. */
export function exponentialBound(index: number, schema: number): number {
  if (schema < 0) {
    const exponent = index * 2 ** -schema;
    return exponent === 1024 ? Number.MAX_VALUE : scaleByPower(1, exponent);
  }
  const fraction = FINEST[(index & ((1 << schema) - 1)) << (SCHEMA_MAX - schema)]!;
  const exponent = (index >> schema) + 1;
  return fraction === 0.5 && exponent === 1025 ? Number.MAX_VALUE : scaleByPower(fraction, exponent);
}

/** Upper bound of positive bucket `index`: -Inf before the first custom one, +Inf behind the last bound. */
export function upperBound(index: number, schema: number, bounds: Float64Array | null): number {
  if (schema !== SCHEMA_CUSTOM) return exponentialBound(index, schema);
  if (index < 0) return -Infinity;
  return bounds === null || index >= bounds.length ? Infinity : bounds[index]!;
}

/** Whether bounds are the same; NaNs are not. */
export function sameBounds(a: Float64Array | null, b: Float64Array | null): boolean {
  const n = a === null ? 0 : a.length;
  if (n !== (b === null ? 0 : b.length)) return false;
  for (let i = 0; i < n; i++) if (a![i] !== b![i]) return false;
  return true;
}

/** How many of the first buckets end at or below `threshold`: the zero bucket has swallowed them. */
export function bucketsWithin(threshold: number, schema: number, index: Int32Array): number {
  if (!isExponential(schema)) return 0;
  let n = 0;
  while (n < index.length && exponentialBound(index[n]!, schema) <= threshold) n++;
  return n;
}
