// Samples as the comparison sees them: plain data, the bits of floats as 16 hexadecimal digits. One line of text a sample, so that equal means
// equal text.
import { HIGH, KIND, LOW, RESET_HINT, halvesOf, type Column, type HistogramColumns } from '@munjigi/model';

/** Absolute counts in both kinds; spans are [gap or first bucket, length] pairs. The driver of Prometheus' storage has the same fields. */
export interface Histogram {
  readonly float?: boolean;
  /** As RESET_HINT. */
  readonly hint?: number;
  readonly schema: number;
  readonly zero_threshold: number;
  readonly zero_count: number;
  readonly count: string;
  readonly sum: string;
  readonly positive_spans?: readonly (readonly [number, number])[] | null;
  readonly negative_spans?: readonly (readonly [number, number])[] | null;
  readonly positive?: readonly number[] | null;
  readonly negative?: readonly number[] | null;
  readonly bounds?: readonly number[] | null;
}

export interface Exemplar {
  readonly labels: Readonly<Record<string, string>>;
  readonly v: string;
  readonly t: number;
}

/** A sample of series `s`. */
export interface Row {
  readonly s: number;
  readonly t: number;
  /** Floats. */
  readonly v?: string;
  readonly h?: Histogram;
  /** Start time in ms. */
  readonly st?: number;
  readonly x?: readonly Exemplar[];
}

/** What a query finds of one series: `labels` as JSON of sorted pairs, one line a sample. */
export interface FoundSeries {
  readonly labels: string;
  readonly rows: readonly string[];
}

export const STALE = '7ff0000000000002';

const f64 = new Float64Array(1);
const u32 = new Uint32Array(f64.buffer);

export function hexOf(value: number): string {
  f64[0] = value;
  return hexOfHalves(u32[HIGH]!, u32[LOW]!);
}

export function hexOfHalves(high: number, low: number): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

/** Sets value i of `values` to these bits. */
export function setHex(values: Float64Array, i: number, hex: string): void {
  const halves = halvesOf(values);
  halves[2 * i + HIGH] = parseInt(hex.slice(0, 8), 16);
  halves[2 * i + LOW] = parseInt(hex.slice(8), 16);
}

export function labelsText(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `withSt`: the start time is part of it. */
export function rowText(row: Omit<Row, 's' | 'x'>, withSt: boolean): string {
  const st = withSt && row.st !== undefined && row.st !== 0 ? ` st ${row.st}` : '';
  return `${row.t} ${row.h ? histogramText(row.h) : row.v}${st}`;
}

/** Empty buckets are left out, as layouts may be widened; a stale histogram has nothing but its sum. */
function histogramText(h: Histogram): string {
  const kind = h.float === true ? 'float histogram' : 'histogram';
  if (h.sum === STALE) return `${kind} stale`;
  const gauge = h.hint === RESET_HINT.gauge ? ' gauge' : '';
  const buckets = (
    spans: readonly (readonly [number, number])[] | null | undefined,
    counts: readonly number[] | null | undefined,
  ): string => {
    const out: string[] = [];
    let bucket = 0;
    let at = 0;
    for (const [offset, length] of spans ?? []) {
      bucket += offset;
      for (let i = 0; i < length; i++, bucket++, at++) {
        const count = counts?.[at] ?? 0;
        if (count !== 0) out.push(`${bucket}:${count}`);
      }
    }
    return `{${out.join(' ')}}`;
  };
  return (
    `${kind}${gauge} schema ${h.schema} n ${h.count} sum ${h.sum} zero ${h.zero_threshold}:${h.zero_count} ` +
    `+${buckets(h.positive_spans, h.positive)} -${buckets(h.negative_spans, h.negative)} bounds ${(h.bounds ?? []).join(' ')}`
  );
}

/** Sample i of a column as a row. */
export function rowOfColumn(c: Column, i: number): Omit<Row, 's'> {
  const st = c.st === null ? 0 : c.st[i]!;
  const kind = c.kind === null ? KIND.float : c.kind[i]!;
  const t = c.t[i]!;
  if (kind === KIND.float || c.h === null)
    return { t, v: hexOfHalves(c.bits[2 * i + HIGH]!, c.bits[2 * i + LOW]!), st };
  return { t, h: histogramOf(c.h, i, kind), st };
}

/** Row `row` as a histogram of a kind. */
export function histogramOf(h: HistogramColumns, row: number, kind: number): Histogram {
  const spans = (first: number, end: number): [number, number][] => {
    const out: [number, number][] = [];
    for (let i = first; i < end; i++) out.push([h.spanOffset[i]!, h.spanLength[i]!]);
    return out;
  };
  const hex = (values: Float64Array): string => {
    const halves = halvesOf(values);
    return hexOfHalves(halves[2 * row + HIGH]!, halves[2 * row + LOW]!);
  };
  return {
    float: kind === KIND.floatHistogram,
    hint: h.resetHint[row]!,
    schema: h.schema[row]!,
    zero_threshold: h.zeroThreshold[row]!,
    zero_count: h.zeroCount[row]!,
    count: hex(h.count),
    sum: hex(h.sum),
    positive_spans: spans(h.positiveSpanFirst[row]!, h.positiveSpanEnd[row]!),
    negative_spans: spans(h.negativeSpanFirst[row]!, h.negativeSpanEnd[row]!),
    positive: Array.from(h.bucket.subarray(h.positiveFirst[row], h.positiveEnd[row])),
    negative: Array.from(h.bucket.subarray(h.negativeFirst[row], h.negativeEnd[row])),
    bounds: Array.from(h.bound.subarray(h.boundFirst[row], h.boundEnd[row])),
  };
}

/** Series in the order of their text, those without samples left out. */
export function inOrder(series: readonly FoundSeries[]): FoundSeries[] {
  return series.filter(({ rows }) => rows.length > 0).sort((a, b) => (a.labels < b.labels ? -1 : 1));
}

/** null: equal. Otherwise the first difference in a line. */
export function difference(got: readonly FoundSeries[], want: readonly FoundSeries[]): string | null {
  const wanted = new Map(want.map((s) => [s.labels, s.rows]));
  for (const { labels, rows } of got) {
    const expected = wanted.get(labels);
    if (expected === undefined)
      return `${labels} should not be there (${rows.length} samples, first ${rows[0]})`;
    wanted.delete(labels);
    const n = Math.max(rows.length, expected.length);
    for (let i = 0; i < n; i++)
      if (rows[i] !== expected[i])
        return `${labels} sample ${i} of ${rows.length} (${expected.length} wanted): is ${rows[i] ?? 'missing'}, should be ${expected[i] ?? 'absent'}`;
  }
  for (const [labels, rows] of wanted) return `${labels} is missing (${rows.length} samples)`;
  return null;
}
