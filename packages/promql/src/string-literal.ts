// String literals with Go's escapes, as PromQL has them: "double", 'single' and `raw`.
import { decodeUtf8, encodeUtf8 } from '@munjigi/model';

export interface Unquoted {
  readonly value: string;
  /** False where \x or octal escapes made bytes that are not UTF-8: byte b stands as the lone surrogate U+DC00 + b. */
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
  if (isUtf8(value, bytes, n)) return { value, validUtf8: true };
  return { value: withLoneBytes(bytes, n), validUtf8: false };
}

function isUtf8(value: string, bytes: Uint8Array, n: number): boolean {
  if (!value.includes('\ufffd')) return true;
  const again = new Uint8Array(value.length * 3);
  if (encodeUtf8(value, again, 0) !== n) return false;
  for (let i = 0; i < n; i++) if (again[i] !== bytes[i]) return false;
  return true;
}

/** Text of bytes of which some belong to no character. */
function withLoneBytes(bytes: Uint8Array, n: number): string {
  let out = '';
  for (let i = 0; i < n;) {
    const first = bytes[i]!;
    const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const char = decodeUtf8(bytes, i, Math.min(n, i + size));
    const whole = i + size <= n && isUtf8(char, bytes.subarray(i, i + size), size);
    out += whole ? char : String.fromCharCode(0xdc00 + first);
    i += whole ? size : 1;
  }
  return out;
}
