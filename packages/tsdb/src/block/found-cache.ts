// What some matchers found in a block the last time. Blocks never change (what is deleted stands elsewhere), so it is what they find the next
// time too: dashboards and alerts ask the same again and again, for times a little later.
import { foundBytes, type Found } from './found.ts';
import type { SymbolSpace } from './symbol-space.ts';

/** More series than these are not remembered. */
export const MAX_FOUND_SERIES = 10_000;

interface Entry {
  readonly found: Found;
  /** Label symbols are numbers of this space. */
  readonly space: SymbolSpace;
  readonly bytes: number;
}

/** The texts of matchers are about as long as these are for nothing found. */
const ENTRY_BYTES = 1024;

/** The last finds, by block and matchers, as far as they fit. */
export class FoundCache {
  readonly #maxBytes: number;
  /** The longest unused first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: string, space: SymbolSpace): Found | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.space !== space) {
      this.#drop(key, entry);
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.found;
  }

  put(key: string, found: Found, space: SymbolSpace): void {
    const old = this.#entries.get(key);
    if (old !== undefined) this.#drop(key, old);
    const entry = { found, space, bytes: ENTRY_BYTES + foundBytes(found) };
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    for (const [first, e] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#drop(first, e);
    }
  }

  #drop(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
