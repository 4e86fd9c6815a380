// ServiceEntry: the hosts that routes may send to, and their endpoints.
import {
  enumOf,
  ignored,
  integer,
  list,
  mapOf,
  object,
  optional,
  plain,
  refused,
  required,
  string,
  withDefault,
  type Decoder,
} from '@munjigi/document';
import { WEIGHT } from '../limits.ts';
import { judged, warned } from '../problems.ts';
import { domainFault } from './names.ts';
import type { Protocol, ServiceEntrySpec } from './spec.ts';

const text = string({ nonEmpty: true });
const portNumber = integer({ min: 1, max: 65_535 });
const labels = withDefault(mapOf(string()), new Map<string, string>());

const PROTOCOLS = [
  'HTTP',
  'HTTPS',
  'HTTP2',
  'GRPC',
  'GRPC-WEB',
  'TCP',
  'TLS',
  'MONGO',
  'MYSQL',
  'REDIS',
  'UDP',
] as const;

/** As Istio, in any case. */
export const protocol: Decoder<Protocol> = (node, context) =>
  node.kind === 'scalar'
    ? enumOf(...PROTOCOLS)({ ...node, text: node.text.toUpperCase() }, context)
    : enumOf(...PROTOCOLS)(node, context);

const port = object({
  number: required(portNumber),
  name: required(text),
  protocol: optional(protocol),
  targetPort: optional(portNumber),
});

const endpoint = object({
  address: optional(text),
  ports: withDefault(mapOf(portNumber), new Map<string, number>()),
  labels,
  weight: withDefault(integer({ min: 0, max: WEIGHT }), 0),
  network: ignored('networks are not supported: the endpoint is reached by its address'),
  locality: ignored('localities are not supported yet: all endpoints are used alike'),
  serviceAccount: optional(string()),
});

const RESOLUTIONS = ['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'] as const;

export const serviceEntry: Decoder<ServiceEntrySpec> = object(
  {
    hosts: required(
      list(
        judged(text, (host) =>
          host === '*' ? 'the full wildcard is not allowed' : domainFault(host.replace(/^\*(?=[^.])/, '*.')),
        ),
        { min: 1 },
      ),
    ),
    addresses: optional(list(text)),
    ports: withDefault(list(port), []),
    location: optional(enumOf('MESH_EXTERNAL', 'MESH_INTERNAL')),
    resolution: withDefault(enumOf(...RESOLUTIONS), 'NONE'),
    endpoints: withDefault(list(endpoint), []),
    workloadSelector: optional(
      warned(
        object({ labels: optional(mapOf(string(), (key) => (key === '' ? 'a label needs a name' : null))) }),
        () => 'workloads are not known yet: only written endpoints are used',
      ),
    ),
    subjectAltNames: refused('TLS towards services is not supported yet'),
    exportTo: optional(plain),
  },
  {
    check: ({ ports, endpoints, resolution, hosts, workloadSelector, addresses }, report) => {
      const twice = <T>(values: readonly T[]): T | undefined =>
        values.find((value, i) => values.indexOf(value) < i);
      const name = twice(ports.map((p) => p.name));
      if (name !== undefined) report.error('ports', `the name ${name} is used twice`);
      const number = twice(ports.map((p) => p.number));
      if (number !== undefined) report.error('ports', `the number ${number} is used twice`);
      if (workloadSelector !== undefined && endpoints.length > 0)
        report.error('endpoints', 'wants either workloadSelector or endpoints, not both');
      if (resolution === 'NONE' && endpoints.length > 0)
        report.error('endpoints', 'with resolution NONE there are no endpoints: say STATIC or DNS');
      if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1)
        report.error('endpoints', 'DNS_ROUND_ROBIN allows one endpoint');
      const wild = hosts.filter((host) => host.startsWith('*'));
      if (
        (resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN') &&
        endpoints.length === 0 &&
        wild.length > 0
      )
        report.error('hosts', `${wild[0]!} cannot be looked up: without endpoints DNS wants full names`);
      if (resolution === 'DYNAMIC_DNS') {
        if (wild.length < hosts.length) report.error('hosts', 'DYNAMIC_DNS wants wildcard hosts');
        if (endpoints.length > 0) report.error('endpoints', 'DYNAMIC_DNS allows no endpoints');
        if ((addresses?.length ?? 0) > 0) report.error('addresses', 'DYNAMIC_DNS allows no addresses');
        if (ports.some((p) => ['TCP', 'UDP', 'MONGO', 'MYSQL', 'REDIS'].includes(p.protocol ?? '')))
          report.error('ports', 'DYNAMIC_DNS allows only HTTP and TLS');
      }
      const names = new Set(ports.map((p) => p.name));
      endpoints.forEach(({ address, ports: own }, i) => {
        for (const key of own.keys())
          if (!names.has(key))
            report.error('endpoints', `endpoint ${i + 1} names the port ${key}, which ports does not have`);
        if (address === undefined)
          report.warn('endpoints', `endpoint ${i + 1} has no address: it gets no traffic`);
        else {
          const fault = addressFault(address, resolution, own.size, ports.length);
          if (fault !== null) report.error('endpoints', `endpoint ${i + 1}: ${fault}`);
        }
      });
    },
  },
);

function addressFault(address: string, resolution: string, ownPorts: number, ports: number): string | null {
  if (address.startsWith('unix://')) {
    if (resolution !== 'STATIC') return 'a unix socket wants resolution STATIC';
    if (!/^unix:\/\/[/@]/.test(address)) return `${address}: the path of a unix socket must be absolute`;
    if (ownPorts > 0) return 'a unix socket has no ports';
    return ports > 1 ? 'a unix socket allows one port' : null;
  }
  if (isAddress(address)) return null;
  if (resolution === 'STATIC') return `${address} is not an address: names want resolution DNS`;
  return address.includes('*') ? `${address} is not a full name` : domainFault(address);
}

export function isAddress(text: string): boolean {
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return text.split('.').every((part) => Number(part) <= 255);
  return text.includes(':') && /^[0-9a-f:.]+$/i.test(text);
}
