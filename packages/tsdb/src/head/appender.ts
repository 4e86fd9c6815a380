// The head as its writers see it: judge, log, publish.
import {
  FAULT,
  FAULT_TEXT,
  StorageError,
  type Appender,
  type CommitResult,
  type Labels,
  type SeriesRef,
} from '@munjigi/model';
import { clearBatch, countFaults, growBatch, judge, newBatch, undoJudging, type Batch } from './batch.ts';
import { appendSample } from './chunk-table.ts';
import { addPostings } from './postings.ts';
import {
  LOGGED,
  MAX_LABELS,
  PUBLISHED,
  addRow,
  findRow,
  hashSymbols,
  judgeLabels,
  metricNameOf,
  refOf,
  rowOf,
  symbolsOf,
} from './series.ts';
import type { HeadState } from './state.ts';
import { MAX_SLOT_UNITS } from '../chunk/slots.ts';
import { newByteWriter, type ByteWriter } from '../wal/bytes.ts';
import { RECORD, beginRecord, putMetadata, putSamples, putSeries } from '../wal/record.ts';

/** Where commits go: a log, or nowhere (a head in memory only). */
export interface Log {
  /** Writes the records or throws StorageError with nothing written. `maxt` is the newest time in them. */
  write(w: ByteWriter, ends: readonly number[], maxt: number): void;
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
  const records = newByteWriter(64 * 1024);
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

    function offer(ref: number, t: number): void {
      growBatch(batch, 1);
      batch.ref[batch.n] = ref;
      batch.t[batch.n] = t;
      batch.n++;
    }

    return {
      series: (labels) => findOrCreate(state, batch, symbols, labels),
      floats(refs, t, v, _st, n): void {
        growBatch(batch, n);
        batch.ref.set(refs.subarray(0, n), batch.n);
        batch.t.set(t.subarray(0, n), batch.n);
        batch.v.set(v.subarray(0, n), batch.n);
        batch.n += n;
      },
      histogram(_ref, t_ms): void {
        batch.early.set(batch.n, FAULT.unsupported);
        offer(0, t_ms);
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

function findOrCreate(state: HeadState, batch: Batch, symbols: Uint32Array, labels: Labels): SeriesRef {
  const fault = judgeLabels(labels);
  if (fault !== FAULT.none) return refuse(state, batch, fault);
  const s = state.series;
  if (symbolsOf(state.symbols, labels, symbols, false)) {
    const row = findRow(s, symbols, labels.length, hashSymbols(symbols, 0, labels.length));
    if (row !== 0) return refOf(s, row);
  }
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
  records: ByteWriter,
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
  try {
    writeRecords(state, log, batch, records);
  } catch (error) {
    undoJudging(state, batch);
    giveBack(batch);
    throw error;
  }
  state.counters.commits++;
  const { ticket, visible } = state.turns.enqueue(() => publish(state, batch));
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
  if (slots.roomUnits() + slots.freeUnits() / 4 >= 2 * MAX_SLOT_UNITS * batch.n) return null;
  return new StorageError(
    'ENOMEM',
    'chunk memory is used up: shorten the retention, drop series, or raise the limit of pages',
    true,
  );
}

function writeRecords(state: HeadState, log: Log | null, batch: Batch, w: ByteWriter): void {
  const s = state.series;
  const fresh: number[] = [];
  const touch = (row: number): void => {
    if ((s.flags[row]! & LOGGED) !== 0) return;
    s.flags[row]! |= LOGGED;
    fresh.push(row);
  };
  for (let i = 0; i < batch.taken; i++) touch(batch.row[i]!);
  const changed = changedMetadata(state, batch);
  for (const { row } of changed) touch(row);
  if (log !== null && (batch.taken > 0 || changed.length > 0)) {
    w.n = 0;
    const ends: number[] = [];
    if (fresh.length > 0) {
      beginRecord(w, RECORD.series);
      for (const row of fresh) putSeriesRow(state, w, row);
      ends.push(w.n);
    }
    if (changed.length > 0) {
      beginRecord(w, RECORD.metadata);
      for (const { row, number } of changed) putMetadata(w, s.walRef[row]!, state.metadata.entry(number));
      ends.push(w.n);
    }
    if (batch.taken > 0) {
      putSamples(w, batch.wal, batch.taken);
      ends.push(w.n);
    }
    try {
      log.write(w, ends, batch.maxt);
    } catch (error) {
      for (const row of fresh) s.flags[row]! &= ~LOGGED;
      throw error;
    }
  }
  for (const { row, number } of changed) s.metadata[row] = number;
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

function changedMetadata(state: HeadState, batch: Batch): { row: number; number: number }[] {
  const changed: { row: number; number: number }[] = [];
  for (const { ref, m } of batch.metadata) {
    const row = rowOf(state.series, ref);
    if (row === 0) continue;
    const number = state.metadata.intern(metricNameOf(state.series, state.symbols, row), m);
    if (number !== 0 && number !== state.series.metadata[row]) changed.push({ row, number });
  }
  return changed;
}

/** Makes a logged batch visible, whole: nothing here yields. */
function publish(state: HeadState, batch: Batch): void {
  const { row: rows, wal } = batch;
  for (let i = 0; i < batch.taken; i++)
    publishSample(state, rows[i]!, wal.t[i]!, wal.value[2 * i]!, wal.value[2 * i + 1]!);
  state.counters.appended += batch.taken;
  for (const { ref, e } of batch.exemplars) {
    const row = rowOf(state.series, ref);
    if (row === 0) continue;
    const t_ms = e.t_ms === 0 ? state.series.judgedT[row]! : e.t_ms;
    state.exemplars.add(row, state.series.generation[row]!, { labels: e.labels, value: e.value, t_ms });
    state.counters.exemplars++;
  }
}

export function publishSample(state: HeadState, row: number, t: number, high: number, low: number): void {
  const s = state.series;
  if ((s.flags[row]! & PUBLISHED) === 0) {
    s.flags[row]! |= PUBLISHED;
    addPostings(state.postings, s.labels.words, s.labelsAt[row]!, 2 * s.labelCount[row]!, row);
  }
  appendSample(state, row, t, high, low);
  if (t > state.maxt) state.maxt = t;
  if (t < state.mint) state.mint = t;
}
