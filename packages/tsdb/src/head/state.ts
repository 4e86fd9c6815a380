// Everything the head has in memory, as one record: the parts (append, query, sweep, replay) are functions over it.
import type { Clock } from '@munjigi/env';
import { newChunkRows, type ChunkRows, type ChunkStore } from './chunk-table.ts';
import { newExemplarRing, type ExemplarRing } from './exemplars.ts';
import { newLeases, type Leases } from './leases.ts';
import { newMetadataStore, type MetadataStore } from './metadata.ts';
import { newPostings, type Postings } from './postings.ts';
import { newSeriesTable, type SeriesTable } from './series.ts';
import { newSymbolTable, type SymbolTable } from './symbol-table.ts';
import { newTurns, type Turns } from './turns.ts';
import { newSlotPages, type SlotPages } from '../chunk/slots.ts';

export interface HeadState extends ChunkStore {
  readonly clock: Clock;
  readonly slice_ms: number;
  readonly retention_ms: number;
  readonly maxSeries: number;
  readonly series: SeriesTable;
  readonly chunks: ChunkRows;
  readonly slots: SlotPages;
  readonly leases: Leases;
  symbols: SymbolTable;
  readonly postings: Postings;
  readonly metadata: MetadataStore;
  readonly exemplars: ExemplarRing;
  readonly turns: Turns;
  readonly counters: Counters;
  /** Newest time judged; -Infinity: none. */
  judgedMaxt: number;
  /** Range of visible samples (ms); mint > maxt: none. */
  mint: number;
  maxt: number;
  /** Samples before this are too old. */
  minValid: number;
  lastWalRef: number;
}

interface Counters {
  appended: number;
  outOfOrder: number;
  tooOld: number;
  duplicate: number;
  staleRef: number;
  unsupported: number;
  limited: number;
  badLabels: number;
  exemplars: number;
  commits: number;
  rollbacks: number;
  selects: number;
  sweeps: number;
  chunksRemoved: number;
  walTruncations: number;
  checkpoints: number;
  checkpointFailures: number;
  walCorruptions: number;
}

export interface StateOptions {
  readonly slice_ms: number;
  readonly retention_ms: number;
  readonly leaseMax_ms: number;
  readonly maxSeries: number;
  readonly maxPages: number;
  readonly maxExemplars: number;
  readonly chunkRange_ms: number;
}

export function newHeadState(clock: Clock, o: StateOptions): HeadState {
  const slots = newSlotPages(o.maxPages);
  return {
    clock,
    slice_ms: o.slice_ms,
    retention_ms: o.retention_ms,
    maxSeries: o.maxSeries,
    chunkRange_ms: o.chunkRange_ms,
    openChunks: 0,
    openedChunks: 0,
    series: newSeriesTable(),
    chunks: newChunkRows(),
    slots,
    leases: newLeases(slots, o.leaseMax_ms),
    symbols: newSymbolTable(1),
    postings: newPostings(),
    metadata: newMetadataStore(),
    exemplars: newExemplarRing(o.maxExemplars),
    turns: newTurns(),
    counters: {
      appended: 0,
      outOfOrder: 0,
      tooOld: 0,
      duplicate: 0,
      staleRef: 0,
      unsupported: 0,
      limited: 0,
      badLabels: 0,
      exemplars: 0,
      commits: 0,
      rollbacks: 0,
      selects: 0,
      sweeps: 0,
      chunksRemoved: 0,
      walTruncations: 0,
      checkpoints: 0,
      checkpointFailures: 0,
      walCorruptions: 0,
    },
    judgedMaxt: -Infinity,
    mint: Infinity,
    maxt: -Infinity,
    minValid: -Infinity,
    lastWalRef: 0,
  };
}

/** The oldest time that is still taken. */
export function oldestValid(state: HeadState): number {
  return Math.max(state.minValid, state.judgedMaxt - state.retention_ms);
}
