// Aggregations over tables: those that do not fuse into a fragment, or stand over something else than a selector.
import { formatNumber, labelsKey, type Labels } from '@munjigi/model';
import type { AggregateOp } from './ast.ts';
import { histogramIgnored } from './annotations.ts';
import { aggregateHistograms } from './aggregate-histogram.ts';
import { CELL, type Budget } from './fragment.ts';
import { isCustom, type Histogram } from './histogram/histogram.ts';
import { printHistogram } from './histogram/print.ts';
import { goSort } from './go-sort.ts';
import { groupRows, type About, type Grouping } from './grouping.ts';
import { groupLabels, setLabel } from './label-edit.ts';
import { checkCells, executionError } from './query-error.ts';
import { floatsOnly, histogramAt, newTable, scalarAt, type Scalar, type Table, hasCells } from './table.ts';
import { quantileOf } from './window.ts';
import { hashRatio } from './label-hash.ts';

/** sum, avg, count, min, max, group, stddev, stdvar. */
export function aggregateSimple(b: Budget, op: AggregateOp, table: Table, g: Grouping, about: About): Table {
  const addsUp = op === 'sum' || op === 'avg';
  const counts = op === 'count' || op === 'group';
  const t = addsUp ? floatsOnly(table) : counts ? anyAsFloat(table) : withoutHistograms(op, table, about);
  const groups = groupRows(t, g);
  const { steps } = t;
  const out = newTable(b, groups.labels, steps);
  const cells = out.values.length;
  const state: State = {
    value: out.values,
    seen: out.present,
    count: new Float64Array(op === 'avg' || op === 'stddev' || op === 'stdvar' ? cells : 0),
    c: new Float64Array(op === 'sum' || op === 'avg' ? cells : 0),
    mean: new Float64Array(op === 'avg' || op === 'stddev' || op === 'stdvar' ? cells : 0),
    incremental: new Uint8Array(op === 'avg' ? cells : 0),
  };
  const add = ADDERS[op]!;
  for (let row = 0; row < t.labels.length; row++) {
    const group = groups.of[row]!;
    if (t.drops[row] === 1 && hasCells(t, row)) out.drops[group] = 1;
    for (let k = 0; k < steps; k++) {
      const from = row * steps + k;
      if (t.present[from] === 1) add(state, group * steps + k, t.values[from]!);
    }
  }
  finish(op, state);
  if (addsUp && table.histograms !== null) aggregateHistograms(b, op, table, groups, out, about);
  return out;
}

/** Every cell that holds anything counts. */
function anyAsFloat(t: Table): Table {
  if (t.histograms === null) return t;
  return { ...t, present: t.present.map((cell) => Math.min(cell, 1)), histograms: null };
}

/** Aggregations of floats leave histograms out, and say so. */
function withoutHistograms(op: AggregateOp, t: Table, { place, annotate }: About): Table {
  if (t.present.includes(CELL.histogram)) annotate(histogramIgnored(op, place));
  return floatsOnly(t);
}

interface State {
  readonly value: Float64Array;
  readonly seen: Uint8Array;
  readonly count: Float64Array;
  readonly c: Float64Array;
  readonly mean: Float64Array;
  readonly incremental: Uint8Array;
}

/** Adds x to sum[i] with compensation c[i] (Neumaier). */
function kahan(sum: Float64Array, c: Float64Array, i: number, x: number): void {
  const s = sum[i]!;
  const next = s + x;
  if (next > Number.MAX_VALUE || next < -Number.MAX_VALUE) c[i] = 0;
  else c[i]! += Math.abs(s) >= Math.abs(x) ? s - next + x : x - next + s;
  sum[i] = next;
}

