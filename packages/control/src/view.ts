// The gateway as people see it: plain data for the console and for `explain`.
import type { HeaderMatch, PathMatch, ResourceName, RouteMatch } from '@munjigi/proxy';

export type Dialect = 'kong' | 'istio';

export interface GatewayView {
  readonly listeners: readonly ListenerView[];
  /** Each route once, in the order of its source. */
  readonly routes: readonly RouteView[];
}

export interface ListenerView {
  /** Resource name. */
  readonly name: ResourceName;
  readonly address: string;
  readonly port: number;
  readonly protocol: 'http';
  readonly hosts: readonly HostView[];
}

export interface HostView {
  readonly name: ResourceName;
  readonly pattern: string;
  /** null: nobody claims it; it only answers 404. */
  readonly dialect: Dialect | null;
  /** Names of routes in the order they are tried. */
  readonly routes: readonly ResourceName[];
}

export interface RouteView {
  readonly name: ResourceName;
  readonly dialect: Dialect;
  /** The object it comes from, as `VirtualService default/shop` or `route orders`. */
  readonly object: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** One line, as `GET /api* with x-user: jason`. */
  readonly match: string;
  /** One line, as `90% shop v1, 10% shop v2`. */
  readonly action: string;
  /** Empty for answers that the gateway gives itself. */
  readonly targets: readonly TargetView[];
  /** One line each, as `key-auth (apikey)`. */
  readonly filters: readonly string[];
  /** Labels of its metrics. */
  readonly metric: { readonly route: string; readonly service: string };
}

export interface TargetView {
  readonly cluster: ResourceName;
  /** As people call it. */
  readonly label: string;
  /** Label of the cluster's metrics. */
  readonly upstream: string;
  readonly weight: number;
  readonly endpoints: readonly { readonly host: string; readonly port: number; readonly weight: number }[];
}

/** `/api*` is a prefix by characters, `/api/**` one by segments. */
export function describeMatches(matches: readonly RouteMatch[]): string {
  return matches.length === 0 ? 'any request' : matches.map(describeMatch).join(' or ');
}

function describeMatch(match: RouteMatch): string {
  const parts: string[] = [];
  if (match.methods !== null) parts.push(match.methods.join('|'));
  if (match.path !== null) parts.push(describePath(match.path));
  if (match.headers.length > 0) parts.push(`with ${match.headers.map(describeHeader).join(' and ')}`);
  return parts.length === 0 ? 'any request' : parts.join(' ');
}

function describePath(path: PathMatch): string {
  if (path.kind === 'exact') return path.value;
  return path.kind === 'stringPrefix' ? `${path.value}*` : `${path.value.replace(/\/$/, '')}/**`;
}

function describeHeader(header: HeaderMatch): string {
  if (header.kind === 'present') return header.name;
  const values = header.values.map((value) => (header.kind === 'prefix' ? `${value}*` : value));
  return `${header.name}: ${values.join('|')}`;
}

/** `90% shop v1, 10% shop v2`; a single target without its share. */
export function describeSplit(targets: readonly { label: string; weight: number }[]): string {
  const total = targets.reduce((sum, target) => sum + target.weight, 0);
  if (total === 0) return 'nowhere';
  const [only] = targets;
  if (targets.length === 1 && only !== undefined) return only.label;
  return targets
    .map((target) => `${Math.round((target.weight * 1000) / total) / 10}% ${target.label}`)
    .join(', ');
}
