// A file of samples in OpenMetrics text, however large, read piece by piece.
import type { Files } from '@munjigi/env';
import { ScrapeParser } from '@munjigi/exposition';
import { decodeUtf8, printLabels } from '@munjigi/model';
import { Failure } from './failure.ts';

const PIECE_BYTES: number = 16 * 1024 * 1024;
const LINE_END = 10;
const EOF_LINE: Uint8Array = Uint8Array.from('# EOF\n', (c) => c.charCodeAt(0));

/** Where bytes come from: reads into b[from..to), 0 at the end. */
export interface ByteInput {
  readonly name: string;
  /** 0: unknown. */
  readonly size: number;
  read(b: Uint8Array, from: number, to: number, position: number): number;
  close(): void;
}

export function openInput(files: Files, path: string): ByteInput {
  const file = files.open(path, 'r');
  return {
    name: path,
    size: file.size(),
    read: (b, from, to, position) => file.read(b, from, to, position),
    close: () => file.close(),
  };
}

/**
 * Calls `each` with a parser that holds the samples of the next piece; every sample has a time. The same series has the same slot in all
 * pieces as long as the parser remembers it. Throws Failure with file and line when the text is wrong.
 */
export function eachPiece(
  input: ByteInput,
  each: (parser: ScrapeParser) => void,
  progress: (done: number) => void,
  pieceBytes: number = PIECE_BYTES,
): void {
  const parser = new ScrapeParser();
  let b = new Uint8Array(pieceBytes + EOF_LINE.length);
  /** b[0..held) is not parsed yet: the TYPE line in force, and a line that is not complete. */
  let held = 0;
  let prefix = 0;
  let line = 0;
  let complete = false;
  for (let position = 0, ended = false; !ended;) {
    if (held + EOF_LINE.length >= b.length) {
      const larger = new Uint8Array(2 * b.length);
      larger.set(b.subarray(0, held));
      b = larger;
    }
    const n = input.read(b, held, b.length - EOF_LINE.length, position);
    ended = n === 0;
    position += n;
    progress(position);
    const end = held + n;
    const cut = ended ? end : b.lastIndexOf(LINE_END, end - 1) + 1;
    if (cut <= prefix && !ended) {
      held = end;
      continue;
    }
    const fresh = cut > prefix;
    if (fresh && complete) throw new Failure(`${input.name}:${line + 1}: there is text after # EOF`);
    complete ||= endsWithEof(b, cut);
    if (ended && !complete)
      throw new Failure(`${input.name}:${line + countLines(b, prefix, cut)}: it does not end with # EOF`);
    const rest = b.slice(cut, end);
    if (fresh) {
      if (!complete) b.set(EOF_LINE, cut);
      const size = complete ? cut : cut + EOF_LINE.length;
      parsePiece(input.name, parser, b.subarray(0, size), line - (prefix > 0 ? 1 : 0));
      each(parser);
      parser.release();
      line += countLines(b, prefix, cut);
    }
    const type = lastTypeLine(b, cut);
    prefix = type?.length ?? 0;
    held = prefix + rest.length;
    if (b.length < held + 2 * EOF_LINE.length) b = new Uint8Array(2 * (held + EOF_LINE.length));
    if (type !== null) b.set(type, 0);
    b.set(rest, prefix);
  }
}

/** Whether b[0..end) ends with the line that ends a page; its own end may be missing. */
function endsWithEof(b: Uint8Array, end: number): boolean {
  const to = b[end - 1] === LINE_END ? end - 1 : end;
  const from = to - (EOF_LINE.length - 1);
  if (from < 0 || (from > 0 && b[from - 1] !== LINE_END)) return false;
  for (let i = 0; from + i < to; i++) if (b[from + i] !== EOF_LINE[i]) return false;
  return true;
}

function parsePiece(name: string, parser: ScrapeParser, piece: Uint8Array, linesBefore: number): void {
  parser.parse(piece, 'openmetrics');
  const [error] = parser.errors;
  if (error !== undefined) throw new Failure(`${name}:${linesBefore + error.line}: ${error.message}`);
  for (let i = 0; i < parser.n; i++)
    if (Number.isNaN(parser.t[i]!))
      throw new Failure(
        `${name}: ${printLabels(parser.labels(parser.entry[i]!))} has a sample without a time`,
      );
}

function countLines(b: Uint8Array, from: number, to: number): number {
  let n = 0;
  for (let at = b.indexOf(LINE_END, from); at >= 0 && at < to; at = b.indexOf(LINE_END, at + 1)) n++;
  return n;
}

/** A copy of the last line `# TYPE ...` of b[0..end): what follows in the next piece belongs to it. */
function lastTypeLine(b: Uint8Array, end: number): Uint8Array | null {
  for (let to = end; to > 0;) {
    const from = to < 2 ? 0 : b.lastIndexOf(LINE_END, to - 2) + 1;
    if (b[from] === 35 && decodeUtf8(b, from, Math.min(to, from + 7)) === '# TYPE ') return b.slice(from, to);
    to = from;
  }
  return null;
}
