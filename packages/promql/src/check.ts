// Types: what every node gives and whether its children give what it takes. Messages are Prometheus'.
import { compileMatcher, quoteText } from '@munjigi/model';
import type { Binary, Call, Expr, ValueType, VectorSelector } from './ast.ts';
import { childrenOf } from './ast.ts';
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

/** Collects all type errors of a tree; settles the cardinality of set operators and drops matching where a side is a scalar. */
export function checkTypes(root: Expr, text: string, errors: ParseError[]): void {
  const types = new Map<Expr, ValueType>();
  const fail = (e: { readonly start: number; readonly end: number }, message: string): void => {
    errors.push(parseErrorAt(text, e.start, e.end, message));
  };
  const check = (e: Expr, bare: VectorSelector | null): void => {
    const labelsOnly =
      e.kind === 'call' && e.func === 'info' && e.args[1]?.kind === 'vector' ? e.args[1] : null;
    for (const child of childrenOf(e)) check(child, labelsOnly);
    const type = (c: Expr): ValueType => types.get(c)!;
    types.set(e, ownType(e, type));
    switch (e.kind) {
      case 'number':
      case 'string':
      case 'matrix':
      case 'paren':
        return;
      case 'vector':
        checkSelector(e, e === bare, fail);
        return;
      case 'subquery':
        if (type(e.expr) !== 'vector')
          fail(e, `subquery is only allowed on instant vector, got ${type(e.expr)} instead`);
        return;
      case 'unary':
        if (type(e.expr) !== 'scalar' && type(e.expr) !== 'vector')
          fail(
            e,
            `unary expression only allowed on expressions of type scalar or instant vector, got "${typeWord(type(e.expr))}"`,
          );
        return;
      case 'aggregate': {
        if (type(e.expr) !== 'vector')
          fail(
            e.expr,
            `expected type instant vector in aggregation expression, got ${typeWord(type(e.expr))}`,
          );
        const wanted = AGGREGATE_PARAMS.get(e.op);
        if (wanted !== undefined && e.param !== null && type(e.param) !== wanted)
          fail(e.param, `expected type ${wanted} in aggregation parameter, got ${typeWord(type(e.param))}`);
        return;
      }
      case 'call':
        checkCall(e, type, fail);
        return;
      case 'binary':
        checkBinary(e, type, text, fail);
    }
  };
  check(root, null);
}

function ownType(e: Expr, type: (c: Expr) => ValueType): ValueType {
  // Asks the children's known types: typeOf from every node would walk long chains again and again.
  if (e.kind === 'binary')
    return type(e.left) === 'scalar' && type(e.right) === 'scalar' ? 'scalar' : 'vector';
  if (e.kind === 'unary' || e.kind === 'paren') return type(e.expr);
  return typeOf(e);
}

type Fail = (e: { readonly start: number; readonly end: number }, message: string) => void;

function checkSelector(e: VectorSelector, mayBeEmpty: boolean, fail: Fail): void {
  if (e.name !== '') {
    for (const m of e.matchers.slice(0, -1))
      if (m.name === '__name__')
        fail(e, `metric name must not be set twice: ${quoteText(e.name)} or ${quoteText(m.value)}`);
    return;
  }
  if (!mayBeEmpty && !e.matchers.some((m) => !compileMatcher(m)('')))
    fail(e, 'vector selector must contain at least one non-empty matcher');
}

function checkCall(e: Call, type: (c: Expr) => ValueType, fail: Fail): void {
  const signature = FUNCTIONS.get(e.func);
  if (signature === undefined) return;
  const wanted = signature.args.length;
  const got = e.args.length;
  const name = `in call to ${quoteText(e.func)}, got ${got}`;
  if (signature.variadic === 0) {
    if (got !== wanted) fail(e, `expected ${wanted} argument(s) ${name}`);
  } else if (got < wanted - 1) fail(e, `expected at least ${wanted - 1} argument(s) ${name}`);
  else if (signature.variadic > 0 && got > wanted - 1 + signature.variadic)
    fail(e, `expected at most ${wanted - 1 + signature.variadic} argument(s) ${name}`);
  if (e.func === 'info' && e.args[1] !== undefined) {
    const labels = e.args[1];
    if (labels.kind !== 'vector') fail(labels, 'expected label selectors only');
    else if (labels.name !== '') fail(labels, 'expected label selectors only, got vector selector instead');
  }
  e.args.forEach((arg, i) => {
    if (i >= wanted && signature.variadic === 0) return;
    const want = signature.args[Math.min(i, wanted - 1)]!;
    if (type(arg) !== want)
      fail(
        arg,
        `expected type ${typeWord(want)} in call to function ${quoteText(e.func)}, got ${typeWord(type(arg))}`,
      );
  });
}

function checkBinary(e: Binary, type: (c: Expr) => ValueType, text: string, fail: Fail): void {
  const left = type(e.left);
  const right = type(e.right);
  const comparison = isComparison(e.op);
  const set = isSetOperator(e.op);
  const m = e.matching!;
  if (e.bool && !comparison)
    fail(operatorSpan(e, text), 'bool modifier can only be used on comparison operators');
  if (comparison && !e.bool && left === 'scalar' && right === 'scalar')
    fail(operatorSpan(e, text), 'comparisons between scalars must use BOOL modifier');
  for (const label of m.labels)
    if (m.on && m.include.includes(label))
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
