// A fragment without aggregation: a row of cells for each series.
import type { Column, Labels } from '@munjigi/model';
import {
  HISTOGRAM_CELL_BYTES,
  noHistograms,
  type Budget,
  type Fragment,
  type FragmentPartial,
  type Remark,
} from './fragment.ts';
import { histogramSize, type Histogram } from './histogram/histogram.ts';
import type { Whereabouts } from './histogram-rate.ts';
import { seriesText } from './match.ts';
import { samplesOfColumn } from './mixed-samples.ts';
import { CELL_BYTES, executionError, takeBytes, takeCells } from './query-error.ts';
import type { SeriesLabels } from './series-labels.ts';
import { addedIn, anyPresent, fillMixed, LABEL_BYTES, windowsOf, type Added, type Sink } from './sink.ts';
import type { WindowFunction, Windows } from './window.ts';

const CELLS_AT_FIRST = 1_000_000;

/** One row a series; series without a cell leave no row. */
export class RowSink implements Sink {
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
  const s = samplesOfColumn(c, null, false);
  return s.histogramsBefore[s.n]! > 0;
}