const ADDERS: Readonly<Partial<Record<AggregateOp, (s: State, i: number, x: number) => void>>> = {
  sum(s, i, x) {
    if (s.seen[i] === 0) s.value[i] = x;
    else kahan(s.value, s.c, i, x);
    s.seen[i] = 1;
  },
  avg: addAverage,
  count(s, i) {
    s.value[i]!++;
    s.seen[i] = 1;
  },
  group(s, i) {
    s.value[i] = 1;
    s.seen[i] = 1;
  },
  max(s, i, x) {
    if (s.seen[i] === 0 || s.value[i]! < x || Number.isNaN(s.value[i]!)) s.value[i] = x;
    s.seen[i] = 1;
  },
  min(s, i, x) {
    if (s.seen[i] === 0 || s.value[i]! > x || Number.isNaN(s.value[i]!)) s.value[i] = x;
    s.seen[i] = 1;
  },
  stddev: addVariance,
  stdvar: addVariance,
};

/** The plain mean as long as the sum does not overflow, then the incremental one. */
function addAverage(s: State, i: number, x: number): void {
  const n = ++s.count[i]!;
  if (s.seen[i] === 0) {
    s.seen[i] = 1;
    s.value[i] = x;
    s.mean[i] = x;
    return;
  }
  if (s.incremental[i] === 0) {
    const before = s.value[i]!;
    if (before + x !== Infinity && before + x !== -Infinity) {
      kahan(s.value, s.c, i, x);
      return;
    }
    s.incremental[i] = 1;
    s.mean[i] = before / (n - 1);
    s.c[i]! /= n - 1;
  }
  const q = (n - 1) / n;
  s.mean[i]! *= q;
  s.c[i]! *= q;
  kahan(s.mean, s.c, i, x / n);
}

function addVariance(s: State, i: number, x: number): void {
  const n = ++s.count[i]!;
  if (s.seen[i] === 0) {
    s.seen[i] = 1;
    s.mean[i] = x;
    s.value[i] = Number.isFinite(x) ? 0 : NaN;
    return;
  }
  const delta = x - s.mean[i]!;
  s.mean[i]! += delta / n;
  s.value[i]! += delta * (x - s.mean[i]!);
}

function finish(op: AggregateOp, s: State): void {
  for (let i = 0; i < s.value.length; i++) {
    if (s.seen[i] === 0) continue;
    if (op === 'sum') s.value[i]! += s.c[i]!;
    else if (op === 'avg')
      s.value[i] =
        s.incremental[i] === 1 ? s.mean[i]! + s.c[i]! : s.value[i]! / s.count[i]! + s.c[i]! / s.count[i]!;
    else if (op === 'stdvar') s.value[i]! /= s.count[i]!;
    else if (op === 'stddev') s.value[i] = Math.sqrt(s.value[i]! / s.count[i]!);
  }
}

/** quantile(phi, ...). */
export function aggregateQuantile(b: Budget, table: Table, phi: Scalar, g: Grouping, about: About): Table {
  const t = withoutHistograms('quantile', table, about);
  const groups = groupRows(t, g);
  const { steps } = t;
  const out = newTable(b, groups.labels, steps);
  const members: number[][] = groups.labels.map(() => []);
  groups.of.forEach((group, row) => {
    members[group]!.push(row);
    if (t.drops[row] === 1 && hasCells(t, row)) out.drops[group] = 1;
  });
  const most = members.reduce((m, rows) => Math.max(m, rows.length), 0);
  /** Of step j: cells from j * most on. */
  const cells = new Float64Array(STEPS_TOGETHER * most);
  const ofStep = Array.from({ length: STEPS_TOGETHER }, (_, j) => cells.subarray(j * most, (j + 1) * most));
  const counts = new Int32Array(STEPS_TOGETHER);
  members.forEach((rows, group) => {
    for (let from = 0; from < steps; from += STEPS_TOGETHER) {
      const width = Math.min(STEPS_TOGETHER, steps - from);
      counts.fill(0);
      gatherCells(t, rows, from, width, cells, most, counts);
      for (let j = 0; j < width; j++) {
        if (counts[j] === 0) continue;
        const to = group * steps + from + j;
        out.values[to] = quantileOf(scalarAt(phi, from + j), ofStep[j]!, counts[j]!);
        out.present[to] = 1;
      }
    }
  });
  return out;
}

