// What collecting counts of itself, under Prometheus' names.
import { labelsFromObject, Registry, type Metric, type MetricFamily } from '@munjigi/model';
import { Refusals } from './refusals.ts';

export interface Counters {
  readonly sampleLimit: Metric;
  readonly bodySizeLimit: Metric;
  readonly labelLimits: Metric;
  readonly targetLimit: Metric;
  readonly duplicate: Metric;
  readonly outOfOrder: Metric;
  readonly outOfBounds: Metric;
  readonly refused: Metric;
  readonly refusedByCap: Metric;
  /** What the storage refused, of all targets. */
  readonly refusals: Refusals;
  readonly failedCommits: Metric;
  readonly syncFailed: Metric;
  readonly syncs: Metric;
  readonly poolTargets: Metric;
  readonly discovered: Metric;
  readonly reloads: Metric;
  readonly skipped: Metric;
  readonly intervals: IntervalSummary;
  /** All of it. */
  readonly families: () => MetricFamily[];
  readonly registry: Registry;
}

export function createCounters(): Counters {
  const registry = new Registry();
  const counter = (name: string, help: string, zero = true): Metric => {
    const metric = registry.counter(name, help);
    if (zero) metric.with().add(0);
    return metric;
  };
  const intervals = new IntervalSummary();
  return {
    sampleLimit: counter(
      'prometheus_target_scrapes_exceeded_sample_limit_total',
      'Total number of scrapes that hit the sample limit and were rejected.',
    ),
    bodySizeLimit: counter(
      'prometheus_target_scrapes_exceeded_body_size_limit_total',
      'Total number of scrapes that hit the body size limit.',
    ),
    labelLimits: counter(
      'prometheus_target_scrape_pool_exceeded_label_limits_total',
      'Total number of scrapes that hit the label limits.',
    ),
    targetLimit: counter(
      'prometheus_target_scrape_pool_exceeded_target_limit_total',
      'Total number of times scrape pools hit the target limit.',
    ),
    duplicate: counter(
      'prometheus_target_scrapes_sample_duplicate_timestamp_total',
      'Total number of samples rejected due to duplicate timestamps but different values.',
    ),
    outOfOrder: counter(
      'prometheus_target_scrapes_sample_out_of_order_total',
      'Total number of samples rejected due to not being out of the expected order.',
    ),
    outOfBounds: counter(
      'prometheus_target_scrapes_sample_out_of_bounds_total',
      'Total number of samples rejected due to timestamp falling outside of the time bounds.',
    ),
    refused: counter(
      'munjigi_target_scrapes_series_refused_total',
      'Total number of new series that the storage refused, for its series limit or their labels.',
    ),
    refusedByCap: counter(
      'munjigi_scrape_series_refused_total',
      'Total number of new series that were left out because their target has as many as it may, counted again with each scrape.',
      false,
    ),
    refusals: new Refusals(),
    failedCommits: counter(
      'munjigi_target_scrapes_commits_failed_total',
      'Total number of scrapes whose samples the storage could not write.',
    ),
    skipped: counter(
      'munjigi_target_scrapes_skipped_total',
      'Total number of intervals without a scrape because the one before took longer.',
    ),
    reloads: counter('prometheus_target_scrape_pool_reloads_total', 'Total number of scrape pool reloads.'),
    syncs: counter(
      'prometheus_target_scrape_pool_sync_total',
      'Total number of syncs that were executed on a scrape pool.',
      false,
    ),
    syncFailed: counter(
      'prometheus_target_sync_failed_total',
      'Total number of target sync failures.',
      false,
    ),
    poolTargets: registry.gauge(
      'prometheus_target_scrape_pool_targets',
      'Current number of targets in this scrape pool.',
    ),
    discovered: registry.gauge('prometheus_sd_discovered_targets', 'Current number of discovered targets.'),
    intervals,
    registry,
    families: () => [...registry.families(), intervals.family()],
  };
}

const QUANTILES = [0.01, 0.05, 0.5, 0.9, 0.99];
/** The quantiles are those of this many last scrapes of each interval. */
const KEPT = 512;

/** `prometheus_target_interval_length_seconds`: actual intervals between scrapes, by the configured one. */
class IntervalSummary {
  readonly #rings = new Map<string, { values: Float64Array; count: number; sum: number }>();

  observe(interval: string, seconds: number): void {
    let ring = this.#rings.get(interval);
    if (ring === undefined)
      this.#rings.set(interval, (ring = { values: new Float64Array(KEPT), count: 0, sum: 0 }));
    ring.values[ring.count % KEPT] = seconds;
    ring.count++;
    ring.sum += seconds;
  }

  family(): MetricFamily {
    const samples = [...this.#rings].flatMap(([interval, ring]) => {
      const sorted = ring.values.slice(0, Math.min(ring.count, KEPT)).sort();
      const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
      return [
        ...QUANTILES.map((q) => ({
          suffix: '',
          labels: labelsFromObject({ interval, quantile: String(q) }),
          value: at(q),
        })),
        { suffix: '_sum', labels: labelsFromObject({ interval }), value: ring.sum },
        { suffix: '_count', labels: labelsFromObject({ interval }), value: ring.count },
      ];
    });
    return {
      name: 'prometheus_target_interval_length_seconds',
      help: 'Actual intervals between scrapes.',
      type: 'summary',
      samples,
    };
  }
}
