// The JSON envelope of a result, written in pieces of some ms with pauses between them: a large answer holds up no one either.
import { writeResult, type Annotation, type MatrixResult, type Result } from '@munjigi/promql';
import { TRUNCATED } from './request.ts';

/** Points of one piece: about 10 ms of work. */
const POINTS_PER_PIECE = 50_000;

export interface AnswerParts {
  /** Series at most; 0: all. */
  readonly limit: number;
  /** Warnings of the store. */
  readonly warnings: readonly string[];
  /** Fields after `result`, as JSON text: '' or `,"name":value`. */
  readonly more: string;
}

/** The whole envelope as bytes. */
export async function writeAnswer(
  result: Result,
  { limit, warnings, more }: AnswerParts,
  pause: () => Promise<void>,
): Promise<Uint8Array<ArrayBuffer>> {
  const count = 'labels' in result ? result.labels.length : 0;
  const truncated = limit > 0 && count > limit;
  const allWarnings = [...warnings, ...texts(result, 'warning'), ...(truncated ? [TRUNCATED] : [])];
  let tail = `${more}}`;
  if (allWarnings.length > 0) tail += `,"warnings":${JSON.stringify(allWarnings)}`;
  const infos = texts(result, 'info');
  if (infos.length > 0) tail += `,"infos":${JSON.stringify(infos)}`;
  const pieces: Uint8Array[] = [encoder.encode('{"status":"success","data":')];
  if (result.type === 'matrix') await writeMatrix(result, truncated ? limit : count, pieces, pause);
  // Without its last brace: `more` goes inside.
  else pieces.push(writeResult(result, { limit }).subarray(0, -1));
  pieces.push(encoder.encode(`${tail}}`));
  return joined(pieces);
}

const encoder = new TextEncoder();
const MATRIX_HEAD = '{"resultType":"matrix","result":[';
const COMMA = Uint8Array.of(0x2c);

async function writeMatrix(
  m: MatrixResult,
  count: number,
  pieces: Uint8Array[],
  pause: () => Promise<void>,
): Promise<void> {
  pieces.push(encoder.encode(MATRIX_HEAD));
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
  pieces.push(encoder.encode(']'));
}

const NOTHING = { annotations: [], samplesRead: 0 };

/** At most how many points rows [from, to) have. */
function pointsOf(m: MatrixResult, from: number, to: number): number {
  return m.grid === null ? m.first[to]! - m.first[from]! : (to - from) * m.grid.steps;
}

function rowsOf(m: MatrixResult, from: number, to: number): MatrixResult {
  const labels = m.labels.slice(from, to);
  if (m.grid === null) return { ...m, labels, first: m.first.subarray(from, to + 1) };
  const { steps } = m.grid;
  const values = m.values.subarray(from * steps, to * steps);
  return { ...m, labels, values, present: m.present.subarray(from * steps, to * steps) };
}

function texts(result: Result, severity: Annotation['severity']): string[] {
  return result.annotations.filter((a) => a.severity === severity).map((a) => a.message);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
