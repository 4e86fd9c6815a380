// An expression and its times to a plan: exact ranges for every selector, equal fragments once, constants folded, what does not change
// from step to step computed once, and the first aggregation fused into its fragment.
import {
  METRIC_NAME,
  compileMatcher,
  EMPTY_LABELS,
  encodeUtf8,
  labelsFromObject,
  type Labels,
  type Matcher,
} from '@munjigi/model';
import {
  unwrap,
  type Aggregate,
  type At,
  type Call,
  type DurationExpr,
  type Expr,
  type VectorSelector,
} from './ast.ts';
import { scalarBinary } from './arithmetic.ts';
import { typeOf } from './check.ts';
import { evaluateDuration, type DurationContext } from './durations.ts';
import type { Fragment, FragmentAggregate, Grid } from './fragment.ts';
import { FUNCTIONS, typeWord } from './functions.ts';
import { isMetadataLabel } from './label-edit.ts';
import type { FragmentNode, PlanNode } from './plan-node.ts';
import { placeOf } from './position.ts';
import { infoReferences } from './info-reference.ts';
import { executionError } from './query-error.ts';
import { unsettled } from './unsettled.ts';

export interface PlanOptions {
  /** Evaluation times. An instant query has start = end and step 0. */
  readonly start_ms: number;
  readonly end_ms: number;
  readonly step_ms: number;
  /** How far back an instant selector looks. Default 5 minutes. */
  readonly lookback_ms?: number;
  /** Step of subqueries that name none (the global evaluation interval). Default 1 minute. */
  readonly subqueryStep_ms?: number;
  /** Names are dropped at the end, as Prometheus' promql-delayed-name-removal does. Default false. */
  readonly delayedNameRemoval?: boolean;
  /** Counter resets are told by start timestamps too (Prometheus' use-start-timestamps). Default false. */
  readonly startTimestamps?: boolean;
  /** The query's text, for the places in annotations and errors. */
  readonly text?: string;
}

export interface Plan {
  readonly root: PlanNode;
  readonly type: 'scalar' | 'vector' | 'matrix' | 'string';
  readonly grid: Grid;
  readonly instant: boolean;
  readonly delayedNameRemoval: boolean;
  /** Fragments whose arguments are known, equal ones once: `execute` starts them all at once. */
  readonly fragments: readonly Fragment[];
}

/** Plans an expression. Throws QueryError where times or types do not fit. */
export function plan(expr: Expr, options: PlanOptions): Plan {
  const { start_ms, end_ms, step_ms } = options;
  const instant = start_ms === end_ms && step_ms === 0;
  const type = typeOf(expr);
  if (!instant) {
    if (type !== 'scalar' && type !== 'vector')
      throw executionError(
        `invalid expression type "${typeWord(type)}" for range query, must be Scalar or instant Vector`,
      );
    if (!(step_ms > 0))
      throw executionError('zero or negative query resolution step widths are not accepted');
    if (end_ms < start_ms) throw executionError('end timestamp must not be before start time');
  }
  const steps = instant ? 1 : Math.floor((end_ms - start_ms) / step_ms) + 1;
  const grid: Grid = { start_ms, step_ms: instant ? 1 : step_ms, steps };
  const planner = new Planner(options);
  const root = planner.node(expr, grid);
  return {
    root,
    type,
    grid,
    instant,
    delayedNameRemoval: options.delayedNameRemoval ?? false,
    fragments: planner.fragments(root),
  };
}

/** Functions whose value depends on the evaluation time even where their arguments do not. */
const UNSAFE: ReadonlySet<string> = new Set(
  'days_in_month day_of_month day_of_week day_of_year hour minute month year predict_linear time'.split(' '),
);

