// Series as the API sends them, their names, and their way into the chart's columns.
import { parseSample } from './number.ts';

/** Label name -> value. */
export type LabelMap = Readonly<Record<string, string>>;

/** Native histogram as JSON. */
export interface HistogramJson {
  readonly count: string;
  readonly sum: string;
  readonly buckets?: readonly (readonly [number, string, string, string])[];
}

/** One element of an instant vector. Times in seconds. */
interface VectorElement {
  readonly metric: LabelMap;
  readonly value?: readonly [number, string];
  readonly histogram?: readonly [number, HistogramJson];
}

/** One series of a range. Times in seconds. */
export interface MatrixElement {
  readonly metric: LabelMap;
  readonly values?: readonly (readonly [number, string])[];
  readonly histograms?: readonly (readonly [number, HistogramJson])[];
}

/** `data` of a query's reply. */
export type QueryData =
  | { readonly resultType: 'vector'; readonly result: readonly VectorElement[] }
  | { readonly resultType: 'matrix'; readonly result: readonly MatrixElement[] }
  | { readonly resultType: 'scalar' | 'string'; readonly result: readonly [number, string] };

const PLAIN_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const PLAIN_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** The series as a PromQL selector: `up{job="api"}`; a name outside the old character set stands quoted inside the braces. */
export function printSeries(metric: LabelMap): string {
  const name = metric['__name__'] ?? '';
  const plain = name === '' || PLAIN_METRIC.test(name);
  const parts = plain ? [] : [quote(name)];
  for (const label of Object.keys(metric).toSorted()) {
    if (label === '__name__') continue;
    parts.push(`${PLAIN_LABEL.test(label) ? label : quote(label)}=${quote(metric[label] ?? '')}`);
  }
  const braces = parts.length === 0 && name !== '' ? '' : `{${parts.join(', ')}}`;
  return plain ? `${name}${braces}` : braces;
}

/** A PromQL string literal. */
export function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

/** Columns on one time grid: what the chart takes. `times` in seconds; a missing sample is null and draws a gap. */
export interface Columns {
  readonly times: number[];
  readonly values: (number | null)[][];
}

/**
 * Puts a range result on the grid start, start + step ... end (seconds). A sample goes to its nearest grid point; NaN and infinities
 * become gaps because a chart has no place for them; samples off the grid's ends are dropped.
 */
export function toColumns(
  result: readonly MatrixElement[],
  start_s: number,
  end_s: number,
  step_s: number,
): Columns {
  const n = Math.max(1, Math.floor((end_s - start_s) / step_s + 1e-6) + 1);
  const times = Array.from({ length: n }, (_, i) => start_s + i * step_s);
  const values = result.map((series) => {
    const column = Array.from<number | null>({ length: n }).fill(null);
    for (const [t, text] of series.values ?? []) {
      const i = Math.round((t - start_s) / step_s);
      const v = parseSample(text);
      if (i >= 0 && i < n && Number.isFinite(v)) column[i] = v;
    }
    return column;
  });
  return { times, values };
}

/** Running sums of the shown columns, in order. A gap adds nothing; it stays a gap so that it isn't drawn as a value. */
export function stack(
  values: readonly (readonly (number | null)[])[],
  shown: (i: number) => boolean,
): (number | null)[][] {
  const n = values[0]?.length ?? 0;
  const sum = new Float64Array(n);
  return values.map((column, i) => {
    if (!shown(i)) return column.slice();
    return column.map((v, at) => (v === null ? null : (sum[at] = (sum[at] ?? 0) + v)));
  });
}

/** Indices of samples whose neighbours on both sides are gaps: a line can't show them, a dot can. */
export function lonePoints(column: readonly (number | null | undefined)[]): number[] {
  const at: number[] = [];
  for (let i = 0; i < column.length; i++) {
    const here = column[i];
    if (here === null || here === undefined) continue;
    if ((column[i - 1] ?? null) === null && (column[i + 1] ?? null) === null) at.push(i);
  }
  return at;
}
