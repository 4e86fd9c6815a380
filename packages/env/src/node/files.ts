// The real disk. Data calls are synchronous, waiting for the disk itself (`sync`) is not.
import fs from 'node:fs';
import path from 'node:path';
import { EnvError, type DirEntry, type File, type Files, type FileStat } from '../env.ts';
import { flockedElsewhere, lockFile, refuseLocked, writerOf } from './lock.ts';
import { watchPath } from './watch.ts';

const FLAGS = { r: 'r', rw: 'r+', create: 'w+', append: 'a+' } as const;

class NodeFile implements File {
  readonly #path: string;
  readonly #append: boolean;
  #fd: number;
  #syncing = 0;
  #closed = false;

  constructor(path: string, fd: number, append: boolean) {
    this.#path = path;
    this.#fd = fd;
    this.#append = append;
  }

  read(b: Uint8Array, from: number, to: number, position: number): number {
    try {
      let done = from;
      while (done < to) {
        const n = fs.readSync(this.#open(), b, done, to - done, position + done - from);
        if (n === 0) break;
        done += n;
      }
      return done - from;
    } catch (error) {
      throw failed(error, this.#path);
    }
  }

  write(b: Uint8Array, from: number, to: number, position: number): void {
    if (position === -1 && !this.#append)
      throw new EnvError('EINVAL', this.#path, `${this.#path}: only a file opened to append knows its end`);
    try {
      let done = from;
      while (done < to)
        done += fs.writeSync(
          this.#open(),
          b,
          done,
          to - done,
          position === -1 ? null : position + done - from,
        );
    } catch (error) {
      throw failed(error, this.#path);
    }
  }

  truncate(size: number): void {
    try {
      fs.ftruncateSync(this.#open(), size);
    } catch (error) {
      throw failed(error, this.#path);
    }
  }

  size(): number {
    try {
      return fs.fstatSync(this.#open()).size;
    } catch (error) {
      throw failed(error, this.#path);
    }
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fd = this.#open();
      this.#syncing++;
      // Data and the size that is needed to read it back; times of change may be lost.
      fs.fdatasync(fd, (error) => {
        this.#syncing--;
        if (this.#closed) this.#release();
        if (error === null) resolve();
        else reject(failed(error, this.#path));
      });
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
  }

  // The number of a closed descriptor is given out again at once: closing waits for the syncs that still use it.
  #release(): void {
    if (this.#syncing > 0 || this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    try {
      fs.closeSync(fd);
    } catch (error) {
      throw failed(error, this.#path);
    }
  }

  #open(): number {
    if (this.#closed) throw new EnvError('EBADF', this.#path, `${this.#path}: the file was closed`);
    return this.#fd;
  }
}

/** The system's error as an EnvError that names the path. */
export function failed(error: unknown, where: string): EnvError {
  if (error instanceof EnvError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new EnvError(code ?? 'EIO', where, `${where}: ${message}`);
}

function attempt<T>(where: string, fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    throw failed(error, where);
  }
}

function kindOf(e: { isFile(): boolean; isDirectory(): boolean }): DirEntry['kind'] {
  return e.isFile() ? 'file' : e.isDirectory() ? 'dir' : 'other';
}

function open(where: string, mode: 'r' | 'rw' | 'create' | 'append'): File {
  refuseLocked(where);
  return attempt(where, () => {
    const fd = fs.openSync(where, FLAGS[mode]);
    if (fs.fstatSync(fd).isDirectory()) {
      fs.closeSync(fd);
      throw new EnvError('EISDIR', where, `${where}: is a directory`);
    }
    return new NodeFile(where, fd, mode === 'append');
  });
}

function list(dir: string): DirEntry[] {
  return attempt(dir, () =>
    fs
      .readdirSync(dir, { withFileTypes: true })
      .map((e) => ({ name: e.name, kind: e.isSymbolicLink() ? linked(path.join(dir, e.name)) : kindOf(e) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
}

/** What a link leads to; 'other' when that is nothing, or itself. */
function linked(where: string): DirEntry['kind'] {
  try {
    return stat(where)?.kind ?? 'other';
  } catch {
    return 'other';
  }
}

/**
 * Makes what is missing of a path. Not by mkdir's own `recursive`, which goes round in circles where a parent exists but takes no folders
 * (/proc), and calls a read-only disk a missing file.
 */
function makeDir(where: string): void {
  try {
    fs.mkdirSync(where);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const found = code === 'ENOENT' ? undefined : fs.statSync(where, { throwIfNoEntry: false });
    if (found?.isDirectory() === true) return;
    const parent = path.dirname(where);
    if (code !== 'ENOENT' || parent === where || fs.existsSync(parent)) throw error;
    makeDir(parent);
    fs.mkdirSync(where);
  }
}

function stat(where: string): FileStat | null {
  return attempt(where, () => {
    try {
      const s = fs.statSync(where, { throwIfNoEntry: false });
      return s === undefined ? null : { kind: kindOf(s), size: s.size, modified_ms: Math.floor(s.mtimeMs) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return null;
      throw error;
    }
  });
}

function remove(where: string): void {
  attempt(where, () => {
    if (fs.lstatSync(where).isDirectory()) fs.rmdirSync(where);
    else fs.unlinkSync(where);
  });
}

function syncDir(dir: string): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.open(dir, 'r', (openError, fd) => {
      if (openError !== null) return reject(failed(openError, dir));
      fs.fsync(fd, (syncError) => {
        fs.closeSync(fd);
        // Windows and some network file systems know no fsync of a directory.
        if (syncError === null || syncError.code === 'EPERM' || syncError.code === 'EINVAL') resolve();
        else reject(failed(syncError, dir));
      });
    });
  });
}

/** Two writers of one path take turns, because they share the temporary name. */
const writing = new Map<string, Promise<void>>();

function writeWhole(where: string, bytes: Uint8Array): Promise<void> {
  const key = path.resolve(where);
  const before = writing.get(key);
  const turn =
    before === undefined ? writeAndRename(key, bytes) : before.then(() => writeAndRename(key, bytes));
  const settled = turn.then(forget, forget);
  writing.set(key, settled);
  function forget(): void {
    if (writing.get(key) === settled) writing.delete(key);
  }
  return turn;
}

async function writeAndRename(where: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${where}.tmp`;
  try {
    const file = open(temporary, 'create');
    try {
      const old = attempt(where, () => fs.statSync(where, { throwIfNoEntry: false }));
      if (old !== undefined) attempt(temporary, () => fs.chmodSync(temporary, old.mode & 0o7777));
      file.write(bytes, 0, bytes.length, 0);
      await file.sync();
    } finally {
      file.close();
    }
    attempt(where, () => fs.renameSync(temporary, where));
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  await syncDir(path.dirname(where));
}

export const nodeFiles: Files = {
  open,
  readFile: (where) => {
    refuseLocked(where);
    return attempt(where, () => {
      const b = fs.readFileSync(where);
      return new Uint8Array(b.buffer, b.byteOffset, b.length);
    });
  },
  list,
  stat,
  makeDir: (where) => attempt(where, () => makeDir(where)),
  rename: (from, to) => attempt(from, () => fs.renameSync(from, to)),
  remove,
  removeTree: (where) => attempt(where, () => fs.rmSync(where, { recursive: true, force: true })),
  syncDir,
  writeWhole,
  lock: lockFile,
  flocked: flockedElsewhere,
  writerOf,
  watch: watchPath,
  freeBytes: (where) =>
    attempt(where, () => {
      const s = fs.statfsSync(where);
      return s.bavail * s.bsize;
    }),
  totalBytes: (where) =>
    attempt(where, () => {
      const s = fs.statfsSync(where);
      return s.blocks * s.bsize;
    }),
  link: (from, to) => attempt(to, () => fs.linkSync(from, to)),
};
