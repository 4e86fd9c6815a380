// A fragment over the series of a selection: each series is decoded once into columns, the window function fills a row of cells, and the
// row is added to its group at once where the fragment aggregates.
import {
  labelsFromSorted,
  SymbolReader,
  type ChunkReader,
  type Column,
  type Labels,
  type Selection,
} from '@munjigi/model';
import { counterNameHint, uniqueRemarks } from './annotations.ts';
import type { Remark, Budget, Fragment, FragmentAggregate, FragmentPartial } from './fragment.ts';
import { CELL, fragmentRange, HISTOGRAM_CELL_BYTES, noHistograms } from './fragment.ts';
import { histogramSize, type Histogram } from './histogram/histogram.ts';
import type { Whereabouts } from './histogram-rate.ts';
import { groupKey, groupLabels } from './label-edit.ts';
import { seriesText } from './match.ts';
import { isHistogramAt, samplesOfColumn } from './mixed-samples.ts';
import { lastMixed, mixedExtendedWindow, mixedWindow, type Row } from './mixed-window.ts';
import {
  CELL_BYTES,
  checkCancelled,
  checkSamples,
  executionError,
  takeBytes,
  takeCells,
} from './query-error.ts';
import { EXTENDED_FUNCTIONS, extendSamples } from './extended-window.ts';
import { newGroupRoom, sharedColumn, sharedRow, type GroupRoom, type GroupSums } from './window-kernel.ts';
import { dropStale, WINDOW_FUNCTIONS, type Samples, type WindowFunction, type Windows } from './window.ts';

export interface RunOptions {
  /** Series [from, to) of the selection; all when absent. */
  readonly from?: number;
  readonly to?: number;
  /** Lets others run; awaited after about 20 ms of work. */
  readonly pause?: () => Promise<void>;
  /** Reader of the selection's symbols where the caller keeps one. */
  readonly symbols?: SymbolReader;
}

/** Series whose bytes are brought near at a time. */
const LOAD_BATCH = 512;
/** Samples and cells between two pauses: about 20 ms of work. */
const WORK_BETWEEN_PAUSES = 1_000_000;

/** Runs a fragment over series [from, to) of what its selector selected. Throws QueryError. */
export async function runFragment(
  f: Fragment,
  s: Selection,
  r: ChunkReader,
  b: Budget,
  options: RunOptions = {},
): Promise<FragmentPartial> {
  const from = options.from ?? 0;
  const to = options.to ?? s.count;
  const reader = new SeriesLabels(s, options.symbols ?? new SymbolReader(s.symbols));
  const window = windowFunctionOf(f);
  const sink: Sink =
    f.func === 'matrix'
      ? new MatrixSink(f, b)
      : window === undefined
        ? fail(f.func)
        : f.aggregate === null
          ? new RowSink(f, window, to - from, b)
          : new GroupSink(f, f.aggregate, window, b);
  try {
    return await runSeries(f, s, r, b, { ...options, from, to }, reader, sink);
  } finally {
    sink.close?.();
  }
}

async function runSeries(
  f: Fragment,
  s: Selection,
  r: ChunkReader,
  b: Budget,
  { from, to, pause }: RunOptions & { readonly from: number; readonly to: number },
  reader: SeriesLabels,
  sink: Sink,
): Promise<FragmentPartial> {
  const { mint, maxt } = fragmentRange(f);
  const keepsMarks = f.extended === undefined && OF_NEWEST.has(f.func);
  const annotations: Remark[] = [];
  const names = f.func === 'rate' || f.func === 'increase' ? new CounterNames(f.place, annotations) : null;
  const column = sharedColumn();
  let samplesRead = 0;
  let work = 0;
  for (let i = from; i < to; i++) {
    if ((i - from) % LOAD_BATCH === 0) {
      checkCancelled(b);
      await r.load(s, i, Math.min(i + LOAD_BATCH, to));
    }
    r.series(s, i, mint, maxt, column);
    samplesRead += column.n;
    checkSamples(b, column.n);
    const starts = f.startTimestamps === true && column.st !== null;
    if (column.h !== null || (starts && f.extended === undefined)) {
      const about: Whereabouts = {
        name: () => reader.value(i, '__name__'),
        place: f.place,
        annotate: (a) => annotations.push(a),
      };
      const added = sink.addMixed(column, reader, i, about);
      if (added === 'gave up') return gaveUp(f, samplesRead);
      if (added === 'floats') names?.see(reader, i);
      // One annotation a window adds up.
      if (annotations.length > MOST_ANNOTATIONS) keepUnique(annotations);
    } else {
      if (!starts) column.st = null;
      if (!keepsMarks) dropStale(column);
      if (column.n > 0 && sink.add(column, reader, i)) names?.see(reader, i);
    }
    work += column.n + f.grid.steps;
    if (work >= WORK_BETWEEN_PAUSES) {
      work = 0;
      checkCancelled(b);
      if (pause !== undefined) await pause();
    }
  }
  return sink.result(samplesRead, uniqueRemarks(annotations));
}

