// A fragment that aggregates: each series' row is added to its group as soon as it is computed.
import type { Column, Labels } from '@munjigi/model';
import {
  CELL,
  noHistograms,
  type Budget,
  type Fragment,
  type FragmentAggregate,
  type FragmentPartial,
  type Remark,
} from './fragment.ts';
import type { Whereabouts } from './histogram-rate.ts';
import { groupKey, groupLabels } from './label-edit.ts';
import { CELL_BYTES, takeBytes, takeCells } from './query-error.ts';
import type { SeriesLabels } from './series-labels.ts';
import { addedIn, anyPresent, fillMixed, LABEL_BYTES, windowsOf, type Added, type Sink } from './sink.ts';
import { newGroupRoom, sharedRow, type GroupRoom, type GroupSums } from './window-kernel.ts';
import type { WindowFunction, Windows } from './window.ts';

interface Group {
  readonly labels: Labels;
  readonly values: Float64Array;
  readonly present: Uint8Array;
  readonly compensation: Float64Array | null;
  readonly counts: Float64Array | null;
  /** Whether all its cells are known to be present. */
  full: boolean;
}

/** One row a group; a series' cells are added to it right after they are made. */
export class GroupSink implements Sink {
  readonly #f: Fragment;
  readonly #aggregate: FragmentAggregate;
  readonly #window: WindowFunction;
  readonly #windows: Windows;
  readonly #budget: Budget;
  readonly #key: (labels: Labels) => string;
  readonly #groups = new Map<string, Group>();
  /** Of the sums' cells. */
  readonly #room: GroupRoom = newGroupRoom();

  constructor(f: Fragment, aggregate: FragmentAggregate, window: WindowFunction, b: Budget) {
    this.#f = f;
    this.#aggregate = aggregate;
    this.#window = window;
    this.#windows = windowsOf(f);
    this.#budget = b;
    this.#key = groupKey(aggregate.labels, aggregate.without);
    takeBytes(b, f.grid.steps * CELL_BYTES);
  }

  add(c: Column, labels: SeriesLabels, i: number): boolean {
    const { grid, args } = this.#f;
    const { out, present } = sharedRow(grid.steps);
    present.fill(0);
    this.#window(c, this.#windows, args, out, present, 0);
    if (!anyPresent(present, 0, grid.steps)) return false;
    this.#addRow(labels, i, out, present);
    return true;
  }

  #addRow(labels: SeriesLabels, i: number, row: Float64Array, present: Uint8Array): void {
    const group = this.#group(labels, i);
    const { op } = this.#aggregate;
    if (op === 'sum' && group.full && this.#room.addRow(group as GroupSums)) return;
    addRow(op, group, row, present);
  }

  /** Only floats can be added up here: the first histogram ends it. */
  addMixed(c: Column, labels: SeriesLabels, i: number, about: Whereabouts): Added {
    const { steps } = this.#f.grid;
    const { out, present } = sharedRow(steps);
    present.fill(0);
    fillMixed(
      this.#f,
      this.#windows,
      c,
      { values: out, present, histograms: noHistograms(steps), at: 0 },
      about,
    );
    if (present.includes(CELL.histogram)) return 'gave up';
    const added = addedIn(present, 0, steps);
    if (added === 'floats') this.#addRow(labels, i, out, present);
    return added;
  }

  #group(reader: SeriesLabels, i: number): Group {
    const { labels: names, without, op } = this.#aggregate;
    const key = without ? this.#key(reader.all(i)) : valuesKey(reader, i, names);
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const all = reader.all(i);
    const { steps } = this.#f.grid;
    // With compensation and counts, and once more when all groups are put together.
    takeCells(this.#budget, steps, 2 * (CELL_BYTES + 16) + LABEL_BYTES / steps);
    const cells =
      op === 'sum' || op === 'avg'
        ? this.#room.add(steps)
        : { values: new Float64Array(steps), present: new Uint8Array(steps), compensation: null };
    const made: Group = {
      ...cells,
      labels: groupLabels(all, names, without),
      counts: op === 'avg' ? new Float64Array(steps) : null,
      full: false,
    };
    this.#groups.set(key, made);
    return made;
  }

  close(): void {
    this.#room.close();
  }

