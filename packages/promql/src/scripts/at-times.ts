// What Prometheus' own runner does beside what a script asks for: with its time written into every selector, an instant query gives the same
// at any other time.
import type { At, Expr } from '../ast.ts';
import { printExpr } from '../print.ts';

/** Functions that look at the evaluation time, or at times of samples, whatever @ says. */
const TIME_BOUND: ReadonlySet<string> = new Set([
  'days_in_month',
  'day_of_month',
  'day_of_week',
  'day_of_year',
  'end',
  'hour',
  'minute',
  'month',
  'year',
  'predict_linear',
  'range',
  'start',
  'step',
  'time',
  'timestamp',
]);

/** An expression that gives at each of the times (ms) what `expr` gives at t_ms; null: that cannot be said. */
export function fixedInTime(expr: Expr, t_ms: number): { text: string; times: readonly number[] } | null {
  const fixing = new Fixing(t_ms);
  const text = printExpr(fixing.fixed(expr));
  if (fixing.timeBound) return null;
  const times = t_ms === 0 ? [-1000, 0, 1000] : [-10 * t_ms, 0, Math.trunc(t_ms / 5), t_ms, 10 * t_ms];
  return { text, times };
}

class Fixing {
  timeBound = false;
  readonly #at: At;

  constructor(t_ms: number) {
    this.#at = { t_ms };
  }

  /** Everything below a subquery stays: its time is fixed. So do times that stand there, but for start() and end(). */
  fixed(e: Expr): Expr {
    switch (e.kind) {
      case 'number':
      case 'string':
        return e;
      case 'vector':
        return { ...e, at: this.#timeOf(e.at) };
      case 'matrix':
        return { ...e, selector: { ...e.selector, at: this.#timeOf(e.selector.at) } };
      case 'subquery':
        return { ...e, at: this.#timeOf(e.at) };
      case 'call':
        if (TIME_BOUND.has(e.func)) this.timeBound = true;
        return { ...e, args: e.args.map((arg) => this.fixed(arg)) };
      case 'aggregate':
        return {
          ...e,
          expr: this.fixed(e.expr),
          param: e.param === null ? null : this.fixed(e.param),
        };
      case 'binary':
        return { ...e, left: this.fixed(e.left), right: this.fixed(e.right) };
      case 'unary':
      case 'paren':
        return { ...e, expr: this.fixed(e.expr) };
    }
  }

  #timeOf(at: At | null): At {
    return at === null || typeof at === 'string' ? this.#at : at;
  }
}
