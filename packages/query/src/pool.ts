// The pool of query workers, seen from main: who may run, and for how long. Main neither parses nor computes; it passes requests on and
// hands finished bytes back.
import type { Env, Port, Timer } from '@munjigi/env';
import type { MetricFamily } from '@munjigi/model';
import { BUDGET } from '@munjigi/promql';
import { NO_ACTIVE_LOG, openActiveLog } from './active-log.ts';
import { costOf, NO_CEILINGS, type CostCeilings } from './cost-limits.ts';
import { startCrew, type CrewRun } from './crew.ts';
import { createPoolMetrics } from './pool-metrics.ts';
import { logSlow, openQueryLog, type QueryLog } from './query-log.ts';
import {
  errorReply,
  isEvaluation,
  NO_COST,
  RequestError,
  type QueryCost,
  type QueryReply,
  type QueryRequest,
  type ReplyRest,
} from './request.ts';

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
  /** Bytes that one query may hold. */
  readonly maxBytes: number;
  /** Bytes that all queries may hold together; 0: no limit. */
  readonly maxTotalBytes: number;
  /** query.lookback-delta. */
  readonly lookback_ms: number;
  /** Queries that take longer are told in the log; 0: none. */
  readonly slow_ms: number;
  /** Prometheus' features of these names: limits of cost, names dropped at the end, start timestamps. */
  readonly queryCost: boolean;
  readonly delayedNameRemoval: boolean;
  readonly startTimestamps: boolean;
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
  maxTotalBytes: 4_000_000_000,
  lookback_ms: 300_000,
  slow_ms: 0,
  queryCost: false,
  delayedNameRemoval: false,
  startTimestamps: false,
};

export interface QueryPool {
  /** Never rejects: what goes wrong is a reply with its status. `signal` aborted: the client is gone. */
  query(request: QueryRequest, signal?: AbortSignal): Promise<QueryReply>;
  /** What `prometheus.yml` says, from now on. A log that cannot be opened is told in the log and the last one stays. */
  configure(settings: PoolSettings): void;
  families(): MetricFamily[];
  /** Ends the workers; queries that run or wait get an error. */
  close(): Promise<void>;
}

/** Settings that change while the pool runs. */
export interface PoolSettings {
  readonly ceilings: CostCeilings;
  /** global.evaluation_interval: step of subqueries that name none. */
  readonly subqueryStep_ms: number;
  /** global.query_log_file; '': none. */
  readonly queryLogPath: string;
}

/** What holds until `configure` says something else. */
export const POOL_SETTINGS: PoolSettings = {
  ceilings: NO_CEILINGS,
  subqueryStep_ms: 60_000,
  queryLogPath: '',
};

/** Who asks for no further piece of an answer within this time loses it: its columns are memory. */
const REST_STALLED_MS = 60_000;

/** A worker that does not notice within this time that its query was cancelled hangs, and is replaced. */
const CANCEL_GRACE_MS = 5000;

type Stopped = 'timeout' | 'canceled' | 'closed';

/** One query from its arrival to its reply. */
interface Entry {
  readonly request: QueryRequest;
  readonly state: Int32Array;
  readonly arrived_ms: number;
  queued_ms: number;
  cost: CostCeilings;
  replied: boolean;
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
  const all = new Int32Array(new SharedArrayBuffer(4));
  const metrics = createPoolMetrics(options, {
    active: () => running.size + queue.size,
    heldBytes: () => Atomics.load(all, 0) * 1024,
  });
  let { ceilings, subqueryStep_ms } = POOL_SETTINGS;
  let queryLog: QueryLog | null = null;
  const rests = new Set<ReplyRest>();
  const active =
    options.activeQueryLogPath === undefined
      ? NO_ACTIVE_LOG
      : openActiveLog(env, options.activeQueryLogPath, options.maxConcurrency);
  const crew = startCrew(env, options, all, options.workers, connect, {
    replaced: () => metrics.workerRestarted(),
    ready: () => next(),
  });
  let closed = false;
  let nextId = 1;

