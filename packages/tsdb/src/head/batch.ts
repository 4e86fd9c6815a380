// A batch: what one appender collected, and after judging what was taken of it.
import {
  FAULT,
  HIGH,
  LOW,
  type CommitResult,
  type Exemplar,
  type Fault,
  type Metadata,
} from '@munjigi/model';
import { oldestValid, type HeadState } from './state.ts';
import { rowOf } from './series.ts';
import { TIME_LIMIT_MS } from '../chunk/xor-encode.ts';
import type { SampleColumns } from '../wal/record.ts';

/** Samples of one batch; a writer with more cuts its batch. */
const MAX_BATCH_SAMPLES: number = 2 ** 22;

export interface Batch {
  /** Offered. */
  n: number;
  ref: Float64Array;
  t: Float64Array;
  v: Float64Array;
  bits: Uint32Array;
  /** Faults known when offered (a histogram), by position. */
  early: Map<number, Fault>;
  metadata: { readonly ref: number; readonly m: Metadata }[];
  exemplars: { readonly ref: number; readonly e: Exemplar }[];
  refused: Uint32Array | null;
  created: number;
  /** Taken and new: `taken` entries of row, and of wal (log reference, time, value). */
  taken: number;
  row: Uint32Array;
  wal: SampleColumns;
  /** What judging overwrote, to undo it. */
  oldT: Float64Array;
  oldValue: Uint32Array;
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
    early: new Map(),
    metadata: [],
    exemplars: [],
    refused: null,
    created: 0,
    taken: 0,
    row: new Uint32Array(size),
    wal: { ref: new Float64Array(size), t: new Float64Array(size), value: new Uint32Array(2 * size) },
    oldT: new Float64Array(size),
    oldValue: new Uint32Array(2 * size),
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
}

/** Makes room for `more` samples. */
export function growBatch(b: Batch, more: number): void {
  const need = b.n + more;
  if (need > MAX_BATCH_SAMPLES)
    throw new RangeError(`a batch of more than ${MAX_BATCH_SAMPLES} samples: commit it in parts`);
  if (need <= b.t.length) return;
  const size = Math.max(need, 2 * b.t.length);
  const ref = new Float64Array(size);
  ref.set(b.ref);
  b.ref = ref;
  const t = new Float64Array(size);
  t.set(b.t);
  b.t = t;
  const bits = new Uint32Array(2 * size);
  bits.set(b.bits);
  b.bits = bits;
  b.v = new Float64Array(bits.buffer);
  b.row = new Uint32Array(size);
  b.wal = { ref: new Float64Array(size), t: new Float64Array(size), value: new Uint32Array(2 * size) };
  b.oldT = new Float64Array(size);
  b.oldValue = new Uint32Array(2 * size);
}

/**
 * Judges the samples one by one, as Prometheus does, against what was judged before (visible or not): the taken ones stand in the
 * batch afterwards and count as the newest of their series until `undoJudging`.
 */
export function judge(state: HeadState, b: Batch): CommitResult {
  const s = state.series;
  const minValid = oldestValid(state);
  const { ref, t, bits, row: rows, wal } = b;
  let faults: Uint8Array | null = null;
  let accepted = 0;
  let taken = 0;
  b.oldMaxt = state.judgedMaxt;
  b.maxt = -Infinity;
  for (let i = 0; i < b.n; i++) {
    const time = t[i]!;
    const row = rowOf(s, ref[i]!);
    const high = bits[2 * i + HIGH]!;
    const low = bits[2 * i + LOW]!;
    let fault: Fault = FAULT.none;
    if (row === 0) fault = b.early.get(i) ?? FAULT.stale_ref;
    else if (!(time >= -TIME_LIMIT_MS && time <= TIME_LIMIT_MS) || time !== Math.floor(time))
      fault = FAULT.unsupported;
    else if (time < minValid) fault = FAULT.too_old;
    else {
      const newest = s.judgedT[row]!;
      if (time <= newest) {
        const same = s.judgedValue[2 * row] === high && s.judgedValue[2 * row + 1] === low;
        if (time < newest) fault = FAULT.out_of_order;
        else if (!same) fault = FAULT.duplicate;
      } else {
        b.oldT[taken] = newest;
        b.oldValue[2 * taken] = s.judgedValue[2 * row]!;
        b.oldValue[2 * taken + 1] = s.judgedValue[2 * row + 1]!;
        s.judgedT[row] = time;
        s.judgedValue[2 * row] = high;
        s.judgedValue[2 * row + 1] = low;
        rows[taken] = row;
        wal.ref[taken] = s.walRef[row]!;
        wal.t[taken] = time;
        wal.value[2 * taken] = high;
        wal.value[2 * taken + 1] = low;
        taken++;
        if (time > b.maxt) b.maxt = time;
      }
    }
    if (fault === FAULT.none) accepted++;
    else {
      faults ??= new Uint8Array(b.n);
      faults[i] = fault;
    }
  }
  b.taken = taken;
  if (b.maxt > state.judgedMaxt) state.judgedMaxt = b.maxt;
  return {
    accepted,
    faults: faults ?? new Uint8Array(0),
    refused: b.refused ?? new Uint32Array(0),
    created: b.created,
  };
}

/** As if the batch had never been judged. Only before any other batch is. */
export function undoJudging(state: HeadState, b: Batch): void {
  const s = state.series;
  for (let i = b.taken - 1; i >= 0; i--) {
    const row = b.row[i]!;
    s.judgedT[row] = b.oldT[i]!;
    s.judgedValue[2 * row] = b.oldValue[2 * i]!;
    s.judgedValue[2 * row + 1] = b.oldValue[2 * i + 1]!;
  }
  state.judgedMaxt = b.oldMaxt;
  b.taken = 0;
}

export function countFaults(state: HeadState, faults: Uint8Array): void {
  const c = state.counters;
  for (const fault of faults) {
    if (fault === FAULT.out_of_order) c.outOfOrder++;
    else if (fault === FAULT.too_old) c.tooOld++;
    else if (fault === FAULT.duplicate) c.duplicate++;
    else if (fault === FAULT.stale_ref) c.staleRef++;
    else if (fault === FAULT.limit) c.limited++;
    else if (fault === FAULT.unsupported) c.unsupported++;
  }
}
