// Chunk files as pages of 64 KiB in a bounded cache. A file is open only while it is read: an open one would keep the room of a block that was
// deleted meanwhile.
import { StorageError } from '@munjigi/model';
import { EnvError, type File, type Files } from '@munjigi/env';

export const PAGE_BYTES: number = 64 * 1024;
/** Pages that are read at once when they follow each other. */
const RUN_PAGES = 16;
/** Bytes over a border of pages, usually. */
export const JOINED_BYTES: number = 128 * 1024;
/** Page numbers of one file. */
const FILE_PAGES: number = 2 ** 21;
/** A bit for each byte of a page. */
export const CHECKS_BYTES: number = PAGE_BYTES / 8;
/** In the smallest cache. */
export const PAGES_MIN = 2;
/** Paths that are remembered; more, and the cache begins anew. */
const PATHS_MAX = 100_000;

interface Last {
  readonly key: number;
  readonly page: Page;
}

interface Page {
  readonly b: Uint8Array;
  /** How much of it the file had. Behind the page in b lie the bits of `checksAt`. */
  length: number;
}

export interface FilePlace {
  readonly b: Uint8Array;
  readonly from: number;
  readonly length: number;
  /** Where in b the bits begin, one for each byte of the page, in which a reader notes what it has checked; -1: it cannot. */
  readonly checksAt: number;
}

export interface FilePages {
  /** A number for the path, as long as `generation` stays. */
  fileOf(path: string): number;
  generation(): number;
  /** Reads pages that are not there yet: `keys` are file * FILE_PAGES + page, in any order, repetitions allowed. */
  load(keys: Float64Array): void;
  /**
   * Bytes [at, at + n) of the file in `b` from `from` on, fewer at its end: `length`. Valid until the next call.
   */
  view(file: number, at: number, n: number): FilePlace;
  /** Bytes from `at` on as far as their page goes. Valid likewise. */
  rest(file: number, at: number): FilePlace;
  /** Forgets these bytes: they are read again. */
  forget(file: number, at: number, n: number): void;
  bytes(): number;
}

export function pageKey(file: number, at: number): number {
  return file * FILE_PAGES + Math.floor(at / PAGE_BYTES);
}

