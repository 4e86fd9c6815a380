// `Files` of a simulated process: the same answers and errors as the real one, on the simulated disk.
import path from 'node:path/posix';
import { EnvError, type DirEntry, type File, type Files, type FileStat } from '../env.ts';
import { normal, type Disk } from './disk.ts';
import { newDir, newFile, type DirNode, type FileNode } from './inode.ts';
import type { Task } from './task.ts';

type Mode = 'r' | 'rw' | 'create' | 'append';

class SimFile implements File {
  readonly #disk: Disk;
  readonly #task: Task;
  readonly #path: string;
  readonly #node: FileNode;
  readonly #mode: Mode;
  #closed = false;

  constructor(disk: Disk, task: Task, path: string, node: FileNode, mode: Mode) {
    this.#disk = disk;
    this.#task = task;
    this.#path = path;
    this.#node = node;
    this.#mode = mode;
    node.opens++;
  }

  read(b: Uint8Array, from: number, to: number, position: number): number {
    this.#check(false);
    const bytes = this.#node.seen.view().subarray(position, position + to - from);
    b.set(bytes, from);
    return bytes.length;
  }

  write(b: Uint8Array, from: number, to: number, position: number): void {
    this.#check(true);
    if (position === -1 && this.#mode !== 'append')
      throw new EnvError('EINVAL', this.#path, `${this.#path}: only a file opened to append knows its end`);
    const file = this.#node;
    const at = this.#mode === 'append' ? file.seen.size : position;
    const bytes = new Uint8Array(b.subarray(from, to));
    this.#disk.begin('write', this.#path, () => {
      const done = this.#disk.random.below(bytes.length + 1);
      if (done > 0) this.#disk.change(file, this.#path, { at, bytes: bytes.subarray(0, done) });
    });
    const room = Math.max(0, file.seen.size + this.#disk.free - at);
    const fits = bytes.length <= room ? bytes : bytes.subarray(0, room);
    if (fits.length > 0) this.#disk.change(file, this.#path, { at, bytes: fits });
    if (fits.length < bytes.length)
      throw new EnvError('ENOSPC', this.#path, `${this.#path}: no space left on device, write`);
  }

  truncate(size: number): void {
    this.#check(true);
    const change = { at: size, bytes: null };
    this.#disk.begin('truncate', this.#path, () => {
      if (this.#disk.random.chance(0.5)) this.#disk.change(this.#node, this.#path, change);
    });
    if (size - this.#node.seen.size > this.#disk.free)
      throw new EnvError('ENOSPC', this.#path, `${this.#path}: no space left on device, truncate`);
    this.#disk.change(this.#node, this.#path, change);
  }

  size(): number {
    this.#check(false);
    return this.#node.seen.size;
  }

  async sync(): Promise<void> {
    this.#check(false);
    await this.#disk.sync(this.#node, this.#path);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#task.alive) return;
    this.#node.opens--;
    this.#disk.drop(this.#node);
  }

  #check(writing: boolean): void {
    this.#task.check();
    if (this.#closed) throw new EnvError('EBADF', this.#path, `${this.#path}: the file was closed`);
    if (writing && this.#mode === 'r')
      throw new EnvError('EBADF', this.#path, `${this.#path}: opened for reading only`);
  }
}

/** `task`: the process, or the thread of it, that the files belong to. */
export function simFiles(disk: Disk, task: Task): Files {
  const { random } = disk;
  const sometimes = (fn: () => void) => (): void => {
    if (random.chance(0.5)) fn();
  };

  function open(where: string, mode: Mode): File {
    task.check();
    const full = normal(where);
    if (disk.locks.has(full))
      throw new EnvError('EBUSY', where, `${where} is a lock file in use and can't be opened`);
    const { dir, name, node } = disk.entry(where);
    if (node?.kind === 'dir') throw new EnvError('EISDIR', where, `${where}: is a directory`);
    if (node !== undefined) {
      const file = new SimFile(disk, task, full, node, mode);
      try {
        if (mode === 'create' && node.seen.size > 0) file.truncate(0);
      } catch (error) {
        file.close();
        throw error;
      }
      return file;
    }
    if (mode === 'r' || mode === 'rw') throw missing(where);
    return new SimFile(disk, task, full, create(dir, name, full), mode);
  }

  function create(dir: DirNode, name: string, full: string): FileNode {
    const file = newFile(disk.now());
    const made = (): void => disk.changeDirs(full, [{ dir, name, node: file }]);
    disk.begin('create', full, sometimes(made));
    if (disk.free === 0) throw new EnvError('ENOSPC', full, `${full}: no space left on device, open`);
    made();
    return file;
  }

  function makeDir(where: string): void {
    task.check();
    let at = '';
    let dir = disk.root;
    for (const name of normal(where).split('/').slice(1)) {
      if (name === '') return;
      at += `/${name}`;
      const node = dir.seen.get(name);
      if (node?.kind === 'file')
        throw new EnvError(at === normal(where) ? 'EEXIST' : 'ENOTDIR', where, `${where}: ${at} is a file`);
      if (node === undefined) {
        const parent = dir;
        const path = at;
        const fresh = newDir(disk.now());
        const made = (): void => disk.changeDirs(path, [{ dir: parent, name, node: fresh }]);
        disk.begin('makeDir', path, sometimes(made));
        if (disk.free === 0) throw new EnvError('ENOSPC', where, `${where}: no space left on device, mkdir`);
        made();
        dir = fresh;
      } else dir = node;
    }
  }

  function rename(from: string, to: string): void {
    task.check();
    const source = disk.entry(from);
    if (source.node === undefined) throw missing(from);
    const target = disk.entry(to);
    const { node } = source;
    if (target.node === node) return;
    if (target.node?.kind === 'dir') {
      if (node.kind === 'file')
        throw new EnvError('EISDIR', from, `${to}: is a directory, rename from ${from}`);
      if (target.node.seen.size > 0)
        throw new EnvError('ENOTEMPTY', from, `${to}: directory not empty, rename from ${from}`);
    } else if (target.node !== undefined && node.kind === 'dir')
      throw new EnvError('ENOTDIR', from, `${to}: not a directory, rename from ${from}`);
    if (node.kind === 'dir' && `${normal(to)}/`.startsWith(`${normal(from)}/`))
      throw new EnvError('EINVAL', from, `${from}: can't be moved into itself`);
    const moved = (): void => {
      disk.changeDirs(normal(to), [
        { dir: target.dir, name: target.name, node },
        { dir: source.dir, name: source.name, node: null },
      ]);
    };
    disk.begin('rename', normal(to), sometimes(moved));
    moved();
  }

  function link(from: string, to: string): void {
    task.check();
    const { node } = disk.entry(from);
    if (node === undefined) throw missing(from);
    if (node.kind === 'dir') throw new EnvError('EPERM', to, `${from}: a directory has one name only`);
    const target = disk.entry(to);
    if (target.node !== undefined) throw new EnvError('EEXIST', to, `${to}: exists already`);
    const linked = (): void => disk.changeDirs(normal(to), [{ dir: target.dir, name: target.name, node }]);
    disk.begin('link', normal(to), sometimes(linked));
    linked();
  }

  function remove(where: string): void {
    task.check();
    const { dir, name, node } = disk.entry(where);
    if (node === undefined) throw missing(where);
    if (node.kind === 'dir' && node.seen.size > 0)
      throw new EnvError('ENOTEMPTY', where, `${where}: directory not empty`);
    const removed = (): void => disk.changeDirs(normal(where), [{ dir, name, node: null }]);
    disk.begin('remove', normal(where), sometimes(removed));
    removed();
  }

  function removeTree(where: string): void {
    const full = normal(where);
    let found;
    try {
      found = disk.entry(where).node;
    } catch {
      return;
    }
    if (found === undefined) return;
    if (found.kind === 'dir') for (const name of [...found.seen.keys()].sort()) removeTree(`${full}/${name}`);
    remove(full);
  }

  function stat(where: string): FileStat | null {
    task.check();
    let node;
    try {
      node = disk.entry(where).node;
    } catch {
      return null;
    }
    if (node === undefined) return null;
    return {
      kind: node.kind,
      size: node.kind === 'file' ? node.seen.size : 0,
      modified_ms: node.modified_ms,
    };
  }

  function list(where: string): DirEntry[] {
    task.check();
    return [...disk.dir(where, where).seen]
      .map(([name, node]) => ({ name, kind: node.kind }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  function readFile(where: string): Uint8Array {
    const file = open(where, 'r');
    const b = new Uint8Array(file.size());
    file.read(b, 0, b.length, 0);
    file.close();
    return b;
  }

  /** Two writers of one path take turns, because they share the temporary name. */
  const writing = new Map<string, Promise<void>>();

  function writeWhole(where: string, bytes: Uint8Array): Promise<void> {
    const full = normal(where);
    const turn = (writing.get(full) ?? Promise.resolve()).then(() => writeAndRename(full, bytes));
    writing.set(
      full,
      turn.catch(() => {}),
    );
    return turn;
  }

  async function writeAndRename(full: string, bytes: Uint8Array): Promise<void> {
    const temporary = `${full}.tmp`;
    try {
      const file = open(temporary, 'create');
      try {
        file.write(bytes, 0, bytes.length, 0);
        await file.sync();
      } finally {
        file.close();
      }
      rename(temporary, full);
    } catch (error) {
      if (task.alive && stat(temporary) !== null) remove(temporary);
      throw error;
    }
    await syncDir(path.dirname(full));
  }

  async function syncDir(where: string): Promise<void> {
    task.check();
    await disk.syncDir(disk.dir(where, where), normal(where));
  }

  return {
    open,
    readFile,
    list,
    stat,
    makeDir,
    rename,
    remove,
    removeTree,
    syncDir,
    writeWhole,
    lock(where) {
      const full = normal(where);
      task.check();
      if (disk.locks.has(full)) return null;
      open(where, 'append').close();
      disk.locks.add(full);
      const free = (): void => void disk.locks.delete(full);
      const forget = task.onEnd(free);
      let released = false;
      return {
        release(): void {
          if (!released && task.alive) free();
          released = true;
          forget();
        },
      };
    },
    flocked: () => false,
    writerOf: () => null,
    watch(where, fn) {
      const watcher = { where: normal(where), fn, task, told: false };
      disk.watchers.add(watcher);
      const forget = task.onEnd(() => disk.watchers.delete(watcher));
      return {
        close(): void {
          forget();
          disk.watchers.delete(watcher);
        },
      };
    },
    freeBytes(where) {
      disk.dir(where, where);
      return Math.min(disk.free, Number.MAX_SAFE_INTEGER);
    },
    link,
    totalBytes(where) {
      disk.dir(where, where);
      return Math.min(disk.free + disk.used, Number.MAX_SAFE_INTEGER);
    },
  };
}

function missing(where: string): EnvError {
  return new EnvError('ENOENT', where, `${where}: no such file or directory`);
}
