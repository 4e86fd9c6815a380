// Kong's plugins as filters: which are taken, their configuration with its defaults, and which one runs for a route.
import {
  boolean,
  Context,
  enumOf,
  ignored,
  integer,
  list,
  number,
  object,
  optional,
  plain,
  string,
  withDefault,
  type Decoder,
  type MapNode,
} from '@munjigi/document';
import type { RateLimitingFilter, ResourceName } from '@munjigi/proxy';
import type { Problems } from '../problems.ts';
import { warned } from '../problems.ts';
import type { ResourceSet } from '../resources.ts';
import type { Plugin, Route } from './entities.ts';

/** In the order in which they run. */
const TAKEN = ['key-auth', 'rate-limiting'] as const;

/** Plugins that only watch, or without which clients can do less. */
const HARMLESS: ReadonlySet<string> = new Set([
  'acme',
  'correlation-id',
  'cors',
  'datadog',
  'file-log',
  'grpc-web',
  'http-log',
  'loggly',
  'opentelemetry',
  'prometheus',
  'proxy-cache',
  'statsd',
  'syslog',
  'tcp-log',
  'udp-log',
  'zipkin',
]);

export const KEY_AUTH_SECRET: ResourceName = 'secret/kong/key-auth';

const keyAuth = object({
  key_names: withDefault(
    list(string({ pattern: /^[a-zA-Z0-9_-]+$/, what: 'a name of letters, digits, _ and -' }), { min: 1 }),
    ['apikey'],
  ),
  hide_credentials: withDefault(boolean, false),
  anonymous: optional(
    warned(string(), (name) =>
      name === '' ? null : 'not supported yet: requests without a valid key are refused',
    ),
  ),
  key_in_header: withDefault(boolean, true),
  key_in_query: withDefault(boolean, true),
  key_in_body: optional(warned(boolean, (on) => (on ? 'not supported yet: bodies are not searched' : null))),
  run_on_preflight: withDefault(boolean, true),
  realm: optional(string()),
  identity_realms: ignored('not supported: only keys of this configuration are known'),
});

const WINDOWS = ['second', 'minute', 'hour', 'day', 'month', 'year'] as const;
const limit = optional(integer({ min: 1, max: 2 ** 31 - 1 }));
const redis = optional(plain);

