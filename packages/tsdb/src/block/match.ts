// Matchers to postings of a block, as Prometheus finds them: values that are named are looked up, a prefix is a range of the table, what passes
// for an absent label takes away the series of the values that fail. The smallest lists come first.
import { decodeUtf8, encodeUtf8, type Matcher } from '@munjigi/model';
import { compileTests, type Test } from '../head/match.ts';
import type { IndexReader } from './index-reader.ts';
import type { NameRange } from './postings-scan.ts';
import { newSeriesEntry } from './series-entry.ts';
import { LONG_STEP, type Steps } from './steps.ts';

/** A matcher made ready for blocks. */
export interface BlockTest extends Test {
  /** The only values that fail, when known. */
  readonly excluded?: readonly string[];
}

/** Throws RegExpError on an expression that is not RE2. */
export function compileBlockTests(matchers: readonly Matcher[]): BlockTest[] {
  return compileTests(matchers).map((test): BlockTest => {
    if (test.empty && test.every === true) return { ...test, excluded: [] };
    return test.negated && test.named.set !== null ? { ...test, excluded: test.named.set } : test;
  });
}

/** Up to so many references a sort is as good as a map of bits. */
const SORTED_UNION = 4096;
/** A test of a label costs about as much as so many values of the table. */
const LABEL_COST = 8;

/** References of the series that pass all tests, ascending. */
export function* matchSeries(index: IndexReader, tests: readonly BlockTest[]): Steps<Uint32Array> {
  yield* index.symbols.prepare();
  yield* index.table.prepare();
  const { table } = index;
  const wanted: { test: BlockTest; range: NameRange; places: number[] | null }[] = [];
  const unwanted: { test: BlockTest; range: NameRange }[] = [];
  for (const test of tests) {
    const range = table.range(test.name);
    if (range === undefined) {
      if (!test.empty) return new Uint32Array(0);
    } else if (test.empty) unwanted.push({ test, range });
    else wanted.push({ test, range, places: namedPlaces(index, range, test) });
  }
  // Lists that are known now, then those that take a scan, few values first.
  wanted.sort((a, b) => scanned(a) - scanned(b));
  let found: Uint32Array | null = null;
  for (const { test, range, places } of wanted) {
    if (found !== null && found.length === 0) return found;
    if (found !== null && places === null && LABEL_COST * found.length < range.end - range.first)
      found = yield* passingByLabel(index, test, found);
    else {
      const list: Uint32Array = yield* union(index, places ?? (yield* scanPlaces(index, range, test, true)));
      found = found === null ? list : intersect(found, list);
      yield LONG_STEP;
    }
  }
  found ??= allSeries(index);
  for (const { test, range } of unwanted) {
    if (found.length === 0) return found;
    if (test.excluded === undefined && LABEL_COST * found.length < range.end - range.first) {
      found = yield* passingByLabel(index, test, found);
      continue;
    }
    const places: number[] =
      test.excluded === undefined
        ? yield* scanPlaces(index, range, test, false)
        : lookup(index, range, test.excluded);
    found = subtract(found, yield* union(index, places));
    yield LONG_STEP;
  }
  return found;
}

function scanned({ range, places }: { range: NameRange; places: number[] | null }): number {
  return places === null ? 1e9 + range.end - range.first : places.length;
}

/** The list of all series. */
export function allSeries(index: IndexReader): Uint32Array {
  const range = index.table.range('');
  const place = range === undefined ? -1 : index.table.find(range, new Uint8Array(0));
  if (place < 0) throw index.wrong(index.toc.postingsTable, 'the list of all series is not there');
  return index.postings(place);
}

/** The postings of the values that a test names; null: it names none. */
function namedPlaces(index: IndexReader, range: NameRange, test: BlockTest): number[] | null {
  return test.set === null ? null : lookup(index, range, test.set);
}

function lookup(index: IndexReader, range: NameRange, values: readonly string[]): number[] {
  const places: number[] = [];
  for (const value of values) {
    if (value === '') continue;
    const place = index.table.find(range, textBytes(value));
    if (place >= 0) places.push(place);
  }
  return places;
}

