// Which dialect serves which host pattern on which listener. A pattern has one owner a listener.
import type { Place } from '@munjigi/document';
import type { DirectResponse, ResourceName } from '@munjigi/proxy';
import { HOST_ROUTES } from './limits.ts';
import { printPlace, type Problems } from './problems.ts';
import type { ResourceSet } from './resources.ts';
import type { Dialect, HostView, ListenerView } from './view.ts';

export interface ListenerConfig {
  /** `0.0.0.0`, `127.0.0.1`, `::`. */
  readonly address: string;
  readonly port: number;
}

export interface HostClaim {
  readonly dialect: Dialect;
  /** Lower case: a name, `*.name` or `*`. */
  readonly pattern: string;
  /** Name of the host resource. */
  readonly name: ResourceName;
  /** In their final order. */
  readonly routes: readonly ResourceName[];
  readonly noRoute: DirectResponse;
  /** The object that claims it first. */
  readonly at: Place;
}

function listenerName(listener: ListenerConfig): ResourceName {
  const host = listener.address.includes(':') ? `[${listener.address}]` : listener.address;
  return `listener/${host}:${listener.port}`;
}

/** Adds the listener with its hosts to `resources`. `otherwise` answers hosts that nobody claims. */
export function addListener(
  listener: ListenerConfig,
  claims: readonly HostClaim[],
  otherwise: DirectResponse,
  resources: ResourceSet,
  problems: Problems,
): ListenerView {
  const owners = new Map<string, HostClaim>();
  for (const claim of claims) {
    const before = owners.get(claim.pattern);
    if (before === undefined) owners.set(claim.pattern, claim);
    else {
      problems.error(
        claim.at,
        '',
        `the host ${claim.pattern} on port ${listener.port} belongs to ${before.dialect} already ` +
          `(${printPlace(before.at)}): which one should answer cannot be told, so give them different hosts`,
      );
    }
  }
  for (const { pattern, routes, at } of owners.values()) {
    if (routes.length > HOST_ROUTES) {
      problems.error(at, '', `the host ${pattern} has ${routes.length} routes, more than ${HOST_ROUTES}`);
    }
  }
  const hosts: HostView[] = [...owners.values()].map(({ name, pattern, dialect, routes, noRoute }) => {
    resources.add({ kind: 'host', name, patterns: [pattern], routes, noRoute });
    return { name, pattern, dialect, routes };
  });
  if (!owners.has('*')) {
    const name = `host/none/${listener.address}:${listener.port}/*`;
    resources.add({ kind: 'host', name, patterns: ['*'], routes: [], noRoute: otherwise });
    hosts.push({ name, pattern: '*', dialect: null, routes: [] });
  }
  hosts.sort((a, b) => (a.pattern < b.pattern ? -1 : a.pattern > b.pattern ? 1 : 0));
  const { address, port } = listener;
  const name = resources.add({
    kind: 'listener',
    name: listenerName(listener),
    address,
    port,
    protocol: 'http',
    hosts: hosts.map((host) => host.name),
  });
  return { name, address, port, protocol: 'http', hosts };
}
