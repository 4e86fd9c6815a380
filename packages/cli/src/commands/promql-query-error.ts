// An error of a query with the line that it is about and a mark below the place.

const PLACE: RegExp = /\b([0-9]+):([0-9]+): /;

/** The message, with line and mark where it names a place in the expression. */
export function pointedError(expr: string, message: string): string {
  const place = PLACE.exec(message);
  if (place === null) return message;
  const line = expr.split('\n')[Number(place[1]) - 1];
  if (line === undefined) return message;
  return `${message}\n  ${line}\n  ${markUnder(line, Number(place[2]))}`;
}

/** `column` counts UTF-8 bytes from 1. Tabs stay, so that the mark stands below its place however wide they are. */
function markUnder(line: string, column: number): string {
  let bytes = 1;
  let out = '';
  for (const char of line) {
    if (bytes >= column) break;
    const code = char.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    out += char === '\t' ? '\t' : ' ';
  }
  return `${out}^`;
}
