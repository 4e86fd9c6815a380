// Which VirtualService is served by which listener under which host pattern.
import type { ListenerConfig } from '../claims.ts';
import { intersect } from '../host-pattern.ts';
import type { Problems } from '../problems.ts';

import { fullName, type Named } from './object.ts';
import type { GatewaySpec, Server, VirtualServiceSpec } from './spec.ts';

/** A server of plain HTTP and the listener it belongs to. */
export interface ServedBy {
  readonly gateway: Named<GatewaySpec>;
  readonly server: Server;
  /** Index into the listeners. */
  readonly listener: number;
}

const PLAIN: ReadonlySet<string> = new Set(['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB']);

/** The listener with the server's port, else the first one: on a laptop nobody listens on port 80. */
export function placeServers(
  gateways: readonly Named<GatewaySpec>[],
  listeners: readonly ListenerConfig[],
  problems: Problems,
): ServedBy[] {
  return gateways.flatMap((gateway) =>
    gateway.spec.servers.flatMap((server, i) => {
      const { number, protocol } = server.port;
      const field = `spec.servers[${i}].port.protocol`;
      if (!PLAIN.has(protocol)) {
        problems.warn(gateway.at, field, `${protocol} is not served yet: nothing answers for this server`);
        return [];
      }
      if (protocol !== 'HTTP')
        problems.warn(gateway.at, field, `${protocol} is not served yet: clients have to use HTTP/1.1`);
      if (listeners.length === 0) return [];
      return [
        {
          gateway,
          server,
          listener: Math.max(
            0,
            listeners.findIndex(({ port }) => port === number),
          ),
        },
      ];
    }),
  );
}

export interface Attached {
  readonly listener: number;
  /** Lower case. */
  readonly pattern: string;
  readonly served: ServedBy;
}

/** `gateways` of the object -> `namespace/name`; short names are of its own namespace. */
export function gatewayName(written: string, namespace: string): string {
  return written.includes('/') || written === 'mesh' ? written : `${namespace}/${written}`;
}

/** Every listener and pattern under which the object is reached. `unreadable`: gateways of which nothing is said when they are missing. */
export function attach(
  service: Named<VirtualServiceSpec>,
  servers: readonly ServedBy[],
  known: ReadonlySet<string>,
  unreadable: ReadonlySet<string>,
  problems: Problems,
): Attached[] {
  const { spec, namespace, at } = service;
  const names = spec.gateways.map((written) => gatewayName(written, namespace));
  const wanted = names.filter((name) => name !== 'mesh');
  if (names.includes('mesh')) {
    const message =
      wanted.length === 0
        ? 'without gateways it applies to the mesh only, which is not served yet: name a Gateway to serve it'
        : 'the mesh is not served yet: it applies to its other gateways only';
    problems.warn(at, 'spec.gateways', message);
  }
  for (const name of wanted) {
    if (!known.has(name) && !unreadable.has(name)) {
      problems.error(
        at,
        'spec.gateways',
        `there is no Gateway ${name}${known.size === 0 ? '' : `: there is ${[...known].join(', ')}`}`,
      );
    }
  }
  const mine = servers.filter(({ gateway }) => wanted.includes(fullName(gateway)));
  const attached: Attached[] = [];
  const unserved: string[] = [];
  for (const host of spec.hosts) {
    const found = mine.flatMap((served) => patternsOf(host.toLowerCase(), served, namespace));
    if (found.length === 0) unserved.push(host);
    attached.push(...found);
  }
  const reachable = wanted.every((name) => servers.some(({ gateway }) => fullName(gateway) === name));
  if (unserved.length > 0 && wanted.length > 0 && reachable) {
    problems.warn(at, 'spec.hosts', `no server of its gateways serves ${unserved.join(', ')}`);
  }
  return attached;
}

function patternsOf(host: string, served: ServedBy, namespace: string): Attached[] {
  const patterns = new Set<string>();
  for (const { pattern, scope } of hostsOf(served)) {
    if (scope !== '*' && scope !== namespace) continue;
    const both = intersect(pattern, host);
    if (both !== null) patterns.add(both);
  }
  return [...patterns].map((pattern) => ({ listener: served.listener, pattern, served }));
}

/** The hosts of a server, each with the namespace whose objects it takes (`*`: all). */
export function hostsOf({ gateway, server }: ServedBy): { pattern: string; scope: string }[] {
  return server.hosts.map((written) => {
    const slash = written.indexOf('/');
    const scope = slash < 0 ? '*' : written.slice(0, slash);
    return {
      pattern: written.slice(slash + 1).toLowerCase(),
      scope: scope === '.' ? gateway.namespace : scope,
    };
  });
}
