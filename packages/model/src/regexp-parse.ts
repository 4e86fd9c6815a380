// Reads the part of RE2's syntax that says what matches look like: literals, classes, groups, alternatives, repetitions. What is not
// surely understood gives null: then only an engine knows.
import { ANY, NOTHING, alt, cat, repeat, textsNode, type Node } from './regexp-node.ts';

/** What was read. Not exact: the node has more texts than the expression matches, or the expression may not be valid. */
export interface Parsed {
  readonly node: Node;
  readonly exact: boolean;
}

/** Groups deeper than this are the engine's. */
const MAX_DEPTH = 100;
const MAX_CLASS = 256;
const MAX_REPEAT = 1000;

/** Throws nothing; null: not understood. */
export function parseExpression(source: string): Parsed | null {
  if (!source.isWellFormed()) return null;
  const reader = new Reader(source);
  const node = reader.alternatives(0);
  return node === null || reader.at < source.length ? null : { node, exact: reader.exact };
}

class Reader {
  at = 0;
  exact = true;
  /** `(?i)` is on. */
  #fold = false;
  readonly #s: string;

  constructor(source: string) {
    this.#s = source;
  }

  /** Up to the end or the `)` that closes the group. */
  alternatives(depth: number): Node | null {
    if (depth > MAX_DEPTH) return null;
    const branches: Node[] = [];
    let parts: Node[] = [];
    for (;;) {
      const c = this.#s[this.at];
      if (c === undefined || c === ')' || c === '|') {
        branches.push(cat(parts));
        parts = [];
        if (c !== '|') return alt(branches);
        this.at++;
        continue;
      }
      if (this.#flags()) {
        // A repetition would be of what came before the flags.
        if ('*+?{'.includes(this.#s[this.at] ?? ' ')) return null;
        continue;
      }
      const item = this.#item(depth);
      const repeated = item === null ? null : this.#repetition(item);
      if (repeated === null) return null;
      parts.push(repeated);
    }
  }

  #item(depth: number): Node | null {
    const c = this.#s[this.at]!;
    switch (c) {
      case '(':
        return this.#group(depth);
      case '[':
        return this.#class();
      case '\\':
        return this.#escape();
      case '.':
        this.at++;
        return ANY;
      case '^':
      case '$':
        this.at++;
        return this.#assertion();
      case '*':
      case '+':
      case '?':
      case '{':
        return null;
      default:
        return this.#literal(this.#next());
    }
  }

  #next(): string {
    const c = String.fromCodePoint(this.#s.codePointAt(this.at)!);
    this.at += c.length;
    return c;
  }

  /** Takes `pattern` (sticky) at this place. */
  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#s);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  #assertion(): Node {
    this.exact = false;
    return NOTHING;
  }

