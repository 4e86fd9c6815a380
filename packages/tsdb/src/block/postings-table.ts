// The postings offset table of an index: which label pairs there are, and where their postings lie. In memory are, made by one scan, the
// names with the range of entries of each, and the place of every 32nd entry. Version 1 has no order: its table is sorted in memory.
import { decodeUtf8 } from '@munjigi/model';
import type { BlockCache } from './cache.ts';
import { memorySource, type ByteSource, type ByteView, type PagedFile } from './paged-file.ts';
import { SectionScan } from './section.ts';
import { LONG_STEP, runAtOnce, type Steps } from './steps.ts';
import { compareView } from './symbols.ts';

const STEP = 32;
/** Most entries are shorter. */
const USUAL_ENTRY_BYTES = 300;
const TABLE_KEY = 0xfffffffe;

/** Entries [first, end) have this name; the first one begins at `place`. */
export interface NameRange {
  readonly name: string;
  readonly first: number;
  readonly end: number;
  readonly place: number;
}

interface Table {
  readonly source: ByteSource;
  readonly names: ReadonlyMap<string, NameRange>;
  readonly places: Float64Array;
}

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
  let held: Table | undefined;
  const found: PostingsEntry = { value: { b: new Uint8Array(0), from: 0, to: 0 }, postings: 0, next: 0 };

  function* load(): Steps<Table> {
    const table = version === 1 ? yield* sorted(file, section) : yield* scan(file, section);
    cache.put(owner, TABLE_KEY, table.value, table.bytes);
    held = table.value;
    return table.value;
  }

  function known(): Table | undefined {
    held ??= cache.get(owner, TABLE_KEY) as Table | undefined;
    return held;
  }

  function table(): Table {
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
    let low = Math.ceil((range.first + 1) / STEP);
    let high = Math.floor((range.end - 1) / STEP);
    let number = range.first;
    let place = range.place;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (compareView(entryOf(source, places[middle]!).value, value) < 0) {
        number = middle * STEP;
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

/** The uvarint at `place` and the place behind it. */
function numberAt(source: ByteSource, place: number): { x: number; next: number } {
  const v = source.peek(place, 10);
  let x = 0;
  for (let i = v.from, scale = 1; i < v.to && scale < 2 ** 56; i++, scale *= 128) {
    const c = v.b[i]!;
    x += (c & 127) * scale;
    if (c < 128) return { x, next: place + i - v.from + 1 };
  }
  throw source.wrong(place, 'a number is cut off or too long');
}

/** Gathers names and places; entries come in order. */
function newTable(source: ByteSource): {
  add(name: string, place: number): void;
  end(): { value: Table; bytes: number };
} {
  const names = new Map<string, NameRange>();
  const places: number[] = [];
  let bytes = 0;
  let n = 0;
  let current: { name: string; first: number; place: number } | null = null;
  const close = (): void => {
    if (current !== null) names.set(current.name, { ...current, end: n });
  };
  return {
    add(name, place): void {
      if (current === null || name !== current.name) {
        close();
        current = { name, first: n, place };
        bytes += 150 + 2 * name.length;
      }
      if (n % STEP === 0) places.push(place);
      n++;
    },
    end(): { value: Table; bytes: number } {
      close();
      return {
        value: { source, names, places: Float64Array.from(places) },
        bytes: bytes + 8 * places.length,
      };
    },
  };
}

/** Reads one entry of the scan; the name's text is decoded only when its bytes changed. */
function newEntryScan(s: SectionScan): () => { name: string; place: number } {
  let nameBytes = new Uint8Array(0);
  let name = '';
  return () => {
    s.load(10);
    const { place } = s;
    const keys = s.uvarint();
    if (keys !== 2) throw s.file.wrong(place, `a label pair of ${keys} texts`);
    const length = s.text();
    if (!same(s.b, s.at, length, nameBytes)) {
      nameBytes = s.b.slice(s.at, s.at + length);
      name = decodeUtf8(nameBytes, 0, length);
    }
    s.at += length;
    s.skipText();
    s.load(10);
    s.uvarint();
    return { name, place };
  };
}

function same(b: Uint8Array, at: number, length: number, known: Uint8Array): boolean {
  if (length !== known.length) return false;
  for (let i = 0; i < length; i++) if (b[at + i] !== known[i]) return false;
  return true;
}

function* scan(file: PagedFile, section: number): Steps<{ value: Table; bytes: number }> {
  const s = new SectionScan(file, section, 4);
  const read = newEntryScan(s);
  const table = newTable(file);
  for (let n = 0; n < s.count; n++) {
    const { name, place } = read();
    table.add(name, place);
    if (n % (4 * LONG_STEP) === 0) yield LONG_STEP;
  }
  s.finish();
  return table.end();
}

/** The entries of version 1, which are in no order, copied into order. */
function* sorted(file: PagedFile, section: number): Steps<{ value: Table; bytes: number }> {
  const s = new SectionScan(file, section, 4);
  const read = newEntryScan(s);
  const rows: { name: string; from: number; to: number }[] = [];
  for (let n = 0; n < s.count; n++) {
    const { name, place } = read();
    rows.push({ name, from: place - s.from, to: s.place - s.from });
    if (n % LONG_STEP === 0) yield LONG_STEP;
  }
  s.finish();
  const all = new Uint8Array(s.to - s.from);
  file.read(all, s.from, all.length);
  // Behind the first byte, 2, stand the lengths, which must not decide: texts are compared.
  const texts = rows.map(({ from, to }) => pairOf(all, from, to));
  const order = Uint32Array.from(rows, (_, i) => i).sort(
    (a, b) =>
      compareRange(all, texts[a]!.name, texts[b]!.name) ||
      compareRange(all, texts[a]!.value, texts[b]!.value),
  );
  const bytes = new Uint8Array(all.length);
  const table = newTable(memorySource(bytes, file.path, s.from));
  let at = 0;
  for (const i of order) {
    const { name, from, to } = rows[i]!;
    bytes.set(all.subarray(from, to), at);
    table.add(name, at);
    at += to - from;
  }
  const made = table.end();
  return { value: made.value, bytes: made.bytes + bytes.length };
}

type Range = readonly [from: number, to: number];

function pairOf(b: Uint8Array, from: number, to: number): { name: Range; value: Range } {
  const source = memorySource(b.subarray(from, to), '', 0);
  const name = numberAt(source, 1);
  const value = numberAt(source, name.next + name.x);
  return {
    name: [from + name.next, from + name.next + name.x],
    value: [from + value.next, from + value.next + value.x],
  };
}

function compareRange(b: Uint8Array, [from, to]: Range, [from2, to2]: Range): number {
  const n = Math.min(to - from, to2 - from2);
  for (let i = 0; i < n; i++) {
    const d = b[from + i]! - b[from2 + i]!;
    if (d !== 0) return d;
  }
  return to - from - (to2 - from2);
}
