// One job of `scrape_configs`.
import {
  boolean,
  duration,
  enumOf,
  list,
  mapOf,
  object,
  optional,
  problemAt,
  required,
  string,
  withDefault,
  type Decoder,
} from '@munjigi/document';
import {
  fileConfig,
  relabelConfigs,
  staticConfig,
  type FileConfig,
  type StaticConfig,
} from '@munjigi/discovery';
import { checkRelabel, type NameScheme, type Problem, type RelabelConfig } from '@munjigi/model';
import { otherDiscoveries } from './discoveries.ts';
import {
  ESCAPING_SCHEMES,
  limitFields,
  SCRAPE_PROTOCOLS,
  scrapeProtocols,
  type EscapingScheme,
  type GlobalConfig,
  type ScrapeLimits,
  type ScrapeProtocol,
} from './global.ts';
import { checkHttpClient, httpClientFields, type HttpClientConfig } from './http.ts';

/** What a job says of itself. */
interface JobFields extends ScrapeLimits, HttpClientConfig {
  readonly job_name: string;
  readonly fallback_scrape_protocol: ScrapeProtocol | undefined;
  readonly metrics_path: string;
  readonly scheme: string;
  readonly params: ReadonlyMap<string, readonly string[]>;
  readonly honor_labels: boolean;
  readonly honor_timestamps: boolean;
  readonly track_timestamps_staleness: boolean;
  readonly enable_compression: boolean;
  readonly static_configs: readonly StaticConfig[];
  readonly file_sd_configs: readonly FileConfig[];
  readonly relabel_configs: readonly RelabelConfig[];
  readonly metric_relabel_configs: readonly RelabelConfig[];
}

/** A job as it is written: what is not said is 0 or undefined. */
export interface WrittenJob extends JobFields {
  readonly scrape_interval: number;
  readonly scrape_timeout: number;
  readonly scrape_protocols: readonly ScrapeProtocol[] | undefined;
  readonly extra_scrape_metrics: boolean | undefined;
  readonly metric_name_validation_scheme: NameScheme | undefined;
  readonly metric_name_escaping_scheme: EscapingScheme | undefined;
}

/** A job with everything it takes from `global`. Durations in ms. */
export interface ScrapeConfig extends JobFields {
  readonly scrape_interval: number;
  readonly scrape_timeout: number;
  readonly scrape_protocols: readonly ScrapeProtocol[];
  readonly extra_scrape_metrics: boolean;
  readonly metric_name_validation_scheme: NameScheme;
  readonly metric_name_escaping_scheme: EscapingScheme;
  /** Where relative paths of this job start: the folder of the file that it stands in. */
  readonly dir: string;
}

/** Offered when nothing else is said; protobuf is not read here. */
const DEFAULT_PROTOCOLS: readonly ScrapeProtocol[] = SCRAPE_PROTOCOLS.filter((p) => p !== 'PrometheusProto');

const own = {
  ...limitFields,
  ...httpClientFields(true),
  job_name: required(string({ nonEmpty: true })),
  scrape_interval: withDefault(duration(), 0),
  scrape_timeout: withDefault(duration(), 0),
  scrape_protocols: optional(scrapeProtocols),
  fallback_scrape_protocol: optional(enumOf(...SCRAPE_PROTOCOLS)),
  metrics_path: withDefault(string(), '/metrics'),
  scheme: withDefault(enumOf('http', 'https'), 'http'),
  params: withDefault(mapOf(list(string())) as Decoder<ReadonlyMap<string, readonly string[]>>, new Map()),
  honor_labels: withDefault(boolean, false),
  honor_timestamps: withDefault(boolean, true),
  track_timestamps_staleness: withDefault(boolean, false),
  enable_compression: withDefault(boolean, true),
  extra_scrape_metrics: optional(boolean),
  metric_name_validation_scheme: optional(enumOf('utf8', 'legacy')),
  metric_name_escaping_scheme: optional(enumOf(...ESCAPING_SCHEMES)),
  native_histogram_bucket_limit: optional(histogramOption()),
  native_histogram_min_bucket_factor: optional(histogramOption()),
  static_configs: withDefault(list(staticConfig), []),
  file_sd_configs: withDefault(list(fileConfig), []),
  relabel_configs: withDefault(relabelConfigs(), []),
  metric_relabel_configs: withDefault(relabelConfigs(), []),
};

