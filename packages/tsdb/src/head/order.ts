// Label order of captured series: the distinct symbols are ranked by their bytes once, then series compare by numbers.
import type { Slicer } from './slicer.ts';
import type { SymbolTable } from './symbol-table.ts';

export interface LabelLists {
  readonly count: number;
  readonly labelFirst: Uint32Array;
  readonly labelSymbols: Uint32Array;
}

/** Positions of the lists in label order. */
export async function labelOrder(
  lists: LabelLists,
  symbols: SymbolTable,
  slicer: Slicer,
): Promise<Uint32Array> {
  const { count, labelFirst } = lists;
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  if (count < 2) return order;
  const ranked = await rankWords(lists, symbols, slicer);
  return sort(
    order,
    (a, b) => {
      let i = labelFirst[a]!;
      let k = labelFirst[b]!;
      const endA = labelFirst[a + 1]!;
      const endB = labelFirst[b + 1]!;
      for (; i < endA && k < endB; i++, k++) {
        const d = ranked[i]! - ranked[k]!;
        if (d !== 0) return d;
      }
      return endA - i - (endB - k);
    },
    slicer,
  );
}

/** The symbols of the lists, each replaced by its rank among them. */
async function rankWords(lists: LabelLists, symbols: SymbolTable, slicer: Slicer): Promise<Uint32Array> {
  const n = lists.labelFirst[lists.count]!;
  const words = lists.labelSymbols;
  const seen = new Uint32Array(Math.ceil(symbols.count() / 32));
  const distinct: number[] = [];
  for (let i = 0; i < n; i++) {
    const symbol = words[i]!;
    const bit = 1 << (symbol & 31);
    if ((seen[symbol >>> 5]! & bit) !== 0) continue;
    seen[symbol >>> 5]! |= bit;
    distinct.push(symbol);
  }
  const sorted = await sort(Uint32Array.from(distinct), (a, b) => symbols.compare(a, b), slicer);
  const rank = new Uint32Array(symbols.count());
  for (let i = 0; i < sorted.length; i++) rank[sorted[i]!] = i;
  const ranked = new Uint32Array(n);
  for (let i = 0; i < n; i++) ranked[i] = rank[words[i]!]!;
  return ranked;
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