  const run = async (entry: Entry): Promise<void> => {
    const { request, state } = entry;
    const queued_ms = clock.monotonic() - entry.arrived_ms;
    entry.queued_ms = queued_ms;
    entry.phase = 'expression evaluation';
    running.add(entry);
    const leave = 'query' in request ? active.enter(request.query) : () => {};
    try {
      const { cost } = entry;
      const counted = queryLog !== null && isEvaluation(request);
      entry.run = crew.run({ id: nextId++, request, state, queued_ms, cost, subqueryStep_ms, counted });
      const answer = await entry.run.reply;
      metrics.finished(answer.cost, queued_ms);
      if (answer.error?.errorType === 'unavailable') metrics.rejected('worker_died');
      if (answer.error?.errorType === 'cost_limit') metrics.overCost(answer.error.message);
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
    entry.reply(stoppedReply(why, entry, clock.monotonic()));
  };

  /** Writes what there is to write about a query that has its reply. */
  const tell = ({ request, arrived_ms, queued_ms }: Entry, reply: QueryReply): void => {
    if (!isEvaluation(request)) return;
    queryLog?.write(request, reply, queued_ms, clock.now());
    const total_ms = clock.monotonic() - arrived_ms;
    if (options.slow_ms > 0 && total_ms >= options.slow_ms) logSlow(log, request, reply, queued_ms, total_ms);
  };

  /** The rest of an answer for the client: dropped when the client goes away or stalls. */
  const watched = (rest: ReplyRest, signal: AbortSignal | undefined): ReplyRest => {
    let timer: Timer | null = null;
    const end = (): void => {
      timer?.cancel();
      rests.delete(mine);
      signal?.removeEventListener('abort', drop);
    };
    const drop = (): void => {
      if (!rests.has(mine)) return;
      end();
      rest.drop();
    };
    const wait = (): void => {
      timer = clock.after(REST_STALLED_MS, drop);
    };
    const mine: ReplyRest = {
      async next(spent) {
        timer?.cancel();
        if (!rests.has(mine)) throw new Error('the rest of this answer was dropped');
        try {
          const piece = await rest.next(spent);
          if (piece === null) {
            metrics.copied(rest.copiedBytes);
            end();
          } else if (rests.has(mine)) wait();
          return piece;
        } catch (error) {
          end();
          throw error;
        }
      },
      drop,
      get copiedBytes() {
        return rest.copiedBytes;
      },
    };
    rests.add(mine);
    if (signal?.aborted === true) drop();
    signal?.addEventListener('abort', drop);
    if (rests.has(mine)) wait();
    return mine;
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
          queued_ms: 0,
          cost: NO_CEILINGS,
          replied: false,
          phase: 'query queue',
          run: null,
          stop: (why) => stop(entry, why),
          reply: (reply) => {
            const { rest } = reply;
            if (entry.replied) return rest?.drop();
            entry.replied = true;
            timer?.cancel();
            signal?.removeEventListener('abort', gone);
            tell(entry, reply);
            resolve(rest === undefined ? reply : { ...reply, rest: watched(rest, signal) });
          },
        };
        if (closed) return entry.stop('closed');
        if (signal?.aborted === true) return gone();
        if (queue.size >= options.queueLimit) {
          metrics.rejected('queue_full');
          return resolve(queueFull(options));
        }
        let longest_ms = options.timeout_ms;
        if (options.queryCost) {
          try {
            entry.cost = costOf(request, ceilings, options.timeout_ms);
          } catch (error) {
            if (!(error instanceof RequestError)) throw error;
            return resolve(errorReply({ errorType: error.errorType, message: error.message }));
          }
          if (entry.cost.maxDuration_ms > 0) longest_ms = entry.cost.maxDuration_ms;
        }
        signal?.addEventListener('abort', gone);
        const wanted_ms = ('timeout_ms' in request ? request.timeout_ms : undefined) ?? Infinity;
        timer = clock.after(Math.min(longest_ms, wanted_ms), () => {
          if (entry.cost.maxDuration_ms > 0 && longest_ms <= wanted_ms) metrics.overCost('duration');
          entry.stop('timeout');
        });
        queue.add(entry);
        next();
      }),
    configure({ queryLogPath, ...next }) {
      ({ ceilings, subqueryStep_ms } = next);
      if (queryLogPath === (queryLog?.path ?? '')) return;
      try {
        const opened =
          queryLogPath === '' ? null : openQueryLog(env, queryLogPath, () => metrics.logFailed());
        queryLog?.close();
        queryLog = opened;
      } catch (error) {
        log.error('the query log cannot be opened', { path: queryLogPath, error: (error as Error).message });
      }
      metrics.logging(queryLog !== null);
    },
    families: () => metrics.families(),
    async close() {
      closed = true;
      for (const entry of [...queue, ...running]) entry.stop('closed');
      for (const rest of rests) rest.drop();
      await crew.close();
      active.close();
      queryLog?.close();
      queryLog = null;
    },
  };
}

function queueFull({ maxConcurrency, queueLimit }: QueryPoolOptions): QueryReply {
  return errorReply({
    errorType: 'unavailable',
    message: `${maxConcurrency} queries run and ${queueLimit} wait: try again later, or raise the limits`,
  });
}

/** With what the query had cost so far, as far as its cells tell. */
function stoppedReply(
  why: Stopped,
  { phase, state, arrived_ms, queued_ms }: Entry,
  now_ms: number,
): QueryReply {
  const evaluate_ms = phase === 'query queue' ? 0 : now_ms - arrived_ms - queued_ms;
  const samplesRead = Atomics.load(state, BUDGET.read);
  const peakSamples = Atomics.load(state, BUDGET.peak);
  const cost: QueryCost = { ...NO_COST, evaluate_ms, samplesRead, peakSamples };
  switch (why) {
    case 'timeout':
      return errorReply({ errorType: 'timeout', message: `query timed out in ${phase}` }, cost);
    case 'canceled':
      return errorReply({ errorType: 'canceled', message: `query was canceled in ${phase}` }, cost);
    case 'closed':
      return errorReply({ errorType: 'unavailable', message: 'the server is shutting down' });
  }
}
