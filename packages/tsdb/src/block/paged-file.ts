// A file that is read by places, through pages in the blocks' cache.
import type { File, Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import type { BlockCache } from './cache.ts';

export const PAGE_BYTES: number = 16 * 1024;
const NEAR = 8;
/** No single thing in an index is larger than this: a longer length is wrong. */
export const MAX_THING_BYTES: number = 256 * 1024 * 1024;

/** Bytes b[from..to), valid until the source is asked again. */
export interface ByteView {
  b: Uint8Array;
  from: number;
  to: number;
}

export interface ByteSource {
  readonly size: number;
  /** Bytes [at, at + n). Throws StorageError EFORMAT when they are not there. */
  view(at: number, n: number): ByteView;
  /** As `view`, but fewer bytes at the end. */
  peek(at: number, n: number): ByteView;
  /** An error that names the file, the byte and what is wrong. */
  wrong(at: number, why: string): StorageError;
}

export interface PagedFile extends ByteSource {
  readonly path: string;
  /** Reads bytes [at, at + n) into b[0..n), past the cache. Throws as `view`. */
  read(b: Uint8Array, at: number, n: number): void;
  /** Keeps nothing but what the cache keeps. */
  release(): void;
  close(): void;
}

export function wrongBytes(path: string, at: number, why: string): StorageError {
  return new StorageError(
    'EFORMAT',
    `${path}: byte ${at}: ${why}: restore the block from a copy, or move its folder away`,
    false,
  );
}

/** Opens `path`; its pages are kept under the number `owner`. Throws EnvError. */
export function openPagedFile(files: Files, path: string, cache: BlockCache, owner: number): PagedFile {
  const file: File = files.open(path, 'r');
  const size = file.size();
  const found: ByteView = { b: new Uint8Array(0), from: 0, to: 0 };
  let joined = new Uint8Array(0);
  /** Pages that were used last, so that most steps ask the cache for nothing: page n at n % NEAR. */
  const nearPages: (Uint8Array | undefined)[] = [];
  const nearNumbers = new Float64Array(NEAR).fill(-1);

  const wrong = (at: number, why: string): StorageError => wrongBytes(path, at, why);

  function read(b: Uint8Array, at: number, n: number): void {
    if (at < 0 || at + n > size) throw wrong(at, `${n} bytes are named, and the file ends at ${size}`);
    const got = file.read(b, 0, n, at);
    if (got !== n) throw wrong(at + got, `only ${got} of ${n} bytes can be read`);
  }

  function pageOf(n: number): Uint8Array {
    const near = n % NEAR;
    if (nearNumbers[near] === n) return nearPages[near]!;
    let page = cache.get(owner, n) as Uint8Array | undefined;
    if (page === undefined) {
      page = new Uint8Array(Math.min(PAGE_BYTES, size - n * PAGE_BYTES));
      read(page, n * PAGE_BYTES, page.length);
      cache.put(owner, n, page, page.length);
    }
    nearNumbers[near] = n;
    nearPages[near] = page;
    return page;
  }

  function view(at: number, n: number): ByteView {
    if (!(at >= 0 && at + n <= size)) throw wrong(at, `${n} bytes are named, and the file ends at ${size}`);
    if (n === 0) {
      found.from = found.to = 0;
      return found;
    }
    if (n > MAX_THING_BYTES) throw wrong(at, `${n} bytes in one piece`);
    const first = Math.floor(at / PAGE_BYTES);
    const from = at - first * PAGE_BYTES;
    if (from + n <= PAGE_BYTES) {
      found.b = pageOf(first);
      found.from = from;
      found.to = from + n;
      return found;
    }
    if (joined.length < n || joined.length > 1024 * 1024) joined = new Uint8Array(2 * n);
    for (let done = 0; done < n;) {
      const p = Math.floor((at + done) / PAGE_BYTES);
      const page = pageOf(p);
      const start = at + done - p * PAGE_BYTES;
      const more = Math.min(n - done, PAGE_BYTES - start);
      joined.set(page.subarray(start, start + more), done);
      done += more;
    }
    found.b = joined;
    found.from = 0;
    found.to = n;
    return found;
  }

  return {
    path,
    size,
    view,
    peek: (at, n) => view(at, Math.max(0, Math.min(n, size - at))),
    wrong,
    read,
    release(): void {
      nearNumbers.fill(-1);
      nearPages.length = 0;
    },
    close: () => file.close(),
  };
}

/** Bytes that are in memory. `base`: what `wrong` adds to a place. */
export function memorySource(b: Uint8Array, path: string, base: number): ByteSource {
  const found: ByteView = { b, from: 0, to: 0 };
  const view = (at: number, n: number): ByteView => {
    if (!(at >= 0 && at + n <= b.length)) throw wrongBytes(path, base + at, `${n} bytes are named`);
    found.from = at;
    found.to = at + n;
    return found;
  };
  return {
    size: b.length,
    view,
    peek: (at, n) => view(at, Math.max(0, Math.min(n, b.length - at))),
    wrong: (at, why) => wrongBytes(path, base + at, why),
  };
}
