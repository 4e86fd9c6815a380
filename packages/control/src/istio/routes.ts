// One http route of a VirtualService as a route of the data plane.
import { placeOf, type Place } from '@munjigi/document';
import type { HeaderEdits, HeaderMatch, ResourceName, RouteMatch, RouteResource } from '@munjigi/proxy';
import type { Problems } from '../problems.ts';
import { NO_EDITS, type ResourceSet } from '../resources.ts';
import { describeMatches, describeSplit, type RouteView, type TargetView } from '../view.ts';
import { fullName, type HeaderOperations, type Named, type StringMatch } from './object.ts';
import { NO_HEALTHY_UPSTREAM, type Registry } from './registry.ts';
import type { HttpMatch, HttpRoute, VirtualServiceSpec, Weighted } from './virtual-service.ts';

/** Where a VirtualService is attached: what its matches may ask about. */
export interface Attachment {
  /** `namespace/name` of its gateways, without the mesh. */
  readonly gateways: readonly string[];
  /** Ports of the servers that serve it. */
  readonly ports: readonly number[];
  /** A gateway as a match names it -> `namespace/name`. */
  readonly resolve: (gateway: string) => string;
}

export interface RouteContext {
  readonly service: Named<VirtualServiceSpec>;
  readonly attachment: Attachment;
  readonly registry: Registry;
  readonly resources: ResourceSet;
  readonly problems: Problems;
}

const DEFAULT_RETRIES = 2;
/** Conditions of Envoy under which a failed connection is tried again. */
const CONNECT_CONDITIONS: ReadonlySet<string> = new Set([
  'connect-failure',
  'refused-stream',
  '5xx',
  'gateway-error',
  'reset',
]);

/** Adds the http route number i; null when it never matches here or is wrong (and that was said). */
export function addRoute(
  context: RouteContext,
  route: HttpRoute,
  i: number,
): { name: ResourceName; view: RouteView } | null {
  const { service, resources, problems } = context;
  const at = placeOf(route) ?? service.at;
  const matches = matchesOf(context, route, at);
  const key = `${fullName(service)}/${keyOf(service.spec, route, i)}`;
  const request = authorityOf(route.headers?.request, at, 'headers.request', problems);
  const targets = targetsOf(context, route, at);
  if (matches === null) return null;

  let hostHeader = request.host ?? targets.host;
  if (route.rewrite?.authority !== undefined && route.rewrite.authority !== '')
    hostHeader = route.rewrite.authority;
  const { action, line } = actionOf(route, key, targets, resources);
  const uri = route.rewrite?.uri ?? '';
  const name = resources.add({
    kind: 'route',
    name: `route/istio/${key}`,
    matches: uri === '' ? matches : withPaths(matches),
    action,
    filters: [],
    rewritePath: uri === '' ? null : { kind: 'replacePrefix', to: uri },
    hostHeader: hostHeader === null ? null : { kind: 'literal', value: hostHeader },
    requestHeaders: request.edits,
    responseHeaders: authorityOf(route.headers?.response, at, 'headers.response', problems).edits,
    timeout_ms: Math.ceil(route.timeout ?? 0),
    connectRetries: action.kind === 'forward' ? retriesOf(route, at, problems) : 0,
    metric: { route: fullName(service), service: route.route[0]?.destination.host ?? '' },
  });
  const view: RouteView = {
    name,
    dialect: 'istio',
    object: `VirtualService ${fullName(service)}`,
    file: at.file,
    line: at.line,
    match: describeMatches(matches),
    action: line,
    targets: targets.views,
    filters: [],
  };
  return { name, view };
}

/** Its own name where that is unique, else its number: what a route is called survives others being added before it. */
function keyOf(spec: VirtualServiceSpec, route: HttpRoute, i: number): string {
  const { name } = route;
  if (name === undefined || name === '' || /^\d+$/.test(name)) return String(i);
  return spec.http.filter((other) => other.name === name).length === 1 ? name : String(i);
}

