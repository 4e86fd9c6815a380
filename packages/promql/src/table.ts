// An instant vector at every step, as columns: what expressions are computed on.
import { compareLabels, labelsKey, type Labels } from '@munjigi/model';
import { CELL, HISTOGRAM_CELL_BYTES, noHistograms, type Budget, type FragmentPartial } from './fragment.ts';
import { histogramSize, type Histogram } from './histogram/histogram.ts';
import { withoutMetadata } from './label-edit.ts';
import { executionError, giveCells, takeBytes, takeCells } from './query-error.ts';

/** Row r has cells r * steps + k, `present` says what is in each (CELL). At a single step rows stand in the order in which results are shown. */
export interface Table {
  readonly type: 'table';
  steps: number;
  labels: Labels[];
  /** 1: the row's name is to be dropped at the end (delayed name removal). */
  drops: Uint8Array;
  values: Float64Array;
  present: Uint8Array;
  /** Beside `values`, at the cells that hold one; null when none does. */
  histograms: (Histogram | null)[] | null;
  /** Nobody else holds these columns: they may be changed in place. */
  owned: boolean;
}

/** One value at all steps, or one a step. */
export interface Scalar {
  readonly type: 'scalar';
  readonly values: Float64Array;
}

export interface Text {
  readonly type: 'string';
  readonly value: string;
}

export type Value = Table | Scalar | Text;

export const DUPLICATE_LABELS = 'vector cannot contain metrics with the same labelset';

export function newTable(b: Budget, labels: Labels[], steps: number): Table {
  const cells = labels.length * steps;
  takeCells(b, cells);
  return {
    type: 'table',
    steps,
    labels,
    drops: new Uint8Array(labels.length),
    values: new Float64Array(cells),
    present: new Uint8Array(cells),
    histograms: null,
    owned: true,
  };
}

/** Gives back the room of a table that nobody needs any more. */
export function release(b: Budget, t: Value): void {
  if (t.type !== 'table' || !t.owned) return;
  giveCells(b, t.values.length);
}

/** A table whose columns may be changed: itself, or a copy. */
export function owned(b: Budget, t: Table): Table {
  if (t.owned) return t;
  takeCells(b, t.values.length);
  return {
    ...t,
    labels: [...t.labels],
    drops: t.drops.slice(),
    values: t.values.slice(),
    present: t.present.slice(),
    histograms: t.histograms === null ? null : [...t.histograms],
    owned: true,
  };
}

/** Puts a histogram into a cell of a table that may be changed, and takes room for it. */
export function putHistogram(b: Budget, t: Table, at: number, h: Histogram): void {
  takeCells(b, histogramSize(h));
  if (t.histograms === null) {
    takeBytes(b, HISTOGRAM_CELL_BYTES * t.values.length);
    t.histograms = noHistograms(t.values.length);
  }
  t.histograms[at] = h;
  t.present[at] = CELL.histogram;
}

/** The histogram in a cell, null where there is none. */
export function histogramAt(t: Table, at: number): Histogram | null {
  return t.present[at] === CELL.histogram ? t.histograms![at]! : null;
}

/** A table without the cells that hold histograms: what functions of floats see. */
export function floatsOnly(t: Table): Table {
  if (t.histograms === null) return t;
  const present = t.present.map((cell) => (cell === CELL.float ? 1 : 0));
  return { ...t, present, histograms: null };
}

export function scalarAt(s: Scalar, k: number): number {
  return s.values.length === 1 ? s.values[0]! : s.values[k]!;
}

/** A fragment's result as a table: rows as they are, with sums and means completed. */
export function tableOf(p: FragmentPartial): Table {
  return {
    type: 'table',
    steps: p.steps,
    labels: [...p.labels],
    drops: new Uint8Array(p.rows),
    values: p.compensation === null ? p.values : completed(p),
    present: p.present,
    histograms: p.histograms === null ? null : [...p.histograms],
    owned: false,
  };
}

function completed(p: FragmentPartial): Float64Array {
  const { values, compensation, counts } = p;
  const out = new Float64Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const c = compensation![i]!;
    out[i] = counts === null ? values[i]! + c : values[i]! / counts[i]! + c / counts[i]!;
  }
  return out;
}

/** Takes names away now, or marks them to be dropped at the end. Rows that become equal are joined. */
export function dropNames(t: Table, delayed: boolean): Table {
  if (delayed) {
    t.drops.fill(1);
    return t;
  }
  t.labels = t.labels.map(withoutMetadata);
  return joinEqualRows(t);
}

