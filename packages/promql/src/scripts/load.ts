// A script's `load` into a store, all in one batch.
import { FAULT_TEXT, KIND, newHistogramColumns, type Appendable, type Appender } from '@munjigi/model';
import { CELL } from '../fragment.ts';
import type { Histogram } from '../histogram/histogram.ts';
import { appendHistogram } from '../histogram/columns.ts';
import { customBucketSeries } from './nhcb.ts';
import type { LoadCommand, LoadedSeries } from './script.ts';

/** Resolves with what the store refused, '' when it took everything. */
export async function loadSeries(store: Appendable, c: LoadCommand): Promise<string> {
  // Of lines with the same labels the last one counts.
  const series = [...new Map(c.series.map((s) => [s.labels.join('\0'), s])).values()];
  const appender = store.appender();
  for (const s of series) appendSeries(appender, s, c.step_ms);
  if (c.withNhcb) {
    try {
      for (const { labels, histograms } of customBucketSeries(series)) {
        const ref = appender.series(labels);
        for (const [i, h] of histograms) appendOne(appender, ref, i * c.step_ms, h, 0);
      }
    } catch (error) {
      appender.rollback();
      return `custom buckets: ${(error as Error).message}`;
    }
  }
  const { faults } = await appender.commit();
  const refused = faults.filter((fault) => fault !== 0);
  return refused.length === 0 ? '' : `${refused.length} samples refused: ${FAULT_TEXT[refused[0]!]}`;
}

/** Floats between two histograms go together. */
function appendSeries(appender: Appender, s: LoadedSeries, step_ms: number): void {
  const n = s.kind.length;
  const ref = appender.series(s.labels);
  const refs = new Float64Array(n).fill(ref);
  const t = new Float64Array(n);
  const v = new Float64Array(n);
  const st = s.startDistance_ms === null ? null : new Float64Array(n);
  const from = new Uint32Array(s.values.buffer);
  const to = new Uint32Array(v.buffer);
  let floats = 0;
  for (let i = 0; i < n; i++) {
    if (s.kind[i] === CELL.absent) continue;
    const time = i * step_ms;
    const distance = s.startDistance_ms?.[i] ?? NaN;
    const start = Number.isNaN(distance) ? 0 : time + distance;
    if (s.kind[i] === CELL.histogram) {
      appender.floats(refs, t, v, st, floats);
      floats = 0;
      appendOne(appender, ref, time, s.histograms[i]!, start);
      continue;
    }
    t[floats] = time;
    to[2 * floats] = from[2 * i]!;
    to[2 * floats + 1] = from[2 * i + 1]!;
    if (st !== null) st[floats] = start;
    floats++;
  }
  appender.floats(refs, t, v, st, floats);
}

/** As Prometheus' runner does: all histograms are float histograms. */
function appendOne(appender: Appender, ref: number, t_ms: number, h: Histogram, st_ms: number): void {
  const row = newHistogramColumns(1);
  appendHistogram(row, h);
  appender.histogram(ref, t_ms, KIND.floatHistogram, row, 0, st_ms);
}
