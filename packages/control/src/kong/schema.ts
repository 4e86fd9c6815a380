// Kong's declarative entities as they are written, field by field. What is not taken says so: `ignored` where the gateway then does less,
// `refused` where leaving it out would let through what Kong stops.
import {
  boolean,
  byKind,
  enumOf,
  ignored,
  integer,
  list,
  mapOf,
  object,
  optional,
  plain,
  raw,
  refused,
  refine,
  required,
  string,
  withDefault,
  type Decoder,
  type Schema,
} from '@munjigi/document';
import type {
  ConsumerFields,
  KeyFields,
  PluginFields,
  Reference,
  RouteFields,
  ServiceFields,
  TargetFields,
  UpstreamFields,
} from './fields.ts';

const text = string({ nonEmpty: true });
const tags = optional(list(string()));
const PROTOCOLS = [
  'http',
  'https',
  'grpc',
  'grpcs',
  'tcp',
  'tls',
  'udp',
  'tls_passthrough',
  'ws',
  'wss',
] as const;
const protocols = optional(list(enumOf(...PROTOCOLS), { min: 1 }));

const DAYS_24 = 2_147_483_646;
const timeout = withDefault(integer({ min: 1, max: DAYS_24 }), 60_000);

/** `name`, `{ name: x }` or `{ id: x }`; consumers are named by `username`. */
const reference: Decoder<Reference> = byKind<Reference>({
  scalar: refine(text, (key) => ({ by: 'either', key })),
  map: refine(
    object({ id: optional(text), name: optional(text), username: optional(text) }),
    ({ id, name, username }, report) => {
      if (id !== undefined) return { by: 'id', key: id };
      const key = name ?? username;
      return key === undefined ? report('wants the name or the id of the other entity') : { by: 'name', key };
    },
  ),
});

const filterChains = refused(
  'WebAssembly filters are not supported, and without them requests may pass that they stop',
);

/** Fields that every entity may have and that mean nothing to a gateway. */
const bookkeeping = {
  tags,
  created_at: optional(plain),
  updated_at: optional(plain),
  _comment: optional(plain),
  _ignore: optional(plain),
} satisfies Schema;

/** Lists of other entities, read on their own. */
const nested = optional(raw);

const later = 'not supported yet: it has no effect';

export const pluginDecoder: Decoder<PluginFields> = object({
  ...bookkeeping,
  id: optional(text),
  name: required(text),
  instance_name: optional(text),
  service: optional(reference),
  route: optional(reference),
  consumer: optional(reference),
  consumer_group: refused('consumer groups are not supported yet'),
  protocols,
  enabled: withDefault(boolean, true),
  config: optional(raw),
  _config: refused('shared plugin configurations are not supported: write config out'),
  condition: refused('conditional plugins are not supported'),
  ordering: refused('another order of plugins is not supported: plugins run in their default order'),
  partials: refused('partials are not supported: write config out'),
  run_on: optional(plain),
});

export const routeDecoder: Decoder<RouteFields> = object({
  ...bookkeeping,
  id: optional(text),
  name: optional(text),
  protocols,
  methods: optional(list(string({ pattern: /^[A-Z]+$/, what: 'a method in upper case' }))),
  hosts: optional(list(text)),
  paths: optional(list(text)),
  headers: optional(mapOf(list(string({ nonEmpty: true }), { min: 1 }))),
  snis: optional(list(text)),
  sources: refused('matching by client address is not supported yet'),
  destinations: refused('matching by local address is not supported yet'),
  regex_priority: optional(integer()),
  strip_path: withDefault(boolean, true),
  preserve_host: withDefault(boolean, false),
  path_handling: withDefault(enumOf('v0', 'v1'), 'v0'),
  https_redirect_status_code: withDefault(integer(), 426),
  request_buffering: optional(boolean),
  response_buffering: optional(boolean),
  expression: refused('expressions are not supported yet: write methods, hosts, paths and headers'),
  priority: refused('expressions and their priority are not supported yet'),
  service: optional(reference),
  filter_chains: filterChains,
  plugins: nested,
});

