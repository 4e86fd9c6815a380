// The passes over the series of an index that is being written: what each of them gathers, and reading the series back.
import type { Files } from '@munjigi/env';
import type { BufferedFile } from './buffered-file.ts';
import { readUvarint, type ByteReader } from '../wal/bytes.ts';

/** Series begin at multiples of this: their reference is the place divided by it. */
export const SERIES_ALIGN = 16;
const PIECE_BYTES: number = 256 * 1024;
/** Into so many ranges the values of a name are cut. */
const RANGES = 4096;

export interface PostingsSource {
  readonly files: Files;
  readonly path: string;
  /** The index, written up to the end of the series. */
  readonly file: BufferedFile;
  readonly seriesFrom: number;
  readonly seriesTo: number;
  readonly seriesCount: number;
  /** Series that have the label, by the symbol of its name. */
  readonly uses: ReadonlyMap<number, number>;
  readonly symbols: number;
  /** The bytes b[from..to) of a symbol, until the next call. */
  readonly symbol: (n: number) => { b: Uint8Array; from: number; to: number };
  readonly batchEntries: number;
  readonly maxTableBytes: number;
  /** Throws when the index has become too large. */
  readonly checkSize: () => void;
}

/** Entries of one pass: the names, and of their values the symbols [from, to). */
export interface Batch {
  readonly names: readonly number[];
  readonly from: number;
  readonly to: number;
  readonly entries: number;
}

/** What each pass takes, in the order of names and values. */
export function* batches(o: PostingsSource): Generator<Batch> {
  const all = { from: 0, to: o.symbols };
  let names: number[] = [];
  let entries = 0;
  for (const name of [...o.uses.keys()].sort((a, b) => a - b)) {
    const more = o.uses.get(name)!;
    if (names.length > 0 && entries + more > o.batchEntries) {
      yield { names, ...all, entries };
      names = [];
      entries = 0;
    }
    if (more > o.batchEntries) yield* rangesOf(o, name, 0, o.symbols);
    else {
      names.push(name);
      entries += more;
    }
  }
  if (names.length > 0) yield { names, ...all, entries };
}

/** Values [from, to) of one name in ranges that fit in a batch, or are one value. */
function* rangesOf(o: PostingsSource, name: number, from: number, to: number): Generator<Batch> {
  const width = Math.ceil((to - from) / RANGES);
  const counts = new Uint32Array(Math.ceil((to - from) / width));
  eachLabel(o, (_, itsName, value) => {
    if (itsName === name && value >= from && value < to) counts[Math.floor((value - from) / width)]!++;
  });
  let begin = 0;
  let entries = 0;
  const names = [name];
  const range = (first: number, end: number): { from: number; to: number } => ({
    from: from + first * width,
    to: Math.min(to, from + end * width),
  });
  for (let i = 0; i < counts.length; i++) {
    const more = counts[i]!;
    if (entries > 0 && entries + more > o.batchEntries) {
      yield { names, ...range(begin, i), entries };
      begin = i;
      entries = 0;
    }
    if (more > o.batchEntries) {
      const alone = range(i, i + 1);
      if (width === 1) yield { names, ...alone, entries: more };
      else yield* rangesOf(o, name, alone.from, alone.to);
      begin = i + 1;
    } else entries += more;
  }
  if (entries > 0) yield { names, ...range(begin, counts.length), entries };
}

export function eachLabel(
  o: PostingsSource,
  visit: (ref: number, name: number, value: number) => void,
): void {
  eachSeries(o, (ref, r) => {
    for (let labels = readUvarint(r); labels > 0; labels--) visit(ref, readUvarint(r), readUvarint(r));
  });
}

/** Reads the series back in order; the reader stands at a series' body. */
export function eachSeries(o: PostingsSource, visit: (ref: number, r: ByteReader) => void): void {
  const r: ByteReader = { b: new Uint8Array(PIECE_BYTES), at: 0, end: 0, bad: false };
  let from = o.seriesFrom;
  let held = 0;
  let next = o.seriesFrom;
  const load = (bytes: number): void => {
    if (next + bytes <= from + held) return;
    if (bytes > r.b.length) r.b = new Uint8Array(2 * bytes);
    from = next;
    held = Math.min(r.b.length, o.seriesTo - next);
    o.file.read(r.b, from, from + held);
  };
  while (next < o.seriesTo) {
    next = Math.ceil(next / SERIES_ALIGN) * SERIES_ALIGN;
    load(Math.min(10, o.seriesTo - next));
    r.at = next - from;
    r.end = held;
    const length = readUvarint(r);
    const bytes = r.at - (next - from) + length + 4;
    load(bytes);
    r.at = next - from + bytes - length - 4;
    r.end = r.at + length;
    visit(next / SERIES_ALIGN, r);
    next += bytes;
  }
}
