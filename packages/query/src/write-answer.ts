// The JSON envelope of a result as a stream of pieces: each some ms of work, made only when the one before it was taken, so that an answer of
// any size needs the room of a few pieces. Pieces of a large matrix are shared out to other workers, as writing a number takes longer than
// computing it.
import {
  takeBytes,
  writeResult,
  type Annotation,
  type Budget,
  type MatrixResult,
  type Result,
  type VectorResult,
} from '@munjigi/promql';
import type { Buffers } from './buffers.ts';
import { TRUNCATED } from './request.ts';

/** Points of one piece: some 2 ms of work, and about 1 MB, which is on its way while the next is made. */
const POINTS_PER_PIECE = 32_000;
/** Fewer points are written by one worker. */
const SHARE_FROM_POINTS = 100_000;
/** What a row's labels count as, in points. */
const POINTS_PER_LABELS = 8;
/** What a histogram counts as, in points. */
const POINTS_PER_HISTOGRAM = 20;
/** A point as JSON, at most. */
const POINT_BYTES = 64;
/** A piece with its labels, in numbers of 17 digits. */
const USUAL_PIECE_BYTES: number = 40 * POINTS_PER_PIECE;
/** Pieces are put together until they are worth a message to another thread. */
const MESSAGE_BYTES: number = 256 * 1024;

export interface AnswerParts {
  /** Series at most; 0: all. */
  readonly limit: number;
  /** Warnings of the store. */
  readonly warnings: readonly string[];
  /** Fields after `result`, as JSON text: '' or `,"name":value`. Called when the result is written. */
  readonly more: () => string;
}