/** Floats of steps [from, from + width): those of step from + j to cells[j * most...], counts[j] of them. */
function gatherCells(
  { values, present, steps }: Table,
  rows: readonly number[],
  from: number,
  width: number,
  cells: Float64Array,
  most: number,
  counts: Int32Array,
): void {
  for (let i = 0; i < rows.length; i++) {
    const at = rows[i]! * steps + from;
    for (let j = 0; j < width; j++)
      if (present[at + j] === CELL.float) cells[j * most + counts[j]!++] = values[at + j]!;
  }
}

/** Steps whose cells are gathered in one pass over the rows: a row lies on pages of its own. */
const STEPS_TOGETHER = 32;
/** Rows come one by one, the table that they need at the end. */
const ROWS_BETWEEN_CHECKS = 256;

/** A histogram as a label value. What a division by zero left where custom buckets have no zero bucket cannot be printed. */
function printed(h: Histogram): string {
  if (isCustom(h) && h.zeroCount !== 0)
    throw executionError('histograms with custom buckets have no zero bucket');
  return printHistogram(h);
}

/** count_values(label, ...): a row for every group and value. */
export function aggregateCountValues(b: Budget, t: Table, label: string, g: Grouping): Table {
  const names = g.without ? g.labels : [...new Set([...g.labels, label])].sort();
  const rowOf = new Map<string, number>();
  const labels: Labels[] = [];
  const { steps } = t;
  const hits: number[] = [];
  for (let row = 0; row < t.labels.length; row++) {
    const known = new Map<string, number>();
    for (let k = 0; k < steps; k++) {
      const at = row * steps + k;
      if (t.present[at] === 0) continue;
      const h = histogramAt(t, at);
      const text = h === null ? formatNumber(t.values[at]!) : printed(h);
      let to = known.get(text);
      if (to === undefined) {
        const shown = groupLabels(setLabel(t.labels[row]!, label, text), names, g.without);
        const key = labelsKey(shown);
        to = rowOf.get(key);
        if (to === undefined) {
          to = labels.length;
          rowOf.set(key, to);
          labels.push(shown);
          if (labels.length % ROWS_BETWEEN_CHECKS === 0) checkCells(b, labels.length * steps);
        }
        known.set(text, to);
      }
      hits.push(to, k);
    }
  }
  const out = newTable(b, labels, steps);
  for (let i = 0; i < hits.length; i += 2) {
    const at = hits[i]! * steps + hits[i + 1]!;
    out.values[at]!++;
    out.present[at] = 1;
  }
  return out;
}

export type SelectOp = 'topk' | 'bottomk' | 'limitk' | 'limit_ratio';

/**
 * topk, bottomk, limitk and limit_ratio: cells of `t` that are not chosen become absent. For one step, `order` holds the chosen rows in
 * the order in which an instant query shows them.
 */
export function aggregateSelect(
  table: Table,
  op: SelectOp,
  param: Scalar,
  g: Grouping,
  about: About,
): { table: Table; order: number[] } {
  const byValue = op === 'topk' || op === 'bottomk';
  const t = byValue && param.values.some((p) => p >= 1) ? withoutHistograms(op, table, about) : table;
  const groups = groupRows(t, g);
  const members: number[][] = groups.labels.map(() => []);
  groups.of.forEach((group, row) => members[group]!.push(row));
  const { steps } = t;
  checkParameter(op, param);
  const keep = new Uint8Array(t.present.length);
  const order: number[] = [];
  const offsets = op === 'limit_ratio' ? t.labels.map(hashRatio) : [];
  for (let k = 0; k < steps; k++) {
    const p = scalarAt(param, k);
    const most = Math.min(Math.trunc(p), t.labels.length);
    for (const rows of members) {
      const there = presentAt(t, rows, k);
      const chosen =
        op === 'limit_ratio'
          ? there.filter((row) => inRatio(offsets[row]!, Math.max(-1, Math.min(1, p))))
          : most < 1
            ? []
            : op === 'limitk'
              ? there.slice(0, most)
              : best(t, there, k, most, op === 'topk');
      if (steps === 1 && !byValue) heaped(t, chosen);
      for (const row of chosen) keep[row * steps + k] = t.present[row * steps + k]!;
      if (steps === 1) order.push(...chosen);
    }
  }
  return { table: { ...t, present: keep }, order };
}

