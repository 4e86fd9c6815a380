// Blocks of u32 words in one growing array: label lists and postings. An address is a word number; 0 is never handed out.

const SMALL = 64;

export interface WordPool {
  /** Replaced when it grows: take it again after an alloc. */
  words: Uint32Array;
  usedWords: number;
}

interface Pool extends WordPool {
  next: number;
  /** Free blocks chained through their first word: by exact size up to SMALL, by power of two above. */
  readonly free: Uint32Array;
}

export function newWordPool(words: number): WordPool {
  const pool: Pool = {
    words: new Uint32Array(words),
    usedWords: 0,
    next: 1,
    free: new Uint32Array(SMALL + 33),
  };
  return pool;
}

/** The size that a request gets. */
export function blockWords(n: number): number {
  return n <= SMALL ? n : 2 ** (32 - Math.clz32(n - 1));
}

export function allocWords(pool: WordPool, n: number): number {
  const p = pool as Pool;
  const size = blockWords(n);
  const list = size <= SMALL ? size : SMALL + 31 - Math.clz32(size);
  p.usedWords += size;
  const found = p.free[list]!;
  if (found !== 0) {
    p.free[list] = p.words[found]!;
    return found;
  }
  if (p.next + size > p.words.length) {
    const grown = new Uint32Array(Math.max(p.next + size, Math.ceil(p.words.length * 1.5)));
    grown.set(p.words.subarray(0, p.next));
    p.words = grown;
  }
  const at = p.next;
  p.next += size;
  return at;
}

export function freeWords(pool: WordPool, at: number, n: number): void {
  const p = pool as Pool;
  const size = blockWords(n);
  const list = size <= SMALL ? size : SMALL + 31 - Math.clz32(size);
  p.usedWords -= size;
  p.words[at] = p.free[list]!;
  p.free[list] = at;
}
