// Matchers to rows. The matcher with the fewest series makes the candidates; every other one takes away from them: by the postings of the
// values that pass or that fail when those are few, else by the candidates' own labels. Matching is run outside a capture and, when
// series came meanwhile, again inside: what was learnt about values is kept between the two.
import { compileAnchored, encodeUtf8, type AnchoredRegExp, type Matcher } from '@munjigi/model';
import { findPair, pairValue, type NamePairs, type Postings } from './postings.ts';
import { allRows, countRows, filterByMarks, markRows, rowsOfPairs, type Pairs } from './row-marks.ts';
import type { SeriesTable } from './series.ts';
import type { Slicer } from './slicer.ts';
import { NO_SYMBOL, type SymbolTable } from './symbol-table.ts';
import { countWithPrefixes, pairsWithPrefixes, type PairValues } from './value-order.ts';

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
  /** `!=` or `!~`: what is named does not pass. */
  readonly negated: boolean;
  readonly named: NamedValues;
  /** Whether all values but '' pass (true) or none does (false), when that is so. */
  readonly every: boolean | null;
  readonly learnt: Learnt;
}

/** The values that a matcher's text describes, whether they pass or not. */
interface NamedValues {
  /** All of them, when they are few. */
  readonly set: readonly string[] | null;
  /** What they all begin with. */
  readonly prefix: Uint8Array;
  /** Each begins with one of these; none: unknown. */
  readonly prefixes: readonly Uint8Array[];
  /** What begins with one of them is one. */
  readonly prefixesSuffice: boolean;
}

/** What a test has found out about a head's values. */
interface Learnt {
  /** Verdicts by value symbol, of MAX_VERDICTS at most. */
  readonly verdicts: Map<number, boolean>;
  /** Of the first `n` pairs of the name those that `pairsWanted` asks for. */
  n: number;
  readonly pairs: number[];
}

const MAX_VERDICTS = 65_536;
/** So few candidates are tested by their labels. */
const FEW_ROWS = 1024;
/** A candidate's label costs as much as so many rows of postings. */
const LABEL_COST = 4;

/** Throws RegExpError on an expression that is not RE2. */
export function compileTests(matchers: readonly Matcher[]): Test[] {
  return matchers.map(({ name, op, value }) => {
    const expression = op === '=~' || op === '!~' ? compileAnchored(value) : literal(value);
    const negated = op === '!=' || op === '!~';
    const { test } = expression;
    const all = expression.source === '.*' || expression.source === '.+' ? true : value === '' ? false : null;
    return {
      name,
      test: negated ? (text) => !test(text) : test,
      empty: test('') !== negated,
      set: negated ? null : expression.set,
      prefix: utf8(negated ? '' : expression.prefix),
      negated,
      named: {
        set: expression.set,
        prefix: utf8(expression.prefix),
        prefixes: expression.prefixes.map(utf8),
        prefixesSuffice: expression.prefixesSuffice,
      },
      every: all === null ? null : all !== negated,
      learnt: { verdicts: new Map<number, boolean>(), n: 0, pairs: [] },
    };
  });
}

function literal(value: string): AnchoredRegExp {
  return {
    source: '',
    test: (text) => text === value,
    set: [value],
    prefix: value,
    prefixes: value === '' ? [] : [value],
    prefixesSuffice: false,
  };
}

function utf8(text: string): Uint8Array {
  const bytes = new Uint8Array(3 * text.length);
  return bytes.subarray(0, encodeUtf8(text, bytes, 0));
}

/** A test of a label that some series have. */
interface Wanted {
  readonly test: Test;
  readonly name: number;
  readonly list: NamePairs;
}

