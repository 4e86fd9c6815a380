// Where each number stands in shared memory. One region a worker, written by that worker alone (so no lock, and a worker that dies leaves
// whole numbers behind: its successor goes on in the same region), read by the main thread at any time. All cells are doubles.
import { REFUSALS } from '../http1/refusal.ts';

/** Codes that have a column of their own; any other counts under its class (`4xx`). */
const CODES: readonly number[] = [
  101, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409,
  410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503,
  504, 505, 507, 511,
];
export const CODE_LABELS: readonly string[] = [...CODES.map(String), '1xx', '2xx', '3xx', '4xx', '5xx'];
/** Column of a status. */
export const CODE_COLUMN: Uint8Array = new Uint8Array(1000).map((_, status) => {
  const known = CODES.indexOf(status);
  return known >= 0 ? known : CODES.length + Math.min(5, Math.max(1, Math.floor(status / 100))) - 1;
});

/** Upper bounds of the duration buckets in seconds; one more bucket is +Inf. */
export const DURATION_BOUNDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
const BUCKETS = DURATION_BOUNDS.length + 1;

/** Why an upstream request failed: label `reason`. */
export const FAILURES: readonly string[] = [
  'none',
  'refused',
  'connect_timeout',
  'unreachable',
  'reset',
  'closed_early',
  'bad_response',
  'timeout',
  'other',
];
export const FAILURE = {
  refused: 1,
  connectTimeout: 2,
  unreachable: 3,
  reset: 4,
  closedEarly: 5,
  badResponse: 6,
  timeout: 7,
  other: 8,
} as const;

/** Columns of a route's row. */
export const ROUTE: Readonly<
  Record<'codes' | 'buckets' | 'seconds' | 'bytesIn' | 'bytesOut' | 'width', number>
> = {
  codes: 0,
  buckets: CODE_LABELS.length,
  seconds: CODE_LABELS.length + BUCKETS,
  bytesIn: CODE_LABELS.length + BUCKETS + 1,
  bytesOut: CODE_LABELS.length + BUCKETS + 2,
  width: CODE_LABELS.length + BUCKETS + 3,
};
/** Columns of an upstream's row. */
export const UPSTREAM: Readonly<Record<'buckets' | 'seconds' | 'width', number>> = {
  buckets: 0,
  seconds: BUCKETS,
  width: BUCKETS + 1,
};
/** Columns of an endpoint's row. `lastFailure` is an index of FAILURES, `lastFailureAt` wall time in ms; both as this worker saw them. */
export const ENDPOINT: Readonly<
  Record<'codes' | 'failures' | 'down' | 'lastFailure' | 'lastFailureAt' | 'lastSuccessAt' | 'width', number>
> = {
  codes: 0,
  failures: CODE_LABELS.length,
  down: CODE_LABELS.length + FAILURES.length,
  lastFailure: CODE_LABELS.length + FAILURES.length + 1,
  lastFailureAt: CODE_LABELS.length + FAILURES.length + 2,
  lastSuccessAt: CODE_LABELS.length + FAILURES.length + 3,
  width: CODE_LABELS.length + FAILURES.length + 4,
};
/** Columns of the worker's own row. */
export const WORKER: Readonly<
  Record<'beat' | 'connections' | 'inFlight' | 'logDropped' | 'limitEvicted' | 'bad' | 'width', number>
> = {
  beat: 0,
  connections: 1,
  inFlight: 2,
  logDropped: 3,
  limitEvicted: 4,
  bad: 5,
  width: 5 + REFUSALS.length,
};

/** How many rows there are. Row 0 of each takes everything that found no row of its own: label values `_other`. */
export const ROUTE_ROWS = 8192;
export const UPSTREAM_ROWS = 4096;
export const ENDPOINT_ROWS = 8192;

const UPSTREAM_BASE = WORKER.width + ROUTE_ROWS * ROUTE.width;
const ENDPOINT_BASE = UPSTREAM_BASE + UPSTREAM_ROWS * UPSTREAM.width;
/** Cells of one worker's region. */
const REGION_CELLS = ENDPOINT_BASE + ENDPOINT_ROWS * ENDPOINT.width;

/** First cell of a row. */
export function routeCell(row: number): number {
  return WORKER.width + row * ROUTE.width;
}
export function upstreamCell(row: number): number {
  return UPSTREAM_BASE + row * UPSTREAM.width;
}
export function endpointCell(row: number): number {
  return ENDPOINT_BASE + row * ENDPOINT.width;
}

/** Memory of one worker's counters; pages that are never touched cost nothing. */
export function makeRegion(): SharedArrayBuffer {
  return new SharedArrayBuffer(REGION_CELLS * Float64Array.BYTES_PER_ELEMENT);
}

/** Adds one duration to a histogram whose buckets begin at `cell` (not cumulative) with its sum right behind them. */
export function observe(cells: Float64Array, cell: number, seconds: number): void {
  let i = 0;
  while (i < DURATION_BOUNDS.length && seconds > DURATION_BOUNDS[i]!) i++;
  cells[cell + i]! += 1;
  cells[cell + BUCKETS]! += seconds;
}
