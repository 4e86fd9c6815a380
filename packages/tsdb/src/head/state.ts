// Everything the head has in memory, as one record: the parts (append, query, sweep, replay) are functions over it.
import type { Clock } from '@munjigi/env';
import { newChunkRows, type ChunkStore } from './chunk-table.ts';
import { newExemplarRing, type ExemplarRing } from './exemplars.ts';
import { newLeases } from './leases.ts';
import { newMetadataStore, type MetadataStore } from './metadata.ts';
import { newPostings, type Postings } from './postings.ts';
import { newLogRefs, type LogRefs } from './log-refs.ts';
import { LOGGED, newSeriesTable } from './series.ts';
import { newSymbolTable, type SymbolTable } from './symbol-table.ts';
import { newTombstones, type Tombstones } from './tombstones.ts';
import { newTurns, type Turns } from './turns.ts';
import { newSlotPages } from '../chunk/slots.ts';

export interface HeadState extends ChunkStore {
  readonly clock: Clock;
  readonly slice_ms: number;
  /** What is older is dropped at a sweep; Infinity: only `minValid` says what goes. */
  readonly retention_ms: number;
  /** Samples this much older than the newest are out of bounds, so that the range that the next block is cut from is still. */
  readonly appendWindow_ms: number;
  /** Out-of-order samples are taken when they are at most this much older than the newest sample of all; 0: never. */
  outOfOrderWindow_ms: number;
  maxSeries: number;
  /** The chunks_head folder; '': none. */
  readonly chunksDir: string;
  symbols: SymbolTable;
  readonly postings: Postings;
  readonly metadata: MetadataStore;
  readonly exemplars: ExemplarRing;
  readonly tombstones: Tombstones;
  readonly logRefs: LogRefs;
  readonly turns: Turns;
  readonly counters: Counters;
  /** Newest in-order time judged; -Infinity: none. */
  judgedMaxt: number;
  /** Range of visible in-order samples (ms); mint > maxt: none. */
  mint: number;
  maxt: number;
  outOfOrderMint: number;
  outOfOrderMaxt: number;
  /** What lies before is in blocks: in-order samples before this are too old. */
  minValid: number;
  lastWalRef: number;
  /** Where in the log the newest visible commit ends. */
  readonly visibleTo: LogPosition;
  /** Where the log's next record begins; zeros without a log. */
  logPosition: () => LogPosition;
}

export interface LogPosition {
  segment: number;
  offset: number;
}

interface Counters {
  appended: number;
  appendedHistograms: number;
  appendedOutOfOrder: number;
  outOfOrder: number;
  outOfBounds: number;
  tooOld: number;
  duplicate: number;
  staleRef: number;
  unsupported: number;
  badHistograms: number;
  limited: number;
  badLabels: number;
  exemplars: number;
  exemplarsOutOfOrder: number;
  commits: number;
  rollbacks: number;
  selects: number;
  sweeps: number;
  chunksRemoved: number;
  chunksFlushed: number;
  flushFailures: number;
  chunkFilesDamaged: number;
  snapshots: number;
  snapshotFailures: number;
  walTruncations: number;
  checkpoints: number;
  checkpointFailures: number;
  walCorruptions: number;
}

export interface StateOptions {
  readonly slice_ms: number;
  readonly retention_ms: number;
  readonly appendWindow_ms: number;
  readonly outOfOrderWindow_ms: number;
  readonly xor2: boolean;
  readonly leaseMax_ms: number;
  readonly maxSeries: number;
  readonly maxPages: number;
  readonly maxExemplars: number;
  readonly chunkRange_ms: number;
  readonly chunksDir: string;
  readonly minValid: number;
}

export function newHeadState(clock: Clock, o: StateOptions): HeadState {
  const slots = newSlotPages(o.maxPages);
  const state: HeadState = {
    clock,
    slice_ms: o.slice_ms,
    retention_ms: o.retention_ms,
    appendWindow_ms: o.appendWindow_ms,
    outOfOrderWindow_ms: o.outOfOrderWindow_ms,
    maxSeries: o.maxSeries,
    chunkRange_ms: o.chunkRange_ms,
    rangeStart: 0,
    xor2: o.xor2,
    inMemory: o.chunksDir === '',
    chunksDir: o.chunksDir,
    openChunks: 0,
    openedChunks: 0,
    series: newSeriesTable(),
    chunks: newChunkRows(),
    slots,
    leases: newLeases(slots, o.leaseMax_ms),
    histograms: new Map(),
    outOfOrder: new Map(),
    symbols: newSymbolTable(1),
    postings: newPostings(),
    metadata: newMetadataStore(),
    exemplars: newExemplarRing(o.maxExemplars),
    tombstones: newTombstones(),
    logRefs: newLogRefs(),
    turns: newTurns(),
    counters: {
      appended: 0,
      appendedHistograms: 0,
      appendedOutOfOrder: 0,
      outOfOrder: 0,
      outOfBounds: 0,
      tooOld: 0,
      duplicate: 0,
      staleRef: 0,
      unsupported: 0,
      badHistograms: 0,
      limited: 0,
      badLabels: 0,
      exemplars: 0,
      exemplarsOutOfOrder: 0,
      commits: 0,
      rollbacks: 0,
      selects: 0,
      sweeps: 0,
      chunksRemoved: 0,
      chunksFlushed: 0,
      flushFailures: 0,
      chunkFilesDamaged: 0,
      snapshots: 0,
      snapshotFailures: 0,
      walTruncations: 0,
      checkpoints: 0,
      checkpointFailures: 0,
      walCorruptions: 0,
    },
    judgedMaxt: -Infinity,
    mint: Infinity,
    maxt: -Infinity,
    outOfOrderMint: Infinity,
    outOfOrderMaxt: -Infinity,
    minValid: o.minValid,
    lastWalRef: 0,
    visibleTo: { segment: 0, offset: 0 },
    logPosition: () => ({ segment: 0, offset: 0 }),
  };
  state.exemplars.setWindow(o.outOfOrderWindow_ms);
  state.series.onRemove = (row): void => {
    state.tombstones.removeRow(row);
    const { flags, walRef } = state.series;
    if (!state.inMemory && (flags[row]! & LOGGED) !== 0)
      state.logRefs.died(walRef[row]!, state.logPosition().segment);
  };
  return state;
}

/** What ends before this time is dropped at the next sweep. */
export function oldestValid(state: HeadState): number {
  return Math.max(state.minValid, state.judgedMaxt - state.retention_ms);
}

/** The oldest time that is still taken in order. `newest`: the newest sample of all before the batch. */
export function oldestAppendable(state: HeadState, newest: number): number {
  return Math.max(oldestValid(state), newest - state.appendWindow_ms);
}

/** No sample of the head is older, in order or not: tombstones before it hide nothing. */
export function oldestHeld(state: HeadState): number {
  return Math.min(state.minValid, state.outOfOrderMint);
}