  result(samplesRead: number, annotations: readonly Remark[]): FragmentPartial {
    const { id, grid } = this.#f;
    const groups = [...this.#groups.values()];
    const { steps } = grid;
    const gather = (column: (g: Group) => Float64Array | null): Float64Array | null => {
      if (groups.length === 0 || column(groups[0]!) === null) return null;
      const all = new Float64Array(groups.length * steps);
      groups.forEach((g, i) => all.set(column(g)!, i * steps));
      return all;
    };
    const present = new Uint8Array(groups.length * steps);
    groups.forEach((g, i) => present.set(g.present, i * steps));
    return {
      fragment: id,
      steps,
      rows: groups.length,
      labels: groups.map((g) => g.labels),
      values: gather((g) => g.values) ?? new Float64Array(0),
      present,
      compensation: gather((g) => g.compensation),
      counts: gather((g) => g.counts),
      samples: null,
      gaveUp: false,
      histograms: null,
      annotations,
      samplesRead,
    };
  }
}

/** What tells the groups of some labels apart. */
function valuesKey(reader: SeriesLabels, i: number, names: readonly string[]): string {
  if (names.length === 1) return reader.value(i, names[0]!);
  let key = '';
  for (const name of names) {
    const value = reader.value(i, name);
    key += `${value.length}:${value}`;
  }
  return key;
}

/** Adds a row of cells to a group, cell by cell. */
function addRow(op: FragmentAggregate['op'], g: Group, row: Float64Array, rowPresent: Uint8Array): void {
  const { values, present } = g;
  const n = row.length;
  switch (op) {
    case 'sum':
      addKahan(g, g.compensation!, row, rowPresent);
      return;
    case 'avg': {
      const counts = g.counts!;
      for (let k = 0; k < n; k++) counts[k]! += rowPresent[k]!;
      addKahan(g, g.compensation!, row, rowPresent);
      return;
    }
    case 'count':
      for (let k = 0; k < n; k++) values[k]! += rowPresent[k]!;
      if (g.full) return;
      for (let k = 0; k < n; k++) present[k]! |= rowPresent[k]!;
      g.full = allPresent(present);
      return;
    case 'group':
      for (let k = 0; k < n; k++) {
        if (rowPresent[k] === 0) continue;
        values[k] = 1;
        present[k] = 1;
      }
      return;
    case 'min':
    case 'max':
      for (let k = 0; k < n; k++) {
        if (rowPresent[k] === 0) continue;
        const x = row[k]!;
        const held = values[k]!;
        if (present[k] === 0 || held !== held || (op === 'max' ? held < x : held > x)) values[k] = x;
        present[k] = 1;
      }
  }
}

/** Neumaier's sum of a row into sums and their compensation. */
function addKahan(g: Group, compensation: Float64Array, row: Float64Array, rowPresent: Uint8Array): void {
  const { values: sums, present } = g;
  const n = row.length;
  if (g.full && allPresent(rowPresent)) {
    // What is lost, without a branch: a - (s - p) + (x - p) where p = s - a; the same number as the one below.
    for (let k = 0; k < n; k++) {
      const x = row[k]!;
      const sum = sums[k]!;
      const next = sum + x;
      const part = next - sum;
      const lost = sum - (next - part) + (x - part);
      sums[k] = next;
      if (next > Number.MAX_VALUE || next < -Number.MAX_VALUE) compensation[k] = 0;
      else compensation[k]! += lost;
    }
    return;
  }
  for (let k = 0; k < n; k++) {
    if (rowPresent[k] === 0) continue;
    const x = row[k]!;
    if (present[k] === 0) {
      sums[k] = x;
      present[k] = 1;
      continue;
    }
    const sum = sums[k]!;
    const next = sum + x;
    if (next > Number.MAX_VALUE || next < -Number.MAX_VALUE) compensation[k] = 0;
    else if (Math.abs(sum) >= Math.abs(x)) compensation[k]! += sum - next + x;
    else compensation[k]! += x - next + sum;
    sums[k] = next;
  }
  g.full = allPresent(present);
}

function allPresent(present: Uint8Array): boolean {
  for (let k = 0; k < present.length; k++) if (present[k] === 0) return false;
  return true;
}
