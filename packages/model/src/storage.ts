// The storage seam: who writes samples and who reads them agree on this file alone. Interfaces and plain data, no implementation.
// Writers: collect, rules. Implementations: tsdb; later longterm, remote read, plain arrays in a browser. Readers: promql through query, api.
//
// Promises:
// - Isolation: a Selection sees whole commits only. Bytes that it addresses never change while its Querier is open (its lease).
// - `commit` resolves after the batch was written to the WAL (survives kill -9) and made visible, all together. A power failure
//   loses at most `wal_sync` of it, or nothing with `wal_sync: always`.
import type { Labels } from './labels.ts';
import type { Matcher } from './matcher.ts';
import type { SymbolPages } from './symbols.ts';

/** Safe integer, stable while the process lives; 0: none. */
export type SeriesRef = number;

/** Why one sample of a batch was not taken; 0: it was. */
export type Fault = number;
export const FAULT = {
  none: 0,
  out_of_order: 1,
  too_old: 2,
  duplicate: 3,
  stale_ref: 4,
  limit: 5,
  bad_labels: 6,
  unsupported: 7,
  bad_histogram: 8,
} as const;
export const FAULT_TEXT: readonly string[] = [
  '',
  'out of order sample: an older timestamp than the newest of its series',
  'too old sample: before the time range the head still takes',
  'duplicate sample for timestamp: the same time with another value',
  'stale series reference: ask for the series again',
  'series limit reached: this new series was refused, known series go on',
  'invalid labels: a series needs a valid name, each label once',
  'unsupported: this storage cannot take samples of this kind',
  'invalid histogram: its spans, counts or bounds contradict each other',
];

export interface CommitResult {
  /** Samples taken. */
  readonly accepted: number;
  /** One Fault a sample, in the order of the batch; empty when all were taken. */
  readonly faults: Uint8Array;
  /** How many series were refused (`series` returned 0), by Fault; empty when none. */
  readonly refused: Uint32Array;
  /** How many of the batch's series were created by it. */
  readonly created: number;
}

/** One batch: a scrape, a pushed group, a remote-write request, one rule's result. Not reusable after commit or rollback. */
export interface Appender {
  /** Finds or creates a series; 0: refused, why stands in the commit's result. */
  series(labels: Labels): SeriesRef;
  /** The series if there is one; 0: none, and none is made. A storage without it has writers with a cap of their own go by order. */
  find?(labels: Labels): SeriesRef;
  /**
   * n samples: refs[i], t[i] in ms, v[i] (StaleNaN by its bits), st[i] start time in ms (0: none) or st null. The arrays are
   * read before this returns.
   */
  floats(refs: Float64Array, t: Float64Array, v: Float64Array, st: Float64Array | null, n: number): void;
  /** Row `row` of h as a sample of `kind` (KIND.histogram or KIND.floatHistogram), read before this returns. */
  histogram(
    ref: SeriesRef,
    t_ms: number,
    kind: number,
    h: HistogramColumns,
    row: number,
    st_ms?: number,
  ): void;
  exemplar(ref: SeriesRef, e: Exemplar): void;
  metadata(ref: SeriesRef, m: Metadata): void;
  /**
   * Judged, written to the WAL, then visible: all together. Rejects with StorageError when the disk refuses (nothing visible).
   */
  commit(): Promise<CommitResult>;
  rollback(): void;
}

/** The store as its writers see it. */
export interface Appendable {
  appender(): Appender;
}

/** The store as its readers see it. */
export interface Queryable {
  querier(): Querier;
}

/** The disk, the object store or a peer failed: what, where, and whether trying again can help. */
export class StorageError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  constructor(code: string, message: string, retryable: boolean) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

export interface SelectHints {
  /** The function right above the selector ('rate', 'sum_over_time', ... or ''), for stores that keep aggregates. */
  readonly func?: string;
  readonly step_ms?: number;
  readonly range_ms?: number;
  /** At most this many series; 0 or absent: all. */
  readonly limit?: number;
  /** Only series labels are wanted: chunks may be left empty. */
  readonly labelsOnly?: boolean;
  /** What the selection may take on its way and in the end; 0 or absent: all. One that needs more comes back empty, with `refusedBytes`. */
  readonly maxBytes?: number;
}

/** Half of a label question: which series, when, how many answers at most (0: all). Times in ms, both inclusive. */
export interface LabelQuery {
  readonly mint: number;
  readonly maxt: number;
  /** Several selectors: any of them. Empty: all series. */
  readonly matchers: readonly (readonly Matcher[])[];
  readonly limit: number;
}

