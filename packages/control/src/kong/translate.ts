// Kong's documents to resources and the hosts they claim.
import { createHash } from 'node:crypto';
import type { HostClaim } from '../claims.ts';
import { coversOf } from '../host-pattern.ts';
import type { Problems } from '../problems.ts';
import type { ResourceSet } from '../resources.ts';
import type { KongDocument } from '../source/header.ts';
import type { RouteView } from '../view.ts';
import { readEntities, type Entities, type Key } from './entities.ts';
import { inOrder, type Entry } from './order.ts';
import { compilePlugins, KEY_AUTH_SECRET } from './plugins.ts';
import { addRoute, judgeRoute, NO_ROUTE } from './routes.ts';
import { compileUpstreams, type Backend } from './upstreams.ts';

export interface KongTranslation {
  /** For every listener: Kong's routes do not know ports. */
  readonly claims: readonly HostClaim[];
  readonly views: readonly RouteView[];
}

export function translateKong(
  documents: readonly KongDocument[],
  resources: ResourceSet,
  problems: Problems,
): KongTranslation {
  const entities = readEntities(documents, problems);
  judgeConsumers(entities, problems);
  addKeys(entities.keys, resources, problems);

  const filtersOf = compilePlugins(entities.plugins, problems, resources);
  const backendOf = compileUpstreams(entities.upstreams, problems, resources);
  const backends = new Map<string, Backend | null>();
  for (const service of entities.services) {
    if (service.fields.enabled) backends.set(service.id, backendOf(service));
  }

  const routes = entities.routes.filter((route) => {
    // Judged even when its service is off: a mistake does not wait for the day it is switched on.
    const ok = judgeRoute(route, entities.oldFormat.has(route.at.file), problems);
    return ok && (route.service?.fields.enabled ?? true);
  });
  const entries = inOrder(routes);
  const names = new Map<Entry, { name: string; view: RouteView }>();
  for (const entry of entries) {
    const { service } = entry.route;
    const backend = service === null ? null : (backends.get(service.id) ?? null);
    names.set(entry, addRoute(entry, backend, filtersOf(entry.route), resources));
  }
  return {
    claims: claimHosts(entries, problems, (entry) => names.get(entry)!.name),
    views: entries.map((entry) => names.get(entry)!.view),
  };
}

/** A route without hosts belongs to every host of Kong's, and to all others; one with a wildcard also to the exact hosts below it. */
function claimHosts(
  entries: readonly Entry[],
  problems: Problems,
  nameOf: (entry: Entry) => string,
): HostClaim[] {
  const byHost = new Map<string, number[]>();
  entries.forEach((entry, i) => {
    for (const host of new Set(hostsOf(entry))) {
      const known = byHost.get(host);
      if (known === undefined) byHost.set(host, [i]);
      else known.push(i);
    }
  });
  return [...byHost].map(([pattern, [first]]) => {
    const mine = new Set(coversOf(pattern).flatMap((host) => byHost.get(host) ?? []));
    const inOrder = [...mine].sort((a, b) => a - b);
    return {
      dialect: 'kong',
      pattern,
      name: `host/kong/${pattern}`,
      routes: inOrder.map((i) => nameOf(entries[i]!)),
      noRoute: NO_ROUTE,
      at: problems.locate(entries[first!]!.route.at, 'hosts'),
    };
  });
}

const EVERY_HOST: readonly string[] = ['*'];

function hostsOf({ route }: Entry): readonly string[] {
  const { hosts } = route.fields;
  return hosts === undefined || hosts.length === 0 ? EVERY_HOST : hosts.map((host) => host.toLowerCase());
}

function judgeConsumers({ consumers }: Entities, problems: Problems): void {
  for (const { fields, at } of consumers) {
    if (fields.username === undefined && fields.custom_id === undefined) {
      problems.error(at, '', 'a consumer needs its username or its custom_id');
    }
  }
}

function addKeys(keys: readonly Key[], resources: ResourceSet, problems: Problems): void {
  const credentials = keys.map((key) => {
    const { consumer, fields } = key;
    if (/\{vault:\/\/|\$\{\{/.test(fields.key)) {
      problems.error(
        key.at,
        'key',
        'references to vaults and environment variables are not supported: the text itself would be the key',
      );
    }
    return {
      sha256: createHash('sha256').update(fields.key).digest('hex'),
      consumer: {
        id: consumer.id,
        username: consumer.fields.username ?? '',
        customId: consumer.fields.custom_id ?? '',
      },
      credentialId: key.id,
    };
  });
  credentials.sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  resources.add({ kind: 'secret', name: KEY_AUTH_SECRET, credentials });
}
