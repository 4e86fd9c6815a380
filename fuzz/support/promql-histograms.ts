// Random native histograms, one after the other as a series has them.
import type { Prng } from '@munjigi/env/sim';
import { hexOf, STALE, type Histogram } from '../../compat/tsdb-interop/samples.ts';

export type HistogramKind =
  /** Observations add up, with resets. */
  | 'counter'
  /** Buckets go up and down. */
  | 'gauge'
  /** A counter that changes its resolution and its zero bucket now and then. */
  | 'schemas'
  /** Custom bounds, the same for all series. */
  | 'custom'
  /** Custom bounds that differ from series to series and change. */
  | 'custom-different';

export interface HistogramStream {
  /** The next one, and whether its counts began again. */
  next(): { readonly h: Histogram; readonly reset: boolean };
  readonly stale: Histogram;
}

const BOUNDS: readonly (readonly number[])[] = [
  [1, 5, 10, 50],
  [1, 5, 10],
  [5, 10, 50, 100],
  [0.5, 1, 2, 5, 10],
  [-1, 0, 1],
  [2, 4, 8, 16, 32],
];

interface State {
  schema: number;
  zeroThreshold: number;
  zero: number;
  sum: number;
  bounds: readonly number[];
  positive: Map<number, number>;
  negative: Map<number, number>;
}

export function randomHistograms(random: Prng, kind: HistogramKind, float: boolean): HistogramStream {
  const custom = kind === 'custom' || kind === 'custom-different';
  const odd = random.chance(0.15);
  const hints = random.chance(0.3);
  /** Float counts may be any number. */
  const unit = float ? [1, 0.5, 0.1, random.between(0.5, 2)][random.below(4)]! : 1;
  const pickBounds = (): readonly number[] =>
    kind === 'custom-different' ? BOUNDS[random.below(BOUNDS.length)]! : BOUNDS[0]!;
  const fresh = (): State => ({
    schema: custom ? -53 : [-4, -1, 0, 0, 1, 2, 3, 3, 8][random.below(9)]!,
    zeroThreshold: custom ? 0 : [0, 2.938735877055719e-39, 0.001, 0.5, 1][random.below(5)]!,
    zero: 0,
    sum: 0,
    bounds: custom ? pickBounds() : [],
    positive: new Map(),
    negative: new Map(),
  });
  const signed = !custom && random.chance(0.5);
  let state = fresh();
  const observe = (): void => {
    for (let n = random.below(4); n > 0; n--) {
      const count = (1 + random.below(3)) * unit;
      if (!custom && random.chance(0.2)) state.zero += count;
      else {
        const side = signed && random.chance(0.4) ? state.negative : state.positive;
        const index = custom ? random.below(state.bounds.length + 1) : firstBucket(state) + random.below(9);
        side.set(index, (side.get(index) ?? 0) + count);
      }
      state.sum += random.between(signed ? -5 : 0, 10);
    }
    if (odd && random.chance(0.05)) state.sum = [NaN, Infinity, -Infinity][random.below(3)]!;
  };
  const restart = (): void => {
    const old = state;
    state = random.chance(0.5)
      ? fresh()
      : { ...old, zero: 0, sum: 0, positive: new Map(), negative: new Map() };
    if (kind !== 'schemas') Object.assign(state, { schema: old.schema, zeroThreshold: old.zeroThreshold });
    if (kind !== 'custom-different') state.bounds = old.bounds;
  };
  return {
    stale: { ...EMPTY, float, sum: STALE },
    next() {
      let reset = false;
      if (kind === 'gauge' && random.chance(0.3)) {
        state.positive.clear();
        state.zero = 0;
      } else if (random.chance(0.03)) {
        reset = true;
        restart();
      } else if (kind === 'schemas' && random.chance(0.06)) {
        if (random.chance(0.5) && state.schema > -4) coarser(state);
        else widerZero(state);
      }
      observe();
      const hint = kind === 'gauge' ? 3 : hints && reset && random.chance(0.5) ? 1 : 0;
      return { h: frozen(random, state, float, hint), reset };
    },
  };
}

const EMPTY: Histogram = { schema: 0, zero_threshold: 0, zero_count: 0, count: hexOf(0), sum: hexOf(0) };

/** The lowest bucket that lies outside of the zero bucket, not far from 1. */
function firstBucket({ schema, zeroThreshold }: State): number {
  const scale = 2 ** schema;
  return Math.max(-4, zeroThreshold > 0 ? Math.ceil(Math.log2(zeroThreshold) * scale - 1e-9) + 1 : -4);
}

/** Half the resolution: two buckets become one. */
function coarser(state: State): void {
  state.schema--;
  for (const side of ['positive', 'negative'] as const) {
    const merged = new Map<number, number>();
    for (const [index, count] of state[side]) {
      const to = ((index - 1) >> 1) + 1;
      merged.set(to, (merged.get(to) ?? 0) + count);
    }
    state[side] = merged;
  }
}

/** The zero bucket takes in the buckets up to a bound. */
function widerZero(state: State): void {
  const first = Math.min(...state.positive.keys(), ...state.negative.keys());
  if (!Number.isFinite(first)) return;
  const threshold = 2 ** (first * 2 ** -state.schema);
  if (threshold <= state.zeroThreshold || threshold > 1e6) return;
  state.zeroThreshold = threshold;
  for (const side of [state.positive, state.negative])
    for (const [index, count] of side)
      if (index <= first) {
        state.zero += count;
        side.delete(index);
      }
}

function frozen(random: Prng, s: State, float: boolean, hint: number): Histogram {
  const positive = laidOut(random, s.positive, s.bounds.length > 0 ? s.bounds.length : Infinity);
  const negative = laidOut(random, s.negative, Infinity);
  const count = [...positive.counts, ...negative.counts].reduce((sum, n) => sum + n, s.zero);
  // Observations of NaN are in no bucket.
  const extra = Number.isNaN(s.sum) && random.chance(0.5) ? 2 : 0;
  return {
    float,
    hint,
    schema: s.schema,
    zero_threshold: s.zeroThreshold,
    zero_count: s.zero,
    count: hexOf(count + extra),
    sum: hexOf(s.sum),
    positive_spans: positive.spans,
    negative_spans: negative.spans,
    positive: positive.counts,
    negative: negative.counts,
    ...(s.bounds.length > 0 ? { bounds: s.bounds } : {}),
  };
}

/** Spans and counts; sometimes an empty bucket is written out. */
function laidOut(
  random: Prng,
  side: ReadonlyMap<number, number>,
  last: number,
): { spans: [number, number][]; counts: number[] } {
  const spans: [number, number][] = [];
  const counts: number[] = [];
  let next = 0;
  const put = (index: number, count: number): void => {
    const open = spans.at(-1);
    if (open !== undefined && index === next) open[1]++;
    else spans.push([index - (open === undefined ? 0 : next), 1]);
    next = index + 1;
    counts.push(count);
  };
  for (const [index, count] of [...side].sort(([a], [b]) => a - b)) {
    if (counts.length > 0 && index === next + 1 && random.chance(0.5)) put(next, 0);
    put(index, count);
  }
  if (counts.length > 0 && next <= last && random.chance(0.05)) put(next, 0);
  return { spans, counts };
}
