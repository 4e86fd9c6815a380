// Walks a plan: fragments are run through `io`, everything above them is computed here on columns.
import {
  METRIC_NAME,
  EMPTY_LABELS,
  growColumn,
  labelsKey,
  labelValue,
  newColumn,
  quoteText,
  RegExpError,
  RESET_HINT,
  type Labels,
} from '@munjigi/model';
import { aggregateCountValues, aggregateQuantile, aggregateSelect, aggregateSimple } from './aggregate.ts';
import { DATE_FUNCTIONS, largest, MATH_FUNCTIONS, scalarBinary, smallest } from './arithmetic.ts';
import { isComparison, isSetOperator } from './check.ts';
import {
  counterNameHint,
  finalAnnotations,
  invalidQuantile,
  invalidRatio,
  invalidStrategy,
  sortInRange,
  toldForced,
} from './annotations.ts';
import { histogramBinary } from './binary-histogram.ts';
import {
  CELL,
  type Budget,
  noHistograms,
  type Annotation,
  type Fragment,
  type FragmentPartial,
  type Grid,
  type QueryIO,
  type Remark,
} from './fragment.ts';
import type { About } from './grouping.ts';
import { scaleHistogram } from './histogram/arithmetic.ts';
import { NATIVE_FUNCTIONS } from './histogram/functions.ts';
import type { Histogram } from './histogram/histogram.ts';
import { histogramFraction, histogramQuantiles, type HistogramContext } from './histogram-functions.ts';
import { infoFragments, withInfo } from './info.ts';
import { withoutMetadata } from './label-edit.ts';
import { isLabelName, labelJoin, labelReplace } from './label-functions.ts';
import { setOperation, vectorOperation } from './match.ts';
import { costOf } from './observe.ts';
import type { Plan } from './plan.ts';
import type {
  AggregateNode,
  BinaryNode,
  CallNode,
  FragmentNode,
  InfoNode,
  PlanNode,
  WindowNode,
} from './plan-node.ts';
import { checkCancelled, executionError, giveCells, takeCells } from './query-error.ts';
import type { Result } from './result.ts';
import { samplesOf } from './mixed-samples.ts';
import { mixedWindow } from './mixed-window.ts';
import { sortRows } from './sort.ts';
import {
  DUPLICATE_LABELS,
  dropNames,
  floatsOnly,
  histogramAt,
  joinEqualRows,
  newTable,
  owned,
  pickRows,
  putHistogram,
  release,
  repeated,
  inLabelOrder,
  rise,
  rowsPresent,
  scalarAt,
  tableOf,
  type Scalar,
  type Table,
  type Value,
} from './table.ts';
import { WINDOW_FUNCTIONS } from './window.ts';

/** Executes a plan. Throws QueryError. */
export async function execute(plan: Plan, io: QueryIO): Promise<Result> {
  return new Execution(plan, io).run();
}

/** Cells that the functions here work on between two pauses. */
const CELLS_BETWEEN_PAUSES = 2_000_000;

class Execution {
  readonly #plan: Plan;
  readonly #io: QueryIO;
  readonly #partials = new Map<number, Promise<FragmentPartial>>();
  /** In the order in which Prometheus computes the parts: of equal texts the last one's place stays. */
  #remarks: Remark[] = [];
  #samplesRead = 0;
  #work = 0;

  constructor(plan: Plan, io: QueryIO) {
    this.#plan = plan;
    this.#io = io;
  }

  async run(): Promise<Result> {
    for (const f of this.#plan.fragments) {
      const started = this.#start(f);
      this.#partials.set(f.id, started);
      // Awaited later; another fragment's error may come first.
      started.catch(() => undefined);
    }
    const { root } = this.#plan;
    if (root.kind === 'fragment' && root.fragment.func === 'matrix') return this.#samples(root);
    if (root.kind === 'repeat' && root.input.kind === 'fragment' && root.input.fragment.func === 'matrix')
      return this.#samples(root.input);
    if (root.kind === 'subquery') return this.#subqueryResult(root.input);
    const value = await this.#node(root);
    return this.#finish(value);
  }

