// Random well-typed queries over the families of a data set: trees, printed by our printer. A few are wrong on purpose: what is refused must be
// refused alike.
import type { Matcher } from '@munjigi/model';
import type {
  Aggregate,
  AggregateOp,
  At,
  Binary,
  BinaryOp,
  DurationExpr,
  Expr,
  Matching,
  VectorSelector,
} from '@munjigi/promql';
import { FUNCTIONS } from '@munjigi/promql';
import type { Prng } from '@munjigi/env/sim';
import type { Question } from '../../compat/prometheus/question.ts';
import { LABEL_VALUES, type DataSet, type Family, type FamilyKind } from './promql-data.ts';

const SPAN = { start: 0, end: 0 };
const LABELS: readonly string[] = ['a', 'b', 'instance', 'job', 'le', '__name__', 'nosuch', 'version'];
const NUMBERS: readonly number[] = [0, 1, 2, 3, 0.5, 0.1, 10, 100, 1e3, 1e-9, 1e300, Infinity, NaN];
const QUANTILES: readonly number[] = [0, 0.1, 0.25, 0.5, 0.9, 0.99, 1, 1.5, NaN];
const RANGES_S: readonly number[] = [30, 60, 60, 90, 300, 300, 600, 1800, 0.001, 15.5];

const OF_MATRIX: readonly string[] = [...FUNCTIONS]
  .filter(([, { args, variadic }]) => args.length === 1 && args[0] === 'matrix' && variadic === 0)
  .map(([name]) => name);
const OF_VECTOR: readonly string[] = [...FUNCTIONS]
  .filter(([, { args }]) => args.length === 1 && args[0] === 'vector')
  .map(([name]) => name);
const COUNTER_FUNCTIONS: readonly string[] = [
  'rate',
  'increase',
  'irate',
  'resets',
  'delta',
  'changes',
  'idelta',
];
const HISTOGRAM_FUNCTIONS: readonly string[] = [
  'histogram_avg',
  'histogram_count',
  'histogram_stddev',
  'histogram_stdvar',
  'histogram_sum',
];
const AGGREGATIONS: readonly AggregateOp[] =
  'sum sum avg count min max group stddev stdvar topk bottomk count_values quantile limitk limit_ratio'.split(
    ' ',
  ) as AggregateOp[];
const ARITHMETIC: readonly BinaryOp[] = ['+', '-', '*', '/', '%', '^', 'atan2', '+', '-', '*', '/'];
const COMPARISONS: readonly BinaryOp[] = ['==', '!=', '<', '<=', '>', '>='];
const SETS: readonly BinaryOp[] = ['and', 'or', 'unless'];

const call = (func: string, ...args: readonly Expr[]): Expr => ({ kind: 'call', func, args, ...SPAN });
const number = (value: number): Expr =>
  value < 0
    ? { kind: 'unary', op: '-', expr: number(-value), ...SPAN }
    : { kind: 'number', value, duration: false, ...SPAN };
const seconds = (value: number): DurationExpr => ({ kind: 'number', value, duration: true, ...SPAN });
const string = (value: string): Expr => ({ kind: 'string', value, ...SPAN });
const paren = (expr: Expr): Expr => ({ kind: 'paren', expr, ...SPAN });

export class QueryMaker {
  readonly #random: Prng;
  readonly #data: DataSet;
  /** Families that this query prefers, so that its parts have to do with each other. */
  #about: readonly Family[] = [];

  constructor(random: Prng, data: DataSet) {
    this.#random = random;
    this.#data = data;
  }

  expr(): Expr {
    const random = this.#random;
    this.#about = Array.from({ length: 1 + random.below(2) }, () => this.#pick(this.#data.families));
    const depth = random.below(4);
    if (random.chance(0.03)) return this.#scalar(depth);
    return this.#vector(depth);
  }

  /** Times and options for an expression. A range selector or a string is an instant query's. */
  question(query: string, instantOnly: boolean): Question {
    const random = this.#random;
    const { start_ms, end_ms, interval_ms } = this.#data;
    const span = end_ms - start_ms;
    let from = start_ms - 60_000 + random.below(span + 400_000);
    const align = random.below(4);
    if (align === 0) from -= (from - start_ms) % interval_ms;
    if (align === 1) from -= from % 1000;
    const instant = instantOnly || random.chance(0.3);
    const step_ms = instant ? 0 : this.#pick([interval_ms, 15_000, 60_000, 7000, 123_457, 300_000, 1]);
    return {
      query,
      start_ms: from,
      end_ms: instant ? from : from + step_ms * random.below(25) + (random.chance(0.2) ? 1 : 0),
      step_ms,
      ...(random.chance(0.15) ? { lookback_ms: this.#pick([15_000, 60_000, 900_000, 1]) } : {}),
      startTimestamps: random.chance(0.3),
      delayedNameRemoval: random.chance(0.4),
    };
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)]!;
  }

