// Texts of symbols that this thread has read, kept from query to query: labels are decoded once, not once a query.
import { SymbolReader, type Selection } from '@munjigi/model';

/** Queries of an older table may still run when a store begins a new one. */
const MAX_TABLES = 2;

/** The reader for a selection's symbols. */
export function createSymbolCache(): (s: Selection) => SymbolReader {
  const readers = new Map<number, SymbolReader>();
  return ({ symbols }) => {
    const table = symbols.table ?? 0;
    let reader = readers.get(table);
    if (reader === undefined) {
      readers.set(table, (reader = new SymbolReader(symbols)));
      const [oldest] = readers.keys();
      if (readers.size > MAX_TABLES) readers.delete(oldest!);
    } else reader.update(symbols);
    return reader;
  };
}