export interface Querier {
  /** Series that match and have samples in [mint, maxt] (ms, both inclusive), in label order; nothing is decoded. */
  select(mint: number, maxt: number, matchers: readonly Matcher[], hints?: SelectHints): Promise<Selection>;
  /** In the order of their bytes. `blocks`: as of a Selection. */
  labelNames(q: LabelQuery): Promise<{ names: string[]; warnings: string[]; blocks?: readonly BlockRef[] }>;
  labelValues(
    name: string,
    q: LabelQuery,
  ): Promise<{ values: string[]; warnings: string[]; blocks?: readonly BlockRef[] }>;
  exemplars(mint: number, maxt: number, matchers: readonly (readonly Matcher[])[]): Promise<ExemplarSeries[]>;
  metadata(metric?: string): Promise<MetricMetadata[]>;
  /** A block that an answer named cannot be read: for who looks after the store. */
  unreadable?(block: BlockRef, reason: string): void;
  /** Gives the lease back. Selections of this Querier may not be read afterwards. */
  close(): void;
}

/**
 * Series in label order. Plain data: it crosses threads as it is. Series i has label symbols labelSymbols[labelFirst[i]..labelFirst[i+1]),
 * name and value in turn, and chunks first[i]..first[i+1) of the table. labelFirst and first have count + 1 entries.
 */
export interface Selection {
  readonly count: number;
  readonly symbols: SymbolPages;
  readonly labelFirst: Uint32Array;
  readonly labelSymbols: Uint32Array;
  readonly first: Uint32Array;
  readonly chunks: ChunkTable;
  /** ChunkTable.arena indexes this list. */
  readonly arenas: readonly ArenaRef[];
  readonly deleted: Intervals | null;
  readonly warnings: readonly string[];
  /** The selection is empty because it needs more than `SelectHints.maxBytes`: about so much. */
  readonly refusedBytes?: number;
  /**
   * What the store has besides, in blocks: `withBlocks` of tsdb reads and merges them where the query runs. The folders stay while the
   * Querier is open. Absent: everything is in the selection.
   */
  readonly blocks?: readonly BlockRef[];
  /** One Int32 that turns from 0 when the lease was revoked: a ChunkReader looks after it has read and throws StorageError ELEASE. */
  readonly lease?: SharedArrayBuffer;
}

/** A block's folder and its time range [mint, maxt) in ms. */
export interface BlockRef {
  readonly dir: string;
  readonly ulid: string;
  readonly mint: number;
  readonly maxt: number;
  /** Another one when its tombstones have changed. */
  readonly version: number;
}

/** Where chunk bytes lie. Memory arenas are shared pages; files are read by path. */
export type ArenaRef =
  | { readonly kind: 'memory'; readonly id: number; readonly buffer: SharedArrayBuffer }
  | { readonly kind: 'file'; readonly id: number; readonly path: string };

/**
 * The numbers are those of Prometheus' files. Chunks are addressed behind their 2-byte sample count: the count is `samples`. Only
 * histogramSt and floatHistogramSt are addressed at these 2 bytes, because their upper 2 bits are the counter reset header.
 */
export const ENCODING = {
  /**
   * As a chunk segment of a block holds it: uvarint length, encoding byte, data with its 2-byte count, CRC-32C. What encoding and how many
   * samples is read there: `samples` and `bytes` are 0.
   */
  stored: 0,
  xor: 1,
  histogram: 2,
  floatHistogram: 3,
  xor2: 4,
  histogramSt: 5,
  floatHistogramSt: 6,
  /** `samples` pairs of float64, time and value, in the machine's byte order at an offset divisible by 8; times in any order. */
  plain: 64,
} as const;

/**
 * Chunk addresses as columns; chunks of a series in the order of their mint. `bytes` may be an upper bound for an open chunk: `samples`,
 * read at select time, is the reader's limit. `offset` is where the chunk's data begins (after any header of its encoding that is not
 * part of ENCODING's description). A higher `source` is newer: at equal times its sample wins.
 */
export interface ChunkTable {
  readonly arena: Uint16Array;
  readonly source: Uint16Array;
  readonly offset: Float64Array;
  readonly bytes: Uint32Array;
  readonly samples: Uint32Array;
  readonly mint: Float64Array;
  readonly maxt: Float64Array;
  readonly encoding: Uint8Array;
}

/**
 * Deleted ranges of series: rows [first[i], first[i+1]) of mint/maxt (ms, inclusive) belong to series i of the selection and hide samples of
 * chunks of that `source` only: what was written again elsewhere afterwards stays.
 */
export interface Intervals {
  readonly first: Uint32Array;
  readonly source: Uint16Array;
  readonly mint: Float64Array;
  readonly maxt: Float64Array;
}

