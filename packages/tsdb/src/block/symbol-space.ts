// One table of symbols for what is merged from several: the head's and each block's own numbers become its numbers. Numbers that were found
// once are kept; when the whole takes too much memory another space is begun, and selections of the old one keep its pages alive.
import { NO_SYMBOL, newSymbolTable, type SymbolTable } from '../head/symbol-table.ts';

const PAGE = 256;

/** Numbers of one source's symbols in the space. */
export interface SymbolNumbers {
  /** `text` is asked only for what is not known yet. */
  number(symbol: number, text: (symbol: number) => string): number;
}

export interface SymbolSpace {
  readonly table: SymbolTable;
  /** `source`: an open block, or the number of another table. */
  of(source: object | number): SymbolNumbers;
  bytes(): number;
}

export function newSymbolSpace(number: number): SymbolSpace {
  const table = newSymbolTable(number);
  const sources = new Map<object | number, SymbolNumbers>();
  let pages = 0;

  function newNumbers(): SymbolNumbers {
    const known: (Uint32Array | undefined)[] = [];
    return {
      number(symbol, text): number {
        const at = symbol % PAGE;
        const n = (symbol - at) / PAGE;
        let page = known[n];
        if (page === undefined) {
          known[n] = page = new Uint32Array(PAGE).fill(NO_SYMBOL);
          pages++;
        }
        let found = page[at]!;
        if (found === NO_SYMBOL) page[at] = found = table.add(text(symbol));
        return found;
      },
    };
  }

  return {
    table,
    of(source): SymbolNumbers {
      let numbers = sources.get(source);
      if (numbers === undefined) sources.set(source, (numbers = newNumbers()));
      return numbers;
    },
    // The table keeps, beside the texts, about 24 bytes a symbol.
    bytes: () => table.bytes() + 24 * table.count() + 4 * PAGE * pages,
  };
}
