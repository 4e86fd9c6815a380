// Functions of a window over one series' columns, in AssemblyScript: what dashboards ask most, two to four windows at a time. Its twin, which says
// what each means: src/window.ts; results are the same to the last bit. `node tools/assemble.ts` compiles it. Addresses are of the memory that it is given: times
// at t and values at v (float64), bounds of the windows at lo and hi (int32), a row of cells at out (float64) and present (bytes).

/** Whether a value is NaN: only then can there be staleness marks. */
export function someNaN(v: usize, n: i32): bool {
  let found = f64x2.splat(0);
  let i = 0;
  for (; i + 2 <= n; i += 2) {
    const x = v128.load(v + (usize(i) << 3));
    found = v128.or(found, f64x2.ne(x, x));
  }
  const last = i < n ? load<f64>(v + (usize(i) << 3)) : 0;
  return v128.any_true(found) || last != last;
}

/** First sample after `time` from sample `from` on; `by` samples on is tried first. */
// @ts-ignore: decorator
@inline
function firstAfter(t: usize, n: i32, time: f64, from: i32, by: i32): i32 {
  let i = from + by;
  if (i > 0 && i < n && load<f64>(t + (usize(i - 1) << 3)) <= time && load<f64>(t + (usize(i) << 3)) > time) return i;
  i = from;
  while (i < n && load<f64>(t + (usize(i) << 3)) <= time) i++;
  return i;
}

/** Bounds [lo, hi) of all windows. */
function findBounds(t: usize, n: i32, steps: i32, start_ms: f64, step_ms: f64, range_ms: f64, lo: usize, hi: usize): void {
  let a = 0;
  let b = 0;
  let aBy = 0;
  let bBy = 0;
  for (let k = 0; k < steps; k++) {
    const end = start_ms + f64(k) * step_ms;
    const b2 = firstAfter(t, n, end, b, bBy);
    bBy = b2 - b;
    b = b2;
    const a2 = firstAfter(t, n, end - range_ms, a, aBy);
    aBy = a2 - a;
    a = a2;
    store<i32>(lo + (usize(k) << 2), a);
    store<i32>(hi + (usize(k) << 2), b);
  }
}

/** The newest sample in the look-back, absent when it is a mark (StaleNaN by its bits). */
export function last(
  t: usize,
  v: usize,
  n: i32,
  steps: i32,
  start_ms: f64,
  step_ms: f64,
  range_ms: f64,
  out: usize,
  present: usize,
): void {
  let hi = 0;
  let by = 0;
  for (let k = 0; k < steps; k++) {
    const end = start_ms + f64(k) * step_ms;
    const next = firstAfter(t, n, end, hi, by);
    by = next - hi;
    hi = next;
    const at = usize(hi - 1) << 3;
    const seen = hi > 0 && load<f64>(t + at) > end - range_ms && load<u64>(v + at) != 0x7ff0000000000002;
    store<u8>(present + k, u8(seen));
    if (seen) store<u64>(out + (usize(k) << 3), load<u64>(v + at));
  }
}

/** The elements of two windows' columns at i and k. */
// @ts-ignore: decorator
@inline
function both(column: usize, i: i32, k: i32): v128 {
  return v128.load64_lane(column + (usize(k) << 3), v128.load64_zero(column + (usize(i) << 3)), 1);
}

/** Lists samples that are smaller than the one before; how many. */
function findResets(v: usize, n: i32, resets: usize): i32 {
  let count = 0;
  let i = 1;
  // Eight at a time, as long as there is none.
  for (; i + 8 <= n; i += 8) {
    const at = v + (usize(i) << 3);
    const a = f64x2.lt(v128.load(at), v128.load(at - 8));
    const b = f64x2.lt(v128.load(at, 16), v128.load(at - 8, 16));
    const c = f64x2.lt(v128.load(at, 32), v128.load(at - 8, 32));
    const d = f64x2.lt(v128.load(at, 48), v128.load(at - 8, 48));
    if (!v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)))) continue;
    for (let j = i; j < i + 8; j++) count = noteReset(v, j, resets, count);
  }
  for (; i < n; i++) count = noteReset(v, i, resets, count);
  return count;
}