const ANCHORED_FUNCTIONS: readonly string[] = ['changes', 'delta', 'increase', 'rate', 'resets'];
const SMOOTHED_FUNCTIONS: readonly string[] = ['delta', 'increase', 'rate'];
const KEEPS_NAME: ReadonlySet<string> = new Set(['last', 'last_over_time', 'first_over_time']);
const FUSABLE: ReadonlySet<string> = new Set(['sum', 'count', 'min', 'max', 'avg', 'group']);
/** Functions to which start timestamps tell resets. */
const LOOKS_AT_STARTS: ReadonlySet<string> = new Set(['rate', 'increase', 'irate', 'resets']);
/** Of native histograms these need count and sum only; those below need all of it, whatever stands inside them. */
const NEEDS_STATS: ReadonlySet<string> = new Set([
  'absent',
  'histogram_avg',
  'histogram_count',
  'histogram_sum',
  'start_timestamp',
  'timestamp',
]);
const NEEDS_BUCKETS: ReadonlySet<string> = new Set([
  'changes',
  'histogram_fraction',
  'histogram_quantile',
  'histogram_quantiles',
  'histogram_stddev',
  'histogram_stdvar',
]);

class Planner {
  readonly #o: PlanOptions;
  readonly #durations: DurationContext;
  readonly #byKey = new Map<string, number>();
  #next = 1;
  /** How many of the expressions around the one that is planned need no buckets of histograms, and how many need them. */
  #statsWanted = 0;
  #bucketsWanted = 0;
  /** What is planned is evaluated for a span of time; a query's end need not be a step of it. */
  #inRange: boolean;

