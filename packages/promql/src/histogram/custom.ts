// Custom buckets whose bounds differ: both histograms are brought to the bounds that they share.
import { addCompensated, carry } from './kahan.ts';
import type { Side } from './side.ts';

const NO_BOUNDS = new Float64Array(0);

/** The bounds that both have. */
export function sharedBounds(a: Float64Array | null, b: Float64Array | null): Float64Array {
  if (a === null || b === null) return NO_BOUNDS;
  const shared = new Float64Array(Math.min(a.length, b.length));
  let n = 0;
  for (let i = 0, k = 0; i < a.length && k < b.length;) {
    if (a[i] === b[k]) {
      shared[n++] = a[i]!;
      i++;
      k++;
    } else if (a[i]! < b[k]!) i++;
    else k++;
  }
  return shared.subarray(0, n);
}

/** a + sign * b in the buckets of `shared`; empty ones are left out. Compensated where `a` is. */
export function addToShared(
  a: Side,
  aBounds: Float64Array | null,
  b: Side,
  bBounds: Float64Array | null,
  sign: 1 | -1,
  shared: Float64Array,
): Side {
  const count = new Float64Array(shared.length + 1);
  const carries = new Float64Array(shared.length + 1);
  gather(count, carries, a, aBounds, 1, shared);
  gather(count, carries, b, bBounds, sign, shared);
  const index = new Int32Array(count.length);
  let n = 0;
  for (let i = 0; i < count.length; i++) {
    // Only rounding may be left of a bucket: it stays, as a bucket of 0.
    if (count[i] === 0 && carries[i] === 0) continue;
    index[n] = i;
    count[n] = count[i]!;
    carries[n] = carries[i]!;
    n++;
  }
  return {
    index: index.subarray(0, n),
    count: count.subarray(0, n),
    carry: a.carry === null ? null : carries.subarray(0, n),
  };
}

function gather(
  count: Float64Array,
  carries: Float64Array,
  side: Side,
  bounds: Float64Array | null,
  sign: 1 | -1,
  shared: Float64Array,
): void {
  const last = count.length - 1;
  let target = 0;
  for (let i = 0; i < side.index.length; i++) {
    const index = side.index[i]!;
    let at = last;
    if (bounds !== null && index < bounds.length) {
      while (target < last && !(shared[target]! >= bounds[index]!)) target++;
      at = target;
    }
    count[at] = addCompensated(sign * side.count[i]!, count[at]!, carries[at]!);
    carries[at] = carry;
    if (side.carry === null) continue;
    count[at] = addCompensated(side.carry[i]!, count[at]!, carries[at]!);
    carries[at] = carry;
  }
}
