// Prometheus' query log (`global.query_log_file`): a JSON line for every query that was evaluated, in its field order. And the line about a
// slow one in our own log.
import type { Files, Log } from '@munjigi/env';
import { printRfc3339 } from '@munjigi/model';
import type { EvaluationRequest, QueryReply } from './request.ts';
import { queryStats } from './stats.ts';

export interface QueryLog {
  readonly path: string;
  write(request: EvaluationRequest, reply: QueryReply, queued_ms: number, now_ms: number): void;
  close(): void;
}

/** Appends to `path`. Throws EnvError when it cannot be opened; a line that cannot be written is told to `log`, and `failed` hears it. */
export function openQueryLog(
  { files, log }: { files: Files; log: Log },
  path: string,
  failed: () => void,
): QueryLog {
  const file = files.open(path, 'append');
  const encoder = new TextEncoder();
  return {
    path,
    write(request, reply, queued_ms, now_ms) {
      const line = encoder.encode(`${JSON.stringify(entryOf(request, reply, queued_ms, now_ms))}\n`);
      try {
        file.write(line, 0, line.length, -1);
      } catch (error) {
        failed();
        log.warn('the query log could not be written', { path, error: (error as Error).message });
      }
    },
    close: () => file.close(),
  };
}

function timesOf(request: EvaluationRequest): { start_ms: number; end_ms: number; step_ms: number } {
  if (request.kind === 'range') return request;
  return { start_ms: request.time_ms, end_ms: request.time_ms, step_ms: 0 };
}

function entryOf(request: EvaluationRequest, reply: QueryReply, queued_ms: number, now_ms: number): object {
  const { start_ms, end_ms, step_ms } = timesOf(request);
  const { timings, samples } = queryStats(
    { ...reply.cost, queued_ms, encode_ms: 0 },
    request.stats === 'all',
  );
  return {
    time: shown(now_ms),
    level: 'INFO',
    source: 'query-log.ts',
    msg: 'promql query logged',
    // Whole seconds, as in Prometheus.
    params: {
      end: shown(end_ms),
      query: request.query,
      start: shown(start_ms),
      step: Math.trunc(step_ms / 1000),
    },
    ...(reply.error === null ? {} : { error: reply.error.message }),
    stats: { timings, samples },
    ...(request.origin === undefined ? {} : { httpRequest: request.origin }),
  };
}

function shown(t_ms: number): string {
  return printRfc3339(t_ms, 3);
}

/** One structured line about a query that took `total_ms`. */
export function logSlow(
  log: Log,
  request: EvaluationRequest,
  { status, error, cost }: QueryReply,
  queued_ms: number,
  total_ms: number,
): void {
  const { start_ms, end_ms, step_ms } = timesOf(request);
  log.warn('slow query', {
    query: request.query,
    start: shown(start_ms),
    end: shown(end_ms),
    step_ms,
    status,
    ...(error === null ? {} : { error: error.message }),
    total_ms: Math.round(total_ms),
    queued_ms: Math.round(queued_ms),
    evaluate_ms: Math.round(cost.prepare_ms + cost.evaluate_ms),
    series: cost.seriesTouched,
    samples: cost.samplesRead,
    peak_samples: cost.peakSamples,
    copied_bytes: cost.copiedBytes,
    shares: cost.shares,
    ...(request.origin === undefined ? {} : { client: request.origin.clientIP }),
  });
}
