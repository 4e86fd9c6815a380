// Durations inside brackets and after `offset`: literals and arithmetic.
import { MAX_DURATION_MS, parseDuration, parseNumber } from '@munjigi/model';
import type { DurationExpr, DurationOp, NumberLiteral } from './ast.ts';
import type { Token } from './lex.ts';
import { SyntaxStop, type TokenStream } from './tokens.ts';

const PRECEDENCE: Readonly<Record<string, number>> = { '+': 1, '-': 1, '*': 2, '/': 2, '%': 2, '^': 3 };
const MAX_NESTING = 100;
const WANTED = 'number, duration, step(), or range()';

/** A number or duration token as a literal; a duration's value is in seconds. */
export function literalOf(s: TokenStream, t: Token): NumberLiteral {
  const span = { start: t.start, end: t.end };
  if (t.kind === 'duration') {
    const parsed = parseDuration(t.text);
    if ('error' in parsed) s.error(t.start, t.end, parsed.error);
    return { kind: 'number', value: 'ms' in parsed ? parsed.ms / 1000 : 0, duration: true, ...span };
  }
  const parsed = parseNumber(t.text);
  if ('error' in parsed) s.error(t.start, t.end, `error parsing number: ${parsed.error}`);
  return { kind: 'number', value: 'value' in parsed ? parsed.value : 0, duration: false, ...span };
}

export class DurationParser {
  readonly #s: TokenStream;
  #nesting = 0;

  constructor(s: TokenStream) {
    this.#s = s;
  }

  /** A range or a step: greater than zero where it is a literal. `context` is for the message when there is none. */
  positive(context: string): DurationExpr {
    const e = this.#sum(1, context);
    if (e.kind !== 'number') return e;
    if (!(e.value > 0)) this.#s.error(e.start, e.end, 'duration must be greater than 0');
    return whole(e);
  }

  /** What follows `offset`: a signed literal or call, or anything in parentheses. */
  offset(): DurationExpr {
    const s = this.#s;
    const sign = s.is('+') || s.is('-') ? s.next() : null;
    if (s.is('(')) {
      const inner = this.#primary('offset');
      if (sign !== null) return applySign(s, sign, inner);
      return this.#continueOffset(inner);
    }
    // Two signs begin an expression of their own: `offset -(1h) * 2` ends before `*`, `offset --(1h) * 2` does not.
    if (sign !== null && (s.is('+') || s.is('-')))
      return this.#continueOffset(applySign(s, sign, this.#unary('offset')));
    const e = this.#primary('offset');
    return whole(sign === null ? e : applySign(s, sign, e));
  }

  /** `offset (1h) * 2` goes on as duration arithmetic where the right side is a duration, else it is PromQL arithmetic. */
  #continueOffset(first: DurationExpr): DurationExpr {
    const s = this.#s;
    const mark = s.mark;
    const known = s.errors.length;
    try {
      return this.#sumFrom(first, 1, 'offset');
    } catch (stop) {
      if (!(stop instanceof SyntaxStop)) throw stop;
      s.back(mark);
      s.errors.length = known;
      return first;
    }
  }

  #sum(least: number, context: string): DurationExpr {
    return this.#sumFrom(this.#unary(context), least, context);
  }

  #sumFrom(first: DurationExpr, least: number, context: string): DurationExpr {
    const s = this.#s;
    let left = first;
    for (;;) {
      const op = s.token;
      const precedence = PRECEDENCE[op.kind];
      if (precedence === undefined || precedence < least) return left;
      s.next();
      this.#enter();
      const right = this.#sum(op.kind === '^' ? precedence : precedence + 1, context);
      this.#nesting--;
      if (right.kind === 'number' && right.value === 0 && (op.kind === '/' || op.kind === '%'))
        s.error(op.start, op.end, op.kind === '/' ? 'division by zero' : 'modulo by zero');
      left = {
        kind: 'duration',
        op: op.kind as DurationOp['op'],
        left,
        right,
        paren: false,
        start: left.start,
        end: right.end,
      };
    }
  }

  #enter(): void {
    if (++this.#nesting > MAX_NESTING)
      this.#s.stop(this.#s.token, `duration expression nested too deeply: more than ${MAX_NESTING} levels`);
  }

  #unary(context: string): DurationExpr {
    const s = this.#s;
    if (!s.is('+') && !s.is('-')) return this.#primary(context);
    const sign = s.next();
    this.#enter();
    // Weaker than `^`: -2^2 is -(2^2).
    const e = this.#sum(PRECEDENCE['^']!, context);
    this.#nesting--;
    return applySign(s, sign, e);
  }

  #primary(context: string): DurationExpr {
    const s = this.#s;
    const t = s.token;
    if (t.kind === 'number' || t.kind === 'duration') {
      const literal = literalOf(s, s.next());
      if (Math.abs(literal.value) * 1000 > MAX_DURATION_MS) s.error(t.start, t.end, 'duration out of range');
      return literal;
    }
    if (t.kind === '(') {
      s.next();
      this.#enter();
      const inner = this.#sum(1, context);
      this.#nesting--;
      const close = s.expect(')', '', '');
      if (inner.kind === 'duration') return { ...inner, paren: true, start: t.start, end: close.end };
      return {
        kind: 'duration',
        op: '+',
        left: null,
        right: inner,
        paren: true,
        start: t.start,
        end: close.end,
      };
    }
    if (t.kind === 'step' || t.kind === 'range' || t.kind === 'min_of' || t.kind === 'max_of') {
      s.next();
      s.expect('(', '', '');
      let left: DurationExpr | null = null;
      let right: DurationExpr | null = null;
      if (t.kind === 'min_of' || t.kind === 'max_of') {
        this.#enter();
        left = this.#sum(1, context);
        s.expect(',', '', '');
        right = this.#sum(1, context);
        this.#nesting--;
      }
      const close = s.expect(')', '', '');
      return { kind: 'duration', op: t.kind, left, right, paren: false, start: t.start, end: close.end };
    }
    return s.unexpected(context, WANTED);
  }
}

function applySign(s: TokenStream, sign: Token, e: DurationExpr): DurationExpr {
  if (e.kind === 'number') {
    const value = sign.kind === '-' ? -e.value : e.value;
    if (Math.abs(value) * 1000 > MAX_DURATION_MS) s.error(sign.start, e.end, 'duration out of range');
    return { ...e, value, start: sign.start };
  }
  if (sign.kind === '+') return e;
  return { kind: 'duration', op: '-', left: null, right: e, paren: false, start: sign.start, end: e.end };
}

/** A literal of whole milliseconds alone in its place prints as a duration, however it was written. */
function whole(e: DurationExpr): DurationExpr {
  if (e.kind !== 'number') return e;
  const ms = Math.round(e.value * 1000);
  return ms !== 0 && ms / 1000 === e.value ? { ...e, duration: true } : e;
}
