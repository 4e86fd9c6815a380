// Quantiles and fractions of histograms: classic ones, whose series have a bucket bound in `le` and cumulative counts, and native ones.
import { METRIC_NAME, formatNumber, labelsKey, labelValue, parseNumber, type Labels } from '@munjigi/model';
import { almostEqual } from './almost.ts';
import {
  badBucketLabel,
  forcedMonotonicity,
  mixedClassicNative,
  notANumberFraction,
  notANumberQuantile,
  type Annotate,
} from './annotations.ts';
import { ForcedBuckets } from './forced-buckets.ts';
import { CELL, type Budget } from './fragment.ts';
import type { Histogram } from './histogram/histogram.ts';
import {
  histogramFraction as nativeFraction,
  histogramQuantile as nativeQuantile,
} from './histogram/quantile.ts';
import { deleteLabels, setLabel } from './label-edit.ts';
import { executionError } from './query-error.ts';
import { DUPLICATE_LABELS, histogramAt, newTable, scalarAt, type Scalar, type Table } from './table.ts';

/** Relative differences between neighbouring buckets below this are rounding, not falling counts. */
const SMALL_DELTA = 1e-12;
/** A count that is so many times the one before differs by more than rounding. */
const CLEARLY_MORE: number = 1 + 1e-11;
const TINY = 1e-290;
const LE: ReadonlySet<string> = new Set(['le']);

interface Classic {
  readonly labels: Labels;
  readonly drops: number;
  readonly rows: number[];
  /** Upper bounds of `rows`. */
  readonly bounds: number[];
}

/** The classic histograms of a table by the labels that all their buckets share. */
function classics(t: Table, place: string, delayed: boolean, annotate: Annotate): Map<string, Classic> {
  const byKey = new Map<string, Classic>();
  t.labels.forEach((labels, row) => {
    const le = labelValue(labels, 'le');
    const parsed = parseBound(le);
    if (parsed === null) {
      const name = delayed ? labelValue(labels, METRIC_NAME) : '';
      if (anyFloat(t, row)) annotate(badBucketLabel(name, le, place));
      return;
    }
    const rest = deleteLabels(labels, LE);
    const key = labelsKey(rest);
    let h = byKey.get(key);
    if (h === undefined) {
      h = { labels: rest, drops: 1, rows: [], bounds: [] };
      byKey.set(key, h);
    }
    h.rows.push(row);
    h.bounds.push(parsed);
  });
  for (const h of byKey.values()) {
    const order = h.rows
      .map((row, i) => ({ row, bound: h.bounds[i]! }))
      .sort((a, b) => (a.bound < b.bound ? -1 : a.bound > b.bound ? 1 : 0));
    order.forEach(({ row, bound }, i) => {
      h.rows[i] = row;
      h.bounds[i] = bound;
    });
  }
  return byKey;
}

/** A bound as Go's ParseFloat reads it; null for what is no number. */
function parseBound(le: string): number | null {
  if (/^[+-]?0[0-7]+$/.test(le)) return Number(le);
  const parsed = parseNumber(le);
  return 'error' in parsed || parsed.value !== parsed.value ? null : parsed.value;
}

function anyFloat(t: Table, row: number): boolean {
  return t.present.subarray(row * t.steps, (row + 1) * t.steps).includes(CELL.float);
}

/** What histogram functions look at: where a classic and a native histogram have the same labels at a step, neither counts. */
interface Input {
  readonly table: Table;
  readonly classic: readonly Classic[];
  /** Rows with native histograms. */
  readonly native: readonly number[];
}

function inputOf(t: Table, c: HistogramContext): Input {
  const byKey = classics(t, c.place, c.delayed, c.annotate);
  const classic = [...byKey.values()];
  if (t.histograms === null) return { table: t, classic, native: [] };
  const present = t.present.slice();
  const native: number[] = [];
  t.labels.forEach((labels, row) => {
    const from = row * t.steps;
    if (!t.present.subarray(from, from + t.steps).includes(CELL.histogram)) return;
    native.push(row);
    const same = byKey.get(labelsKey(labels));
    if (same === undefined) return;
    for (let k = 0; k < t.steps; k++) {
      const rows = same.rows.filter((r) => t.present[r * t.steps + k] === CELL.float);
      if (t.present[from + k] !== CELL.histogram || rows.length === 0) continue;
      c.annotate(mixedClassicNative(nameFor(labels, c), c.place));
      present[from + k] = CELL.absent;
      for (const r of rows) present[r * t.steps + k] = CELL.absent;
    }
  });
  return { table: { ...t, present }, classic, native };
}

