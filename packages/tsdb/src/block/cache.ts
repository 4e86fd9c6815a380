// The memory of all blocks that a thread has open: pages of index files and tables made from them, the longest unused dropped first.

export interface BlockCache {
  /** A number for what belongs together, such as a file. */
  owner(): number;
  /** `key`: a whole number below 2^32. */
  get(owner: number, key: number): unknown;
  /** Keeps a value that takes `bytes`; one that is larger than the cache is not kept. */
  put(owner: number, key: number, value: unknown, bytes: number): void;
  forget(owner: number): void;
  bytes(): number;
}

interface Entry {
  readonly owner: number;
  readonly value: unknown;
  readonly bytes: number;
}

const ENTRY_BYTES = 100;

/** `limit`: bytes of all values together. */
export function newBlockCache(limit: number): BlockCache {
  // A Map keeps the order of insertion: what is used moves to its end.
  const entries = new Map<number, Entry>();
  let used = 0;
  let owners = 0;

  function drop(key: number, entry: Entry): void {
    entries.delete(key);
    used -= entry.bytes;
  }

  return {
    owner: () => ++owners,
    get(owner, key): unknown {
      const full = owner * 2 ** 32 + key;
      const entry = entries.get(full);
      if (entry === undefined) return undefined;
      entries.delete(full);
      entries.set(full, entry);
      return entry.value;
    },
    put(owner, key, value, bytes): void {
      const full = owner * 2 ** 32 + key;
      const old = entries.get(full);
      if (old !== undefined) drop(full, old);
      const entry = { owner, value, bytes: bytes + ENTRY_BYTES };
      if (entry.bytes > limit) return;
      entries.set(full, entry);
      used += entry.bytes;
      for (const [oldest, its] of entries) {
        if (used <= limit) break;
        drop(oldest, its);
      }
    },
    forget(owner): void {
      for (const [key, entry] of entries) if (entry.owner === owner) drop(key, entry);
    },
    bytes: () => used,
  };
}
