import { expect, test } from 'vitest';
import type { DurationExpr, Expr, Matching } from './ast.ts';
import { sameExpr } from './ast.ts';
import { FUNCTIONS } from './functions.ts';
import { parse } from './parse.ts';
import { printExpr } from './print.ts';

/** A small seeded generator (xorshift). */
class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 1;
  }
  below(n: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % n;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const PIECES =
  'sum rate( foo {a="b"} [5m] [5m:1m] offset @ start() by (a) without on(x) ignoring group_left fill(0) bool + - * / % ^ == != <= </ >/ and or unless atan2 ( ) , 5m 1e3 0x1f Inf "s" \'t\' `r` # \n anchored smoothed { } [ ] : = =~ !~ é 😀 \\ "\\u00" _ . topk count_values inf nan'.split(
    ' ',
  );

/** What is wrong with how a text was taken; '' when nothing is. */
function judge(text: string): string {
  const result = parse(text);
  if ('expr' in result) {
    const again = parse(printExpr(result.expr));
    return 'expr' in again && sameExpr(again.expr, result.expr) ? '' : `another tree: ${text}`;
  }
  const placed = result.errors.every(
    (e) =>
      e.message !== '' &&
      e.start >= 0 &&
      e.start <= e.end &&
      e.end <= text.length &&
      e.line >= 1 &&
      e.column >= 1,
  );
  return placed && result.errors.length > 0 ? '' : `an error without its place: ${text}`;
}

test('random texts and broken expressions give a tree or errors with places inside the text', () => {
  const dice = new Dice(20_261_122);
  const wrong: string[] = [];
  for (let i = 0; i < 8000; i++) {
    let text = '';
    const pieces = 1 + dice.below(12);
    for (let p = 0; p < pieces; p++) text += dice.pick(PIECES) + (dice.below(3) === 0 ? '' : ' ');
    wrong.push(judge(text));
  }
  const good =
    'sum by (job) (rate(http_requests_total{code=~"5..", "a.b"!="x"}[5m] offset -1m)) / on (job) group_left (x) max_over_time(foo[1h:5m] @ end()) > bool 0.5';
  for (let i = 0; i < 4000; i++) {
    const at = dice.below(good.length);
    const cut = dice.below(4);
    const put = dice.below(2) === 0 ? dice.pick(PIECES) : String.fromCharCode(dice.below(0x250));
    wrong.push(judge(good.slice(0, at) + put + good.slice(at + cut)));
  }
  expect(wrong.filter((w) => w !== '')).toEqual([]);
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
