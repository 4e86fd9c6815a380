// The JSON envelope of a result, written in pieces of some ms with pauses between them: a large answer holds up no one either. Rows of a
// large matrix are shared out to other workers, as writing a number takes longer than computing it.
import { writeResult, type Annotation, type MatrixResult, type Result } from '@munjigi/promql';
import { TRUNCATED } from './request.ts';

/** Points of one piece: about 10 ms of work. */
const POINTS_PER_PIECE = 150_000;
/** Fewer points are written by one worker. */
const SHARE_FROM_POINTS = 100_000;

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
  /** The rows as JSON, separated by commas, without brackets. Rejects with code EPIPE when that worker has ended. */
  write(rows: MatrixResult): Promise<Uint8Array>;
}

/** The whole envelope as bytes. */
export async function writeAnswer(
  result: Result,
  { limit, warnings, more }: AnswerParts,
  pause: () => Promise<void>,
  writers: readonly Writer[] = [],
): Promise<Uint8Array<ArrayBuffer>> {
  const count = 'labels' in result ? result.labels.length : 0;
  const truncated = limit > 0 && count > limit;
  const allWarnings = [...warnings, ...texts(result, 'warning'), ...(truncated ? [TRUNCATED] : [])];
  let tail = '';
  if (allWarnings.length > 0) tail += `,"warnings":${JSON.stringify(allWarnings)}`;
  const infos = texts(result, 'info');
  if (infos.length > 0) tail += `,"infos":${JSON.stringify(infos)}`;
  const pieces: Uint8Array[] = [encoder.encode('{"status":"success","data":')];
  if (result.type === 'matrix') {
    pieces.push(encoder.encode(MATRIX_HEAD));
    pieces.push(...(await writeShared(result, truncated ? limit : count, pause, writers)));
    pieces.push(encoder.encode(']'));
  }
  // Without its last brace: `more` goes inside.
  else pieces.push(writeResult(result, { limit }).subarray(0, -1));
  pieces.push(encoder.encode(`${more()}}${tail}}`));
  return joined(pieces);
}

const encoder = new TextEncoder();
const MATRIX_HEAD = '{"resultType":"matrix","result":[';
const COMMA = Uint8Array.of(0x2c);

async function writeShared(
  m: MatrixResult,
  count: number,
  pause: () => Promise<void>,
  writers: readonly Writer[],
): Promise<Uint8Array[]> {
  const shares = pointsOf(m, 0, count) < SHARE_FROM_POINTS ? 1 : Math.min(1 + writers.length, count);
  const boundOf = (k: number): number => Math.floor((count * k) / shares);
  const elsewhere = Array.from({ length: shares - 1 }, async (_, i) => {
    const rows = rowsOf(m, boundOf(i + 1), boundOf(i + 2));
    try {
      return [await writers[i]!.write(rows)];
    } catch (error) {
      if ((error as { code?: string }).code !== 'EPIPE') throw error;
      return await writeRows(rows, pause);
    }
  });
  const all = await Promise.all([writeRows(rowsOf(m, 0, boundOf(1)), pause), ...elsewhere]);
  return all.flatMap((pieces, i) => (i === 0 ? pieces : [COMMA, ...pieces]));
}

/** The rows of a matrix as JSON, without brackets, in pieces. */
export async function writeRows(m: MatrixResult, pause: () => Promise<void>): Promise<Uint8Array[]> {
  const count = m.labels.length;
  const pieces: Uint8Array[] = [];
  for (let from = 0; from < count;) {
    if (from > 0) {
      pieces.push(COMMA);
      await pause();
    }
    let to = from + 1;
    while (to < count && pointsOf(m, from, to + 1) <= POINTS_PER_PIECE) to++;
    pieces.push(writeResult({ ...rowsOf(m, from, to), ...NOTHING }).subarray(MATRIX_HEAD.length, -2));
    from = to;
  }
  return pieces;
}

const NOTHING = { annotations: [], samplesRead: 0 };

/** At most how many points rows [from, to) have. */
function pointsOf(m: MatrixResult, from: number, to: number): number {
  return m.grid === null ? m.first[to]! - m.first[from]! : (to - from) * m.grid.steps;
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

function texts(result: Result, severity: Annotation['severity']): string[] {
  return result.annotations.filter((a) => a.severity === severity).map((a) => a.message);
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