export const serviceDecoder: Decoder<ServiceFields> = object({
  ...bookkeeping,
  id: optional(text),
  name: optional(text),
  url: optional(text),
  protocol: optional(enumOf(...PROTOCOLS)),
  host: optional(text),
  port: optional(integer({ min: 0, max: 65_535 })),
  path: optional(text),
  retries: withDefault(integer({ min: 0, max: 32_767 }), 5),
  connect_timeout: timeout,
  write_timeout: timeout,
  read_timeout: timeout,
  enabled: withDefault(boolean, true),
  client_certificate: refused('client certificates towards services are not supported yet'),
  tls_verify: optional(
    refine(boolean, (on, report) => (on ? report('TLS towards services is not supported yet') : on)),
  ),
  tls_verify_depth: refused('TLS towards services is not supported yet'),
  tls_sans: refused('TLS towards services is not supported yet'),
  ca_certificates: refused('TLS towards services is not supported yet'),
  filter_chains: filterChains,
  routes: nested,
  plugins: nested,
});

export const targetDecoder: Decoder<TargetFields> = object({
  ...bookkeeping,
  id: optional(text),
  target: required(text),
  weight: withDefault(integer({ min: 0, max: 65_535 }), 100),
  upstream: optional(reference),
  failover: ignored(later),
});

const hashing = ignored('consistent hashing is not supported yet: targets take turns');
export const upstreamDecoder: Decoder<UpstreamFields> = object({
  ...bookkeeping,
  id: optional(text),
  name: required(text),
  algorithm: withDefault(
    enumOf('round-robin', 'least-connections', 'consistent-hashing', 'latency', 'sticky-sessions'),
    'round-robin',
  ),
  hash_on: withDefault(text, 'none'),
  hash_fallback: withDefault(text, 'none'),
  hash_on_header: hashing,
  hash_on_cookie: hashing,
  hash_on_cookie_path: optional(plain),
  hash_on_query_arg: hashing,
  hash_on_uri_capture: hashing,
  hash_fallback_header: hashing,
  hash_fallback_query_arg: hashing,
  hash_fallback_uri_capture: hashing,
  sticky_sessions_cookie: hashing,
  sticky_sessions_cookie_path: optional(plain),
  slots: optional(integer({ min: 10, max: 65_536 })),
  host_header: optional(text),
  healthchecks: optional(raw),
  client_certificate: refused('client certificates towards services are not supported yet'),
  use_srv_name: ignored(later),
  targets: nested,
});

export const keyDecoder: Decoder<KeyFields> = object({
  ...bookkeeping,
  id: optional(text),
  key: required(text),
  ttl: refused('keys that expire are not supported: this one would stay valid'),
  consumer: optional(reference),
});

const otherCredential = ignored('its plugin is not supported yet: these credentials have no effect');
export const consumerDecoder: Decoder<ConsumerFields> = object({
  ...bookkeeping,
  id: optional(text),
  username: optional(text),
  custom_id: optional(text),
  type: optional(plain),
  acls: otherCredential,
  basicauth_credentials: otherCredential,
  hmacauth_credentials: otherCredential,
  jwt_secrets: otherCredential,
  oauth2_credentials: otherCredential,
  mtls_auth_credentials: otherCredential,
  groups: refused('consumer groups are not supported yet'),
  keyauth_credentials: nested,
  plugins: nested,
});

export interface OtherPart {
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

function parts(
  severity: OtherPart['severity'],
  message: string,
  names: readonly string[],
): [string, OtherPart][] {
  return names.map((name) => [name, { severity, message }]);
}

/** Top-level parts beside the entities that are taken: what is done with each. */
export const otherParts: ReadonlyMap<string, OtherPart> = new Map([
  ...parts('warning', 'its plugin is not supported yet: it has no effect', [
    'acls',
    'basicauth_credentials',
    'hmacauth_credentials',
    'jwt_secrets',
    'oauth2_credentials',
    'oauth2_tokens',
    'mtls_auth_credentials',
  ]),
  ...parts('warning', later, [
    'certificates',
    'snis',
    'ca_certificates',
    'vaults',
    'keys',
    'key_sets',
    'licenses',
    'custom_entities',
  ]),
  ...parts('error', 'not supported, and without it requests may pass that it stops', [
    'consumer_groups',
    'filter_chains',
    '_plugin_configs',
    'plugin_configs',
    'partials',
    'rbac_roles',
  ]),
]);

/** Top-level keys that carry no entity. */
export const headerKeys: ReadonlySet<string> = new Set([
  '_format_version',
  '_transform',
  '_comment',
  '_ignore',
  '_workspace',
  '_konnect',
  '_info',
]);
