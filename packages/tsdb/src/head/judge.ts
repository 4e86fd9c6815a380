// Judging: which samples of a batch are taken, one by one, by the rules of Prometheus 3.16.
import { FAULT, HIGH, KIND, LOW, STALE_HIGH, STALE_LOW, appendEmptyRows, halvesOf } from '@munjigi/model';
import type { CommitResult, Fault } from '@munjigi/model';
import { LATE, type Batch } from './batch.ts';
import { newestKind } from './chunk-table.ts';
import { hashHistogram } from './histogram-hash.ts';
import { offerOutOfOrder, takeBackOutOfOrder } from './ooo.ts';
import { UNKNOWN_KIND, rowOf } from './series.ts';
import { oldestAppendable, type HeadState } from './state.ts';
import { TIME_LIMIT_MS } from '../chunk/xor-encode.ts';

/** Which kind of histograms a series has in the part of the batch that is being judged, by row. */
const kindInPart: Map<number, number> = new Map();
const hash: Uint32Array = new Uint32Array(2);

/**
 * Judges the samples against what was judged before (visible or not): the taken ones stand in the batch afterwards and count as the newest
 * of their series, or stand in its out-of-order group, until `undoJudging`. A head that holds nothing is judged from the batch's
 * first sample on.
 */
export function judge(state: HeadState, b: Batch): CommitResult {
  const s = state.series;
  const newestOfAll = state.judgedMaxt === -Infinity && b.n > 0 ? b.t[0]! : state.judgedMaxt;
  const minValid = oldestAppendable(state, newestOfAll);
  const window_ms = state.outOfOrderWindow_ms;
  const { ref, t, bits, row: rows, wal } = b;
  let faults: Uint8Array | null = null;
  let accepted = 0;
  b.oldMaxt = state.judgedMaxt;
  b.maxt = -Infinity;
  b.taken = 0;
  b.simple = b.st === null || !state.xor2;
  b.parts = [];
  kindInPart.clear();
  for (let i = 0; i < b.n; i++) {
    const time = t[i]!;
    const row = rowOf(s, ref[i]!);
    let fault: Fault = FAULT.none;
    if (row === 0) fault = b.early.get(i) ?? FAULT.stale_ref;
    else if (!(time >= -TIME_LIMIT_MS && time <= TIME_LIMIT_MS) || time !== Math.floor(time))
      fault = FAULT.unsupported;
    else {
      let high = bits[2 * i + HIGH]!;
      let low = bits[2 * i + LOW]!;
      let kind = b.kind[i]!;
      if (b.early.size > 0) fault = b.early.get(i) ?? FAULT.none;
      if (kind === KIND.float && high === STALE_HIGH && low === STALE_LOW) kind = staleKind(state, b, i, row);
      if (kind !== KIND.float && fault === FAULT.none) {
        hashHistogram(b.h, b.from[i]!, hash, 0);
        high = hash[0]!;
        low = hash[1]!;
      }
      const newest = s.judgedT[row]!;
      if (fault !== FAULT.none) {
        // Known when it was offered.
      } else if (time > newest && time >= minValid) {
        const at = b.taken;
        b.oldT[at] = newest;
        b.oldValue[2 * at] = s.judgedValue[2 * row]!;
        b.oldValue[2 * at + 1] = s.judgedValue[2 * row + 1]!;
        b.oldKind[at] = s.judgedKind[row]!;
        s.judgedT[row] = time;
        s.judgedValue[2 * row] = high;
        s.judgedValue[2 * row + 1] = low;
        s.judgedKind[row] = kind;
        rows[at] = row;
        b.mode[at] = kind;
        b.offer[at] = i;
        wal.ref[at] = s.walRef[row]!;
        wal.t[at] = time;
        wal.value[2 * at] = high;
        wal.value[2 * at + 1] = low;
        if (kind !== KIND.float || kindInPart.size > 0) notePart(b, row, kind);
        b.taken = at + 1;
        if (time > b.maxt) b.maxt = time;
      } else if (time === newest && time >= minValid) {
        const known = s.judgedKind[row]!;
        const same =
          known === UNKNOWN_KIND ||
          (known === kind && s.judgedValue[2 * row] === high && s.judgedValue[2 * row + 1] === low);
        if (!same) fault = FAULT.duplicate;
      } else if (window_ms > 0)
        fault =
          time >= newestOfAll - window_ms ? takeLate(state, b, i, row, kind, time, high, low) : FAULT.too_old;
      else fault = time < minValid ? FAULT.too_old : FAULT.out_of_order;
    }
    if (fault === FAULT.none) accepted++;
    else {
      faults ??= new Uint8Array(b.n);
      faults[i] = fault;
    }
  }
  b.parts.push(b.taken);
  if (b.maxt > state.judgedMaxt) state.judgedMaxt = b.maxt;
  return {
    accepted,
    faults: faults ?? new Uint8Array(0),
    refused: b.refused ?? new Uint32Array(0),
    created: b.created,
  };
}

