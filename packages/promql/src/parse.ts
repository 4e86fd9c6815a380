// Tokens to a syntax tree: recursive descent with precedences as Prometheus 3.16's grammar has them. Never throws on input; the
// first syntax error ends parsing, everything else that is wrong is collected.
import {
  METRIC_NAME,
  compileAnchored,
  formatNumber,
  quoteText,
  RegExpError,
  regExpParts,
  type Matcher,
} from '@munjigi/model';
import type {
  Aggregate,
  AggregateOp,
  At,
  BinaryOp,
  DurationExpr,
  Expr,
  Matching,
  NumberLiteral,
  VectorSelector,
} from './ast.ts';
import { checkTypes } from './check.ts';
import { DurationParser, literalOf } from './duration-expr.ts';
import { AGGREGATE_PARAMS, AGGREGATIONS, FUNCTIONS } from './functions.ts';
import { lex, type Token } from './lex.ts';
import { parseErrorAt, type ParseError } from './position.ts';
import { SyntaxStop, TokenStream, type Enclosing } from './tokens.ts';
import { unquote } from './string-literal.ts';

/** Longer expressions are refused. */
export const MAX_EXPRESSION_LENGTH = 262_144;
/** Expressions nested deeper (parentheses, calls, unary operators) are refused. */
export const MAX_NESTING = 500;
/** Trees deeper than this are refused: a chain of n operators on one level is n deep. */
export const MAX_TREE_DEPTH = 1_500;

/** Regular expressions of one expression that have more parts together (classes, groups, repetitions written out) are refused. */
export const MAX_REGEXP_PARTS_TOTAL = 100_000;

export interface ParseOptions {
  /** Unquoted names may hold Unicode letters and, after the first character, dots. Prometheus has it behind a flag. Default false. */
  readonly unquotedUtf8Names?: boolean;
  /** Functions and aggregations that Prometheus calls experimental are accepted. Default true. */
  readonly experimental?: boolean;
}

export type ParseResult = { readonly expr: Expr } | { readonly errors: readonly ParseError[] };

/** Parses and type-checks an expression. */
export function parse(text: string, options: ParseOptions = {}): ParseResult {
  if (text.length > MAX_EXPRESSION_LENGTH) {
    const message = `expression too long: ${text.length} characters, at most ${MAX_EXPRESSION_LENGTH} are read`;
    return { errors: [parseErrorAt(text, MAX_EXPRESSION_LENGTH, text.length, message)] };
  }
  const { tokens, error } = lex(text, options.unquotedUtf8Names ?? false);
  const stream = new TokenStream(text, tokens, error);
  const expr = new Parser(stream, options).all();
  if (expr !== null && stream.errors.length === 0) checkTypes(expr, text, stream.errors);
  if (expr === null || stream.errors.length > 0) return { errors: stream.errors };
  return { expr };
}

/** Reads a series selector alone, as `match[]` parameters hold it. */
export function parseSelector(
  text: string,
  options: ParseOptions = {},
): { readonly matchers: readonly Matcher[] } | { readonly errors: readonly ParseError[] } {
  const parsed = parse(text, options);
  if ('errors' in parsed) return parsed;
  const e = parsed.expr;
  if (e.kind === 'vector' && e.at === null && e.offset === null && e.extended === null)
    return { matchers: e.matchers };
  return { errors: [parseErrorAt(text, e.start, e.end, 'expected a series selector')] };
}

const PRECEDENCE: Readonly<Record<string, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '</': 3,
  '>/': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
};
const POWER = 6;

/** Keywords that may be a metric name where an expression begins. */
const NAMES: ReadonlySet<string> = new Set([
  ...AGGREGATIONS,
  ...'identifier metric by fill fill_left fill_right and or unless offset without start end step range anchored smoothed max_of min_of'.split(
    ' ',
  ),
]);

/** What an expression may begin with beside names. */
const BEGINNINGS: ReadonlySet<string> = new Set('number duration string ( { + -'.split(' '));

/** Keywords that may be a label name in by (...), on (...) and their like. */
const LABELS: ReadonlySet<string> = new Set([
  ...AGGREGATIONS,
  ...(
    'identifier metric bool by group_left group_right fill fill_left fill_right ignoring and or unless offset on start end atan2 ' +
    'step range anchored smoothed max_of min_of'
  ).split(' '),
]);

