// Kong's services, upstreams and targets as splits, clusters and endpoints.
import type { DirectResponse, EndpointsResource, ResourceName, RouteResource } from '@munjigi/proxy';
import { ENDPOINTS, isHostHeader, isPath } from '../limits.ts';
import type { Problems } from '../problems.ts';
import { NO_EDITS, POOL, type ResourceSet } from '../resources.ts';
import type { TargetView } from '../view.ts';
import type { Service, Upstream } from './entities.ts';

/** What the routes of a service need to know of it. */
export interface Backend {
  readonly split: ResourceName;
  readonly target: TargetView;
  /** For routes that do not preserve the client's Host. */
  readonly hostHeader: RouteResource['hostHeader'];
  /** Starts with '/'. */
  readonly path: string;
  readonly retries: number;
}

const NO_PEER: DirectResponse = {
  status: 503,
  contentType: 'application/json; charset=utf-8',
  body: '{"message":"failure to get a peer from the ring-balancer"}',
};

type Endpoints = EndpointsResource['endpoints'];

/** Judges all upstreams at once; the result gives the backend of a service, or null when it is faulty. */
export function compileUpstreams(
  upstreams: readonly Upstream[],
  problems: Problems,
  resources: ResourceSet,
): (service: Service) => Backend | null {
  const known = new Map<string, { upstream: Upstream; endpoints: Endpoints }>();
  for (const upstream of upstreams) {
    known.set(upstream.fields.name, { upstream, endpoints: endpointsOf(upstream, problems) });
  }
  return (service) => {
    const address = addressOf(service, problems);
    if (address === null) return null;
    const { host, port, path } = address;
    const balanced = known.get(host);
    const endpoints = resources.add({
      kind: 'endpoints',
      name:
        balanced === undefined
          ? `endpoints/kong/service/${service.label}`
          : `endpoints/kong/upstream/${host}`,
      endpoints: balanced?.endpoints ?? [{ host: host.replace(/^\[|\]$/g, ''), port, weight: 1 }],
    });
    const { connect_timeout, read_timeout, write_timeout, retries } = service.fields;
    if (read_timeout !== write_timeout) {
      problems.warn(
        service.at,
        'write_timeout',
        'reading and writing share one limit: the longer of the two is used',
      );
    }
    const upstream = balanced === undefined ? `${host}:${port}` : host;
    const cluster = resources.add({
      kind: 'cluster',
      name: `cluster/kong/${service.label}`,
      endpoints,
      algorithm: 'roundRobin',
      connectTimeout_ms: connect_timeout,
      idleTimeout_ms: Math.max(read_timeout, write_timeout),
      ...POOL,
      noEndpoint: NO_PEER,
      metric: { upstream },
    });
    const split = resources.add({
      kind: 'split',
      name: `split/kong/${service.label}`,
      targets: [{ cluster, weight: 1, requestHeaders: NO_EDITS, responseHeaders: NO_EDITS }],
      noBackend: NO_PEER,
    });
    const shown = balanced?.endpoints ?? [{ host, port, weight: 1 }];
    return {
      split,
      target: { cluster, label: `service ${service.label}`, upstream, weight: 1, endpoints: shown },
      hostHeader:
        balanced === undefined
          ? literal(host, port)
          : hostOf(balanced.upstream, balanced.endpoints, problems),
      path,
      retries,
    };
  };
}

/** Kong writes the port whenever it is not 80 (or 443). */
function literal(host: string, port: number): { kind: 'literal'; value: string } {
  return { kind: 'literal', value: port === 80 || port === 443 ? host : `${host}:${port}` };
}

function hostOf(
  { fields, at }: Upstream,
  endpoints: Endpoints,
  problems: Problems,
): RouteResource['hostHeader'] {
  const { host_header: header } = fields;
  if (header === undefined) return { kind: 'endpoint' };
  if (!isHostHeader(header)) problems.error(at, 'host_header', `${header} cannot stand in Host`);
  const ports = new Set(endpoints.map(({ port }) => port));
  const [port] = ports;
  return literal(header, ports.size === 1 && port !== undefined ? port : 80);
}

interface Address {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

function addressOf(service: Service, problems: Problems): Address | null {
  const { fields, at } = service;
  let { host, port, path } = fields;
  let protocol: string = fields.protocol ?? 'http';
  let where = 'protocol';
  if (fields.url !== undefined) {
    where = 'url';
    const url = URL.canParse(fields.url) ? new URL(fields.url) : null;
    if (url === null || url.hostname === '') {
      problems.error(at, 'url', `${fields.url} is not a URL such as http://orders:8080/v1`);
      return null;
    }
    protocol = url.protocol.slice(0, -1);
    host = url.hostname;
    port = url.port === '' ? (protocol === 'https' ? 443 : 80) : Number(url.port);
    const written = /^[a-z]+:\/\/[^/?#]*(\/[^?#]*)?/i.exec(fields.url)?.[1];
    if (written !== undefined) path = written;
  }
  if (protocol !== 'http') {
    problems.error(at, where, `services over ${protocol} are not supported yet: only http`);
    return null;
  }
  if (host === undefined) {
    problems.error(at, 'host', 'a service needs its host (or its url)');
    return null;
  }
  if (!/^(?:\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9._-]*[a-z0-9_.])?|[0-9a-f:]+)$/i.test(host)) {
    problems.error(at, where === 'url' ? 'url' : 'host', `${host} is not a host name or an address`);
    return null;
  }
  if (path !== undefined && !isPath(path)) {
    problems.error(
      at,
      where === 'url' ? 'url' : 'path',
      `${path} is not a path: it must start with /, with special characters as %20`,
    );
    return null;
  }
  return { host, port: port ?? 80, path: path ?? '/' };
}

const DEFAULT_TARGET_PORT = 8000;

function endpointsOf(upstream: Upstream, problems: Problems): Endpoints {
  const { fields, at } = upstream;
  if (fields.algorithm !== 'round-robin') {
    problems.warn(at, 'algorithm', `${fields.algorithm} is not supported yet: targets take turns`);
  }
  for (const field of ['hash_on', 'hash_fallback'] as const) {
    if (fields[field] !== 'none') problems.warn(at, field, 'not supported yet: targets take turns');
  }
  if (fields.healthchecks !== undefined) {
    problems.warn(at, 'healthchecks', 'health checks are not supported yet: every target counts as healthy');
  }
  if (upstream.targets.length > ENDPOINTS) {
    problems.error(
      at,
      'targets',
      `${upstream.targets.length} targets are more than ${ENDPOINTS}: split the upstream`,
    );
  }
  return upstream.targets.flatMap((target) => {
    const match = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i.exec(target.fields.target);
    const host = match?.[1] ?? match?.[2];
    const port = match?.[3] === undefined ? DEFAULT_TARGET_PORT : Number(match[3]);
    if (host === undefined || port < 1 || port > 65_535) {
      problems.error(
        target.at,
        'target',
        `${target.fields.target} is not an address such as 10.0.0.1:8080 or orders:8080`,
      );
      return [];
    }
    return [{ host, port, weight: target.fields.weight }];
  });
}
