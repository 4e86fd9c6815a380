// Types: what every node gives and whether its children give what it takes. Messages are Prometheus'.
import { METRIC_NAME, compileMatcher, quoteText } from '@munjigi/model';
import type { Binary, Call, Expr, ValueType, VectorSelector } from './ast.ts';
import { AGGREGATE_PARAMS, FUNCTIONS, typeWord } from './functions.ts';
import { parseErrorAt, type ParseError } from './position.ts';

const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);
const SETS: ReadonlySet<string> = new Set(['and', 'or', 'unless']);

export function isComparison(op: string): boolean {
  return COMPARISONS.has(op);
}

export function isSetOperator(op: string): boolean {
  return SETS.has(op);
}

/** The type of an expression's value. */
export function typeOf(e: Expr): ValueType {
  switch (e.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'vector':
    case 'aggregate':
      return 'vector';
    case 'matrix':
    case 'subquery':
      return 'matrix';
    case 'call':
      return FUNCTIONS.get(e.func)?.returns ?? 'vector';
    case 'unary':
    case 'paren':
      return typeOf(e.expr);
    case 'binary':
      return typeOf(e.left) === 'scalar' && typeOf(e.right) === 'scalar' ? 'scalar' : 'vector';
  }
}

/**
 * Collects all type errors of a tree in the order in which Prometheus finds them; settles the cardinality of set operators and drops
 * matching where a side is a scalar.
 */
export function checkTypes(root: Expr, text: string, errors: ParseError[]): void {
  check(root, text, (e, message) => {
    errors.push(parseErrorAt(text, e.start, e.end, message));
  });
}

/** Checks a node and what is below it; returns its type. */
function check(e: Expr, text: string, fail: Fail): ValueType {
  const expectType = (child: Expr, want: ValueType, where: string): void => {
    const type = check(child, text, fail);
    if (type !== want) fail(child, `expected type ${typeWord(want)} in ${where}, got ${typeWord(type)}`);
  };
  switch (e.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'paren':
      return check(e.expr, text, fail);
    case 'vector':
      checkSelector(e, fail);
      return 'vector';
    case 'matrix':
      checkSelector(e.selector, fail);
      return 'matrix';
    case 'subquery': {
      const type = check(e.expr, text, fail);
      if (type !== 'vector') fail(e, `subquery is only allowed on instant vector, got ${type} instead`);
      return 'matrix';
    }
    case 'unary': {
      const type = check(e.expr, text, fail);
      if (type !== 'scalar' && type !== 'vector')
        fail(
          e,
          `unary expression only allowed on expressions of type scalar or instant vector, got "${typeWord(type)}"`,
        );
      return type;
    }
    case 'aggregate': {
      expectType(e.expr, 'vector', 'aggregation expression');
      const wanted = AGGREGATE_PARAMS.get(e.op);
      if (wanted !== undefined && e.param !== null) expectType(e.param, wanted, 'aggregation parameter');
      return 'vector';
    }
    case 'call':
      return checkCall(e, expectType, fail);
    case 'binary': {
      const left = check(e.left, text, fail);
      const right = check(e.right, text, fail);
      checkBinary(e, left, right, text, fail);
      return left === 'scalar' && right === 'scalar' ? 'scalar' : 'vector';
    }
  }
}

type Fail = (e: { readonly start: number; readonly end: number }, message: string) => void;

function checkSelector(e: VectorSelector, fail: Fail): void {
  if (e.name !== '') {
    for (const m of e.matchers.slice(0, -1))
      if (m.name === METRIC_NAME)
        fail(e, `metric name must not be set twice: ${quoteText(e.name)} or ${quoteText(m.value)}`);
    return;
  }
  if (!e.matchers.some((m) => !compileMatcher(m)('')))
    fail(e, 'vector selector must contain at least one non-empty matcher');
}

