// The data plane's counters as the main thread sees them: sums over the regions of all workers, read without asking anyone.
import { labelsFromObject, type MetricFamily, type MetricSample } from '@munjigi/model';
import { REFUSALS } from '../http1/refusal.ts';
import {
  CODE_LABELS,
  DURATION_BOUNDS,
  ENDPOINT,
  FAILURES,
  ROUTE,
  UPSTREAM,
  WORKER,
  endpointCell,
  routeCell,
  upstreamCell,
} from './layout.ts';
import type { Rows } from './rows.ts';

/** What the workers have seen of an endpoint. */
export interface EndpointHealth {
  readonly upstream: string;
  /** `host:port` */
  readonly endpoint: string;
  /** unhealthy: the last connects failed and none has worked since; unknown: not asked yet. */
  readonly health: 'healthy' | 'unhealthy' | 'unknown';
  /** Why it is unhealthy, or what failed last; '' when nothing has. */
  readonly reason: string;
  readonly requests: number;
  readonly failures: number;
  /** Wall time in ms; 0: never. */
  readonly lastFailure_ms: number;
}

const REASONS: Readonly<Record<string, string>> = {
  refused: 'the connection was refused',
  connect_timeout: 'no connection within the time for connecting',
  unreachable: 'the address is unreachable or the name unknown',
  reset: 'the connection was reset before an answer',
  closed_early: 'the connection was closed before the answer was whole',
  bad_response: 'the answer was not valid HTTP',
  timeout: 'the answer took too long',
  other: 'the connection failed',
};

/** The label value of rows that had no room. */
const OTHER = '_other';

export class SharedCounters {
  readonly #regions: readonly Float64Array[];
  readonly #rows: Rows;

  constructor(regions: readonly Float64Array[], rows: Rows) {
    this.#regions = regions;
    this.#rows = rows;
  }

