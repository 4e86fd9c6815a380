// The symbol table of a merged block: a k-way merge of the sources' tables. Because the new numbers are in the order of the texts' bytes,
// labels of different sources are compared by numbers alone from then on.
import { compareBytes, type SeriesSource, type SymbolView } from './source.ts';

/** Gives every symbol to `add` once, ascending. Returns for each source: the new number by the source's own number. */
export function mergeSymbols(
  sources: readonly SeriesSource[],
  add: (b: Uint8Array, from: number, to: number) => void,
): Uint32Array[] {
  const numbers = sources.map((source) => new Uint32Array(source.symbolCount));
  const heads: (SymbolView | null)[] = sources.map((source) => source.nextSymbol());
  for (let next = 0; ; next++) {
    let least: SymbolView | null = null;
    for (const head of heads)
      if (head !== null && (least === null || compareBytes(head, least) < 0)) least = head;
    if (least === null) return numbers;
    add(least.b, least.from, least.to);
    // `least` itself moves on last: the others are compared with its bytes.
    let its = 0;
    for (let i = 0; i < heads.length; i++) {
      const head = heads[i]!;
      if (head === least) its = i;
      else if (head !== null && compareBytes(head, least) === 0) {
        numbers[i]![head.number] = next;
        heads[i] = sources[i]!.nextSymbol();
      }
    }
    numbers[its]![least.number] = next;
    heads[its] = sources[its]!.nextSymbol();
  }
}
