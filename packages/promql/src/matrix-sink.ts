// A fragment whose samples are asked for themselves.
import type { Column, Labels } from '@munjigi/model';
import { noHistograms, type Budget, type Fragment, type FragmentPartial, type Remark } from './fragment.ts';
import { histogramSize, type Histogram } from './histogram/histogram.ts';
import { extendSamples } from './extended-window.ts';
import { isHistogramAt, jumpsOf, samplesOfColumn } from './mixed-samples.ts';
import { executionError, takeCells } from './query-error.ts';
import type { SeriesLabels } from './series-labels.ts';
import { LABEL_BYTES, windowsOf, type Added, type Sink } from './sink.ts';
import type { Samples } from './window.ts';

/** Keeps the samples themselves. */
export class MatrixSink implements Sink {
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
    const { extended, statsOnly, range_ms } = this.#f;
    const jumps = statsOnly === true ? jumpsOf(c, windowsOf(this.#f), range_ms) : null;
    const s = samplesOfColumn(c, jumps, this.#f.startTimestamps === true);
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