function actionOf(
  route: HttpRoute,
  key: string,
  targets: Targets,
  resources: ResourceSet,
): { action: RouteResource['action']; line: string } {
  const { redirect, directResponse } = route;
  if (redirect !== undefined) {
    const { redirectCode: status, scheme, port } = redirect;
    const host = redirect.authority === undefined || redirect.authority === '' ? null : redirect.authority;
    const path = redirect.uri === undefined || redirect.uri === '' ? null : redirect.uri;
    const to = `${scheme === undefined ? '' : `${scheme}://`}${host ?? ''}${port === undefined ? '' : `:${port}`}${path ?? ''}`;
    return {
      action: {
        kind: 'redirect',
        status,
        host,
        path,
        ...(scheme === undefined ? {} : { scheme }),
        ...(port === undefined ? {} : { port }),
      },
      line: `redirects to ${to} (${status})`,
    };
  }
  if (directResponse !== undefined) {
    const { status, body } = directResponse;
    return {
      action: {
        kind: 'direct',
        response: { status, contentType: body === undefined ? '' : 'text/plain', body: body?.string ?? '' },
      },
      line: `answers ${status}`,
    };
  }
  const split = resources.add({
    kind: 'split',
    name: `split/istio/${key}`,
    targets: targets.split,
    noBackend: NO_HEALTHY_UPSTREAM,
  });
  return { action: { kind: 'forward', split }, line: describeSplit(targets.views) };
}

interface Targets {
  readonly views: TargetView[];
  readonly split: {
    cluster: ResourceName;
    weight: number;
    requestHeaders: HeaderEdits;
    responseHeaders: HeaderEdits;
  }[];
  /** Host that its only destination sets. */
  readonly host: string | null;
}

function targetsOf(context: RouteContext, route: HttpRoute, at: Place): Targets {
  const { service, registry, problems } = context;
  const targets: Targets = { views: [], split: [], host: null };
  let host: string | null = null;
  for (const weighted of route.route) {
    const place = placeOf(weighted) ?? at;
    const view = registry.cluster(
      weighted.destination,
      service.namespace,
      placeOf(weighted.destination) ?? place,
    );
    const request = authorityOf(weighted.headers?.request, place, 'headers.request', problems);
    const response = authorityOf(weighted.headers?.response, place, 'headers.response', problems);
    if (request.host !== null && route.route.length > 1) {
      problems.error(
        place,
        'headers.request.set',
        'setting the host for one of several destinations is not supported: set it on the route',
      );
    }
    host = request.host ?? host;
    if (view === null) continue;
    const weight = weightOf(route.route, weighted);
    targets.views.push({ ...view, weight });
    targets.split.push({
      cluster: view.cluster,
      weight,
      requestHeaders: request.edits,
      responseHeaders: response.edits,
    });
  }
  return { ...targets, host };
}

/** A single destination gets everything, whatever its weight. */
function weightOf(all: readonly Weighted[], one: Weighted): number {
  return all.length === 1 ? 1 : one.weight;
}

/** Header edits, with the host taken out: the data plane sets it apart. */
function authorityOf(
  operations: HeaderOperations | undefined,
  at: Place,
  field: string,
  problems: Problems,
): { edits: HeaderEdits; host: string | null } {
  if (operations === undefined) return { edits: NO_EDITS, host: null };
  let host: string | null = null;
  const set: [string, string][] = [];
  for (const [name, value] of operations.set) {
    if (!isAuthority(name)) set.push([name.toLowerCase(), value]);
    else if (field.endsWith('response'))
      problems.error(at, `${field}.set`, `${name} is not a header of responses`);
    else host = value;
  }
  const refuse = (name: string, how: string): void => {
    if (isAuthority(name)) problems.error(at, `${field}.${how}`, `${name} can only be set`);
  };
  for (const name of operations.add.keys()) refuse(name, 'add');
  for (const name of operations.remove) refuse(name, 'remove');
  return {
    edits: {
      remove: operations.remove.map((name) => name.toLowerCase()),
      set,
      add: [...operations.add].map(([name, value]) => [name.toLowerCase(), value] as const),
    },
    host,
  };
}

function isAuthority(name: string): boolean {
  return name === ':authority' || name.toLowerCase() === 'host';
}

