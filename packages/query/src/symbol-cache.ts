// Texts of symbols that this thread has read, kept from query to query: labels are decoded once, not once a query.
import { SymbolReader, type Selection } from '@munjigi/model';

/**
 * The store's own table, those of threads that merge it with blocks (each has one, and shares come with them), and as many again: queries of an
 * older table may still run when a new one is begun.
 */
const MAX_TABLES = 16;
/** Texts remembered of one table. */
const MAX_TEXTS = 250_000;

/** The reader for a selection's symbols. */
export function createSymbolCache(): (s: Selection) => SymbolReader {
  /** The longest unused first. */
  const readers = new Map<number, SymbolReader>();
  return ({ symbols }) => {
    const table = symbols.table ?? 0;
    let reader = readers.get(table);
    if (reader === undefined) reader = new SymbolReader(symbols, MAX_TEXTS);
    else {
      reader.update(symbols);
      readers.delete(table);
    }
    readers.set(table, reader);
    const [oldest] = readers.keys();
    if (readers.size > MAX_TABLES) readers.delete(oldest!);
    return reader;
  };
}
