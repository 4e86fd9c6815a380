// DestinationRule: the subsets of a host, and how it is connected to.
import {
  enumOf,
  boolean,
  ignored,
  integer,
  list,
  mapOf,
  number,
  object,
  optional,
  plain,
  required,
  string,
  withDefault,
  type Decoder,
  type Reporter,
} from '@munjigi/document';
import { judged, warned } from '../problems.ts';
import { millis } from './object.ts';
import { domainFault } from './names.ts';
import type { DestinationRuleSpec } from './spec.ts';

const text = string({ nonEmpty: true });
const later = 'not supported yet: it has no effect';
const duration = millis(1);
const unusedDuration = optional(warned(millis(0), () => later));
const size = optional(warned(integer({ min: 0 }), (value) => (value === 0 ? null : later)));

const connectionPool = object(
  {
    tcp: optional(
      object({
        maxConnections: size,
        connectTimeout: optional(duration),
        idleTimeout: unusedDuration,
        maxConnectionDuration: optional(warned(duration, () => later)),
        tcpKeepalive: ignored(later),
      }),
    ),
    http: optional(
      object(
        {
          http1MaxPendingRequests: size,
          http2MaxRequests: size,
          maxRequestsPerConnection: size,
          maxRetries: size,
          maxConcurrentStreams: size,
          idleTimeout: optional(duration),
          h2UpgradePolicy: optional(
            warned(enumOf('DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'), (policy) =>
              policy === 'UPGRADE' ? later : null,
            ),
          ),
          useClientProtocol: optional(warned(boolean, (on) => (on ? later : null))),
          http2KeepAlive: optional(
            warned(object({ interval: required(duration), timeout: required(duration) }), () => later),
          ),
        },
        {
          check: (pool, report) => {
            if (pool.h2UpgradePolicy === 'UPGRADE' && pool.useClientProtocol === true)
              report.error('useClientProtocol', 'wants either h2UpgradePolicy UPGRADE or useClientProtocol');
          },
        },
      ),
    ),
  },
  { check: wantsSome('tcp', 'http') },
);

const turns = 'not supported yet: endpoints take turns (ROUND_ROBIN)';
const tableSize = judged(integer({ min: 0 }), (size) =>
  isPrime(size) && size <= 5_000_011 ? null : `${size} is not a prime number of at most 5000011`,
);
const consistentHash = object(
  { maglev: optional(object({ tableSize: optional(tableSize) })) },
  { unknownFields: 'allowed' },
);

function isPrime(n: number): boolean {
  for (let i = 2; i * i <= n; i++) if (n % i === 0) return false;
  return n > 1;
}

const loadBalancer = object(
  {
    simple: optional(
      warned(
        enumOf('UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'),
        (policy) => (policy === 'ROUND_ROBIN' || policy === 'UNSPECIFIED' ? null : `${policy} is ${turns}`),
      ),
    ),
    consistentHash: optional(warned(consistentHash, () => `consistent hashing is ${turns}`)),
    localityLbSetting: ignored(later),
    zoneAwareLbSetting: ignored(later),
    warmup: ignored(later),
    warmupDurationSecs: ignored(later),
  },
  {
    check: (_, report) => {
      if (report.has('localityLbSetting') && report.has('zoneAwareLbSetting'))
        report.error('zoneAwareLbSetting', 'wants either localityLbSetting or zoneAwareLbSetting');
    },
  },
);

/** Anything but DISABLE asks for TLS: sending in the clear instead would give away what it protects. */
const tls = object(
  {
    mode: withDefault(
      judged(enumOf('DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'), (mode) =>
        mode === 'DISABLE'
          ? null
          : `TLS towards services (${mode}) is not supported yet, and in the clear it is not sent`,
      ),
      'DISABLE',
    ),
  },
  { unknownFields: 'allowed' },
);

const percent = optional(number({ min: 0, max: 100 }));
const policyFields = {
  connectionPool: optional(connectionPool),
  loadBalancer: optional(loadBalancer),
  outlierDetection: optional(
    warned(
      object(
        {
          maxEjectionPercent: percent,
          minHealthPercent: percent,
          interval: optional(duration),
          baseEjectionTime: optional(duration),
          consecutiveLocalOriginFailures: optional(integer({ min: 0 })),
          splitExternalLocalOriginErrors: withDefault(boolean, false),
        },
        {
          unknownFields: 'allowed',
          check: (value, report) => {
            if ((value.consecutiveLocalOriginFailures ?? 0) > 0 && !value.splitExternalLocalOriginErrors)
              report.error('consecutiveLocalOriginFailures', 'wants splitExternalLocalOriginErrors: true');
          },
        },
      ),
      () => later,
    ),
  ),
  tls: optional(tls),
};

const trafficPolicy = object(
  {
    ...policyFields,
    portLevelSettings: optional(
      warned(
        list(object({ ...policyFields, port: required(object({ number: required(integer()) })) })),
        () => later,
      ),
    ),
    tunnel: ignored(later),
    proxyProtocol: ignored(later),
    retryBudget: ignored(later),
  },
  {
    check: wantsSome(
      'connectionPool',
      'loadBalancer',
      'outlierDetection',
      'tls',
      'portLevelSettings',
      'tunnel',
      'proxyProtocol',
      'retryBudget',
    ),
  },
);

/** An empty part is a slip of the pen: usually the indentation is wrong. */
function wantsSome(...fields: readonly string[]): (value: unknown, report: Reporter) => void {
  return (_, report) => {
    if (!fields.some((field) => report.has(field)))
      report.error('', `wants at least one of ${fields.join(', ')}`);
  };
}

const subset = object({
  name: required(
    string({
      pattern: /^[a-z0-9A-Z](?:[-a-z0-9A-Z._]{0,61}[a-z0-9A-Z])?$/,
      what: 'a name of letters, digits, - and .',
    }),
  ),
  labels: withDefault(mapOf(string()), new Map<string, string>()),
  trafficPolicy: optional(trafficPolicy),
});

export const destinationRule: Decoder<DestinationRuleSpec> = object(
  {
    host: required(judged(text, domainFault)),
    subsets: withDefault(list(subset), []),
    trafficPolicy: optional(trafficPolicy),
    workloadSelector: ignored(later),
    exportTo: optional(plain),
  },
  {
    check: ({ subsets }, report) => {
      const seen = new Set<string>();
      for (const { name } of subsets) {
        if (seen.has(name)) report.error('subsets', `the subset ${name} is there twice`);
        seen.add(name);
      }
    },
  },
);
