// Where in an expression the server found a mistake. Prometheus writes `1:5: parse error: ...`, line and column from 1,
// the column in bytes of UTF-8.

/** A mistake and its place in the expression. */
export interface ErrorPlace {
  readonly line: number;
  /** In characters, from 1. */
  readonly column: number;
  /** The line it stands in, with tabs as single blanks. */
  readonly text: string;
  /** Without the place in front. */
  readonly message: string;
}

/** null when the message names no place, or one outside the expression. */
export function errorPlace(message: string, expr: string): ErrorPlace | null {
  const m = /(?:^|[^\d:])(\d+):(\d+): (parse error: )?([\s\S]*)$/.exec(message);
  if (m === null) return null;
  const line = Number(m[1]);
  const text = expr.split('\n')[line - 1];
  if (text === undefined) return null;
  const column = characterColumn(text, Number(m[2]));
  if (column === null) return null;
  return { line, column, text: text.replaceAll('\t', ' '), message: m[4] ?? '' };
}

/** null when the line is shorter. */
function characterColumn(line: string, byteColumn: number): number | null {
  let bytes = 1;
  for (let i = 0; i <= line.length; i++) {
    if (bytes >= byteColumn) return byteColumn < 1 ? null : i + 1;
    const c = line.charCodeAt(i);
    // Half a surrogate pair is two of its four bytes.
    bytes += c < 0x80 ? 1 : c < 0x800 || (c >= 0xd800 && c <= 0xdfff) ? 2 : 3;
  }
  return null;
}