const rateLimiting = object(
  {
    second: limit,
    minute: limit,
    hour: limit,
    day: limit,
    month: limit,
    year: limit,
    limit_by: withDefault(
      enumOf('consumer', 'credential', 'ip', 'service', 'header', 'path', 'consumer-group'),
      'consumer',
    ),
    header_name: optional(string({ nonEmpty: true })),
    path: optional(string({ pattern: /^\//, what: 'a path: it starts with /' })),
    policy: withDefault(
      warned(enumOf('local', 'cluster', 'redis'), (policy) =>
        policy === 'local'
          ? null
          : `${policy} is not supported yet: requests are counted in this process only`,
      ),
      'local',
    ),
    fault_tolerant: optional(boolean),
    hide_client_headers: withDefault(boolean, false),
    error_code: withDefault(integer({ min: 400, max: 599 }), 429),
    error_message: withDefault(string(), 'API rate limit exceeded'),
    sync_rate: optional(number()),
    redis,
    redis_host: redis,
    redis_port: redis,
    redis_username: redis,
    redis_password: redis,
    redis_ssl: redis,
    redis_ssl_verify: redis,
    redis_server_name: redis,
    redis_timeout: redis,
    redis_database: redis,
  },
  {
    check: (config, report) => {
      const set = WINDOWS.flatMap((window) => {
        const value = config[window];
        return value === undefined ? [] : [{ window, value }];
      });
      if (set.length === 0) report.error('', `wants at least one of ${WINDOWS.join(', ')}`);
      set.forEach(({ window, value }, i) => {
        const shorter = set[i - 1];
        if (shorter !== undefined && value < shorter.value)
          report.error(window, `is lower than the limit of a ${shorter.window} (${shorter.value})`);
      });
      const { limit_by: by } = config;
      if (by === 'header' && config.header_name === undefined)
        report.error('limit_by', 'header wants header_name');
      if (by === 'path' && config.path === undefined) report.error('limit_by', 'path wants path');
      if (by === 'consumer-group') report.error('limit_by', 'consumer-group is not supported yet');
    },
  },
);

type Value<D> = D extends Decoder<infer T> ? T : never;
type KeyAuth = Value<typeof keyAuth>;
type RateLimiting = Value<typeof rateLimiting>;

type Ready =
  | { readonly plugin: Plugin; readonly name: 'key-auth'; readonly config: KeyAuth }
  | { readonly plugin: Plugin; readonly name: 'rate-limiting'; readonly config: RateLimiting };

export interface RouteFilters {
  readonly names: ResourceName[];
  /** One line each, for people. */
  readonly lines: string[];
}

/** Judges all plugins at once; the result gives the filters of a route and adds them to `resources`. */
export function compilePlugins(
  plugins: readonly Plugin[],
  problems: Problems,
  resources: ResourceSet,
): (route: Route) => RouteFilters {
  const ready = plugins.flatMap((plugin) => compile(plugin, problems) ?? []);
  const byRoute = new Map<string, Ready[]>();
  const byService = new Map<string, Ready[]>();
  const global: Ready[] = [];
  for (const one of ready) {
    const { route, service } = one.plugin;
    if (route !== null) put(byRoute, route.id, one);
    else if (service !== null) put(byService, service.id, one);
    else global.push(one);
  }
  return (route) => {
    const filters: RouteFilters = { names: [], lines: [] };
    const ofRoute = (byRoute.get(route.id) ?? []).filter(
      ({ plugin }) => plugin.service === null || plugin.service.id === route.service?.id,
    );
    const ofService = byService.get(route.service?.id ?? '') ?? [];
    for (const name of TAKEN) {
      const named = (one: Ready): boolean => one.name === name;
      // Only the most specific one runs: route and service, route, service, everywhere.
      const chosen =
        ofRoute.find((one) => named(one) && one.plugin.service !== null) ??
        ofRoute.find(named) ??
        ofService.find(named) ??
        global.find(named);
      if (chosen === undefined) continue;
      filters.names.push(addFilter(chosen, route, resources));
      filters.lines.push(describeFilter(chosen));
    }
    return filters;
  };
}

function put(map: Map<string, Ready[]>, key: string, one: Ready): void {
  const before = map.get(key);
  if (before === undefined) map.set(key, [one]);
  else before.push(one);
}

function compile(plugin: Plugin, problems: Problems): Ready | null {
  const { fields, at } = plugin;
  if (!fields.enabled) return null;
  const name = TAKEN.find((known) => known === fields.name);
  if (name === undefined) {
    if (HARMLESS.has(fields.name)) {
      problems.warn(at, 'name', `the plugin ${fields.name} is not supported yet: it has no effect`);
    } else {
      problems.error(
        at,
        'name',
        `the plugin ${fields.name} is not supported, and without it requests may pass that it stops: ` +
          `remove it or set enabled: false (supported: ${TAKEN.join(', ')})`,
      );
    }
    return null;
  }
  const context = new Context({ file: at.file, unknownFields: 'warning', text: 'strict' });
  const empty: MapNode = { kind: 'map', line: at.line, column: at.column, entries: [] };
  const decodeConfig = <T>(decoder: Decoder<T>): T | undefined =>
    context.within(at.field === '' ? 'config' : `${at.field}.config`, () =>
      decoder(fields.config ?? empty, context),
    );
  let ready: Ready | null = null;
  if (name === 'key-auth') {
    const config = decodeConfig(keyAuth);
    if (config !== undefined) ready = { plugin, name, config };
  } else {
    const config = decodeConfig(rateLimiting);
    if (config !== undefined) ready = { plugin, name, config };
  }
  problems.all.push(...context.problems);
  if (plugin.consumer !== null) {
    const why =
      name === 'key-auth'
        ? 'key-auth cannot belong to a consumer'
        : 'limits of one consumer are not supported yet';
    problems.error(at, 'consumer', why);
    return null;
  }
  const { protocols } = fields;
  if (protocols !== undefined && !protocols.includes('http')) {
    problems.warn(at, 'protocols', 'without http in its protocols the plugin does not run on plain HTTP');
    return null;
  }
  return ready;
}

function addFilter(one: Ready, route: Route, resources: ResourceSet): ResourceName {
  const { plugin } = one;
  const scopeName = filterName(plugin);
  if (one.name === 'key-auth') {
    const { config } = one;
    return resources.add({
      kind: 'filter',
      name: `filter/kong/${scopeName}`,
      filter: 'key-auth',
      secret: KEY_AUTH_SECRET,
      keyNames: config.key_names,
      inHeader: config.key_in_header,
      inQuery: config.key_in_query,
      hideCredentials: config.hide_credentials,
      realm: config.realm ?? '',
      runOnPreflight: config.run_on_preflight,
    });
  }
  const { config } = one;
  // Counted for each service apart: a filter of its own for each, so that the data plane need not know services.
  const apart =
    config.limit_by === 'service' && plugin.service === null && plugin.route === null ? route.service : null;
  const counted = apart ?? plugin.service;
  return resources.add({
    kind: 'filter',
    name: `filter/kong/${scopeName}${apart === null ? '' : `@${apart.label}`}`,
    filter: 'rate-limiting',
    limits: limitsOf(config),
    limitBy: config.limit_by === 'consumer-group' ? 'consumer' : config.limit_by,
    limitByName: (config.limit_by === 'header' ? config.header_name?.toLowerCase() : config.path) ?? '',
    scope: `kong/${plugin.route?.id ?? ''}/${counted?.id ?? ''}`,
    hideClientHeaders: config.hide_client_headers,
    errorCode: config.error_code,
    errorMessage: config.error_message,
  });
}

function filterName(plugin: Plugin): string {
  const { service, route, fields } = plugin;
  const parts = [fields.name];
  if (service !== null) parts.push(`service/${service.label}`);
  if (route !== null) parts.push(`route/${route.label}`);
  return parts.join(':');
}

function limitsOf(config: RateLimiting): RateLimitingFilter['limits'] {
  return WINDOWS.flatMap((window) => {
    const value = config[window];
    return value === undefined ? [] : [{ window, limit: value }];
  });
}

function describeFilter(one: Ready): string {
  if (one.name === 'key-auth') return `key-auth (${one.config.key_names.join(', ')})`;
  const limits = limitsOf(one.config).map(({ window, limit: value }) => `${value} per ${window}`);
  return `rate-limiting (${limits.join(', ')}, by ${one.config.limit_by})`;
}