function checkCall(
  e: Call,
  expectType: (child: Expr, want: ValueType, where: string) => void,
  fail: Fail,
): ValueType {
  const { args: wanted, variadic, returns } = FUNCTIONS.get(e.func)!;
  const got = e.args.length;
  const name = `in call to ${quoteText(e.func)}, got ${got}`;
  if (variadic === 0) {
    if (got !== wanted.length) fail(e, `expected ${wanted.length} argument(s) ${name}`);
  } else {
    const least = wanted.length - 1;
    const most = least + variadic;
    if (got < least) fail(e, `expected at least ${least} argument(s) ${name}`);
    else if (variadic > 0 && got > most) fail(e, `expected at most ${most} argument(s) ${name}`);
  }
  const where = `call to function ${quoteText(e.func)}`;
  const labels = e.func === 'info' ? e.args[1] : undefined;
  if (labels !== undefined) checkInfoLabels(e, labels, where, fail);
  e.args.forEach((arg, i) => {
    if (i >= wanted.length && variadic === 0) return;
    // What info() takes as labels is no selection: it may match everything.
    if (arg === labels && arg.kind === 'vector' && arg.name === '') return;
    expectType(arg, wanted[Math.min(i, wanted.length - 1)]!, where);
  });
  return returns;
}

function checkInfoLabels(e: Call, labels: Expr, where: string, fail: Fail): void {
  const type = typeOf(labels);
  if (type !== 'vector') fail(e, `expected type instant vector in ${where}, got ${typeWord(type)}`);
  if (labels.kind !== 'vector') fail(labels, 'expected label selectors only');
  else if (labels.name !== '') fail(labels, 'expected label selectors only, got vector selector instead');
}

function checkBinary(e: Binary, left: ValueType, right: ValueType, text: string, fail: Fail): void {
  const comparison = isComparison(e.op);
  const set = isSetOperator(e.op);
  const m = e.matching!;
  if (e.bool && !comparison)
    fail(operatorSpan(e, text), 'bool modifier can only be used on comparison operators');
  if (comparison && !e.bool && left === 'scalar' && right === 'scalar')
    fail(operatorSpan(e, text), 'comparisons between scalars must use BOOL modifier');
  const include = new Set(m.on ? m.include : []);
  for (const label of m.labels)
    if (include.has(label))
      fail(operatorSpan(e, text), `label ${quoteText(label)} must not occur in ON and GROUP clause at once`);
  for (const [side, t] of [
    [e.left, left],
    [e.right, right],
  ] as const)
    if (t !== 'scalar' && t !== 'vector')
      fail(side, 'binary expression must contain only scalar and instant vector types');
  const fills = m.fillLeft !== null || m.fillRight !== null;
  if (left !== 'vector' || right !== 'vector') {
    if (m.labels.length > 0) fail(e, 'vector matching only allowed between instant vectors');
    if (fills) fail(e, 'filling in missing series only allowed between instant vectors');
    settle(e, null);
  } else if (set) {
    if (m.card !== 'one-to-one') {
      fail(e, `no grouping allowed for "${e.op}" operation`);
      fail(e, 'set operations must always be many-to-many');
    }
    if (fills) fail(e, 'filling in missing series not allowed for set operators');
    settle(e, { ...m, card: 'many-to-many' });
  }
  if (set && (left === 'scalar' || right === 'scalar'))
    fail(e, `set operator "${e.op}" not allowed in binary scalar expression`);
}

/** The one place that changes a node: the tree is still the parser's own here. */
function settle(e: Binary, matching: Binary['matching']): void {
  (e as { matching: Binary['matching'] }).matching = matching;
}

/** The text between the two sides without the space around it. */
function operatorSpan(e: Binary, text: string): { start: number; end: number } {
  let start = e.left.end;
  let end = e.right.start;
  while (start < end && /\s/.test(text[start]!)) start++;
  while (end > start && /\s/.test(text[end - 1]!)) end--;
  return { start, end };
}
