// The values of a label name in the order of their UTF-8 bytes, so that those with a prefix are a range. Sorted runs of pair numbers, each at
// most half as long as the one before it; every search for a prefix sorts some more, so that none pays for all. Values that are not in
// a run yet are looked at one by one.
import type { Slicer } from './slicer.ts';
import type { SymbolTable } from './symbol-table.ts';

/** What of a name's pairs is in order. Replaced, never changed: a search goes on with the one that it began with. */
export interface ValueOrder {
  /** The first so many pairs of the name are in the runs. */
  readonly n: number;
  readonly runs: readonly Uint32Array[];
}

export const NO_ORDER: ValueOrder = { n: 0, runs: [] };

/** Pairs of one name, by age. */
interface ValueList {
  readonly n: number;
  readonly pairs: Uint32Array;
  order: ValueOrder;
  /** Somebody sorts. */
  sorting: boolean;
}

/** Values of pairs. */
export interface PairValues {
  readonly symbols: SymbolTable;
  /** The value symbol of a pair. */
  readonly value: (pair: number) => number;
}

/** So many values are not worth an order: it takes less than 0.1 ms to look at them. */
const FEW_VALUES = 2048;
/** A run begins with so many, sorted at once. */
const RUN = 256;
/** A search sorts so many runs. */
const RUNS_A_SEARCH = 64;
/** Of a binary search, in steps of a slicer. */
const STEPS_A_SEARCH = 40;

/** At most so many values begin with one of the prefixes, as far as that is known without looking at each. */
export function countWithPrefixes(
  list: ValueList,
  values: PairValues,
  prefixes: readonly Uint8Array[],
): number {
  let n = list.n - list.order.n;
  for (const run of list.order.runs)
    for (const prefix of prefixes) n += endOf(run, values, prefix) - startOf(run, values, prefix);
  return n;
}

/** Pairs whose value begins with one of the prefixes, of which none begins with another and all begin with `common`. */
export async function pairsWithPrefixes(
  list: ValueList,
  values: PairValues,
  common: Uint8Array,
  prefixes: readonly Uint8Array[],
  slicer: Slicer,
): Promise<number[]> {
  await sortMore(list, values, slicer);
  const { symbols } = values;
  const { n, runs } = list.order;
  const found: number[] = [];
  for (const run of runs)
    for (const prefix of prefixes) {
      const end = endOf(run, values, prefix);
      for (let i = startOf(run, values, prefix); i < end; i++) {
        if (slicer.due()) await slicer.rest();
        found.push(run[i]!);
      }
      if (slicer.due(STEPS_A_SEARCH)) await slicer.rest();
    }
  for (let i = n; i < list.n; i++) {
    if (slicer.due()) await slicer.rest();
    const pair = list.pairs[i]!;
    const value = values.value(pair);
    if (!symbols.startsWith(value, common)) continue;
    if (prefixes.some((prefix) => symbols.startsWith(value, prefix))) found.push(pair);
  }
  return found;
}

async function sortMore(list: ValueList, values: PairValues, slicer: Slicer): Promise<void> {
  if (list.sorting || list.n < FEW_VALUES) return;
  list.sorting = true;
  try {
    for (let k = 0; k < RUNS_A_SEARCH && list.n - list.order.n >= RUN; k++) {
      if (slicer.due(8 * RUN)) await slicer.rest();
      const { n, runs } = list.order;
      const run = list.pairs.slice(n, n + RUN).sort(comparison(values));
      list.order = { n: n + RUN, runs: await joined([...runs, run], values, slicer) };
    }
  } finally {
    list.sorting = false;
  }
}

/** The last runs become one until each is at most half as long as the one before it. */
async function joined(runs: Uint32Array[], values: PairValues, slicer: Slicer): Promise<Uint32Array[]> {
  while (runs.length > 1 && 2 * runs.at(-1)!.length > runs.at(-2)!.length) {
    const [a, b] = runs.splice(-2) as [Uint32Array, Uint32Array];
    runs.push(await merged(a, b, values, slicer));
  }
  return runs;
}

async function merged(
  a: Uint32Array,
  b: Uint32Array,
  values: PairValues,
  slicer: Slicer,
): Promise<Uint32Array> {
  const compare = comparison(values);
  const out = new Uint32Array(a.length + b.length);
  for (let i = 0, k = 0; i + k < out.length;) {
    if (slicer.due()) await slicer.rest();
    const first = k === b.length || (i < a.length && compare(a[i]!, b[k]!) < 0);
    out[i + k] = first ? a[i]! : b[k]!;
    if (first) i++;
    else k++;
  }
  return out;
}

function comparison({ symbols, value }: PairValues): (a: number, b: number) => number {
  return (a, b) => symbols.compare(value(a), value(b));
}

/** Where the values that begin with the prefix begin. */
function startOf(run: Uint32Array, values: PairValues, prefix: Uint8Array): number {
  return search(run, (pair) => compareStart(values, pair, prefix) >= 0);
}

function endOf(run: Uint32Array, values: PairValues, prefix: Uint8Array): number {
  return search(run, (pair) => compareStart(values, pair, prefix) > 0);
}

/** The first place for which `after` is true; it stays true from there on. */
function search(run: Uint32Array, after: (pair: number) => boolean): number {
  let from = 0;
  let to = run.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (after(run[middle]!)) to = middle;
    else from = middle + 1;
  }
  return from;
}

let scratch = new Uint8Array(256);

/** The order of a value and a prefix; 0: it begins with it. */
function compareStart({ symbols, value }: PairValues, pair: number, prefix: Uint8Array): number {
  const symbol = value(pair);
  const length = symbols.byteLength(symbol);
  if (length > scratch.length) scratch = new Uint8Array(2 * length);
  symbols.copy(symbol, scratch, 0);
  for (let i = 0; i < Math.min(length, prefix.length); i++) {
    const d = scratch[i]! - prefix[i]!;
    if (d !== 0) return d;
  }
  return length < prefix.length ? -1 : 0;
}
