// Text to tokens, all at once. What Prometheus' lexer refuses is refused here with its words.
import { quoteText } from '@munjigi/model';
import { AGGREGATIONS } from './functions.ts';

/** `kind` is the token's own text for punctuation, operators and keywords (lower case), else identifier, metric, number, ... */
export interface Token {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface LexError {
  readonly start: number;
  readonly end: number;
  readonly message: string;
}

const KEYWORDS: ReadonlySet<string> = new Set([
  ...AGGREGATIONS,
  ...(
    'and or unless atan2 offset smoothed anchored by without on ignoring group_left group_right fill fill_left fill_right ' +
    'bool start end step range max_of min_of'
  ).split(' '),
]);

/** Words that Prometheus calls keywords in its messages. */
const MODIFIERS: ReadonlySet<string> = new Set(
  'bool by group_left group_right fill fill_left fill_right ignoring offset smoothed anchored on without'.split(
    ' ',
  ),
);

const OPERATORS: ReadonlySet<string> = new Set(
  '+ - * / % ^ == != <= < >= > </ >/ =~ !~ @ and or unless atan2'.split(' '),
);

const DIGITS = '0123456789';

const DURATION_WORDS: ReadonlySet<string> = new Set(['step', 'range', 'max_of', 'min_of']);

/** A token as Prometheus names it in `unexpected ...`. */
export function describeToken(t: Token): string {
  if (t.kind === 'eof') return 'end of input';
  if (t.kind === 'identifier') return `identifier ${quoteText(t.text)}`;
  if (t.kind === 'metric') return `metric identifier ${quoteText(t.text)}`;
  if (MODIFIERS.has(t.kind)) return `<${t.text}>`;
  if (OPERATORS.has(t.kind)) return `<op:${t.text}>`;
  if (AGGREGATIONS.has(t.kind)) return `<aggr:${t.text}>`;
  const shown = t.text.length > 10 ? `${quoteText(t.text.slice(0, 10))}...` : quoteText(t.text);
  return t.kind === 'string' || t.kind === 'number' || t.kind === 'duration' ? `${t.kind} ${shown}` : shown;
}

/** Lexes all of `text`. On an error the tokens before it are given too, and the list always ends in `eof`. */
export function lex(text: string, unicodeNames: boolean): { tokens: Token[]; error: LexError | null } {
  return new Lexer(text, unicodeNames).run();
}

class Lexer {
  readonly #text: string;
  readonly #unicode: boolean;
  readonly #tokens: Token[] = [];
  #at = 0;
  #start = 0;
  #parens = 0;
  #braces = false;
  #brackets = false;
  #colon = false;
  /** Whether a duration was seen since `[`. */
  #duration = false;
  /** Right after `[` only what may begin a duration is read; a number ends that. */
  #opening = false;
  #error: LexError | null = null;

  constructor(text: string, unicodeNames: boolean) {
    this.#text = text;
    this.#unicode = unicodeNames;
  }

