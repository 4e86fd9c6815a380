// Regular expressions with RE2's syntax and linear time, anchored on both sides and with `.` matching newlines, as Prometheus
// has them: `^(?s:...)$`. What a literal, a set of literals, a prefix, a suffix or a contained text can decide runs no engine.
import { RE2JS } from 're2js';

export class RegExpError extends Error {}

export interface AnchoredRegExp {
  readonly source: string;
  readonly test: (value: string) => boolean;
  /** The only values that can match, when they are a small finite set; null otherwise. */
  readonly set: readonly string[] | null;
  /** Every match begins with this ('' when unknown). */
  readonly prefix: string;
}

const MAX_SET = 256;
const LITERAL = /^[^\\.+*?()|[\]{}^$]*$/;

/** Compiles an anchored expression. Throws RegExpError with RE2's reason when the source is invalid. */
export function compileAnchored(source: string): AnchoredRegExp {
  if (LITERAL.test(source))
    return { source, set: [source], prefix: source, test: (value) => value === source };
  const parts = source.split('|');
  if (parts.length <= MAX_SET && parts.every((part) => LITERAL.test(part))) {
    const set = new Set(parts);
    return { source, set: [...set], prefix: '', test: (value) => set.has(value) };
  }
  if (source === '.*') return { source, set: null, prefix: '', test: () => true };
  if (source === '.+') return { source, set: null, prefix: '', test: (value) => value !== '' };
  const engine = compileEngine(source);
  const simple = /^(\.[*+])?([^\\.+*?()|[\]{}^$]*)(\.[*+])?$/.exec(source);
  if (simple !== null) return simpleShape(source, simple[1] ?? '', simple[2] ?? '', simple[3] ?? '');
  const prefix = /^[^\\.+*?()|[\]{}^$]*/.exec(source)![0];
  const after = source[prefix.length];
  // A quantifier binds to the last literal character; an alternative may begin otherwise.
  const certain = source.includes('|')
    ? ''
    : after !== undefined && '*?{'.includes(after)
      ? prefix.slice(0, -1)
      : prefix;
  return {
    source,
    set: null,
    prefix: certain,
    test: (value) => (certain === '' || value.startsWith(certain)) && engine.matches(value),
  };
}

function simpleShape(source: string, before: string, text: string, after: string): AnchoredRegExp {
  const least = text.length + (before === '.+' ? 1 : 0) + (after === '.+' ? 1 : 0);
  const from = before === '.+' ? 1 : 0;
  const test =
    before === ''
      ? (value: string) => value.length >= least && value.startsWith(text)
      : after === ''
        ? (value: string) => value.length >= least && value.endsWith(text)
        : (value: string) => {
            const at = value.indexOf(text, from);
            return at >= 0 && (after !== '.+' || at + text.length < value.length);
          };
  return { source, set: null, prefix: before === '' ? text : '', test };
}

function compileEngine(source: string): RE2JS {
  try {
    return RE2JS.compile(source, RE2JS.DOTALL);
  } catch (error) {
    throw new RegExpError(error instanceof Error ? error.message : String(error));
  }
}
