// A judged batch as log records: series, metadata, samples of each kind, exemplars; what is out of order goes to a log of its own.
import { KIND } from '@munjigi/model';
import { LATE, type Batch } from './batch.ts';
import { LOGGED, metricNameOf, rowOf } from './series.ts';
import type { HeadState } from './state.ts';
import { newByteWriter, type ByteWriter } from '../wal/bytes.ts';
import {
  RECORD,
  beginRecord,
  putExemplars,
  putHistograms,
  putMetadata,
  putSamples,
  putSeries,
  type LoggedExemplar,
  type SampleColumns,
} from '../wal/record.ts';

/** Records of one commit. */
export interface Records {
  readonly w: ByteWriter;
  readonly ends: number[];
  /** For the log of out-of-order samples. */
  readonly late: ByteWriter;
  readonly lateEnds: number[];
}

export function newRecords(): Records {
  return { w: newByteWriter(64 * 1024), ends: [], late: newByteWriter(0), lateEnds: [] };
}

/** What a commit changes besides samples. */
export interface BatchExtras {
  /** Rows whose series record is written with it. */
  readonly fresh: number[];
  readonly metadata: { row: number; number: number }[];
  readonly exemplars: { row: number; e: { labels: readonly string[]; value: number; t_ms: number } }[];
}

/** Finds what goes along with the samples, and marks series as logged (undo: `unmark`). */
export function collectExtras(state: HeadState, b: Batch): BatchExtras {
  const s = state.series;
  const fresh: number[] = [];
  const touch = (row: number): void => {
    if ((s.flags[row]! & LOGGED) !== 0) return;
    s.flags[row]! |= LOGGED;
    fresh.push(row);
  };
  const { row: rows } = b;
  for (let i = 0; i < b.taken; i++) touch(rows[i]!);
  const metadata = changedMetadata(state, b);
  for (const { row } of metadata) touch(row);
  const exemplars = newExemplars(state, b);
  for (const { row } of exemplars) touch(row);
  return { fresh, metadata, exemplars };
}

export function unmark(state: HeadState, extras: BatchExtras): void {
  for (const row of extras.fresh) state.series.flags[row]! &= ~LOGGED;
}

/** Writes the records of a commit into r; false: there is nothing to log. */
export function putBatch(state: HeadState, b: Batch, extras: BatchExtras, r: Records): boolean {
  const { w, ends } = r;
  const s = state.series;
  w.n = 0;
  r.late.n = 0;
  ends.length = 0;
  r.lateEnds.length = 0;
  if (extras.fresh.length > 0) {
    beginRecord(w, RECORD.series);
    for (const row of extras.fresh) putSeriesRow(state, w, row);
    ends.push(w.n);
  }
  if (extras.metadata.length > 0) {
    beginRecord(w, RECORD.metadata);
    for (const { row, number } of extras.metadata)
      putMetadata(w, s.walRef[row]!, state.metadata.entry(number));
    ends.push(w.n);
  }
  if (b.simple && !state.xor2) {
    if (b.taken > 0) {
      putSamples(w, b.wal, b.taken);
      ends.push(w.n);
    }
  } else {
    let from = 0;
    for (const to of b.parts) {
      putPart(state, b, from, to, false, w, ends);
      from = to;
    }
    putPart(state, b, 0, b.taken, true, r.late, r.lateEnds);
  }
  if (extras.exemplars.length > 0) {
    putExemplars(
      w,
      extras.exemplars.map(({ row, e }): LoggedExemplar => ({
        ref: s.walRef[row]!,
        t: e.t_ms,
        value: e.value,
        labels: e.labels,
      })),
    );
    ends.push(w.n);
  }
  return ends.length > 0 || r.lateEnds.length > 0;
}

/** Samples [from, to) of the batch that are late, or are not: floats first, then histograms, as the log has them. */
function putPart(
  state: HeadState,
  b: Batch,
  from: number,
  to: number,
  late: boolean,
  w: ByteWriter,
  ends: number[],
): void {
  const floats = newColumns(to - from, state.xor2);
  const histograms = newColumns(to - from, state.xor2);
  const kind = new Uint8Array(to - from);
  const row = new Uint32Array(to - from);
  let n = 0;
  let m = 0;
  for (let i = from; i < to; i++) {
    const mode = b.mode[i]!;
    const isLate = (mode & LATE) !== 0;
    if (isLate !== late) continue;
    const offer = b.offer[i]!;
    const isFloat = (mode & 3) === KIND.float;
    const columns = isFloat ? floats : histograms;
    const k = isFloat ? n++ : m++;
    columns.ref[k] = b.wal.ref[i]!;
    columns.t[k] = b.wal.t[i]!;
    if (columns.st !== null) columns.st[k] = b.st === null ? 0 : b.st[offer]!;
    if (isFloat) {
      columns.value[2 * k] = b.wal.value[2 * i]!;
      columns.value[2 * k + 1] = b.wal.value[2 * i + 1]!;
    } else {
      kind[k] = mode & 3;
      row[k] = b.from[offer]!;
    }
  }
  if (n > 0) {
    putSamples(w, floats, n);
    ends.push(w.n);
  }
  if (m > 0) putHistograms(w, { ...histograms, kind, row, h: b.h }, m, ends);
}

function newColumns(n: number, withSt: boolean): SampleColumns & { st: Float64Array | null } {
  return {
    ref: new Float64Array(n),
    t: new Float64Array(n),
    value: new Uint32Array(2 * n),
    st: withSt ? new Float64Array(n) : null,
  };
}

export function putSeriesRow(state: HeadState, w: ByteWriter, row: number): void {
  const s = state.series;
  const { symbols } = state;
  const at = s.labelsAt[row]!;
  putSeries(w, s.walRef[row]!, 2 * s.labelCount[row]!, {
    length: (i) => symbols.byteLength(s.labels.words[at + i]!),
    copy: (i, b, to) => symbols.copy(s.labels.words[at + i]!, b, to),
  });
}

function changedMetadata(state: HeadState, b: Batch): BatchExtras['metadata'] {
  const changed: BatchExtras['metadata'] = [];
  for (const { ref, m } of b.metadata) {
    const row = rowOf(state.series, ref);
    if (row === 0) continue;
    const number = state.metadata.intern(metricNameOf(state.series, state.symbols, row), m);
    if (number !== 0 && number !== state.series.metadata[row]) changed.push({ row, number });
  }
  return changed;
}

function newExemplars(state: HeadState, b: Batch): BatchExtras['exemplars'] {
  const taken: BatchExtras['exemplars'] = [];
  if (state.exemplars.limit() === 0) return taken;
  for (const { ref, e } of b.exemplars) {
    const row = rowOf(state.series, ref);
    if (row === 0) continue;
    const t_ms = e.t_ms === 0 ? state.series.judgedT[row]! : e.t_ms;
    if (!Number.isInteger(t_ms)) continue;
    const exemplar = { labels: e.labels, value: e.value, t_ms };
    const fault = state.exemplars.judge(row, exemplar);
    if (fault === '') taken.push({ row, e: exemplar });
    else if (fault === 'out of order') state.counters.exemplarsOutOfOrder++;
  }
  return taken;
}