function noteReset(v: usize, i: i32, resets: usize, count: i32): i32 {
  if (!(load<f64>(v + (usize(i) << 3)) < load<f64>(v + (usize(i - 1) << 3)))) return count;
  store<i32>(resets + (usize(count) << 2), i);
  return count + 1;
}

/** rate, increase and delta. Resets are listed at `resets` (int32, room for n). */
export function extrapolated(
  t: usize,
  v: usize,
  n: i32,
  steps: i32,
  start_ms: f64,
  step_ms: f64,
  range_ms: f64,
  isCounter: bool,
  isRate: bool,
  resets: usize,
  lo: usize,
  hi: usize,
  out: usize,
  present: usize,
): void {
  findBounds(t, n, steps, start_ms, step_ms, range_ms, lo, hi);
  const count = isCounter ? findResets(v, n, resets) : 0;
  const thousand = f64x2.splat(1000);
  const range_s = f64x2.splat(range_ms / 1000);
  const range = f64x2.splat(range_ms);
  const half = f64x2.splat(0.5);
  const zero = f64x2.splat(0);
  let firstReset = 0;
  // Of the pair before: NaN is equal to nothing.
  let lastLength = f64x2.splat(NaN);
  let lastGaps = zero;
  let lastBefore = zero;
  let lastAfter = zero;
  let sampled = zero;
  let toStart = zero;
  let toEnd = zero;
  let factor = zero;
  for (let k = 0; k < steps; k += 2) {
    // The last one of an odd number goes together with itself.
    const k2 = k + 1 < steps ? k + 1 : k;
    let lo1 = load<i32>(lo + (usize(k) << 2));
    let hi1 = load<i32>(hi + (usize(k) << 2));
    let lo2 = load<i32>(lo + (usize(k2) << 2));
    let hi2 = load<i32>(hi + (usize(k2) << 2));
    const some1 = hi1 - lo1 > 1;
    const some2 = hi2 - lo2 > 1;
    store<u8>(present + k, u8(some1));
    store<u8>(present + k2, u8(some2));
    if (!some1 && !some2) continue;
    if (!some1) {
      lo1 = lo2;
      hi1 = hi2;
    } else if (!some2) {
      lo2 = lo1;
      hi2 = hi1;
    }
    const v0 = both(v, lo1, lo2);
    let result = f64x2.sub(both(v, hi1 - 1, hi2 - 1), v0);
    if (count > 0) {
      while (firstReset < count && load<i32>(resets + (usize(firstReset) << 2)) <= lo1) firstReset++;
      const r1 = withResets(v, resets, firstReset, count, lo1, hi1, f64x2.extract_lane(result, 0));
      const r2 = withResets(v, resets, firstReset, count, lo2, hi2, f64x2.extract_lane(result, 1));
      result = f64x2.replace_lane(f64x2.splat(r1), 1, r2);
    }
    const ends = f64x2.replace_lane(f64x2.splat(start_ms + f64(k) * step_ms), 1, start_ms + f64(k2) * step_ms);
    const t0 = both(t, lo1, lo2);
    const t1 = both(t, hi1 - 1, hi2 - 1);
    const gaps = f64x2.replace_lane(f64x2.splat(f64(hi1 - lo1 - 1)), 1, f64(hi2 - lo2 - 1));
    const length = f64x2.sub(t1, t0);
    const before = f64x2.sub(t0, f64x2.sub(ends, range));
    const after = f64x2.sub(ends, t1);
    // Where samples come at a fixed interval, windows lie alike: what the times alone say is the same as for the pair before.
    const moved = v128.or(
      v128.or(f64x2.ne(length, lastLength), f64x2.ne(gaps, lastGaps)),
      v128.or(f64x2.ne(before, lastBefore), f64x2.ne(after, lastAfter)),
    );
    if (v128.any_true(moved)) {
      lastLength = length;
      lastGaps = gaps;
      lastBefore = before;
      lastAfter = after;
      sampled = f64x2.div(length, thousand);
      const average = f64x2.div(sampled, gaps);
      const threshold = f64x2.mul(average, f64x2.splat(1.1));
      const halfway = f64x2.mul(average, half);
      toStart = f64x2.div(before, thousand);
      toStart = v128.bitselect(halfway, toStart, f64x2.ge(toStart, threshold));
      toEnd = f64x2.div(after, thousand);
      toEnd = v128.bitselect(halfway, toEnd, f64x2.ge(toEnd, threshold));
      factor = f64x2.div(f64x2.add(f64x2.add(sampled, toStart), toEnd), sampled);
      if (isRate) factor = f64x2.div(factor, range_s);
    }
    let used = factor;
    if (isCounter) {
      // A counter is not taken to be below zero before its first sample. That is far away mostly, which can be told without dividing.
      const rise = f64x2.mul(v0, sampled);
      const far = v128.and(
        f64x2.gt(rise, f64x2.mul(f64x2.mul(toStart, result), f64x2.splat(1.0001))),
        f64x2.gt(rise, f64x2.splat(1e-290)),
      );
      if (!i64x2.all_true(far)) {
        const toZero = f64x2.mul(sampled, f64x2.div(v0, result));
        const rises = v128.and(f64x2.gt(result, zero), f64x2.ge(v0, zero));
        const start = v128.bitselect(toZero, toStart, v128.and(rises, f64x2.lt(toZero, toStart)));
        used = f64x2.div(f64x2.add(f64x2.add(sampled, start), toEnd), sampled);
        if (isRate) used = f64x2.div(used, range_s);
      }
    }
    result = f64x2.mul(result, used);
    // Lane 1 first: of the last window alone, the lanes are the same.
    v128.store64_lane(out + (usize(k2) << 3), result, 1);
    v128.store64_lane(out + (usize(k) << 3), result, 0);
  }
}

