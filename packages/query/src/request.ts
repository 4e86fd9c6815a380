// What may be asked of the pool and what it answers, as plain data that crosses threads. Answers are finished JSON in Prometheus' envelope.
import type { Grid } from '@munjigi/promql';
import type { StepCounts } from './sample-counts.ts';

/** Common to everything that evaluates PromQL. Times in ms. */
export interface Evaluation {
  readonly query: string;
  /** Look-back of instant selectors; absent: the pool's. */
  readonly lookback_ms?: number;
  /** Absent or above the pool's: the pool's. */
  readonly timeout_ms?: number;
  /** At most this many series in the answer, with a warning when there were more; 0: all. */
  readonly limit: number;
  /** '' none; 'true' timings and samples; 'all' also samples a step. */
  readonly stats: string;
  /** Counter resets are told by start timestamps too; absent: the pool's. */
  readonly startTimestamps?: boolean;
  /** The query's own limits of its cost, at most the pool's; absent or 0: the pool's. Only where the pool has query-cost on. */
  readonly maxSeries?: number;
  readonly maxSamplesRead?: number;
  readonly maxDuration_ms?: number;
  /** Who asked, for the query log. */
  readonly origin?: QueryOrigin;
}

export interface QueryOrigin {
  readonly clientIP: string;
  readonly method: string;
  readonly path: string;
}

/** Selectors as text, any of which a series may match, and a time range in ms (both inclusive). */
export interface SeriesChoice {
  readonly match: readonly string[];
  readonly mint: number;
  readonly maxt: number;
  /** 0: all. */
  readonly limit: number;
}

export type QueryRequest =
  | (Evaluation & { readonly kind: 'instant'; readonly time_ms: number })
  | (Evaluation & {
      readonly kind: 'range';
      readonly start_ms: number;
      readonly end_ms: number;
      readonly step_ms: number;
    })
  | (SeriesChoice & { readonly kind: 'series' })
  | (SeriesChoice & { readonly kind: 'labels' })
  | (SeriesChoice & { readonly kind: 'values'; readonly label: string })
  | {
      readonly kind: 'metadata';
      /** '' for all. */
      readonly metric: string;
      /** Both -1: no limit. */
      readonly limit: number;
      readonly limitPerMetric: number;
    }
  | { readonly kind: 'exemplars'; readonly query: string; readonly mint: number; readonly maxt: number }
  /** The newest samples as exposition text: the body is no envelope, unless it is an error. */
  | { readonly kind: 'federate'; readonly match: readonly string[]; readonly time_ms: number }
  | { readonly kind: 'format'; readonly query: string }
  | { readonly kind: 'parse'; readonly query: string };

/** Those that evaluate. */
export type EvaluationRequest = Extract<QueryRequest, { kind: 'instant' | 'range' }>;

export function isEvaluation(request: QueryRequest): request is EvaluationRequest {
  return request.kind === 'instant' || request.kind === 'range';
}

/** Prometheus' error types with the status that each has. */
export const ERROR_STATUS = {
  bad_data: 400,
  execution: 422,
  cost_limit: 422,
  timeout: 503,
  canceled: 499,
  unavailable: 503,
  internal: 500,
  not_found: 404,
} as const;
export type ErrorType = keyof typeof ERROR_STATUS;

export interface QueryError {
  readonly errorType: ErrorType;
  readonly message: string;
}

/** The pieces of an answer after its first, in order. They are made when they are asked for: who does not read must `drop`. */
export interface ReplyRest {
  /**
   * Null: that was all. Rejects when the rest is lost, as the thread that made it has ended. One call at a time. `spent`: the piece before, if nobody
   * looks at it any more: its bytes are used again.
   */
  next(spent: Uint8Array<ArrayBuffer> | null): Promise<Uint8Array<ArrayBuffer> | null>;
  drop(): void;
  /** What was copied between threads for the pieces so far. */
  readonly copiedBytes: number;
}

export interface QueryReply {
  readonly status: number;
  /** The whole envelope as JSON (empty with status 204), or its first piece where there is a `rest`. */
  readonly body: Uint8Array<ArrayBuffer>;
  readonly rest?: ReplyRest;
  readonly error: QueryError | null;
  readonly cost: QueryCost;
}

/** What an answer took: for metrics, logs and tests. */
export interface QueryCost {
  readonly prepare_ms: number;
  /** All of the evaluation; of it waiting for selections, and reading and decoding chunks in the thread that owns the query. */
  readonly evaluate_ms: number;
  readonly select_ms: number;
  readonly decode_ms: number;
  readonly samplesRead: number;
  readonly seriesTouched: number;
  /** Bytes of columns and texts that were copied (not shared, not moved) between threads. */
  readonly copiedBytes: number;
  /** Shares that fragments were cut into, and how many of them other workers ran. */
  readonly shares: number;
  readonly sharesElsewhere: number;
  /** Most samples and cells that were held at once. */
  readonly peakSamples: number;
  /** Samples at the query's steps, where they were counted; null: they were not, `samplesRead` is what was decoded. */
  readonly steps: { readonly grid: Grid; readonly counts: StepCounts } | null;
}

export const NO_COST: QueryCost = {
  prepare_ms: 0,
  evaluate_ms: 0,
  select_ms: 0,
  decode_ms: 0,
  samplesRead: 0,
  seriesTouched: 0,
  copiedBytes: 0,
  shares: 0,
  sharesElsewhere: 0,
  peakSamples: 0,
  steps: null,
};

/** The answer with all its pieces, for those who need it whole. */
export async function wholeReply({ rest, ...reply }: QueryReply): Promise<QueryReply> {
  if (rest === undefined) return reply;
  const pieces: Uint8Array[] = [reply.body];
  for (let piece = await rest.next(null); piece !== null; piece = await rest.next(null)) pieces.push(piece);
  return { ...reply, body: joined(pieces) };
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** The warning of an answer that `limit` has cut. */
export const TRUNCATED = 'results truncated due to limit';

/** An error that reaches the one who asked, as it is. */
export class RequestError extends Error {
  readonly errorType: ErrorType;
  constructor(errorType: ErrorType, message: string) {
    super(message);
    this.name = 'RequestError';
    this.errorType = errorType;
  }
}

const encoder = new TextEncoder();

function errorBody(error: QueryError): Uint8Array<ArrayBuffer> {
  return encoder.encode(
    JSON.stringify({ status: 'error', errorType: error.errorType, error: error.message }),
  );
}

export function errorReply(error: QueryError, cost: QueryCost = NO_COST): QueryReply {
  return { status: ERROR_STATUS[error.errorType], body: errorBody(error), error, cost };
}

/** The success envelope around finished JSON of `data`. */
export function successBody(data: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`{"status":"success","data":${data}}`);
}
