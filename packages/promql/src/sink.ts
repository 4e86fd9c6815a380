// Where the cells of a fragment's series go: what all sinks have in common.
import type { Column } from '@munjigi/model';
import { CELL, type Fragment, type FragmentPartial, type Remark } from './fragment.ts';
import type { Whereabouts } from './histogram-rate.ts';
import { jumpsOf, samplesOfColumn } from './mixed-samples.ts';
import { lastMixed, mixedExtendedWindow, mixedWindow, type Row } from './mixed-window.ts';
import type { SeriesLabels } from './series-labels.ts';
import type { Windows } from './window.ts';

/** Functions of the newest sample in the look-back: they see the marks that end a series. */
export const OF_NEWEST: ReadonlySet<string> = new Set(['last', 'timestamp', 'start_timestamp', 'info']);

/** A fragment's windows as its function takes them. */
export function windowsOf(f: Fragment): Windows {
  const windows = { ...f.grid, range_ms: f.range_ms };
  return f.extended === undefined ? windows : { ...windows, lookback_ms: f.extended.lookback_ms };
}

export type Added = 'nothing' | 'floats' | 'histograms' | 'gave up';

export interface Sink {
  /** Takes one series' samples, floats without start timestamps; false when they gave nothing. */
  add(c: Column, labels: SeriesLabels, i: number): boolean;
  /** Takes a series with histograms or start timestamps among its samples, marks included, and says what it gave. */
  addMixed(c: Column, labels: SeriesLabels, i: number, about: Whereabouts): Added;
  result(samplesRead: number, annotations: readonly Remark[]): FragmentPartial;
  /** Gives back what is shared; last of all. */
  close?(): void;
}

/** Fills a row from a series with histograms or start timestamps among its samples. */
export function fillMixed(f: Fragment, windows: Windows, c: Column, row: Row, about: Whereabouts): void {
  const statsOnly = f.statsOnly === true;
  if (f.extended === undefined && OF_NEWEST.has(f.func)) {
    lastMixed(f.func, c, windows, statsOnly, row);
    return;
  }
  const jumps = statsOnly ? jumpsOf(c, windows, f.range_ms + (windows.lookback_ms ?? 0)) : null;
  const samples = samplesOfColumn(c, jumps, f.startTimestamps === true);
  if (samples.n === 0) return;
  if (f.extended === undefined) mixedWindow(f.func, samples, windows, f.args, row, about);
  else mixedExtendedWindow(f, samples, windows, row, about);
}

/** What stands in `steps` cells. */
export function addedIn(present: Uint8Array, at: number, steps: number): Added {
  let added: Added = 'nothing';
  for (let k = at; k < at + steps; k++) {
    if (present[k] === CELL.float) return 'floats';
    if (present[k] === CELL.histogram) added = 'histograms';
  }
  return added;
}

/** A row's list of labels; their texts are kept once for all. */
export const LABEL_BYTES = 256;

export function anyPresent(present: Uint8Array, at: number, n: number): boolean {
  for (let k = at; k < at + n; k++) if (present[k] === 1) return true;
  return false;
}
