// The HTTP API: one call, its errors as one class, and its types.
import { basePath, monotonic_ms } from './browser.ts';
import { reportContact } from './connection.ts';
import type { QueryData } from './series.ts';

/** Why a call failed. `lost`: no answer at all. `aborted`: we gave it up ourselves. */
export type FailureKind = 'lost' | 'aborted' | 'refused';

export class ApiError extends Error {
  readonly kind: FailureKind;
  /** Prometheus' errorType (`bad_data`, `timeout`, ...), or '' . */
  readonly errorType: string;
  /** HTTP status, 0 when there was no answer. */
  readonly status: number;
  constructor(kind: FailureKind, message: string, errorType = '', status = 0) {
    super(message);
    this.name = 'ApiError';
    this.kind = kind;
    this.errorType = errorType;
    this.status = status;
  }
}

export interface ApiReply<T> {
  readonly data: T;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  readonly elapsed_ms: number;
  readonly bytes: number;
}

/** Beyond this a call goes as a form in the body, because URLs have limits on the way. */
const URL_LIMIT = 4000;

/** Calls `/api/v1/<path>`. Throws ApiError, nothing else. */
export async function callApi<T>(
  path: string,
  params: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<ApiReply<T>> {
  const form = new URLSearchParams(params).toString();
  const url = `${basePath}api/v1/${path}`;
  const started = monotonic_ms();
  let response: Response;
  let text: string;
  try {
    response =
      form.length > URL_LIMIT
        ? await fetch(url, { method: 'POST', body: new URLSearchParams(params), signal })
        : await fetch(form === '' ? url : `${url}?${form}`, { signal });
    text = await response.text();
  } catch (e) {
    if (signal.aborted) throw new ApiError('aborted', 'given up');
    reportContact(false);
    throw new ApiError('lost', `no answer from the server (${e instanceof Error ? e.message : String(e)})`);
  }
  // A proxy in front answers for a server that is gone: that is no contact either.
  const reply = parseReply<T>(text);
  if (reply === null && (response.status === 502 || response.status === 504)) {
    reportContact(false);
    throw new ApiError('lost', `the server is not reached (HTTP ${response.status})`, '', response.status);
  }
  reportContact(true);
  if (reply === null) {
    throw new ApiError(
      'refused',
      `${path} answered HTTP ${response.status} with something that is no API reply`,
      '',
      response.status,
    );
  }
  if (reply.status !== 'success' || reply.data === undefined) {
    const message = reply.error ?? `HTTP ${response.status}`;
    throw new ApiError('refused', message, reply.errorType ?? '', response.status);
  }
  return {
    data: reply.data,
    warnings: reply.warnings ?? [],
    infos: reply.infos ?? [],
    elapsed_ms: monotonic_ms() - started,
    bytes: text.length,
  };
}

/** Instant query at `time_s`. */
export function query(expr: string, time_s: number, signal: AbortSignal): Promise<ApiReply<QueryData>> {
  return callApi('query', { query: expr, time: String(time_s) }, signal);
}

/** Range query on the grid start, start + step ... end. */
export function queryRange(
  expr: string,
  grid: { readonly start_s: number; readonly end_s: number; readonly step_s: number },
  signal: AbortSignal,
): Promise<ApiReply<QueryData>> {
  const { start_s, end_s, step_s } = grid;
  return callApi(
    'query_range',
    { query: expr, start: String(start_s), end: String(end_s), step: String(step_s) },
    signal,
  );
}

interface RawReply<T> {
  status?: string;
  data?: T;
  error?: string;
  errorType?: string;
  warnings?: string[];
  infos?: string[];
}

function parseReply<T>(text: string): RawReply<T> | null {
  try {
    const reply: unknown = JSON.parse(text);
    return typeof reply === 'object' && reply !== null && 'status' in reply ? (reply as RawReply<T>) : null;
  } catch {
    return null;
  }
}
