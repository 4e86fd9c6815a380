// The syntax tree as Prometheus' /parse_query answers it, which its console's explain view reads.
import { formatNumber, type Matcher } from '@munjigi/model';
import { FUNCTIONS, type At, type DurationExpr, type Expr } from '@munjigi/promql';

/** Plain data, ready for JSON.stringify. */
export function exprJson(e: Expr): object {
  switch (e.kind) {
    case 'number':
      return { type: 'numberLiteral', val: formatNumber(e.value) };
    case 'string':
      return { type: 'stringLiteral', val: e.value };
    case 'paren':
      return { type: 'parenExpr', expr: exprJson(e.expr) };
    case 'unary':
      return { type: 'unaryExpr', op: e.op, expr: exprJson(e.expr) };
    case 'vector':
      return {
        type: 'vectorSelector',
        name: e.name,
        matchers: e.matchers.map(matcherJson),
        ...timeShift(e),
        anchored: e.extended === 'anchored',
        smoothed: e.extended === 'smoothed',
      };
    case 'matrix':
      return {
        type: 'matrixSelector',
        name: e.selector.name,
        matchers: e.selector.matchers.map(matcherJson),
        ...span('range', e.range),
        ...timeShift(e.selector),
        anchored: e.selector.extended === 'anchored',
        smoothed: e.selector.extended === 'smoothed',
      };
    case 'subquery':
      return {
        type: 'subquery',
        expr: exprJson(e.expr),
        ...span('range', e.range),
        ...span('step', e.step),
        ...timeShift(e),
      };
    case 'call': {
      const { args = [], variadic = 0, returns = 'vector' } = FUNCTIONS.get(e.func) ?? {};
      return {
        type: 'call',
        func: { name: e.func, argTypes: args, variadic, returnType: returns },
        args: e.args.map(exprJson),
      };
    }
    case 'aggregate':
      return {
        type: 'aggregation',
        op: e.op,
        expr: exprJson(e.expr),
        param: e.param === null ? null : exprJson(e.param),
        grouping: e.grouping,
        without: e.without,
      };
    case 'binary': {
      const m = e.matching;
      const matching = m && {
        card: m.card,
        labels: m.labels,
        on: m.on,
        include: m.include,
        fillValues: { lhs: m.fillLeft, rhs: m.fillRight },
      };
      return {
        type: 'binaryExpr',
        op: e.op,
        lhs: exprJson(e.left),
        rhs: exprJson(e.right),
        matching,
        bool: e.bool,
      };
    }
  }
}

function matcherJson({ name, op, value }: Matcher): object {
  return { name, value, type: op };
}

function timeShift({ at, offset }: { at: At | null; offset: DurationExpr | null }): object {
  return {
    ...span('offset', offset),
    timestamp: at !== null && typeof at === 'object' ? at.t_ms : null,
    startOrEnd: typeof at === 'string' ? at : null,
  };
}

/** In ms; beside it the tree where it is arithmetic, which is computed only when the query runs. */
function span(name: string, d: DurationExpr | null): object {
  if (d === null) return { [name]: 0, [`${name}Expr`]: null };
  if (d.kind === 'number') return { [name]: Math.round(d.value * 1000), [`${name}Expr`]: null };
  return { [name]: 0, [`${name}Expr`]: durationJson(d) };
}

function durationJson(d: DurationExpr): object {
  if (d.kind === 'number') return { type: 'numberLiteral', val: formatNumber(d.value), duration: d.duration };
  return {
    type: 'durationExpr',
    op: d.op,
    lhs: d.left && durationJson(d.left),
    rhs: d.right && durationJson(d.right),
    wrapped: d.paren,
  };
}
