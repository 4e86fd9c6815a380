// One http route of a VirtualService as a route of the data plane.
import { placeOf, type Place } from '@munjigi/document';
import type {
  HeaderEdits,
  HeaderMatch,
  ResourceName,
  RouteMatch,
  RouteResource,
  SplitResource,
} from '@munjigi/proxy';
import { EDIT_BYTES } from '../limits.ts';
import type { Problems } from '../problems.ts';
import { NO_EDITS, type ResourceSet } from '../resources.ts';
import { describeMatches, describeSplit, type RouteView, type TargetView } from '../view.ts';
import { fullName, type Named } from './object.ts';
import { NO_HEALTHY_UPSTREAM, type Registry } from './registry.ts';
import type {
  HeaderOperations,
  HttpMatch,
  HttpRoute,
  StringMatch,
  VirtualServiceSpec,
  Weighted,
} from './spec.ts';

/** Where a VirtualService is attached: what its matches may ask about. */
interface Attachment {
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
  const targets = targetsOf(context, route, at);
  if (matches === null) return null;

  const { action, line } = actionOf(route, key, targets, resources);
  const uri = route.rewrite?.uri ?? '';
  const authority = route.rewrite?.authority ?? '';
  const metric = { route: fullName(service), service: route.route[0]?.destination.host ?? '' };
  const name = resources.add({
    kind: 'route',
    name: `route/istio/${key}`,
    matches: uri === '' ? matches : withPaths(matches),
    action,
    filters: [],
    rewritePath: uri === '' ? null : { kind: 'replacePrefix', to: uri },
    hostHeader: authority === '' ? null : { kind: 'literal', value: authority },
    requestHeaders: editsOf(route.headers?.request, at, 'headers.request', problems),
    responseHeaders: editsOf(route.headers?.response, at, 'headers.response', problems),
    timeout_ms: Math.ceil(route.timeout ?? 0),
    connectRetries: action.kind === 'forward' ? retriesOf(route, at, problems) : 0,
    metric,
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
    metric,
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
    const { redirectCode, scheme, port } = redirect;
    const status = redirectCode === 0 ? 301 : redirectCode;
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
  readonly split: SplitResource['targets'][number][];
}

function targetsOf(context: RouteContext, route: HttpRoute, at: Place): Targets {
  const { service, registry, problems } = context;
  const targets: Targets = { views: [], split: [] };
  for (const weighted of route.route) {
    const place = placeOf(weighted) ?? at;
    const view = registry.cluster(
      weighted.destination,
      service.namespace,
      placeOf(weighted.destination) ?? place,
    );
    const requestHeaders = editsOf(weighted.headers?.request, place, 'headers.request', problems);
    const responseHeaders = editsOf(weighted.headers?.response, place, 'headers.response', problems);
    if (view === null) continue;
    const weight = weightOf(route.route, weighted);
    targets.views.push({ ...view, weight });
    targets.split.push({ cluster: view.cluster, weight, requestHeaders, responseHeaders });
  }
  return targets;
}

/** A single destination gets everything, whatever its weight. */
function weightOf(all: readonly Weighted[], one: Weighted): number {
  return all.length === 1 ? 1 : one.weight;
}

/** `:authority` is the Host of the forwarded request; it can only be set. */
function editsOf(
  operations: HeaderOperations | undefined,
  at: Place,
  field: 'headers.request' | 'headers.response',
  problems: Problems,
): HeaderEdits {
  if (operations === undefined) return NO_EDITS;
  const nameOf = (written: string): string => {
    const name = written.toLowerCase();
    return name === ':authority' ? 'host' : name;
  };
  const refuseHost = (names: Iterable<string>, how: string): void => {
    for (const name of names) {
      if (nameOf(name) === 'host')
        problems.error(at, `${field}.${how}`, `${name} can only be set, and only on requests`);
    }
  };
  refuseHost(operations.add.keys(), 'add');
  refuseHost(operations.remove, 'remove');
  if (field === 'headers.response') refuseHost(operations.set.keys(), 'set');
  const bytes = [...operations.set, ...operations.add].reduce(
    (sum, [name, value]) => sum + name.length + 3 * value.length + 4,
    0,
  );
  if (bytes > EDIT_BYTES)
    problems.error(at, field, `the headers together are longer than ${EDIT_BYTES} bytes`);
  const pairs = (map: ReadonlyMap<string, string>): (readonly [string, string])[] =>
    [...map].map(([name, value]) => [nameOf(name), value] as const);
  return { remove: operations.remove.map(nameOf), set: pairs(operations.set), add: pairs(operations.add) };
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
    problems.warn(
      at,
      'retries.retryOn',
      `${other.join(', ')}: so far only failed connections are tried again`,
    );
  }
  return conditions.some((condition) => CONNECT_CONDITIONS.has(condition)) ? retries.attempts : 0;
}
