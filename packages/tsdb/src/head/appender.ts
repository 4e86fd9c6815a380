// The head as its writers see it: judge, log, publish.
import {
  FAULT,
  FAULT_TEXT,
  KIND,
  StorageError,
  validateHistogram,
  type Appender,
  type CommitResult,
  type HistogramColumns,
  type Labels,
  type SeriesRef,
} from '@munjigi/model';
import { LATE, clearBatch, newBatch, offerFloats, offerHistogram, type Batch } from './batch.ts';
import {
  collectExtras,
  newRecords,
  putBatch,
  unmark,
  type BatchExtras,
  type Records,
} from './batch-records.ts';
import { countFaults, judge, undoJudging } from './judge.ts';
import { appendFloat, appendHistogram } from './open-chunk.ts';
import { publishOutOfOrder } from './ooo.ts';
import { addPostings } from './postings.ts';
import {
  MAX_LABELS,
  PUBLISHED,
  YOUNG,
  addRow,
  findRow,
  hashSymbols,
  judgeLabels,
  refOf,
  symbolsOf,
} from './series.ts';
import type { HeadState, LogPosition } from './state.ts';
import { histogramMaxBytes } from '../chunk/histogram-encode.ts';
import { MAX_SLOT_UNITS, SMALL_SLOT_UNITS, UNIT_BYTES } from '../chunk/slots.ts';

/** Where commits go: a log, or nowhere (a head in memory only). */
export interface Log {
  /** Writes the records or throws StorageError with nothing written. `maxt` is the newest time in them. */
  write(r: Records, maxt: number): void;
  /** Where the next record begins. */
  position(): LogPosition;
  /** Resolves when what was written so far is as durable as a commit promises. Null: it is already. */
  durable(): Promise<void> | null;
}

export interface Writer {
  readonly state: HeadState;
  readonly log: Log | null;
  /** Why nothing can be written now. */
  closed(): StorageError | null;
}

const POOLED_BATCHES = 8;
const POOLED_SAMPLES = 65_536;

/** Makes appenders that share buffers. */
export function newAppenders(writer: Writer): () => Appender {
  const pool: Batch[] = [];
  const records = newRecords();
  const symbols = new Uint32Array(2 * MAX_LABELS);

  function giveBack(batch: Batch): void {
    clearBatch(batch);
    if (pool.length < POOLED_BATCHES && batch.t.length <= POOLED_SAMPLES) pool.push(batch);
  }

  return () => {
    const { state } = writer;
    const batch = pool.pop() ?? newBatch();
    let open = true;

    function take(): Batch {
      if (!open) throw new StorageError('ECLOSED', 'this appender was used: take another one', false);
      open = false;
      return batch;
    }

    return {
      series: (labels) => findOrCreate(state, batch, symbols, labels),
      find: (labels) => find(state, symbols, labels),
      floats: (refs, t, v, st, n) => offerFloats(batch, refs, t, v, st, n),
      histogram(ref, t_ms, kind, h, row, st_ms = 0): void {
        let fault: number = FAULT.none;
        if (kind !== KIND.histogram && kind !== KIND.floatHistogram) fault = FAULT.unsupported;
        else if (validateHistogram(h, row, kind) !== null) fault = FAULT.bad_histogram;
        else if (histogramMaxBytes(h, row) > MAX_SLOT_UNITS * UNIT_BYTES) fault = FAULT.unsupported;
        offerHistogram(batch, ref, t_ms, kind, h, row, st_ms, fault);
      },
      exemplar(ref, e): void {
        batch.exemplars.push({ ref, e });
      },
      metadata(ref, m): void {
        batch.metadata.push({ ref, m });
      },
      commit: () => commit(writer, take(), records, giveBack),
      rollback(): void {
        state.counters.rollbacks++;
        giveBack(take());
      },
    };
  };
}

function find(state: HeadState, symbols: Uint32Array, labels: Labels): SeriesRef {
  if (labels.length > symbols.length || !symbolsOf(state.symbols, labels, symbols, false)) return 0;
  const row = findRow(state.series, symbols, labels.length, hashSymbols(symbols, 0, labels.length));
  if (row === 0) return 0;
  // A sweep between this and the commit must not drop it.
  state.series.flags[row]! |= YOUNG;
  return refOf(state.series, row);
}

function findOrCreate(state: HeadState, batch: Batch, symbols: Uint32Array, labels: Labels): SeriesRef {
  const fault = judgeLabels(labels);
  if (fault !== FAULT.none) return refuse(state, batch, fault);
  const s = state.series;
  const known = find(state, symbols, labels);
  if (known !== 0) return known;
  if (state.maxSeries > 0 && s.live >= state.maxSeries) return refuse(state, batch, FAULT.limit);
  if (!symbolsOf(state.symbols, labels, symbols, true)) return refuse(state, batch, FAULT.bad_labels);
  const hash = hashSymbols(symbols, 0, labels.length);
  const row = addRow(s, symbols, labels.length, hash, ++state.lastWalRef);
  batch.created++;
  return refOf(s, row);
}