const FUNCTION_KEYWORDS: ReadonlySet<string> = new Set(['start', 'end', 'step', 'range', 'max_of', 'min_of']);

const AGGREGATION: Enclosing = { context: 'aggregation', expected: '' };
const OFFSET: Enclosing = { context: 'offset', expected: 'number, duration, step(), or range()' };
const AT: Enclosing = { context: '@', expected: 'timestamp' };
const RANGE: Enclosing = {
  context: 'subquery or range selector',
  expected: 'number, duration, step(), or range()',
};
const STEP: Enclosing = {
  context: 'subquery selector',
  expected: 'number, duration, step(), range(), or "]"',
};

class Parser {
  readonly #s: TokenStream;
  readonly #experimental: boolean;
  readonly #unquoted: boolean;
  #nesting = 0;
  #regexpParts = 0;
  /** Depth of the tree that was returned last. */
  #depth = 0;

  constructor(stream: TokenStream, options: ParseOptions) {
    this.#s = stream;
    this.#experimental = options.experimental ?? true;
    this.#unquoted = options.unquotedUtf8Names ?? false;
  }

  all(): Expr | null {
    const s = this.#s;
    try {
      if (s.is('eof') && s.lexError === null) s.stop({ start: 0, end: 0 }, 'no expression found in input');
      const e = this.#expr();
      if (!s.is('eof')) s.unexpected();
      s.look();
      return e;
    } catch (stop) {
      if (stop instanceof SyntaxStop) return null;
      throw stop;
    }
  }

