// What a replay does with log records: series by their numbers, samples straight into chunks. What is written later is judged against what
// was replayed.
import {
  ENCODING,
  HIGH,
  KIND,
  LOW,
  STALE_HIGH,
  STALE_LOW,
  appendEmptyRows,
  halvesOf,
  newHistogramColumns,
  type HistogramColumns,
  type Labels,
} from '@munjigi/model';
import { publishFloat, publishHistogram, publishLate } from './appender.ts';
import { dropChunksBefore, newestChunkKind, newestKind } from './chunk-table.ts';
import { hashHistogram } from './histogram-hash.ts';
import type { WaitingChunks } from './load-chunks.ts';
import { dropAllOutOfOrder, dropFiledUpTo, dropUnfiled, offerOutOfOrder } from './ooo.ts';
import { RefMap } from './ref-map.ts';
import {
  LOGGED,
  MAX_LABELS,
  OUT_OF_ORDER,
  UNKNOWN_KIND,
  addRow,
  findRow,
  hashSymbols,
  judgeLabels,
  metricNameOf,
  symbolsOf,
} from './series.ts';
import type { HeadState } from './state.ts';
import { NO_SLOT } from '../chunk/slots.ts';
import { NO_SERIES } from '../wal/log.ts';
import type { RecordSink } from '../wal/record.ts';

/** A tombstone over all time: the series was deleted. */
const ALL_TIME = 2 ** 62;

export interface ReplaySink extends RecordSink {
  /** The segment of the records; -1: a checkpoint. */
  segment: number;
  /** Records are of the out-of-order log. */
  late: boolean;
  segmentMaxt: Map<number, number> | null;
  samples: number;
  /** Entries of series that no record names. */
  unknownSeries: number;
  readonly skipped: Map<number, number>;
  /** The row of the series; 0: it cannot be one. */
  define(ref: number, labels: readonly string[]): number;
  /** The row of a reference that was defined; 0. */
  rowOf(ref: number): number;
  /** In-order samples are complete: what comes next is judged against them. Floats are not noted one by one. */
  settle(): void;
}