  #family(kinds: readonly FamilyKind[] | null): Family {
    const random = this.#random;
    const fits = (list: readonly Family[]): readonly Family[] =>
      kinds === null || random.chance(0.1) ? list : list.filter(({ kind }) => kinds.includes(kind));
    const near = fits(this.#about);
    if (near.length > 0 && random.chance(0.75)) return this.#pick(near);
    return this.#pick(fits(this.#data.families));
  }

  // ---- selectors and durations

  #selector(kinds: readonly FamilyKind[] | null = null, plain: boolean = false): VectorSelector {
    const random = this.#random;
    const { name } = this.#family(kinds);
    const matchers: Matcher[] = [];
    let shown = name;
    if (random.chance(0.08)) {
      shown = '';
      const value = this.#pick([
        `${name}|${this.#family(kinds).name}`,
        `${name.slice(0, 2)}.*`,
        `.*${name.slice(-3)}`,
        '.+',
      ]);
      matchers.push({ name: '__name__', op: '=~', value });
    }
    while (random.chance(0.15)) {
      const label = this.#pick(['a', 'b', 'instance', 'job', 'le', 'nosuch']);
      const value = this.#pick(LABEL_VALUES[label] ?? ['', '1', '+Inf']);
      const op = this.#pick(['=', '!=', '=~', '!~'] as const);
      matchers.push({
        name: label,
        op,
        value: op.includes('~')
          ? this.#pick([`${value.replace('+', '.')}|y`, '.*', '', '[xy1]', 'i.'])
          : value,
      });
    }
    if (shown !== '') matchers.push({ name: '__name__', op: '=', value: shown });
    return {
      kind: 'vector',
      name: shown,
      matchers,
      at: plain || !random.chance(0.06) ? null : this.#at(),
      offset: plain || !random.chance(0.08) ? null : this.#offset(),
      extended: !plain && random.chance(0.02) ? this.#pick(['anchored', 'smoothed'] as const) : null,
      ...SPAN,
    };
  }

  #at(): At {
    const { start_ms, end_ms } = this.#data;
    return this.#pick<At>([
      'start',
      'end',
      { t_ms: start_ms + this.#random.below(end_ms - start_ms) },
      { t_ms: end_ms },
    ]);
  }

  #offset(): DurationExpr {
    const random = this.#random;
    const duration = random.chance(0.15)
      ? this.#durationExpr(1)
      : seconds(this.#pick([15, 60, 300, 0.001, 600]));
    return random.chance(0.3)
      ? { kind: 'duration', op: '-', left: null, right: duration, paren: false, ...SPAN }
      : duration;
  }

  #durationExpr(depth: number): DurationExpr {
    const random = this.#random;
    const node = (
      op: Extract<DurationExpr, { kind: 'duration' }>['op'],
      left: DurationExpr | null,
      right: DurationExpr | null,
    ): DurationExpr => ({
      kind: 'duration',
      op,
      left,
      right,
      paren: left !== null && op.length === 1,
      ...SPAN,
    });
    if (depth === 0 || random.chance(0.3))
      return random.chance(0.3)
        ? node(random.chance(0.6) ? 'step' : 'range', null, null)
        : seconds(this.#pick(RANGES_S));
    const op = this.#pick(['+', '-', '*', '/', '%', '^', 'min_of', 'max_of'] as const);
    const small: DurationExpr = { kind: 'number', value: 1 + random.below(3), duration: false, ...SPAN };
    return node(
      op,
      this.#durationExpr(depth - 1),
      op === '*' || op === '/' || op === '^' ? small : this.#durationExpr(depth - 1),
    );
  }

  #range(): DurationExpr {
    return this.#random.chance(0.06) ? this.#durationExpr(2) : seconds(this.#pick(RANGES_S));
  }

  #matrix(depth: number, kinds: readonly FamilyKind[] | null, func: string): Expr {
    const random = this.#random;
    if (depth > 0 && random.chance(0.2))
      return {
        kind: 'subquery',
        expr: random.chance(0.5) ? this.#selector(kinds, true) : this.#closed(depth - 1),
        range: seconds(this.#pick([60, 300, 300, 600, 1200])),
        step: random.chance(0.3) ? null : seconds(this.#pick([15, 30, 60, 47, 300])),
        at: random.chance(0.08) ? this.#at() : null,
        offset: random.chance(0.1) ? this.#offset() : null,
        ...SPAN,
      };
    const selector = this.#selector(kinds);
    const extended = ['rate', 'increase', 'delta', 'changes', 'resets'].includes(func) && random.chance(0.15);
    return {
      kind: 'matrix',
      selector: extended ? { ...selector, extended: random.chance(0.5) ? 'anchored' : 'smoothed' } : selector,
      range: this.#range(),
      ...SPAN,
    };
  }

  // ---- expressions

  /** What needs no parentheses below a postfix. */
  #closed(depth: number): Expr {
    const e = this.#vector(depth);
    return e.kind === 'binary' || e.kind === 'unary' ? paren(e) : e;
  }

  #vector(depth: number): Expr {
    const random = this.#random;
    if (depth <= 0) return random.chance(0.5) ? this.#selector() : this.#windowed(0);
    const turn = random.below(100);
    if (turn < 6) return this.#selector();
    if (turn < 32) return this.#windowed(depth);
    if (turn < 52) return this.#aggregate(depth);
    if (turn < 72) return this.#binary(depth);
    if (turn < 82) return this.#ofVector(depth);
    if (turn < 91) return this.#ofHistogram(depth);
    if (turn < 93)
      return { kind: 'unary', op: this.#pick(['-', '+'] as const), expr: this.#closed(depth - 1), ...SPAN };
    if (turn < 96) return this.#relabelled(depth);
    if (turn < 98) return this.#info(depth);
    if (turn < 99) return call('vector', this.#scalar(depth - 1));
    return paren(this.#vector(depth - 1));
  }

  #scalar(depth: number): Expr {
    const random = this.#random;
    const turn = random.below(depth > 0 ? 14 : 8);
    if (turn < 6) return number(this.#pick(NUMBERS) * (random.chance(0.1) ? -1 : 1));
    if (turn === 6) return { kind: 'number', value: this.#pick(RANGES_S), duration: true, ...SPAN };
    if (turn === 7) return call(this.#pick(['time', 'pi', 'start', 'end', 'step', 'range']));
    if (turn < 10) return call('scalar', this.#vector(depth - 1));
    if (turn === 10)
      return call(this.#pick(['min_of', 'max_of']), this.#scalar(depth - 1), this.#scalar(depth - 1));
    const comparison = random.chance(0.3);
    return paren({
      kind: 'binary',
      op: this.#pick(comparison ? COMPARISONS : ARITHMETIC),
      left: this.#operand(this.#scalar(depth - 1)),
      right: this.#operand(this.#scalar(depth - 1)),
      bool: comparison,
      matching: null,
      ...SPAN,
    });
  }

  #operand(e: Expr): Expr {
    return e.kind === 'binary' || (e.kind === 'unary' && this.#random.chance(0.8)) ? paren(e) : e;
  }

  #windowed(depth: number): Expr {
    const random = this.#random;
    const counters: readonly FamilyKind[] = ['counter', 'histogram', 'mixed', 'bucket'];
    if (random.chance(0.35)) {
      const func = this.#pick(COUNTER_FUNCTIONS);
      return call(func, this.#matrix(depth, counters, func));
    }
    switch (random.below(14)) {
      case 0:
        return call('quantile_over_time', this.#quantile(depth), this.#matrix(depth, null, ''));
      case 1:
        return call('predict_linear', this.#matrix(depth, null, ''), this.#scalar(depth - 1));
      case 2:
        return call(
          'double_exponential_smoothing',
          this.#matrix(depth, null, ''),
          number(this.#pick([0.1, 0.5, 0.9, 0.5, 0, 1])),
          number(this.#pick([0.1, 0.5, 0.9, 0.5, 2])),
        );
      case 3:
        return random.chance(0.5)
          ? call('integral', this.#matrix(depth, null, ''))
          : call('integral', this.#matrix(depth, null, ''), this.#scalar(0));
      default: {
        const func = this.#pick(OF_MATRIX);
        return call(func, this.#matrix(depth, null, func));
      }
    }
  }

  #quantile(depth: number): Expr {
    return this.#random.chance(0.85) ? number(this.#pick(QUANTILES)) : this.#scalar(depth - 1);
  }

  #ofVector(depth: number): Expr {
    const random = this.#random;
    const inner = this.#vector(depth - 1);
    switch (random.below(12)) {
      case 0:
        return call('round', inner, number(this.#pick([0.1, 1, 5, 0, Infinity])));
      case 1:
        return call('clamp', inner, this.#scalar(depth - 1), this.#scalar(depth - 1));
      case 2:
        return call(this.#pick(['clamp_min', 'clamp_max']), inner, this.#scalar(depth - 1));
      case 3:
        return call('timestamp', this.#selector());
      case 4:
        return call(
          this.#pick(['start_timestamp', 'timestamp', 'absent']),
          this.#selector(['counter', 'histogram', 'gauge']),
        );
      case 5:
        return call(this.#pick(['sort_by_label', 'sort_by_label_desc']), inner, string(this.#pick(LABELS)));
      default: {
        const func = this.#pick(OF_VECTOR.filter((name) => name !== 'info'));
        return call(func, inner);
      }
    }
  }

  #ofHistogram(depth: number): Expr {
    const random = this.#random;
    const classic = random.chance(0.35);
    const selector = (): Expr => this.#selector(classic ? ['bucket'] : ['histogram', 'mixed']);
    let inner: Expr = selector();
    if (random.chance(0.5)) {
      const func = this.#pick([
        'rate',
        'increase',
        'delta',
        'irate',
        'sum_over_time',
        'avg_over_time',
        'last_over_time',
      ]);
      inner = call(func, this.#matrix(0, classic ? ['bucket'] : ['histogram'], func));
    }
    if (random.chance(0.3))
      inner = this.#grouped(
        this.#pick(['sum', 'avg'] as const),
        inner,
        null,
        classic && random.chance(0.8) ? 'le' : '',
      );
    if (!classic && random.chance(0.15)) {
      const right = random.chance(0.5) ? selector() : this.#scalar(0);
      const matching = right.kind === 'vector' ? this.#matching(false) : null;
      inner = this.#joined(this.#pick(['+', '-', '*', '/'] as const), inner, right, matching);
    }
    if (!classic && random.chance(0.12))
      inner = this.#joined(this.#pick(['</', '>/'] as const), inner, this.#scalar(0), null);
    switch (random.below(8)) {
      case 0:
        return call('histogram_fraction', this.#scalar(0), this.#scalar(0), inner);
      case 1:
        return call(
          'histogram_quantiles',
          inner,
          string(this.#pick(['q', 'quantile', 'a'])),
          ...Array.from({ length: 1 + random.below(3) }, () => this.#quantile(depth)),
        );
      case 2:
      case 3:
      case 4:
        return call('histogram_quantile', this.#quantile(depth), inner);
      case 5:
        return inner.kind === 'binary' ? paren(inner) : inner;
      default:
        return call(this.#pick(HISTOGRAM_FUNCTIONS), inner);
    }
  }

  #relabelled(depth: number): Expr {
    const random = this.#random;
    const inner = this.#vector(depth - 1);
    const label = (): string => this.#pick(['a', 'b', 'new', '__name__', 'job']);
    if (random.chance(0.5))
      return call(
        'label_replace',
        inner,
        string(label()),
        string(this.#pick(['$1', 'v-$1', '', 'c', '${1}x', '$name'])),
        string(this.#pick(['a', 'b', '__name__', 'le', 'nosuch'])),
        string(this.#pick(['(.*)', '(.)', 'x', '', '(?P<name>.+)', '([a-z]).*'])),
      );
    const sources = Array.from({ length: random.below(3) }, () => string(label()));
    return call('label_join', inner, string(label()), string(this.#pick(['-', ''])), ...sources);
  }

  #info(depth: number): Expr {
    const random = this.#random;
    const inner = random.chance(0.7)
      ? this.#selector(['gauge', 'counter', 'histogram'])
      : this.#vector(depth - 1);
    if (random.chance(0.4)) return call('info', inner);
    const matchers: Matcher[] = [];
    if (random.chance(0.4))
      matchers.push({
        name: '__name__',
        op: this.#pick(['=', '=~', '!=', '!~'] as const),
        value: this.#pick(['build_info', 'target_info', 'build_info|target_info']),
      });
    while (matchers.length < 3 && random.chance(0.6))
      matchers.push({
        name: this.#pick(['env', 'version', 'a', 'nosuch']),
        op: this.#pick(['=', '=~', '!=', '!~'] as const),
        value: this.#pick(['prod', 'v1', '.+', '.*', '']),
      });
    return call('info', inner, {
      kind: 'vector',
      name: '',
      matchers,
      at: null,
      offset: null,
      extended: null,
      ...SPAN,
    });
  }

  #aggregate(depth: number): Expr {
    const random = this.#random;
    const op = this.#pick(AGGREGATIONS);
    let param: Expr | null = null;
    if (op === 'count_values') param = string(this.#pick(['value', 'a', '__name__']));
    else if (op === 'quantile') param = this.#quantile(depth);
    else if (op === 'limit_ratio')
      param = random.chance(0.9)
        ? number(this.#pick([0, 0.3, 0.5, 1, -0.5, -1, 2, NaN]))
        : this.#scalar(depth - 1);
    else if (op === 'topk' || op === 'bottomk' || op === 'limitk')
      param = random.chance(0.9) ? number(this.#pick([0, 1, 2, 3, 100, -1, 1.9])) : this.#scalar(depth - 1);
    return this.#grouped(op, this.#vector(depth - 1), param, '');
  }

  #grouped(op: Aggregate['op'], expr: Expr, param: Expr | null, always: string): Expr {
    const random = this.#random;
    const grouping = [...new Set(Array.from({ length: random.below(3) }, () => this.#pick(LABELS)))].filter(
      (label) => label !== '__name__' || random.chance(0.3),
    );
    const without = always === '' && random.chance(0.3);
    if (always !== '' && !grouping.includes(always)) grouping.push(always);
    return { kind: 'aggregate', op, expr, param, without, grouping, ...SPAN };
  }

  #joined(op: BinaryOp, left: Expr, right: Expr, matching: Matching | null, bool: boolean = false): Binary {
    return {
      kind: 'binary',
      op,
      left: this.#operand(left),
      right: this.#operand(right),
      bool,
      matching,
      ...SPAN,
    };
  }

  #binary(depth: number): Expr {
    const random = this.#random;
    const turn = random.below(10);
    if (turn < 2) {
      const right = this.#vector(depth - 1);
      return this.#joined(this.#pick(SETS), this.#vector(depth - 1), right, this.#matching(true));
    }
    const trims = random.chance(0.04);
    const comparison = random.chance(0.35);
    const op = trims ? this.#pick(['</', '>/'] as const) : this.#pick(comparison ? COMPARISONS : ARITHMETIC);
    const bool = comparison && !trims && random.chance(0.4);
    if (turn < 5) {
      const sides = [this.#vector(depth - 1), this.#scalar(depth - 1)] as const;
      const [left, right] = random.chance(0.6) || trims ? sides : [sides[1], sides[0]];
      return this.#joined(op, left, right, null, bool);
    }
    const left = this.#vector(depth - 1);
    // Often the same thing with another function or shape, so that labels match.
    const right = random.chance(0.4) ? this.#twin(left) : this.#vector(depth - 1);
    return this.#joined(op, left, right, this.#matching(false), bool);
  }

  #twin(e: Expr): Expr {
    if (e.kind === 'vector')
      return this.#random.chance(0.5) ? e : { ...e, extended: null, offset: seconds(60) };
    if (e.kind === 'aggregate' && e.param === null)
      return { ...e, op: this.#pick(['sum', 'max', 'count'] as const) };
    return e;
  }

  #matching(set: boolean): Matching {
    const random = this.#random;
    const on = random.chance(0.5);
    const labels = random.chance(on ? 0.9 : 0.4)
      ? [...new Set(Array.from({ length: 1 + random.below(3) }, () => this.#pick(LABELS)))].filter(
          (label) => label !== '__name__' || random.chance(0.1),
        )
      : [];
    const base = {
      on: on && labels.length > 0 ? true : on,
      labels,
      include: [],
      fillLeft: null,
      fillRight: null,
    };
    if (set) return { ...base, card: 'many-to-many' };
    const card = this.#pick(['one-to-one', 'one-to-one', 'many-to-one', 'one-to-many'] as const);
    const include =
      card === 'one-to-one'
        ? []
        : [...new Set(Array.from({ length: random.below(3) }, () => this.#pick(LABELS)))].filter(
            (label) => !(on && labels.includes(label)),
          );
    const fill = (): number | null => (random.chance(0.15) ? this.#pick([0, 1, 23, Infinity]) : null);
    return { ...base, card, include, fillLeft: fill(), fillRight: fill() };
  }
}