/** Functions of the newest sample in the look-back: they see the marks that end a series. */
const OF_NEWEST: ReadonlySet<string> = new Set(['last', 'timestamp', 'start_timestamp', 'info']);
const MOST_ANNOTATIONS = 1000;

function keepUnique(annotations: Remark[]): void {
  const unique = uniqueRemarks(annotations);
  annotations.length = 0;
  annotations.push(...unique);
}

/** The partial of a fused aggregation that met a histogram. */
function gaveUp(f: Fragment, samplesRead: number): FragmentPartial {
  return {
    fragment: f.id,
    steps: f.grid.steps,
    rows: 0,
    labels: [],
    values: new Float64Array(0),
    present: new Uint8Array(0),
    histograms: null,
    compensation: null,
    counts: null,
    samples: null,
    gaveUp: true,
    annotations: [],
    samplesRead,
  };
}

function windowFunctionOf(f: Fragment): WindowFunction | undefined {
  return f.extended === undefined
    ? WINDOW_FUNCTIONS.get(f.func)
    : EXTENDED_FUNCTIONS.get(`${f.func} ${f.extended.kind}`);
}

/** A fragment's windows as its function takes them. */
function windowsOf(f: Fragment): Windows {
  const windows = { ...f.grid, range_ms: f.range_ms };
  return f.extended === undefined ? windows : { ...windows, lookback_ms: f.extended.lookback_ms };
}

function fail(func: string): never {
  throw new TypeError(`no window function ${func}`);
}

type Added = 'nothing' | 'floats' | 'histograms' | 'gave up';

interface Sink {
  /** Takes one series' samples, floats without start timestamps; false when they gave nothing. */
  add(c: Column, labels: SeriesLabels, i: number): boolean;
  /** Takes a series with histograms or start timestamps among its samples, marks included, and says what it gave. */
  addMixed(c: Column, labels: SeriesLabels, i: number, about: Whereabouts): Added;
  result(samplesRead: number, annotations: readonly Remark[]): FragmentPartial;
  /** Gives back what is shared; last of all. */
  close?(): void;
}

/** Reads a selection's labels as text, as far as they are needed. */
class SeriesLabels {
  readonly #s: Selection;
  readonly #symbols: SymbolReader;
  /** Of names that were asked for and found: then numbers are compared instead of texts. */
  readonly #nameSymbols = new Map<string, number>();

  constructor(s: Selection, symbols: SymbolReader) {
    this.#s = s;
    this.#symbols = symbols;
  }