/** null: no match can ever be true here. */
function matchesOf(context: RouteContext, route: HttpRoute, at: Place): RouteMatch[] | null {
  if (route.match.length === 0) return [];
  const matches: RouteMatch[] = [];
  let all = false;
  for (const match of route.match) {
    if (match === null) {
      all = true;
      continue;
    }
    if (!appliesHere(context, match, placeOf(match) ?? at)) continue;
    const headers = headersOf(match);
    const path = match.uri === undefined || match.uri.kind === 'present' ? null : pathOf(match.uri);
    const methods = match.method === undefined ? null : [match.method];
    if (path === null && methods === null && headers.length === 0) all = true;
    matches.push({ path, methods, headers });
  }
  if (all) return [];
  return matches.length === 0 ? null : matches;
}

/** Conditions that are settled before any request comes: gateways, ports, the caller's workload, the scheme. */
function appliesHere({ attachment, problems }: RouteContext, match: HttpMatch, at: Place): boolean {
  if ((match.sourceLabels?.size ?? 0) > 0 || (match.sourceNamespace ?? '') !== '') {
    problems.warn(
      at,
      match.sourceLabels === undefined ? 'sourceNamespace' : 'sourceLabels',
      'describes workloads of the mesh: at the gateway this match is never true',
    );
    return false;
  }
  if (match.scheme !== undefined && match.scheme.toLowerCase() !== 'http') return false;
  const { gateways } = match;
  if (gateways !== undefined && gateways.length > 0) {
    const wanted = new Set(gateways.map((gateway) => attachment.resolve(gateway)));
    const meant = attachment.gateways.filter((gateway) => wanted.has(gateway)).length;
    if (meant === 0) return false;
    if (meant < attachment.gateways.length) {
      problems.error(
        at,
        'gateways',
        'a match for some of the gateways only is not supported yet: write one VirtualService for each',
      );
    }
  }
  if (match.port !== undefined) {
    const meant = attachment.ports.filter((port) => port === match.port).length;
    if (meant === 0) return false;
    if (meant < attachment.ports.length) {
      problems.error(
        at,
        'port',
        'a match for some of the ports only is not supported yet: write one VirtualService for each',
      );
    }
  }
  return true;
}

function pathOf(uri: Exclude<StringMatch, { kind: 'present' }>): RouteMatch['path'] {
  return { kind: uri.kind === 'exact' ? 'exact' : 'stringPrefix', value: uri.value };
}

function headersOf(match: HttpMatch): HeaderMatch[] {
  const headers: HeaderMatch[] = [];
  const add = (name: string, value: StringMatch): void => {
    headers.push({ name, kind: value.kind, values: value.kind === 'present' ? [] : [value.value] });
  };
  if (match.authority !== undefined && match.authority.kind !== 'present') add('host', match.authority);
  for (const [name, value] of match.headers ?? []) add(name.toLowerCase(), value);
  return headers;
}

/** A rewrite replaces the matched prefix; without a path to match, that is '/'. */
function withPaths(matches: readonly RouteMatch[]): RouteMatch[] {
  const slash = { kind: 'stringPrefix', value: '/' } as const;
  if (matches.length === 0) return [{ path: slash, methods: null, headers: [] }];
  return matches.map((match) => ({ ...match, path: match.path ?? slash }));
}

function retriesOf({ retries }: HttpRoute, at: Place, problems: Problems): number {
  if (retries === undefined) return DEFAULT_RETRIES;
  if (retries.retryOn === undefined || retries.retryOn === '' || retries.attempts === 0)
    return retries.attempts;
  const conditions = retries.retryOn.split(',').map((condition) => condition.trim());
  const other = conditions.filter(
    (condition) => condition !== 'connect-failure' && condition !== 'refused-stream',
  );
  if (other.length > 0) {
    problems.warn(at, 'retries.retryOn', `${other.join(', ')}: only failed connections are tried again yet`);
  }
  return conditions.some((condition) => CONNECT_CONDITIONS.has(condition)) ? retries.attempts : 0;
}
