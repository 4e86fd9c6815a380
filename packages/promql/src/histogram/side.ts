// Buckets of one sign, as sorted indexes with a count (and maybe a compensation) each.
import { addCompensated, carry } from './kahan.ts';

export interface Side {
  readonly index: Int32Array;
  readonly count: Float64Array;
  /** What rounding cut off from each count; null: sums are not compensated. */
  readonly carry: Float64Array | null;
}

export function sameIndex(a: Int32Array, b: Int32Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** All indexes of `a`, and those of `b` from its element `from` on. */
function unionOf(a: Int32Array, b: Int32Array, from: number): Int32Array {
  if (from === 0 && sameIndex(a, b)) return a;
  let n = a.length;
  for (let i = 0, k = from; k < b.length; k++) {
    while (i < a.length && a[i]! < b[k]!) i++;
    if (i === a.length || a[i] !== b[k]) n++;
  }
  if (n === a.length) return a;
  const union = new Int32Array(n);
  let i = 0;
  let k = from;
  for (let u = 0; u < n; u++) {
    if (k === b.length || (i < a.length && a[i]! <= b[k]!)) {
      if (k < b.length && a[i] === b[k]) k++;
      union[u] = a[i++]!;
    } else union[u] = b[k++]!;
  }
  return union;
}

/** a + sign * b; the first `from` buckets of `b` are left out. Compensated where `a` is. */
export function addSides(a: Side, b: Side, from: number, sign: 1 | -1): Side {
  const index = unionOf(a.index, b.index, from);
  const n = index.length;
  const count = new Float64Array(n);
  const carries = a.carry === null ? null : new Float64Array(n);
  let i = 0;
  let k = from;
  for (let u = 0; u < n; u++) {
    const inA = i < a.index.length && a.index[i] === index[u];
    const inB = k < b.index.length && b.index[k] === index[u];
    if (!inB) {
      count[u] = a.count[i]!;
      if (carries !== null) carries[u] = a.carry![i]!;
    } else if (!inA) {
      count[u] = sign * b.count[k]!;
      if (carries !== null) carries[u] = b.carry === null ? 0 : sign * b.carry[k]!;
    } else if (carries === null) count[u] = a.count[i]! + sign * b.count[k]!;
    else {
      let sum = addCompensated(sign * b.count[k]!, a.count[i]!, a.carry![i]!);
      const more = b.carry === null ? 0 : sign * b.carry[k]!;
      if (more !== 0) sum = addCompensated(more, sum, carry);
      count[u] = sum;
      carries[u] = carry;
    }
    if (inA) i++;
    if (inB) k++;
  }
  return { index, count, carry: carries };
}

/** Index of the bucket of schema `to` that holds bucket `index` of the finer schema `from`. */
export function coarserIndex(index: number, from: number, to: number): number {
  return ((index - 1) >> Math.min(31, from - to)) + 1;
}

/** The same observations in the wider buckets of schema `to`. */
export function coarsenSide(side: Side, from: number, to: number): Side {
  const { index, count, carry: carries } = side;
  const toIndex = new Int32Array(index.length);
  const toCount = new Float64Array(index.length);
  const toCarry = carries === null ? null : new Float64Array(index.length);
  let n = 0;
  for (let i = 0; i < index.length; i++) {
    const target = coarserIndex(index[i]!, from, to);
    if (n === 0 || toIndex[n - 1] !== target) {
      toIndex[n] = target;
      toCount[n] = count[i]!;
      if (toCarry !== null) toCarry[n] = carries![i]!;
      n++;
    } else if (toCarry === null) toCount[n - 1] = toCount[n - 1]! + count[i]!;
    else {
      const sum = addCompensated(count[i]!, toCount[n - 1]!, toCarry[n - 1]!);
      toCount[n - 1] = addCompensated(carries![i]!, sum, carry);
      toCarry[n - 1] = carry;
    }
  }
  return {
    index: toIndex.subarray(0, n),
    count: toCount.subarray(0, n),
    carry: toCarry === null ? null : toCarry.subarray(0, n),
  };
}

/** Without the first `from` buckets and without those that are empty; the same object when there are none. */
export function dropEmpty(side: Side, from: number = 0): Side {
  const { index, count, carry: carries } = side;
  let kept = 0;
  for (let i = from; i < index.length; i++) if (!isEmpty(side, i)) kept++;
  if (kept === index.length) return side;
  const toIndex = new Int32Array(kept);
  const toCount = new Float64Array(kept);
  const toCarry = carries === null ? null : new Float64Array(kept);
  let n = 0;
  for (let i = from; i < index.length; i++) {
    if (isEmpty(side, i)) continue;
    toIndex[n] = index[i]!;
    toCount[n] = count[i]!;
    if (toCarry !== null) toCarry[n] = carries![i]!;
    n++;
  }
  return { index: toIndex, count: toCount, carry: toCarry };
}

function isEmpty(side: Side, i: number): boolean {
  return side.count[i] === 0 && (side.carry === null || side.carry[i] === 0);
}