  all(i: number): Labels {
    const { labelFirst, labelSymbols } = this.#s;
    const flat: string[] = [];
    for (let k = labelFirst[i]!; k < labelFirst[i + 1]!; k++) flat.push(this.#symbols.text(labelSymbols[k]!));
    return labelsFromSorted(flat);
  }

  value(i: number, name: string): string {
    const { labelFirst, labelSymbols } = this.#s;
    const known = this.#nameSymbols.get(name);
    for (let k = labelFirst[i]!; k < labelFirst[i + 1]!; k += 2) {
      const symbol = labelSymbols[k]!;
      if (known === undefined ? this.#symbols.text(symbol) !== name : symbol !== known) continue;
      if (known === undefined) this.#nameSymbols.set(name, symbol);
      return this.#symbols.text(labelSymbols[k + 1]!);
    }
    return '';
  }
}

/** Prometheus' hint when rate or increase sees a metric whose name is not a counter's. */
class CounterNames {
  readonly #place: string;
  readonly #seen = new Set<string>();
  readonly #annotations: Remark[];

  constructor(place: string, annotations: Remark[]) {
    this.#place = place;
    this.#annotations = annotations;
  }

  see(labels: SeriesLabels, i: number): void {
    const name = labels.value(i, '__name__');
    if (this.#seen.has(name)) return;
    this.#seen.add(name);
    const hint = counterNameHint(name, this.#place);
    if (hint !== null) this.#annotations.push(hint);
  }
}

/** Fills a row from a series with histograms or start timestamps among its samples. */
function fillMixed(f: Fragment, windows: Windows, c: Column, row: Row, about: Whereabouts): void {
  const statsOnly = f.statsOnly === true;
  if (f.extended === undefined && OF_NEWEST.has(f.func)) {
    lastMixed(f.func, c, windows, statsOnly, row);
    return;
  }
  const samples = samplesOfColumn(c, statsOnly, f.startTimestamps === true);
  if (samples.n === 0) return;
  if (f.extended === undefined) mixedWindow(f.func, samples, windows, f.args, row, about);
  else mixedExtendedWindow(f, samples, windows, row, about);
}

/** What stands in `steps` cells. */
function addedIn(present: Uint8Array, at: number, steps: number): Added {
  let added: Added = 'nothing';
  for (let k = at; k < at + steps; k++) {
    if (present[k] === CELL.float) return 'floats';
    if (present[k] === CELL.histogram) added = 'histograms';
  }
  return added;
}

const CELLS_AT_FIRST = 1_000_000;
/** A row's list of labels; their texts are kept once for all. */
const LABEL_BYTES = 256;

/** One row a series; series without a cell leave no row. */
class RowSink implements Sink {
  readonly #f: Fragment;
  readonly #window: WindowFunction;
  readonly #windows: Windows;
  readonly #budget: Budget;
  readonly #labels: Labels[] = [];
  /** Room for so many rows is taken at once: for all series, where they are not too many. */
  readonly #rowsAtFirst: number;
  #values = new Float64Array(0);
  #present = new Uint8Array(0);
  /** From the first series with histograms on. */
  #histograms: (Histogram | null)[] | null = null;

  constructor(f: Fragment, window: WindowFunction, series: number, b: Budget) {
    this.#f = f;
    this.#window = window;
    this.#windows = windowsOf(f);
    this.#rowsAtFirst = Math.min(series, Math.ceil(CELLS_AT_FIRST / f.grid.steps));
    this.#budget = b;
  }

  add(c: Column, labels: SeriesLabels, i: number): boolean {
    const { grid, args } = this.#f;
    const at = this.#nextRow();
    this.#window(c, this.#windows, args, this.#values, this.#present, at);
    if (!anyPresent(this.#present, at, grid.steps)) return false;
    this.#labels.push(labels.all(i));
    return true;
  }

  addMixed(c: Column, labels: SeriesLabels, i: number, about: Whereabouts): Added {
    const f = this.#f;
    const at = this.#nextRow();
    const before = this.#histograms?.length ?? 0;
    takeBytes(this.#budget, HISTOGRAM_CELL_BYTES * (at + f.grid.steps - before));
    this.#histograms = noHistograms(at + f.grid.steps, this.#histograms ?? []);
    const row = { values: this.#values, present: this.#present, histograms: this.#histograms, at };
    fillMixed(f, this.#windows, c, row, about);
    const added = addedIn(this.#present, at, f.grid.steps);
    if (added === 'nothing') return added;
    if (f.func === 'info' && hasHistogram(c))
      throw executionError(`this should be an info metric, with float samples: ${seriesText(labels.all(i))}`);
    for (let k = at; k < at + f.grid.steps; k++) {
      const h = this.#histograms[k]!;
      if (h !== null) takeCells(this.#budget, histogramSize(h));
    }
    this.#labels.push(labels.all(i));
    return added;
  }

  /** Room for one more row; where it begins. */
  #nextRow(): number {
    const { steps } = this.#f.grid;
    const at = this.#labels.length * steps;
    if (at + steps > this.#values.length)
      this.#grow(Math.max(at + steps, 2 * this.#values.length, this.#rowsAtFirst * steps));
    return at;
  }

  #grow(cells: number): void {
    takeCells(this.#budget, cells - this.#values.length, CELL_BYTES + LABEL_BYTES / this.#f.grid.steps);
    const values = new Float64Array(cells);
    values.set(this.#values);
    const present = new Uint8Array(cells);
    present.set(this.#present);
    this.#values = values;
    this.#present = present;
  }

  result(samplesRead: number, annotations: readonly Remark[]): FragmentPartial {
    const { id, grid } = this.#f;
    const rows = this.#labels.length;
    const cells = rows * grid.steps;
    return {
      fragment: id,
      steps: grid.steps,
      rows,
      labels: this.#labels,
      values: this.#values.length === cells ? this.#values : this.#values.slice(0, cells),
      present: this.#present.length === cells ? this.#present : this.#present.slice(0, cells),
      histograms: this.#histograms === null ? null : noHistograms(cells, this.#histograms.slice(0, cells)),
      compensation: null,
      counts: null,
      samples: null,
      gaveUp: false,
      annotations,
      samplesRead,
    };
  }
}

/** Whether any sample is a histogram that marks no end. */
function hasHistogram(c: Column): boolean {
  const s = samplesOfColumn(c, true, false);
  return s.histogramsBefore[s.n]! > 0;
}

function anyPresent(present: Uint8Array, at: number, n: number): boolean {
  for (let k = at; k < at + n; k++) if (present[k] === 1) return true;
  return false;
}

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
class GroupSink implements Sink {
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

/** Keeps the samples themselves. */
class MatrixSink implements Sink {
  readonly #f: Fragment;
  readonly #labels: Labels[] = [];
  readonly #t: Float64Array[] = [];
  readonly #v: Float64Array[] = [];
  /** Of each series; null where all are floats. */
  readonly #histograms: ((Histogram | null)[] | null)[] = [];
  readonly #budget: Budget;
  #total = 0;

  constructor(f: Fragment, b: Budget) {
    this.#f = f;
    this.#budget = b;
  }

  add(c: Column, labels: SeriesLabels, i: number): boolean {
    const { extended } = this.#f;
    const s: Samples = { n: c.n, t: c.t, v: c.v, bits: c.bits, st: c.st };
    if (extended !== undefined) extendSamples(s, windowsOf(this.#f), extended.kind === 'smoothed');
    if (s.n === 0) return false;
    // Times and values, and once more when all series are put together.
    takeCells(this.#budget, s.n, 32 + LABEL_BYTES / s.n);
    this.#labels.push(labels.all(i));
    this.#t.push(s.t.slice(0, s.n));
    this.#v.push(s.v.slice(0, s.n));
    this.#histograms.push(null);
    this.#total += s.n;
    return true;
  }

  addMixed(c: Column, labels: SeriesLabels, i: number): Added {
    const { extended, statsOnly } = this.#f;
    const s = samplesOfColumn(c, statsOnly === true, this.#f.startTimestamps === true);
    if (s.histogramsBefore[s.n] === 0) {
      const { n, t, v, bits, st } = s.floats;
      return this.add({ ...c, n, t, v, bits, st, h: null, kind: null }, labels, i) ? 'floats' : 'nothing';
    }
    if (extended !== undefined)
      throw executionError(`${extended.kind} modifier is not supported with histograms`);
    takeCells(this.#budget, s.n, 32 + LABEL_BYTES / s.n);
    const histograms: (Histogram | null)[] = [];
    for (let k = 0; k < s.n; k++) {
      const h = isHistogramAt(s, k) ? s.histogram(k) : null;
      if (h !== null) takeCells(this.#budget, histogramSize(h));
      histograms.push(h);
    }
    this.#labels.push(labels.all(i));
    this.#t.push(s.t);
    this.#v.push(s.v);
    this.#histograms.push(histograms);
    this.#total += s.n;
    return 'histograms';
  }

  result(samplesRead: number, annotations: readonly Remark[]): FragmentPartial {
    const first = new Uint32Array(this.#labels.length + 1);
    const t = new Float64Array(this.#total);
    const v = new Float64Array(this.#total);
    let at = 0;
    this.#t.forEach((times, i) => {
      first[i] = at;
      t.set(times, at);
      v.set(this.#v[i]!, at);
      at += times.length;
    });
    first[this.#labels.length] = at;
    const histograms = this.#histograms.every((h) => h === null)
      ? null
      : this.#histograms.flatMap((h, i) => h ?? noHistograms(this.#t[i]!.length));
    return {
      fragment: this.#f.id,
      steps: this.#f.grid.steps,
      rows: this.#labels.length,
      labels: this.#labels,
      values: new Float64Array(0),
      present: new Uint8Array(0),
      compensation: null,
      counts: null,
      samples: { first, t, v, histograms },
      gaveUp: false,
      histograms: null,
      annotations,
      samplesRead,
    };
  }
}