/** Rows that pass all tests, ascending; the caller's own. */
export async function matchRows(
  tables: MatchTables,
  tests: readonly Test[],
  slicer: Slicer,
): Promise<Uint32Array> {
  const { series, postings } = tables;
  const rest: Wanted[] = [];
  for (const test of tests) {
    const name = tables.symbols.find(test.name);
    const list = name === NO_SYMBOL ? undefined : postings.names.get(name);
    // Of a label that no series has, only what an absent one does counts.
    const same = list === undefined || test.every === test.empty;
    if (same && !test.empty) return new Uint32Array(0);
    if (!same) rest.push({ test, name, list });
  }
  const base = await chooseBase(tables, rest, slicer);
  let rows =
    base === null ? await allRows(series, slicer) : await rowsOfPairs(postings, series, base.pairs, slicer);
  for (const wanted of rest)
    if (wanted !== base?.wanted && rows.length > 0) rows = await filterRows(tables, wanted, rows, slicer);
  return rows;
}

/** The test that the fewest series pass, as far as that can be told, with its pairs; null: all tests pass series without the label. */
async function chooseBase(
  tables: MatchTables,
  tests: readonly Wanted[],
  slicer: Slicer,
): Promise<{ wanted: Wanted; pairs: Pairs } | null> {
  let base: { wanted: Wanted; pairs: Pairs } | null = null;
  let fewest = Infinity;
  const others: Wanted[] = [];
  for (const wanted of tests) {
    if (wanted.test.empty) continue;
    if (wanted.test.set === null) {
      others.push(wanted);
      continue;
    }
    const pairs = await pairsOfSet(tables, wanted, wanted.test.set, slicer);
    const count = await countRows(tables.postings, pairs, slicer);
    if (count < fewest) [base, fewest] = [{ wanted, pairs }, count];
  }
  if (base !== null || others.length === 0) return base;
  const cost = (w: Wanted): number => (w.test.every === null ? valuesToLookAt(tables, w) : 2 * w.list.n);
  const wanted = others.reduce((a, b) => (cost(b) < cost(a) ? b : a));
  return { wanted, pairs: await pairsWanted(tables, wanted, slicer) };
}

/** Whether the values that the test names are those that pass, of a test that an absent label fails; that fail, of one that it passes. */
function namesWanted({ empty, negated }: Test): boolean {
  return empty === negated;
}

/** How many values at most `pairsWanted` looks at. */
function valuesToLookAt(tables: MatchTables, { test, list }: Wanted): number {
  if (!namesWanted(test)) return list.n;
  const { set, prefixes } = test.named;
  if (set !== null) return set.length;
  return prefixes.length === 0 ? list.n : countWithPrefixes(list, valuesOf(tables), prefixes);
}

/** The pairs that pass, of a test that an absent label fails; the pairs that fail, of one that it passes. Not to be changed. */
async function pairsWanted(tables: MatchTables, wanted: Wanted, slicer: Slicer): Promise<Pairs> {
  const { set, prefixes } = wanted.test.named;
  if (namesWanted(wanted.test)) {
    if (set !== null) return pairsOfSet(tables, wanted, set, slicer);
    if (prefixes.length > 0) return pairsOfPrefixes(tables, wanted, slicer);
  }
  const { test, list } = wanted;
  // All of them: they pass where an absent label fails, or the other way round.
  if (test.every !== null) return list.pairs.subarray(0, list.n);
  const { learnt } = test;
  const passes = verdicts(tables, test, false);
  // The list may grow while this rests.
  for (; learnt.n < list.n; learnt.n++) {
    if (slicer.due()) await slicer.rest();
    const pair = list.pairs[learnt.n]!;
    if (passes(pairValue(tables.postings, pair)) !== test.empty) learnt.pairs.push(pair);
  }
  return learnt.pairs;
}

async function pairsOfPrefixes(
  tables: MatchTables,
  { test, list }: Wanted,
  slicer: Slicer,
): Promise<readonly number[]> {
  const { prefix, prefixes, prefixesSuffice } = test.named;
  const pairs = await pairsWithPrefixes(list, valuesOf(tables), prefix, prefixes, slicer);
  if (prefixesSuffice) return pairs;
  const passes = verdicts(tables, test, true);
  let n = 0;
  for (const pair of pairs) {
    if (slicer.due()) await slicer.rest();
    if (passes(pairValue(tables.postings, pair)) !== test.empty) pairs[n++] = pair;
  }
  pairs.length = n;
  return pairs;
}