  #expr(): Expr {
    this.#enter();
    const e = this.#binary(1);
    this.#nesting--;
    return e;
  }

  /** Reads a construct whose name errors inside it have. */
  #inside<T>(construct: Enclosing, read: () => T): T {
    this.#s.enclosing.push(construct);
    const made = read();
    this.#s.enclosing.pop();
    return made;
  }

  #enter(): void {
    if (++this.#nesting > MAX_NESTING)
      this.#s.stop(this.#s.token, `expression nested too deeply: more than ${MAX_NESTING} levels`);
  }

  #deeper(depth: number): void {
    if (depth > MAX_TREE_DEPTH)
      this.#s.stop(
        this.#s.token,
        `expression too deep: more than ${MAX_TREE_DEPTH} levels of operators and calls`,
      );
    this.#depth = depth;
  }

  #binary(least: number): Expr {
    const s = this.#s;
    let left = this.#unary();
    for (;;) {
      const op = s.token;
      const precedence = PRECEDENCE[op.kind];
      if (precedence === undefined || precedence < least) return left;
      const leftDepth = this.#depth;
      s.next();
      const { bool, matching } = this.#modifiers();
      this.#enter();
      const right = this.#binary(precedence === POWER ? POWER : precedence + 1);
      this.#nesting--;
      this.#deeper(Math.max(leftDepth, this.#depth) + 1);
      left = {
        kind: 'binary',
        op: op.kind as BinaryOp,
        left,
        right,
        bool,
        matching,
        start: left.start,
        end: right.end,
      };
    }
  }

  /** `bool`, on/ignoring, group_left/right, fill: what stands between an operator and its right side. */
  #modifiers(): { bool: boolean; matching: Matching } {
    const s = this.#s;
    const bool = s.take('bool');
    let on = false;
    let labels: string[] = [];
    let card: Matching['card'] = 'one-to-one';
    let include: string[] = [];
    if (s.is('on') || s.is('ignoring')) {
      on = s.is('on');
      s.next();
      labels = this.#groupingLabels();
      if (s.is('group_left') || s.is('group_right')) {
        card = s.is('group_left') ? 'many-to-one' : 'one-to-many';
        s.next();
        if (s.is('(') || !beginsExpr(s.token)) include = this.#groupingLabels();
      }
    }
    let fillLeft: number | null = null;
    let fillRight: number | null = null;
    if (s.take('fill')) fillLeft = fillRight = this.#fillValue();
    else if (s.take('fill_left')) {
      fillLeft = this.#fillValue();
      if (s.take('fill_right')) fillRight = this.#fillValue();
    } else if (s.take('fill_right')) {
      fillRight = this.#fillValue();
      if (s.take('fill_left')) fillLeft = this.#fillValue();
    }
    return { bool, matching: { card, on, labels, include, fillLeft, fillRight } };
  }

  #fillValue(): number {
    const s = this.#s;
    s.expect('(');
    const value = this.#signedNumber();
    if (value === null) s.unexpected();
    s.expect(')');
    return value!;
  }

  /** A number or duration with or without a sign; null when there is none. */
  #signedNumber(): number | null {
    const s = this.#s;
    const negative = s.is('-');
    if (s.is('-') || s.is('+')) s.next();
    if (!s.is('number') && !s.is('duration')) return null;
    const { value } = literalOf(s, s.next());
    return negative ? -value : value;
  }

  #unary(): Expr {
    const s = this.#s;
    if (!s.is('+') && !s.is('-')) return this.#postfix();
    const op = s.next();
    this.#enter();
    // Binds as strongly as `*`, weaker than `^`: -2^2 is -(2^2).
    const e = this.#binary(POWER);
    this.#nesting--;
    if (e.kind === 'number') return { ...e, value: op.kind === '-' ? -e.value : e.value, start: op.start };
    this.#deeper(this.#depth + 1);
    return { kind: 'unary', op: op.kind as '+' | '-', expr: e, start: op.start, end: e.end };
  }

  #postfix(): Expr {
    let e = this.#primary();
    const s = this.#s;
    for (;;) {
      if (s.is('[')) e = this.#brackets(e);
      else if (s.is('offset')) {
        s.next();
        e = this.#setOffset(
          e,
          this.#inside(OFFSET, () => new DurationParser(s).offset()),
        );
      } else if (s.is('@')) e = this.#at(e);
      else if (s.is('anchored') || s.is('smoothed')) e = this.#extended(e);
      else return e;
    }
  }

  #brackets(e: Expr): Expr {
    const s = this.#s;
    const open = s.next();
    const duration = (): DurationExpr => new DurationParser(s).positive();
    const range = this.#inside(RANGE, duration);
    this.#deeper(this.#depth + 1);
    if (s.take(':')) {
      const step = s.is(']') ? null : this.#inside(STEP, duration);
      if (!s.is(']')) s.unexpected('subquery selector', '"]"');
      const close = s.next();
      return {
        kind: 'subquery',
        expr: e,
        range,
        step,
        at: null,
        offset: null,
        start: e.start,
        end: close.end,
      };
    }
    if (!s.is(']')) s.unexpected('subquery or range', '":" or "]"');
    const close = s.next();
    if (e.kind !== 'vector') {
      s.error(open.start, close.end, 'ranges only allowed for vector selectors');
      return e;
    }
    if (e.offset !== null) s.error(open.start, close.end, 'no offset modifiers allowed before range');
    else if (e.at !== null) s.error(open.start, close.end, 'no @ modifiers allowed before range');
    return { kind: 'matrix', selector: e, range, start: e.start, end: close.end };
  }

  #setOffset(e: Expr, offset: DurationExpr): Expr {
    const s = this.#s;
    const set =
      e.kind === 'matrix'
        ? e.selector.offset
        : e.kind === 'vector' || e.kind === 'subquery'
          ? e.offset
          : null;
    const end = s.previousEnd;
    if (set !== null) {
      s.error(e.start, e.end, 'offset may not be set multiple times');
      return e;
    }
    const shift = offset.kind === 'number' && offset.value === 0 ? null : offset;
    if (e.kind === 'vector' || e.kind === 'subquery') return { ...e, offset: shift, end };
    if (e.kind === 'matrix') return { ...e, selector: { ...e.selector, offset: shift }, end };
    s.error(
      e.start,
      e.end,
      'offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
    );
    return e;
  }

  #at(e: Expr): Expr {
    const s = this.#s;
    s.next();
    let at: At;
    if (s.is('start') || s.is('end')) {
      at = s.next().kind as 'start' | 'end';
      this.#inside(AT, () => {
        s.expect('(');
        s.expect(')');
      });
    } else {
      const seconds = this.#signedNumber();
      if (seconds === null) s.unexpected(AT.context, AT.expected);
      // Rounds half away from zero, as Go does.
      const ms = Math.sign(seconds!) * Math.round(Math.abs(seconds!) * 1000);
      if (!(Math.abs(seconds!) < 2 ** 63) || !Number.isFinite(ms)) {
        s.error(e.start, e.end, `timestamp out of bounds for @ modifier: ${sixPlaces(seconds!)}`);
        return e;
      }
      at = { t_ms: ms + 0 };
    }
    const end = s.previousEnd;
    const set =
      e.kind === 'matrix' ? e.selector.at : e.kind === 'vector' || e.kind === 'subquery' ? e.at : null;
    if (set !== null) {
      s.error(e.start, e.end, '@ <timestamp> may not be set multiple times');
      return e;
    }
    if (e.kind === 'vector' || e.kind === 'subquery') return { ...e, at, end };
    if (e.kind === 'matrix') return { ...e, selector: { ...e.selector, at }, end };
    s.error(
      e.start,
      e.end,
      '@ modifier must be preceded by an instant vector selector or range vector selector or a subquery',
    );
    return e;
  }

  #extended(e: Expr): Expr {
    const s = this.#s;
    const word = s.next();
    const extended = word.kind as 'anchored' | 'smoothed';
    const selector = e.kind === 'matrix' ? e.selector : e.kind === 'vector' ? e : null;
    if (selector === null) {
      s.error(
        e.start,
        e.end,
        e.kind === 'subquery'
          ? `${extended} modifier is not supported for subqueries`
          : `${extended} modifier not implemented`,
      );
      return e;
    }
    if (selector.extended !== null && selector.extended !== extended)
      s.error(e.start, e.end, 'anchored and smoothed modifiers cannot be used together');
    const changed: VectorSelector = { ...selector, extended };
    return e.kind === 'matrix' ? { ...e, selector: changed, end: word.end } : { ...changed, end: word.end };
  }

  #primary(): Expr {
    const s = this.#s;
    const t = s.token;
    this.#depth = 1;
    if (t.kind === 'number' || t.kind === 'duration') return literalOf(s, s.next());
    if (t.kind === 'string') {
      s.next();
      return { kind: 'string', value: unquote(t.text).value, start: t.start, end: t.end };
    }
    if (t.kind === '(') {
      s.next();
      const expr = this.#expr();
      this.#deeper(this.#depth + 1);
      const close = s.expect(')');
      return { kind: 'paren', expr, start: t.start, end: close.end };
    }
    if (t.kind === '{') return this.#selector('', t.start, t.end);
    if (AGGREGATIONS.has(t.kind)) {
      const after = s.peek();
      if (after === '(' || after === 'by' || after === 'without') return this.#aggregate();
    }
    if (!NAMES.has(t.kind)) s.unexpected();
    s.next();
    if (s.is('(') && (t.kind === 'identifier' || FUNCTION_KEYWORDS.has(t.kind)))
      return this.#call(t.text, t.start, t.end);
    return this.#selector(t.text, t.start, t.end);
  }

  #call(written: string, start: number, nameEnd: number): Expr {
    const s = this.#s;
    const { args, end } = this.#arguments();
    // Keywords are found in any case, functions only as they are written.
    const signature = FUNCTIONS.get(written);
    if (signature === undefined) s.error(start, nameEnd, `unknown function with name ${quoteText(written)}`);
    else if (signature.experimental && !this.#experimental)
      s.error(start, nameEnd, `function ${quoteText(written)} is not enabled`);
    return { kind: 'call', func: written, args, start, end };
  }

  #arguments(): { args: Expr[]; end: number } {
    const s = this.#s;
    s.expect('(');
    const args: Expr[] = [];
    let depth = 0;
    while (!s.is(')')) {
      args.push(this.#expr());
      depth = Math.max(depth, this.#depth);
      if (!this.#anotherArgument()) break;
    }
    this.#deeper(depth + 1);
    return { args, end: s.expect(')').end };
  }

  /** Takes commas. One that nothing follows is an error and else no obstacle. */
  #anotherArgument(): boolean {
    const s = this.#s;
    while (s.is(',')) {
      const comma = s.next();
      s.look();
      if (beginsExpr(s.token)) return true;
      s.error(comma.start, comma.end, 'trailing commas not allowed in function call args');
    }
    return false;
  }

  #aggregate(): Expr {
    const s = this.#s;
    const op = s.next();
    let without = false;
    let grouping: string[] = [];
    const modifier = (): boolean => {
      if (!s.is('by') && !s.is('without')) return false;
      without = s.next().kind === 'without';
      grouping = this.#groupingLabels();
      return true;
    };
    const before = modifier();
    const { args, end: closed } = this.#inside(AGGREGATION, () => this.#arguments());
    if (!before) s.look();
    const end = !before && modifier() ? s.previousEnd : closed;
    const wanted = AGGREGATE_PARAMS.has(op.kind) ? 2 : 1;
    if ((op.kind === 'limitk' || op.kind === 'limit_ratio') && !this.#experimental)
      s.error(
        op.start,
        end,
        `${op.kind}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`,
      );
    if (args.length === 0) s.error(op.start, end, 'no arguments for aggregate expression provided');
    else if (args.length !== wanted)
      s.error(
        op.start,
        end,
        `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`,
      );
    const nothing: NumberLiteral = { kind: 'number', value: 0, duration: false, start: op.start, end };
    const made: Aggregate = {
      kind: 'aggregate',
      op: op.kind as AggregateOp,
      expr: args[wanted - 1] ?? nothing,
      param: wanted === 2 ? (args[0] ?? nothing) : null,
      without,
      grouping,
      start: op.start,
      end,
    };
    return made;
  }

  #groupingLabels(): string[] {
    const s = this.#s;
    if (!s.is('(')) s.unexpected('grouping opts', '"("');
    s.next();
    const labels: string[] = [];
    while (!s.is(')')) {
      const t = s.token;
      if (t.kind === 'string') {
        const { value, validUtf8 } = unquote(s.next().text);
        if (value === '' || !validUtf8)
          s.error(t.start, t.end, `invalid label name for grouping: ${quoteText(value)}`);
        labels.push(value);
      } else if (LABELS.has(t.kind)) {
        labels.push(s.next().text);
        // Without the option such a name is taken, as it always was.
        if (this.#unquoted && t.kind === 'metric')
          s.error(t.start, t.end, `invalid label name for grouping: ${quoteText(t.text)}`);
      } else s.unexpected('grouping opts', 'label');
      if (s.is(')')) break;
      if (!s.take(',')) s.unexpected('grouping opts', '"," or ")"');
    }
    s.next();
    return labels;
  }

  #selector(name: string, start: number, nameEnd: number): Expr {
    const s = this.#s;
    const matchers: Matcher[] = [];
    let end = nameEnd;
    if (s.is('{')) {
      s.next();
      while (!s.is('}')) {
        this.#matcher(matchers);
        if (s.is('}')) break;
        if (!s.take(',')) s.unexpected('label matching', '"," or "}"');
      }
      end = s.next().end;
    }
    if (name !== '') matchers.push({ name: METRIC_NAME, op: '=', value: name });
    return { kind: 'vector', name, matchers, at: null, offset: null, extended: null, start, end };
  }

  #matcher(into: Matcher[]): void {
    const s = this.#s;
    const label = s.token;
    if (label.kind !== 'identifier' && label.kind !== 'string')
      s.unexpected('label matching', 'identifier or "}"');
    s.next();
    const quoted = label.kind === 'string' ? unquote(label.text) : { value: label.text, validUtf8: true };
    const op = s.token;
    if (op.kind !== '=' && op.kind !== '!=' && op.kind !== '=~' && op.kind !== '!~') {
      if (label.kind === 'identifier') s.unexpected('label matching', 'label matching operator');
      into.push({ name: METRIC_NAME, op: '=', value: quoted.value });
      return;
    }
    s.next();
    if (!s.is('string')) s.unexpected('label matching', 'string');
    const literal = s.next();
    const { value } = unquote(literal.text);
    if (op.kind === '=~' || op.kind === '!~') {
      this.#regexpParts += regExpParts(value);
      const problem =
        this.#regexpParts > MAX_REGEXP_PARTS_TOTAL
          ? `regular expressions too large together: more than ${MAX_REGEXP_PARTS_TOTAL} parts with repetitions written out`
          : regexpProblem(value);
      if (problem !== '') {
        s.error(label.start, literal.end, problem);
        return;
      }
    }
    into.push({ name: quoted.value, op: op.kind, value });
  }
}

/** Whether an expression may begin with this token. */
function beginsExpr({ kind }: Token): boolean {
  return NAMES.has(kind) || BEGINNINGS.has(kind);
}

/** With six decimal places, as this one message has numbers. */
function sixPlaces(value: number): string {
  return Math.abs(value) < 1e21 ? value.toFixed(6) : formatNumber(value);
}

function regexpProblem(source: string): string {
  try {
    compileAnchored(source);
    return '';
  } catch (error) {
    if (error instanceof RegExpError) return error.message;
    throw error;
  }
}
