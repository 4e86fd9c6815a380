// Prometheus' query-cost: limits that `prometheus.yml` sets for all queries, which a request may lower for itself and never raise.
import { printGoDuration } from '@munjigi/model';
import { isEvaluation, RequestError, type QueryRequest } from './request.ts';

/** What the evaluation of a query looks at: `global.query_max_series`, `query_max_samples_read`; 0: no limit. */
export interface CostLimits {
  readonly maxSeries: number;
  readonly maxSamplesRead: number;
}

/** With `query_max_duration`, which the pool looks at; 0: no limit. */
export interface CostCeilings extends CostLimits {
  readonly maxDuration_ms: number;
}

export const NO_CEILINGS: CostCeilings = { maxSeries: 0, maxSamplesRead: 0, maxDuration_ms: 0 };

/** What holds for one request. `timeout_ms` is query.timeout, the ceiling of durations where there is no other. Throws RequestError. */
export function costOf(request: QueryRequest, ceilings: CostCeilings, timeout_ms: number): CostCeilings {
  const own = isEvaluation(request) ? request : NO_CEILINGS;
  const { maxSeries = 0, maxSamplesRead = 0, maxDuration_ms = 0 } = own;
  const duration = ceilings.maxDuration_ms > 0 ? ceilings.maxDuration_ms : timeout_ms;
  return {
    maxSeries: lowered('max_series', maxSeries, ceilings.maxSeries, String),
    maxSamplesRead: lowered('max_samples_read', maxSamplesRead, ceilings.maxSamplesRead, String),
    maxDuration_ms:
      maxDuration_ms > 0
        ? lowered('max_query_duration', maxDuration_ms, duration, printGoDuration)
        : ceilings.maxDuration_ms,
  };
}

function lowered(name: string, wanted: number, ceiling: number, shown: (x: number) => string): number {
  if (wanted === 0) return ceiling;
  if (ceiling > 0 && wanted > ceiling)
    throw new RequestError(
      'bad_data',
      `requested ${name} of ${shown(wanted)} exceeds the server limit of ${shown(ceiling)}`,
    );
  return wanted;
}
