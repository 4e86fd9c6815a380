// The hosts that Istio's routes may name as destinations, as clusters and endpoints. Only what a route names is made.
import type { Place } from '@munjigi/document';
import type { ClusterResource, DirectResponse, EndpointsResource } from '@munjigi/proxy';
import { covers } from '../host-pattern.ts';
import { ENDPOINTS } from '../limits.ts';
import { printPlace, type Problems } from '../problems.ts';
import { POOL, type ResourceSet } from '../resources.ts';
import type { TargetView } from '../view.ts';
import { fullHost } from './names.ts';
import { fullName, type Named } from './object.ts';
import type {
  Destination,
  DestinationRuleSpec,
  EndpointSpec,
  PortSpec,
  ServiceEntrySpec,
  SubsetSpec,
} from './spec.ts';

type Entry = Named<ServiceEntrySpec>;
type Rule = Named<DestinationRuleSpec>;

const CONNECT_TIMEOUT_MS = 10_000;
const STREAM_IDLE_TIMEOUT_MS = 300_000;

export const NO_HEALTHY_UPSTREAM: DirectResponse = {
  status: 503,
  contentType: 'text/plain',
  body: 'no healthy upstream',
};

/** Objects that could not be read: nobody complains of the absence of what may be in them. */
export interface Unreadable {
  readonly serviceEntries: boolean;
  /** Hosts of destination rules; null among them: one whose host is unknown. */
  readonly ruleHosts: ReadonlySet<string | null>;
}

interface HostRules {
  readonly first: Rule;
  readonly subsets: Map<string, { readonly rule: Rule; readonly subset: SubsetSpec }>;
}

export class Registry {
  readonly #services = new Map<string, Entry[]>();
  readonly #rules = new Map<string, HostRules>();
  readonly #unreadable: Unreadable;
  readonly #resources: ResourceSet;
  readonly #problems: Problems;

  constructor(
    entries: readonly Entry[],
    rules: readonly Rule[],
    unreadable: Unreadable,
    resources: ResourceSet,
    problems: Problems,
  ) {
    this.#unreadable = unreadable;
    this.#resources = resources;
    this.#problems = problems;
    for (const entry of entries) {
      for (const written of entry.spec.hosts) {
        const host = written.toLowerCase();
        const before = this.#services.get(host);
        if (before === undefined) this.#services.set(host, [entry]);
        else before.push(entry);
      }
    }
    for (const rule of rules) this.#addRule(rule);
  }