/** The name that annotations tell: only while results still have it. */
function nameFor(labels: Labels, { delayed }: HistogramContext): string {
  return delayed ? labelValue(labels, METRIC_NAME) : '';
}

/** Buckets of one histogram at one step, in scratch arrays that are used again. */
class Buckets {
  /** Buckets as they came, and those that stay after equal bounds were joined. */
  #all = 0;
  n = 0;
  readonly bound: Float64Array;
  readonly count: Float64Array;
  /** Bounds and counts rise as they should: there is nothing to join, and nothing to lift. */
  #clean = false;
  forced = false;
  minBucket = Infinity;
  maxBucket = -Infinity;
  maxDiff = 0;

  constructor(most: number) {
    this.bound = new Float64Array(most);
    this.count = new Float64Array(most);
  }

  /** Takes the buckets present at step k. */
  load({ present, values, steps }: Table, { rows, bounds }: Classic, k: number): void {
    const { bound, count } = this;
    let n = 0;
    let clean = true;
    let lastBound = -Infinity;
    let last = 0;
    for (let i = 0; i < rows.length; i++) {
      const at = rows[i]! * steps + k;
      if (present[at] !== CELL.float) continue;
      const x = values[at]!;
      const le = bounds[i]!;
      clean &&= le > lastBound && last >= 0 && (x === last || x > last * CLEARLY_MORE + TINY);
      last = x;
      lastBound = le;
      bound[n] = le;
      count[n++] = x;
    }
    this.#all = n;
    this.n = n;
    this.#clean = clean;
  }

  /**
   * Adds up the counts of equal bounds. What was moved together leaves a rest behind it, and the next time all is joined again with that rest, as
   * in Prometheus: a second quantile of the same histogram is another one's there.
   */
  #join(): void {
    const { bound, count } = this;
    if (this.n < this.#all) this.#sort();
    let to = 0;
    for (let i = 1; i < this.#all; i++) {
      if (bound[i] === bound[to]) count[to]! += count[i]!;
      else {
        to++;
        bound[to] = bound[i]!;
        count[to] = count[i]!;
      }
    }
    this.n = to + 1;
  }

  /** By bounds; equal ones stay in their order. */
  #sort(): void {
    const { bound, count } = this;
    for (let i = 1; i < this.#all; i++)
      for (let j = i; j > 0 && bound[j]! < bound[j - 1]!; j--) {
        [bound[j], bound[j - 1]] = [bound[j - 1]!, bound[j]!];
        [count[j], count[j - 1]] = [count[j - 1]!, count[j]!];
      }
  }

  /** Lifts falling counts to the count before; remembers where that was more than rounding. */
  makeMonotonic(): void {
    this.minBucket = Infinity;
    this.maxBucket = -Infinity;
    this.maxDiff = 0;
    let before = this.count[0]!;
    for (let i = 1; i < this.n; i++) {
      const now = this.count[i]!;
      if (now === before) continue;
      if (almostEqual(before, now, SMALL_DELTA)) {
        this.count[i] = before;
        continue;
      }
      if (now < before) {
        this.count[i] = before;
        this.forced = true;
        this.minBucket = Math.min(this.minBucket, this.bound[i]!);
        this.maxBucket = Math.max(this.maxBucket, this.bound[i]!);
        this.maxDiff = Math.max(this.maxDiff, before - now);
        continue;
      }
      before = now;
    }
  }