/**
 * Joins rows with equal labels; throws where two have a value at one step. Whether the name is to be dropped, the row with the first value
 * says.
 */
export function joinEqualRows(t: Table): Table {
  if (t.labels.length < 2) return t;
  const byKey = new Map<string, number>();
  const rows: number[] = [];
  let out = t;
  let copied = t.owned;
  t.labels.forEach((labels, row) => {
    const key = labelsKey(labels);
    const first = byKey.get(key);
    if (first === undefined) {
      byKey.set(key, row);
      rows.push(row);
      return;
    }
    if (!copied) {
      out = { ...t, values: t.values.slice(), present: t.present.slice(), drops: t.drops.slice() };
      if (t.histograms !== null) out.histograms = [...t.histograms];
      copied = true;
    }
    moveRow(out, row, first);
  });
  return rows.length === t.labels.length ? t : pickRows(out, rows);
}

/** Moves a row's cells into another one of the same labels. */
function moveRow(t: Table, row: number, to: number): void {
  const { steps, present, values, histograms } = t;
  if (firstCell(t, row) < firstCell(t, to)) t.drops[to] = t.drops[row]!;
  for (let k = 0; k < steps; k++) {
    const from = row * steps + k;
    if (present[from] === CELL.absent) continue;
    const at = to * steps + k;
    if (present[at] !== CELL.absent) throw executionError(DUPLICATE_LABELS);
    values[at] = values[from]!;
    present[at] = present[from]!;
    if (histograms !== null) histograms[at] = histograms[from]!;
  }
}

/** Step of a row's first cell. */
function firstCell(t: Table, row: number): number {
  for (let k = 0; k < t.steps; k++) if (t.present[row * t.steps + k] !== CELL.absent) return k;
  return t.steps;
}

/** A table of the given rows in the given order. */
export function pickRows(t: Table, rows: readonly number[]): Table {
  const { steps } = t;
  const values = new Float64Array(rows.length * steps);
  const present = new Uint8Array(rows.length * steps);
  const drops = new Uint8Array(rows.length);
  rows.forEach((row, i) => {
    values.set(t.values.subarray(row * steps, (row + 1) * steps), i * steps);
    present.set(t.present.subarray(row * steps, (row + 1) * steps), i * steps);
    drops[i] = t.drops[row]!;
  });
  const { histograms: held } = t;
  const histograms = held === null ? null : rows.flatMap((row) => held.slice(row * steps, (row + 1) * steps));
  return { ...t, labels: rows.map((row) => t.labels[row]!), drops, values, present, histograms };
}

/** Rows that have at least one cell. */
export function rowsPresent(t: Table): number[] {
  const rows: number[] = [];
  for (let row = 0; row < t.labels.length; row++) if (hasCells(t, row)) rows.push(row);
  return rows;
}

/** Whether anything stands in a row. */
export function hasCells({ present, steps }: Table, row: number): boolean {
  for (let k = row * steps; k < (row + 1) * steps; k++) if (present[k] !== CELL.absent) return true;
  return false;
}

/** Whether each list of labels comes behind the one before: then they are in order, and no two are equal. */
export function rise(labels: readonly Labels[]): boolean {
  for (let i = 1; i < labels.length; i++) if (compareLabels(labels[i - 1]!, labels[i]!) >= 0) return false;
  return true;
}

/** Rows that have anything, in label order; those with equal labels are joined. Throws where two have a value at one step. */
export function inLabelOrder(t: Table): Table {
  const ordered = rise(t.labels);
  const joined = ordered ? t : joinEqualRows(t);
  const rows = rowsPresent(joined);
  if (!ordered) rows.sort((a, b) => compareLabels(joined.labels[a]!, joined.labels[b]!));
  else if (rows.length === t.labels.length) return t;
  return pickRows(joined, rows);
}

/** One step's table at all of `steps` steps. */
export function repeated(b: Budget, t: Table, steps: number): Table {
  const out = newTable(b, [...t.labels], steps);
  out.drops = t.drops.slice();
  for (let row = 0; row < t.labels.length; row++) {
    if (t.present[row] === 0) continue;
    out.values.fill(t.values[row]!, row * steps, (row + 1) * steps);
    const h = histogramAt(t, row);
    if (h === null) out.present.fill(1, row * steps, (row + 1) * steps);
    else for (let at = row * steps; at < (row + 1) * steps; at++) putHistogram(b, out, at, h);
  }
  return out;
}