export const scrapeConfig: Decoder<WrittenJob> = object(
  { ...otherDiscoveries, ...own },
  {
    check: (job, report) => {
      checkHttpClient(report);
      if (job.relabel_configs.length > 0) return;
      for (const group of job.static_configs) {
        for (const target of group.targets) {
          if (target.includes('/'))
            report.error(
              'static_configs',
              `${JSON.stringify(target)} is not a valid hostname: a target is host:port`,
            );
        }
      }
    },
  },
);

function histogramOption(): Decoder<undefined> {
  return (node, context) => {
    context.warn(node, 'native histograms are not scraped yet: this setting has no effect');
    return undefined;
  };
}

/** Fills in what comes from `global` and checks what depends on it. `dir`: the folder of the file. */
export function finishJob(
  job: WrittenJob,
  global: GlobalConfig,
  dir: string,
): { config: ScrapeConfig; problems: Problem[] } {
  const problems: Problem[] = [];
  const error = (field: string, message: string): void =>
    void problems.push(problemAt(job, 'error', message, field));
  const scrape_interval = job.scrape_interval || global.scrape_interval;
  if (job.scrape_timeout > scrape_interval) {
    error('scrape_timeout', `is greater than the scrape interval of job ${JSON.stringify(job.job_name)}`);
  }
  const scheme = job.metric_name_validation_scheme ?? global.metric_name_validation_scheme;
  const escaping = escapingOf(job, global);
  if (escaping === 'allow-utf-8' && scheme !== 'utf8') {
    error('metric_name_escaping_scheme', 'allow-utf-8 needs metric_name_validation_scheme: utf8');
  }
  for (const name of ['relabel_configs', 'metric_relabel_configs'] as const) {
    job[name].forEach((rule, i) => {
      const wrong = checkRelabel(rule, scheme);
      if (wrong !== null) error(`${name}[${i}]`, wrong);
    });
  }
  const scrape_protocols = job.scrape_protocols ?? global.scrape_protocols ?? DEFAULT_PROTOCOLS;
  if (scrape_protocols.every((p) => p === 'PrometheusProto')) {
    error(
      'scrape_protocols',
      'PrometheusProto is not read yet: name a text protocol, such as PrometheusText0.0.4',
    );
  }
  if (job.fallback_scrape_protocol === 'PrometheusProto') {
    error(
      'fallback_scrape_protocol',
      'PrometheusProto is not read yet: name a text protocol, such as PrometheusText0.0.4',
    );
  }
  const config: ScrapeConfig = {
    ...job,
    ...limitsOf(job, global),
    scrape_interval,
    scrape_timeout: job.scrape_timeout || Math.min(global.scrape_timeout, scrape_interval),
    scrape_protocols,
    extra_scrape_metrics: job.extra_scrape_metrics ?? global.extra_scrape_metrics,
    metric_name_validation_scheme: scheme,
    metric_name_escaping_scheme: escaping,
    dir,
  };
  return { config, problems };
}

function escapingOf(job: WrittenJob, global: GlobalConfig): EscapingScheme {
  const fitting = (scheme: NameScheme): EscapingScheme =>
    scheme === 'legacy' ? 'underscores' : 'allow-utf-8';
  if (job.metric_name_escaping_scheme !== undefined) return job.metric_name_escaping_scheme;
  if (job.metric_name_validation_scheme !== undefined) return fitting(job.metric_name_validation_scheme);
  return global.metric_name_escaping_scheme ?? fitting(global.metric_name_validation_scheme);
}

function limitsOf(job: ScrapeLimits, global: ScrapeLimits): ScrapeLimits {
  return {
    body_size_limit: job.body_size_limit || global.body_size_limit,
    sample_limit: job.sample_limit || global.sample_limit,
    target_limit: job.target_limit || global.target_limit,
    label_limit: job.label_limit || global.label_limit,
    label_name_length_limit: job.label_name_length_limit || global.label_name_length_limit,
    label_value_length_limit: job.label_value_length_limit || global.label_value_length_limit,
    keep_dropped_targets: job.keep_dropped_targets || global.keep_dropped_targets,
  };
}
