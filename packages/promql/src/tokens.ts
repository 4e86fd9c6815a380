// The tokens of one expression while it is parsed, and the errors found so far.
import { describeToken, type LexError, type Token } from './lex.ts';
import { parseErrorAt, type ParseError } from './position.ts';

/** Thrown inside the parser at the first syntax error; never leaves it. */
export class SyntaxStop extends Error {}

export class TokenStream {
  readonly text: string;
  readonly lexError: LexError | null;
  readonly errors: ParseError[] = [];
  /** How many aggregations enclose the place that is parsed: they are named where nothing closer has a name. */
  aggregations = 0;
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

  /** Where parsing stands, for `back`. */
  get mark(): number {
    return this.#at;
  }

  back(mark: number): void {
    this.#at = mark;
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

  expect(kind: string, context: string, expected: string): Token {
    if (!this.is(kind)) this.unexpected(context, expected);
    return this.next();
  }

  error(start: number, end: number, message: string): void {
    this.errors.push(parseErrorAt(this.text, start, end, message));
  }

  stop(at: { readonly start: number; readonly end: number }, message: string): never {
    this.error(at.start, at.end, message);
    throw new SyntaxStop();
  }

  /** Ends parsing at this token; where the lexer had stopped, with its error instead. */
  unexpected(context: string, expected: string): never {
    if (this.is('eof') && this.lexError !== null) this.checkEnd();
    const inside = context === '' && this.aggregations > 0 ? 'aggregation' : context;
    this.stop(
      this.token,
      `unexpected ${describeToken(this.token)}${inside === '' ? '' : ` in ${inside}`}${expected === '' ? '' : `, expected ${expected}`}`,
    );
  }

  /** Stops with the lexer's error, if it had one. */
  checkEnd(): void {
    const e = this.lexError;
    if (e !== null) this.stop(e, e.message);
  }
}
