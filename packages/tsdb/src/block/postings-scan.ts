// One scan through the postings offset table: its names and the places of its entries, its checksum compared. Version 1 has no order: its
// entries are copied into order.
import { decodeUtf8 } from '@munjigi/model';
import { memorySource, type ByteSource, type PagedFile } from './paged-file.ts';
import { SectionScan } from './section.ts';
import { LONG_STEP, type Steps } from './steps.ts';

export const TABLE_STEP = 32;

/** Entries [first, end) have this name; the first one begins at `place`. */
export interface NameRange {
  readonly name: string;
  readonly first: number;
  readonly end: number;
  readonly place: number;
}

/** What is kept of a table in memory: `places` are those of every TABLE_STEP-th entry in `source`. */
export interface PairTable {
  readonly source: ByteSource;
  readonly names: ReadonlyMap<string, NameRange>;
  readonly places: Float64Array;
}

/** The uvarint at `place` and the place behind it. */
export function numberAt(source: ByteSource, place: number): { x: number; next: number } {
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
  end(): { value: PairTable; bytes: number };
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
      if (n % TABLE_STEP === 0) places.push(place);
      n++;
    },
    end(): { value: PairTable; bytes: number } {
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

export function* scanTable(file: PagedFile, section: number): Steps<{ value: PairTable; bytes: number }> {
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
export function* sortTable(file: PagedFile, section: number): Steps<{ value: PairTable; bytes: number }> {
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
