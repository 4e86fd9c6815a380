// Label order of captured series: the distinct symbols are ranked by their bytes once, then series are sorted by numbers.
import type { Slicer } from './slicer.ts';
import type { SymbolTable } from './symbol-table.ts';

export interface LabelLists {
  readonly count: number;
  readonly labelFirst: Uint32Array;
  readonly labelSymbols: Uint32Array;
}

/**
 * Positions of the lists in label order: from the last word of the longest list to the first, stable counting by rank; a list joins, in
 * front, at its own last word. So the work is one step a word, not a comparison of lists.
 */
export async function labelOrder(
  lists: LabelLists,
  symbols: SymbolTable,
  slicer: Slicer,
): Promise<Uint32Array> {
  const { count, labelFirst } = lists;
  const { words, ranks } = await rankWords(lists, symbols, slicer);
  const byLength = groupByLength(lists);
  let order: Uint32Array = new Uint32Array(count);
  let next: Uint32Array = new Uint32Array(count);
  const buckets = new Uint32Array(ranks + 1);
  let n = 0;
  for (let p = byLength.length - 2; p >= 0; p--) {
    const joining = byLength[p + 1]!;
    if (joining.length > 0) {
      order.copyWithin(joining.length, 0, n);
      order.set(joining, 0);
      n += joining.length;
    }
    if (slicer.due(n)) await slicer.rest();
    const key = (list: number): number => words[labelFirst[list]! + p]!;
    if (n * 8 < ranks) {
      // Few lists: counting over all ranks would cost more than comparing.
      const sorted = await sort(order.slice(0, n), (a, b) => key(a) - key(b), slicer);
      order.set(sorted);
      continue;
    }
    if (constant(order, n, key)) continue;
    buckets.fill(0);
    for (let i = 0; i < n; i++) buckets[key(order[i]!) + 1]!++;
    for (let i = 1; i <= ranks; i++) buckets[i]! += buckets[i - 1]!;
    for (let i = 0; i < n; i++) next[buckets[key(order[i]!)]!++] = order[i]!;
    [order, next] = [next, order];
  }
  return order;
}

function constant(order: Uint32Array, n: number, key: (list: number) => number): boolean {
  const first = n === 0 ? 0 : key(order[0]!);
  for (let i = 1; i < n; i++) if (key(order[i]!) !== first) return false;
  return true;
}

/** Lists by how many words they have. */
function groupByLength(lists: LabelLists): number[][] {
  const groups: number[][] = [[]];
  for (let i = 0; i < lists.count; i++) {
    const length = lists.labelFirst[i + 1]! - lists.labelFirst[i]!;
    while (groups.length <= length) groups.push([]);
    groups[length]!.push(i);
  }
  return groups;
}

/** The symbols of the lists, each replaced by its rank among them. */
async function rankWords(
  lists: LabelLists,
  symbols: SymbolTable,
  slicer: Slicer,
): Promise<{ words: Uint32Array; ranks: number }> {
  const n = lists.labelFirst[lists.count]!;
  const words = new Uint32Array(n);
  // Numbers in the order of first sight; a Map when the selection is small beside the table.
  const dense = n * 4 < symbols.count() ? null : new Uint32Array(symbols.count());
  const sparse = new Map<number, number>();
  const distinct: number[] = [];
  for (let i = 0; i < n; i++) {
    const symbol = lists.labelSymbols[i]!;
    let number = dense === null ? (sparse.get(symbol) ?? 0) : dense[symbol]!;
    if (number === 0) {
      number = distinct.push(symbol);
      if (dense === null) sparse.set(symbol, number);
      else dense[symbol] = number;
    }
    words[i] = number - 1;
  }
  const numbers = Uint32Array.from(distinct, (_, i) => i);
  const sorted = await sort(numbers, (a, b) => symbols.compare(distinct[a]!, distinct[b]!), slicer);
  const rank = new Uint32Array(distinct.length);
  for (let i = 0; i < sorted.length; i++) rank[sorted[i]!] = i;
  for (let i = 0; i < n; i++) words[i] = rank[words[i]!]!;
  return { words, ranks: distinct.length };
}

const RUN = 32;

/** Merge sort that rests between steps. Sorts `items` and returns it or its twin. */
async function sort(
  items: Uint32Array,
  compare: (a: number, b: number) => number,
  slicer: Slicer,
): Promise<Uint32Array> {
  const n = items.length;
  for (let from = 0; from < n; from += RUN) {
    if (slicer.due()) await slicer.rest();
    insertionSort(items, from, Math.min(n, from + RUN), compare);
  }
  let source = items;
  let target: Uint32Array = new Uint32Array(n > RUN ? n : 0);
  for (let width = RUN; width < n; width *= 2) {
    for (let from = 0; from < n; from += 2 * width) {
      const middle = Math.min(n, from + width);
      const end = Math.min(n, from + 2 * width);
      let i = from;
      let k = middle;
      if (k < end && compare(source[k - 1]!, source[k]!) <= 0) {
        // In order already, as symbols that came together often are.
        target.set(source.subarray(from, end), from);
        continue;
      }
      for (let to = from; to < end; to++) {
        if (slicer.due()) await slicer.rest();
        if (i < middle && (k >= end || compare(source[i]!, source[k]!) <= 0)) target[to] = source[i++]!;
        else target[to] = source[k++]!;
      }
    }
    [source, target] = [target, source];
  }
  return source;
}

function insertionSort(
  items: Uint32Array,
  from: number,
  to: number,
  compare: (a: number, b: number) => number,
): void {
  for (let i = from + 1; i < to; i++) {
    const item = items[i]!;
    let k = i - 1;
    while (k >= from && compare(items[k]!, item) > 0) {
      items[k + 1] = items[k]!;
      k--;
    }
    items[k + 1] = item;
  }
}
