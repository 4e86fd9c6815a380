// What is wrong with an expression, with the line that it is about and carets below the place.
import type { ParseError } from '@munjigi/promql';

/** `line:column: message`, the line, and carets below what is wrong in it; each line ends. */
export function parseErrorText(expr: string, e: ParseError): string {
  const place = e.line === 0 ? '' : `${e.line}:${e.column}: `;
  const from = expr.lastIndexOf('\n', e.start - 1) + 1;
  const newline = expr.indexOf('\n', e.start);
  const line = expr.slice(from, newline < 0 ? expr.length : newline).replace(/\r$/, '');
  const [start, end] = [e.start - from, e.end - from];
  return `${place}${e.message}\n${line}\n${blanks(line.slice(0, start))}${carets(line.slice(start, end))}\n`;
}

const PLACE: RegExp = /\b([0-9]+):([0-9]+): /;

/** The message, with line and caret where it names a place in the expression: all that is known of an error that comes from a server. */
export function pointedError(expr: string, message: string): string {
  const place = PLACE.exec(message);
  if (place === null) return message;
  const line = expr.split('\n')[Number(place[1]) - 1];
  if (line === undefined) return message;
  return `${message}\n${line}\n${blanks(before(line, Number(place[2])))}^`;
}

/** What stands before a column, which counts UTF-8 bytes from 1. */
function before(line: string, column: number): string {
  let bytes = 1;
  let out = '';
  for (const char of line) {
    if (bytes >= column) break;
    const code = char.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    out += char;
  }
  return out;
}

/** As wide as `text`: tabs stay, so that carets stand below their place whatever a tab's width is. */
function blanks(text: string): string {
  return text.replace(/[^\t]/gu, ' ');
}

function carets(text: string): string {
  return '^'.repeat(Math.max(1, Array.from(text).length));
}
