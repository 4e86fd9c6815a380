// Postings and their offset table, made from the series section in several passes over the file: each pass gathers as many entries as a
// batch holds, label names in order, so that what is held does not depend on the block. A name with more entries than a batch is cut
// into ranges of values, a value with more is written as it is read.
import { StorageError } from '@munjigi/model';
import { crc32cOn, newBufferedFile, type BufferedFile } from './buffered-file.ts';
import { batches, eachLabel, eachSeries, type Batch, type PostingsSource } from './postings-passes.ts';
import { putU32, putUvarint } from '../wal/bytes.ts';

const PIECE_BYTES: number = 256 * 1024;

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
