// Istio's objects to resources and the hosts they claim on each listener.
import type { DirectResponse, ResourceName } from '@munjigi/proxy';
import type { HostClaim, ListenerConfig } from '../claims.ts';
import { printPlace, type Problems } from '../problems.ts';
import { NO_EDITS, type ResourceSet } from '../resources.ts';
import type { IstioKind, IstioObject } from '../source/header.ts';
import type { RouteView } from '../view.ts';
import { attach, gatewayName, hostsOf, placeServers, type Attached } from './attach.ts';
import { destinationRule } from './destination-rule.ts';
import { gateway } from './gateway.ts';
import { fullName, readObject, textAt, type Named } from './object.ts';
import { Registry } from './registry.ts';
import { addRoute } from './routes.ts';
import { serviceEntry } from './service-entry.ts';
import type { VirtualServiceSpec } from './spec.ts';
import { virtualService } from './virtual-service.ts';

export interface IstioTranslation {
  /** By the listener's index. */
  readonly claims: readonly (readonly HostClaim[])[];
  readonly views: readonly RouteView[];
}

/** What Envoy answers where it has no route. */
export const NOT_FOUND: DirectResponse = { status: 404, contentType: '', body: '' };

type Service = Named<VirtualServiceSpec>;

export function translateIstio(
  objects: readonly IstioObject[],
  listeners: readonly ListenerConfig[],
  resources: ResourceSet,
  problems: Problems,
): IstioTranslation {
  refuseTwins(objects, problems);
  const unreadable: IstioObject[] = [];
  const read = <S>(kind: IstioKind, spec: Parameters<typeof readObject<S>>[1]): Named<S>[] =>
    objects.flatMap((written) => {
      if (written.kind !== kind) return [];
      const object = readObject(written, spec, problems.all);
      if (object === null) unreadable.push(written);
      return object === null ? [] : [object];
    });
  const gateways = read('Gateway', gateway);
  const rules = read('DestinationRule', destinationRule);
  const entries = read('ServiceEntry', serviceEntry);
  const services = read('VirtualService', virtualService);

  const unreadableRules = unreadable.filter(({ kind }) => kind === 'DestinationRule');
  const registry = new Registry(
    entries,
    rules,
    {
      serviceEntries: unreadable.some(({ kind }) => kind === 'ServiceEntry'),
      ruleHosts: new Set(unreadableRules.map((written) => textAt(written, 'spec', 'host'))),
    },
    resources,
    problems,
  );
  const servers = placeServers(gateways, listeners, problems);
  const known = new Set(gateways.map(fullName));
  const unreadableGateways = new Set(unreadable.filter(({ kind }) => kind === 'Gateway').map(nameOf));

  const claims = listeners.map(() => new Map<string, Claim>());
  const views: RouteView[] = [];
  for (const served of servers) {
    if (served.server.tls?.httpsRedirect !== true) continue;
    const route = addRedirect(resources);
    for (const { pattern } of hostsOf(served))
      claim(
        claims,
        listeners,
        { listener: served.listener, pattern, served },
        [route],
        served.gateway,
        'spec.servers',
        problems,
      );
  }
  for (const service of services) {
    const attached = attach(service, servers, known, unreadableGateways, problems).filter(
      ({ served }) => served.server.tls?.httpsRedirect !== true,
    );
    const routes = routesOf(service, attached, registry, resources, problems, views);
    for (const place of attached) claim(claims, listeners, place, routes, service, 'spec.hosts', problems);
  }
  return { claims: claims.map((byPattern) => [...byPattern.values()]), views };
}

interface Claim extends HostClaim {
  readonly routes: ResourceName[];
  readonly owners: Set<string>;
}

function claim(
  claims: readonly Map<string, Claim>[],
  listeners: readonly ListenerConfig[],
  { listener, pattern }: Attached,
  routes: readonly ResourceName[],
  owner: Named<unknown>,
  field: string,
  problems: Problems,
): void {
  const byPattern = claims[listener]!;
  const { address, port } = listeners[listener]!;
  let mine = byPattern.get(pattern);
  if (mine === undefined) {
    const name = `host/istio/${address}:${port}/${pattern}`;
    mine = {
      dialect: 'istio',
      pattern,
      name,
      routes: [],
      noRoute: NOT_FOUND,
      at: problems.locate(owner.at, field),
      owners: new Set(),
    };
    byPattern.set(pattern, mine);
  } else if (!mine.owners.has(fullName(owner))) {
    problems.warn(
      owner.at,
      field,
      `${pattern} on port ${port} belongs to another object too (${printPlace(mine.at)}): its routes are tried first`,
    );
  }
  mine.owners.add(fullName(owner));
  for (const route of routes) if (!mine.routes.includes(route)) mine.routes.push(route);
}

function routesOf(
  service: Service,
  attached: readonly Attached[],
  registry: Registry,
  resources: ResourceSet,
  problems: Problems,
  views: RouteView[],
): ResourceName[] {
  const { spec, namespace } = service;
  const resolve = (written: string): string => gatewayName(written, namespace);
  const attachment = {
    gateways: [...new Set(attached.map(({ served }) => fullName(served.gateway)))],
    ports: [...new Set(attached.map(({ served }) => served.server.port.number))],
    resolve,
  };
  const names: ResourceName[] = [];
  spec.http.forEach((route, i) => {
    const added = addRoute({ service, attachment, registry, resources, problems }, route, i);
    if (added === null || attached.length === 0) return;
    names.push(added.name);
    views.push(added.view);
  });
  return names;
}

function addRedirect(resources: ResourceSet): ResourceName {
  return resources.add({
    kind: 'route',
    name: 'route/istio/https-redirect',
    matches: [],
    action: { kind: 'redirect', status: 301, host: null, path: null, scheme: 'https' },
    filters: [],
    rewritePath: null,
    hostHeader: null,
    requestHeaders: NO_EDITS,
    responseHeaders: NO_EDITS,
    timeout_ms: 0,
    connectRetries: 0,
    metric: { route: 'https-redirect', service: '' },
  });
}

function nameOf(written: IstioObject): string {
  return `${textAt(written, 'metadata', 'namespace') ?? 'default'}/${textAt(written, 'metadata', 'name') ?? ''}`;
}

function refuseTwins(objects: readonly IstioObject[], problems: Problems): void {
  const seen = new Map<string, IstioObject>();
  for (const written of objects) {
    if (textAt(written, 'metadata', 'name') === null) continue;
    const name = `${written.kind} ${nameOf(written)}`;
    const before = seen.get(name);
    if (before === undefined) seen.set(name, written);
    else {
      const { line, column } = written.node;
      const also = printPlace({
        file: before.file,
        line: before.node.line,
        column: before.node.column,
        field: '',
      });
      problems.error(
        { file: written.file, line, column, field: 'metadata.name' },
        '',
        `${name} is there twice: also at ${also}`,
      );
    }
  }
}
