// At which times the selectors in the first argument of info() look: info series are looked at then too.
import type { At, DurationExpr, Expr } from './ast.ts';
import { childrenOf } from './ast.ts';
import { typeOf } from './check.ts';

/** A time fixed by @, moved back by all the offsets. */
export interface Reference {
  readonly at: At | null;
  readonly offsets: readonly DurationExpr[];
}

/** The references of all selectors in `e`; null where a vector in it has none, or there is no selector. */
export function infoReferences(e: Expr): Reference[] | null {
  const found: Reference[] = [];
  let free = false;
  const visit = (x: Expr, outside: readonly Expr[]): boolean => {
    const type = typeOf(x);
    if (type !== 'vector' && type !== 'matrix') return false;
    if (x.kind === 'vector') {
      found.push(referenceOf(x, outside));
      return true;
    }
    const path = [x, ...outside];
    // The second argument of info() is written as a selector but selects nothing by itself.
    const children = x.kind === 'call' && x.func === 'info' ? x.args.slice(0, 1) : childrenOf(x);
    let some = false;
    for (const child of children) if (visit(child, path)) some = true;
    if (!some) free = true;
    return some;
  };
  visit(e, []);
  return free || found.length === 0 ? null : found;
}

/** Subqueries around a selector move its time too, until an @ fixes it. `outside`: from the inside out. */
function referenceOf(e: Expr & { kind: 'vector' }, outside: readonly Expr[]): Reference {
  let at = e.at;
  const offsets = e.offset === null ? [] : [e.offset];
  for (const x of outside) {
    if (at !== null) break;
    if (x.kind !== 'subquery') continue;
    if (x.offset !== null) offsets.push(x.offset);
    at = x.at;
  }
  return { at, offsets };
}