function withResets(v: usize, resets: usize, first: i32, count: i32, lo: i32, hi: i32, rise: f64): f64 {
  for (let r = first; r < count; r++) {
    const i = load<i32>(resets + (usize(r) << 2));
    if (i >= hi) break;
    if (i > lo) rise += load<f64>(v + (usize(i - 1) << 3));
  }
  return rise;
}

/**
 * sum_over_time and avg_over_time, four windows at a time; `present` is 2 where the result is not finite: those the twin computes, with its
 * care for infinities.
 */
export function summed(
  t: usize,
  v: usize,
  n: i32,
  steps: i32,
  start_ms: f64,
  step_ms: f64,
  range_ms: f64,
  isMean: bool,
  lo: usize,
  hi: usize,
  out: usize,
  present: usize,
): void {
  findBounds(t, n, steps, start_ms, step_ms, range_ms, lo, hi);
  let k = 0;
  for (; k + 4 <= steps; k += 4) {
    const at = usize(k) << 2;
    const a = load<i32>(lo + at);
    const b = load<i32>(lo + at, 4);
    const c = load<i32>(lo + at, 8);
    const d = load<i32>(lo + at, 12);
    const na = load<i32>(hi + at) - a;
    const nb = load<i32>(hi + at, 4) - b;
    const nc = load<i32>(hi + at, 8) - c;
    const nd = load<i32>(hi + at, 12) - d;
    const least = min(min(na, nb), min(nc, nd));
    if (least < 1) {
      for (let j = 0; j < 4; j++) one(v, load<i32>(lo + at + (usize(j) << 2)), load<i32>(hi + at + (usize(j) << 2)), isMean, out, present, k + j);
      continue;
    }
    let s1 = both(v, a, b);
    let s2 = both(v, c, d);
    let l1 = f64x2.splat(0);
    let l2 = f64x2.splat(0);
    for (let i = 1; i < least; i++) {
      const x1 = both(v, a + i, b + i);
      const x2 = both(v, c + i, d + i);
      const n1 = f64x2.add(s1, x1);
      const n2 = f64x2.add(s2, x2);
      const p1 = f64x2.sub(n1, s1);
      const p2 = f64x2.sub(n2, s2);
      l1 = f64x2.add(l1, f64x2.add(f64x2.sub(s1, f64x2.sub(n1, p1)), f64x2.sub(x1, p1)));
      l2 = f64x2.add(l2, f64x2.add(f64x2.sub(s2, f64x2.sub(n2, p2)), f64x2.sub(x2, p2)));
      s1 = n1;
      s2 = n2;
    }
    rest(v, a, least, na, f64x2.extract_lane(s1, 0), f64x2.extract_lane(l1, 0), isMean, out, present, k);
    rest(v, b, least, nb, f64x2.extract_lane(s1, 1), f64x2.extract_lane(l1, 1), isMean, out, present, k + 1);
    rest(v, c, least, nc, f64x2.extract_lane(s2, 0), f64x2.extract_lane(l2, 0), isMean, out, present, k + 2);
    rest(v, d, least, nd, f64x2.extract_lane(s2, 1), f64x2.extract_lane(l2, 1), isMean, out, present, k + 3);
  }
  for (; k < steps; k++) one(v, load<i32>(lo + (usize(k) << 2)), load<i32>(hi + (usize(k) << 2)), isMean, out, present, k);
}

