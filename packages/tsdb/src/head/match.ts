// Matchers to rows. The most selective matcher that names its values makes the candidates; the others test each candidate's label,
// each distinct value once. Matching is run outside a capture and, when series came meanwhile, again inside: what was learnt about
// values is kept between the two.
import { compileAnchored, compileMatcher, encodeUtf8, type Matcher } from '@munjigi/model';
import { allRows, findPair, pairCount, pairRows, pairValue, type Postings } from './postings.ts';
import type { SeriesTable } from './series.ts';
import type { Slicer } from './slicer.ts';
import { NO_SYMBOL, type SymbolTable } from './symbol-table.ts';

export interface MatchTables {
  readonly series: SeriesTable;
  readonly symbols: SymbolTable;
  readonly postings: Postings;
}

/** A matcher made ready. */
export interface Test {
  readonly name: string;
  readonly test: (value: string) => boolean;
  /** Whether a series without the label passes. */
  readonly empty: boolean;
  /** The only values that pass, when known. */
  readonly set: readonly string[] | null;
  /** Every value that passes begins with these bytes. */
  readonly prefix: Uint8Array;
  /** Verdicts by value symbol. */
  readonly memo: Map<number, boolean>;
}

/** Throws RegExpError on an expression that is not RE2. */
export function compileTests(matchers: readonly Matcher[]): Test[] {
  return matchers.map((m) => {
    const test = compileMatcher(m);
    const anchored = m.op === '=~' ? compileAnchored(m.value) : null;
    const set = m.op === '=' ? [m.value] : (anchored?.set ?? null);
    const text = anchored?.prefix ?? '';
    const prefix = new Uint8Array(3 * text.length);
    const length = encodeUtf8(text, prefix, 0);
    return {
      name: m.name,
      test,
      empty: test(''),
      set,
      prefix: prefix.subarray(0, length),
      memo: new Map<number, boolean>(),
    };
  });
}

/** Rows that pass all tests, in order; a copy. */
export async function matchRows(
  tables: MatchTables,
  tests: readonly Test[],
  slicer: Slicer,
): Promise<Uint32Array> {
  const { postings, symbols } = tables;
  const rest: Test[] = [];
  let base: number[] | null = null;
  let baseTest: Test | null = null;
  let baseCount = Infinity;
  for (const test of tests) {
    const name = symbols.find(test.name);
    if (name === NO_SYMBOL || !postings.names.has(name)) {
      // No series has the label.
      if (!test.empty) return new Uint32Array(0);
      continue;
    }
    rest.push(test);
    if (test.empty || test.set === null) continue;
    const pairs = pairsOfSet(tables, name, test.set);
    const count = sum(postings, pairs);
    if (count === 0) return new Uint32Array(0);
    if (count < baseCount) [base, baseTest, baseCount] = [pairs, test, count];
  }
  if (base === null) {
    const first = fewestValues(
      tables,
      rest.filter((t) => !t.empty),
    );
    if (first !== null) {
      base = await pairsThatPass(tables, first, slicer);
      baseTest = first;
    }
  }
  let rows = base === null ? allRows(postings).slice() : unionRows(postings, base);
  for (const test of rest) {
    if (test === baseTest || rows.length === 0) continue;
    rows = intersectExact(tables, test, rows) ?? (await filterRows(tables, test, rows, slicer));
  }
  return rows;
}

function pairsOfSet(tables: MatchTables, name: number, set: readonly string[]): number[] {
  const pairs: number[] = [];
  for (const value of set) {
    const symbol = tables.symbols.find(value);
    const pair = symbol === NO_SYMBOL ? -1 : findPair(tables.postings, name, symbol);
    if (pair >= 0) pairs.push(pair);
  }
  return pairs;
}

function sum(postings: Postings, pairs: readonly number[]): number {
  let n = 0;
  for (const pair of pairs) n += pairCount(postings, pair);
  return n;
}

function fewestValues(tables: MatchTables, tests: readonly Test[]): Test | null {
  let best: Test | null = null;
  let fewest = Infinity;
  for (const test of tests) {
    const n = tables.postings.names.get(tables.symbols.find(test.name))!.n;
    if (n < fewest) [best, fewest] = [test, n];
  }
  return best;
}

/** Pairs of the test's name whose value passes. */
async function pairsThatPass(tables: MatchTables, test: Test, slicer: Slicer): Promise<number[]> {
  const { postings, symbols } = tables;
  const name = symbols.find(test.name);
  const passed: number[] = [];
  // The list may grow while this rests: then the caller matches again.
  for (let i = 0; i < (postings.names.get(name)?.n ?? 0); i++) {
    if (slicer.due()) await slicer.rest();
    const pair = postings.names.get(name)!.pairs[i]!;
    if (passes(symbols, test, pairValue(postings, pair))) passed.push(pair);
  }
  return passed;
}

function passes(symbols: SymbolTable, test: Test, value: number): boolean {
  if (test.prefix.length > 0 && !symbols.startsWith(value, test.prefix)) return false;
  let verdict = test.memo.get(value);
  if (verdict === undefined) {
    verdict = test.test(symbols.text(value));
    test.memo.set(value, verdict);
  }
  return verdict;
}

function unionRows(postings: Postings, pairs: readonly number[]): Uint32Array {
  if (pairs.length === 1) return pairRows(postings, pairs[0]!).slice();
  const rows = new Uint32Array(sum(postings, pairs));
  let n = 0;
  for (const pair of pairs) {
    rows.set(pairRows(postings, pair), n);
    n += pairCount(postings, pair);
  }
  return rows.sort();
}

/** For an exact matcher with a list that is not much longer than the candidates; null: test label by label instead. */
function intersectExact(tables: MatchTables, test: Test, rows: Uint32Array): Uint32Array | null {
  if (test.empty || test.set?.length !== 1) return null;
  const pair = pairsOfSet(tables, tables.symbols.find(test.name), test.set)[0];
  if (pair === undefined) return new Uint32Array(0);
  if (pairCount(tables.postings, pair) > 8 * rows.length) return null;
  const list = pairRows(tables.postings, pair);
  let n = 0;
  let k = 0;
  for (let i = 0; i < rows.length && k < list.length; i++) {
    const row = rows[i]!;
    while (k < list.length && list[k]! < row) k++;
    if (k < list.length && list[k] === row) rows[n++] = row;
  }
  return rows.subarray(0, n);
}

async function filterRows(
  tables: MatchTables,
  test: Test,
  rows: Uint32Array,
  slicer: Slicer,
): Promise<Uint32Array> {
  const { series, symbols } = tables;
  const name = symbols.find(test.name);
  const only = test.set?.length === 1 ? symbols.find(test.set[0]!) : NO_SYMBOL;
  let n = 0;
  for (const row of rows) {
    if (slicer.due()) await slicer.rest();
    const value = labelSymbol(series, row, name);
    const pass =
      value === NO_SYMBOL ? test.empty : only === NO_SYMBOL ? passes(symbols, test, value) : value === only;
    if (pass) rows[n++] = row;
  }
  return rows.subarray(0, n);
}

/** The value symbol of a row's label; NO_SYMBOL when it has none of that name. */
export function labelSymbol(series: SeriesTable, row: number, name: number): number {
  const { words } = series.labels;
  const at = series.labelsAt[row]!;
  const end = at + 2 * series.labelCount[row]!;
  for (let i = at; i < end; i += 2) if (words[i] === name) return words[i + 1]!;
  return NO_SYMBOL;
}
