// The tokens of one expression while it is parsed, and the errors found so far.
import { describeToken, type LexError, type Token } from './lex.ts';
import { parseErrorAt, type ParseError } from './position.ts';

/** Thrown inside the parser at the first syntax error; never leaves it. */
export class SyntaxStop extends Error {}

/** A construct as errors inside it name it: `... in CONTEXT, expected EXPECTED`. */
export interface Enclosing {
  readonly context: string;
  readonly expected: string;
}

export class TokenStream {
  readonly text: string;
  readonly lexError: LexError | null;
  readonly errors: ParseError[] = [];
  /** What encloses the place that is parsed, innermost last: named in errors where the place itself has no name. */
  readonly enclosing: Enclosing[] = [];
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string, tokens: readonly Token[], lexError: LexError | null) {
    this.text = text;
    this.lexError = lexError;
    this.#tokens = tokens;
  }

  get token(): Token {
    return this.#tokens[this.#at]!;
  }

  /** End of the token taken last. */
  get previousEnd(): number {
    return this.#at === 0 ? 0 : this.#tokens[this.#at - 1]!.end;
  }

  is(kind: string): boolean {
    return this.token.kind === kind;
  }

  /** Kind of the token after this one. */
  peek(): string {
    return this.#tokens[Math.min(this.#at + 1, this.#tokens.length - 1)]!.kind;
  }

  next(): Token {
    const t = this.token;
    if (t.kind !== 'eof') this.#at++;
    return t;
  }

  take(kind: string): boolean {
    if (!this.is(kind)) return false;
    this.next();
    return true;
  }

  expect(kind: string): Token {
    if (!this.is(kind)) this.unexpected();
    return this.next();
  }

  error(start: number, end: number, message: string): void {
    this.errors.push(parseErrorAt(this.text, start, end, message));
  }

  stop(at: { readonly start: number; readonly end: number }, message: string): never {
    this.error(at.start, at.end, message);
    throw new SyntaxStop();
  }

  /** Ends parsing at this token, which the named construct does not allow; without a name it is the innermost that encloses it. */
  unexpected(context: string = '', expected: string = ''): never {
    this.look();
    const where = context === '' ? (this.enclosing.at(-1) ?? { context, expected }) : { context, expected };
    this.stop(
      this.token,
      `unexpected ${describeToken(this.token)}${where.context === '' ? '' : ` in ${where.context}`}${where.expected === '' ? '' : `, expected ${where.expected}`}`,
    );
  }

  /** Stops where the lexer did, if it did so at this token: its error comes before any that is known only after this token was seen. */
  look(): void {
    const e = this.lexError;
    if (e !== null && this.is('eof')) this.stop(e, e.message);
  }
}