function refuse(state: HeadState, batch: Batch, fault: number): SeriesRef {
  batch.refused ??= new Uint32Array(FAULT_TEXT.length);
  batch.refused[fault]!++;
  if (fault === FAULT.limit) state.counters.limited++;
  else state.counters.badLabels++;
  return 0;
}

async function commit(
  writer: Writer,
  batch: Batch,
  records: Records,
  giveBack: (b: Batch) => void,
): Promise<CommitResult> {
  const { state, log } = writer;
  const closed = writer.closed() ?? outOfMemory(state, batch);
  if (closed !== null) {
    giveBack(batch);
    throw closed;
  }
  const result = judge(state, batch);
  countFaults(state, result.faults);
  const extras = collectExtras(state, batch);
  let end: LogPosition | null = null;
  if (log !== null && putBatch(state, batch, extras, records)) {
    try {
      log.write(records, batch.maxt);
    } catch (error) {
      unmark(state, extras);
      undoJudging(state, batch);
      giveBack(batch);
      throw error;
    }
    end = log.position();
  }
  for (const { row, number } of extras.metadata) state.series.metadata[row] = number;
  state.counters.commits++;
  const { ticket, visible } = state.turns.enqueue(() => {
    publish(state, batch, extras);
    if (end !== null) Object.assign(state.visibleTo, end);
  });
  const durable = log?.durable() ?? null;
  if (durable !== null) {
    try {
      await durable;
    } catch (error) {
      // The log takes nothing more after this: nobody will be judged against what stays unseen.
      state.turns.drop(ticket);
      throw error;
    }
  }
  state.turns.release(ticket);
  await visible;
  giveBack(batch);
  return result;
}

/** Whether chunk memory could run out while the batch is published: then nothing may be promised. */
function outOfMemory(state: HeadState, batch: Batch): StorageError | null {
  const { slots } = state;
  let units = 2 * SMALL_SLOT_UNITS * batch.n;
  // A chunk of 2 KiB, or of ten samples of the size of the largest, that is coded anew.
  for (let i = 0; i < batch.h.n; i++)
    units += 2 * Math.min(MAX_SLOT_UNITS, 128 + Math.ceil((24 * histogramMaxBytes(batch.h, i)) / UNIT_BYTES));
  if (slots.roomUnits() + slots.freeUnits() / 4 >= units) return null;
  return new StorageError(
    'ENOMEM',
    'chunk memory is used up: shorten the retention, drop series, or raise the limit of pages',
    true,
  );
}

/** Makes a logged batch visible, whole: nothing here yields. */
function publish(state: HeadState, batch: Batch, extras: BatchExtras): void {
  const { row: rows, wal, mode } = batch;
  let late = 0;
  let histograms = 0;
  if (batch.simple)
    for (let i = 0; i < batch.taken; i++)
      publishFloat(state, rows[i]!, wal.t[i]!, wal.value[2 * i]!, wal.value[2 * i + 1]!, 0);
  else
    for (let i = 0; i < batch.taken; i++) {
      const row = rows[i]!;
      const kind = mode[i]! & 3;
      const offer = batch.offer[i]!;
      const st = batch.st === null ? 0 : batch.st[offer]!;
      if (kind !== KIND.float) histograms++;
      if ((mode[i]! & LATE) !== 0) {
        late++;
        publishLate(state, row, wal.t[i]!);
      } else if (kind === KIND.float)
        publishFloat(state, row, wal.t[i]!, wal.value[2 * i]!, wal.value[2 * i + 1]!, st);
      else publishHistogram(state, row, wal.t[i]!, kind, batch.h, batch.from[offer]!, st);
    }
  state.counters.appended += batch.taken - histograms;
  state.counters.appendedHistograms += histograms;
  state.counters.appendedOutOfOrder += late;
  for (const { row, e } of extras.exemplars)
    if (state.exemplars.add(row, e as never)) state.counters.exemplars++;
}

/** Puts a series into the postings, once. */
export function showSeries(state: HeadState, row: number): void {
  const s = state.series;
  if ((s.flags[row]! & PUBLISHED) !== 0) return;
  s.flags[row]! |= PUBLISHED;
  addPostings(state.postings, s.labels.words, s.labelsAt[row]!, 2 * s.labelCount[row]!, row);
}

/** Takes an in-order time into the head's range. */
export function widen(state: HeadState, t: number): void {
  if (t > state.maxt) state.maxt = t;
  if (t < state.mint) state.mint = t;
}

export function publishFloat(
  state: HeadState,
  row: number,
  t: number,
  high: number,
  low: number,
  st: number,
): void {
  showSeries(state, row);
  appendFloat(state, row, t, high, low, st);
  widen(state, t);
}

export function publishHistogram(
  state: HeadState,
  row: number,
  t: number,
  kind: number,
  h: HistogramColumns,
  from: number,
  st: number,
): void {
  showSeries(state, row);
  appendHistogram(state, row, t, kind, h, from, st);
  widen(state, t);
}

export function publishLate(state: HeadState, row: number, t: number): void {
  showSeries(state, row);
  publishOutOfOrder(state, row);
  if (t > state.outOfOrderMaxt) state.outOfOrderMaxt = t;
  if (t < state.outOfOrderMint) state.outOfOrderMint = t;
}
