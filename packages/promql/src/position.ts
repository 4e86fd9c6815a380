// Places in an expression as people read them.

/** A place in a text, both from 1. The column counts UTF-8 bytes, as Prometheus' messages do. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Line and column of a UTF-16 offset. */
export function placeOf(text: string, offset: number): Place {
  let line = 1;
  let column = 1;
  const to = Math.min(offset, text.length);
  for (let i = 0; i < to; i++) {
    const c = text.charCodeAt(i);
    if (c === 10) {
      line++;
      column = 1;
    } else if (c < 0x80) column++;
    else if (c < 0x800) column += 2;
    // A surrogate pair has two units and four bytes.
    else column += c >= 0xd800 && c <= 0xdfff ? 2 : 3;
  }
  return { line, column };
}

/** What is wrong with an expression and where: offsets [start, end) and the place of `start`; an empty text has no places: 0 and 0. */
export interface ParseError {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly column: number;
  /** Without place, in Prometheus' words where it has words for it. */
  readonly message: string;
}

export function parseErrorAt(text: string, start: number, end: number, message: string): ParseError {
  const from = Math.max(0, Math.min(start, text.length));
  const place = text === '' ? { line: 0, column: 0 } : placeOf(text, from);
  return { start: from, end: Math.max(from, Math.min(end, text.length)), ...place, message };
}

/** `line:column: parse error: message`, as Prometheus prints it. */
export function printParseError(e: ParseError): string {
  return `${e.line === 0 ? 'unknown position' : `${e.line}:${e.column}`}: parse error: ${e.message}`;
}