  constructor(o: PlanOptions) {
    this.#o = o;
    this.#inRange = o.end_ms !== o.start_ms;
    this.#durations = {
      step_ms: o.step_ms,
      range_ms: o.end_ms - o.start_ms,
      placeOf: (e) => (o.text === undefined ? '' : bytePlace(o.text, e)),
    };
  }

  /** All fragments of a plan that can start at once. */
  fragments(root: PlanNode): Fragment[] {
    const found = new Map<number, Fragment>();
    const visit = (n: PlanNode): void => {
      if (n.kind === 'fragment') {
        if (n.args === null) found.set(n.fragment.id, n.fragment);
        else n.args.forEach(visit);
      }
      if (n.kind === 'binary') {
        visit(n.left);
        visit(n.right);
      }
      if (n.kind === 'call' || n.kind === 'window') n.args.forEach(visit);
      if (n.kind === 'aggregate' && n.param !== null) visit(n.param);
      if ('input' in n) visit(n.input);
    };
    visit(root);
    return [...found.values()];
  }

  #place(e: { readonly start: number }): string {
    if (this.#o.text === undefined) return '';
    const { line, column } = placeOf(this.#o.text, e.start);
    return `${line}:${column}`;
  }

  /** Plans `e` at the times of `grid`; what is the same at all of them is planned for one. */
  node(e: Expr, grid: Grid): PlanNode {
    if (this.#inRange && grid.steps > 0 && !isLiteral(e) && typeOf(e) !== 'matrix' && this.#isInvariant(e)) {
      const once: Grid = { ...grid, steps: 1 };
      const input = this.#within(false, () => this.#direct(e, once));
      if (input.kind === 'number' || input.kind === 'string') return { ...input, grid };
      return { kind: 'repeat', input, grid, place: input.place };
    }
    return this.#direct(e, grid);
  }

  /** Plans what is evaluated for a span of time, or at one time. */
  #within<T>(inRange: boolean, planned: () => T): T {
    const before = this.#inRange;
    this.#inRange = inRange;
    const result = planned();
    this.#inRange = before;
    return result;
  }

  /** Whether an expression has the same value at all steps. */
  #isInvariant(e: Expr): boolean {
    switch (e.kind) {
      case 'number':
      case 'string':
        return true;
      case 'vector':
        return e.at !== null;
      case 'matrix':
        return e.selector.at !== null;
      case 'subquery':
        return e.at !== null;
      case 'paren':
      case 'unary':
        return this.#isInvariant(e.expr);
      case 'binary':
        return this.#isInvariant(e.left) && this.#isInvariant(e.right);
      case 'aggregate':
        // As in Prometheus the parameter does not count: over a fixed time, that of the first step holds for all.
        return this.#isInvariant(e.expr);
      case 'call':
        if (e.func === 'info') return this.#isInvariant(e.args[0]!) && this.#infoReference(e) !== null;
        if (e.func === 'timestamp')
          return unwrap(e.args[0]!).kind === 'vector' && this.#isInvariant(e.args[0]!);
        return !UNSAFE.has(e.func) && e.args.every((arg) => this.#isInvariant(arg));
    }
  }

  /** A call with a selector in it becomes one node, which stands where the call stands. */
  #direct(e: Expr, grid: Grid): PlanNode {
    const stats = e.kind === 'call' && NEEDS_STATS.has(e.func) ? 1 : 0;
    const buckets = needsBuckets(e) ? 1 : 0;
    this.#statsWanted += stats;
    this.#bucketsWanted += buckets;
    const n = this.#planned(e, grid);
    this.#statsWanted -= stats;
    this.#bucketsWanted -= buckets;
    return e.kind === 'call' || e.kind === 'aggregate' ? { ...n, place: this.#place(e) } : n;
  }

  #planned(e: Expr, grid: Grid): PlanNode {
    const place = this.#place(e);
    switch (e.kind) {
      case 'number':
        return { kind: 'number', value: e.value, grid, place };
      case 'string':
        return { kind: 'string', value: e.value, grid, place };
      case 'paren':
        return this.node(e.expr, grid);
      case 'unary': {
        const input = this.node(e.expr, grid);
        if (input.kind === 'number')
          return { ...input, value: e.op === '-' ? -input.value : input.value, place };
        return e.op === '+' ? { kind: 'plus', input, grid, place } : { kind: 'negate', input, grid, place };
      }
      case 'binary': {
        const left = this.node(e.left, grid);
        const right = this.node(e.right, grid);
        const scalars = typeOf(e.left) === 'scalar' && typeOf(e.right) === 'scalar';
        if (scalars && (e.op === '</' || e.op === '>/'))
          return {
            kind: 'fail',
            message: `operator "${e.op}" not allowed for Scalar operations`,
            grid,
            place,
          };
        if (left.kind === 'number' && right.kind === 'number')
          return { kind: 'number', value: scalarBinary(e.op, left.value, right.value), grid, place };
        return { kind: 'binary', op: e.op, left, right, bool: e.bool, matching: e.matching, grid, place };
      }
      case 'vector':
        return this.#selector('last', e, this.#lookback, [], grid, 0);
      case 'aggregate':
        return this.#aggregate(e, grid);
      case 'call':
        return this.#call(e, grid);
      case 'matrix':
        return this.#selector('matrix', e, this.#duration(e.range), [], grid, 0);
      case 'subquery': {
        const { input } = this.#subquery(e, grid);
        return { kind: 'subquery', input, grid, place };
      }
    }
  }

  get #lookback(): number {
    return this.#o.lookback_ms ?? 300_000;
  }

  #duration(e: DurationExpr): number {
    return evaluateDuration(e, this.#durations, false);
  }

  #offset(e: DurationExpr | null): number {
    return e === null ? 0 : evaluateDuration(e, this.#durations, true);
  }

  #atTime(at: At): number {
    return at === 'start' ? this.#o.start_ms : at === 'end' ? this.#o.end_ms : at.t_ms;
  }

  /**
   * Times at which windows end: moved by offset; one fixed time under @. `free` tells that arguments change from step to step, so that
   * a fixed time must be visited at every step.
   */
  #windowGrid(grid: Grid, at: At | null, offset: number, free: boolean): { windows: Grid; fixed: boolean } {
    if (at === null) return { windows: { ...grid, start_ms: grid.start_ms - offset }, fixed: false };
    const start_ms = this.#atTime(at) - offset;
    if (free) return { windows: { start_ms, step_ms: 0, steps: grid.steps }, fixed: false };
    return { windows: { start_ms, step_ms: 1, steps: 1 }, fixed: grid.steps !== 1 };
  }

  #selector(
    func: string,
    e: Expr,
    range_ms: number,
    args: readonly PlanNode[],
    grid: Grid,
    shift_ms: number,
    written: string = func,
    offset?: number,
  ): PlanNode {
    const selector = e.kind === 'matrix' ? e.selector : e;
    if (selector.kind !== 'vector') throw new TypeError('a selector is expected');
    const place = this.#place(e);
    if (selector.extended !== null) {
      const allowed = selector.extended === 'anchored' ? ANCHORED_FUNCTIONS : SMOOTHED_FUNCTIONS;
      if (e.kind === 'matrix' && func !== 'matrix' && !allowed.includes(func)) {
        const message = `${selector.extended} modifier can only be used with: ${allowed.join(', ')} - not with ${written}`;
        return { kind: 'fail', message, grid, place };
      }
    }
    // An anchored instant selector is an ordinary one.
    const seesOutside =
      selector.extended !== null &&
      (e.kind === 'matrix' || (selector.extended === 'smoothed' && func === 'last'));
    const moved = offset ?? this.#offset(selector.offset);
    const constant = args.every((a) => a.kind === 'number');
    const free = func === 'predict_linear' || !constant;
    const { windows, fixed } = this.#windowGrid(grid, selector.at, moved, free);
    const fragmentArgs: Float64Array[] = constant
      ? args.map((a) => Float64Array.of((a as { value: number }).value))
      : [];
    if (func === 'predict_linear') fragmentArgs.push(shiftArg(grid, windows, shift_ms));
    const node: FragmentNode = {
      kind: 'fragment',
      fragment: this.#fragment({
        matchers: selector.matchers,
        grid: windows,
        range_ms,
        func,
        args: fragmentArgs,
        aggregate: null,
        place,
        statsOnly: this.#statsWanted > 0 && this.#bucketsWanted === 0,
        startTimestamps: this.#looksAtStarts(func, selector),
        extended: seesOutside ? { kind: selector.extended, lookback_ms: this.#lookback } : undefined,
      }),
      args: constant ? null : args,
      dropsName: !KEEPS_NAME.has(func) && func !== 'matrix',
      argPlace: args[0]?.place ?? place,
      inputPlace: '',
      grid: windows,
      place,
    };
    return fixed ? { kind: 'repeat', input: node, grid, place } : { ...node, grid };
  }

  /**
   * timestamp() of a selector. Where @ fixes the time, Prometheus fetches samples for the offset (and, `smoothed`, as many behind as before) and then
   * looks without it: what both windows have in common is seen.
   */
  #timeOfNewest(func: string, e: VectorSelector, grid: Grid): PlanNode {
    if (e.at === null) return this.#selector(func, e, this.#lookback, [], grid, 0);
    const offset = this.#offset(e.offset);
    const late = Math.max(0, offset - (e.extended === 'smoothed' ? this.#lookback : 0));
    const range_ms = Math.max(0, this.#lookback - late - Math.max(0, -offset));
    return this.#selector(func, e, range_ms, [], grid, 0, func, late);
  }

  #looksAtStarts(func: string, selector: VectorSelector): boolean {
    if (this.#o.startTimestamps !== true) return false;
    return (
      LOOKS_AT_STARTS.has(func) ||
      func === 'start_timestamp' ||
      (func === 'matrix' && selector.extended !== null)
    );
  }

  /** Gives equal fragments one id. They differ in their place, which only annotations tell: that of the last one counts (see `fragments`). */
  #fragment(f: Omit<Fragment, 'id'>): Fragment {
    const key = JSON.stringify([
      f.matchers,
      f.grid,
      f.range_ms,
      f.func,
      f.args.map((a) => [...a].map(String)),
      f.aggregate,
      f.extended,
      f.statsOnly,
      f.startTimestamps,
    ]);
    let id = this.#byKey.get(key);
    if (id === undefined) this.#byKey.set(key, (id = this.#next++));
    // Last, because `f` may be another fragment with its id.
    return { ...f, id };
  }

  #subquery(
    e: Expr & { kind: 'subquery' },
    grid: Grid,
  ): { input: PlanNode; range_ms: number; offset: number; at: At | null } {
    const range_ms = this.#duration(e.range);
    const step_ms = e.step === null ? (this.#o.subqueryStep_ms ?? 60_000) : this.#duration(e.step);
    const offset = this.#offset(e.offset);
    const first = (e.at === null ? grid.start_ms : this.#atTime(e.at)) - offset;
    const last = e.at === null ? first + Math.max(0, grid.steps - 1) * grid.step_ms : first;
    // Steps of a subquery lie on multiples of its own step, the first one after the window's open start.
    let start_ms = step_ms * Math.trunc((first - range_ms) / step_ms);
    if (start_ms <= first - range_ms) start_ms += step_ms;
    const steps = last < start_ms ? 0 : Math.floor((last - start_ms) / step_ms) + 1;
    if (steps > MAX_SUBQUERY_STEPS)
      throw executionError(
        `${this.#place(e)}: the subquery has ${steps} steps, at most ${MAX_SUBQUERY_STEPS} are evaluated`,
      );
    // What samples a subquery gives decides which resets are seen: they are told from buckets.
    this.#bucketsWanted++;
    const planned = this.#within(steps > 0 && last !== start_ms, () =>
      this.node(e.expr, { start_ms, step_ms, steps }),
    );
    this.#bucketsWanted--;
    // What has no step is not evaluated at all: it has no errors either.
    const input: PlanNode =
      steps === 0 ? { kind: 'nothing', grid: planned.grid, place: planned.place } : planned;
    return { input, range_ms, offset, at: e.at };
  }

  /** A window function over a matrix selector or a subquery. */
  #window(
    func: string,
    matrix: Expr,
    args: readonly PlanNode[],
    grid: Grid,
    written: string = func,
  ): PlanNode {
    const e = unwrap(matrix);
    if (e.kind === 'matrix')
      return this.#selector(
        func,
        e,
        this.#duration(e.range),
        args,
        grid,
        this.#offset(e.selector.offset),
        written,
      );
    if (e.kind !== 'subquery') throw new TypeError('a range vector is expected');
    const { input, range_ms, offset, at } = this.#subquery(e, grid);
    const constant = args.every((a) => a.kind === 'number');
    const free = func === 'predict_linear' || !constant;
    const { windows, fixed } = this.#windowGrid(grid, at, offset, free);
    const place = this.#place(e);
    const extra: PlanNode[] = [];
    if (func === 'predict_linear' && at === null) extra.push({ kind: 'number', value: offset, grid, place });
    else if (func === 'predict_linear') {
      const fixed_s: PlanNode = { kind: 'number', value: windows.start_ms / 1000, grid, place };
      const time = this.#callNode('time', [], grid, place);
      const ahead: PlanNode = {
        kind: 'binary',
        op: '-',
        left: time,
        right: fixed_s,
        bool: false,
        matching: null,
        grid,
        place,
      };
      extra.push({
        kind: 'binary',
        op: '*',
        left: ahead,
        right: { ...fixed_s, value: 1000 },
        bool: false,
        matching: null,
        grid,
        place,
      });
    }
    const node: PlanNode = {
      kind: 'window',
      func,
      input,
      windows: { ...windows, range_ms },
      args: [...args, ...extra],
      dropsName: !KEEPS_NAME.has(func),
      argPlace: args[0]?.place ?? place,
      // Prometheus puts a matrix without a place there before it calls the function.
      inputPlace: place === '' ? '' : '1:1',
      grid: fixed ? { ...grid, steps: 1 } : grid,
      place,
    };
    return fixed ? { kind: 'repeat', input: node, grid, place } : node;
  }

  #callNode(func: string, args: readonly PlanNode[], grid: Grid, place: string): PlanNode {
    return { kind: 'call', func, args, inRange: this.#inRange, grid, place };
  }

  #call(e: Call, grid: Grid): PlanNode {
    const place = this.#place(e);
    switch (e.func) {
      case 'start':
        return { kind: 'number', value: this.#o.start_ms / 1000, grid, place };
      case 'end':
        return { kind: 'number', value: this.#o.end_ms / 1000, grid, place };
      case 'range':
        return { kind: 'number', value: this.#durations.range_ms / 1000, grid, place };
      case 'step':
        return {
          kind: 'number',
          value: this.#o.start_ms === this.#o.end_ms ? 0 : this.#o.step_ms / 1000,
          grid,
          place,
        };
      case 'pi':
        return { kind: 'number', value: Math.PI, grid, place };
      case 'timestamp': {
        const arg = unwrap(e.args[0]!);
        if (arg.kind === 'vector') return this.#timeOfNewest('timestamp', arg, grid);
        break;
      }
      case 'start_timestamp': {
        // Known of samples as they were stored alone.
        const arg = unwrap(e.args[0]!);
        if (arg.kind !== 'vector') break;
        if (this.#o.startTimestamps === true) return this.#timeOfNewest('start_timestamp', arg, grid);
        // Nothing is known of any, and what is selected is not smoothed either.
        return this.#callNode(e.func, [this.node({ ...arg, extended: null }, grid)], grid, place);
      }
      case 'info':
        return this.#info(e, grid);
      case 'absent':
        return {
          kind: 'absent',
          input: this.#anyOf(this.node(e.args[0]!, grid)),
          labels: absentLabels(e.args[0]!),
          grid,
          place,
        };
      case 'absent_over_time': {
        // Names do not matter here, so neither do series that would be equal without them.
        const input = this.#anyOf(keepName(this.#window('present_over_time', e.args[0]!, [], grid, e.func)));
        return { kind: 'absent', input, labels: absentLabels(e.args[0]!), grid, place };
      }
    }
    const matrixAt = FUNCTIONS.get(e.func)!.args.indexOf('matrix');
    const args = e.args.filter((_, i) => i !== matrixAt).map((a) => this.node(a, grid));
    if (matrixAt >= 0) {
      return this.#window(e.func, e.args[matrixAt]!, args, grid);
    }
    return this.#callNode(e.func, args, grid, place);
  }

  /** The time at which all vectors in the first argument of info() look, if that is one; t_ms under @. */
  #infoReference(e: Call): { t_ms: number | null; offset: number } | null {
    const references = infoReferences(e.args[0]!);
    if (references === null) return null;
    const settled = references.map(({ at, offsets }) => {
      const offset = offsets.reduce((sum, o) => sum + this.#offset(o), 0);
      return at === null ? { t_ms: null, offset } : { t_ms: this.#atTime(at) - offset, offset: 0 };
    });
    const first = settled[0]!;
    return settled.every((r) => r.t_ms === first.t_ms && r.offset === first.offset) ? first : null;
  }

  #info(e: Call, grid: Grid): PlanNode {
    const place = this.#place(e);
    const selector = e.args[1];
    const matchers = selector === undefined ? null : (selector as VectorSelector).matchers;
    const { t_ms, offset } = this.#infoReference(e) ?? { t_ms: null, offset: 0 };
    const { windows } = this.#windowGrid(grid, t_ms === null ? null : { t_ms }, offset, false);
    const fragment: Fragment = {
      id: this.#next++,
      matchers: [],
      grid: windows,
      range_ms: this.#lookback,
      func: 'info',
      args: [],
      aggregate: null,
      place,
    };
    return { kind: 'info', input: this.node(e.args[0]!, grid), matchers, fragment, grid, place };
  }

  /** Whether there is anything at all, as one row, where that can be found out inside the fragment. */
  #anyOf(n: PlanNode): PlanNode {
    return this.#fuse(n, { op: 'group', without: false, labels: [] }) ?? n;
  }

  #aggregate(e: Aggregate, grid: Grid): PlanNode {
    const place = this.#place(e);
    const input = this.node(e.expr, grid);
    const param = e.param === null ? null : this.node(unsettled(e.param), grid);
    if (FUSABLE.has(e.op)) {
      const op = e.op as FragmentAggregate['op'];
      const fused = this.#fuse(input, { op, without: e.without, labels: [...new Set(e.grouping)].sort() });
      if (fused !== null) return fused;
    }
    return {
      kind: 'aggregate',
      op: e.op,
      input,
      param,
      without: e.without,
      labels: [...new Set(e.grouping)].sort(),
      grid,
      place,
      argPlace: param === null ? place : param.place,
      inputPlace: input.place,
    };
  }

  /** Puts an aggregation into the fragment below it; null where that would change the result. */
  #fuse(n: PlanNode, aggregate: FragmentAggregate): PlanNode | null {
    if (n.kind === 'repeat') {
      const input = this.#fuse(n.input, aggregate);
      return input === null ? null : { ...n, input };
    }
    if (n.kind !== 'fragment' || n.fragment.aggregate !== null || n.fragment.func === 'matrix') return null;
    if (n.dropsName) {
      if (!aggregate.without && aggregate.labels.some(isMetadataLabel)) return null;
      // Series of several names may become equal when the name is dropped: that is an error, which a fused sum would not see.
      if (!(this.#o.delayedNameRemoval ?? false) && !selectsOneName(n.fragment.matchers)) return null;
    }
    const fragment = this.#fragment({ ...n.fragment, aggregate });
    return { ...n, fragment, dropsName: false, inputPlace: n.place };
  }
}

function keepName(n: PlanNode): PlanNode {
  if (n.kind === 'repeat') return { ...n, input: keepName(n.input) };
  return n.kind === 'fragment' || n.kind === 'window' ? { ...n, dropsName: false } : n;
}

/** Steps of a subquery over its whole time. */
const MAX_SUBQUERY_STEPS = 50_000_000;

function selectsOneName(matchers: readonly Matcher[]): boolean {
  return matchers.some((m) => m.name === METRIC_NAME && m.op === '=');
}

function isLiteral(e: Expr): boolean {
  const inner = unwrap(e);
  return inner.kind === 'number' || inner.kind === 'string';
}

/** Where a duration stands, as Prometheus tells it here: byte offsets of its start and end. */
function bytePlace(text: string, e: DurationExpr): string {
  return `${utf8Length(text, e.start)}:${utf8Length(text, e.end)}`;
}

/** UTF-8 bytes of the text before a UTF-16 offset. */
function utf8Length(text: string, offset: number): number {
  const bytes = new Uint8Array(3 * offset);
  return encodeUtf8(text.slice(0, offset), bytes, 0);
}

/** Whether an expression looks at the buckets of the histograms inside it. */
function needsBuckets(e: Expr): boolean {
  if (e.kind === 'call') return NEEDS_BUCKETS.has(e.func);
  if (e.kind === 'aggregate') return e.op === 'count_values';
  return e.kind === 'binary' && ['</', '>/', '==', '!='].includes(e.op);
}

/** How far each evaluation time lies after its window's end, in ms. */
function shiftArg(grid: Grid, windows: Grid, offset: number): Float64Array {
  if (windows.step_ms !== 0) return Float64Array.of(offset);
  return Float64Array.from(
    { length: grid.steps },
    (_, k) => grid.start_ms + k * grid.step_ms - windows.start_ms,
  );
}

/** Matchers that series are taken by before those that series are taken away by: Prometheus has put them into this order when it names what is absent. */
function inFetchOrder(matchers: readonly Matcher[]): readonly Matcher[] {
  const matchesEmpty = matchers.map((m) => compileMatcher(m)(''));
  const mustBeSet = new Set(matchers.filter((_, i) => !matchesEmpty[i]).map((m) => m.name));
  const takesAway = (m: Matcher, i: number): boolean =>
    !mustBeSet.has(m.name) || ((m.op === '!=' || m.op === '!~') && matchesEmpty[i]!);
  return [...matchers.filter((m, i) => !takesAway(m, i)), ...matchers.filter(takesAway)];
}

/** Labels that a selector fixes to one value each: what absent() shows. */
function absentLabels(arg: Expr): Labels {
  const e = unwrap(arg);
  const selector = e.kind === 'matrix' ? e.selector : e;
  if (selector.kind !== 'vector') return EMPTY_LABELS;
  const values: Record<string, string> = {};
  const seen = new Set<string>();
  for (const m of inFetchOrder(selector.matchers)) {
    if (isMetadataLabel(m.name)) continue;
    if (m.op === '=' && !seen.has(m.name)) {
      values[m.name] = m.value;
      seen.add(m.name);
    } else delete values[m.name];
  }
  return labelsFromObject(values);
}