  families(): MetricFamily[] {
    const routes = [{ row: 0, labels: [OTHER, OTHER] }, ...this.#rows.all('route')];
    const upstreams = [{ row: 0, labels: [OTHER] }, ...this.#rows.all('upstream')];
    const endpoints = [{ row: 0, labels: [OTHER, OTHER] }, ...this.#rows.all('endpoint')];
    const requests: MetricSample[] = [];
    const seconds: MetricSample[] = [];
    const bytesIn: MetricSample[] = [];
    const bytesOut: MetricSample[] = [];
    for (const { row, labels } of routes) {
      const cell = routeCell(row);
      const [route = '', service = ''] = labels;
      if (this.#codes(requests, cell + ROUTE.codes, { route, service }) === 0) continue;
      this.#histogram(seconds, cell + ROUTE.buckets, { route });
      bytesIn.push(sample({ route }, this.#sum(cell + ROUTE.bytesIn)));
      bytesOut.push(sample({ route }, this.#sum(cell + ROUTE.bytesOut)));
    }
    const upstreamSeconds: MetricSample[] = [];
    for (const { row, labels } of upstreams)
      this.#histogram(upstreamSeconds, upstreamCell(row) + UPSTREAM.buckets, { upstream: labels[0] ?? '' });
    const upstreamRequests: MetricSample[] = [];
    const failures: MetricSample[] = [];
    for (const { row, labels } of endpoints) {
      const cell = endpointCell(row);
      const [upstream = '', endpoint = ''] = labels;
      this.#codes(upstreamRequests, cell + ENDPOINT.codes, { upstream, endpoint });
      for (let i = 1; i < FAILURES.length; i++) {
        const n = this.#sum(cell + ENDPOINT.failures + i);
        if (n > 0) failures.push(sample({ upstream, endpoint, reason: FAILURES[i]! }, n));
      }
    }
    const up = this.endpoints()
      .filter(({ health }) => health !== 'unknown')
      .map(({ upstream, endpoint, health }) => sample({ upstream, endpoint }, health === 'healthy' ? 1 : 0));
    const bad = REFUSALS.map(({ reason }, i) =>
      sample({ reason }, i === 0 ? 0 : this.#sum(WORKER.bad + i)),
    ).slice(1);
    return [
      counter(
        'munjigi_http_requests_total',
        'Requests answered, by the status that the client got.',
        requests,
      ),
      {
        name: 'munjigi_http_request_duration_seconds',
        help: 'From the end of a request head to the last byte of its answer.',
        type: 'histogram',
        samples: seconds,
      },
      counter('munjigi_http_request_bytes_total', 'Bytes of requests, heads included.', bytesIn),
      counter('munjigi_http_response_bytes_total', 'Bytes of answers, heads included.', bytesOut),
      gauge('munjigi_http_connections', 'Open client connections.', [
        sample({}, this.#sum(WORKER.connections)),
      ]),
      gauge('munjigi_http_requests_in_flight', 'Requests in progress.', [
        sample({}, this.#sum(WORKER.inFlight)),
      ]),
      counter(
        'munjigi_http_bad_requests_total',
        'Requests refused before they were routed, and bodies refused while they came.',
        bad,
      ),
      counter('munjigi_upstream_requests_total', 'Answers of endpoints, by status.', upstreamRequests),
      {
        name: 'munjigi_upstream_request_duration_seconds',
        help: 'From sending a request to the last byte of its answer.',
        type: 'histogram',
        samples: upstreamSeconds,
      },
      counter(
        'munjigi_upstream_failures_total',
        'Tries at an endpoint that brought no whole answer.',
        failures,
      ),
      gauge('munjigi_upstream_endpoint_up', 'Whether the last connect to an endpoint worked.', up),
      counter('munjigi_access_log_dropped_total', 'Lines that the access log had no room for.', [
        sample({}, this.#sum(WORKER.logDropped)),
      ]),
      counter(
        'munjigi_rate_limit_evicted_total',
        'Counters that made way because the table of limits was full.',
        [sample({}, this.#sum(WORKER.limitEvicted))],
      ),
    ];
  }

  /** Of every endpoint that the running version names. */
  endpoints(): EndpointHealth[] {
    const all: EndpointHealth[] = [];
    for (const { row, labels, used } of this.#rows.all('endpoint')) {
      if (!used) continue;
      const cell = endpointCell(row);
      let failedAt = 0;
      let failure = 0;
      let workedAt = 0;
      let down = false;
      for (const r of this.#regions) {
        workedAt = Math.max(workedAt, r[cell + ENDPOINT.lastSuccessAt]!);
        down ||= r[cell + ENDPOINT.down] === 1;
        if (r[cell + ENDPOINT.lastFailureAt]! > failedAt) {
          failedAt = r[cell + ENDPOINT.lastFailureAt]!;
          failure = r[cell + ENDPOINT.lastFailure]!;
        }
      }
      const unhealthy = down && failedAt >= workedAt;
      let requests = 0;
      let failures = 0;
      for (let i = 0; i < CODE_LABELS.length; i++) requests += this.#sum(cell + ENDPOINT.codes + i);
      for (let i = 1; i < FAILURES.length; i++) failures += this.#sum(cell + ENDPOINT.failures + i);
      all.push({
        upstream: labels[0] ?? '',
        endpoint: labels[1] ?? '',
        health: unhealthy ? 'unhealthy' : workedAt > 0 ? 'healthy' : 'unknown',
        reason: failedAt > 0 ? (REASONS[FAILURES[failure]!] ?? '') : '',
        requests,
        failures,
        lastFailure_ms: Math.round(failedAt),
      });
    }
    return all;
  }

  #sum(cell: number): number {
    let sum = 0;
    for (const r of this.#regions) sum += r[cell]!;
    return sum;
  }

  #codes(into: MetricSample[], cell: number, labels: Readonly<Record<string, string>>): number {
    let total = 0;
    CODE_LABELS.forEach((code, i) => {
      const n = this.#sum(cell + i);
      total += n;
      if (n > 0) into.push(sample({ ...labels, code }, n));
    });
    return total;
  }

  #histogram(into: MetricSample[], cell: number, labels: Readonly<Record<string, string>>): void {
    let total = 0;
    const buckets: MetricSample[] = [];
    for (let i = 0; i <= DURATION_BOUNDS.length; i++) {
      total += this.#sum(cell + i);
      const le = i < DURATION_BOUNDS.length ? String(DURATION_BOUNDS[i]) : '+Inf';
      buckets.push({ suffix: '_bucket', labels: labelsFromObject({ ...labels, le }), value: total });
    }
    if (total === 0) return;
    const own = labelsFromObject({ ...labels });
    into.push(
      ...buckets,
      { suffix: '_sum', labels: own, value: this.#sum(cell + DURATION_BOUNDS.length + 1) },
      { suffix: '_count', labels: own, value: total },
    );
  }
}

function sample(labels: Readonly<Record<string, string>>, value: number): MetricSample {
  return { suffix: '', labels: labelsFromObject(labels), value };
}

function counter(name: string, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name, help, type: 'counter', samples };
}

function gauge(name: string, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name, help, type: 'gauge', samples };
}
