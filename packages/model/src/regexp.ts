// Regular expressions with RE2's syntax and linear time, anchored on both sides and with `.` matching newlines, as Prometheus
// has them: `^(?s:...)$`. What texts and gaps between them can decide runs no engine.
import { RE2JS } from 're2js';
import { apart, containedIn, MAX_PREFIXES, prefixesOf, type Node } from './regexp-node.ts';
import { parseExpression } from './regexp-parse.ts';
import { regExpParts } from './regexp-size.ts';

/** Expressions that need an engine and have more parts, repetitions written out, are refused: they would take seconds to compile. */
export const MAX_REGEXP_PARTS = 20_000;

export class RegExpError extends Error {}

export interface AnchoredRegExp {
  readonly source: string;
  readonly test: (value: string) => boolean;
  /** Exactly the values that match, when they are a finite set of at most some thousands; null otherwise. */
  readonly set: readonly string[] | null;
  /** Every match begins with this ('' when unknown). */
  readonly prefix: string;
  /** Every match begins with one of these, at most 64; empty: unknown. */
  readonly prefixes: readonly string[];
  /** Whether every value that begins with one of them matches. */
  readonly prefixesSuffice: boolean;
}

const LITERAL = /^[^\\.+*?()|[\]{}^$]*$/;

/** Compiles an anchored expression. Throws RegExpError with RE2's reason when the source is invalid. */
export function compileAnchored(source: string): AnchoredRegExp {
  if (LITERAL.test(source)) return { source, ...ofTexts([source]) };
  const parsed = parseExpression(source);
  if (parsed === null) return { source, ...ofEngine(compileEngine(source), certainPrefix(source), '') };
  const { node, exact } = parsed;
  if (node.kind === 'texts') {
    if (exact) return { source, ...ofTexts(node.texts) };
    const engine = compileEngine(source);
    return { source, ...ofTexts(node.texts.filter((text) => engine.testExact(text))) };
  }
  const prefixes = prefixesOf(node);
  const test = exact ? testWithoutEngine(node) : null;
  if (test !== null)
    return {
      source,
      test,
      set: null,
      prefix: commonPrefix(prefixes),
      prefixes,
      prefixesSuffice: beginningsSuffice(node),
    };
  return { source, ...ofEngine(compileEngine(source), prefixes, containedIn(node)) };
}

type Compiled = Omit<AnchoredRegExp, 'source'>;

function ofTexts(texts: readonly string[]): Compiled {
  const prefix = commonPrefix(texts);
  const several = texts.length <= MAX_PREFIXES ? apart(texts) : [prefix];
  const known = { set: texts, prefix, prefixes: several[0] === '' ? [] : several, prefixesSuffice: false };
  if (texts.length === 1) return { ...known, test: (value) => value === texts[0] };
  const set = new Set(texts);
  return { ...known, test: (value) => set.has(value) };
}

function ofEngine(engine: RE2JS, prefixes: readonly string[], contained: string): Compiled {
  const prefix = commonPrefix(prefixes);
  return {
    set: null,
    prefix,
    prefixes,
    prefixesSuffice: false,
    test: (value) => value.startsWith(prefix) && value.includes(contained) && engine.testExact(value),
  };
}

/** The literal text before anything else, of an expression that was not understood. */
function certainPrefix(source: string): string[] {
  if (source.includes('|') || !source.isWellFormed()) return [];
  const prefix = /^[^\\.+*?()|[\]{}^$]*/.exec(source)![0];
  // A quantifier binds to the last character.
  const certain = '*?{'.includes(source[prefix.length] ?? ' ')
    ? Array.from(prefix).slice(0, -1).join('')
    : prefix;
  return certain === '' ? [] : [certain];
}

function commonPrefix(texts: readonly string[]): string {
  let common = texts[0] ?? '';
  for (const text of texts) {
    let n = 0;
    while (n < common.length && common[n] === text[n]) n++;
    common = common.slice(0, n);
  }
  return common.isWellFormed() ? common : common.slice(0, -1);
}