/** A staleness mark of a series whose newest sample is a histogram is a histogram too. */
function staleKind(state: HeadState, b: Batch, i: number, row: number): number {
  const kind = newestKind(state, row);
  if (kind === KIND.float) return kind;
  const from = b.h.n;
  appendEmptyRows(b.h, 1);
  const sum = halvesOf(b.h.sum);
  sum[2 * from + HIGH] = STALE_HIGH;
  sum[2 * from + LOW] = STALE_LOW;
  b.from[i] = from;
  return kind;
}

/** Begins a new part where the records of this one would change the order of the series' samples. */
function notePart(b: Batch, row: number, kind: number): void {
  b.simple = false;
  const before = kindInPart.get(row);
  if (before !== undefined && before !== kind) {
    b.parts.push(b.taken);
    kindInPart.clear();
  }
  if (kind !== KIND.float) kindInPart.set(row, kind);
}

function takeLate(
  state: HeadState,
  b: Batch,
  i: number,
  row: number,
  kind: number,
  time: number,
  high: number,
  low: number,
): Fault {
  const st = b.st === null ? 0 : b.st[i]!;
  const what = offerOutOfOrder(state, row, kind, time, high, low, st, b.h, b.from[i]!);
  if (what === 2) return FAULT.duplicate;
  if (what === 1) return FAULT.none;
  const at = b.taken++;
  b.simple = false;
  b.row[at] = row;
  b.mode[at] = kind | LATE;
  b.offer[at] = i;
  b.wal.ref[at] = state.series.walRef[row]!;
  b.wal.t[at] = time;
  b.wal.value[2 * at] = high;
  b.wal.value[2 * at + 1] = low;
  return FAULT.none;
}

/** As if the batch had never been judged. Only before any other batch is. */
export function undoJudging(state: HeadState, b: Batch): void {
  const s = state.series;
  for (let i = b.taken - 1; i >= 0; i--) {
    const row = b.row[i]!;
    if ((b.mode[i]! & LATE) !== 0) {
      takeBackOutOfOrder(state, row);
      continue;
    }
    s.judgedT[row] = b.oldT[i]!;
    s.judgedValue[2 * row] = b.oldValue[2 * i]!;
    s.judgedValue[2 * row + 1] = b.oldValue[2 * i + 1]!;
    s.judgedKind[row] = b.oldKind[i]!;
  }
  state.judgedMaxt = b.oldMaxt;
  b.taken = 0;
}

export function countFaults(state: HeadState, faults: Uint8Array): void {
  const c = state.counters;
  for (const fault of faults) {
    if (fault === FAULT.out_of_order) c.outOfOrder++;
    else if (fault === FAULT.too_old) {
      if (state.outOfOrderWindow_ms > 0) c.tooOld++;
      else c.outOfBounds++;
    } else if (fault === FAULT.duplicate) c.duplicate++;
    else if (fault === FAULT.stale_ref) c.staleRef++;
    else if (fault === FAULT.limit) c.limited++;
    else if (fault === FAULT.unsupported) c.unsupported++;
    else if (fault === FAULT.bad_histogram) c.badHistograms++;
  }
}
