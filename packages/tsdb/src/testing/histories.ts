// Random histories of histograms and floats, for tests of the codecs: buckets come and go, counters start again, layouts change, gauges, custom
// buckets, staleness marks, start times. Every histogram is valid.
import {
  HIGH,
  KIND,
  LOW,
  RESET_HINT,
  STALE_HIGH,
  STALE_LOW,
  appendEmptyRows,
  growHistogramParts,
  halvesOf,
  newHistogramColumns,
  type HistogramColumns,
} from '@munjigi/model';

/** What a generator of random numbers must have: a whole number below n (up to 2^32). */
export interface Dice {
  below(n: number): number;
}

/** Below n of any size. */
export function wide(d: Dice, n: number): number {
  return Math.floor((d.below(2 ** 32) / 2 ** 32) * n);
}

export interface History {
  readonly kind: number;
  readonly t: number[];
  readonly st: number[];
  /** Row i belongs to t[i]. */
  readonly h: HistogramColumns;
}

interface Side {
  /** Bucket number -> count. */
  counts: Map<number, number>;
}

interface State {
  schema: number;
  zeroThreshold: number;
  zeroCount: number;
  positive: Side;
  negative: Side;
  bounds: number[];
}

/** `n` samples of one kind, ordered by time. */
export function randomHistory(d: Dice, kind: number, n: number, withSt: boolean): History {
  const h = newHistogramColumns(n);
  const history: History = { kind, t: [], st: [], h };
  let t = d.below(4) === 0 ? -wide(d, 1e12) : wide(d, 2e12);
  let st = d.below(2) === 0 ? 0 : t - d.below(100_000);
  let s = newState(d);
  let hint: number = RESET_HINT.unknown;
  if (d.below(4) === 0) hint = RESET_HINT.gauge;
  for (let i = 0; i < n; i++) {
    t += d.below(5) === 0 ? 1 + wide(d, 2 ** d.below(33)) : 15_000 + d.below(3);
    const lot = d.below(40);
    if (lot === 0) s = newState(d);
    else if (lot === 1) restart(s);
    else if (lot === 2) s.zeroThreshold = threshold(d, s.schema);
    else if (lot === 3) hint = d.below(4);
    else if (lot === 4) hint = RESET_HINT.unknown;
    if (withSt && d.below(6) === 0) st = d.below(3) === 0 ? 0 : t - wide(d, 2 ** d.below(40));
    observe(d, s, kind, hint === RESET_HINT.gauge);
    history.t.push(t);
    history.st.push(withSt ? st : 0);
    if (d.below(50) === 0) pushStale(h, d.below(4) === 0 ? hint : RESET_HINT.unknown);
    else push(d, h, s, hint === RESET_HINT.reset && d.below(3) > 0 ? RESET_HINT.unknown : hint, kind);
  }
  return history;
}

function newState(d: Dice): State {
  const schema = d.below(4) === 0 ? -53 : d.below(13) - 4;
  const bounds = schema === -53 ? customBounds(d) : [];
  return {
    schema,
    zeroThreshold: threshold(d, schema),
    zeroCount: 0,
    positive: { counts: new Map() },
    negative: { counts: new Map() },
    bounds,
  };
}

function customBounds(d: Dice): number[] {
  const unit = [0.001, 1, 0.1, 1e-7, 33.5, 1e6][d.below(6)]!;
  const bounds: number[] = [];
  let last = d.below(4) === 0 ? -10 * unit : 0;
  for (let i = d.below(12); i > 0; i--) bounds.push((last += unit * (1 + d.below(300))));
  return bounds;
}

function threshold(d: Dice, schema: number): number {
  if (schema === -53) return 0;
  return [0, 2 ** -128, 2 ** -243, 2 ** 10, 2 ** -244, 2 ** 11, 0.001, 1][d.below(8)]!;
}

function restart(s: State): void {
  s.zeroCount = 0;
  for (const side of [s.positive, s.negative]) for (const k of side.counts.keys()) side.counts.set(k, 0);
}