  run(): { tokens: Token[]; error: LexError | null } {
    const text = this.#text;
    while (this.#error === null && this.#at < text.length) {
      this.#start = this.#at;
      const c = text[this.#at]!;
      if (isSpace(c)) this.#at++;
      else if (this.#opening && !this.#mayOpen(c))
        this.#fail(`unexpected character in duration expression: ${quoteChar(this.#charAt(this.#start))}`);
      else if (c === '#') this.#comment();
      else if (this.#braces) this.#insideBraces(c);
      else this.#statement(c);
    }
    this.#start = this.#at;
    if (this.#error === null) {
      if (this.#braces) this.#fail('unexpected end of input inside braces');
      else if (this.#opening) this.#fail('unexpected end of input in duration expression');
      else if (this.#parens > 0) this.#fail('unclosed left parenthesis');
      else if (this.#brackets) this.#fail('unclosed left bracket');
    }
    this.#tokens.push({ kind: 'eof', start: text.length, end: text.length, text: '' });
    return { tokens: this.#tokens, error: this.#error };
  }

  #emit(kind: string, length: number): void {
    this.#at = this.#start + length;
    this.#tokens.push({
      kind,
      start: this.#start,
      end: this.#at,
      text: this.#text.slice(this.#start, this.#at),
    });
  }

  #fail(message: string): void {
    this.#error = { start: this.#start, end: this.#text.length, message };
  }

  /** An error whose place is after this character, where Prometheus puts it. */
  #failAfter(message: string): void {
    this.#start++;
    this.#fail(message);
  }

  #comment(): void {
    const text = this.#text;
    while (this.#at < text.length && text[this.#at] !== '\n' && text[this.#at] !== '\r') this.#at++;
  }

  /** Whether `c` may begin a token of duration arithmetic. */
  #mayOpen(c: string): boolean {
    if (c === '.') return isDigit(this.#text[this.#start + 1] ?? '');
    return '()]:+-*/%^,'.includes(c) || isWordChar(c);
  }

  #statement(c: string): void {
    const next = this.#text[this.#start + 1] ?? '';
    switch (c) {
      case ',':
      case '*':
      case '/':
      case '%':
      case '+':
      case '-':
      case '^':
      case '@':
        this.#emit(c, 1);
        return;
      case '=':
        if (next === '=') this.#emit('==', 2);
        else if (next === '~') this.#fail("unexpected character after '=': '~'");
        else this.#emit('=', 1);
        return;
      case '!':
        if (next === '=') this.#emit('!=', 2);
        else this.#fail(`unexpected character after '!': ${quoteChar(this.#charAt(this.#start + 1))}`);
        return;
      case '<':
      case '>':
        if (next === '=' || next === '/') this.#emit(c + next, 2);
        else this.#emit(c, 1);
        return;
      case '"':
      case "'":
      case '`':
        this.#string(c);
        return;
      case '(':
        this.#emit('(', 1);
        this.#parens++;
        return;
      case ')':
        if (--this.#parens < 0) this.#failAfter("unexpected right parenthesis ')'");
        else this.#emit(')', 1);
        return;
      case '{':
        this.#emit('{', 1);
        this.#braces = true;
        return;
      case '[':
        if (this.#brackets) this.#fail("unexpected left bracket '['");
        else this.#emit('[', 1);
        this.#brackets = true;
        this.#colon = false;
        this.#duration = false;
        this.#opening = true;
        return;
      case ']':
        if (!this.#brackets) this.#fail("unexpected right bracket ']'");
        else this.#emit(']', 1);
        this.#brackets = false;
        this.#opening = false;
        return;
      default:
        if (isDigit(c) || (c === '.' && isDigit(next))) this.#number();
        else if (this.#brackets && (c === ':' || this.#isNameStart(this.#charAt(this.#start))))
          this.#insideBrackets(c);
        else if (c === ':' || this.#isNameStart(this.#charAt(this.#start))) this.#word();
        else this.#fail(`unexpected character: ${quoteChar(this.#charAt(this.#start))}`);
    }
  }

  #insideBrackets(c: string): void {
    if (c === ':') {
      if (!this.#duration) this.#failAfter('unexpected colon before duration in duration expression');
      else if (this.#colon && this.#opening)
        this.#failAfter('unexpected repeated colon in duration expression');
      else if (this.#colon) this.#fail("unexpected colon ':'");
      else this.#emit(':', 1);
      this.#colon = true;
      return;
    }
    const word = /^[a-zA-Z_]+/.exec(this.#text.slice(this.#start, this.#start + 16))?.[0] ?? '';
    if (DURATION_WORDS.has(word.toLowerCase())) {
      this.#emit(word.toLowerCase(), word.length);
      this.#duration = true;
      return;
    }
    const shown = quoteChar(this.#charAt(this.#start));
    this.#fail(
      !this.#opening
        ? `unexpected character: ${shown}, expected ':'`
        : `unexpected character in duration expression: ${shown}`,
    );
  }

  #insideBraces(c: string): void {
    const next = this.#text[this.#start + 1] ?? '';
    if (c === ',') this.#emit(',', 1);
    else if (c === '"' || c === "'" || c === '`') this.#string(c);
    else if (c === '=') this.#emit(next === '~' ? '=~' : '=', next === '~' ? 2 : 1);
    else if (c === '!') {
      if (next === '=' || next === '~') this.#emit(c + next, 2);
      else
        this.#fail(
          `unexpected character after '!' inside braces: ${quoteChar(this.#charAt(this.#start + 1))}`,
        );
    } else if (c === '{') this.#fail("unexpected left brace '{'");
    else if (c === '}') {
      this.#emit('}', 1);
      this.#braces = false;
    } else if (this.#isNameStart(this.#charAt(this.#start)))
      this.#emit('identifier', this.#nameLength(false));
    else this.#fail(`unexpected character inside braces: ${quoteChar(this.#charAt(this.#start))}`);
  }

  #word(): void {
    const length = this.#nameLength(true);
    const word = this.#text.slice(this.#start, this.#start + length);
    const low = word.toLowerCase();
    if ((low === 'inf' || low === 'nan') && isAscii(word)) this.#emit('number', length);
    else if (KEYWORDS.has(low) && isAscii(word)) {
      const fill = low === 'fill' || low === 'fill_left' || low === 'fill_right';
      this.#emit(fill && !this.#parenFollows(this.#start + length) ? 'identifier' : low, length);
    } else this.#emit(word.includes(':') ? 'metric' : 'identifier', length);
  }

  #parenFollows(from: number): boolean {
    let at = from;
    while (at < this.#text.length && isSpace(this.#text[at]!)) at++;
    return this.#text[at] === '(';
  }

  #nameLength(colon: boolean): number {
    let at = this.#start;
    while (at < this.#text.length) {
      const c = this.#charAt(at);
      const part = this.#isNameStart(c) || isDigit(c) || (colon && c === ':') || (this.#unicode && c === '.');
      if (!part) break;
      at += c.length;
    }
    return at - this.#start;
  }

  #isNameStart(c: string): boolean {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c === '_') return true;
    return this.#unicode && c.codePointAt(0)! >= 0x80 && /^\p{L}/u.test(c);
  }

  #charAt(at: number): string {
    const code = this.#text.codePointAt(at);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  #number(): void {
    const good = this.#scanNumber();
    if (good || this.#scanDuration()) {
      this.#duration = true;
      this.#opening = false;
      this.#emit(good ? 'number' : 'duration', this.#at - this.#start);
    } else this.#fail(`bad number or duration syntax: ${quoteText(this.#text.slice(this.#start, this.#at))}`);
  }

  /** Steps over one of these characters. */
  #accept(set: string): boolean {
    const c = this.#text[this.#at];
    if (c === undefined || !set.includes(c)) return false;
    this.#at++;
    return true;
  }

  #acceptAll(set: string): void {
    while (this.#accept(set));
  }

  /**
   * Steps over what may be a number: digits with underscores, dots and exponents, in any order that is not surely wrong; what is wrong
   * all the same is found when the number is read. Where it stops short the message shows the text so far, so it stops where Prometheus'
   * lexer does. Hexadecimal digits e are exponents to it too: 0xee is no number.
   */
  #scanNumber(): boolean {
    const hex = this.#accept('0') && this.#accept('xX');
    const digits = hex ? '0123456789abcdefABCDEF' : '0123456789';
    if (hex) this.#accept('_');
    this.#accept('.');
    this.#accept(digits);
    let dot = false;
    let exponent = false;
    for (;;) {
      const c = this.#text[this.#at] ?? '';
      if (c === '.') {
        this.#at++;
        if (dot || this.#accept('_.') || hex) return false;
        dot = true;
      } else if (c === 'e' || c === 'E') {
        this.#at++;
        if (exponent) return false;
        exponent = true;
        this.#accept('+-');
        if (this.#accept('._eE') || this.#at === this.#text.length) return false;
      } else if (c === '_') {
        this.#at++;
        if (this.#accept('._eE') || this.#at === this.#text.length) return false;
      } else if (c !== '' && digits.includes(c)) this.#acceptAll(digits);
      else return !isWordChar(c);
    }
  }

  /** Goes on after `scanNumber`: units, with whole numbers between them. The character that ends a wrong one is stepped over. */
  #scanDuration(): boolean {
    if (!this.#accept('smhdwy')) return false;
    this.#accept('s');
    while (this.#accept(DIGITS)) {
      this.#acceptAll(DIGITS);
      // Years come first only.
      if (!this.#accept('smhdw')) return false;
      this.#accept('s');
    }
    const next = this.#charAt(this.#at);
    if (!isWordChar(next)) return true;
    this.#at += next.length;
    return false;
  }

  /** A string with its quotes; the escapes are checked here and resolved by `unquote`. */
  #string(quote: string): void {
    const text = this.#text;
    let at = this.#start + 1;
    for (;;) {
      const c = text[at];
      if (c === undefined || (c === '\n' && quote !== '`')) {
        this.#fail(quote === '`' ? 'unterminated raw string' : 'unterminated quoted string');
        return;
      }
      if (c === quote) break;
      if (c === '\ufffd') {
        this.#fail('invalid UTF-8 rune');
        return;
      }
      if (c === '\\' && quote !== '`') {
        const problem = escapeProblem(text, at + 1, quote);
        if (problem !== '') {
          this.#fail(problem);
          return;
        }
        at++;
      }
      at++;
    }
    this.#emit('string', at + 1 - this.#start);
  }
}

/** What is wrong with the escape whose character after the backslash is at `at`; '' when nothing is. */
function escapeProblem(text: string, at: number, quote: string): string {
  const c = text[at];
  if (c === undefined) return 'escape sequence not terminated';
  if ('abfnrtv\\'.includes(c) || c === quote) return '';
  const octal = c >= '0' && c <= '7';
  const digits = octal ? 3 : c === 'x' ? 2 : c === 'u' ? 4 : c === 'U' ? 8 : 0;
  if (digits === 0) return `unknown escape sequence ${unicodePoint(text, at)}`;
  let value = 0;
  for (let i = 0; i < digits; i++) {
    const from = octal ? at + i : at + 1 + i;
    const d = text[from];
    if (d === undefined) return 'escape sequence not terminated';
    const digit = Number.parseInt(d, octal ? 8 : 16);
    if (Number.isNaN(digit)) return `illegal character ${unicodePoint(text, from)} in escape sequence`;
    value = value * (octal ? 8 : 16) + digit;
  }
  const most = octal || c === 'x' ? 255 : 0x10ffff;
  return value > most || (value >= 0xd800 && value < 0xe000)
    ? 'escape sequence is an invalid Unicode code point'
    : '';
}

function unicodePoint(text: string, at: number): string {
  const code = text.codePointAt(at)!;
  const hex = code.toString(16).toUpperCase().padStart(4, '0');
  const c = String.fromCodePoint(code);
  const printable = c === '"' || c === '\\' || quoteText(c).length === c.length + 2;
  return printable ? `U+${hex} '${c}'` : `U+${hex}`;
}

/** A character as Go's %q prints it; an empty one is the end of the text. */
function quoteChar(c: string): string {
  if (c === '') return "'\ufffd'";
  if (c === "'") return "'\\''";
  if (c === '"') return `'"'`;
  return `'${quoteText(c).slice(1, -1)}'`;
}

function isSpace(c: string): boolean {
  return c === ' ' || c === '\t' || c === '\n' || c === '\r';
}

function isDigit(c: string): boolean {
  return c >= '0' && c <= '9' && c.length === 1;
}

function isWordChar(c: string): boolean {
  return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c === '_';
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false;
  return true;
}
