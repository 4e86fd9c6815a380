// What the head has, in numbers; and what /api/v1/status/tsdb shows: where the series are.
import { METRIC_NAME } from '@munjigi/model';
import { chunkRowsBytes } from './chunk-table.ts';
import { pairCount, pairValue, postingsBytes } from './postings.ts';
import { tableBytes } from './series.ts';
import { newSlicer } from './slicer.ts';
import { oldestAppendable, type HeadState } from './state.ts';
import { UNIT_BYTES } from '../chunk/slots.ts';

export interface HeadStats {
  readonly series: number;
  readonly chunks: number;
  readonly samples: number;
  /** ms; mint > maxt: no samples. */
  readonly mint: number;
  readonly maxt: number;
  /** In-order samples before this are refused. */
  readonly minValid: number;
  readonly outOfOrder: {
    readonly series: number;
    readonly samples: number;
    readonly mint: number;
    readonly maxt: number;
  };
  /** Closed chunks whose bytes are in memory, and those in files. */
  readonly chunksInMemory: number;
  readonly chunksInFiles: number;
  readonly exemplars: number;
  readonly tombstones: number;
  readonly bytes: {
    readonly columns: number;
    readonly postings: number;
    readonly symbols: number;
    /** Slots that hold chunks, and pages taken for them. */
    readonly chunks: number;
    readonly pages: number;
  };
  readonly openQueriers: number;
  readonly retiredSlots: number;
}

export function headStats(state: HeadState): HeadStats {
  const { chunks } = state;
  return {
    series: state.series.live,
    chunks: chunkCount(state),
    samples: state.counters.appended + state.counters.appendedHistograms,
    mint: state.mint,
    maxt: state.maxt,
    minValid: oldestAppendable(state, state.judgedMaxt),
    outOfOrder: {
      series: state.outOfOrder.size,
      samples: state.counters.appendedOutOfOrder,
      mint: state.outOfOrderMint,
      maxt: state.outOfOrderMaxt,
    },
    chunksInMemory: chunks.waiting,
    chunksInFiles: chunks.live - chunks.waiting,
    exemplars: state.exemplars.count(),
    tombstones: state.tombstones.count(),
    bytes: {
      columns: tableBytes(state.series) + chunkRowsBytes(chunks),
      postings: postingsBytes(state.postings),
      symbols: state.symbols.bytes() + 20 * state.symbols.count(),
      chunks: state.slots.usedUnits() * UNIT_BYTES,
      pages: state.slots.pageBytes(),
    },
    openQueriers: state.leases.openCount(),
    retiredSlots: state.leases.retiredCount(),
  };
}

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
export async function tsdbStatus(state: HeadState, limit: number): Promise<TsdbStatus> {
  const leave = await state.turns.share();
  try {
    return await countPairs(state, limit);
  } finally {
    leave();
  }
}

async function countPairs(state: HeadState, limit: number): Promise<TsdbStatus> {
  const { postings, symbols } = state;
  const slicer = newSlicer(state.clock, state.slice_ms);
  const byMetric = newTop(limit);
  const byLabel = newTop(limit);
  const byBytes = newTop(limit);
  const byPair = newTop(limit);
  for (const [name, { n, pairs }] of postings.names) {
    const nameText = symbols.text(name);
    let bytes = 0;
    for (let i = 0; i < n; i++) {
      if (slicer.due()) await slicer.rest();
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
    numLabelPairs: postings.pairs.live,
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