/** The postings of all values of a name that pass, or that fail. Only what a test's text can begin with is looked at when that is known. */
function* scanPlaces(index: IndexReader, range: NameRange, test: BlockTest, pass: boolean): Steps<number[]> {
  const places: number[] = [];
  const { prefixes } = test.named;
  const ranges = prefixes.length > 0 && pass !== test.negated ? prefixes : [new Uint8Array(0)];
  const { table } = index;
  for (const prefix of ranges) {
    let { place, number } =
      prefix.length > 0 ? table.seek(range, prefix) : { place: range.place, number: range.first };
    for (; number < range.end; number++) {
      const entry = table.entry(place);
      const { value } = entry;
      if (prefix.length > 0 && !startsWith(value, prefix)) break;
      if (
        (prefix.length > 0 && test.named.prefixesSuffice) ||
        test.test(decodeUtf8(value.b, value.from, value.to)) === pass
      )
        places.push(entry.postings);
      place = entry.next;
      yield 1;
    }
  }
  return places;
}

function startsWith(
  { b, from, to }: { b: Uint8Array; from: number; to: number },
  prefix: Uint8Array,
): boolean {
  if (to - from < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (b[from + i] !== prefix[i]) return false;
  return true;
}

function* union(index: IndexReader, places: readonly number[]): Steps<Uint32Array> {
  const lists: Uint32Array[] = [];
  let total = 0;
  for (const place of places) {
    const list = index.postings(place);
    lists.push(list);
    total += list.length;
    yield 1 + (list.length >> 4);
  }
  if (lists.length === 1) return lists[0]!;
  if (total <= SORTED_UNION) {
    const all = new Uint32Array(total);
    let n = 0;
    for (const list of lists) {
      all.set(list, n);
      n += list.length;
    }
    return distinct(all.sort());
  }
  const bits = new Uint32Array((index.refEnd >>> 5) + 1);
  for (const list of lists) {
    for (const ref of list) bits[ref >>> 5]! |= 1 << (ref & 31);
    yield 1 + (list.length >> 4);
  }
  const all = new Uint32Array(total);
  let n = 0;
  for (let w = 0; w < bits.length; w++) {
    for (let word = bits[w]!; word !== 0; word &= word - 1) all[n++] = w * 32 + 31 - Math.clz32(word & -word);
    if (w % 1024 === 0) yield LONG_STEP;
  }
  return all.subarray(0, n);
}

function distinct(sorted: Uint32Array): Uint32Array {
  let n = 0;
  for (let i = 0; i < sorted.length; i++)
    if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[n++] = sorted[i]!;
  return sorted.subarray(0, n);
}

function intersect(a: Uint32Array, b: Uint32Array): Uint32Array {
  const out = new Uint32Array(Math.min(a.length, b.length));
  let n = 0;
  for (let i = 0, k = 0; i < a.length && k < b.length;) {
    if (a[i]! < b[k]!) i++;
    else if (a[i]! > b[k]!) k++;
    else {
      out[n++] = a[i++]!;
      k++;
    }
  }
  return out.subarray(0, n);
}

function subtract(a: Uint32Array, b: Uint32Array): Uint32Array {
  if (b.length === 0) return a;
  const out = new Uint32Array(a.length);
  let n = 0;
  for (let i = 0, k = 0; i < a.length; i++) {
    while (k < b.length && b[k]! < a[i]!) k++;
    if (k === b.length || b[k] !== a[i]) out[n++] = a[i]!;
  }
  return out.subarray(0, n);
}

/** Those of few series whose own label passes. */
function* passingByLabel(index: IndexReader, test: BlockTest, refs: Uint32Array): Steps<Uint32Array> {
  const name = index.symbols.find(textBytes(test.name));
  const entry = newSeriesEntry();
  const out = new Uint32Array(refs.length);
  let n = 0;
  for (const ref of refs) {
    index.series(ref, Infinity, -Infinity, entry);
    let pass = test.empty;
    for (let i = 0; i < entry.labelCount; i += 2) {
      if (entry.labels[i] !== name) continue;
      const { b, from, to } = index.symbols.view(entry.labels[i + 1]!);
      pass = test.test(decodeUtf8(b, from, to));
    }
    if (pass) out[n++] = ref;
    yield 8;
  }
  return out.subarray(0, n);
}

export function textBytes(text: string): Uint8Array {
  const b = new Uint8Array(3 * text.length);
  return b.subarray(0, encodeUtf8(text, b, 0));
}
