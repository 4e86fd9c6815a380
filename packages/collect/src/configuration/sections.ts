// The sections of prometheus.yml that other parts of the program will take over one day: recognised, checked for what Prometheus would
// refuse, and answered with a warning that names them.
import {
  boolean,
  duration,
  enumOf,
  integer,
  list,
  mapOf,
  number,
  object,
  optional,
  plain,
  refine,
  required,
  string,
  withDefault,
  type Decoder,
  type Field,
} from '@munjigi/document';
import { fileConfig, relabelConfigs, staticConfig } from '@munjigi/discovery';
import { otherDiscoveries } from './discoveries.ts';
import { atMostOne, checkHeaderName, checkHttpClient, httpClientFields } from './http.ts';

/** A section that is checked and then ignored, with a reason. */
function later(decoder: Decoder<unknown>, reason: string): Field<undefined> {
  const say: Decoder<undefined> = (node, context) => {
    decoder(node, context);
    context.warn(node, reason);
    return undefined;
  };
  return { decoder: say, absent: () => undefined, silent: true };
}

const headers = optional(mapOf(string(), checkHeaderName));
const positive = integer({ min: 1 });

const queueConfig = object(
  {
    capacity: withDefault(positive, 10_000),
    max_shards: withDefault(positive, 50),
    min_shards: withDefault(positive, 1),
    max_samples_per_send: withDefault(positive, 2000),
    batch_send_deadline: optional(duration()),
    min_backoff: withDefault(duration(), 30),
    max_backoff: withDefault(duration(), 5000),
    retry_on_http_429: optional(boolean),
    sample_age_limit: optional(duration()),
  },
  {
    check: (q, report) => {
      if (q.min_shards > q.max_shards) report.error('min_shards', 'is greater than max_shards');
      if (q.min_backoff > q.max_backoff) report.error('max_backoff', 'is less than min_backoff');
    },
  },
);

const remoteWrite = object(
  {
    ...httpClientFields(false),
    url: required(string({ nonEmpty: true })),
    remote_timeout: optional(duration()),
    headers,
    write_relabel_configs: optional(relabelConfigs()),
    name: withDefault(string(), ''),
    send_exemplars: optional(boolean),
    send_native_histograms: optional(boolean),
    convert_nhcb_to_classic: optional(boolean),
    round_robin_dns: optional(boolean),
    protobuf_message: optional(enumOf('prometheus.WriteRequest', 'io.prometheus.write.v2.Request')),
    queue_config: optional(queueConfig),
    metadata_config: optional(
      object({
        send: optional(boolean),
        send_interval: optional(duration()),
        max_samples_per_send: optional(integer()),
      }),
    ),
    sigv4: optional(plain),
    azuread: optional(plain),
    google_iam: optional(plain),
  },
  { check: (_, report) => checkHttpClient(report) },
);

const remoteRead = object(
  {
    ...httpClientFields(false),
    url: required(string({ nonEmpty: true })),
    remote_timeout: optional(duration()),
    chunked_read_limit: optional(integer({ min: 0 })),
    headers,
    read_recent: optional(boolean),
    name: withDefault(string(), ''),
    required_matchers: optional(mapOf(string())),
    filter_external_labels: optional(boolean),
  },
  { check: (_, report) => checkHttpClient(report) },
);

/** A list whose entries have different names, where they have one. */
function uniqueNames(item: Decoder<{ readonly name: string }>): Decoder<unknown> {
  return refine(list(item), (items, report) => {
    const names = items.map((entry) => entry.name).filter((name) => name !== '');
    return new Set(names).size === names.length ? items : report('two entries have the same name');
  });
}

const alertmanager = object(
  {
    ...httpClientFields(false),
    ...otherDiscoveries,
    static_configs: optional(list(staticConfig)),
    file_sd_configs: optional(list(fileConfig)),
    scheme: optional(string()),
    path_prefix: optional(string()),
    timeout: optional(duration()),
    api_version: optional(enumOf('v2')),
    relabel_configs: optional(relabelConfigs()),
    alert_relabel_configs: optional(relabelConfigs()),
    sigv4: optional(plain),
  },
  { check: (_, report) => checkHttpClient(report) },
);

const alerting = object({
  alert_relabel_configs: optional(relabelConfigs()),
  alertmanagers: optional(list(alertmanager)),
});

const tracing = object({
  client_type: optional(enumOf('grpc', 'http')),
  endpoint: required(string({ nonEmpty: true })),
  sampling_fraction: optional(number()),
  insecure: optional(boolean),
  tls_config: httpClientFields(false).tls_config,
  headers,
  compression: optional(enumOf('gzip')),
  timeout: optional(duration()),
});

const attributes = refine(list(string()), (names, report) => {
  const trimmed = names.map((name) => name.trim());
  if (trimmed.includes('')) return report('names an empty attribute');
  return new Set(trimmed).size === trimmed.length ? trimmed : report('names an attribute twice');
});

/** What of `otlp` the rest of the file must fit. */
export interface OtlpConfig {
  readonly translation_strategy: string;
}

export const otlp: Decoder<OtlpConfig> = (node, context) => {
  context.warn(node, 'otlp is not supported yet: it is ignored');
  return otlpFields(node, context);
};

const otlpFields: Decoder<OtlpConfig> = object(
  {
    promote_all_resource_attributes: withDefault(boolean, false),
    promote_resource_attributes: withDefault(attributes, []),
    ignore_resource_attributes: withDefault(attributes, []),
    translation_strategy: withDefault(
      enumOf(
        'UnderscoreEscapingWithSuffixes',
        'UnderscoreEscapingWithoutSuffixes',
        'NoUTF8EscapingWithSuffixes',
        'NoTranslation',
      ),
      'UnderscoreEscapingWithSuffixes',
    ),
    keep_identifying_resource_attributes: optional(boolean),
    convert_histograms_to_nhcb: optional(boolean),
    promote_scope_metadata: optional(boolean),
    label_name_underscore_sanitization: optional(boolean),
    label_name_preserve_multiple_underscores: optional(boolean),
  },
  {
    check: (value, report) => {
      const all = value.promote_all_resource_attributes;
      if (all && value.promote_resource_attributes.length > 0)
        atMostOne(report, 'promote_all_resource_attributes', 'promote_resource_attributes');
      if (!all && value.ignore_resource_attributes.length > 0) {
        report.error('ignore_resource_attributes', 'needs promote_all_resource_attributes');
      }
    },
  },
);

/** Rows of the schema of the whole file. */
export const laterSections: Readonly<Record<string, Field<undefined>>> = {
  alerting: later(alerting, 'alerting is not supported yet: it is ignored, and no alert is sent'),
  remote_write: later(
    uniqueNames(remoteWrite),
    'remote_write is not supported yet: it is ignored, and nothing is sent',
  ),
  remote_read: later(uniqueNames(remoteRead), 'remote_read is not supported yet: it is ignored'),
  tracing: later(tracing, 'tracing is not supported yet: it is ignored'),
  runtime: later(object({ gogc: optional(integer()) }), 'runtime is about Go: it has no effect here'),
};
