// A tree as text again, in Prometheus' canonical form. parse(printExpr(e)) says the same as e (`Inf ^ x` with another tree).
import {
  formatNumber,
  METRIC_NAME,
  printDuration,
  quoteText,
  utf8Length,
  type Matcher,
} from '@munjigi/model';
import {
  childrenOf,
  type Aggregate,
  type At,
  type Binary,
  type DurationExpr,
  type Expr,
  type NumberLiteral,
  type Subquery,
  type VectorSelector,
} from './ast.ts';

/** Prints an expression on one line. */
export function printExpr(e: Expr): string {
  switch (e.kind) {
    case 'number':
      return printNumber(e);
    case 'string':
      return quoteText(e.value);
    case 'vector':
      return (
        printVector(e) + printAt(e.at) + (e.extended === null ? '' : ` ${e.extended}`) + printOffset(e.offset)
      );
    case 'matrix': {
      const s = e.selector;
      const extended = s.extended === null ? '' : ` ${s.extended}`;
      return `${printVector(s)}[${printDurationExpr(e.range)}]${extended}${printAt(s.at)}${printOffset(s.offset)}`;
    }
    case 'subquery':
      return printExpr(e.expr) + printSubqueryTimes(e);
    case 'call':
      return `${e.func}(${e.args.map(printExpr).join(', ')})`;
    case 'aggregate':
      return `${printAggregation(e)}(${e.param === null ? '' : `${printExpr(e.param)}, `}${printExpr(e.expr)})`;
    case 'binary':
      return `${printExpr(e.left)} ${printOperator(e)} ${printExpr(e.right)}`;
    case 'unary':
      return e.op + printExpr(e.expr);
    case 'paren':
      return `(${printExpr(e.expr)})`;
  }
}

/** Longer ones are put on several lines, in bytes of UTF-8. */
const MAX_LINE = 100;

/**
 * Prints an expression as Prometheus' /format_query does: what is longer than 100 bytes on one line gets a line for each part, indented by
 * two spaces a level.
 */
export function prettyExpr(e: Expr): string {
  return pretty(e, 0);
}

function pretty(e: Expr, level: number): string {
  const indent = '  '.repeat(level);
  // A signed expression is split where the one inside is, and a subquery that fits has no indent of its own.
  if (e.kind === 'unary') return indent + e.op + pretty(e.expr, level).trim();
  if (fits(e)) return (e.kind === 'subquery' ? '' : indent) + printExpr(e);
  switch (e.kind) {
    case 'number':
    case 'string':
    case 'vector':
    case 'matrix':
      return indent + printExpr(e);
    case 'subquery':
      return pretty(e.expr, level) + printSubqueryTimes(e);
    case 'paren':
      return `${indent}(\n${pretty(e.expr, level + 1)}\n${indent})`;
    case 'call':
      return `${indent}${e.func}(\n${e.args.map((arg) => pretty(arg, level + 1)).join(',\n')}\n${indent})`;
    case 'aggregate': {
      const param = e.param === null ? '' : `${pretty(e.param, level + 1)},\n`;
      return `${indent}${printAggregation(e)}(\n${param}${pretty(e.expr, level + 1)}\n${indent})`;
    }
    case 'binary':
      return `${pretty(e.left, level + 1)}\n${indent}${printOperator(e)}\n${pretty(e.right, level + 1)}`;
  }
}

/** Whether an expression fits on one line. Each node prints a byte at least, so that a large tree is known without being printed. */
function fits(e: Expr): boolean {
  return !hasMore(e, MAX_LINE) && utf8Length(printExpr(e)) <= MAX_LINE;
}

/** Whether a tree has more than `most` nodes; looks at no more of them. */
function hasMore(root: Expr, most: number): boolean {
  const open: Expr[] = [root];
  for (let seen = 1; ; seen++) {
    const e = open.pop();
    if (e === undefined) return false;
    if (seen > most) return true;
    open.push(...childrenOf(e));
  }
}

