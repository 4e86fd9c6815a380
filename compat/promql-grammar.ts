// The expressions of public dashboards and of the editor grammar's own tests: what is valid parses, prints and parses to the same
// tree; what is not gives an error with a place inside the text. The dashboards' are printed as Prometheus prints them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, prettyExpr, printExpr, sameExpr, type Expr } from '@munjigi/promql';

interface DashboardExpression {
  readonly interpolated: string;
  readonly files: readonly string[];
  /** What /format_query of Prometheus 2.42 answers. */
  readonly prometheus_2_42_format: string;
}

export function run(dataDir: string): Promise<{ passed: number; failures: string[] }> {
  const failures: string[] = [];
  let passed = 0;
  const verdict = (failure: string): void => {
    if (failure === '') passed++;
    else failures.push(failure);
  };
  const lines = readFileSync(join(dataDir, 'dashboards/EXPRESSIONS.jsonl'), 'utf8').split('\n');
  for (const line of lines) {
    if (line === '') continue;
    const { interpolated, files, prometheus_2_42_format } = JSON.parse(line) as DashboardExpression;
    const where = files[0] ?? '';
    verdict(judgeValid(interpolated, where, (e) => judgePrint(e, prometheus_2_42_format, where)));
  }
  const cases = readFileSync(join(dataDir, 'metrics/promql/grammar/expression.txt'), 'utf8');
  for (const { title, text, tree } of grammarCases(cases)) {
    verdict(tree.includes('⚠') ? judgeInvalid(text, title) : judgeValid(text, title));
  }
  return Promise.resolve({ passed, failures });
}

function judgeValid(text: string, where: string, more: (e: Expr) => string = () => ''): string {
  const first = parse(text);
  if ('errors' in first) {
    const e = first.errors[0]!;
    return `${where}: ${e.line}:${e.column}: ${e.message}: ${text}`;
  }
  const printed = printExpr(first.expr);
  const second = parse(printed);
  if ('errors' in second) return `${where}: does not parse again: ${second.errors[0]!.message}: ${printed}`;
  if (!sameExpr(first.expr, second.expr))
    return `${where}: another tree after printing: ${text} -> ${printed}`;
  if (printExpr(second.expr) !== printed) return `${where}: prints differently again: ${printed}`;
  return more(first.expr);
}

function judgePrint(e: Expr, format_2_42: string, where: string): string {
  // Prometheus 3 writes numbers without exponents; three of the expressions have one.
  const wanted = format_2_42.replaceAll('1e+06', '1000000');
  const got = prettyExpr(e);
  return got === wanted ? '' : `${where}: printed as ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`;
}

function judgeInvalid(text: string, where: string): string {
  const parsed = parse(text);
  if ('expr' in parsed) return `${where}: should be refused: ${text}`;
  const e = parsed.errors[0]!;
  const placed = e.start >= 0 && e.start <= e.end && e.end <= text.length && e.line > 0 && e.column > 0;
  return placed && e.message !== '' ? '' : `${where}: error without a place in the text: ${text}`;
}

/** Cases of expression.txt: `# title`, the expression, `==>`, its tree. */
function* grammarCases(file: string): Generator<{ title: string; text: string; tree: string }> {
  let title = '';
  let text: string[] = [];
  let tree: string[] | null = null;
  for (const line of [...file.split('\n'), '# end']) {
    if (line.startsWith('# ')) {
      if (tree !== null) yield { title, text: text.join('\n').trim(), tree: tree.join('\n') };
      title = line.slice(2);
      text = [];
      tree = null;
    } else if (line.trim() === '==>') tree = [];
    else (tree ?? text).push(line);
  }
}
