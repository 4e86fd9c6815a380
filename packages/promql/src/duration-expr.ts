// Durations inside brackets and after `offset`: literals and arithmetic.
import { MAX_DURATION_MS, parseDuration, parseNumber } from '@munjigi/model';
import type { DurationExpr, DurationOp, NumberLiteral } from './ast.ts';
import type { Token } from './lex.ts';
import type { TokenStream } from './tokens.ts';

const PRECEDENCE: Readonly<Record<string, number>> = { '+': 1, '-': 1, '*': 2, '/': 2, '%': 2, '^': 3 };
const MAX_NESTING = 100;

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

  /** A range or a step: greater than zero where it is a literal. */
  positive(): DurationExpr {
    const e = this.#sum(1);
    if (e.kind !== 'number') return e;
    if (!(e.value > 0)) this.#s.error(e.start, e.end, 'duration must be greater than 0');
    return wholeMilliseconds(e);
  }

  /**
   * What follows `offset`. A literal or a call, signed or not, ends there (`x offset 5m + 1` adds to x); what begins with a parenthesis
   * or with two signs goes on as duration arithmetic, but a signed parenthesis ends after itself.
   */
  offset(): DurationExpr {
    const s = this.#s;
    const e = this.#offset();
    if (e.kind === 'number' && Number.isNaN(e.value)) s.error(e.start, e.end, 'duration out of range');
    return e;
  }

  #offset(): DurationExpr {
    const s = this.#s;
    const sign = s.is('+') || s.is('-') ? s.next() : null;
    if (sign === null) return s.is('(') ? this.#sum(1) : wholeMilliseconds(this.#primary());
    if (s.is('+') || s.is('-')) return wholeMilliseconds(this.#sumFrom(applySign(s, sign, this.#unary()), 1));
    if (s.is('number') || s.is('duration'))
      return wholeMilliseconds(applySign(s, sign, literalOf(s, s.next())));
    const e = this.#primary();
    // The sign of a call is kept even where it says nothing.
    if (e.kind === 'duration' && !e.paren) return signed(sign, e);
    return applySign(s, sign, e);
  }

  #sum(least: number): DurationExpr {
    return this.#sumFrom(this.#unary(), least);
  }

  #sumFrom(first: DurationExpr, least: number): DurationExpr {
    const s = this.#s;
    let left = first;
    for (;;) {
      s.look();
      const op = s.token;
      const precedence = PRECEDENCE[op.kind];
      if (precedence === undefined || precedence < least) return left;
      s.next();
      this.#enter();
      const right = this.#sum(op.kind === '^' ? precedence : precedence + 1);
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

  #unary(): DurationExpr {
    const s = this.#s;
    if (!s.is('+') && !s.is('-')) return this.#primary();
    const sign = s.next();
    this.#enter();
    // Weaker than `^`: -2^2 is -(2^2).
    const e = this.#sum(PRECEDENCE['^']!);
    this.#nesting--;
    return applySign(s, sign, e);
  }

  #primary(): DurationExpr {
    const s = this.#s;
    const t = s.token;
    if (t.kind === 'number' || t.kind === 'duration') {
      const literal = literalOf(s, s.next());
      if (!isDuration(literal.value)) s.error(t.start, t.end, 'duration out of range');
      return literal;
    }
    if (t.kind === '(') {
      s.next();
      this.#enter();
      const inner = this.#sum(1);
      this.#nesting--;
      const close = s.expect(')');
      // As in Prometheus, parentheses around an operation do not belong to its place.
      if (inner.kind === 'duration') return { ...inner, paren: true };
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
      s.expect('(');
      let left: DurationExpr | null = null;
      let right: DurationExpr | null = null;
      if (t.kind === 'min_of' || t.kind === 'max_of') {
        this.#enter();
        left = this.#sum(1);
        s.expect(',');
        right = this.#sum(1);
        this.#nesting--;
      }
      const close = s.expect(')');
      return { kind: 'duration', op: t.kind, left, right, paren: false, start: t.start, end: close.end };
    }
    return s.unexpected();
  }
}

/** NaN may stand inside arithmetic, whose result is judged when it is known. */
function isDuration(seconds: number): boolean {
  return !(Math.abs(seconds) * 1000 > MAX_DURATION_MS);
}

function applySign(s: TokenStream, sign: Token, e: DurationExpr): DurationExpr {
  if (e.kind === 'number') {
    const value = sign.kind === '-' ? -e.value : e.value;
    if (!isDuration(value)) s.error(sign.start, e.end, 'duration out of range');
    return { ...e, value, start: sign.start };
  }
  return sign.kind === '+' ? e : signed(sign, e);
}

function signed(sign: Token, e: DurationOp): DurationOp {
  const op = sign.kind as '+' | '-';
  return { kind: 'duration', op, left: null, right: e, paren: false, start: sign.start, end: e.end };
}

/** A literal alone in its place is a duration however it was written, and has whole milliseconds: what is below is dropped. */
function wholeMilliseconds(e: DurationExpr): DurationExpr {
  if (e.kind !== 'number') return e;
  // Through nanoseconds, rounded, as Prometheus keeps it: 0.0015 is 1 ms, and 1.001 is not 1000 ms.
  const value = Math.trunc(Math.round(e.value * 1e9) / 1e6) / 1000;
  return { ...e, value, duration: true };
}
