// Classic histograms of a load made into native ones with custom buckets, as Prometheus converts them when it scrapes.
import {
  labelsFrom,
  labelsKey,
  labelValue,
  METRIC_NAME,
  labelPairs,
  SCHEMA_CUSTOM,
  type Labels,
} from '@munjigi/model';
import { CELL } from '../fragment.ts';
import { EMPTY_HISTOGRAM, type Histogram } from '../histogram/histogram.ts';
import type { SeriesLine } from './series-line.ts';

/** What a load has of one classic histogram at one time. `buckets` are cumulative counts by upper bound. */
interface Classic {
  readonly buckets: Map<number, number>;
  count: number | null;
  sum: number;
}

export interface MadeHistograms {
  readonly labels: Labels;
  /** By item number, from the first. */
  readonly histograms: readonly (readonly [item: number, h: Histogram])[];
}

const SUFFIX = /_(bucket|count|sum)$/;

/** All that the lines give: series named as the classic one, without `le`. Throws an Error where buckets and counts contradict each other. */
export function customBucketSeries(lines: readonly SeriesLine[]): MadeHistograms[] {
  const found = new Map<string, { readonly labels: Labels; readonly at: Map<number, Classic> }>();
  for (const line of lines) {
    const part = SUFFIX.exec(labelValue(line.labels, METRIC_NAME))?.[1];
    if (part === undefined) continue;
    const bound = part === 'bucket' ? boundOf(line.labels) : 0;
    if (Number.isNaN(bound)) continue;
    const labels = baseOf(line.labels);
    const key = labelsKey(labels);
    let series = found.get(key);
    if (series === undefined) found.set(key, (series = { labels, at: new Map() }));
    for (let i = 0; i < line.kind.length; i++) {
      if (line.kind[i] !== CELL.float) continue;
      let classic = series.at.get(i);
      if (classic === undefined) series.at.set(i, (classic = { buckets: new Map(), count: null, sum: 0 }));
      const value = line.values[i]!;
      if (part === 'sum') classic.sum = value;
      else if (value < 0) throw new Error(`${part} must be non-negative: ${value}`);
      else if (part === 'count') classic.count = value;
      else if (!classic.buckets.has(bound)) classic.buckets.set(bound, value);
    }
  }
  return [...found.values()].map(({ labels, at }) => ({
    labels,
    histograms: [...at].sort(([a], [b]) => a - b).map(([i, classic]) => [i, convert(classic)] as const),
  }));
}

function baseOf(labels: Labels): Labels {
  return labelsFrom(
    [...labelPairs(labels)].flatMap(([name, value]): [string, string][] => {
      if (name === 'le') return [];
      return [[name, name === METRIC_NAME ? value.replace(SUFFIX, '') : value]];
    }),
  );
}

/** NaN: none. */
function boundOf(labels: Labels): number {
  const le = labelValue(labels, 'le');
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(le);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  return /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?$/i.test(le) ? Number(le) : NaN;
}

function convert({ buckets, count, sum }: Classic): Histogram {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const total = count ?? sorted.at(-1)?.[1];
  if (total === undefined) throw new Error('count must be provided when no buckets are present');
  if (sorted.at(-1)?.[0] !== Infinity) sorted.push([Infinity, total]);
  const counts: number[] = [];
  let before = 0;
  for (const [bound, cumulative] of sorted) {
    if (cumulative < before)
      throw new Error(`count is not cumulative: ${cumulative} < ${before} at le=${bound}`);
    counts.push(cumulative - before);
    before = cumulative;
  }
  if (before !== total) throw new Error(`count mismatch: count=${total} != le=+Inf count=${before}`);
  // Few empty buckets between others stay where all counts are whole numbers: Prometheus makes an integer histogram of them.
  const whole = Number.isInteger(total) && sorted.every(([, cumulative]) => Number.isInteger(cumulative));
  const kept = keptBuckets(counts, whole ? 2 : 0);
  return {
    ...EMPTY_HISTOGRAM,
    schema: SCHEMA_CUSTOM,
    count: total,
    sum,
    positiveIndex: Int32Array.from(kept),
    positive: Float64Array.from(kept, (i) => counts[i]!),
    bounds: Float64Array.from(sorted.slice(0, -1), ([bound]) => bound),
  };
}

/** The buckets that are written out: all that hold something, and runs of at most `maxEmpty` others between them. */
function keptBuckets(counts: readonly number[], maxEmpty: number): number[] {
  const full = counts.flatMap((count, i) => (count === 0 ? [] : [i]));
  return full.flatMap((i, k) => {
    const from = k === 0 ? i : full[k - 1]! + 1;
    const first = i - from <= maxEmpty ? from : i;
    return Array.from({ length: i - first + 1 }, (_, d) => first + d);
  });
}
