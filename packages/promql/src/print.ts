// A tree as text again, in Prometheus' canonical form. parse(printExpr(e)) says the same as e.
import { formatNumber, printDuration, quoteText, type Matcher } from '@munjigi/model';
import type { At, Binary, DurationExpr, Expr, NumberLiteral, VectorSelector } from './ast.ts';

/** Prints an expression on one line. */
export function printExpr(e: Expr): string {
  switch (e.kind) {
    case 'number':
      return printNumber(e);
    case 'string':
      return quoteText(e.value);
    case 'vector':
      return (
        printSelector(e) +
        printAt(e.at) +
        (e.extended === null ? '' : ` ${e.extended}`) +
        printOffset(e.offset)
      );
    case 'matrix': {
      const s = e.selector;
      const extended = s.extended === null ? '' : ` ${s.extended}`;
      return `${printSelector(s)}[${printDurationExpr(e.range)}]${extended}${printAt(s.at)}${printOffset(s.offset)}`;
    }
    case 'subquery': {
      const step = e.step === null ? '' : printDurationExpr(e.step);
      return `${printExpr(e.expr)}[${printDurationExpr(e.range)}:${step}]${printAt(e.at)}${printOffset(e.offset)}`;
    }
    case 'call':
      return `${e.func}(${e.args.map(printExpr).join(', ')})`;
    case 'aggregate': {
      const grouping = e.without
        ? ` without (${printLabelNames(e.grouping)}) `
        : e.grouping.length > 0
          ? ` by (${printLabelNames(e.grouping)}) `
          : '';
      return `${e.op}${grouping}(${e.param === null ? '' : `${printExpr(e.param)}, `}${printExpr(e.expr)})`;
    }
    case 'binary':
      return printBinary(e);
    case 'unary':
      return e.op + printExpr(e.expr);
    case 'paren':
      return `(${printExpr(e.expr)})`;
  }
}

/** A vector selector without its modifiers. */
function printSelector(e: VectorSelector): string {
  const shown = e.matchers.filter(
    (m) => !(m.name === '__name__' && m.op === '=' && m.value === e.name && m.value !== ''),
  );
  if (shown.length === 0) return e.name === '' ? '{}' : e.name;
  return `${e.name}{${shown.map(printMatcher).sort().join(',')}}`;
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

function printBinary(e: Binary): string {
  let out = `${printLeft(e)} ${e.op}${e.bool ? ' bool' : ''}`;
  const m = e.matching;
  if (m !== null) {
    const grouped = m.card === 'many-to-one' || m.card === 'one-to-many';
    if (m.on || m.labels.length > 0 || grouped)
      out += ` ${m.on ? 'on' : 'ignoring'} (${printLabelNames(m.labels)})`;
    if (grouped)
      out += ` group_${m.card === 'many-to-one' ? 'left' : 'right'} (${printLabelNames(m.include)})`;
    if (m.fillLeft !== null && Object.is(m.fillLeft, m.fillRight))
      out += ` fill (${formatNumber(m.fillLeft)})`;
    else {
      if (m.fillLeft !== null) out += ` fill_left (${formatNumber(m.fillLeft)})`;
      if (m.fillRight !== null) out += ` fill_right (${formatNumber(m.fillRight)})`;
    }
  }
  return `${out} ${printExpr(e.right)}`;
}

/** `+Inf ^ 2` would read as +(Inf ^ 2): a power's left side has no sign. */
function printLeft(e: Binary): string {
  if (e.op === '^' && e.left.kind === 'number' && e.left.value === Infinity) return 'Inf';
  return printExpr(e.left);
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