/** Made inside the thread that reads. */
export interface ChunkReader {
  /** Brings the bytes of series [from, to) near (files, object storage). Must resolve before `series` of them is called. */
  load(s: Selection, from: number, to: number): Promise<void>;
  /**
   * Replaces `into` by the samples of series i with mint <= t <= maxt in time order: decoded, overlaps merged, deleted ranges dropped.
   * Grows `into`'s arrays when they are too small.
   */
  series(s: Selection, i: number, mint: number, maxt: number, into: Column): void;
}

/**
 * One series' samples as columns; entries [0, n) are valid. v holds StaleNaN by its bits. `bits` is a Uint32Array over v's buffer. `kind` says
 * what sample i is (KIND): null when all are floats. Histogram i is row i of `h`; floats have an empty row there. st[i]: start time in
 * ms, 0: none; null: none at all.
 */
export interface Column {
  n: number;
  t: Float64Array;
  v: Float64Array;
  bits: Uint32Array;
  st: Float64Array | null;
  kind: Uint8Array | null;
  h: HistogramColumns | null;
}

export const KIND = { float: 0, histogram: 1, floatHistogram: 2 } as const;

export function newColumn(capacity: number = 1024): Column {
  const v = new Float64Array(capacity);
  return {
    n: 0,
    t: new Float64Array(capacity),
    v,
    bits: new Uint32Array(v.buffer),
    st: null,
    kind: null,
    h: null,
  };
}

/** Makes room for `capacity` samples, keeping the first n. Rows of `h` grow by themselves. */
export function growColumn(c: Column, capacity: number): void {
  if (c.t.length >= capacity) return;
  const size = Math.max(capacity, 2 * c.t.length);
  const t = new Float64Array(size);
  const v = new Float64Array(size);
  t.set(c.t.subarray(0, c.n));
  // Copied as integers: StaleNaN's bits must survive.
  new Uint32Array(v.buffer).set(c.bits.subarray(0, 2 * c.n));
  c.t = t;
  c.v = v;
  c.bits = new Uint32Array(v.buffer);
  if (c.st !== null) {
    const st = new Float64Array(size);
    st.set(c.st.subarray(0, c.n));
    c.st = st;
  }
  if (c.kind !== null) {
    const kind = new Uint8Array(size);
    kind.set(c.kind.subarray(0, c.n));
    c.kind = kind;
  }
}

/**
 * Native histograms as columns, one row a sample; rows [0, n) are valid. Counts are float64 in both kinds (exact up to 2^53 for integer
 * histograms). Spans and bucket counts of row i are positive: spanOffset/spanLength[positiveSpanFirst[i]..positiveSpanEnd[i]) and
 * bucket[positiveFirst[i]..positiveEnd[i]) as absolute counts; negative alike; custom bounds bound[boundFirst[i]..boundEnd[i]). Rows may
 * share ranges. `sum` holds StaleNaN by its bits (a stale histogram has no buckets).
 */
export interface HistogramColumns {
  n: number;
  schema: Int32Array;
  zeroThreshold: Float64Array;
  zeroCount: Float64Array;
  count: Float64Array;
  sum: Float64Array;
  /** RESET_HINT. */
  resetHint: Uint8Array;
  positiveSpanFirst: Uint32Array;
  positiveSpanEnd: Uint32Array;
  negativeSpanFirst: Uint32Array;
  negativeSpanEnd: Uint32Array;
  positiveFirst: Uint32Array;
  positiveEnd: Uint32Array;
  negativeFirst: Uint32Array;
  negativeEnd: Uint32Array;
  boundFirst: Uint32Array;
  boundEnd: Uint32Array;
  /** How much of the three below is in use. */
  spans: number;
  buckets: number;
  bounds: number;
  spanOffset: Int32Array;
  spanLength: Uint32Array;
  bucket: Float64Array;
  bound: Float64Array;
}

export const RESET_HINT = { unknown: 0, reset: 1, notReset: 2, gauge: 3 } as const;

export interface Exemplar {
  readonly labels: Labels;
  readonly value: number;
  /** 0: the time of the sample. */
  readonly t_ms: number;
}

export interface ExemplarSeries {
  readonly labels: Labels;
  readonly exemplars: readonly Exemplar[];
}

export type MetricType =
  | 'counter'
  | 'gauge'
  | 'histogram'
  | 'gaugehistogram'
  | 'summary'
  | 'info'
  | 'stateset'
  | 'unknown';

export interface Metadata {
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

export interface MetricMetadata extends Metadata {
  readonly metric: string;
}
