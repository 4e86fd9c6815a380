// The `global` section: what holds for every job that says nothing else.
import {
  boolean,
  duration,
  enumOf,
  ignored,
  integer,
  list,
  object,
  optional,
  refine,
  string,
  withDefault,
  type Decoder,
  type Field,
} from '@munjigi/document';
import { labelSet } from '@munjigi/discovery';
import { EMPTY_LABELS, type Labels, type NameScheme } from '@munjigi/model';

export const SCRAPE_PROTOCOLS = [
  'PrometheusProto',
  'OpenMetricsText1.0.0',
  'OpenMetricsText0.0.1',
  'PrometheusText1.0.0',
  'PrometheusText0.0.4',
] as const;
export type ScrapeProtocol = (typeof SCRAPE_PROTOCOLS)[number];
export const ESCAPING_SCHEMES = ['allow-utf-8', 'underscores', 'dots', 'values'] as const;
export type EscapingScheme = (typeof ESCAPING_SCHEMES)[number];

/** Limits of a scrape; 0: none. */
export interface ScrapeLimits {
  /** Bytes of the body, uncompressed. */
  readonly body_size_limit: number;
  /** Samples after metric relabelling. */
  readonly sample_limit: number;
  /** Targets of a job after relabelling. */
  readonly target_limit: number;
  readonly label_limit: number;
  readonly label_name_length_limit: number;
  readonly label_value_length_limit: number;
  /** Dropped targets of a job that are remembered for display. */
  readonly keep_dropped_targets: number;
}

/** Durations in ms. */
export interface GlobalConfig extends ScrapeLimits {
  readonly scrape_interval: number;
  readonly scrape_timeout: number;
  readonly scrape_protocols: readonly ScrapeProtocol[] | undefined;
  readonly evaluation_interval: number;
  readonly rule_query_offset: number;
  readonly query_log_file: string;
  readonly external_labels: Labels;
  readonly metric_name_validation_scheme: NameScheme;
  readonly metric_name_escaping_scheme: EscapingScheme | undefined;
  readonly extra_scrape_metrics: boolean;
  /** Limits of one query: series, samples, ms; 0: none. */
  readonly query_max_series: number;
  readonly query_max_samples_read: number;
  readonly query_max_duration: number;
}

const uint = integer({ min: 0 });

/** `15MB`, `1GiB`: a unit is required, as in Prometheus; units are powers of 1024. */
export const bytesWithUnit: Decoder<number> = refine(string(), (text, report) => {
  if (text === '0') return 0;
  const match = /^(\d+(?:\.\d+)?)([KMGTPE]?)i?B$/i.exec(text);
  if (match === null)
    return report(`wants a size with its unit, such as 512KB or 10MB, got ${JSON.stringify(text)}`);
  return Math.floor(Number(match[1]) * 1024 ** ' KMGTPE'.indexOf((match[2] || ' ').toUpperCase()));
});

export const scrapeProtocols: Decoder<ScrapeProtocol[]> = refine(
  list(enumOf(...SCRAPE_PROTOCOLS), { min: 1 }),
  (protocols, report) =>
    new Set(protocols).size === protocols.length ? protocols : report('names a protocol twice'),
);

/** Rows of a schema that `global` and a job share. */
export interface LimitFields extends Record<string, Field<unknown>> {
  readonly body_size_limit: Field<number>;
  readonly sample_limit: Field<number>;
  readonly target_limit: Field<number>;
  readonly label_limit: Field<number>;
  readonly label_name_length_limit: Field<number>;
  readonly label_value_length_limit: Field<number>;
  readonly keep_dropped_targets: Field<number>;
}

export const limitFields: LimitFields = {
  body_size_limit: withDefault(bytesWithUnit, 0),
  sample_limit: withDefault(uint, 0),
  target_limit: withDefault(uint, 0),
  label_limit: withDefault(uint, 0),
  label_name_length_limit: withDefault(uint, 0),
  label_value_length_limit: withDefault(uint, 0),
  keep_dropped_targets: withDefault(uint, 0),
  scrape_failure_log_file: ignored('not supported yet: scrape failures go to the log'),
  scrape_native_histograms: nativeHistograms(),
  convert_classic_histograms_to_nhcb: nativeHistograms(),
  always_scrape_classic_histograms: nativeHistograms(),
};

/** The text formats have no native histograms, so only `true` would change anything. */
function nativeHistograms(): Field<undefined> {
  const decoder: Decoder<undefined> = (node, context) => {
    if (boolean(node, context) === true) {
      context.warn(
        node,
        'not supported yet: native histograms are not scraped, classic ones are, as they are exposed',
      );
    }
    return undefined;
  };
  return { decoder, absent: () => undefined, silent: true };
}

const DEFAULT_INTERVAL = 60_000;
const DEFAULT_TIMEOUT = 10_000;

export const globalConfig: Decoder<GlobalConfig> = refine(
  object({
    ...limitFields,
    scrape_interval: withDefault(duration(), 0),
    scrape_timeout: withDefault(duration(), 0),
    scrape_protocols: optional(scrapeProtocols),
    evaluation_interval: withDefault(duration(), 0),
    rule_query_offset: withDefault(duration(), 0),
    query_log_file: withDefault(string(), ''),
    external_labels: withDefault(labelSet('utf8'), EMPTY_LABELS),
    metric_name_validation_scheme: withDefault(enumOf('utf8', 'legacy'), 'utf8'),
    metric_name_escaping_scheme: optional(enumOf(...ESCAPING_SCHEMES)),
    extra_scrape_metrics: withDefault(boolean, false),
    query_max_series: withDefault(uint, 0),
    query_max_samples_read: withDefault(uint, 0),
    query_max_duration: withDefault(duration(), 0),
  }),
  (value, report) => {
    const scrape_interval = value.scrape_interval || DEFAULT_INTERVAL;
    if (value.scrape_timeout > scrape_interval)
      return report('scrape_timeout is greater than scrape_interval');
    return {
      ...value,
      scrape_interval,
      scrape_timeout: value.scrape_timeout || Math.min(DEFAULT_TIMEOUT, scrape_interval),
      evaluation_interval: value.evaluation_interval || DEFAULT_INTERVAL,
    };
  },
);
