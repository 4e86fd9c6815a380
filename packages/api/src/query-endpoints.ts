// /query, /query_range, /query_exemplars, /format_query, /parse_query.
import type { HttpRequest, HttpResponse } from '@munjigi/env';
import { printGoDuration } from '@munjigi/model';
import type { Evaluation } from '@munjigi/query';
import type { ApiDeps } from './deps.ts';
import { READ_OR_FORM, type Endpoints } from './endpoint.ts';
import {
  BadRequest,
  invalidParameter,
  limitParameter,
  MAX_TIME_MS,
  MIN_TIME_MS,
  optionalCount,
  optionalDuration,
  optionalTime,
  readBoolean,
  readDuration,
  requiredDuration,
  requiredTime,
} from './params.ts';
import { ask } from './reply.ts';

/** Enough for 60 s over a week or 1 h over a year. */
const MAX_POINTS = 11_000;

export function queryEndpoints({ clock, query }: ApiDeps): Endpoints {
  /** In Prometheus' order: the times are judged between the limit and these. */
  const options = (r: HttpRequest, limit: number): Evaluation => {
    const { params, method, path, remoteAddress } = r;
    return {
      query: params.get('query') ?? '',
      limit,
      stats: params.get('stats') ?? '',
      ...timeoutOption(params),
      ...lookbackOption(params),
      ...startTimestampsOption(r.headers[START_TIMESTAMPS] ?? ''),
      ...costOptions(params),
      origin: { clientIP: remoteAddress, method, path },
    };
  };
  const instant = (r: HttpRequest): Promise<HttpResponse> => {
    const limit = limitParameter(r.params);
    const time_ms = optionalTime(r.params, 'time', clock.now());
    return ask(query, { kind: 'instant', ...options(r, limit), time_ms }, r);
  };
  const range = (r: HttpRequest): Promise<HttpResponse> => {
    const { params } = r;
    const limit = limitParameter(params);
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
    return ask(query, { kind: 'range', ...options(r, limit), start_ms, end_ms, step_ms }, r);
  };
  const exemplars = (r: HttpRequest): Promise<HttpResponse> => {
    const { params } = r;
    const mint = optionalTime(params, 'start', MIN_TIME_MS);
    const maxt = optionalTime(params, 'end', MAX_TIME_MS);
    if (maxt < mint) throw new BadRequest('end timestamp must not be before start timestamp');
    const text = params.get('query') ?? '';
    return ask(query, { kind: 'exemplars', query: text, mint, maxt }, r);
  };
  const written =
    (kind: 'format' | 'parse') =>
    (r: HttpRequest): Promise<HttpResponse> =>
      ask(query, { kind, query: r.params.get('query') ?? '' }, r);
  return {
    '/query': { methods: READ_OR_FORM, needsStore: true, handle: instant },
    '/query_range': { methods: READ_OR_FORM, needsStore: true, handle: range },
    '/query_exemplars': { methods: READ_OR_FORM, needsStore: true, handle: exemplars },
    '/format_query': { methods: READ_OR_FORM, needsStore: false, handle: written('format') },
    '/parse_query': { methods: READ_OR_FORM, needsStore: false, handle: written('parse') },
  };
}

const START_TIMESTAMPS = 'x-prometheus-use-start-timestamps';

function startTimestampsOption(text: string): { startTimestamps?: boolean } {
  if (text === '') return {};
  const read = readBoolean(text);
  if (read === null)
    throw new BadRequest(
      `error parsing X-Prometheus-Use-Start-Timestamps header: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return { startTimestamps: read };
}

/** The query's own limits of its cost: the pool looks at them where it has query-cost on. */
function costOptions(params: URLSearchParams): {
  maxSeries?: number;
  maxSamplesRead?: number;
  maxDuration_ms?: number;
} {
  const counts = {
    ...given('maxSeries', optionalCount(params, 'max_series')),
    ...given('maxSamplesRead', optionalCount(params, 'max_samples_read')),
  };
  const duration = params.get('max_query_duration') ?? '';
  if (duration === '') return counts;
  const read = readDuration(duration);
  if ('error' in read) throw new BadRequest(`error parsing max_query_duration: ${read.error}`);
  if (read.ms < 0)
    throw new BadRequest(
      `error parsing max_query_duration: must not be negative, got ${printGoDuration(read.ms)}`,
    );
  return { ...counts, maxDuration_ms: read.ms };
}

function given<N extends string>(name: N, count: number): { [K in N]?: number } {
  return count === 0 ? {} : ({ [name]: count } as { [K in N]: number });
}

function timeoutOption(params: URLSearchParams): { timeout_ms?: number } {
  const timeout_ms = optionalDuration(params, 'timeout');
  if (timeout_ms === null) return {};
  if (timeout_ms <= 0)
    throw invalidParameter('timeout', `timeout must be positive, got ${printGoDuration(timeout_ms)}`);
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
