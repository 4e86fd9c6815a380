// Duration expressions to milliseconds, once the query's times are known.
import { largest, smallest } from './arithmetic.ts';
import { power } from './elementary/exponential.ts';
import type { DurationExpr } from './ast.ts';
import { executionError } from './query-error.ts';

export interface DurationContext {
  readonly step_ms: number;
  /** End minus start of the query. */
  readonly range_ms: number;
  readonly placeOf: (e: DurationExpr) => string;
}

/** Whole milliseconds, rounded towards zero. Throws QueryError where the result is no duration. */
export function evaluateDuration(e: DurationExpr, context: DurationContext, mayBeNegative: boolean): number {
  const seconds = value(e, context);
  const fail = (what: string): never => {
    const place = context.placeOf(e);
    throw executionError(`${place === '' ? '' : `${place}: `}${what}`);
  };
  if (!Number.isFinite(seconds)) return fail('duration is NaN or infinite');
  if (seconds <= 0 && !mayBeNegative) return fail('duration must be greater than 0');
  if (Math.abs(seconds) > 2 ** 63 / 1e9) return fail('duration is out of range');
  // A literal in milliseconds is exact; only arithmetic leaves fractions.
  const ms = seconds * 1000;
  return Math.abs(ms - Math.round(ms)) < 1e-6 ? Math.round(ms) : Math.trunc(ms);
}

function value(e: DurationExpr, context: DurationContext): number {
  if (e.kind === 'number') return e.value;
  const left = e.left === null ? 0 : value(e.left, context);
  const right = e.right === null ? 0 : value(e.right, context);
  const place = context.placeOf(e);
  switch (e.op) {
    case 'step':
      return context.step_ms / 1000;
    case 'range':
      return context.range_ms / 1000;
    case 'min_of':
      return smallest(left, right);
    case 'max_of':
      return largest(left, right);
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      if (right === 0) throw executionError(`${place}: division by zero`);
      return left / right;
    case '%':
      if (right === 0) throw executionError(`${place}: modulo by zero`);
      return left % right;
    case '^':
      return power(left, right);
  }
}
