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
  return e.kind === 'number' ? Math.round(seconds * 1000) : Math.trunc(seconds * 1000);
}

/** As Go counts them: whole seconds and a fraction, added up. */
function secondsOf(ms: number): number {
  return Math.trunc(ms / 1000) + (ms % 1000) / 1000;
}

function value(e: DurationExpr, context: DurationContext): number {
  if (e.kind === 'number') return e.duration ? secondsOf(Math.round(e.value * 1000)) : e.value;
  const left = e.left === null ? 0 : value(e.left, context);
  const right = e.right === null ? 0 : value(e.right, context);
  const place = context.placeOf(e);
  switch (e.op) {
    case 'step':
      return secondsOf(context.step_ms);
    case 'range':
      return secondsOf(context.range_ms);
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
