// Binary operators between two vectors: matching by labels, groups, fill values and set operators, on columns.
import { compareText, labelPairs, labelsKey, labelValue, quoteText, type Labels } from '@munjigi/model';
import type { BinaryOp, Matching } from './ast.ts';
import { scalarBinary } from './arithmetic.ts';
import type { Annotate } from './annotations.ts';
import { histogramBinary } from './binary-histogram.ts';
import { isComparison } from './check.ts';
import { CELL, noHistograms, type Remark, type Budget } from './fragment.ts';
import type { Histogram } from './histogram/histogram.ts';
import { deleteLabels, groupKey, groupLabels, keepLabels, setLabel, withoutMetadata } from './label-edit.ts';
import { executionError } from './query-error.ts';
import { DUPLICATE_LABELS, histogramAt, newTable, putHistogram, type Table } from './table.ts';

/** Rows by the labels they are matched on; both sides share the numbering. */
interface Signatures {
  readonly left: readonly (readonly number[])[];
  readonly right: readonly (readonly number[])[];
  readonly ofLeft: Int32Array;
}

function signatures(left: Table, right: Table, m: Matching): Signatures {
  const key = groupKey(m.on ? [...m.labels].sort() : m.labels, !m.on);
  const ordinals = new Map<string, number>();
  const sides: number[][][] = [[], []];
  const ofLeft = new Int32Array(left.labels.length);
  [left, right].forEach((t, side) => {
    t.labels.forEach((l, row) => {
      const k = key(l);
      let ordinal = ordinals.get(k);
      if (ordinal === undefined) {
        ordinal = ordinals.size;
        ordinals.set(k, ordinal);
        sides[0]!.push([]);
        sides[1]!.push([]);
      }
      sides[side]![ordinal]!.push(row);
      if (side === 0) ofLeft[row] = ordinal;
    });
  });
  return { left: sides[0]!, right: sides[1]!, ofLeft };
}

/** and, or, unless. Of `or`, rows of both sides may have equal labels. */
export function setOperation(
  b: Budget,
  op: 'and' | 'or' | 'unless',
  left: Table,
  right: Table,
  m: Matching,
): Table {
  const s = signatures(left, right, m);
  const { steps } = left;
  const labels = op === 'or' ? [...left.labels, ...right.labels] : [...left.labels];
  const out = newTable(b, labels, steps);
  out.drops.set(left.drops);
  out.values.set(left.values);
  if (left.histograms !== null || right.histograms !== null) {
    const ofLeft = left.histograms ?? noHistograms(left.values.length);
    out.histograms =
      op === 'or' ? [...ofLeft, ...(right.histograms ?? noHistograms(right.values.length))] : [...ofLeft];
  }
  const there = new Uint8Array(steps);
  s.left.forEach((leftRows, ordinal) => {
    if (op !== 'or') {
      there.fill(0);
      for (const row of s.right[ordinal]!)
        for (let k = 0; k < steps; k++) if (right.present[row * steps + k] !== 0) there[k] = 1;
      const want = op === 'and' ? 1 : 0;
      for (const row of leftRows)
        for (let k = 0; k < steps; k++)
          out.present[row * steps + k] = there[k] === want ? left.present[row * steps + k]! : 0;
      return;
    }
    there.fill(0);
    for (const row of leftRows) {
      for (let k = 0; k < steps; k++) {
        if (left.present[row * steps + k] !== 0) there[k] = 1;
        out.present[row * steps + k] = left.present[row * steps + k]!;
      }
    }
    for (const row of s.right[ordinal]!) {
      const to = (left.labels.length + row) * steps;
      out.drops[left.labels.length + row] = right.drops[row]!;
      for (let k = 0; k < steps; k++) {
        if (there[k] === 1 || right.present[row * steps + k] === 0) continue;
        out.values[to + k] = right.values[row * steps + k]!;
        out.present[to + k] = right.present[row * steps + k]!;
      }
    }
  });
  return out;
}

export interface VectorOperation {
  readonly op: BinaryOp;
  readonly bool: boolean;
  readonly matching: Matching;
  readonly delayed: boolean;
  /** Place of the operation. */
  readonly place: string;
  readonly annotate: Annotate;
}