  async #start(f: Fragment): Promise<FragmentPartial> {
    const p = await this.#io.run(f);
    this.#samplesRead += p.samplesRead;
    return p;
  }

  #done(): { annotations: readonly Annotation[]; samplesRead: number } {
    return { annotations: finalAnnotations(this.#remarks), samplesRead: this.#samplesRead };
  }

  #finish(value: Value): Result {
    const { grid, instant, delayedNameRemoval } = this.#plan;
    const t_ms = grid.start_ms;
    if (value.type === 'string') return { type: 'string', t_ms, value: value.value, ...this.#done() };
    if (value.type === 'scalar') {
      if (instant) return { type: 'scalar', t_ms, value: value.values[0]!, ...this.#done() };
      const values =
        value.values.length === 1 ? new Float64Array(grid.steps).fill(value.values[0]!) : value.values;
      const present = new Uint8Array(grid.steps).fill(1);
      return {
        type: 'matrix',
        labels: [EMPTY_LABELS],
        values,
        histograms: null,
        grid,
        present,
        ...this.#done(),
      };
    }
    let t = value;
    if (delayedNameRemoval)
      t = {
        ...t,
        labels: t.labels.map((l, i) => (t.drops[i] === 1 ? withoutMetadata(l) : l)),
        drops: new Uint8Array(t.drops.length),
      };
    if (instant) {
      const rows = rowsPresent(t);
      const labels = rows.map((row) => t.labels[row]!);
      if (!rise(labels) && new Set(labels.map(labelsKey)).size !== labels.length)
        throw executionError(DUPLICATE_LABELS);
      return {
        type: 'vector',
        t_ms,
        labels,
        values: Float64Array.from(rows, (row) => t.values[row]!),
        histograms: t.histograms === null ? null : rows.map((row) => histogramAt(t, row)),
        ...this.#done(),
      };
    }
    const sorted = inLabelOrder(t);
    return {
      type: 'matrix',
      labels: sorted.labels,
      values: sorted.values,
      histograms: sorted.histograms,
      present: sorted.present,
      grid,
      ...this.#done(),
    };
  }

  /** A range selector as the whole instant query: its samples. */
  async #samples(n: FragmentNode): Promise<Result> {
    const p = await this.#partials.get(n.fragment.id)!;
    this.#remarks.push(...p.annotations);
    const { first, t, v, histograms } = p.samples!;
    return {
      type: 'matrix',
      labels: p.labels,
      values: v,
      histograms,
      grid: null,
      first,
      times: t,
      ...this.#done(),
    };
  }

  async #subqueryResult(input: PlanNode): Promise<Result> {
    const value = await this.#node(input);
    const t = this.#asTable(value, input.grid);
    const delayed = this.#plan.delayedNameRemoval;
    const sorted = inLabelOrder({
      ...t,
      labels: t.labels.map((l, i) => (delayed && t.drops[i] === 1 ? withoutMetadata(l) : l)),
      drops: new Uint8Array(t.drops.length),
    });
    return {
      type: 'matrix',
      labels: sorted.labels,
      values: sorted.values,
      histograms: sorted.histograms,
      present: sorted.present,
      grid: input.grid,
      ...this.#done(),
    };
  }

  async #node(n: PlanNode): Promise<Value> {
    const done = this.#io.observe?.(n);
    const value = await this.#valueOf(n);
    const joined = value.type === 'table' && this.#joinsRows(n) ? joinEqualRows(value) : value;
    done?.(costOf(joined));
    return joined;
  }

  async #valueOf(n: PlanNode): Promise<Value> {
    checkCancelled(this.#io.budget);
    switch (n.kind) {
      case 'number':
        return { type: 'scalar', values: Float64Array.of(n.value) };
      case 'string':
        return { type: 'string', value: n.value };
      case 'fragment':
        return this.#fragment(n);
      case 'window':
        return this.#window(n);
      case 'repeat':
        return this.#repeat(n.input, n.grid);
      case 'absent':
        return this.#absent(n.input, n.labels, n.grid);
      case 'call':
        return this.#call(n);
      case 'aggregate':
        return this.#aggregate(n);
      case 'binary':
        return this.#binary(n);
      case 'negate': {
        const v = await this.#node(n.input);
        if (v.type === 'scalar') return { type: 'scalar', values: v.values.map((x) => -x) };
        return this.#negated(v as Table);
      }
      case 'plus':
        return this.#node(n.input);
      case 'info':
        return this.#info(n);
      case 'nothing':
        return newTable(this.#io.budget, [], 0);
      case 'fail':
        throw executionError(n.message);
      case 'subquery':
        throw new TypeError('a subquery has no instant value');
    }
  }

  async #table(n: PlanNode): Promise<Table> {
    return this.#asTable(await this.#node(n), n.grid);
  }

  async #scalar(n: PlanNode): Promise<Scalar> {
    const v = await this.#node(n);
    if (v.type !== 'scalar') throw new TypeError('a scalar is expected');
    return v;
  }

  /** A scalar where a vector is wanted (a scalar subquery's result) becomes one row without labels. */
  #asTable(v: Value, grid: Grid): Table {
    if (v.type === 'table') return v;
    if (v.type === 'string') throw new TypeError('a vector is expected');
    const t = newTable(this.#io.budget, [EMPTY_LABELS], grid.steps);
    for (let k = 0; k < grid.steps; k++) t.values[k] = scalarAt(v, k);
    t.present.fill(1);
    return t;
  }

  /** A table of the given rows, which takes the place of `t`. */
  #picked(t: Table, rows: readonly number[]): Table {
    const picked = pickRows(t, rows);
    if (t.owned) giveCells(this.#io.budget, t.values.length - picked.values.length);
    else takeCells(this.#io.budget, picked.values.length);
    return { ...picked, owned: true };
  }

  /** Where several steps have results, those with the same labels are one series. Without delayed names most functions see to that themselves. */
  #joinsRows(n: PlanNode): boolean {
    if (!this.#plan.delayedNameRemoval) return n.kind === 'binary' && n.op === 'or';
    return (n.kind === 'binary' || n.kind === 'call') && n.grid.steps > 1;
  }

  #dropNames(t: Table): Table {
    const named = t.owned ? t : { ...t, labels: [...t.labels], drops: t.drops.slice() };
    return dropNames(named, this.#plan.delayedNameRemoval);
  }

  async #negated(input: Table): Promise<Table> {
    const t = await this.#eachValue(input, (x) => -x);
    if (t.histograms !== null)
      t.histograms = t.histograms.map((h) => (h === null ? null : scaleHistogram(h, -1)));
    return this.#dropNames(t);
  }

  async #didWork(cells: number): Promise<void> {
    this.#work += cells;
    if (this.#work < CELLS_BETWEEN_PAUSES) return;
    this.#work = 0;
    checkCancelled(this.#io.budget);
    if (this.#io.pause !== undefined) await this.#io.pause();
  }

  async #fragment(n: FragmentNode): Promise<Table> {
    let f = n.fragment;
    let p: FragmentPartial;
    if (n.args === null) p = await this.#partials.get(f.id)!;
    else {
      const args: Float64Array[] = [];
      for (const arg of n.args) args.push((await this.#scalar(arg)).values);
      f = { ...f, args: [...args, ...f.args] };
      p = await this.#start(f);
    }
    this.#warnOfArgs(f.func, f.args, p.present, p.steps, n.argPlace);
    // Native histograms, and means whose plain sum overflowed, are aggregated from the rows.
    if (p.gaveUp || (f.aggregate?.op === 'avg' && overflowed(p))) return this.#fromRows(n, f);
    this.#remarkOf(n, p);
    const t = tableOf(p);
    return n.dropsName ? this.#dropNames(t) : t;
  }

  /** A fused aggregation once more, from rows. */
  async #fromRows(n: FragmentNode, f: Fragment): Promise<Table> {
    const p = await this.#start({ ...f, aggregate: null });
    this.#remarkOf(n, p);
    const rows = tableOf(p);
    return aggregateSimple(this.#io.budget, f.aggregate!.op, rows, f.aggregate!, this.#about(n.inputPlace));
  }

  /** Nodes with equal fragments share a partial, but not their places. */
  #remarkOf(n: FragmentNode, p: FragmentPartial): void {
    const place = rangePlace(n.fragment.func, n.argPlace, n.fragment.place);
    for (const a of p.annotations) this.#remarks.push({ ...a, place });
  }

  #about(place: string): About {
    return { place, annotate: (a) => this.#remarks.push(a) };
  }

  /** Warns of an argument out of its range, at steps where there was something to apply it to. */
  #warnOfArgs(
    func: string,
    args: readonly Float64Array[],
    present: Uint8Array,
    steps: number,
    place: string,
  ): void {
    if ((func !== 'quantile_over_time' && func !== 'integral') || args[0] === undefined) return;
    for (let k = 0; k < steps; k++) {
      const x = args[0].length === 1 ? args[0][0]! : args[0][k]!;
      const fits = func === 'integral' ? x === 0 || x === 1 || x === 2 : x >= 0 && x <= 1;
      if (fits || !anyAt(present, steps, k)) continue;
      this.#remarks.push(func === 'integral' ? invalidStrategy(x, place) : invalidQuantile(x, place));
      if (args[0].length === 1) return;
    }
  }

  /** Every quantile that is none is warned of once. */
  #checkQuantile(q: Scalar, place: string): void {
    const bad = new Set<number>();
    for (const x of q.values) if (!(x >= 0 && x <= 1)) bad.add(x);
    for (const x of bad) this.#remarks.push(invalidQuantile(x, place));
  }

  /** Of an aggregation's quantiles only the extremes are told. */
  #checkQuantileRange(q: Scalar, place: string): void {
    const { most, least } = extremes(q.values);
    if (q.values.includes(NaN)) this.#remarks.push(invalidQuantile(NaN, place));
    if (most > 1) this.#remarks.push(invalidQuantile(most, place));
    if (least < 0) this.#remarks.push(invalidQuantile(least, place));
  }

  async #repeat(input: PlanNode, grid: Grid): Promise<Value> {
    const v = await this.#node(input);
    if (v.type !== 'table') return v;
    const t = repeated(this.#io.budget, v, grid.steps);
    release(this.#io.budget, v);
    return t;
  }

  /** A window function over a subquery's rows. */
  async #window(n: WindowNode): Promise<Table> {
    const input = await this.#table(n.input);
    const args: Float64Array[] = [];
    for (const arg of n.args) args.push((await this.#scalar(arg)).values);
    const f = WINDOW_FUNCTIONS.get(n.func)!;
    const { start_ms, step_ms } = n.input.grid;
    const out = newTable(this.#io.budget, [...input.labels], n.windows.steps);
    out.drops.set(input.drops);
    const column = newColumn(Math.max(1, input.steps));
    growColumn(column, input.steps);
    const names = new Set<string>();
    for (let row = 0; row < input.labels.length; row++) {
      column.n = 0;
      for (let k = 0; k < input.steps; k++) {
        const at = row * input.steps + k;
        if (input.present[at] === 0) continue;
        column.t[column.n] = start_ms + k * step_ms;
        column.v[column.n++] = input.values[at]!;
      }
      const to = row * n.windows.steps;
      const name = (): string => labelValue(input.labels[row]!, METRIC_NAME);
      if (input.histograms === null) f(column, n.windows, args, out.values, out.present, to);
      else {
        // Whether a counter was reset is seen anew: the subquery may have left out samples, or repeated them.
        const histograms = rowHistograms(input, row).map(withoutResetHint);
        const samples = samplesOf(column.t.slice(0, column.n), column.v.slice(0, column.n), histograms);
        const { steps } = n.windows;
        const shown = {
          values: out.values.subarray(to, to + steps),
          present: out.present.subarray(to, to + steps),
          histograms: noHistograms(steps),
          at: 0,
        };
        mixedWindow(n.func, samples, n.windows, args, shown, {
          ...this.#about(rangePlace(n.func, n.argPlace, n.inputPlace)),
          name,
        });
        shown.histograms.forEach((h, k) => h !== null && putHistogram(this.#io.budget, out, to + k, h));
      }
      if (n.func === 'rate' || n.func === 'increase') {
        if (!names.has(name()) && out.present.subarray(to, to + n.windows.steps).includes(CELL.float)) {
          names.add(name());
          const hint = counterNameHint(name(), n.inputPlace);
          if (hint !== null) this.#remarks.push(hint);
        }
      }
      await this.#didWork(input.steps + n.windows.steps);
    }
    release(this.#io.budget, input);
    this.#warnOfArgs(n.func, args, out.present, out.steps, n.argPlace);
    return n.dropsName ? this.#dropNames(out) : out;
  }

  async #absent(input: PlanNode, labels: Labels, grid: Grid): Promise<Table> {
    const t = await this.#table(input);
    const out = newTable(this.#io.budget, [labels], grid.steps);
    out.values.fill(1);
    out.present.fill(1);
    for (let row = 0; row < t.labels.length; row++)
      for (let k = 0; k < grid.steps; k++) if (t.present[row * t.steps + k] !== 0) out.present[k] = 0;
    release(this.#io.budget, t);
    return out;
  }

  /** Applies a function to every cell, in place where nobody else holds the columns. */
  async #eachValue(t: Table, f: (x: number) => number): Promise<Table> {
    const out = owned(this.#io.budget, t);
    const { values } = out;
    for (let i = 0; i < values.length; i++) values[i] = f(values[i]!);
    await this.#didWork(values.length);
    return out;
  }

  async #call(n: CallNode): Promise<Value> {
    const { func, args, grid } = n;
    const math = MATH_FUNCTIONS.get(func);
    if (math !== undefined) return this.#dropNames(await this.#eachValue(await this.#floats(args[0]!), math));
    const date = DATE_FUNCTIONS.get(func);
    if (date !== undefined) {
      if (args.length > 0) return this.#dropNames(await this.#eachValue(await this.#floats(args[0]!), date));
      return this.#asTable(
        { type: 'scalar', values: times(this.#io.budget, grid).map((t) => date(Math.trunc(t))) },
        grid,
      );
    }
    const native = NATIVE_FUNCTIONS.get(func);
    if (native !== undefined) return this.#ofHistograms(await this.#table(args[0]!), native);
    switch (func) {
      case 'time':
        return { type: 'scalar', values: times(this.#io.budget, grid) };
      case 'vector':
        return this.#asTable(await this.#scalar(args[0]!), grid);
      case 'scalar':
        return this.#scalarOf(await this.#table(args[0]!), grid);
      case 'timestamp':
        return this.#timestamp(await this.#table(args[0]!), grid);
      case 'start_timestamp':
        // Only samples as they are stored have one.
        release(this.#io.budget, await this.#table(args[0]!));
        return newTable(this.#io.budget, [], grid.steps);
      case 'max_of':
      case 'min_of': {
        const a = await this.#scalar(args[0]!);
        const b = await this.#scalar(args[1]!);
        return combine(a, b, func === 'max_of' ? largest : smallest);
      }
      case 'round':
        return this.#round(n);
      case 'clamp':
      case 'clamp_min':
      case 'clamp_max':
        return this.#clamp(n);
      case 'sort':
      case 'sort_desc':
      case 'sort_by_label':
      case 'sort_by_label_desc':
        return this.#sort(n);
      case 'label_replace':
      case 'label_join':
        return this.#labelFunction(n);
      case 'histogram_quantile':
      case 'histogram_quantiles':
      case 'histogram_fraction':
        return this.#histogram(n);
      default:
        throw new TypeError(`no function ${func}`);
    }
  }

  /** A vector's floats: most functions leave histograms out. */
  async #floats(n: PlanNode): Promise<Table> {
    return floatsOnly(await this.#table(n));
  }

  /** A number told by every histogram; floats are left out. */
  #ofHistograms(t: Table, f: (h: Histogram) => number): Table {
    const out = newTable(this.#io.budget, [...t.labels], t.steps);
    out.drops.set(t.drops);
    for (let at = 0; at < t.present.length; at++) {
      const h = histogramAt(t, at);
      if (h === null) continue;
      out.values[at] = f(h);
      out.present[at] = CELL.float;
    }
    release(this.#io.budget, t);
    return this.#dropNames(out);
  }

  async #info(n: InfoNode): Promise<Table> {
    const base = await this.#table(n.input);
    const series: Table[] = [];
    for (const f of infoFragments(base, n)) {
      const t = tableOf(await this.#start(f));
      series.push(t.steps === n.grid.steps ? t : repeated(this.#io.budget, t, n.grid.steps));
    }
    await this.#didWork(base.values.length);
    return withInfo(this.#io.budget, base, series, n);
  }

  #scalarOf(t: Table, grid: Grid): Scalar {
    const values = new Float64Array(grid.steps).fill(NaN);
    const found = new Uint8Array(grid.steps);
    for (let row = 0; row < t.labels.length; row++) {
      for (let k = 0; k < grid.steps; k++) {
        const at = row * grid.steps + k;
        if (t.present[at] !== CELL.float) continue;
        values[k] = found[k] === 0 ? t.values[at]! : NaN;
        found[k] = 1;
      }
    }
    release(this.#io.budget, t);
    return { type: 'scalar', values };
  }

  /** timestamp() of anything but a selector: the evaluation time. */
  #timestamp(input: Table, grid: Grid): Table {
    const t = owned(this.#io.budget, input);
    t.present = t.present.map((cell) => Math.min(cell, 1));
    t.histograms = null;
    for (let row = 0; row < t.labels.length; row++)
      for (let k = 0; k < grid.steps; k++)
        t.values[row * grid.steps + k] = (grid.start_ms + k * grid.step_ms) / 1000;
    return this.#dropNames(t);
  }

  async #round(n: CallNode): Promise<Table> {
    const t = owned(this.#io.budget, await this.#floats(n.args[0]!));
    const to = n.args[1] === undefined ? null : await this.#scalar(n.args[1]);
    this.#eachCell(t, (x, k) => {
      const inverse = 1 / (to === null ? 1 : scalarAt(to, k));
      return Math.floor(x * inverse + 0.5) / inverse;
    });
    return this.#dropNames(t);
  }

  async #clamp(n: CallNode): Promise<Table> {
    const t = owned(this.#io.budget, await this.#floats(n.args[0]!));
    const first = await this.#scalar(n.args[1]!);
    const second = n.args[2] === undefined ? null : await this.#scalar(n.args[2]);
    const low = (k: number): number => (n.func === 'clamp_max' ? -Infinity : scalarAt(first, k));
    const high = (k: number): number =>
      n.func === 'clamp_max' ? scalarAt(first, k) : second === null ? Infinity : scalarAt(second, k);
    this.#eachCell(t, (x, k) => largest(low(k), smallest(high(k), x)));
    for (let k = 0; k < t.steps; k++) {
      if (!(high(k) < low(k))) continue;
      for (let row = 0; row < t.labels.length; row++) t.present[row * t.steps + k] = 0;
    }
    return this.#dropNames(t);
  }

  #eachCell(t: Table, f: (x: number, k: number) => number): void {
    const { values, steps } = t;
    for (let at = 0; at < values.length; at += steps)
      for (let k = 0; k < steps; k++) values[at + k] = f(values[at + k]!, k);
  }

  async #sort(n: CallNode): Promise<Table> {
    const byLabel = n.func.startsWith('sort_by_label');
    const t = byLabel ? await this.#table(n.args[0]!) : await this.#floats(n.args[0]!);
    if (n.inRange) {
      this.#remarks.push(sortInRange(n.place));
      return t;
    }
    const labels = n.args.slice(1).map((a) => (a.kind === 'string' ? a.value : ''));
    return this.#picked(t, sortRows(t, n.func, labels));
  }

  async #labelFunction(n: CallNode): Promise<Table> {
    const texts = n.args.slice(1).map((a) => (a.kind === 'string' ? a.value : ''));
    const input = await this.#table(n.args[0]!);
    try {
      return joinEqualRows(
        n.func === 'label_replace'
          ? labelReplace(this.#io.budget, input, texts)
          : labelJoin(this.#io.budget, input, texts),
      );
    } catch (error) {
      if (error instanceof RegExpError)
        throw executionError(`invalid regular expression in label_replace(): ${texts[3]}`);
      throw error;
    }
  }

  async #histogram(n: CallNode): Promise<Table> {
    const vectorAt = n.func === 'histogram_quantiles' ? 0 : n.func === 'histogram_fraction' ? 2 : 1;
    const before = this.#remarks.length;
    const inputs: Value[] = [];
    for (const arg of n.args) inputs.push(await this.#node(arg));
    const t = this.#asTable(inputs[vectorAt]!, n.grid);
    const told = this.#remarks.slice(before);
    const context: HistogramContext = {
      budget: this.#io.budget,
      delayed: this.#plan.delayedNameRemoval,
      annotate: (a) => this.#remarks.push(a),
      place: n.args[vectorAt]!.place,
      times: n.grid,
      toldForced: (name) => toldForced(told, name),
    };
    const scalars: Scalar[] = [];
    for (const [i, arg] of n.args.entries()) {
      if (i === vectorAt || arg.kind === 'string') continue;
      const q = inputs[i] as Scalar;
      if (n.func !== 'histogram_fraction') this.#checkQuantile(q, arg.place);
      scalars.push(q);
    }
    let out: Table;
    if (n.func === 'histogram_fraction') out = histogramFraction(t, scalars[0]!, scalars[1]!, context);
    else {
      const label = n.args[1]!.kind === 'string' ? n.args[1].value : null;
      out = histogramQuantiles(t, scalars, n.func === 'histogram_quantiles' ? label : null, context);
    }
    release(this.#io.budget, t);
    await this.#didWork(t.values.length);
    return this.#dropNames(out);
  }

  async #aggregate(n: AggregateNode): Promise<Table> {
    const { op } = n;
    const param = n.param === null || n.param.kind === 'string' ? null : await this.#scalar(n.param);
    const t = await this.#table(n.input);
    await this.#didWork(t.values.length);
    let out: Table;
    switch (op) {
      case 'topk':
      case 'bottomk':
      case 'limitk':
      case 'limit_ratio': {
        if (op === 'limit_ratio') this.#checkRatio(param!, n.argPlace);
        const { table, order } = aggregateSelect(t, op, param!, n, this.#about(n.place));
        return n.grid.steps === 1 ? this.#picked(table, order) : table;
      }
      case 'quantile':
        this.#checkQuantileRange(param!, n.argPlace);
        out = aggregateQuantile(this.#io.budget, t, param!, n, this.#about(n.inputPlace));
        break;
      case 'count_values': {
        const label = n.param!.kind === 'string' ? n.param.value : '';
        if (!isLabelName(label)) throw executionError(`invalid label name ${quoteText(label)}`);
        out = aggregateCountValues(this.#io.budget, t, label, n);
        break;
      }
      default:
        out = aggregateSimple(this.#io.budget, op, t, n, this.#about(n.inputPlace));
    }
    release(this.#io.budget, t);
    return out;
  }

  #checkRatio(r: Scalar, place: string): void {
    const { most, least } = extremes(r.values);
    if (most > 1) this.#remarks.push(invalidRatio(most, 1, place));
    if (least < -1) this.#remarks.push(invalidRatio(least, -1, place));
  }

  async #binary(n: BinaryNode): Promise<Value> {
    const left = await this.#node(n.left);
    const right = await this.#node(n.right);
    const b = this.#io.budget;
    if (left.type === 'scalar' && right.type === 'scalar')
      return combine(left, right, (x, y) => scalarBinary(n.op, x, y));
    if (left.type === 'table' && right.type === 'table') {
      await this.#didWork(left.values.length + right.values.length);
      const out = isSetOperator(n.op)
        ? setOperation(b, n.op as 'and' | 'or' | 'unless', left, right, n.matching!)
        : vectorOperation(b, left, right, {
            op: n.op,
            bool: n.bool,
            matching: n.matching!,
            delayed: this.#plan.delayedNameRemoval,
            ...this.#about(n.place),
          });
      release(b, left);
      release(b, right);
      return out;
    }
    if (left.type === 'table' && right.type === 'scalar') return this.#withScalar(n, left, right, false);
    if (left.type === 'scalar' && right.type === 'table') return this.#withScalar(n, right, left, true);
    throw new TypeError('a vector or a scalar is expected');
  }

  async #withScalar(n: BinaryNode, vector: Table, scalar: Scalar, scalarIsLeft: boolean): Promise<Table> {
    const t = owned(this.#io.budget, vector);
    const { values, present, steps } = t;
    const comparison = isComparison(n.op);
    const trims = n.op === '</' || n.op === '>/';
    const mixed = trims || t.histograms !== null;
    for (let at = 0; at < values.length; at += steps) {
      for (let k = 0; k < steps; k++) {
        if (mixed && (trims || present[at + k] === CELL.histogram)) {
          this.#withScalarAt(n, t, at + k, scalarAt(scalar, k), scalarIsLeft);
          continue;
        }
        const x = values[at + k]!;
        const s = scalarAt(scalar, k);
        const result = scalarIsLeft ? scalarBinary(n.op, s, x) : scalarBinary(n.op, x, s);
        if (!comparison || n.bool) values[at + k] = result;
        else if (result === 0) present[at + k] = 0;
      }
    }
    await this.#didWork(values.length);
    return (comparison && !n.bool) || trims ? t : this.#dropNames(t);
  }

  /** A cell with a histogram, or one to be trimmed. */
  #withScalarAt(n: BinaryNode, t: Table, at: number, scalar: number, scalarIsLeft: boolean): void {
    if (t.present[at] === CELL.absent) return;
    const h = histogramAt(t, at) ?? t.values[at]!;
    const [a, b] = scalarIsLeft ? [scalar, h] : [h, scalar];
    const { result, keep, note } = histogramBinary(n.op, a, b, n.place);
    if (note !== null) this.#remarks.push(note);
    t.present[at] = CELL.absent;
    if (result === null || !keep) return;
    t.histograms![at] = result;
    t.present[at] = CELL.histogram;
  }
}

/** Largest and smallest of a scalar's values; both NaN where one value is. */
/** NaN where there is one, but for an infinity on that side: Go's Max and Min. */
function extremes(values: Float64Array): { most: number; least: number } {
  return {
    most: values.includes(Infinity) ? Infinity : values.reduce((a, b) => Math.max(a, b)),
    least: values.includes(-Infinity) ? -Infinity : values.reduce((a, b) => Math.min(a, b)),
  };
}

/** Histograms of a row at the steps where it has anything. */
function rowHistograms(t: Table, row: number): (Histogram | null)[] {
  const histograms: (Histogram | null)[] = [];
  for (let at = row * t.steps; at < (row + 1) * t.steps; at++)
    if (t.present[at] !== CELL.absent) histograms.push(histogramAt(t, at));
  return histograms;
}

function withoutResetHint(h: Histogram | null): Histogram | null {
  if (h === null || h.resetHint === RESET_HINT.gauge) return h;
  return { ...h, resetHint: RESET_HINT.unknown };
}

/** Where a window function's remarks about its range point. Those of quantile_over_time point at its first argument. */
function rangePlace(func: string, argPlace: string, place: string): string {
  return func === 'quantile_over_time' ? argPlace : place;
}

function anyAt(present: Uint8Array, steps: number, k: number): boolean {
  for (let i = k; i < present.length; i += steps) if (present[i] === 1) return true;
  return false;
}

/** Evaluation times in seconds. */
function times(b: Budget, grid: Grid): Float64Array {
  takeCells(b, grid.steps);
  return Float64Array.from({ length: grid.steps }, (_, k) => (grid.start_ms + k * grid.step_ms) / 1000);
}

function combine(a: Scalar, b: Scalar, f: (x: number, y: number) => number): Scalar {
  const n = Math.max(a.values.length, b.values.length);
  const values = new Float64Array(n);
  for (let k = 0; k < n; k++) values[k] = f(scalarAt(a, k), scalarAt(b, k));
  return { type: 'scalar', values };
}

/** Whether a mean's plain sum left the range of float64. */
function overflowed(p: FragmentPartial): boolean {
  for (let i = 0; i < p.values.length; i++)
    if (
      p.present[i] === 1 &&
      (p.values[i] === Infinity || p.values[i] === -Infinity || Number.isNaN(p.values[i]!))
    )
      return true;
  return false;
}
