// String literals with Go's escapes, as PromQL has them: "double", 'single' and `raw`.
import { decodeUtf8, encodeUtf8 } from '@munjigi/model';

export interface Unquoted {
  readonly value: string;
  /** False where \x or octal escapes made bytes that are not UTF-8: they became U+FFFD. */
  readonly validUtf8: boolean;
}

const SIMPLE: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** The value of a literal that the lexer accepted, quotes included. */
export function unquote(literal: string): Unquoted {
  const inner = literal.slice(1, -1);
  if (literal[0] === '`' || !inner.includes('\\')) return { value: inner, validUtf8: true };
  // Escapes may spell single bytes, so the text is put together as bytes.
  const bytes = new Uint8Array(inner.length * 3);
  let n = 0;
  let i = 0;
  while (i < inner.length) {
    const slash = inner.indexOf('\\', i);
    const to = slash < 0 ? inner.length : slash;
    n = encodeUtf8(inner.slice(i, to), bytes, n);
    if (slash < 0) break;
    const c = inner[slash + 1]!;
    const simple = SIMPLE[c];
    if (simple !== undefined) bytes[n++] = simple;
    else if (c >= '0' && c <= '7') bytes[n++] = Number.parseInt(inner.slice(slash + 1, slash + 4), 8);
    else if (c === 'x') bytes[n++] = Number.parseInt(inner.slice(slash + 2, slash + 4), 16);
    else if (c === 'u' || c === 'U') {
      const code = Number.parseInt(inner.slice(slash + 2, slash + (c === 'u' ? 6 : 10)), 16);
      n = encodeUtf8(String.fromCodePoint(code), bytes, n);
    } else bytes[n++] = c.charCodeAt(0);
    i = slash + (c === 'U' ? 10 : c === 'u' ? 6 : c === 'x' || (c >= '0' && c <= '7') ? 4 : 2);
  }
  const value = decodeUtf8(bytes, 0, n);
  return { value, validUtf8: isUtf8(value, bytes, n) };
}

function isUtf8(value: string, bytes: Uint8Array, n: number): boolean {
  if (!value.includes('\ufffd')) return true;
  const again = new Uint8Array(value.length * 3);
  if (encodeUtf8(value, again, 0) !== n) return false;
  for (let i = 0; i < n; i++) if (again[i] !== bytes[i]) return false;
  return true;
}
