// Fields of an HTTP client, as scrape configurations and everything else in prometheus.yml that speaks HTTP have them.
import {
  boolean,
  enumOf,
  ignored,
  list,
  mapOf,
  object,
  optional,
  refused,
  string,
  withDefault,
  type Decoder,
  type Field,
  type Reporter,
} from '@munjigi/document';

interface BasicAuth {
  readonly username: string;
  readonly username_file: string;
  readonly password: string;
  readonly password_file: string;
}

interface Authorization {
  readonly type: string;
  readonly credentials: string;
  readonly credentials_file: string;
}

/** PEM texts and paths of PEM files. */
interface TlsConfig {
  readonly ca: string;
  readonly ca_file: string;
  readonly cert: string;
  readonly cert_file: string;
  readonly key: string;
  readonly key_file: string;
  readonly server_name: string;
  readonly insecure_skip_verify: boolean;
}

interface HttpHeader {
  readonly values: readonly string[];
  readonly secrets: readonly string[];
  readonly files: readonly string[];
}

/** What a client shows and trusts. */
export interface HttpClientConfig {
  readonly basic_auth: BasicAuth | undefined;
  readonly authorization: Authorization | undefined;
  readonly bearer_token: string;
  readonly bearer_token_file: string;
  readonly tls_config: TlsConfig | undefined;
  readonly http_headers: ReadonlyMap<string, HttpHeader>;
  readonly follow_redirects: boolean;
}

const secret = string();

const basicAuth: Decoder<BasicAuth> = object(
  {
    username: withDefault(string(), ''),
    username_file: withDefault(string(), ''),
    username_ref: refused('secret references are not supported: use username or username_file'),
    password: withDefault(secret, ''),
    password_file: withDefault(string(), ''),
    password_ref: refused('secret references are not supported: use password or password_file'),
  },
  {
    check: (_, report) => {
      atMostOne(report, 'password', 'password_file');
      atMostOne(report, 'username', 'username_file');
    },
  },
);

const authorization: Decoder<Authorization> = object(
  {
    type: withDefault(string(), 'Bearer'),
    credentials: withDefault(secret, ''),
    credentials_file: withDefault(string(), ''),
    credentials_ref: refused('secret references are not supported: use credentials or credentials_file'),
  },
  {
    check: (value, report) => {
      atMostOne(report, 'credentials', 'credentials_file');
      if (value.type.trim().toLowerCase() === 'basic')
        report.error('type', 'cannot be basic: use basic_auth');
    },
  },
);

const TLS_VERSIONS = ['TLS10', 'TLS11', 'TLS12', 'TLS13'] as const;

function tlsConfig(used: boolean): Decoder<TlsConfig> {
  const version = used
    ? refused('not supported: the versions of the TLS library hold (1.2 and 1.3); remove it')
    : optional(enumOf(...TLS_VERSIONS));
  return object(
    {
      ca: withDefault(string(), ''),
      ca_file: withDefault(string(), ''),
      cert: withDefault(string(), ''),
      cert_file: withDefault(string(), ''),
      key: withDefault(secret, ''),
      key_file: withDefault(string(), ''),
      ca_ref: refused('secret references are not supported'),
      cert_ref: refused('secret references are not supported'),
      key_ref: refused('secret references are not supported'),
      server_name: withDefault(string(), ''),
      insecure_skip_verify: withDefault(boolean, false),
      min_version: version as Field<undefined>,
      max_version: version as Field<undefined>,
    },
    {
      check: (value, report) => {
        for (const name of ['ca', 'cert', 'key']) atMostOne(report, name, `${name}_file`);
        const cert = value.cert !== '' || value.cert_file !== '';
        const key = value.key !== '' || value.key_file !== '';
        if (cert && !key)
          report.error('', 'a certificate (cert or cert_file) needs its key (key or key_file)');
        if (key && !cert)
          report.error('', 'a key (key or key_file) needs its certificate (cert or cert_file)');
      },
    },
  );
}

const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'host',
  'content-encoding',
  'content-length',
  'content-type',
  'user-agent',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'www-authenticate',
  'accept-encoding',
  'x-prometheus-remote-write-version',
  'x-prometheus-remote-read-version',
  'x-prometheus-scrape-timeout-seconds',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
]);

/** What is wrong with a header that a user sets, or null. */
export function checkHeaderName(name: string): string | null {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return 'is not a header name';
  return RESERVED_HEADERS.has(name.toLowerCase()) ? 'is a reserved header, it must not be set here' : null;
}

