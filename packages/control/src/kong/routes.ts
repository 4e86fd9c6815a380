// One entry of Kong's order as a route of the data plane.
import type {
  DirectResponse,
  HeaderMatch,
  PathRewrite,
  ResourceName,
  RouteMatch,
  RouteResource,
} from '@munjigi/proxy';
import { hostFault } from '../host-pattern.ts';
import type { Problems } from '../problems.ts';
import { NO_EDITS, type ResourceSet } from '../resources.ts';
import { describeMatches, type RouteView } from '../view.ts';
import type { Route } from './entities.ts';
import type { Entry } from './order.ts';
import type { RouteFilters } from './plugins.ts';
import type { Backend } from './upstreams.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
export const NO_ROUTE: DirectResponse = {
  status: 404,
  contentType: JSON_TYPE,
  body: '{"message":"no Route matched with those values"}',
};
const NO_SERVICE: DirectResponse = {
  status: 503,
  contentType: JSON_TYPE,
  body: '{"message":"no Service found with those values"}',
};
const WANTS_HTTPS: DirectResponse = {
  status: 426,
  contentType: JSON_TYPE,
  body: '{"message":"Please use HTTPS protocol"}',
};

/** Whether the route can be taken; says what is wrong with it. `oldFormat`: paths with special characters are regular expressions. */
export function judgeRoute(route: Route, oldFormat: boolean, problems: Problems): boolean {
  const { fields, at } = route;
  let ok = true;
  const wrong = (field: string, message: string): void => {
    problems.error(at, field, message);
    ok = false;
  };
  const { methods, hosts, paths, headers, protocols, snis } = fields;
  const conditions = [methods, hosts, paths, snis].some((list) => list !== undefined && list.length > 0);
  if (!conditions && (headers?.size ?? 0) === 0)
    wrong('', 'a route needs at least one of methods, hosts, paths and headers');
  hosts?.forEach((host, i) => {
    const fault = hostFault(host);
    if (fault !== null) wrong(`hosts[${i}]`, `${host}: ${fault}`);
    else if (host === '*') wrong(`hosts[${i}]`, 'leave hosts out to serve every host');
  });
  paths?.forEach((path, i) => {
    const fault = pathFault(path, oldFormat);
    if (fault !== null) wrong(`paths[${i}]`, `${path}: ${fault}`);
  });
  for (const [name, values] of headers ?? []) {
    if (name.toLowerCase() === 'host') wrong(`headers.${name}`, 'match the host with hosts');
    if (values.some((value) => value.startsWith('~*'))) {
      wrong(`headers.${name}`, 'regular expressions for headers are not supported yet');
    }
  }
  if (protocols !== undefined && !protocols.some((name) => name === 'http' || name === 'https')) {
    wrong('protocols', `${protocols.join(', ')}: only http and https are supported yet`);
  }
  if (![426, 301, 302, 307, 308].includes(fields.https_redirect_status_code)) {
    wrong('https_redirect_status_code', 'wants one of 426, 301, 302, 307, 308');
  }
  if (fields.request_buffering === true) problems.warn(at, 'request_buffering', BUFFERING);
  if (fields.response_buffering === true) problems.warn(at, 'response_buffering', BUFFERING);
  return ok;
}

const BUFFERING = 'bodies are never buffered: they are passed on as they come';

function pathFault(path: string, oldFormat: boolean): string | null {
  if (path.startsWith('~')) return 'regular expressions for paths are not supported yet';
  if (!path.startsWith('/')) return 'a path must start with /';
  if (oldFormat && !/^[a-zA-Z0-9._~/%-]*$/.test(path)) {
    return 'in this _format_version it is a regular expression, and these are not supported yet';
  }
  if (path.includes('//')) return 'a path must not have empty segments (//)';
  return path.split('/').some((segment) => segment === '.' || segment === '..')
    ? 'a path must not have . or .. as a segment'
    : null;
}

/** Adds the route of one entry. `backend` null: its service is faulty, and that was said. */
export function addRoute(
  entry: Entry,
  backend: Backend | null,
  filters: RouteFilters,
  resources: ResourceSet,
): { name: ResourceName; view: RouteView } {
  const { route, paths, suffix } = entry;
  const { fields, at, service } = route;
  const matches = [matchesOf(route, paths)].flat();
  const onlyHttps = fields.protocols !== undefined && !fields.protocols.includes('http');
  const action = onlyHttps
    ? httpsAction(fields.https_redirect_status_code)
    : forward(service === null ? null : backend);
  const forwards = action.kind === 'forward';
  const metric = { route: route.label, service: service?.label ?? '' };
  const name = resources.add({
    kind: 'route',
    name: `route/kong/${route.label}${suffix}`,
    matches,
    action,
    filters: onlyHttps ? [] : filters.names,
    rewritePath: forwards && backend !== null ? rewriteOf(route, paths, backend.path) : null,
    hostHeader: !forwards || fields.preserve_host || backend === null ? null : backend.hostHeader,
    requestHeaders: NO_EDITS,
    responseHeaders: NO_EDITS,
    timeout_ms: 0,
    connectRetries: forwards && backend !== null ? backend.retries : 0,
    metric,
  });
  const view: RouteView = {
    name,
    dialect: 'kong',
    object: `route ${route.label}`,
    file: at.file,
    line: at.line,
    match: describeMatches(matches),
    action: forwards && backend !== null ? backend.target.label : describeAnswer(action),
    targets: forwards && backend !== null ? [backend.target] : [],
    filters: onlyHttps ? [] : filters.lines,
    metric,
  };
  return { name, view };
}

function matchesOf(route: Route, paths: readonly string[] | null): RouteMatch[] {
  const methods = route.fields.methods ?? [];
  const headers: HeaderMatch[] = [...(route.fields.headers ?? [])].map(([name, values]) => ({
    name: name.toLowerCase(),
    kind: 'exact',
    values: values.map((value) => value.toLowerCase()),
    ignoreCase: true,
  }));
  const rest = { methods: methods.length === 0 ? null : methods, headers };
  if (paths !== null) return paths.map((value) => ({ path: { kind: 'stringPrefix', value }, ...rest }));
  return rest.methods === null && headers.length === 0 ? [] : [{ path: null, ...rest }];
}

/** Stripping '/' changes nothing: the first '/' is the join's own. */
function rewriteOf(route: Route, paths: readonly string[] | null, base: string): PathRewrite | null {
  const { strip_path, path_handling } = route.fields;
  const strip = strip_path && paths !== null && paths.some((path) => path !== '/');
  return base !== '/' || strip ? { kind: 'join', base, strip, slash: path_handling === 'v0' } : null;
}

function forward(backend: Backend | null): RouteResource['action'] {
  return backend === null
    ? { kind: 'direct', response: NO_SERVICE }
    : { kind: 'forward', split: backend.split };
}

function httpsAction(status: number): RouteResource['action'] {
  if (status === 426) return { kind: 'direct', response: WANTS_HTTPS };
  return { kind: 'redirect', status, host: null, path: null, scheme: 'https' };
}

function describeAnswer(action: RouteResource['action']): string {
  if (action.kind === 'direct') return `answers ${action.response.status}`;
  return action.kind === 'redirect' ? `redirects to https (${action.status})` : '';
}