function printAggregation(e: Aggregate): string {
  if (e.without) return `${e.op} without (${printLabelNames(e.grouping)}) `;
  return e.grouping.length > 0 ? `${e.op} by (${printLabelNames(e.grouping)}) ` : e.op;
}

function printSubqueryTimes(e: Subquery): string {
  const step = e.step === null ? '' : printDurationExpr(e.step);
  return `[${printDurationExpr(e.range)}:${step}]${printAt(e.at)}${printOffset(e.offset)}`;
}

/** A vector selector without its modifiers. */
function printVector(e: VectorSelector): string {
  const shown = e.matchers.filter(
    (m) => !(m.name === METRIC_NAME && m.op === '=' && m.value === e.name && m.value !== ''),
  );
  if (shown.length === 0) return e.name === '' ? '{}' : e.name;
  return `${e.name}{${shown.map(printMatcher).sort().join(',')}}`;
}

/** Matchers alone as a selector: the name before the braces where it may stand there. */
export function printSelector(matchers: readonly Matcher[]): string {
  const named = matchers.find(
    (m) => m.name === METRIC_NAME && m.op === '=' && /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(m.value),
  );
  const rest = matchers.filter((m) => m !== named).map(printMatcher);
  if (named === undefined) return `{${rest.join(', ')}}`;
  return rest.length === 0 ? named.value : `${named.value}{${rest.join(', ')}}`;
}

/** `name="value"`, the name quoted where it must be. */
export function printMatcher(m: Matcher): string {
  return `${printLabelName(m.name)}${m.op}${quoteText(m.value)}`;
}

function printLabelName(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : quoteText(name);
}

function printLabelNames(names: readonly string[]): string {
  // `without` is the one word that is a label name only in quotes.
  return names
    .map((n) =>
      n.toLowerCase() === 'without' || /^(?:inf|nan)$/i.test(n) ? quoteText(n) : printLabelName(n),
    )
    .join(', ');
}

/** The operator with all that modifies it. */
function printOperator(e: Binary): string {
  let out = `${e.op}${e.bool ? ' bool' : ''}`;
  const m = e.matching;
  if (m !== null) {
    const grouped = m.card === 'many-to-one' || m.card === 'one-to-many';
    if (m.on || m.labels.length > 0 || grouped)
      out += ` ${m.on ? 'on' : 'ignoring'} (${printLabelNames(m.labels)})`;
    if (grouped)
      out += ` group_${m.card === 'many-to-one' ? 'left' : 'right'} (${printLabelNames(m.include)})`;
    if (m.fillLeft !== null && m.fillLeft === m.fillRight) out += ` fill (${formatNumber(m.fillLeft, 'g')})`;
    else {
      if (m.fillLeft !== null) out += ` fill_left (${formatNumber(m.fillLeft, 'g')})`;
      if (m.fillRight !== null) out += ` fill_right (${formatNumber(m.fillRight, 'g')})`;
    }
  }
  return out;
}

function printNumber(e: NumberLiteral): string {
  return e.duration ? printDuration(e.value * 1000) : formatNumber(e.value);
}

/** A duration or duration arithmetic, as inside brackets. */
export function printDurationExpr(e: DurationExpr): string {
  if (e.kind === 'number') return printNumber(e);
  const left = e.left === null ? '' : printDurationExpr(e.left);
  const right = e.right === null ? '' : printDurationExpr(e.right);
  let out: string;
  if (e.op === 'step' || e.op === 'range') out = `${e.op}()`;
  else if (e.op === 'min_of' || e.op === 'max_of') out = `${e.op}(${left}, ${right})`;
  else if (e.left === null) out = e.op === '-' ? `-${right}` : right;
  else out = `${left} ${e.op} ${right}`;
  return e.paren ? `(${out})` : out;
}

function printAt(at: At | null): string {
  if (at === null) return '';
  return typeof at === 'string' ? ` @ ${at}()` : ` @ ${(at.t_ms / 1000).toFixed(3)}`;
}

function printOffset(offset: DurationExpr | null): string {
  return offset === null ? '' : ` offset ${printDurationExpr(offset)}`;
}