const httpHeaders: Decoder<Map<string, HttpHeader>> = mapOf(
  object({
    values: withDefault(list(string()), []),
    secrets: withDefault(list(secret), []),
    files: withDefault(list(string()), []),
  }),
  checkHeaderName,
);

const oauth2 = object(
  {
    client_id: withDefault(string(), ''),
    client_secret: withDefault(secret, ''),
    client_secret_file: withDefault(string(), ''),
    client_secret_ref: withDefault(string(), ''),
    client_certificate_key_id: withDefault(string(), ''),
    client_certificate_key: withDefault(secret, ''),
    client_certificate_key_file: withDefault(string(), ''),
    client_certificate_key_ref: withDefault(string(), ''),
    signature_algorithm: withDefault(string(), ''),
    grant_type: withDefault(string(), ''),
    iss: withDefault(string(), ''),
    audience: withDefault(string(), ''),
    claims: optional(mapOf(string())),
    scopes: withDefault(list(string()), []),
    token_url: withDefault(string(), ''),
    endpoint_params: optional(mapOf(string())),
    tls_config: optional(tlsConfig(false)),
    proxy_url: optional(string()),
    no_proxy: optional(string()),
    proxy_from_environment: optional(boolean),
    proxy_connect_header: optional(mapOf(list(string()))),
  },
  {
    check: (value, report) => {
      atMostOne(report, 'client_secret', 'client_secret_file');
      atMostOne(report, 'client_certificate_key', 'client_certificate_key_file');
      if (value.client_id === '') report.error('client_id', 'must not be empty');
      if (value.token_url === '') report.error('token_url', 'must not be empty');
    },
  },
);

/** Rows of a schema. */
export interface HttpClientFields extends Record<string, Field<unknown>> {
  readonly basic_auth: Field<BasicAuth | undefined>;
  readonly authorization: Field<Authorization | undefined>;
  readonly bearer_token: Field<string>;
  readonly bearer_token_file: Field<string>;
  readonly tls_config: Field<TlsConfig | undefined>;
  readonly http_headers: Field<ReadonlyMap<string, HttpHeader>>;
  readonly follow_redirects: Field<boolean>;
}

/** `used`: the client exists here, so what it cannot do is an error. Otherwise the fields are only checked, their section being ignored. */
export function httpClientFields(used: boolean): HttpClientFields {
  const proxy = 'proxies are not supported yet: remove it, or scrape through an address that needs none';
  return {
    basic_auth: optional(basicAuth),
    authorization: optional(authorization),
    bearer_token: withDefault(secret, ''),
    bearer_token_file: withDefault(string(), ''),
    tls_config: optional(tlsConfig(used)),
    http_headers: withDefault(httpHeaders as Decoder<ReadonlyMap<string, HttpHeader>>, new Map()),
    follow_redirects: withDefault(boolean, true),
    enable_http2: used ? ignored('HTTP/1.1 is spoken: this setting has no effect') : optional(boolean),
    oauth2: used
      ? refused('oauth2 is not supported yet: use authorization with credentials_file')
      : optional(oauth2),
    proxy_url: used ? refused(proxy) : optional(string()),
    proxy_from_environment: used ? refused(proxy) : optional(boolean),
    proxy_connect_header: used ? refused(proxy) : optional(mapOf(list(string()))),
    no_proxy: used ? ignored('there is no proxy: this setting has no effect') : optional(string()),
  };
}

/** Checks that concern more than one field. */
export function checkHttpClient(report: Reporter): void {
  atMostOne(report, 'bearer_token', 'bearer_token_file');
  const bearer = report.has('bearer_token')
    ? 'bearer_token'
    : report.has('bearer_token_file')
      ? 'bearer_token_file'
      : null;
  const ways = [bearer, 'basic_auth', 'authorization', 'oauth2'].filter(
    (name) => name !== null && report.has(name),
  );
  if (ways.length > 1) report.error(ways[1]!, `at most one of ${ways.join(', ')} can be set`);
  if (report.has('no_proxy') && !report.has('proxy_url')) report.error('no_proxy', 'needs proxy_url');
  if (report.has('proxy_from_environment') && (report.has('proxy_url') || report.has('no_proxy'))) {
    report.error('proxy_from_environment', 'excludes proxy_url and no_proxy');
  }
}

export function atMostOne(report: Reporter, a: string, b: string): void {
  if (report.has(a) && report.has(b)) report.error(b, `at most one of ${a} and ${b} can be set`);
}
