// The syntax tree of an expression: plain data, every node with the UTF-16 offsets [start, end) of its text.
import type { Matcher } from '@munjigi/model';

export interface Span {
  readonly start: number;
  readonly end: number;
}

export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | Call
  | Aggregate
  | Binary
  | Unary
  | Paren;

export type ValueType = 'scalar' | 'vector' | 'matrix' | 'string';

export interface NumberLiteral extends Span {
  readonly kind: 'number';
  readonly value: number;
  /** Written as a duration (`5m`); the value is in seconds all the same. */
  readonly duration: boolean;
}

export interface StringLiteral extends Span {
  readonly kind: 'string';
  readonly value: string;
}

/** Time of the @ modifier. */
export type At = { readonly t_ms: number } | 'start' | 'end';

export interface VectorSelector extends Span {
  readonly kind: 'vector';
  /** The name before the braces; '' when there is none. `matchers` holds its matcher too, as the last one. */
  readonly name: string;
  readonly matchers: readonly Matcher[];
  readonly at: At | null;
  readonly offset: DurationExpr | null;
  readonly extended: 'anchored' | 'smoothed' | null;
}

/** `selector[range]`; offset, @ and anchored/smoothed written after the brackets stand in `selector`. */
export interface MatrixSelector extends Span {
  readonly kind: 'matrix';
  readonly selector: VectorSelector;
  readonly range: DurationExpr;
}

export interface Subquery extends Span {
  readonly kind: 'subquery';
  readonly expr: Expr;
  readonly range: DurationExpr;
  /** Absent: the default evaluation interval. */
  readonly step: DurationExpr | null;
  readonly at: At | null;
  readonly offset: DurationExpr | null;
}

/** A literal, or arithmetic of literals and step(), range(), min_of(a, b), max_of(a, b). */
export type DurationExpr = NumberLiteral | DurationOp;

export interface DurationOp extends Span {
  readonly kind: 'duration';
  readonly op: '+' | '-' | '*' | '/' | '%' | '^' | 'step' | 'range' | 'min_of' | 'max_of';
  /** Null for step() and range(), and for unary operators. */
  readonly left: DurationExpr | null;
  readonly right: DurationExpr | null;
  readonly paren: boolean;
}

export interface Call extends Span {
  readonly kind: 'call';
  readonly func: string;
  readonly args: readonly Expr[];
}

export type AggregateOp =
  | 'sum'
  | 'avg'
  | 'count'
  | 'min'
  | 'max'
  | 'group'
  | 'stddev'
  | 'stdvar'
  | 'topk'
  | 'bottomk'
  | 'count_values'
  | 'quantile'
  | 'limitk'
  | 'limit_ratio';

export interface Aggregate extends Span {
  readonly kind: 'aggregate';
  readonly op: AggregateOp;
  readonly expr: Expr;
  readonly param: Expr | null;
  readonly without: boolean;
  readonly grouping: readonly string[];
}

export type BinaryOp =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '^'
  | 'atan2'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '</'
  | '>/'
  | 'and'
  | 'or'
  | 'unless';

/** How two vectors are matched. Null in Binary where one side is a scalar. */
export interface Matching {
  readonly card: 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many';
  readonly on: boolean;
  readonly labels: readonly string[];
  /** Labels of group_left or group_right. */
  readonly include: readonly string[];
  readonly fillLeft: number | null;
  readonly fillRight: number | null;
}

export interface Binary extends Span {
  readonly kind: 'binary';
  readonly op: BinaryOp;
  readonly left: Expr;
  readonly right: Expr;
  readonly bool: boolean;
  readonly matching: Matching | null;
}

export interface Unary extends Span {
  readonly kind: 'unary';
  readonly op: '+' | '-';
  readonly expr: Expr;
}

export interface Paren extends Span {
  readonly kind: 'paren';
  readonly expr: Expr;
}

/** The expressions right below an expression. */
export function childrenOf(e: Expr): readonly Expr[] {
  switch (e.kind) {
    case 'number':
    case 'string':
    case 'vector':
      return [];
    case 'matrix':
      return [e.selector];
    case 'subquery':
    case 'unary':
    case 'paren':
      return [e.expr];
    case 'call':
      return e.args;
    case 'aggregate':
      return e.param === null ? [e.expr] : [e.param, e.expr];
    case 'binary':
      return [e.left, e.right];
  }
}

/** Calls `visit` for an expression and everything below it, parents first. */
export function walk(e: Expr, visit: (e: Expr) => void): void {
  visit(e);
  for (const child of childrenOf(e)) walk(child, visit);
}

/** The expression inside any parentheses. */
export function unwrap(e: Expr): Expr {
  let inner = e;
  while (inner.kind === 'paren') inner = inner.expr;
  return inner;
}

/** Whether two trees say the same; positions and the order of matchers are not compared. */
export function sameExpr(a: Expr, b: Expr): boolean {
  return plainText(a) === plainText(b);
}

function plainText(e: Expr): string {
  return JSON.stringify(e, (key, value: unknown) => {
    if (key === 'start' || key === 'end') return undefined;
    if (key === 'matchers')
      return (value as Matcher[]).map((m) => JSON.stringify([m.name, m.op, m.value])).sort();
    return typeof value === 'number' ? `#${Object.is(value, -0) ? '-0' : value}` : value;
  });
}
