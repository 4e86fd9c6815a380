// `munjigi promql format`: an expression as Prometheus' /format_query prints it.
import { readStdin, stderr, stdout } from '@munjigi/env/node';
import { parse, prettyExpr, type ParseError } from '@munjigi/promql';

export interface FormatOptions {
  readonly check?: boolean;
}

/** Prints the expression, which `-` reads from standard input; with `check` only says whether it is printed so already. */
export function promqlFormat(argument: string, options: FormatOptions): number {
  const text = argument === '-' ? new TextDecoder().decode(readStdin()).trimEnd() : argument;
  const parsed = parse(text);
  if ('errors' in parsed) {
    stderr.write(parsed.errors.map((e) => showError(text, e)).join(''));
    return 1;
  }
  const pretty = prettyExpr(parsed.expr);
  if (options.check === true) {
    if (pretty === text) return 0;
    stderr.write('not formatted: without --check it is printed as it should be\n');
    return 1;
  }
  stdout.write(`${pretty}\n`);
  return 0;
}

/** `line:column: message`, the line, and carets below what is wrong in it. */
export function showError(text: string, e: ParseError): string {
  const place = e.line === 0 ? '' : `${e.line}:${e.column}: `;
  const from = text.lastIndexOf('\n', e.start - 1) + 1;
  const newline = text.indexOf('\n', e.start);
  const line = text.slice(from, newline < 0 ? text.length : newline).replace(/\r$/, '');
  // Tabs stay, so that the carets stand below whatever the tabs' width is.
  const before = line.slice(0, e.start - from).replace(/[^\t]/gu, ' ');
  const marked = Array.from(line.slice(e.start - from, e.end - from)).length;
  return `${place}${e.message}\n${line}\n${before}${'^'.repeat(Math.max(1, marked))}\n`;
}