function one(v: usize, lo: i32, hi: i32, isMean: bool, out: usize, present: usize, k: i32): void {
  if (hi == lo) store<u8>(present + k, 0);
  else rest(v, lo, 1, hi - lo, load<f64>(v + (usize(lo) << 3)), 0, isMean, out, present, k);
}

/** Adds samples [from, count) of the window at lo to its sum so far. */
function rest(
  v: usize,
  lo: i32,
  from: i32,
  count: i32,
  sum: f64,
  lost: f64,
  isMean: bool,
  out: usize,
  present: usize,
  k: i32,
): void {
  for (let i = from; i < count; i++) {
    const x = load<f64>(v + (usize(lo + i) << 3));
    const next = sum + x;
    const part = next - sum;
    lost += sum - (next - part) + (x - part);
    sum = next;
  }
  const result = isMean ? sum / f64(count) + lost / f64(count) : sum + lost;
  store<f64>(out + (usize(k) << 3), result);
  // x - x is 0 for finite numbers only.
  store<u8>(present + k, result - result == 0 ? 1 : 2);
}

/** Whether all n bytes are 1. */
function all(present: usize, n: i32): bool {
  let k = 0;
  for (; k + 16 <= n; k += 16) if (!i8x16.all_true(v128.load(present + k))) return false;
  for (; k < n; k++) if (load<u8>(present + k) == 0) return false;
  return true;
}

/**
 * Adds the row of n cells at `row` to sums and their compensation, all of which are present (Neumaier's sum). False: the row has cells that are
 * not, and nothing was added.
 */
export function addSums(sums: usize, compensation: usize, row: usize, present: usize, n: i32): bool {
  if (!all(present, n)) return false;
  const infinity = f64x2.splat(Infinity);
  let k = 0;
  for (; k + 2 <= n; k += 2) {
    const at = usize(k) << 3;
    const sum = v128.load(sums + at);
    const x = v128.load(row + at);
    const next = f64x2.add(sum, x);
    const part = f64x2.sub(next, sum);
    const lost = f64x2.add(f64x2.sub(sum, f64x2.sub(next, part)), f64x2.sub(x, part));
    const both = f64x2.add(v128.load(compensation + at), lost);
    v128.store(sums + at, next);
    v128.store(compensation + at, v128.andnot(both, f64x2.eq(f64x2.abs(next), infinity)));
  }
  if (k < n) {
    const at = usize(k) << 3;
    const sum = load<f64>(sums + at);
    const x = load<f64>(row + at);
    const next = sum + x;
    const part = next - sum;
    const lost = sum - (next - part) + (x - part);
    store<f64>(sums + at, next);
    store<f64>(compensation + at, Math.abs(next) == Infinity ? 0 : load<f64>(compensation + at) + lost);
  }
  return true;
}
