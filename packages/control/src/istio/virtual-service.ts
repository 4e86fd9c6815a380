// VirtualService: which requests go where.
import {
  boolean,
  enumOf,
  ignored,
  integer,
  isNull,
  list,
  mapOf,
  number,
  object,
  optional,
  plain,
  refused,
  required,
  string,
  withDefault,
  type Decoder,
} from '@munjigi/document';
import { DESTINATIONS, isHostHeader, isPath, WEIGHT } from '../limits.ts';
import { judged, warned } from '../problems.ts';
import { intersect } from '../host-pattern.ts';
import { domainFault } from './names.ts';
import { headers, headerMatches, millis, stringMatch } from './object.ts';
import type { HttpMatch, StringMatch, VirtualServiceSpec } from './spec.ts';

const text = string({ nonEmpty: true });
const portNumber = integer({ min: 1, max: 65_535 });
const wider = 'not supported yet, and without it the route would take requests that it must not';

const exactOnly =
  (what: string): Decoder<string> =>
  (node, context) => {
    const match = stringMatch(node, context);
    if (match === undefined) return undefined;
    return match.kind === 'exact' ? match.value : context.error(node, `${what} is matched by exact only`);
  };

function uriFault(match: StringMatch): string | null {
  return match.kind === 'present' || match.value.startsWith('/')
    ? null
    : `${match.value} matches no path: paths start with /`;
}

const match = object({
  name: optional(string()),
  uri: optional(judged(stringMatch, uriFault)),
  scheme: optional(exactOnly('the scheme')),
  method: optional(
    judged(exactOnly('the method'), (name) =>
      /^[A-Z]+$/.test(name) ? null : `${name}: methods are written in upper case`,
    ),
  ),
  authority: optional(stringMatch),
  headers: optional(headerMatches),
  port: optional(portNumber),
  gateways: optional(list(text)),
  sourceLabels: optional(mapOf(string())),
  sourceNamespace: optional(string()),
  queryParams: refused(`matching by query is ${wider}`),
  withoutHeaders: refused(`matching by absent headers is ${wider}`),
  ignoreUriCase: optional(
    judged(boolean, (on) => (on ? 'matching paths in any case is not supported yet' : null)),
  ),
  statPrefix: optional(plain),
});

const destination = object({
  host: required(
    judged(text, (host) => (host === '*' ? 'the full wildcard is not allowed' : destinationFault(host))),
  ),
  subset: optional(text),
  port: optional(object({ number: required(portNumber) })),
});

const weighted = object({
  destination: required(destination),
  weight: withDefault(integer({ min: 0, max: WEIGHT }), 0),
  headers: optional(headers),
});

const percentage = object({ value: withDefault(number({ min: 0, max: 100 }), 0) });
const later = 'not supported yet: it has no effect';

const hostHeader = judged(string(), (host) =>
  host === '' || isHostHeader(host) ? null : `${host} cannot stand in Host`,
);
const path = judged(string(), (text) =>
  text === '' || isPath(text)
    ? null
    : `${text} is not a path: it must start with /, with special characters as %20`,
);

const rewrite = object(
  {
    uri: optional(path),
    authority: optional(hostHeader),
    uriRegexRewrite: refused('rewriting by regular expressions is not supported yet'),
  },
  {
    check: ({ uri, authority }, report) => {
      if ((uri ?? '') === '' && (authority ?? '') === '') report.error('', 'wants uri or authority');
    },
  },
);

const redirect = object(
  {
    uri: optional(string()),
    prefixRewrite: refused('not supported yet: use uri'),
    authority: optional(hostHeader),
    port: optional(portNumber),
    derivePort: optional(
      warned(enumOf('FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'), (from) =>
        from === 'FROM_REQUEST_PORT' ? later : null,
      ),
    ),
    scheme: optional(enumOf('http', 'https')),
    redirectCode: withDefault(
      judged(integer(), (code) =>
        [0, 301, 302, 303, 307, 308].includes(code)
          ? null
          : `${code} is not a redirect: wants 301, 302, 303, 307 or 308`,
      ),
      301,
    ),
  },
  {
    check: ({ uri, authority, scheme, port, derivePort }, report) => {
      if ([uri, authority, scheme, port, derivePort].every((field) => field === undefined || field === ''))
        report.error('', 'wants at least one of uri, authority, scheme and port');
      if (uri !== undefined && uri !== '' && !uri.startsWith('/'))
        report.error('uri', 'a path that does not start with / is not supported');
    },
  },
);

const directResponse = object({
  status: required(integer({ min: 200, max: 599 })),
  body: optional(
    object(
      { string: optional(string()), bytes: refused('bodies as bytes are not supported yet: use string') },
      {
        check: (body, report) => {
          if (body.string === undefined) report.error('', 'wants string');
          else if (body.string.length > 1024 * 1024) report.error('string', 'a body has at most 1 MiB');
        },
      },
    ),
  ),
});

/** Envoy's conditions for another try; a number is a status of the response. */
const RETRY_CONDITIONS: ReadonlySet<string> = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'envoy-ratelimited',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);

function retryFault(text: string): string | null {
  const wrong = text
    .split(',')
    .map((condition) => condition.trim())
    .find((name) => name !== '' && !RETRY_CONDITIONS.has(name) && !/^[1-5]\d\d$/.test(name));
  return wrong === undefined
    ? null
    : `${wrong} is not a condition: known are ${[...RETRY_CONDITIONS].join(', ')} and status codes`;
}