/** `waiting`: chunks of files by their series' numbers; `loadedTo`: the last of these chunks. */
export function newReplaySink(
  state: HeadState,
  waiting: WaitingChunks,
  loadedTo: () => { readonly file: number; readonly at: number },
): ReplaySink {
  const s = state.series;
  const symbols = new Uint32Array(2 * MAX_LABELS);
  const rows = new RefMap(0);
  const hash = new Uint32Array(2);
  const stale = newHistogramColumns(1);
  appendEmptyRows(stale, 1);
  halvesOf(stale.sum)[HIGH] = STALE_HIGH;
  halvesOf(stale.sum)[LOW] = STALE_LOW;

  function define(ref: number, labels: readonly string[]): number {
    if (ref > state.lastWalRef) state.lastWalRef = ref;
    const flat = labels as unknown as Labels;
    if (judgeLabels(flat) !== 0 || !symbolsOf(state.symbols, flat, symbols, true)) return 0;
    const h = hashSymbols(symbols, 0, flat.length);
    let row = findRow(s, symbols, flat.length, h);
    if (row === 0) row = addRow(s, symbols, flat.length, h, ref);
    // A series that went and came back has a new number; its newest record is the one that lasts longest.
    else if (s.walRef[row] !== ref) state.logRefs.alias(s.walRef[row]!, sink.segment, s.xor.t[row]!);
    s.walRef[row] = ref;
    s.flags[row]! |= LOGGED;
    rows.set(ref, row);
    waiting.take(ref, row);
    return row;
  }

  /** The row of a reference, 0: unknown. Notes that a second number of a series is still in use. */
  function rowOfLog(ref: number, t: number): number {
    const row = ref > 0 ? rows.get(ref) : 0;
    if (row === 0) {
      if (ref > state.lastWalRef) state.lastWalRef = ref;
      sink.unknownSeries++;
      return 0;
    }
    if (s.walRef[row] !== ref) {
      if (sink.late) state.logRefs.pin(ref);
      else state.logRefs.alias(ref, sink.segment, t);
    }
    if (t > newest) {
      newest = t;
      if (sink.segmentMaxt !== null && t > (sink.segmentMaxt.get(sink.segment) ?? -Infinity))
        sink.segmentMaxt.set(sink.segment, t);
    }
    return row;
  }

  /** Newest time in the segment that is read. */
  let newest = -Infinity;
  let newestOf = -1;

  function takeLate(
    row: number,
    kind: number,
    t: number,
    high: number,
    low: number,
    st: number,
    h: HistogramColumns | null,
    from: number,
  ): void {
    if (offerOutOfOrder(state, row, kind, t, high, low, st, h, from) !== 0) return;
    publishLate(state, row, t);
    sink.samples++;
  }

  function takeHistogram(
    row: number,
    t: number,
    kind: number,
    h: HistogramColumns,
    from: number,
    st: number,
  ): void {
    if (!(t > s.xor.t[row]!)) return;
    hashHistogram(h, from, hash, 0);
    s.judgedT[row] = t;
    s.judgedValue[2 * row] = hash[0]!;
    s.judgedValue[2 * row + 1] = hash[1]!;
    s.judgedKind[row] = kind;
    if (t > state.judgedMaxt) state.judgedMaxt = t;
    publishHistogram(state, row, t, kind, h, from, st);
    sink.samples++;
  }

  /** The series was deleted whole: what comes with its labels later is another one. */
  function forgetSeries(ref: number, row: number): void {
    state.counters.chunksRemoved += dropChunksBefore(state, row, Infinity);
    if ((s.flags[row]! & OUT_OF_ORDER) !== 0) dropAllOutOfOrder(state, row);
    s.judgedT[row] = -Infinity;
    s.judgedKind[row] = KIND.float;
    s.xor.t[row] = -Infinity;
    state.tombstones.removeRow(row);
    state.logRefs.died(ref, sink.segment);
    rows.set(ref, 0);
  }

  const sink: ReplaySink = {
    segment: -1,
    late: false,
    segmentMaxt: null,
    samples: 0,
    unknownSeries: 0,
    skipped: new Map(),
    define,
    rowOf: (ref) => rows.get(ref),
    settle(): void {
      if (state.maxt > state.judgedMaxt) state.judgedMaxt = state.maxt;
      for (let row = 1; row < s.end; row++) {
        if (!(s.xor.t[row]! > s.judgedT[row]!)) continue;
        s.judgedT[row] = s.xor.t[row]!;
        // XOR2 does not remember a staleness mark as the last value.
        const known = s.openSlot[row] !== NO_SLOT && s.openEncoding[row] === ENCODING.xor;
        s.judgedKind[row] = known ? KIND.float : UNKNOWN_KIND;
        s.judgedValue[2 * row] = s.xor.value[2 * row]!;
        s.judgedValue[2 * row + 1] = s.xor.value[2 * row + 1]!;
      }
    },
    series(ref, labels): void {
      define(ref, labels);
    },
    sample(ref, t, high, low, st): void {
      if (newestOf !== sink.segment) {
        newestOf = sink.segment;
        newest = -Infinity;
      }
      const row = rowOfLog(ref, t);
      if (row === 0) return;
      if (sink.late) {
        if (high === STALE_HIGH && low === STALE_LOW && newestKind(state, row) !== KIND.float) {
          const kind = newestKind(state, row);
          hashHistogram(stale, 0, hash, 0);
          takeLate(row, kind, t, hash[0]!, hash[1]!, st, stale, 0);
        } else takeLate(row, KIND.float, t, high, low, st, null, 0);
        return;
      }
      if (!(t > s.xor.t[row]!) || t < state.minValid) return;
      if (high === STALE_HIGH && low === STALE_LOW) {
        const kind = newestChunkKind(state, row);
        if (kind !== KIND.float) {
          takeHistogram(row, t, kind, stale, 0, st);
          return;
        }
      }
      publishFloat(state, row, t, high, low, st);
      sink.samples++;
    },
    histogram(ref, t, st, kind, h, from): void {
      const row = rowOfLog(ref, t);
      if (row === 0) return;
      if (sink.late) {
        hashHistogram(h, from, hash, 0);
        takeLate(row, kind, t, hash[0]!, hash[1]!, st, h, from);
      } else if (t >= state.minValid) takeHistogram(row, t, kind, h, from, st);
    },
    exemplar(ref, t, value, labels): void {
      const row = rowOfLog(ref, t);
      if (row === 0 || t < state.minValid) return;
      const exemplar = { labels: labels as unknown as Labels, value, t_ms: t };
      state.exemplars.add(row, exemplar);
    },
    metadata(ref, m): void {
      const row = rows.get(ref);
      if (row === 0) {
        if (ref > state.lastWalRef) state.lastWalRef = ref;
        return;
      }
      const number = state.metadata.intern(metricNameOf(s, state.symbols, row), m);
      if (number !== 0) s.metadata[row] = number;
    },
    tombstone(ref, mint, maxt): void {
      const row = rowOfLog(ref, -Infinity);
      if (row === 0) return;
      if (mint < -ALL_TIME && maxt > ALL_TIME) forgetSeries(ref, row);
      // Whether they still hide something is known when the out-of-order log has been read too.
      else state.tombstones.add(row, mint, maxt);
    },
    marker(ref, file, at): void {
      if (ref === NO_SERIES) {
        if (file > 0) for (const row of state.outOfOrder.keys()) dropFiledUpTo(state, row, file, at);
        return;
      }
      const row = rows.get(ref);
      const last = loadedTo();
      // A chunk that is not there (it was cut off) cannot stand for the samples before the marker.
      if (row === 0 || file > last.file || (file === last.file && at > last.at)) return;
      if (s.walRef[row] !== ref) state.logRefs.pin(ref);
      dropUnfiled(state, row);
    },
    minValidTime(t): void {
      if (t > state.minValid) state.minValid = t;
    },
    unknown(type): void {
      sink.skipped.set(type, (sink.skipped.get(type) ?? 0) + 1);
    },
  };
  return sink;
}