  /** The cluster of a destination; null when it is wrong, and that was said. `at`: of the destination, `field` below it. */
  cluster(destination: Destination, namespace: string, at: Place): TargetView | null {
    const host = this.#resolve(destination.host, namespace);
    const { subset } = destination;
    const entries = this.#serviceOf(host);
    const rules = this.#rulesOf(host);
    const chosen = subset === undefined ? null : (rules?.subsets.get(subset) ?? null);
    if (subset !== undefined && chosen === null) {
      if (!this.#ruleMayBeUnreadable(destination.host, host)) this.#subsetMissing(host, subset, rules, at);
      return null;
    }
    const port = entries === null ? null : this.#portOf(entries, destination, host, at);
    if (entries !== null && port === null) return null;
    if (entries === null && !this.#unreadable.serviceEntries) {
      this.#problems.warn(
        at,
        'host',
        `no ServiceEntry has the host ${host}: requests for it are answered with 503`,
      );
    }
    const labels = chosen?.subset.labels ?? new Map<string, string>();
    const endpoints =
      entries === null || port === null ? [] : this.#endpoints(entries, port.number, host, labels);
    if (entries !== null && endpoints.length === 0) {
      this.#problems.warn(
        at,
        '',
        `no endpoint ${subset === undefined ? `of ${host}` : `has the labels of the subset ${subset}`}: requests for it are answered with 503`,
      );
    }
    if (endpoints.length > ENDPOINTS) {
      this.#problems.error(at, 'host', `${host} has ${endpoints.length} endpoints, more than ${ENDPOINTS}`);
    }
    const number = port?.number ?? destination.port?.number ?? 0;
    const upstream = subset === undefined ? host : `${host}/${subset}`;
    const name = `istio/${host}:${number}${subset === undefined ? '' : `/${subset}`}`;
    const cluster: Omit<ClusterResource, 'hash'> = {
      kind: 'cluster',
      name: `cluster/${name}`,
      endpoints: this.#resources.add({ kind: 'endpoints', name: `endpoints/${name}`, endpoints }),
      algorithm: 'roundRobin',
      connectTimeout_ms: Math.ceil(
        chosen?.subset.trafficPolicy?.connectionPool?.tcp?.connectTimeout ??
          rules?.first.spec.trafficPolicy?.connectionPool?.tcp?.connectTimeout ??
          CONNECT_TIMEOUT_MS,
      ),
      idleTimeout_ms: STREAM_IDLE_TIMEOUT_MS,
      maxIdleConnections: POOL.maxIdleConnections,
      poolIdleTimeout_ms: Math.ceil(
        chosen?.subset.trafficPolicy?.connectionPool?.http?.idleTimeout ??
          rules?.first.spec.trafficPolicy?.connectionPool?.http?.idleTimeout ??
          POOL.poolIdleTimeout_ms,
      ),
      noEndpoint: NO_HEALTHY_UPSTREAM,
      metric: { upstream },
    };
    return {
      cluster: this.#resources.add(cluster),
      upstream,
      label: subset === undefined ? destination.host : `${destination.host} ${subset}`,
      weight: 1,
      endpoints,
    };
  }

  #addRule(rule: Rule): void {
    const host = this.#resolve(rule.spec.host, rule.namespace);
    const known = this.#rules.get(host);
    const rules: HostRules = known ?? { first: rule, subsets: new Map() };
    if (known === undefined) this.#rules.set(host, rules);
    else if (rule.spec.trafficPolicy !== undefined) {
      this.#problems.warn(
        rule.at,
        'spec.trafficPolicy',
        `${host} has a DestinationRule already (${printPlace(known.first.at)}): a second one only adds subsets`,
      );
    }
    for (const subset of rule.spec.subsets) {
      const before = rules.subsets.get(subset.name);
      if (before === undefined) rules.subsets.set(subset.name, { rule, subset });
      else
        this.#problems.error(
          rule.at,
          'spec.subsets',
          `the subset ${subset.name} of ${host} is there twice: also at ${printPlace(before.rule.at)}`,
        );
    }
  }

  /** As it is written when a service has that name, else as a short name of the namespace. */
  #resolve(written: string, namespace: string): string {
    const host = written.toLowerCase();
    return this.#services.has(host) ? host : fullHost(host, namespace);
  }

  #serviceOf(host: string): readonly Entry[] | null {
    return this.#services.get(host) ?? this.#widest(this.#services, host);
  }

  #rulesOf(host: string): HostRules | null {
    return this.#rules.get(host) ?? this.#widest(this.#rules, host);
  }

  /** What the longest wildcard has that covers the host. */
  #widest<T>(map: ReadonlyMap<string, T>, host: string): T | null {
    let best: string | null = null;
    for (const pattern of map.keys()) {
      if (pattern.startsWith('*') && covers(pattern, host) && pattern.length > (best?.length ?? 0))
        best = pattern;
    }
    return best === null ? null : (map.get(best) ?? null);
  }

  #portOf(entries: readonly Entry[], destination: Destination, host: string, at: Place): PortSpec | null {
    const ports = entries.flatMap((entry) => entry.spec.ports);
    const numbers = [...new Set(ports.map((port) => port.number))];
    const asked = destination.port?.number;
    const candidates =
      asked === undefined ? ports.filter(isHttp) : ports.filter((port) => port.number === asked);
    const [port] = candidates;
    if (asked !== undefined && port === undefined) {
      this.#problems.error(
        at,
        'port',
        `${host} has no port ${asked}: it has ${numbers.join(', ') || 'none'}`,
      );
      return null;
    }
    if (port === undefined || new Set(candidates.map((one) => one.number)).size > 1) {
      this.#problems.error(at, '', `${host} has the ports ${numbers.join(', ')}: say which with port.number`);
      return null;
    }
    if (port.protocol === 'HTTPS' || port.protocol === 'TLS') {
      this.#problems.error(
        at,
        '',
        `port ${port.number} of ${host} wants TLS, and TLS towards services is not supported yet`,
      );
      return null;
    }
    if (port.protocol === 'HTTP2' || port.protocol === 'GRPC') {
      this.#problems.warn(
        at,
        '',
        `port ${port.number} of ${host} is ${port.protocol}: it is spoken to in HTTP/1.1`,
      );
    }
    return port;
  }

  #endpoints(
    entries: readonly Entry[],
    number: number,
    host: string,
    labels: ReadonlyMap<string, string>,
  ): EndpointsResource['endpoints'] {
    return entries.flatMap((entry) => {
      const { spec, at } = entry;
      const port = spec.ports.find((one) => one.number === number);
      if (port === undefined) return [];
      if (spec.resolution === 'NONE' || spec.resolution === 'DYNAMIC_DNS') {
        this.#problems.warn(
          at,
          'spec.resolution',
          `resolution ${spec.resolution} gives a gateway no endpoints: say STATIC or DNS`,
        );
        return [];
      }
      const own = port.targetPort ?? port.number;
      if (spec.endpoints.length === 0 && spec.resolution !== 'STATIC') {
        return labels.size === 0 ? [{ host, port: own, weight: 1 }] : [];
      }
      return spec.endpoints
        .filter((one) => hasLabels(one, labels))
        .flatMap((one) => {
          if (one.address === undefined) return [];
          if (one.address.startsWith('unix:')) {
            this.#problems.error(at, 'spec.endpoints', 'unix sockets are not supported yet');
            return [];
          }
          return [
            {
              host: one.address,
              port: one.ports.get(port.name) ?? own,
              weight: one.weight === 0 ? 1 : one.weight,
            },
          ];
        });
    });
  }

  #ruleMayBeUnreadable(written: string, host: string): boolean {
    const { ruleHosts } = this.#unreadable;
    return ruleHosts.has(null) || ruleHosts.has(written) || ruleHosts.has(host);
  }

  #subsetMissing(host: string, subset: string, rules: HostRules | null, at: Place): void {
    const known = rules === null ? '' : [...rules.subsets.keys()].join(', ') || 'none';
    this.#problems.error(
      at,
      'subset',
      rules === null
        ? `there is no subset ${subset}: no DestinationRule has the host ${host}`
        : `there is no subset ${subset}: the DestinationRule ${fullName(rules.first)} (${printPlace(rules.first.at)}) has ${known}`,
    );
  }
}

function isHttp(port: PortSpec): boolean {
  return port.protocol === undefined || ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB'].includes(port.protocol);
}

function hasLabels(endpoint: EndpointSpec, labels: ReadonlyMap<string, string>): boolean {
  for (const [name, value] of labels) if (endpoint.labels.get(name) !== value) return false;
  return true;
}