/** `newBytes` makes the room of pages, and of `JOINED_BYTES` once. */
export function newFilePages(
  files: Files,
  cacheBytes: number,
  newBytes: (n: number) => Uint8Array = (n) => new Uint8Array(n),
): FilePages {
  const pagesMax = Math.max(PAGES_MIN, Math.floor(cacheBytes / PAGE_BYTES));
  /** In the order of their use, the oldest first. */
  const pages = new Map<number, Page>();
  /** Pages that are of no use any more. */
  const spare: Page[] = [];
  const numbers = new Map<string, number>();
  const paths: string[] = [];
  let generation = 0;
  /** The page of each file that was asked for last: a query goes through several blocks at once, series by series. */
  const lastOf: (Last | null)[] = [];
  let run: Uint8Array | null = null;
  let joined: Uint8Array = newBytes(JOINED_BYTES);

  function withFile<T>(file: number, fn: (f: File) => T): T {
    const path = paths[file]!;
    try {
      const f = files.open(path, 'r');
      try {
        return fn(f);
      } finally {
        f.close();
      }
    } catch (error) {
      if (!(error instanceof EnvError)) throw error;
      throw new StorageError(
        error.code,
        `${path}: chunks cannot be read: ${error.message}`,
        error.code !== 'ENOENT',
      );
    }
  }

  /** A page to fill: the least used one when there are enough. */
  function freePage(): Page {
    const free = spare.pop();
    if (free !== undefined) return free;
    if (pages.size < pagesMax) return { b: newBytes(PAGE_BYTES + CHECKS_BYTES), length: 0 };
    for (const [key, page] of pages) {
      pages.delete(key);
      unlast(key);
      return page;
    }
    return { b: newBytes(PAGE_BYTES + CHECKS_BYTES), length: 0 };
  }

  function drop(key: number): void {
    const page = pages.get(key);
    if (page === undefined) return;
    pages.delete(key);
    spare.push(page);
    unlast(key);
  }

  function unlast(key: number): void {
    const file = Math.floor(key / FILE_PAGES);
    if (lastOf[file]?.key === key) lastOf[file] = null;
  }

  function keep(key: number, page: Page, length: number): void {
    page.length = length;
    page.b.fill(0, PAGE_BYTES);
    pages.set(key, page);
  }

  /** Reads pages [key, key + n) of one file. */
  function read(key: number, n: number): void {
    const first = (key % FILE_PAGES) * PAGE_BYTES;
    if (n === 1) {
      const page = freePage();
      try {
        const file = Math.floor(key / FILE_PAGES);
        keep(
          key,
          page,
          withFile(file, (f) => readAll(f, page.b, PAGE_BYTES, first)),
        );
      } catch (error) {
        spare.push(page);
        throw error;
      }
      return;
    }
    const b = (run ??= new Uint8Array(RUN_PAGES * PAGE_BYTES));
    const length = withFile(Math.floor(key / FILE_PAGES), (f) => readAll(f, b, n * PAGE_BYTES, first));
    for (let i = 0; i < n; i++) {
      const page = freePage();
      const had = Math.max(0, Math.min(PAGE_BYTES, length - i * PAGE_BYTES));
      page.b.set(b.subarray(i * PAGE_BYTES, i * PAGE_BYTES + had));
      keep(key + i, page, had);
    }
  }

  /** The page with at least `length` bytes, if the file has them. */
  function pageOf(key: number, length: number): Page {
    const file = Math.floor(key / FILE_PAGES);
    const last = lastOf[file];
    if (last?.key === key && last.page.length >= length) return last.page;
    let page = pages.get(key);
    if (page !== undefined) {
      // The file had less when this was read; it may have grown.
      if (page.length >= length) {
        pages.delete(key);
        pages.set(key, page);
      } else {
        drop(key);
        page = undefined;
      }
    }
    if (page === undefined) {
      read(key, 1);
      page = pages.get(key)!;
    }
    lastOf[file] = { key, page };
    return page;
  }

  return {
    generation: () => generation,
    bytes: () => pages.size * PAGE_BYTES,
    fileOf(path): number {
      let file = numbers.get(path);
      if (file === undefined) {
        if (paths.length >= PATHS_MAX) {
          numbers.clear();
          paths.length = 0;
          for (const key of pages.keys()) drop(key);
          lastOf.length = 0;
          generation++;
        }
        file = paths.length;
        paths.push(path);
        lastOf.push(null);
        numbers.set(path, file);
      }
      return file;
    },
    load(keys): void {
      const missing = keys.filter((key) => !pages.has(key)).sort();
      // More than the cache can hold is read when it is needed.
      let room = Math.max(1, pagesMax >> 1);
      for (let i = 0; i < missing.length && room > 0;) {
        const first = missing[i++]!;
        let n = 1;
        // Repetitions and the next page belong to this run.
        for (; i < missing.length && n < Math.min(RUN_PAGES, room); i++) {
          const key = missing[i]!;
          if (key > first + n) break;
          if (key === first + n) n++;
        }
        read(first, n);
        room -= n;
        while (i < missing.length && missing[i]! < first + n) i++;
      }
    },
    view(file, at, n) {
      const from = at % PAGE_BYTES;
      if (from + n <= PAGE_BYTES) {
        const page = pageOf(pageKey(file, at), from + n);
        return { b: page.b, from, length: Math.max(0, Math.min(n, page.length - from)), checksAt: -1 };
      }
      // Over a border of pages: joined, with zeros behind for decoders that look ahead.
      if (joined.length < n + 8) joined = new Uint8Array(Math.max(n + 8, 2 * joined.length));
      let length = 0;
      while (length < n) {
        const start = (at + length) % PAGE_BYTES;
        const take = Math.min(n - length, PAGE_BYTES - start);
        const page = pageOf(pageKey(file, at + length), start + take);
        const got = Math.max(0, Math.min(take, page.length - start));
        joined.set(page.b.subarray(start, start + got), length);
        length += got;
        if (got < take) break;
      }
      joined.fill(0, length, length + 8);
      return { b: joined, from: 0, length, checksAt: -1 };
    },
    rest(file, at) {
      const from = at % PAGE_BYTES;
      const page = pageOf(pageKey(file, at), from + 1);
      return { b: page.b, from, length: Math.max(0, page.length - from), checksAt: PAGE_BYTES };
    },
    forget(file, at, n): void {
      for (let key = pageKey(file, at); key <= pageKey(file, at + n); key++) drop(key);
    },
  };
}

function readAll(f: File, b: Uint8Array, n: number, position: number): number {
  let length = 0;
  while (length < n) {
    const got = f.read(b, length, n, position + length);
    if (got === 0) break;
    length += got;
  }
  return length;
}
