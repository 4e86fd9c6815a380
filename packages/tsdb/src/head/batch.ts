// A batch: what one appender collected, and after judging what was taken of it, in columns.
import {
  appendHistogramRow,
  clearHistograms,
  newHistogramColumns,
  type Exemplar,
  type Fault,
  type HistogramColumns,
  type Metadata,
} from '@munjigi/model';
import type { SampleColumns } from '../wal/record.ts';

/** Samples of one batch; a writer with more cuts its batch. */
const MAX_BATCH_SAMPLES: number = 2 ** 22;

/** Bits of `mode`: KIND in the lowest two, and: */
export const LATE = 4;

export interface Batch {
  /** Offered. */
  n: number;
  ref: Float64Array;
  t: Float64Array;
  v: Float64Array;
  bits: Uint32Array;
  /** KIND, and the row in `h` of histograms. */
  kind: Uint8Array;
  from: Uint32Array;
  h: HistogramColumns;
  /** Start times in ms (0: none); null: there is none in the batch. */
  st: Float64Array | null;
  /** Faults known when offered (a bad histogram), by position. */
  early: Map<number, Fault>;
  metadata: { readonly ref: number; readonly m: Metadata }[];
  exemplars: { readonly ref: number; readonly e: Exemplar }[];
  refused: Uint32Array | null;
  created: number;
  /** Taken and new: `taken` entries of what follows. */
  taken: number;
  /** All of them are floats in order without start times. */
  simple: boolean;
  row: Uint32Array;
  mode: Uint8Array;
  /** Which offer it was. */
  offer: Uint32Array;
  /** Log reference, time, value (of a histogram: its hash). */
  wal: SampleColumns;
  /** Where the parts end: in a part no series has a float behind a histogram, or histograms of two kinds. Records keep kinds apart. */
  parts: number[];
  /** What judging overwrote, to undo it. */
  oldT: Float64Array;
  oldValue: Uint32Array;
  oldKind: Uint8Array;
  oldMaxt: number;
  maxt: number;
}

export function newBatch(): Batch {
  const size = 1024;
  const v = new Float64Array(size);
  return {
    n: 0,
    ref: new Float64Array(size),
    t: new Float64Array(size),
    v,
    bits: new Uint32Array(v.buffer),
    kind: new Uint8Array(size),
    from: new Uint32Array(size),
    h: newHistogramColumns(0),
    st: null,
    early: new Map(),
    metadata: [],
    exemplars: [],
    refused: null,
    created: 0,
    taken: 0,
    simple: true,
    row: new Uint32Array(size),
    mode: new Uint8Array(size),
    offer: new Uint32Array(size),
    wal: { ref: new Float64Array(size), t: new Float64Array(size), value: new Uint32Array(2 * size) },
    parts: [],
    oldT: new Float64Array(size),
    oldValue: new Uint32Array(2 * size),
    oldKind: new Uint8Array(size),
    oldMaxt: -Infinity,
    maxt: -Infinity,
  };
}

export function clearBatch(b: Batch): void {
  b.n = 0;
  b.taken = 0;
  b.created = 0;
  b.early.clear();
  b.metadata = [];
  b.exemplars = [];
  b.refused = null;
  b.st = null;
  clearHistograms(b.h);
}

/** Makes room for `more` samples. */
export function growBatch(b: Batch, more: number): void {
  const need = b.n + more;
  if (need > MAX_BATCH_SAMPLES)
    throw new RangeError(`a batch of more than ${MAX_BATCH_SAMPLES} samples: commit it in parts`);
  if (need <= b.t.length) return;
  const size = Math.max(need, 2 * b.t.length);
  b.ref = grown(b.ref, new Float64Array(size));
  b.t = grown(b.t, new Float64Array(size));
  b.kind = grown(b.kind, new Uint8Array(size));
  b.from = grown(b.from, new Uint32Array(size));
  if (b.st !== null) b.st = grown(b.st, new Float64Array(size));
  // Values as integers: StaleNaN's bits must survive.
  b.bits = grown(b.bits, new Uint32Array(2 * size));
  b.v = new Float64Array(b.bits.buffer as ArrayBuffer);
  b.row = new Uint32Array(size);
  b.mode = new Uint8Array(size);
  b.offer = new Uint32Array(size);
  b.wal = { ref: new Float64Array(size), t: new Float64Array(size), value: new Uint32Array(2 * size) };
  b.oldT = new Float64Array(size);
  b.oldValue = new Uint32Array(2 * size);
  b.oldKind = new Uint8Array(size);
}

function grown<T extends { set(from: T): void }>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}

/** n floats, as Appender.floats has them. */
export function offerFloats(
  b: Batch,
  refs: Float64Array,
  t: Float64Array,
  v: Float64Array,
  st: Float64Array | null,
  n: number,
): void {
  growBatch(b, n);
  b.ref.set(refs.subarray(0, n), b.n);
  b.t.set(t.subarray(0, n), b.n);
  b.v.set(v.subarray(0, n), b.n);
  b.kind.fill(0, b.n, b.n + n);
  if (st !== null) startTimesOf(b).set(st.subarray(0, n), b.n);
  else b.st?.fill(0, b.n, b.n + n);
  b.n += n;
}

/** A histogram; `fault` is why it is none. */
export function offerHistogram(
  b: Batch,
  ref: number,
  t: number,
  kind: number,
  h: HistogramColumns,
  row: number,
  st: number,
  fault: Fault,
): void {
  growBatch(b, 1);
  const i = b.n++;
  b.ref[i] = ref;
  b.t[i] = t;
  b.kind[i] = kind;
  if (st !== 0) startTimesOf(b);
  if (b.st !== null) b.st[i] = st;
  if (fault === 0) b.from[i] = appendHistogramRow(b.h, h, row);
  else b.early.set(i, fault);
}

function startTimesOf(b: Batch): Float64Array {
  b.st ??= new Float64Array(b.t.length);
  return b.st;
}
