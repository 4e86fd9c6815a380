import { expect, test } from 'vitest';
import type { DurationExpr, Expr, Matching } from './ast.ts';
import { sameExpr } from './ast.ts';
import { FUNCTIONS } from './functions.ts';
import { parse } from './parse.ts';
import { printExpr } from './print.ts';
import { Dice, fuzzParse } from './fuzz-parse.ts';

test('random texts and broken expressions give a tree or errors with places inside the text', () => {
  expect(fuzzParse(20_261_122, 12_000)).toEqual([]);
});

const SPAN = { start: 0, end: 0 };
const NAMES = ['foo', 'up', 'a:b', 'sum', 'by', 'start', 'offset', 'http_requests_total'];
const LABELS = ['a', 'job', 'on', 'le', 'a.b', 'é', 'without'];

function duration(d: Dice, depth: number): DurationExpr {
  if (depth === 0 || d.below(3) > 0)
    return { kind: 'number', value: d.pick([5, 60, 300, 5400, 0.001, 86_400]), duration: true, ...SPAN };
  if (d.below(4) === 0)
    return {
      kind: 'duration',
      op: d.pick(['step', 'range']),
      left: null,
      right: null,
      paren: false,
      ...SPAN,
    };
  const op = d.pick(['min_of', 'max_of'] as const);
  return {
    kind: 'duration',
    op,
    left: duration(d, depth - 1),
    right: duration(d, depth - 1),
    paren: false,
    ...SPAN,
  };
}

function selector(d: Dice): Expr & { kind: 'vector' } {
  const name = d.below(4) === 0 ? '' : d.pick(NAMES);
  const matchers = Array.from({ length: name === '' ? 1 + d.below(2) : d.below(3) }, (_, i) => ({
    name: d.pick(LABELS),
    op: i === 0 ? ('=' as const) : d.pick(['=', '!=', '=~', '!~'] as const),
    value: d.pick(['x', 'a.*', 'q"uote\\\\', '\n', '😀', '.+']),
  }));
  if (name !== '') matchers.push({ name: '__name__', op: '=', value: name });
  return {
    kind: 'vector',
    name,
    matchers,
    at: d.below(5) === 0 ? d.pick(['start', 'end', { t_ms: 1500 }, { t_ms: -1 }] as const) : null,
    offset: d.below(4) === 0 ? duration(d, 1) : null,
    extended: null,
    ...SPAN,
  };
}

function matrix(d: Dice, depth: number): Expr {
  if (depth > 0 && d.below(3) === 0)
    return {
      kind: 'subquery',
      expr: atom(d, depth - 1),
      range: duration(d, 1),
      step: d.below(2) === 0 ? null : duration(d, 1),
      at: null,
      offset: null,
      ...SPAN,
    };
  return { kind: 'matrix', selector: selector(d), range: duration(d, 2), ...SPAN };
}

function number(d: Dice): Expr {
  return {
    kind: 'number',
    value: d.pick([0, 1, 0.5, 1e21, 1e-9, Infinity, NaN, 42]),
    duration: false,
    ...SPAN,
  };
}

/** An instant vector that can stand anywhere without parentheses. */
function atom(d: Dice, depth: number): Expr {
  const kind = depth === 0 ? 0 : d.below(4);
  if (kind === 0) return { ...selector(d), at: null, offset: null };
  if (kind === 1) {
    const func = d.pick([...FUNCTIONS.keys()].filter((name) => name !== 'info'));
    const { args, returns } = FUNCTIONS.get(func)!;
    if (returns !== 'vector') return { kind: 'call', func: 'vector', args: [number(d)], ...SPAN };
    return {
      kind: 'call',
      func,
      args: args.map((type) =>
        type === 'matrix'
          ? matrix(d, depth - 1)
          : type === 'scalar'
            ? number(d)
            : type === 'string'
              ? { kind: 'string', value: d.pick(['', 'a', '"\\\n']), ...SPAN }
              : vector(d, depth - 1),
      ),
      ...SPAN,
    };
  }
  if (kind === 2)
    return {
      kind: 'aggregate',
      op: d.pick(['sum', 'max', 'group', 'stddev']),
      expr: vector(d, depth - 1),
      param: null,
      without: d.below(2) === 0,
      grouping: Array.from({ length: d.below(3) }, () => d.pick(LABELS)),
      ...SPAN,
    };
  return { kind: 'paren', expr: vector(d, depth - 1), ...SPAN };
}

function vector(d: Dice, depth: number): Expr {
  if (depth === 0 || d.below(2) === 0)
    return d.below(5) === 0
      ? { kind: 'unary', op: d.pick(['-', '+']), expr: atom(d, depth), ...SPAN }
      : atom(d, depth);
  const op = d.pick(['+', '-', '*', '^', '==', '<=', 'and', 'or', '</', 'atan2'] as const);
  const set = op === 'and' || op === 'or';
  const on = d.below(2) === 0;
  const grouped = !set && on && d.below(3) === 0;
  const matching: Matching = {
    card: set ? 'many-to-many' : grouped ? d.pick(['many-to-one', 'one-to-many']) : 'one-to-one',
    on,
    labels: d.below(2) === 0 ? [] : ['x', 'y'],
    include: grouped && d.below(2) === 0 ? ['z'] : [],
    fillLeft: !set && d.below(4) === 0 ? d.pick([0, -1, 2.5]) : null,
    fillRight: !set && d.below(4) === 0 ? d.pick([0, -1]) : null,
  };
  return {
    kind: 'binary',
    op,
    left: atom(d, depth - 1),
    right: atom(d, depth - 1),
    bool: (op === '==' || op === '<=') && d.below(2) === 0,
    matching,
    ...SPAN,
  };
}

test('random trees print as text that parses to the same tree', () => {
  const dice = new Dice(4711);
  const wrong: string[] = [];
  for (let i = 0; i < 3000; i++) {
    const tree = vector(dice, 4);
    const text = printExpr(tree);
    const back = parse(text);
    if ('errors' in back) wrong.push(`${text}: ${back.errors[0]!.message}`);
    else if (!sameExpr(back.expr, tree)) wrong.push(text);
  }
  expect(wrong).toEqual([]);
});
