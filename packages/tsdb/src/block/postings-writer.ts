// Postings and their offset table, made from the series section in several passes over the file: each pass gathers as many entries as a
// batch holds, label names in order, so that what is held does not depend on the block. A name with more entries than a batch is cut
// into ranges of values, a value with more is written as it is read.
import type { Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import { crc32cOn, newBufferedFile, type BufferedFile } from './buffered-file.ts';
import { readUvarint, putU32, putUvarint, type ByteReader } from '../wal/bytes.ts';

const SERIES_ALIGN = 16;
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
interface Batch {
  readonly names: readonly number[];
  readonly from: number;
  readonly to: number;
  readonly entries: number;
}

/** Appends postings and offset table to the file; returns where the table begins. */
export function writePostings(o: PostingsSource): number {
  const { file } = o;
  file.pad(4);
  const tablePath = `${o.path}_tmp_po`;
  const table = newBufferedFile(o.files, tablePath, PIECE_BYTES);
  try {
    const lists = newListWriter(o, table);
    lists.begin(null, null, o.seriesCount);
    eachSeries(o, (ref) => lists.add(ref));
    lists.end();
    for (const batch of batches(o)) {
      if (batch.to - batch.from === 1) streamValue(o, lists, batch);
      else writeBatch(o, lists, batch);
      o.checkSize();
    }
    const tableAt = file.position();
    copyTable(o, table, lists.count());
    return tableAt;
  } finally {
    table.close();
    o.files.remove(tablePath);
  }
}

/** What each pass takes, in the order of names and values. */
function* batches(o: PostingsSource): Generator<Batch> {
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

function streamValue(o: PostingsSource, lists: ListWriter, { names, from, entries }: Batch): void {
  lists.begin(names[0]!, from, entries);
  eachLabel(o, (ref, name, value) => {
    if (name === names[0] && value === from) lists.add(ref);
  });
  lists.end();
}

function writeBatch(o: PostingsSource, lists: ListWriter, batch: Batch): void {
  const rank = new Map(batch.names.map((name, i) => [name, i]));
  const ranks = new Uint32Array(batch.entries);
  const values = new Uint32Array(batch.entries);
  const refs = new Uint32Array(batch.entries);
  let n = 0;
  eachLabel(o, (ref, name, value) => {
    const itsRank = rank.get(name);
    if (itsRank === undefined || value < batch.from || value >= batch.to) return;
    ranks[n] = itsRank;
    values[n] = value;
    refs[n] = ref;
    n++;
  });
  const order = sortedBy(
    ranks,
    sortedBy(
      values,
      Uint32Array.from(refs, (_, i) => i),
    ),
  );
  for (let i = 0; i < n;) {
    const itsRank = ranks[order[i]!]!;
    const value = values[order[i]!]!;
    let end = i + 1;
    while (end < n && values[order[end]!] === value && ranks[order[end]!] === itsRank) end++;
    lists.begin(batch.names[itsRank]!, value, end - i);
    for (; i < end; i++) lists.add(refs[order[i]!]!);
    lists.end();
  }
}

/** `order` sorted by its rows' keys; rows of equal keys stay as they were. */
function sortedBy(keys: Uint32Array, order: Uint32Array): Uint32Array {
  let all = 0;
  for (const key of keys) all |= key;
  let from = order;
  let to: Uint32Array = new Uint32Array(order.length);
  for (let shift = 0; shift < 32 && all >>> shift !== 0; shift += 16) {
    const counts = new Uint32Array(0x10001);
    for (const row of from) counts[((keys[row]! >>> shift) & 0xffff) + 1]!++;
    for (let i = 1; i < counts.length; i++) counts[i]! += counts[i - 1]!;
    for (const row of from) to[counts[(keys[row]! >>> shift) & 0xffff]!++] = row;
    [from, to] = [to, from];
  }
  return from;
}

interface ListWriter {
  /** A list of `entries` for a name and a value by their symbols; null: the empty text. */
  begin(name: number | null, value: number | null, entries: number): void;
  add(ref: number): void;
  end(): void;
  count(): number;
}

function newListWriter(o: PostingsSource, table: BufferedFile): ListWriter {
  const { file } = o;
  const piece = new Uint8Array(PIECE_BYTES);
  let held = 0;
  let crc = 0;
  let count = 0;
  /** The name of the lists that are written now: looking it up between values would jump to and fro in the symbols. */
  let name: number | null = null;
  let nameText = new Uint8Array(0);

  function flush(): void {
    crc = crc32cOn(crc, piece, 0, held);
    file.put(piece, 0, held);
    held = 0;
  }

  function putText(b: Uint8Array, from: number, to: number): void {
    table.put(piece, 0, putUvarint(piece, 0, to - from));
    table.put(b, from, to);
  }

  function setName(next: number | null): void {
    if (next === null || next === name) return;
    name = next;
    const { b, from, to } = o.symbol(next);
    nameText = b.slice(from, to);
  }

  return {
    begin(itsName, value, entries): void {
      file.pad(4);
      setName(itsName);
      table.put(piece, 0, putUvarint(piece, 0, 2));
      putText(nameText, 0, nameText.length);
      if (value === null) putText(nameText, 0, 0);
      else {
        const { b, from, to } = o.symbol(value);
        putText(b, from, to);
      }
      table.put(piece, 0, putUvarint(piece, 0, file.position()));
      count++;
      if (4 * entries + 4 > o.maxTableBytes)
        throw new StorageError('EFBIG', `${o.path}: a postings list would exceed 4 GiB`, false);
      putU32(piece, 0, 4 * entries + 4);
      file.put(piece, 0, 4);
      putU32(piece, 0, entries);
      held = 4;
      crc = 0;
    },
    add(ref): void {
      if (held === piece.length) flush();
      putU32(piece, held, ref);
      held += 4;
    },
    end(): void {
      flush();
      putU32(piece, 0, crc);
      file.put(piece, 0, 4);
    },
    count: () => count,
  };
}

/** Appends the offset table that was gathered beside the index. */
function copyTable(o: PostingsSource, table: BufferedFile, count: number): void {
  const length = table.position() + 4;
  if (length > o.maxTableBytes)
    throw new StorageError(
      'EFBIG',
      `${o.path}: the table of label pairs would exceed 4 GiB: make blocks of a shorter time range`,
      false,
    );
  const piece = new Uint8Array(PIECE_BYTES);
  putU32(piece, 0, length);
  putU32(piece, 4, count);
  o.file.put(piece, 0, 8);
  let crc = crc32cOn(0, piece, 4, 8);
  for (let at = 0; at < table.position(); at += piece.length) {
    const n = Math.min(piece.length, table.position() - at);
    table.read(piece, at, at + n);
    crc = crc32cOn(crc, piece, 0, n);
    o.file.put(piece, 0, n);
  }
  putU32(piece, 0, crc);
  o.file.put(piece, 0, 4);
  o.checkSize();
}

function eachLabel(o: PostingsSource, visit: (ref: number, name: number, value: number) => void): void {
  eachSeries(o, (ref, r) => {
    for (let labels = readUvarint(r); labels > 0; labels--) visit(ref, readUvarint(r), readUvarint(r));
  });
}

/** Reads the series back in order; the reader stands at a series' body. */
function eachSeries(o: PostingsSource, visit: (ref: number, r: ByteReader) => void): void {
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
