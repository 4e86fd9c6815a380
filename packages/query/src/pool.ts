// The pool of query workers, seen from main: who may run, and for how long. Main neither parses nor computes; it passes requests on and
// hands finished bytes back.
import type { Env, Port, Timer } from '@munjigi/env';
import type { MetricFamily } from '@munjigi/model';
import { BUDGET } from '@munjigi/promql';
import { NO_ACTIVE_LOG, openActiveLog } from './active-log.ts';
import { startCrew, type CrewRun } from './crew.ts';
import { createPoolMetrics } from './pool-metrics.ts';
import { errorReply, type QueryReply, type QueryRequest } from './request.ts';

export interface QueryPoolOptions {
  /** Threads. */
  readonly workers: number;
  /** Queries that run at once (Prometheus' query.max-concurrency). */
  readonly maxConcurrency: number;
  /** Queries that may wait for their turn; more are refused with 503. */
  readonly queueLimit: number;
  /** Longest life of a query, waiting included (query.timeout). */
  readonly timeout_ms: number;
  /** Samples that one query may hold (query.max-samples). */
  readonly maxSamples: number;
  /** Bytes of columns that one query may hold. */
  readonly maxBytes: number;
  /** query.lookback-delta. */
  readonly lookback_ms: number;
  /** Step of subqueries that name none (global.evaluation_interval). */
  readonly subqueryStep_ms: number;
  /** Where Prometheus' `queries.active` is kept; absent: nowhere. */
  readonly activeQueryLogPath?: string;
}

export const QUERY_POOL_DEFAULTS: QueryPoolOptions = {
  workers: 2,
  maxConcurrency: 20,
  queueLimit: 1000,
  timeout_ms: 120_000,
  maxSamples: 50_000_000,
  maxBytes: 2_000_000_000,
  lookback_ms: 300_000,
  subqueryStep_ms: 60_000,
};

export interface QueryPool {
  /** Never rejects: what goes wrong is a reply with its status. `signal` aborted: the client is gone. */
  query(request: QueryRequest, signal?: AbortSignal): Promise<QueryReply>;
  families(): MetricFamily[];
  /** Ends the workers; queries that run or wait get an error. */
  close(): Promise<void>;
}

/** A worker that does not notice within this time that its query was cancelled hangs, and is replaced. */
const CANCEL_GRACE_MS = 5000;

type Stopped = 'timeout' | 'canceled' | 'closed';

/** One query from its arrival to its reply. */
interface Entry {
  readonly request: QueryRequest;
  readonly state: Int32Array;
  readonly arrived_ms: number;
  phase: 'query queue' | 'expression evaluation';
  run: CrewRun | null;
  stop(why: Stopped): void;
  reply(reply: QueryReply): void;
}

/**
 * `connect` opens a new port to the thread that owns the store (`serveStorage` answers on its other end); it is called for each worker
 * that starts.
 */
export function createQueryPool(env: Env, options: QueryPoolOptions, connect: () => Port): QueryPool {
  const { clock, log } = env;
  const queue = new Set<Entry>();
  const running = new Set<Entry>();
  const metrics = createPoolMetrics(options, () => running.size + queue.size);
  const active =
    options.activeQueryLogPath === undefined
      ? NO_ACTIVE_LOG
      : openActiveLog(env, options.activeQueryLogPath, options.maxConcurrency);
  const crew = startCrew(env, options, options.workers, connect, {
    replaced: () => metrics.workerRestarted(),
    ready: () => next(),
  });
  let closed = false;
  let nextId = 1;

  const run = async (entry: Entry): Promise<void> => {
    const { request, state } = entry;
    const queued_ms = clock.monotonic() - entry.arrived_ms;
    entry.phase = 'expression evaluation';
    running.add(entry);
    const leave = 'query' in request ? active.enter(request.query) : () => {};
    try {
      entry.run = crew.run({ id: nextId++, request, state, queued_ms });
      const answer = await entry.run.reply;
      metrics.finished(answer.cost, queued_ms);
      if (answer.error?.errorType === 'unavailable') metrics.rejected('worker_died');
      entry.reply(answer);
    } catch (error) {
      const { message, stack } = error as Error;
      log.error('a query failed', { error: stack ?? message });
      entry.reply(errorReply({ errorType: 'internal', message }));
    } finally {
      leave();
      running.delete(entry);
      next();
    }
  };

  /** Starts what waits while there is room. */
  const next = (): void => {
    for (const entry of queue) {
      if (closed || running.size >= options.maxConcurrency || !crew.ready) return;
      queue.delete(entry);
      void run(entry);
    }
  };

  /** The client's answer is given at once; the place among the running ones is held until the worker is done. */
  const stop = (entry: Entry, why: Stopped): void => {
    queue.delete(entry);
    Atomics.store(entry.state, BUDGET.cancelled, 1);
    entry.run?.cancel();
    if (why !== 'closed') metrics.rejected(why);
    if (why !== 'closed' && running.has(entry))
      clock.after(CANCEL_GRACE_MS, () => {
        if (!running.has(entry)) return;
        log.error('a query worker does not react to a cancelled query and is ended', {});
        entry.run?.end();
      });
    entry.reply(stoppedReply(why, entry.phase));
  };

  return {
    query: (request, signal) =>
      new Promise((resolve) => {
        let timer: Timer | null = null;
        const gone = (): void => entry.stop('canceled');
        const entry: Entry = {
          request,
          state: new Int32Array(new SharedArrayBuffer(4 * BUDGET.cells)),
          arrived_ms: clock.monotonic(),
          phase: 'query queue',
          run: null,
          stop: (why) => stop(entry, why),
          reply: (reply) => {
            timer?.cancel();
            signal?.removeEventListener('abort', gone);
            resolve(reply);
          },
        };
        if (closed) return entry.stop('closed');
        if (signal?.aborted === true) return gone();
        if (queue.size >= options.queueLimit) {
          metrics.rejected('queue_full');
          return resolve(queueFull(options));
        }
        signal?.addEventListener('abort', gone);
        const wanted_ms = ('timeout_ms' in request ? request.timeout_ms : undefined) ?? options.timeout_ms;
        timer = clock.after(Math.min(options.timeout_ms, wanted_ms), () => entry.stop('timeout'));
        queue.add(entry);
        next();
      }),
    families: () => metrics.families(),
    async close() {
      closed = true;
      for (const entry of [...queue, ...running]) entry.stop('closed');
      await crew.close();
      active.close();
    },
  };
}

function queueFull({ maxConcurrency, queueLimit }: QueryPoolOptions): QueryReply {
  return errorReply({
    errorType: 'unavailable',
    message: `${maxConcurrency} queries run and ${queueLimit} wait: try again later, or raise the limits`,
  });
}

function stoppedReply(why: Stopped, phase: Entry['phase']): QueryReply {
  switch (why) {
    case 'timeout':
      return errorReply({ errorType: 'timeout', message: `query timed out in ${phase}` });
    case 'canceled':
      return errorReply({ errorType: 'canceled', message: `query was canceled in ${phase}` });
    case 'closed':
      return errorReply({ errorType: 'unavailable', message: 'the server is shutting down' });
  }
}
