// What the pool counts, under Prometheus' names where it has them.
import { labelsFromObject, Registry, type MetricFamily, type MetricSample } from '@munjigi/model';
import type { QueryCost } from './request.ts';

export interface PoolMetrics {
  finished(cost: QueryCost, queued_ms: number): void;
  rejected(why: 'queue_full' | 'timeout' | 'canceled' | 'worker_died'): void;
  workerRestarted(): void;
  /** A limit of query-cost was reached: its error's message, or 'duration'. */
  overCost(what: string): void;
  /** Bytes copied for the rest of an answer. */
  copied(bytes: number): void;
  logging(on: boolean): void;
  logFailed(): void;
  families(): MetricFamily[];
}

/** Where a query's time goes: Prometheus' slices. */
type Slice = 'inner_eval' | 'prepare_time' | 'queue_time' | 'result_sort';

/** What is read when the metrics are. */
interface PoolState {
  readonly active: () => number;
  readonly heldBytes: () => number;
}

export function createPoolMetrics(
  limits: { readonly maxConcurrency: number; readonly maxTotalBytes: number; readonly queryCost: boolean },
  state: PoolState,
): PoolMetrics {
  const registry = new Registry();
  const queries = registry
    .gauge('prometheus_engine_queries', 'The current number of queries being executed or waiting.')
    .with();
  registry
    .gauge('prometheus_engine_queries_concurrent_max', 'The max number of concurrent queries.')
    .with()
    .set(limits.maxConcurrency);
  const logEnabled = registry.gauge('prometheus_engine_query_log_enabled', 'State of the query log.').with();
  logEnabled.set(0);
  const logFailures = registry
    .counter('prometheus_engine_query_log_failures_total', 'The number of query log failures.')
    .with();
  const held = registry
    .gauge('munjigi_query_memory_bytes', 'What all queries and answers on their way hold.')
    .with();
  registry
    .gauge('munjigi_query_memory_limit_bytes', 'What all queries may hold together; 0: no limit.')
    .with()
    .set(limits.maxTotalBytes);
  const overCost = limits.queryCost
    ? registry.counter(
        'prometheus_engine_query_rejected_total',
        'Queries that were over a limit of their cost, by the limit.',
      )
    : null;
  const samples = registry
    .counter('prometheus_engine_query_samples_total', 'The total number of samples loaded by all queries.')
    .with();
  const copied = registry
    .counter('munjigi_query_copied_bytes_total', 'Bytes copied between threads for queries.')
    .with();
  const shares = registry.counter(
    'munjigi_query_shares_total',
    'Shares that fragments of queries were cut into, by who ran them.',
  );
  const own = shares.with({ worker: 'own' });
  const other = shares.with({ worker: 'other' });
  const rejected = registry.counter(
    'munjigi_query_rejected_total',
    'Queries that ended without an answer, by reason.',
  );
  const reasons = {
    queue_full: rejected.with({ reason: 'queue_full' }),
    timeout: rejected.with({ reason: 'timeout' }),
    canceled: rejected.with({ reason: 'canceled' }),
    worker_died: rejected.with({ reason: 'worker_died' }),
  };
  const restarts = registry
    .counter('munjigi_query_worker_restarts_total', 'Query workers that ended and were replaced.')
    .with();
  const slices: Record<Slice, { sum: number; count: number }> = {
    inner_eval: { sum: 0, count: 0 },
    prepare_time: { sum: 0, count: 0 },
    queue_time: { sum: 0, count: 0 },
    result_sort: { sum: 0, count: 0 },
  };
  const observe = (slice: Slice, ms: number): void => {
    slices[slice].sum += ms / 1000;
    slices[slice].count++;
  };
  return {
    finished(cost, queued_ms) {
      observe('inner_eval', cost.evaluate_ms);
      observe('prepare_time', cost.prepare_ms);
      observe('queue_time', queued_ms);
      observe('result_sort', 0);
      samples.add(cost.samplesRead);
      copied.add(cost.copiedBytes);
      own.add(cost.shares - cost.sharesElsewhere);
      other.add(cost.sharesElsewhere);
    },
    rejected(why) {
      reasons[why].add();
    },
    overCost(what) {
      const reason = /duration/.test(what)
        ? 'max_duration'
        : /series/.test(what)
          ? 'max_series'
          : 'max_samples_read';
      overCost?.with({ reason }).add();
    },
    copied(bytes) {
      copied.add(bytes);
    },
    logging(on) {
      logEnabled.set(on ? 1 : 0);
    },
    logFailed() {
      logFailures.add();
    },
    workerRestarted() {
      restarts.add();
    },
    families() {
      queries.set(state.active());
      held.set(state.heldBytes());
      return [...registry.families(), durations(slices)];
    },
  };
}

function durations(slices: Readonly<Record<Slice, { sum: number; count: number }>>): MetricFamily {
  const samples: MetricSample[] = [];
  for (const [slice, { sum, count }] of Object.entries(slices)) {
    const labels = labelsFromObject({ slice });
    samples.push({ suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: count });
  }
  return {
    name: 'prometheus_engine_query_duration_seconds',
    help: 'Query timings',
    type: 'summary',
    samples,
  };
}
