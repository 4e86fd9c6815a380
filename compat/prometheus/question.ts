// One query, put to a server over HTTP and to our engine in this thread; both answers in one form.
import { writeResult } from '@munjigi/promql';
import { queryOnce, type Readable } from '@munjigi/promql/memory-store';

export interface Question {
  readonly query: string;
  readonly start_ms: number;
  readonly end_ms: number;
  /** 0: an instant query at start_ms. */
  readonly step_ms: number;
  /** Absent: 5 minutes. */
  readonly lookback_ms?: number;
  readonly startTimestamps?: boolean;
  /** A server does it, or not, for all queries. */
  readonly delayedNameRemoval?: boolean;
}

export interface Answer {
  /** null: there is a result. */
  readonly error: string | null;
  readonly type: string;
  /** In the order of the answer. */
  readonly rows: readonly AnswerRow[];
  /** Warnings and infos. A server names ten of each and counts the others. */
  readonly annotations: readonly string[];
}

export interface AnswerRow {
  /** JSON of label pairs, sorted by name. */
  readonly labels: string;
  /** Time as it is written in JSON, and the value: a float's text, or a histogram's JSON. */
  readonly points: readonly (readonly [t: string, value: string])[];
}

interface Envelope {
  readonly status: string;
  readonly error?: string;
  readonly data?: Data;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

interface Data {
  readonly resultType: string;
  readonly result: unknown;
}

type Point = readonly [number, unknown];

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: Point;
  readonly values?: readonly Point[];
  readonly histogram?: Point;
  readonly histograms?: readonly Point[];
}

/** Rejects only when the server does not answer at all. */
export async function askServer(url: string, q: Question): Promise<Answer> {
  const seconds = (ms: number): string => (ms / 1000).toFixed(3);
  const form = new URLSearchParams({ query: q.query });
  if (q.lookback_ms !== undefined) form.set('lookback_delta', seconds(q.lookback_ms));
  if (q.step_ms === 0) form.set('time', seconds(q.start_ms));
  else {
    form.set('start', seconds(q.start_ms));
    form.set('end', seconds(q.end_ms));
    form.set('step', seconds(q.step_ms));
  }
  const response = await fetch(`${url}/api/v1/${q.step_ms === 0 ? 'query' : 'query_range'}`, {
    method: 'POST',
    body: form,
    headers: q.startTimestamps === true ? { 'x-prometheus-use-start-timestamps': 'true' } : {},
  });
  const text = await response.text();
  let envelope: Envelope;
  try {
    envelope = JSON.parse(text) as Envelope;
  } catch {
    return failed(text.trim().slice(0, 500));
  }
  const { data, error = '' } = envelope;
  if (envelope.status !== 'success' || data === undefined)
    return failed(error.replace(/^invalid parameter "query": /, ''));
  return answered(data, [...(envelope.warnings ?? []), ...(envelope.infos ?? [])]);
}

export async function askEngine(storage: Readable, q: Question): Promise<Answer> {
  try {
    const { query, ...options } = q;
    const result = await queryOnce(storage, query, options);
    const data = JSON.parse(new TextDecoder().decode(writeResult(result))) as Data;
    return answered(
      data,
      result.annotations.map(({ message }) => message),
    );
  } catch (error) {
    const bug = error instanceof TypeError || error instanceof RangeError;
    return failed(bug ? `a bug: ${error.stack}` : (error as Error).message);
  }
}

function failed(error: string): Answer {
  return { error, type: 'error', rows: [], annotations: [] };
}

function answered({ resultType, result }: Data, annotations: readonly string[]): Answer {
  const rows =
    resultType === 'scalar' || resultType === 'string'
      ? [{ labels: '', points: [pointOf(result as Point)] }]
      : (result as readonly Series[]).map(rowOf);
  return { error: null, type: resultType, rows, annotations };
}

function rowOf(s: Series): AnswerRow {
  const floats = s.value === undefined ? (s.values ?? []) : [s.value];
  const histograms = s.histogram === undefined ? (s.histograms ?? []) : [s.histogram];
  const points = [...floats, ...histograms];
  if (floats.length > 0 && histograms.length > 0) points.sort(([a], [b]) => a - b);
  const labels = Object.entries(s.metric).sort(([a], [b]) => (a < b ? -1 : 1));
  return { labels: JSON.stringify(labels), points: points.map(pointOf) };
}

function pointOf([t, value]: Point): readonly [string, string] {
  return [String(t), typeof value === 'string' ? value : JSON.stringify(value)];
}