  #literal(c: string): Node {
    return this.#fold && !/^[!-@[-`{-~ ]$/.test(c) ? ANY : textsNode([c]);
  }

  /** `(?i)`, `(?-s)`: true when flags were set for the rest of the group. */
  #flags(): boolean {
    const found = this.#take(/\(\?([imsU]*(?:-[imsU]+)?)\)/y);
    if (found !== null) this.#setFlags(found[1]!);
    return found !== null;
  }

  #setFlags(flags: string): void {
    this.exact = false;
    const [on, off] = flags.split('-');
    if (on!.includes('i')) this.#fold = true;
    if (off?.includes('i') === true) this.#fold = false;
  }

  #group(depth: number): Node | null {
    const outer = this.#fold;
    if (this.#take(/\(\?:/y) === null) {
      const flags = this.#take(/\(\?([imsU]*(?:-[imsU]+)?):/y);
      if (flags !== null) this.#setFlags(flags[1]!);
      else if (this.#take(/\(\?P?<\w+>/y) !== null) this.exact = false;
      else if (this.#take(/\((?!\?)/y) === null) return null;
    }
    const node = this.alternatives(depth + 1);
    this.#fold = outer;
    if (node === null || this.#s[this.at] !== ')') return null;
    this.at++;
    return node;
  }

  #repetition(item: Node): Node | null {
    const found = this.#take(/([*+?]|\{(0|[1-9]\d{0,3})(,(0|[1-9]\d{0,3}|))?\})\??/y);
    if (found === null) return this.#s[this.at] === '{' ? null : item;
    if ('*+?{'.includes(this.#s[this.at] ?? ' ')) return null;
    const sign = found[1]!;
    if (sign === '*') return repeat(item, 0, Infinity);
    if (sign === '+') return repeat(item, 1, Infinity);
    if (sign === '?') return repeat(item, 0, 1);
    // Repetitions of repetitions have limits of their own.
    this.exact = false;
    const min = Number(found[2]);
    const max = found[3] === undefined ? min : found[4] === '' ? Infinity : Number(found[4]);
    if (min > MAX_REPEAT || (max !== Infinity && max > MAX_REPEAT) || min > max) return null;
    return repeat(item, min, max);
  }

  /** Outside of a class. */
  #escape(): Node | null {
    if (this.#take(/\\[bBAz]/y) !== null) return this.#assertion();
    const wide = this.#wideEscape();
    if (wide !== null) return wide;
    const c = this.#escapedChar();
    return c === null ? null : this.#literal(c);
  }

  /** `\d` and the like; null: something else. */
  #wideEscape(): Node | null {
    if (this.#take(/\\d/y) !== null) return textsNode(range(0x30, 0x39));
    if (this.#take(/\\[DwWsS]|\\[pP](?:[A-Z]|\{\^?\w+\})/y) === null) return null;
    return this.#wide();
  }

  /** Some one character: which are possible is not looked at. */
  #wide(): Node {
    this.exact = false;
    return ANY;
  }

  #escapedChar(): string | null {
    const punctuation = this.#take(/\\([!-/:-@[-`{-~])/y);
    if (punctuation !== null) return punctuation[1]!;
    const control = this.#take(/\\([afnrtv])/y);
    if (control !== null) return CONTROL[control[1]!]!;
    const hex = this.#take(/\\x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/y);
    if (hex === null) return null;
    const code = Number.parseInt(hex[1] ?? hex[2]!, 16);
    return code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? null : String.fromCodePoint(code);
  }

  #class(): Node | null {
    const negated = this.#take(/\[\^?/y)![0] === '[^';
    const chars = new Set<string>();
    let wide = negated || this.#fold;
    for (let first = true; first || this.#s[this.at] !== ']'; first = false) {
      if (this.at >= this.#s.length) return null;
      if (this.#take(/\[:\^?[a-z]+:\]/y) !== null) {
        wide = true;
        continue;
      }
      const escaped = this.#wideEscape();
      if (escaped !== null) {
        if (escaped.kind === 'texts') for (const c of escaped.texts) chars.add(c);
        else wide = true;
        if (this.#take(/-(?!\])/y) !== null) return null;
        continue;
      }
      const low = this.#classChar();
      const high = this.#take(/-(?!\])/y) === null ? low : this.#classChar();
      if (low === null || high === null) return null;
      const from = low.codePointAt(0)!;
      const to = high.codePointAt(0)!;
      if (to < from) return null;
      if (to - from >= MAX_CLASS) wide = true;
      else for (const c of range(from, to)) chars.add(c);
    }
    this.at++;
    return wide || chars.size > MAX_CLASS ? this.#wide() : textsNode([...chars]);
  }

  #classChar(): string | null {
    if (this.at >= this.#s.length || this.#s.startsWith('[:', this.at)) return null;
    return this.#s[this.at] === '\\' ? this.#escapedChar() : this.#next();
  }
}

const CONTROL: Readonly<Record<string, string>> = {
  a: '\x07',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

function range(from: number, to: number): string[] {
  const chars: string[] = [];
  for (let code = from; code <= to; code++)
    if (code < 0xd800 || code > 0xdfff) chars.push(String.fromCodePoint(code));
  return chars;
}
