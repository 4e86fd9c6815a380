// A file that is read by places, through pages in the blocks' cache.
import type { File, Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import type { BlockCache } from './cache.ts';

export const PAGE_BYTES: number = 16 * 1024;
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
  /** The page that was used last. */
  let number = -1;
  let page = new Uint8Array(0);

  const wrong = (at: number, why: string): StorageError => wrongBytes(path, at, why);

  function read(b: Uint8Array, at: number, n: number): void {
    if (at < 0 || at + n > size) throw wrong(at, `${n} bytes are named, and the file ends at ${size}`);
    const got = file.read(b, 0, n, at);
    if (got !== n) throw wrong(at + got, `only ${got} of ${n} bytes can be read`);
  }

  function turnTo(n: number): void {
    if (n === number) return;
    let bytes = cache.get(owner, n) as Uint8Array<ArrayBuffer> | undefined;
    if (bytes === undefined) {
      bytes = new Uint8Array(Math.min(PAGE_BYTES, size - n * PAGE_BYTES));
      read(bytes, n * PAGE_BYTES, bytes.length);
      cache.put(owner, n, bytes, bytes.length);
    }
    page = bytes;
    number = n;
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
      turnTo(first);
      found.b = page;
      found.from = from;
      found.to = from + n;
      return found;
    }
    if (joined.length < n || joined.length > 1024 * 1024) joined = new Uint8Array(2 * n);
    for (let done = 0; done < n;) {
      const p = Math.floor((at + done) / PAGE_BYTES);
      turnTo(p);
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
