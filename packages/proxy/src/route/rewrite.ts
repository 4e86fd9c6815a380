// The path that is forwarded when a route rewrites it. `path` is what came when that is already in normal form, else its normal form, so that
// the prefix that matched is the one that goes.
import type { PathRewrite } from '../snapshot.ts';

/** `matched`: length of the prefix that the route's match took; both paths without query. */
export function rewritePath(r: PathRewrite, path: string, matched: number): string {
  switch (r.kind) {
    case 'replaceFull':
      return r.to === '' ? '/' : r.to;
    case 'replacePrefix': {
      const base = r.to.endsWith('/') ? r.to.slice(0, -1) : r.to;
      const kept = path.slice(path[matched - 1] === '/' ? matched - 1 : matched);
      const rest = kept === '' || kept.startsWith('/') ? kept : `/${kept}`;
      return base + rest === '' ? '/' : base + rest;
    }
    case 'join':
      return r.strip
        ? joinRest(r.base, path, rest(path, matched), r.slash)
        : joinWhole(r.base, path, r.slash);
    // no default
  }
}

/** What stands behind the matched prefix, without one leading dot segment. */
function rest(path: string, matched: number): string {
  return path.slice(Math.max(1, matched)).replace(/^\.{1,2}(\/|$)/, '');
}

function joinRest(base: string, path: string, rest: string, slash: boolean): string {
  if (!slash) return base + (base.endsWith('/') && rest.startsWith('/') ? rest.slice(1) : rest);
  const trimmed = base.endsWith('/') ? base.slice(0, -1) : base;
  if (rest === '') return trimmed === '' || (path.length > 1 && path.endsWith('/')) ? `${trimmed}/` : trimmed;
  return trimmed + (rest.startsWith('/') ? rest : `/${rest}`);
}

function joinWhole(base: string, path: string, slash: boolean): string {
  if (!slash) return base + path.slice(1);
  if (path === '/') return base;
  return (base.endsWith('/') ? base.slice(0, -1) : base) + path;
}
