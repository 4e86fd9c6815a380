// The order of symbols by their bytes. Asked for much of a table, all of it is ranked, and the ranks are kept until there are more
// symbols: then only those are sorted, and merged.
import { sortByKeys, type KeySource } from './key-sort.ts';
import type { Slicer } from './slicer.ts';
import type { SymbolTable } from './symbol-table.ts';

/** Of a table: symbol s stands at place ranks[s] among the first ranks.length symbols. */
export type SymbolRanks = Uint32Array;

/** Asked for an eighth of the table's symbols, all are ranked. */
const WHOLE_PART = 8;

interface Ranked {
  ranks: SymbolRanks;
  /** Under way: covers more symbols once it resolves. */
  next: Promise<SymbolRanks> | null;
}

const rankedTables = new WeakMap<SymbolTable, Ranked>();

/** Ranks of all symbols there are now, when they are known already or `asked` symbols make it worth to find them; null: not worth it. */
export async function wholeRanks(
  table: SymbolTable,
  asked: number,
  slicer: Slicer,
): Promise<SymbolRanks | null> {
  const count = table.count();
  let known = rankedTables.get(table);
  if (known !== undefined && known.ranks.length >= count) return known.ranks;
  if (asked * WHOLE_PART < count) return null;
  if (known === undefined) rankedTables.set(table, (known = { ranks: new Uint32Array(0), next: null }));
  while (known.ranks.length < count) {
    known.next ??= rankMore(table, known.ranks, slicer);
    try {
      known.ranks = await known.next;
    } finally {
      known.next = null;
    }
  }
  return known.ranks;
}

/** Sorts symbols by their bytes, in place. With a limit (0: none) only the first so many are sure to be in their places. */
export async function sortSymbols(
  symbols: Uint32Array,
  table: SymbolTable,
  limit: number,
  slicer: Slicer,
): Promise<void> {
  const ranks = await wholeRanks(table, limit === 0 ? symbols.length : 0, slicer);
  await sortByKeys(symbols, ranks === null ? byBytes(table) : byRank(ranks), limit, slicer);
}

function byRank(ranks: SymbolRanks): KeySource {
  return {
    load(items, from, to, _, keys): void {
      for (let i = from; i < to; i++) keys[i] = ranks[items[i]!]!;
    },
    last: () => true,
  };
}

/** Six bytes at a time, and how many of the six there are. */
function byBytes(table: SymbolTable): KeySource {
  return {
    load(items, from, to, depth, keys): void {
      for (let i = from; i < to; i++) keys[i] = table.sixBytes(items[i]!, 6 * depth);
    },
    last: (key) => key % 8 < 6,
  };
}

/** The ranks of all symbols, from those of the first ones. */
async function rankMore(table: SymbolTable, known: SymbolRanks, slicer: Slicer): Promise<SymbolRanks> {
  const count = table.count();
  const added = new Uint32Array(count - known.length);
  await stepwise(added.length, slicer, (i) => {
    added[i] = known.length + i;
  });
  await sortByKeys(added, byBytes(table), 0, slicer);
  const sorted = new Uint32Array(known.length);
  await stepwise(known.length, slicer, (i) => {
    sorted[known[i]!] = i;
  });
  const ranks = new Uint32Array(count);
  let i = 0;
  let k = 0;
  await stepwise(count, slicer, (rank) => {
    const old = k === added.length || (i < sorted.length && table.compare(sorted[i]!, added[k]!) < 0);
    ranks[old ? sorted[i++]! : added[k++]!] = rank;
  });
  return ranks;
}

async function stepwise(n: number, slicer: Slicer, step: (i: number) => void): Promise<void> {
  for (let at = 0; at < n; at += slicer.chunk) {
    const end = Math.min(n, at + slicer.chunk);
    if (slicer.due(end - at)) await slicer.rest();
    for (let i = at; i < end; i++) step(i);
  }
}