  /** Changes the buckets: what was lifted stays so for the next quantile. */
  quantile(q: number): number {
    this.forced = false;
    if (q !== q) return NaN;
    if (q < 0) return -Infinity;
    if (q > 1) return Infinity;
    if (!this.#endsInInfinity()) return NaN;
    if (!this.#clean) {
      this.#join();
      this.makeMonotonic();
    }
    const { bound, count, n } = this;
    if (n < 2) return NaN;
    const observations = count[n - 1]!;
    if (observations === 0) return NaN;
    let rank = q * observations;
    let b = this.#clean ? firstAtLeast(count, n - 1, rank) : 0;
    // Where there is a NaN, counts do not rise.
    while (b < n - 1 && !(count[b]! >= rank)) b++;
    if (b === n - 1) return bound[n - 2]!;
    if (b === 0 && bound[0]! <= 0) return bound[0]!;
    let start = 0;
    let inside = count[b]!;
    if (b > 0) {
      start = bound[b - 1]!;
      inside -= count[b - 1]!;
      rank -= count[b - 1]!;
    }
    return start + (bound[b]! - start) * (rank / inside);
  }

  #endsInInfinity(): boolean {
    return this.#all > 0 && this.bound.lastIndexOf(Infinity, this.#all - 1) >= 0;
  }

  fraction(lower: number, upper: number): number {
    if (!this.#endsInInfinity()) return NaN;
    if (!this.#clean) this.#join();
    const { count, n } = this;
    const total = count[n - 1]!;
    if (total === 0 || lower !== lower || upper !== upper) return NaN;
    if (lower >= upper) return 0;
    return (this.#rankOf(upper) - this.#rankOf(lower)) / total;
  }

  /** How many observations lie below v, with a straight line inside a bucket. */
  #rankOf(v: number): number {
    const { bound, count, n } = this;
    const total = count[n - 1]!;
    let rank = 0;
    let from = bound[0]! <= 0 ? -Infinity : 0;
    for (let i = 0; i < n; i++) {
      if (i > 0) from = bound[i - 1]!;
      if (from >= v) return Math.min(rank, total);
      if (bound[i]! > v) {
        const at =
          from === -Infinity ? count[i]! : rank + ((count[i]! - rank) * (v - from)) / (bound[i]! - from);
        return at > total ? total : at;
      }
      rank = count[i]!;
    }
    return total;
  }
}

/** The first of rising counts [0, n) that is `rank` or more; n: none. */
function firstAtLeast(count: Float64Array, n: number, rank: number): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (count[middle]! >= rank) high = middle;
    else low = middle + 1;
  }
  return low;
}

export interface HistogramContext {
  readonly budget: Budget;
  readonly delayed: boolean;
  readonly annotate: Annotate;
  /** Place of the vector argument. */
  readonly place: string;
  readonly times: { readonly start_ms: number; readonly step_ms: number };
  /** Whether what the arguments said tells of falling buckets of a name. */
  readonly toldForced: (name: string) => boolean;
}

/** histogram_quantile, and with a label histogram_quantiles: a row for each histogram and quantile. Throws QueryError where rows are the same. */
export function histogramQuantiles(
  t: Table,
  quantiles: readonly Scalar[],
  label: string | null,
  c: HistogramContext,
): Table {
  const { table, classic, native } = inputOf(t, c);
  const { steps } = t;
  const shown = [...native.map((row) => t.labels[row]!), ...classic.map((h) => h.labels)];
  const { texts, of } =
    label === null ? { texts: [], of: [(): number => 0] } : quantileTexts(quantiles, steps);
  const labels = label === null ? shown : texts.flatMap((text) => shown.map((l) => setLabel(l, label, text)));
  const out = newTable(c.budget, labels, steps);
  const put = (series: number, qi: number, k: number, value: number): void => {
    const row = of[qi]!(k) * shown.length + series;
    if (out.present[row * steps + k] !== CELL.absent) throw executionError(DUPLICATE_LABELS);
    putFloat(out, row, k, value);
  };
  quantiles.forEach((q, qi) => {
    eachNative(table, native, (h, i, k) => {
      const { value, info } = nativeQuantile(scalarAt(q, k), h);
      if (info !== null) c.annotate(notANumberQuantile(info, nameFor(t.labels[native[i]!]!, c), c.place));
      put(i, qi, k, value);
    });
  });
  const buckets = new Buckets(Math.max(1, ...classic.map((h) => h.rows.length)));
  const forcedOf = new Map<string, ForcedBuckets>();
  classic.forEach((h, hi) => {
    const name = nameFor(h.labels, c);
    const forced = forcedOf.get(name) ?? new ForcedBuckets(steps, c.times);
    forcedOf.set(name, forced);
    for (let k = 0; k < steps; k++) {
      buckets.load(table, h, k);
      if (buckets.n === 0) continue;
      for (let qi = 0; qi < quantiles.length; qi++) {
        put(native.length + hi, qi, k, buckets.quantile(scalarAt(quantiles[qi]!, k)));
        if (buckets.forced) forced.see(k, buckets.minBucket, buckets.maxBucket, buckets.maxDiff);
      }
    }
  });
  for (const [name, forced] of forcedOf) {
    const result = forced.result(c.toldForced(name));
    if (result !== null) c.annotate(forcedMonotonicity(name, result, c.place));
  }
  return out;
}