function presentAt({ present, steps }: Table, rows: readonly number[], k: number): number[] {
  const there: number[] = [];
  for (let i = 0; i < rows.length; i++)
    if (present[rows[i]! * steps + k] !== CELL.absent) there.push(rows[i]!);
  return there;
}

function checkParameter(op: SelectOp, param: Scalar): void {
  const ratio = op === 'limit_ratio';
  if (!ratio && param.values.every((p) => p < 1)) return;
  for (const p of param.values) {
    if (p !== p) throw executionError(ratio ? 'Ratio value is NaN' : 'Parameter value is NaN');
    if (!ratio && p >= 2 ** 63) throw executionError(`Scalar value ${formatNumber(p, 'g')} overflows int64`);
    if (!ratio && p <= -(2 ** 63))
      throw executionError(`Scalar value ${formatNumber(p, 'g')} underflows int64`);
  }
}

/** Positive ratios take from the low end, negative ones the complement. */
function inRatio(offset: number, ratio: number): boolean {
  if (ratio === 0) return false;
  return ratio > 0 ? offset < ratio : offset >= 1 + ratio;
}

/** Puts rows of a single step into the order in which Go's container/heap holds them, as limitk and limit_ratio keep their rows there. */
function heaped(t: Table, rows: number[]): void {
  const value = (row: number): number => (t.present[row] === CELL.float ? t.values[row]! : 0);
  const less = (a: number, b: number): boolean => value(a) !== value(a) || value(a) < value(b);
  for (let i = 1; i < rows.length; i++) siftUp(rows, i, less);
}

/** The `most` best rows, best first. A heap of the size of the answer, moved as Go's container/heap does, so that ties fall as there. */
function best(t: Table, rows: readonly number[], k: number, most: number, top: boolean): number[] {
  const { values, steps } = t;
  const value = (row: number): number => values[row * steps + k]!;
  /** Whether a stands above b in the heap: the worst is on top; NaN is worst. */
  const less = (a: number, b: number): boolean => {
    const x = value(a);
    if (x !== x) return true;
    return top ? x < value(b) : x > value(b);
  };
  const heap: number[] = [];
  for (const row of rows) {
    if (heap.length < most) {
      heap.push(row);
      siftUp(heap, heap.length - 1, less);
      continue;
    }
    const worst = value(heap[0]!);
    const x = value(row);
    if ((top ? worst < x : worst > x) || (worst !== worst && x === x)) {
      heap[0] = row;
      siftDown(heap, 0, less);
    }
  }
  goSort(heap, (a, b) => less(b, a));
  return heap;
}

function siftUp(heap: number[], from: number, less: (a: number, b: number) => boolean): void {
  let j = from;
  for (;;) {
    const parent = (j - 1) >> 1;
    if (j === 0 || !less(heap[j]!, heap[parent]!)) return;
    [heap[j], heap[parent]] = [heap[parent]!, heap[j]!];
    j = parent;
  }
}

function siftDown(heap: number[], from: number, less: (a: number, b: number) => boolean): void {
  let i = from;
  for (;;) {
    const left = 2 * i + 1;
    if (left >= heap.length) return;
    const right = left + 1;
    const child = right < heap.length && less(heap[right]!, heap[left]!) ? right : left;
    if (!less(heap[child]!, heap[i]!)) return;
    [heap[i], heap[child]] = [heap[child]!, heap[i]!];
    i = child;
  }
}