/** Arithmetic and comparisons between two vectors. Throws QueryError where matches are not unique. */
export function vectorOperation(b: Budget, left: Table, right: Table, o: VectorOperation): Table {
  return new Matcher(b, left, right, o).run();
}

const NAME_CHANGING: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%', '^', 'atan2']);

type Result = { readonly histogram: Histogram; readonly keep: boolean } | 'none' | null;

/** In which order things are done at one step. */
const PHASE = { gather: 0, match: 1, result: 2 } as const;

const MANY_TO_ONE =
  'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)';
const NOT_UNIQUE = 'multiple matches for labels: grouping labels must ensure unique matches';

/** The "one" side of one step where no row of it is present. */
const NONE = -1;

interface ResultRow {
  readonly values: Float64Array;
  readonly present: Uint8Array;
  readonly touched: Uint8Array;
  /** By step, where there are any. */
  readonly histograms: Map<number, Histogram>;
  group: number;
}

class Matcher {
  readonly #b: Budget;
  readonly #o: VectorOperation;
  /** The side that may have many rows, and the side that has one a group. Swapped for group_right. */
  readonly #many: Table;
  readonly #one: Table;
  readonly #swapped: boolean;
  readonly #s: Signatures;
  readonly #fillMany: number | null;
  readonly #fillOne: number | null;
  readonly #steps: number;
  /** Steps at which anything is matched at all: only there are duplicates an error. */
  readonly #active: Uint8Array;
  readonly #rowOf = new Map<string, number>();
  readonly #labels: Labels[] = [];
  readonly #rows: ResultRow[] = [];
  /** Either side has histograms, or the operator is for them. */
  readonly #mixed: boolean;
  /** A comparison that keeps what it is true of. */
  readonly #filters: boolean;
  /** What is to be told of each step: of several things the last, in the order of the "many" side. */
  readonly #notes = new Map<number, { readonly order: number; readonly note: Remark }>();
  /** The error that comes first where steps are computed one after another: by step, then by what is done first at a step, then by row. */
  #error: {
    readonly rank: readonly [step: number, phase: number, order: number];
    readonly text: string;
  } | null = null;

  constructor(b: Budget, left: Table, right: Table, o: VectorOperation) {
    const m = o.matching;
    this.#b = b;
    this.#o = o;
    this.#swapped = m.card === 'one-to-many';
    this.#many = this.#swapped ? right : left;
    this.#one = this.#swapped ? left : right;
    this.#fillMany = this.#swapped ? m.fillRight : m.fillLeft;
    this.#fillOne = this.#swapped ? m.fillLeft : m.fillRight;
    this.#s = signatures(this.#many, this.#one, m);
    this.#steps = left.steps;
    this.#filters = isComparison(o.op) && !o.bool;
    this.#mixed = left.histograms !== null || right.histograms !== null || o.op === '</' || o.op === '>/';
    const fills = this.#fillMany !== null || this.#fillOne !== null;
    this.#active = fills ? new Uint8Array(this.#steps).fill(1) : stepsWithCells(this.#many);
  }

  run(): Table {
    this.#s.left.forEach((many, group) => this.#group(many, this.#s.right[group]!, group));
    if (this.#error !== null) throw executionError(this.#error.text);
    const out = newTable(this.#b, this.#labels, this.#steps);
    this.#rows.forEach((row, i) => {
      out.values.set(row.values, i * this.#steps);
      out.present.set(row.present, i * this.#steps);
      for (const [k, h] of row.histograms) putHistogram(this.#b, out, i * this.#steps + k, h);
    });
    if (this.#o.bool) out.drops.fill(1);
    for (const k of [...this.#notes.keys()].sort((a, b) => a - b)) this.#o.annotate(this.#notes.get(k)!.note);
    return out;
  }

  /** Notes an error; which of all is thrown is known at the end. */
  #fail(step: number, phase: number, order: number, text: string): void {
    const rank = [step, phase, order] as const;
    const at = this.#error?.rank.findIndex((x, i) => x !== rank[i]!) ?? -1;
    if (this.#error === null || (at >= 0 && rank[at]! < this.#error.rank[at]!)) this.#error = { rank, text };
  }

  #group(many: readonly number[], one: readonly number[], group: number): void {
    const steps = this.#steps;
    if (one.length === 0 && this.#fillOne === null) return;
    const oneAt = this.#uniqueRows(one);
    if (many.length === 0 && this.#fillMany === null) return;
    const matched = new Uint8Array(steps);
    for (const row of many) {
      // Runs of steps with the same partner share one row of results.
      let from = 0;
      while (from < steps) {
        const partner = oneAt[from]!;
        let to = from + 1;
        while (to < steps && oneAt[to] === partner) to++;
        if (partner !== NONE) this.#pair(row, partner, from, to, matched, group);
        else if (this.#fillOne !== null) this.#pair(row, NONE, from, to, matched, group);
        from = to;
      }
    }
    if (this.#fillMany === null) return;
    for (const row of one) this.#fillFor(row, oneAt, matched, group);
  }

  /** Which row of the "one" side is present at each step; two at once are an error. */
  #uniqueRows(rows: readonly number[]): Int32Array {
    const steps = this.#steps;
    const at = new Int32Array(steps).fill(NONE);
    const { present, labels } = this.#one;
    for (const row of rows) {
      for (let k = 0; k < steps; k++) {
        if (present[row * steps + k] === 0) continue;
        if (at[k] !== NONE && this.#active[k] === 1)
          this.#fail(k, PHASE.gather, row, this.#duplicateText(labels[row]!, labels[at[k]!]!));
        at[k] = row;
      }
    }
    return at;
  }

  #duplicateText(a: Labels, b: Labels): string {
    const m = this.#o.matching;
    const side = m.card === 'one-to-many' ? 'left' : 'right';
    const group = seriesText(groupLabels(a, m.labels, !m.on));
    const [first, second] = [seriesText(a), seriesText(b)].sort(compareText);
    return (
      `found duplicate series for the match group ${group} on the ${side} hand-side of the operation: [${first}, ${second}]` +
      ';many-to-many matching not allowed: matching labels must be unique on one side'
    );
  }

  /** Computes a row of the "many" side with its partner at steps [from, to). */
  #pair(row: number, partner: number, from: number, to: number, matched: Uint8Array, group: number): void {
    const steps = this.#steps;
    const { values, present } = this.#many;
    const base = row * steps;
    let k = from;
    while (k < to && present[base + k] === 0) k++;
    if (k === to) return;
    const out = this.#row(this.#resultLabels(this.#many.labels[row]!, partner), group);
    const oneToOne = this.#o.matching.card === 'one-to-one';
    for (; k < to; k++) {
      if (present[base + k] === 0) continue;
      const x = partner === NONE ? this.#fillOne! : this.#one.values[partner * steps + k]!;
      let result: Result = null;
      if (this.#mixed) {
        const many = histogramAt(this.#many, base + k) ?? values[base + k]!;
        const one = (partner === NONE ? null : histogramAt(this.#one, partner * steps + k)) ?? x;
        result = this.#ofElements(k, many, one, row);
        if (result === 'none') continue;
      }
      if (oneToOne && matched[k] === 1) this.#fail(k, PHASE.match, row, MANY_TO_ONE);
      matched[k] = 1;
      this.#cell(out, k, values[base + k]!, x, group, result, row);
    }
  }

  /** The result of two elements of which one is a histogram; null: both are floats that can be computed with; 'none': there is no result. */
  #ofElements(k: number, many: number | Histogram, one: number | Histogram, order: number): Result {
    const { op, place } = this.#o;
    if (typeof many === 'number' && typeof one === 'number' && op !== '</' && op !== '>/') return null;
    const [a, b] = this.#swapped ? [one, many] : [many, one];
    const outcome = histogramBinary(op, a, b, place);
    const { result, note } = outcome;
    if (note !== null && order >= (this.#notes.get(k)?.order ?? 0)) this.#notes.set(k, { order, note });
    return result === null ? 'none' : { histogram: result, keep: outcome.keep };
  }

  /** Steps where a row of the "one" side had no partner, with the fill value in its place. */
  #fillFor(row: number, oneAt: Int32Array, matched: Uint8Array, group: number): void {
    let out = -1;
    const order = this.#many.labels.length + row;
    for (let k = 0; k < this.#steps; k++) {
      if (oneAt[k] !== row || matched[k] === 1) continue;
      let result: Result = null;
      if (this.#mixed) {
        const one = histogramAt(this.#one, row * this.#steps + k) ?? this.#one.values[row * this.#steps + k]!;
        result = this.#ofElements(k, this.#fillMany!, one, order);
        if (result === 'none') continue;
      }
      if (out < 0) {
        const m = this.#o.matching;
        const like = groupLabels(this.#one.labels[row]!, m.labels, !m.on);
        out = this.#row(this.#resultLabels(like, row), group);
      }
      this.#cell(out, k, this.#fillMany!, this.#one.values[row * this.#steps + k]!, group, result, order);
    }
  }

  #cell(
    out: number,
    k: number,
    many: number,
    one: number,
    group: number,
    result: Exclude<Result, 'none'>,
    order: number,
  ): void {
    const row = this.#rows[out]!;
    const { op, bool, matching } = this.#o;
    if (row.touched[k] !== 0) {
      if (row.group === group && matching.card !== 'one-to-one')
        this.#fail(k, PHASE.match, order, NOT_UNIQUE);
      if (row.present[k] !== 0) this.#fail(k, PHASE.result, order, DUPLICATE_LABELS);
    }
    row.touched[k] = 1;
    row.group = group;
    if (result !== null) {
      if (bool) {
        row.values[k] = result.keep ? 1 : 0;
        row.present[k] = CELL.float;
      } else if (result.keep) {
        row.histograms.set(k, result.histogram);
        row.present[k] = CELL.histogram;
      }
      return;
    }
    const a = this.#swapped ? one : many;
    const b = this.#swapped ? many : one;
    const x = scalarBinary(op, a, b);
    if (this.#filters && x !== 1) return;
    row.values[k] = this.#filters ? a : x;
    row.present[k] = 1;
  }

  #row(labels: Labels, group: number): number {
    const key = labelsKey(labels);
    const known = this.#rowOf.get(key);
    if (known !== undefined) return known;
    const row = this.#rows.length;
    this.#rowOf.set(key, row);
    this.#labels.push(labels);
    this.#rows.push({
      values: new Float64Array(this.#steps),
      present: new Uint8Array(this.#steps),
      touched: new Uint8Array(this.#steps),
      histograms: new Map(),
      group,
    });
    return row;
  }

  #resultLabels(many: Labels, partner: number): Labels {
    const { op, bool, matching: m, delayed } = this.#o;
    let labels = many;
    if (NAME_CHANGING.has(op) || (bool && !delayed)) labels = withoutMetadata(labels);
    if (m.card === 'one-to-one') {
      const names = new Set(m.labels);
      labels = m.on ? keepLabels(labels, names) : deleteLabels(labels, names);
    }
    for (const name of m.include) {
      const value =
        partner === NONE
          ? labelValue(groupLabels(many, m.labels, !m.on), name)
          : labelValue(this.#one.labels[partner]!, name);
      labels = setLabel(labels, name, value);
    }
    return labels;
  }
}

/** 1 at each step where a row of the table has a cell. */
function stepsWithCells(t: Table): Uint8Array {
  const there = new Uint8Array(t.steps);
  for (let row = 0; row < t.labels.length; row++)
    for (let k = 0; k < t.steps; k++) if (t.present[row * t.steps + k] !== 0) there[k] = 1;
  return there;
}

/** Labels as Prometheus prints them inside its messages: everything in braces. */
export function seriesText(labels: Labels): string {
  const parts: string[] = [];
  for (const [name, value] of labelPairs(labels)) {
    const bare = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name);
    parts.push(`${bare ? name : quoteText(name)}=${quoteText(value)}`);
  }
  return `{${parts.join(', ')}}`;
}
