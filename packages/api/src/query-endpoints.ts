// /query, /query_range, /query_exemplars, /format_query, /parse_query.
import type { HttpRequest, HttpResponse } from '@munjigi/env';
import type { QueryReply } from '@munjigi/query';
import type { ApiDeps } from './deps.ts';
import { READ_OR_FORM, type Endpoints } from './endpoint.ts';
import {
  BadRequest,
  invalidParameter,
  limitParameter,
  MAX_TIME_MS,
  MIN_TIME_MS,
  optionalDuration,
  optionalTime,
  readDuration,
  requiredDuration,
  requiredTime,
} from './params.ts';
import { finishedJson } from './reply.ts';

/** Enough for 60 s over a week or 1 h over a year. */
const MAX_POINTS = 11_000;

export function queryEndpoints({ clock, query }: ApiDeps): Endpoints {
  const answer = (reply: QueryReply): HttpResponse => finishedJson(reply.status, reply.body);
  const options = (params: URLSearchParams): EvaluationOptions => ({
    query: params.get('query') ?? '',
    limit: limitParameter(params),
    stats: params.get('stats') ?? '',
    ...timeoutOption(params),
    ...lookbackOption(params),
  });
  const instant = async ({ params, signal }: HttpRequest): Promise<HttpResponse> => {
    const rest = { ...options(params), time_ms: optionalTime(params, 'time', clock.now()) };
    return answer(await query.query({ kind: 'instant', ...rest }, signal));
  };
  const range = async ({ params, signal }: HttpRequest): Promise<HttpResponse> => {
    const start_ms = requiredTime(params, 'start');
    const end_ms = requiredTime(params, 'end');
    if (end_ms < start_ms) throw invalidParameter('end', 'end timestamp must not be before start time');
    const step = requiredDuration(params, 'step');
    // Finer than our clock is still a step: the limit on points answers it.
    const step_ms = Math.max(1, Math.trunc(step));
    if (step <= 0)
      throw invalidParameter(
        'step',
        'zero or negative query resolution step widths are not accepted. Try a positive integer',
      );
    if (Math.trunc((end_ms - start_ms) / step_ms) > MAX_POINTS)
      throw new BadRequest(
        'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
      );
    return answer(
      await query.query({ kind: 'range', ...options(params), start_ms, end_ms, step_ms }, signal),
    );
  };
  const exemplars = async ({ params, signal }: HttpRequest): Promise<HttpResponse> => {
    const mint = optionalTime(params, 'start', MIN_TIME_MS);
    const maxt = optionalTime(params, 'end', MAX_TIME_MS);
    if (maxt < mint) throw new BadRequest('end timestamp must not be before start timestamp');
    const text = params.get('query') ?? '';
    return answer(await query.query({ kind: 'exemplars', query: text, mint, maxt }, signal));
  };
  const written =
    (kind: 'format' | 'parse') =>
    async ({ params, signal }: HttpRequest): Promise<HttpResponse> =>
      answer(await query.query({ kind, query: params.get('query') ?? '' }, signal));
  return {
    '/query': { methods: READ_OR_FORM, needsStore: true, handle: instant },
    '/query_range': { methods: READ_OR_FORM, needsStore: true, handle: range },
    '/query_exemplars': { methods: READ_OR_FORM, needsStore: true, handle: exemplars },
    '/format_query': { methods: READ_OR_FORM, needsStore: false, handle: written('format') },
    '/parse_query': { methods: READ_OR_FORM, needsStore: false, handle: written('parse') },
  };
}

interface EvaluationOptions {
  readonly query: string;
  readonly limit: number;
  readonly stats: string;
  readonly timeout_ms?: number;
  readonly lookback_ms?: number;
}

function timeoutOption(params: URLSearchParams): { timeout_ms?: number } {
  const timeout_ms = optionalDuration(params, 'timeout');
  if (timeout_ms === null) return {};
  if (timeout_ms <= 0) throw invalidParameter('timeout', 'timeout must be positive');
  return { timeout_ms };
}

function lookbackOption(params: URLSearchParams): { lookback_ms?: number } {
  const text = params.get('lookback_delta') ?? '';
  if (text === '') return {};
  const read = readDuration(text);
  if ('error' in read) throw new BadRequest(`error parsing lookback delta duration: ${read.error}`);
  // As Prometheus: zero and below mean the default.
  return read.ms >= 1 ? { lookback_ms: Math.trunc(read.ms) } : {};
}
