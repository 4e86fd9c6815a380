// Kong's order of routes: each route becomes one entry for every length of its paths, and entries are compared by a row of numbers.
import type { Route } from './entities.ts';

/** A route, or the part of it whose paths are of one length. */
export interface Entry {
  readonly route: Route;
  /** null: any path. */
  readonly paths: readonly string[] | null;
  /** Distinguishes the entries of one route; '' when it has only one. */
  readonly suffix: string;
  readonly rank: readonly number[];
}

const utf8 = new TextEncoder();

/** The entries of all routes, the first that matches wins. Routes of equal rank: the highest id first, as in Kong's default router. */
export function inOrder(routes: readonly Route[]): Entry[] {
  return routes.flatMap(entriesOf).sort(compare);
}

function compare(a: Entry, b: Entry): number {
  for (let i = 0; i < a.rank.length; i++) {
    const difference = b.rank[i]! - a.rank[i]!;
    if (difference !== 0) return difference;
  }
  return a.route.id < b.route.id ? 1 : a.route.id > b.route.id ? -1 : 0;
}

function entriesOf(route: Route): Entry[] {
  const paths = route.fields.paths ?? [];
  if (paths.length === 0) return [{ route, paths: null, suffix: '', rank: rankOf(route, 0) }];
  const byLength = new Map<number, string[]>();
  for (const path of paths) {
    const { length } = utf8.encode(path);
    const group = byLength.get(length);
    if (group === undefined) byLength.set(length, [path]);
    else group.push(path);
  }
  return [...byLength].map(([length, group]) => ({
    route,
    paths: group,
    suffix: byLength.size === 1 ? '' : `/${length}`,
    rank: rankOf(route, length),
  }));
}

/** How many kinds of conditions, then whether all hosts are exact, then how many headers, then the length of the path in bytes. */
function rankOf(route: Route, pathLength: number): number[] {
  const { methods, hosts, paths, headers, snis } = route.fields;
  const kinds = [methods, hosts, paths, snis].filter((list) => list !== undefined && list.length > 0).length;
  const headerCount = Math.min(headers?.size ?? 0, 255);
  const exactHosts = hosts !== undefined && !hosts.some((host) => host.includes('*'));
  return [kinds + (headerCount > 0 ? 1 : 0), exactHosts ? 1 : 0, headerCount, Math.min(pathLength, 0x7ffff)];
}