/** The quantiles as label values, each once, and which of them quantile i is at step k. At a single step equal ones are told apart. */
function quantileTexts(
  quantiles: readonly Scalar[],
  steps: number,
): { readonly texts: readonly string[]; readonly of: readonly ((k: number) => number)[] } {
  if (steps === 1)
    return {
      texts: quantiles.map((q) => quantileLabel(scalarAt(q, 0))),
      of: quantiles.map((_, i) => () => i),
    };
  const texts: string[] = [];
  const known = new Map<number, number>();
  const ordinalOf = (q: number): number => {
    let ordinal = known.get(q);
    if (ordinal === undefined) {
      ordinal = texts.push(quantileLabel(q)) - 1;
      known.set(q, ordinal);
    }
    return ordinal;
  };
  const of = quantiles.map(({ values }) => {
    const ordinals = Uint32Array.from(values, ordinalOf);
    return ordinals.length === 1 ? (): number => ordinals[0]! : (k: number): number => ordinals[k]!;
  });
  return { texts, of };
}

/** histogram_fraction. */
export function histogramFraction(t: Table, lower: Scalar, upper: Scalar, c: HistogramContext): Table {
  const { table, classic, native } = inputOf(t, c);
  const { steps } = t;
  const shown = [...classic.map((h) => h.labels), ...native.map((row) => t.labels[row]!)];
  const out = newTable(c.budget, shown, steps);
  const buckets = new Buckets(Math.max(1, ...classic.map((h) => h.rows.length)));
  classic.forEach((h, row) => {
    for (let k = 0; k < steps; k++) {
      buckets.load(table, h, k);
      if (buckets.n > 0) putFloat(out, row, k, buckets.fraction(scalarAt(lower, k), scalarAt(upper, k)));
    }
  });
  eachNative(table, native, (h, i, k) => {
    const { value, info } = nativeFraction(scalarAt(lower, k), scalarAt(upper, k), h);
    if (info !== null) c.annotate(notANumberFraction(nameFor(t.labels[native[i]!]!, c), c.place));
    putFloat(out, classic.length + i, k, value);
  });
  return out;
}

function putFloat(t: Table, row: number, k: number, value: number): void {
  t.values[row * t.steps + k] = value;
  t.present[row * t.steps + k] = CELL.float;
}

/** Calls `visit` for every native histogram of rows[i] at step k. */
function eachNative(
  t: Table,
  rows: readonly number[],
  visit: (h: Histogram, i: number, k: number) => void,
): void {
  rows.forEach((row, i) => {
    for (let k = 0; k < t.steps; k++) {
      const h = histogramAt(t, row * t.steps + k);
      if (h !== null) visit(h, i, k);
    }
  });
}

/** A quantile as a label value: OpenMetrics' form, with a point. */
function quantileLabel(q: number): string {
  if (!Number.isFinite(q)) return formatNumber(q);
  if (q === 0) return '0.0';
  const text = formatNumber(q, 'g');
  return /[.e]/.test(text) ? text : `${text}.0`;
}
