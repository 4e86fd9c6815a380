// The postings offset table of an index: which label pairs there are, and where their postings lie. In memory are, made by one scan, the
// names with the range of entries of each, and the place of every 32nd entry. Version 1 has no order: its table is sorted in memory.
import type { BlockCache } from './cache.ts';
import type { ByteSource, ByteView, PagedFile } from './paged-file.ts';
import {
  TABLE_STEP,
  numberAt,
  scanTable,
  sortTable,
  type NameRange,
  type PairTable,
} from './postings-scan.ts';
import { runAtOnce, type Steps } from './steps.ts';
import { compareView } from './symbols.ts';

/** Most entries are shorter. */
const USUAL_ENTRY_BYTES = 300;
const TABLE_KEY = 0xfffffffe;

/** One entry; `value` is valid until the table is asked again. */
export interface PostingsEntry {
  readonly value: ByteView;
  /** Where the postings lie in the index. */
  postings: number;
  /** Place of the next entry. */
  next: number;
}

export interface PostingsTable {
  prepare(): Steps<void>;
  /** As of IndexSymbols. */
  release(): void;
  /** In the order of bytes, without the empty one. */
  names(): string[];
  /** Undefined: no series has a label of that name. */
  range(name: string): NameRange | undefined;
  /** The postings of a name and a value; -1: there are none. */
  find(range: NameRange, value: Uint8Array): number;
  /** The place and number of the first entry whose value is not below; number `range.end` when there is none. */
  seek(range: NameRange, value: Uint8Array): { place: number; number: number };
  entry(place: number): PostingsEntry;
}

export function openPostingsTable(
  file: PagedFile,
  section: number,
  version: number,
  cache: BlockCache,
  owner: number,
): PostingsTable {
  let held: PairTable | undefined;
  const found: PostingsEntry = { value: { b: new Uint8Array(0), from: 0, to: 0 }, postings: 0, next: 0 };

  function* load(): Steps<PairTable> {
    const table = version === 1 ? yield* sortTable(file, section) : yield* scanTable(file, section);
    cache.put(owner, TABLE_KEY, table.value, table.bytes);
    held = table.value;
    return table.value;
  }

  function known(): PairTable | undefined {
    held ??= cache.get(owner, TABLE_KEY) as PairTable | undefined;
    return held;
  }

  function table(): PairTable {
    return known() ?? runAtOnce(load());
  }

  function entryOf(source: ByteSource, place: number): PostingsEntry {
    const near = source.peek(place, USUAL_ENTRY_BYTES);
    if (parseEntry(near, place)) return found;
    // A long one, or a wrong one, piece by piece.
    const keys = numberAt(source, place);
    if (keys.x !== 2) throw source.wrong(place, `a label pair of ${keys.x} texts`);
    const name = numberAt(source, keys.next);
    const value = numberAt(source, name.next + name.x);
    const at = numberAt(source, value.next + value.x);
    const view = source.view(value.next, value.x);
    found.value.b = view.b;
    found.value.from = view.from;
    found.value.to = view.to;
    found.postings = at.x;
    found.next = at.next;
    return found;
  }

  /** An entry that lies in `v` whole; false: it does not, or it is wrong. */
  function parseEntry(v: ByteView, place: number): boolean {
    const { b, from, to } = v;
    if (b[from] !== 2) return false;
    const nameAt = from + 2;
    const nameBytes = b[from + 1]!;
    const valueAt = nameAt + nameBytes + 1;
    if (nameBytes > 127 || valueAt > to) return false;
    const valueBytes = b[valueAt - 1]!;
    let at = valueAt + valueBytes;
    if (valueBytes > 127) return false;
    let x = 0;
    for (let scale = 1; scale < 2 ** 56; scale *= 128) {
      if (at >= to) return false;
      const c = b[at++]!;
      x += (c & 127) * scale;
      if (c >= 128) continue;
      found.value.b = b;
      found.value.from = valueAt;
      found.value.to = valueAt + valueBytes;
      found.postings = x;
      found.next = place + at - from;
      return true;
    }
    return false;
  }

  function seek(range: NameRange, value: Uint8Array): { place: number; number: number } {
    const { source, places } = table();
    // Steps k that lie inside the range: the last one whose value is below.
    let low = Math.ceil((range.first + 1) / TABLE_STEP);
    let high = Math.floor((range.end - 1) / TABLE_STEP);
    let number = range.first;
    let place = range.place;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (compareView(entryOf(source, places[middle]!).value, value) < 0) {
        number = middle * TABLE_STEP;
        place = places[middle]!;
        low = middle + 1;
      } else high = middle - 1;
    }
    for (; number < range.end; number++) {
      const entry = entryOf(source, place);
      if (compareView(entry.value, value) >= 0) break;
      place = entry.next;
    }
    return { place, number };
  }

  return {
    *prepare(): Steps<void> {
      if (known() === undefined) yield* load();
    },
    release(): void {
      held = undefined;
    },
    names: () => [...table().names.keys()].filter((name) => name !== ''),
    range: (name) => table().names.get(name),
    find(range, value): number {
      const { place, number } = seek(range, value);
      if (number === range.end) return -1;
      const entry = entryOf(table().source, place);
      return compareView(entry.value, value) === 0 ? entry.postings : -1;
    },
    seek,
    entry: (place) => entryOf(table().source, place),
  };
}
