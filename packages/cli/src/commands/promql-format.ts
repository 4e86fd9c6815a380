// `munjigi promql format`: an expression as Prometheus' /format_query prints it.
import { readStdin, stderr, stdout } from '@munjigi/env/node';
import { parse, prettyExpr } from '@munjigi/promql';
import { parseErrorText } from './promql-error.ts';

export interface FormatOptions {
  readonly check?: boolean;
}

/** Prints the expression, which `-` reads from standard input; with `check` only says whether it is printed so already. */
export function promqlFormat(argument: string, options: FormatOptions): number {
  const text = argument === '-' ? new TextDecoder().decode(readStdin()).trimEnd() : argument;
  const parsed = parse(text);
  if ('errors' in parsed) {
    stderr.write(parsed.errors.map((e) => parseErrorText(text, e)).join(''));
    return 2;
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