function observe(d: Dice, s: State, kind: number, gauge: boolean): void {
  const amount = (): number => {
    const x = d.below(3) === 0 ? wide(d, 2 ** d.below(34)) : d.below(5);
    return kind === KIND.floatHistogram && d.below(3) === 0 ? x / 7 : x;
  };
  const custom = s.schema === -53;
  if (!custom && d.below(3) === 0) s.zeroCount += amount();
  for (const side of custom || d.below(2) === 0 ? [s.positive] : [s.positive, s.negative]) {
    for (const [k, count] of side.counts)
      if (d.below(2) === 0)
        side.counts.set(k, gauge && d.below(2) === 0 ? Math.floor(count / 2) : count + amount());
    const news = d.below(6) === 0 ? d.below(4) : 0;
    for (let i = 0; i < news; i++) {
      const number = custom ? d.below(s.bounds.length + 1) : d.below(30) - 10;
      if (!side.counts.has(number)) side.counts.set(number, d.below(3) === 0 ? 0 : amount());
    }
    // Buckets that count nothing may be left out; others only in gauges, or it is a reset.
    for (const [k, count] of side.counts)
      if (d.below(count === 0 ? 4 : gauge ? 20 : 200) === 0) side.counts.delete(k);
  }
}

function push(d: Dice, h: HistogramColumns, s: State, hint: number, kind: number): void {
  const row = h.n;
  appendEmptyRows(h, 1);
  h.schema[row] = s.schema;
  h.zeroThreshold[row] = s.zeroThreshold;
  h.zeroCount[row] = s.zeroCount;
  h.resetHint[row] = hint;
  const sides = [s.positive, s.negative] as const;
  const sorted = sides.map((side) => [...side.counts].sort(([a], [b]) => a - b));
  const buckets = sorted.map((side) => side.map(([, count]) => count));
  let count = s.zeroCount;
  for (const side of buckets) for (const x of side) count += x;
  h.count[row] = kind === KIND.histogram ? count : count + d.below(2) / 3;
  h.sum[row] = [0, -0, 1.5, count * 0.37, -3, 1e300][d.below(6)]!;
  growHistogramParts(h, 64, buckets[0]!.length + buckets[1]!.length, s.bounds.length);
  h.positiveSpanFirst[row] = h.spans;
  cutSpans(
    d,
    h,
    sorted[0]!.map(([number]) => number),
  );
  h.positiveSpanEnd[row] = h.negativeSpanFirst[row] = h.spans;
  cutSpans(
    d,
    h,
    sorted[1]!.map(([number]) => number),
  );
  h.negativeSpanEnd[row] = h.spans;
  h.positiveFirst[row] = h.buckets;
  for (const x of buckets[0]!) h.bucket[h.buckets++] = x;
  h.positiveEnd[row] = h.negativeFirst[row] = h.buckets;
  for (const x of buckets[1]!) h.bucket[h.buckets++] = x;
  h.negativeEnd[row] = h.buckets;
  h.boundFirst[row] = h.bounds;
  for (const bound of s.bounds) h.bound[h.bounds++] = bound;
  h.boundEnd[row] = h.bounds;
}

/** Mostly as few spans as there can be; now and then some are cut in two, or empty. */
function cutSpans(d: Dice, h: HistogramColumns, numbers: readonly number[]): void {
  const odd = d.below(10) === 0;
  let next = 0;
  let first = true;
  for (const number of numbers) {
    const gap = number - next;
    if (!first && gap === 0 && !(odd && d.below(4) === 0)) h.spanLength[h.spans - 1]!++;
    else {
      const split = odd && h.spans < 40 && gap > 1 && d.below(3) === 0 ? 1 : 0;
      if (split > 0) pushSpan(h, split, 0);
      pushSpan(h, gap - split, 1);
    }
    next = number + 1;
    first = false;
  }
}

function pushSpan(h: HistogramColumns, offset: number, length: number): void {
  growHistogramParts(h, 1, 0, 0);
  h.spanOffset[h.spans] = offset;
  h.spanLength[h.spans++] = length;
}

function pushStale(h: HistogramColumns, hint: number): void {
  appendEmptyRows(h, 1);
  const bits = halvesOf(h.sum);
  bits[2 * (h.n - 1) + HIGH] = STALE_HIGH;
  bits[2 * (h.n - 1) + LOW] = STALE_LOW;
  h.resetHint[h.n - 1] = hint;
}
