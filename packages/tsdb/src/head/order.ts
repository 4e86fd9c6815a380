// Label order of series: their symbols are replaced by ranks, then the lists of ranks are sorted.
import { sortByKeys, type KeySource } from './key-sort.ts';
import type { Slicer } from './slicer.ts';
import { sortSymbols, wholeRanks } from './symbol-order.ts';
import type { SymbolTable } from './symbol-table.ts';

/** List i is words[from[i]..to[i]): name and value symbols in turn, in the order of names. */
export interface LabelLists {
  readonly count: number;
  readonly words: Uint32Array;
  readonly from: Uint32Array;
  readonly to: Uint32Array;
}

/** A table that is at most so many times larger than the lists is marked in an array, a larger one in a Map. */
const ARRAY_PART = 16;

/** Numbers of the lists in label order. With a limit (0: none) only the first so many are sure to be in their places. */
export async function labelOrder(
  lists: LabelLists,
  symbols: SymbolTable,
  limit: number,
  slicer: Slicer,
): Promise<Uint32Array> {
  const order = new Uint32Array(lists.count);
  for (let i = 0; i < order.length; i++) order[i] = i;
  if (order.length < 2) return order;
  const ranks =
    (await wholeRanks(symbols, lists.count, slicer)) ?? (await ranksAmong(lists, symbols, slicer));
  await sortByKeys(order, byRanks(lists, ranks), limit, slicer);
  return order;
}

type Ranks = Uint32Array | ReadonlyMap<number, number>;

/** Key 0: the list has ended. */
function byRanks({ words, from, to }: LabelLists, ranks: Ranks): KeySource {
  const last = (key: number): boolean => key === 0;
  if (ranks instanceof Uint32Array)
    return {
      load(items, first, end, depth, keys): void {
        for (let i = first; i < end; i++) {
          const list = items[i]!;
          const at = from[list]! + depth;
          keys[i] = at < to[list]! ? 1 + ranks[words[at]!]! : 0;
        }
      },
      last,
    };
  return {
    load(items, first, end, depth, keys): void {
      for (let i = first; i < end; i++) {
        const list = items[i]!;
        const at = from[list]! + depth;
        keys[i] = at < to[list]! ? 1 + ranks.get(words[at]!)! : 0;
      }
    },
    last,
  };
}

/** Ranks of the lists' symbols among each other. */
async function ranksAmong(lists: LabelLists, symbols: SymbolTable, slicer: Slicer): Promise<Ranks> {
  const { count, words, from, to } = lists;
  const array = symbols.count() <= ARRAY_PART * 2 * count ? new Uint32Array(symbols.count()) : null;
  const map = new Map<number, number>();
  const distinct: number[] = [];
  for (let list = 0; list < count; list++) {
    if (slicer.due(1 + to[list]! - from[list]!)) await slicer.rest();
    for (let i = from[list]!; i < to[list]!; i++) {
      const symbol = words[i]!;
      if (array === null ? map.has(symbol) : array[symbol] !== 0) continue;
      distinct.push(symbol);
      if (array === null) map.set(symbol, 1);
      else array[symbol] = 1;
    }
  }
  const sorted = Uint32Array.from(distinct);
  await sortSymbols(sorted, symbols, 0, slicer);
  for (let rank = 0; rank < sorted.length; rank++) {
    if (slicer.due()) await slicer.rest();
    if (array === null) map.set(sorted[rank]!, rank);
    else array[sorted[rank]!] = rank;
  }
  return array ?? map;
}