/** Another worker that writes rows. */
export interface Writer {
  /** The rows as JSON, separated by commas, without brackets, in `into` if they fit. Rejects with code EPIPE when that worker has ended. */
  write(rows: MatrixResult, into: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}

type Pause = () => Promise<void>;

/** Takes the room that the pieces on their way need, at the most, before any is made. Throws QueryError ('memory'). */
export function takeAnswerRoom(budget: Budget, result: Result, writers: number): void {
  const points = 'labels' in result ? weightOf(result, 0, result.labels.length) : 0;
  // One is made by each writer, one put together, one ready, one on its way.
  takeBytes(budget, POINT_BYTES * Math.min(points, POINTS_PER_PIECE * (writers + 4)));
}

/** The whole envelope, piece by piece; each belongs to who takes it. */
export async function* answerPieces(
  result: Result,
  parts: AnswerParts,
  pause: Pause,
  buffers: Buffers,
  writers: readonly Writer[] = [],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let held: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  let n = 0;
  for await (const piece of smallPieces(result, parts, { pause, buffers, writers })) {
    if (n + piece.length > held.length) {
      const longer = buffers.take(n + piece.length);
      longer.set(held.subarray(0, n));
      buffers.give(held);
      held = longer;
    }
    held.set(piece, n);
    n += piece.length;
    if (n < MESSAGE_BYTES) continue;
    yield held.subarray(0, n);
    held = new Uint8Array(0);
    n = 0;
  }
  if (n > 0) yield held.subarray(0, n);
}

/** With what rows are written. */
interface Means {
  readonly pause: Pause;
  readonly buffers: Buffers;
  readonly writers: readonly Writer[];
}

const encoder = new TextEncoder();
const HEADS = {
  matrix: '{"resultType":"matrix","result":[',
  vector: '{"resultType":"vector","result":[',
} as const;
const COMMA = Uint8Array.of(0x2c);

/** Each is valid until the next one is asked for. */
async function* smallPieces(
  result: Result,
  { limit, warnings, more }: AnswerParts,
  means: Means,
): AsyncGenerator<Uint8Array> {
  const count = 'labels' in result ? result.labels.length : 0;
  const truncated = limit > 0 && count > limit;
  const allWarnings = [...warnings, ...texts(result, 'warning'), ...(truncated ? [TRUNCATED] : [])];
  yield encoder.encode('{"status":"success","data":');
  if (result.type === 'matrix' || result.type === 'vector') {
    yield encoder.encode(HEADS[result.type]);
    yield* rowPieces(result, truncated ? limit : count, means);
    yield encoder.encode(']');
  }
  // Without its last brace: `more` goes inside.
  else yield writeResult(result).subarray(0, -1);
  let tail = `${more()}}`;
  if (allWarnings.length > 0) tail += `,"warnings":${JSON.stringify(shown(allWarnings, 'warning'))}`;
  const infos = texts(result, 'info');
  if (infos.length > 0) tail += `,"infos":${JSON.stringify(shown(infos, 'info'))}`;
  yield encoder.encode(`${tail}}`);
}

/** Rows [0, count), each with a comma before it but the first. As many pieces are made at once as there are writers, this one included. */
async function* rowPieces(
  rows: MatrixResult | VectorResult,
  count: number,
  { pause, buffers, writers }: Means,
): AsyncGenerator<Uint8Array> {
  const lanes = rows.type === 'matrix' && weightOf(rows, 0, count) >= SHARE_FROM_POINTS ? writers : [];
  const runs = runsOf(rows, count);
  const made: Promise<Uint8Array<ArrayBuffer>>[] = [];
  let next = 0;
  const start = (): void => {
    const run = runs.next();
    if (run.done === true) return;
    // Every writer in turn, this thread first.
    const lane = next++ % (1 + lanes.length);
    const piece =
      lane === 0
        ? here(rows, run.value, pause, buffers)
        : there(lanes[lane - 1]!, rows as MatrixResult, run.value, pause, buffers);
    // Awaited in its turn; an earlier one's error may come first.
    piece.catch(() => undefined);
    made.push(piece);
  };
  for (let i = 0; i < 1 + lanes.length; i++) start();
  for (let first = true; made.length > 0; first = false) {
    const piece = await made.shift()!;
    if (!first) yield COMMA;
    yield piece;
    buffers.give(piece);
    start();
  }
}

/** What makes a piece: rows [from, to), or the samples `of` one long row, which is opened by its first run and closed by its last. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly of: {
    readonly from: number;
    readonly to: number;
    readonly opens: boolean;
    readonly closes: boolean;
  } | null;
}

function* runsOf(rows: MatrixResult | VectorResult, count: number): Generator<Run> {
  for (let from = 0; from < count;) {
    let to = from + 1;
    let weight = weightOf(rows, from, to);
    while (to < count && (weight += weightOf(rows, to, to + 1)) <= POINTS_PER_PIECE) to++;
    if (rows.type === 'matrix' && rows.grid === null && rows.histograms === null && to === from + 1)
      yield* partsOf(rows.first, from);
    else yield { from, to, of: null };
    from = to;
  }
}

function* partsOf(first: Uint32Array, row: number): Generator<Run> {
  const [a, b] = [first[row]!, first[row + 1]!];
  for (let from = a; from === a || from < b; from += POINTS_PER_PIECE) {
    const to = Math.min(b, from + POINTS_PER_PIECE);
    yield { from: row, to: row + 1, of: { from, to, opens: from === a, closes: to === b } };
  }
}

/** The rows of a run; of a long row the samples of the run only. */
function rowsOfRun(rows: MatrixResult, { from, to, of }: Run): MatrixResult {
  const part = rowsOf(rows, from, to);
  return of === null || part.grid !== null ? part : { ...part, first: Uint32Array.of(of.from, of.to) };
}

/** A run's rows as JSON, without what a long row has before its first and behind its last point. */
function cut(rows: MatrixResult, { of }: Run, written: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (of === null || rows.grid !== null) return written;
  const empty = writeRows({ ...rows, first: Uint32Array.of(of.from, of.from) });
  return written.subarray(
    of.opens ? 0 : empty.length - POINTS_END.length,
    of.closes ? written.length : -POINTS_END.length,
  );
}

async function here(
  rows: MatrixResult | VectorResult,
  run: Run,
  pause: Pause,
  buffers: Buffers,
): Promise<Uint8Array<ArrayBuffer>> {
  if (run.from > 0 || run.of?.opens === false) await pause();
  if (rows.type === 'vector') return writeRows(vectorRows(rows, run.from, run.to), buffers.take);
  const part = rowsOfRun(rows, run);
  return cut(part, run, writeRows(part, buffers.take));
}

async function there(
  writer: Writer,
  rows: MatrixResult,
  run: Run,
  pause: Pause,
  buffers: Buffers,
): Promise<Uint8Array<ArrayBuffer>> {
  const part = rowsOfRun(rows, run);
  try {
    return cut(part, run, await writer.write(part, buffers.take(USUAL_PIECE_BYTES)));
  } catch (error) {
    if ((error as { code?: string }).code !== 'EPIPE') throw error;
    return here(rows, run, pause, buffers);
  }
}

/** What ends a row behind its points. */
const POINTS_END = ']}';

/** The rows as JSON, separated by commas, without brackets; written where `room` says, if it is large enough. */
export function writeRows(
  rows: MatrixResult | VectorResult,
  room?: (bytes: number) => Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  return writeResult({ ...rows, ...NOTHING }, room === undefined ? {} : { room }).subarray(
    HEADS[rows.type].length,
    -2,
  );
}

const NOTHING = { annotations: [], samplesRead: 0 };

/** At most how many points rows [from, to) are, with their labels. */
function weightOf(rows: MatrixResult | VectorResult, from: number, to: number): number {
  const each = rows.histograms === null ? 1 : POINTS_PER_HISTOGRAM;
  const labels = (to - from) * POINTS_PER_LABELS;
  if (rows.type === 'vector') return labels + (to - from) * each;
  return (
    labels + each * (rows.grid === null ? rows.first[to]! - rows.first[from]! : (to - from) * rows.grid.steps)
  );
}

function vectorRows(v: VectorResult, from: number, to: number): VectorResult {
  return {
    type: 'vector',
    t_ms: v.t_ms,
    labels: v.labels.slice(from, to),
    values: v.values.subarray(from, to),
    histograms: v.histograms === null ? null : v.histograms.slice(from, to),
  };
}

/** Rows [from, to): views of the same columns. */
function rowsOf(m: MatrixResult, from: number, to: number): MatrixResult {
  const labels = m.labels.slice(from, to);
  if (m.grid === null)
    return {
      type: 'matrix',
      labels,
      values: m.values,
      histograms: m.histograms,
      grid: null,
      times: m.times,
      first: m.first.subarray(from, to + 1),
    };
  const { grid } = m;
  const [a, b] = [from * grid.steps, to * grid.steps];
  return {
    type: 'matrix',
    labels,
    values: m.values.subarray(a, b),
    histograms: m.histograms === null ? null : m.histograms.slice(a, b),
    grid,
    present: m.present.subarray(a, b),
  };
}

/** A histogram between threads, about. */
const HISTOGRAM_BYTES = 1024;

/** Rows with columns of their own, to be moved to another thread, and what the copy cost. */
export function copyRows(m: MatrixResult): {
  rows: MatrixResult;
  transfer: ArrayBuffer[];
  copiedBytes: number;
} {
  let copiedBytes = 0;
  for (const labels of m.labels) for (const text of labels) copiedBytes += 2 * text.length;
  const transfer: ArrayBuffer[] = [];
  const own = <T extends Float64Array | Uint32Array | Uint8Array>(column: T): T => {
    const copy = column.slice() as T;
    transfer.push(copy.buffer as ArrayBuffer);
    copiedBytes += copy.byteLength;
    return copy;
  };
  if (m.histograms !== null) copiedBytes += m.histograms.length * HISTOGRAM_BYTES;
  if (m.grid !== null)
    return { rows: { ...m, values: own(m.values), present: own(m.present) }, transfer, copiedBytes };
  const [a, b] = [m.first[0]!, m.first[m.labels.length]!];
  const first = own(m.first.map((at) => at - a));
  const rows: MatrixResult = {
    ...m,
    first,
    values: own(m.values.subarray(a, b)),
    histograms: m.histograms === null ? null : m.histograms.slice(a, b),
    times: own(m.times.subarray(a, b)),
  };
  return { rows, transfer, copiedBytes };
}

/** Of each kind, as in Prometheus. */
const MAX_ANNOTATIONS = 10;

function shown(all: readonly string[], kind: Annotation['severity']): readonly string[] {
  if (all.length <= MAX_ANNOTATIONS) return all;
  const omitted = `${all.length - MAX_ANNOTATIONS} more ${kind} annotations omitted`;
  return [...all.slice(0, MAX_ANNOTATIONS), omitted];
}

function texts(result: Result, severity: Annotation['severity']): string[] {
  return result.annotations.filter((a) => a.severity === severity).map((a) => a.message);
}
