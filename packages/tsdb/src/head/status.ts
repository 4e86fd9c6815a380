// What /api/v1/status/tsdb shows: where the series are.
import { METRIC_NAME } from '@munjigi/model';
import { pairCount, pairValue } from './postings.ts';
import type { HeadState } from './state.ts';

export interface NameCount {
  readonly name: string;
  readonly value: number;
}

export interface TsdbStatus {
  readonly numSeries: number;
  readonly numLabelPairs: number;
  readonly chunkCount: number;
  /** ms; 0 when there are no samples. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly seriesCountByMetricName: NameCount[];
  readonly labelValueCountByLabelName: NameCount[];
  /** Bytes of label values, counted once a series. */
  readonly memoryInBytesByLabelName: NameCount[];
  readonly seriesCountByLabelValuePair: NameCount[];
}

/** The `limit` largest of each kind. */
export function tsdbStatus(state: HeadState, limit: number): TsdbStatus {
  const { postings, symbols } = state;
  const byMetric = newTop(limit);
  const byLabel = newTop(limit);
  const byBytes = newTop(limit);
  const byPair = newTop(limit);
  for (const { name, n, pairs } of postings.names.values()) {
    const nameText = symbols.text(name);
    let bytes = 0;
    for (let i = 0; i < n; i++) {
      const pair = pairs[i]!;
      const value = pairValue(postings, pair);
      const series = pairCount(postings, pair);
      bytes += series * symbols.byteLength(value);
      byPair.offer(series, () => `${nameText}=${symbols.text(value)}`);
      if (nameText === METRIC_NAME) byMetric.offer(series, () => symbols.text(value));
    }
    byLabel.offer(n, () => nameText);
    byBytes.offer(bytes, () => nameText);
  }
  const empty = state.mint > state.maxt;
  return {
    numSeries: state.series.live,
    numLabelPairs: postings.pairs.end,
    chunkCount: chunkCount(state),
    minTime: empty ? 0 : state.mint,
    maxTime: empty ? 0 : state.maxt,
    seriesCountByMetricName: byMetric.list(),
    labelValueCountByLabelName: byLabel.list(),
    memoryInBytesByLabelName: byBytes.list(),
    seriesCountByLabelValuePair: byPair.list(),
  };
}

/** Closed and open chunks. */
export function chunkCount(state: HeadState): number {
  return state.chunks.live + state.openChunks;
}

/** Keeps the largest, first come first among equals. */
function newTop(limit: number): { offer(value: number, name: () => string): void; list(): NameCount[] } {
  const kept: NameCount[] = [];
  return {
    offer(value, name): void {
      if (kept.length >= limit && (kept.length === 0 || value <= kept.at(-1)!.value)) return;
      let at = kept.length;
      while (at > 0 && kept[at - 1]!.value < value) at--;
      kept.splice(at, 0, { name: name(), value });
      if (kept.length > limit) kept.pop();
    },
    list: () => kept,
  };
}
