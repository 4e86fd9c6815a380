// The HTTP API's answer to a query, read for printing: every kind of result as series with points.
import { labelsFromObject, type Labels } from '@munjigi/model';

type JsonPoint = readonly [seconds: number, value: string];
type JsonHistogramPoint = readonly [seconds: number, histogram: JsonHistogram];

/** Bucket: which bounds belong to it (0: the upper, 1: the lower, 2: neither, 3: both), lower, upper, count. */
type JsonBucket = readonly [bounds: number, lower: string, upper: string, count: string];

export interface JsonHistogram {
  readonly count: string;
  readonly sum: string;
  readonly buckets?: readonly JsonBucket[];
}

interface JsonSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: JsonPoint;
  readonly histogram?: JsonHistogramPoint;
  readonly values?: readonly JsonPoint[];
  readonly histograms?: readonly JsonHistogramPoint[];
}

export type JsonData =
  | { readonly resultType: 'scalar'; readonly result: JsonPoint }
  | { readonly resultType: 'string'; readonly result: JsonPoint }
  | { readonly resultType: 'vector' | 'matrix'; readonly result: readonly JsonSeries[] };

/** The envelope. */
export interface Reply {
  readonly status: string;
  readonly errorType?: string;
  readonly error?: string;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
  readonly data?: JsonData;
}

export interface Point {
  readonly t_ms: number;
  /** As Prometheus prints the value; a native histogram whole. */
  readonly text: string;
  /** null: no float. */
  readonly value: number | null;
}

export interface Series {
  readonly labels: Labels;
  /** In time order. */
  readonly points: readonly Point[];
}

export interface Answer {
  readonly type: JsonData['resultType'];
  /** Of a scalar or a string: one without labels. */
  readonly series: readonly Series[];
}

export function readAnswer(data: JsonData): Answer {
  const { resultType: type } = data;
  if (data.resultType === 'scalar' || data.resultType === 'string')
    return {
      type,
      series: [{ labels: labelsFromObject({}), points: [point(data.result, type === 'string')] }],
    };
  return { type, series: data.result.map(seriesOf) };
}

function seriesOf(s: JsonSeries): Series {
  const floats = s.values ?? (s.value === undefined ? [] : [s.value]);
  const histograms = s.histograms ?? (s.histogram === undefined ? [] : [s.histogram]);
  const points = floats.map((p) => point(p, false));
  for (const [seconds, h] of histograms)
    points.push({ t_ms: Math.round(seconds * 1000), text: histogramText(h), value: null });
  if (histograms.length > 0) points.sort((a, b) => a.t_ms - b.t_ms);
  return { labels: labelsFromObject(s.metric), points };
}

function point([seconds, text]: JsonPoint, isText: boolean): Point {
  return {
    t_ms: Math.round(seconds * 1000),
    text,
    value: isText ? null : Number(text.replace('Inf', 'Infinity')),
  };
}

const OPENING: readonly string[] = ['(', '[', '(', '['];
const CLOSING: readonly string[] = [']', ')', ')', ']'];

/** {count:4, sum:10.5, [-0.001,0.001]:1, (1,2]:3} */
export function histogramText({ count, sum, buckets = [] }: JsonHistogram): string {
  const parts = [`count:${count}`, `sum:${sum}`];
  for (const [bounds, lower, upper, n] of buckets)
    parts.push(`${OPENING[bounds] ?? '('}${lower},${upper}${CLOSING[bounds] ?? ')'}:${n}`);
  return `{${parts.join(', ')}}`;
}
