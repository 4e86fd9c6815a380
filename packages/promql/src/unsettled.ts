// An aggregation's parameter as Prometheus evaluates it: it does not settle `@ start()` and `@ end()` there, and goes on as if they were not written.
import type { At, Expr } from './ast.ts';

/** The expression without any `@ start()` and `@ end()`. */
export function unsettled(e: Expr): Expr {
  switch (e.kind) {
    case 'number':
    case 'string':
      return e;
    case 'vector':
      return { ...e, at: timeOnly(e.at) };
    case 'matrix':
      return { ...e, selector: { ...e.selector, at: timeOnly(e.selector.at) } };
    case 'subquery':
      return { ...e, expr: unsettled(e.expr), at: timeOnly(e.at) };
    case 'unary':
    case 'paren':
      return { ...e, expr: unsettled(e.expr) };
    case 'call':
      return { ...e, args: e.args.map(unsettled) };
    case 'aggregate':
      return { ...e, expr: unsettled(e.expr), param: e.param === null ? null : unsettled(e.param) };
    case 'binary':
      return { ...e, left: unsettled(e.left), right: unsettled(e.right) };
  }
}

function timeOnly(at: At | null): At | null {
  return at === 'start' || at === 'end' ? null : at;
}