async function pairsOfSet(
  { symbols, postings }: MatchTables,
  { name }: Wanted,
  set: readonly string[],
  slicer: Slicer,
): Promise<number[]> {
  const pairs: number[] = [];
  for (const value of set) {
    if (slicer.due()) await slicer.rest();
    const symbol = symbols.find(value);
    const pair = symbol === NO_SYMBOL ? -1 : findPair(postings, name, symbol);
    if (pair >= 0) pairs.push(pair);
  }
  return pairs;
}

function valuesOf({ symbols, postings }: MatchTables): PairValues {
  return { symbols, value: (pair) => pairValue(postings, pair) };
}

/** Whether a value passes, by its symbol. */
function verdicts({ symbols }: MatchTables, test: Test, remember: boolean): (value: number) => boolean {
  const { every, named, negated, learnt } = test;
  if (every !== null) return () => every;
  if (named.set !== null) {
    const set = new Set(named.set.map((text) => symbols.find(text)));
    const [first] = set;
    return set.size === 1 ? (value) => (value === first) !== negated : (value) => set.has(value) !== negated;
  }
  return (value) => {
    if (named.prefix.length > 0 && !symbols.startsWith(value, named.prefix)) return negated;
    if (!remember) return test.test(symbols.text(value));
    let verdict = learnt.verdicts.get(value);
    if (verdict === undefined) {
      verdict = test.test(symbols.text(value));
      if (learnt.verdicts.size < MAX_VERDICTS) learnt.verdicts.set(value, verdict);
    }
    return verdict;
  };
}

/** Takes rows that fail out, in place. */
async function filterRows(
  tables: MatchTables,
  wanted: Wanted,
  rows: Uint32Array,
  slicer: Slicer,
): Promise<Uint32Array> {
  const { series, postings } = tables;
  const { test, name } = wanted;
  let passes = verdicts(tables, test, true);
  if (rows.length > FEW_ROWS && valuesToLookAt(tables, wanted) <= rows.length) {
    const pairs = await pairsWanted(tables, wanted, slicer);
    if ((await countRows(postings, pairs, slicer)) <= LABEL_COST * rows.length) {
      const marks = await markRows(postings, series, pairs, slicer);
      return filterByMarks(rows, marks, !test.empty, slicer);
    }
    if (test.every === null && test.named.set === null)
      passes = await verdictsOfPairs(tables, test, pairs, slicer);
  }
  let n = 0;
  for (const row of rows) {
    if (slicer.due()) await slicer.rest();
    const value = labelSymbol(series, row, name);
    if (value === NO_SYMBOL ? test.empty : passes(value)) rows[n++] = row;
  }
  return rows.subarray(0, n);
}

/** Whether a value passes, of which the pairs that `pairsWanted` gave are known. */
async function verdictsOfPairs(
  { symbols, postings }: MatchTables,
  test: Test,
  pairs: Pairs,
  slicer: Slicer,
): Promise<(value: number) => boolean> {
  const wanted = new Uint8Array(symbols.count());
  for (const pair of pairs) {
    if (slicer.due()) await slicer.rest();
    wanted[pairValue(postings, pair)] = 1;
  }
  return (value) => (wanted[value] === 1) !== test.empty;
}

/** The value symbol of a row's label; NO_SYMBOL when it has none of that name. */
export function labelSymbol(series: SeriesTable, row: number, name: number): number {
  const { words } = series.labels;
  const at = series.labelsAt[row]!;
  const end = at + 2 * series.labelCount[row]!;
  for (let i = at; i < end; i += 2) if (words[i] === name) return words[i + 1]!;
  return NO_SYMBOL;
}