const retries = object(
  {
    attempts: withDefault(integer({ min: 0, max: 1000 }), 0),
    perTryTimeout: optional(
      warned(millis(1), () => 'a limit for each try is not supported yet: timeout limits all tries together'),
    ),
    retryOn: optional(judged(string(), retryFault)),
    retryRemoteLocalities: optional(warned(boolean, () => later)),
    retryIgnorePreviousHosts: optional(plain),
    backoff: optional(warned(millis(1), () => later)),
  },
  {
    check: ({ attempts }, report) => {
      if (attempts > 0) return;
      for (const field of ['perTryTimeout', 'retryOn', 'retryRemoteLocalities', 'backoff'])
        if (report.has(field)) report.error(field, 'makes no sense with attempts 0');
    },
  },
);

const http = object(
  {
    name: optional(string()),
    match: withDefault(
      list<HttpMatch | null>((node, context) => (isNull(node) ? null : match(node, context))),
      [],
    ),
    route: withDefault(list(weighted, { max: DESTINATIONS }), []),
    redirect: optional(redirect),
    directResponse: optional(directResponse),
    delegate: refused('delegates are not supported yet: write the routes into one VirtualService'),
    rewrite: optional(rewrite),
    timeout: optional(millis(0)),
    retries: optional(retries),
    fault: ignored('fault injection is not supported yet: requests pass unharmed'),
    mirror: optional(
      warned(destination, () => 'mirroring is not supported yet: only the route itself gets requests'),
    ),
    mirrors: optional(
      warned(
        list(object({ destination: required(destination), percentage: optional(percentage) })),
        () => 'mirroring is not supported yet: only the route itself gets requests',
      ),
    ),
    mirrorPercent: optional(warned(integer({ min: 0, max: 100 }), () => later)),
    mirrorPercentage: optional(percentage),
    corsPolicy: ignored('CORS is not supported yet: browsers of other origins are not let through'),
    headers: optional(headers),
  },
  {
    check: (value, report) => {
      const actions = [
        value.route.length > 0,
        value.redirect !== undefined,
        value.directResponse !== undefined,
      ];
      const count = actions.filter(Boolean).length;
      if (count === 0) report.error('', 'wants one of route, redirect and directResponse');
      if (count > 1) report.error('', 'wants only one of route, redirect and directResponse');
      if (count === 1 && value.route.length === 0) {
        for (const field of ['timeout', 'retries', 'rewrite'] as const)
          if (report.has(field)) report.error(field, 'is only for routes');
      }
      if (value.route.length > 1 && value.route.every(({ weight }) => weight === 0))
        report.error('route', 'the weights add up to 0: no destination would get anything');
      const sets = [...(value.headers?.request?.set.keys() ?? [])];
      if (value.rewrite?.authority !== undefined && sets.some((name) => /^(?::authority|host)$/i.test(name)))
        report.error('rewrite', 'wants either rewrite.authority or a set :authority header, not both');
      if (value.mirror !== undefined && value.mirrors !== undefined)
        report.error('mirrors', 'wants either mirror or mirrors');
    },
  },
);

const destinations = required(list(plain, { min: 1 }));
const tcpRoute = object({ route: destinations }, { unknownFields: 'allowed' });
const tlsRoute = object(
  {
    route: destinations,
    match: required(
      list(
        object(
          { sniHosts: required(list(judged(text, domainFault), { min: 1 })) },
          { unknownFields: 'allowed' },
        ),
      ),
    ),
  },
  { unknownFields: 'allowed' },
);

export const virtualService: Decoder<VirtualServiceSpec> = object(
  {
    hosts: withDefault(list(judged(text, virtualHostFault)), []),
    gateways: withDefault(list(judged(text, gatewayFault)), ['mesh']),
    http: withDefault(list(http), []),
    tls: optional(
      warned(list(tlsRoute), () => 'routing TLS without ending it is not supported yet: it has no effect'),
    ),
    tcp: optional(warned(list(tcpRoute), () => 'routing TCP is not supported yet: it has no effect')),
    exportTo: optional(plain),
  },
  {
    check: ({ hosts, http: routes, tls, tcp, gateways }, report) => {
      if (hosts.length === 0)
        report.error('hosts', 'wants at least one host (delegates are not supported yet)');
      if (routes.length === 0 && tls === undefined && tcp === undefined)
        report.error('', 'wants http routes');
      hosts.forEach((host, i) => {
        const twin = hosts
          .slice(0, i)
          .find((other) => intersect(host.toLowerCase(), other.toLowerCase()) !== null);
        if (twin !== undefined)
          report.error('hosts', `${host} and ${twin} overlap: which one is meant cannot be told`);
      });
      if (hosts.includes('*') && gateways.includes('mesh'))
        report.error('hosts', 'the host * wants gateways: on the mesh it would catch everything');
      routes.forEach((route, i) => {
        const all = route.match.length === 0 || route.match.includes(null);
        if (all && i < routes.length - 1)
          report.warn('http', `http[${i}] takes every request: those after it are never reached`);
      });
    },
  },
);

function virtualHostFault(host: string): string | null {
  if (host.includes(':')) return `${host}: IPv6 addresses as hosts are not supported yet`;
  return domainFault(host);
}

function gatewayFault(name: string): string | null {
  const parts = name.split('/');
  if (parts.length > 2) return `${name} is not a gateway: wants name or namespace/name`;
  const wrong = parts.find((part) => domainFault(part) !== null || part.includes('*'));
  return wrong === undefined ? null : `${name} is not a gateway: wants name or namespace/name`;
}

function destinationFault(host: string): string | null {
  return domainFault(host.replace(/^\*-?(?=[^.])/, '*.'));
}