/** Whether it is `a.*|(b|c).*` or the like: no more texts than there may be prefixes, and anything behind them. */
function beginningsSuffice(node: Node): boolean {
  let texts = 0;
  for (const branch of node.kind === 'alt' ? node.nodes : [node]) {
    const [first, second, third] = branch.kind === 'cat' ? branch.nodes : [];
    if (first?.kind !== 'texts' || second?.kind !== 'gap' || second.min > 0 || third !== undefined)
      return false;
    texts += first.texts.includes('') ? Infinity : first.texts.length;
  }
  return texts <= MAX_PREFIXES;
}

/** A test of alternatives of texts with gaps between them; null: more than that is needed. */
function testWithoutEngine(node: Node): ((value: string) => boolean) | null {
  const tests: ((value: string) => boolean)[] = [];
  for (const branch of node.kind === 'alt' ? node.nodes : [node]) {
    const test = testOfGaps(branch.kind === 'cat' ? branch.nodes : [branch]);
    if (test === null) return null;
    tests.push(test);
  }
  if (tests.length === 1) return tests[0]!;
  return tests.length > 64 ? null : (value) => tests.some((test) => test(value));
}

function testOfGaps(parts: readonly Node[]): ((value: string) => boolean) | null {
  // texts[0] gap texts[1] gap ... : begins with the first, ends with the last.
  const texts: (readonly string[])[] = [];
  const gaps: number[] = [];
  for (const part of parts) {
    if (part.kind === 'texts') {
      if (texts.length > gaps.length) return null;
      texts.push(part.texts);
    } else if (part.kind === 'gap') {
      if (texts.length === 0) texts.push(['']);
      if (gaps.length === texts.length) return null;
      gaps.push(part.min);
    } else return null;
  }
  if (texts.length === gaps.length) texts.push(['']);
  const [first, last] = [texts[0]!, texts.at(-1)!];
  if (gaps.length === 0) {
    const set = new Set(first);
    return (value) => set.has(value);
  }
  // Two gaps around nothing could share a character that is two code units.
  if (texts.slice(1, -1).some((middle) => middle.includes(''))) return null;
  if (gaps.length === 1 && first.length === 1 && last.length === 1) {
    const [before, after, least] = [first[0]!, last[0]!, first[0]!.length + last[0]!.length + gaps[0]!];
    return (value) => value.length >= least && value.startsWith(before) && value.endsWith(after);
  }
  return (value) => {
    // What leaves the most room: the shortest beginning and ending, the earliest end of what is between.
    let at = shortest(first, (text) => value.startsWith(text));
    for (let i = 1; i < texts.length - 1 && at < Infinity; i++)
      at = earliestEnd(value, texts[i]!, at + gaps[i - 1]!);
    return at + gaps.at(-1)! + shortest(last, (text) => value.endsWith(text)) <= value.length;
  };
}

function shortest(texts: readonly string[], fits: (text: string) => boolean): number {
  let length = Infinity;
  for (const text of texts) if (text.length < length && fits(text)) length = text.length;
  return length;
}

function earliestEnd(value: string, texts: readonly string[], from: number): number {
  let end = Infinity;
  if (from > value.length) return end;
  for (const text of texts) {
    const at = value.indexOf(text, from);
    if (at >= 0) end = Math.min(end, at + text.length);
  }
  return end;
}

function compileEngine(source: string): RE2JS {
  if (regExpParts(source) > MAX_REGEXP_PARTS)
    throw new RegExpError(
      `error parsing regexp: expression too large: more than ${MAX_REGEXP_PARTS} parts with repetitions written out`,
    );
  try {
    return RE2JS.compile(source, RE2JS.DOTALL);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // The engine shows the flag as part of the expression.
    throw new RegExpError(message.replace('`(?s)', '`'));
  }
}
