// The simulated disk of one machine: a tree of files whose changes last only when synced, operations that can be counted, failed and stopped half
// way, and two kinds of crash. The faults are listed in the package's README.
import path from 'node:path/posix';
import { EnvError } from '../env.ts';
import {
  newDir,
  newFile,
  type Change,
  type DirChange,
  type DirNode,
  type FileNode,
  type Node,
} from './inode.ts';
import { keptDirChanges, loseFile, withEarlier } from './powerloss.ts';
import type { Prng } from './prng.ts';
import { SimCrash, type Task } from './task.ts';
import type { SimTime } from './time.ts';
import type { Trace } from './trace.ts';

/** process: what was written stays. power: only what was synced, and a part of the rest. */
export type CrashKind = 'process' | 'power';

export type DiskOperation =
  | 'create'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'makeDir'
  | 'rename'
  | 'link'
  | 'remove'
  | 'syncDir';

/** Returns an error code to fail an operation with, such as 'EIO'. After a failed sync the unsynced changes are lost, as on Linux. */
export type Fault = (operation: DiskOperation, path: string) => string | undefined;

/** How long a sync takes. */
const SYNC_MIN_MS = 0.1;
const SYNC_MAX_MS = 5;
/** A watcher is told once for a burst of changes. */
const GATHER_MS = 20;

/** The face for tests: crash points, limits, looking inside. */
export interface SimDisk {
  /** Changing operations so far, over all restarts. */
  readonly operations: number;
  /** Whether a crash point has been reached and no restart has followed. */
  readonly crashed: boolean;
  /** Ends the machine's process. What it waits for never settles; whatever it calls throws SimCrash. */
  crash(kind: CrashKind): void;
  /** The operation with this number (as `operations` counts) throws SimCrash with its work half done; every later one too, and waiting syncs reject. */
  crashAt(operation: number): void;
  /** From now on files may take this many bytes in all; Infinity lifts it. */
  full(bytes: number): void;
  /** Called before each changing operation; null: none. */
  fault(fn: Fault | null): void;
  /** Bytes that files take. */
  readonly used: number;
  /** Puts a file there as if it always had been: synced, with its directories. */
  put(file: string, bytes: Uint8Array): void;
  /** What a process would read; null: no such file. */
  read(file: string): Uint8Array | null;
  /** What would be there after the power went, if nothing unsynced lasted; null: nothing. */
  lasting(file: string): Uint8Array | null;
  /** Every file (and empty directory, with a '/' at its end), sorted. */
  tree(): string[];
}

interface Watcher {
  readonly where: string;
  readonly fn: () => void;
  readonly task: Task;
  told: boolean;
}

export class Disk implements SimDisk {
  readonly root: DirNode = newDir(0);
  readonly random: Prng;
  readonly time: SimTime;
  readonly watchers: Set<Watcher> = new Set();
  readonly locks: Set<string> = new Set();
  readonly #trace: Trace;
  readonly #wall: () => number;
  #dirChanges: DirChange[] = [];
  #dirChanged = 0;
  #crashAt = 0;
  #capacity = Infinity;
  #fault: Fault | null = null;
  /** Rejects the syncs that wait. */
  readonly #waiting: Set<(error: Error) => void> = new Set();
  operations = 0;
  crashed = false;
  /** A crash point was reached; what kind of crash it was is still open. */
  halted = false;
  used = 0;
  /** The process that uses the disk now. */
  task: Task;
  readonly #ended: (crash: SimCrash | null) => void;

  /** `ended`: the machine's process ends, at a crash point with its error. */
  constructor(
    task: Task,
    random: Prng,
    trace: Trace,
    wall: () => number,
    ended: (crash: SimCrash | null) => void,
  ) {
    this.task = task;
    this.time = task.time;
    this.random = random;
    this.#trace = trace;
    this.#wall = wall;
    this.#ended = ended;
  }

  crash(kind: CrashKind): void {
    this.#trace.add('crash', kind);
    this.#ended(null);
    this.crashed = true;
    this.halted = false;
    this.#waiting.clear();
    this.locks.clear();
    this.watchers.clear();
    if (kind === 'power') this.#losePower();
    else {
      const closed = (node: Node): void => {
        if (node.kind === 'file') node.opens = 0;
      };
      walk(this.root, 'seen', closed);
    }
    this.used = 0;
    const counted = new Set<Node>();
    walk(this.root, 'seen', (node) => {
      if (node.kind === 'file' && !counted.has(node)) this.used += node.seen.size;
      counted.add(node);
    });
  }

  /** A new process takes over. */
  start(task: Task): void {
    this.task = task;
    this.crashed = false;
  }

  crashAt(operation: number): void {
    this.#crashAt = operation;
  }

  full(bytes: number): void {
    this.#capacity = bytes;
  }

  fault(fn: Fault | null): void {
    this.#fault = fn;
  }

  get free(): number {
    return Math.max(0, this.#capacity - this.used);
  }

  put(where: string, bytes: Uint8Array): void {
    let dir = this.root;
    const parts = normal(where).split('/').slice(1);
    const name = parts.pop()!;
    for (const part of parts) {
      const made = dir.seen.get(part) ?? newDir(this.#wall());
      if (made.kind !== 'dir') throw new EnvError('ENOTDIR', where, `${where}: ${part} is a file`);
      dir.seen.set(part, made);
      dir.lasting.set(part, made);
      dir = made;
    }
    const file = newFile(this.#wall());
    file.links = 1;
    file.seen.write(bytes, 0);
    file.lasting.write(bytes, 0);
    this.used += bytes.length;
    dir.seen.set(name, file);
    dir.lasting.set(name, file);
    this.#told(normal(where));
  }

  read(where: string): Uint8Array | null {
    const node = find(this.root, where, 'seen');
    return node?.kind === 'file' ? node.seen.view().slice() : null;
  }

  lasting(where: string): Uint8Array | null {
    const node = find(this.root, where, 'lasting');
    return node?.kind === 'file' ? node.lasting.view().slice() : null;
  }

  tree(): string[] {
    const found: string[] = [];
    walk(this.root, 'seen', (node, where) => {
      if (node.kind === 'file') found.push(where);
      else if (node.seen.size === 0 && where !== '') found.push(`${where}/`);
    });
    return found.sort();
  }

  // ---- what the process does

  /** Counts an operation; runs `half` and dies when it is the crash point. Throws what the fault asks for. */
  begin(operation: DiskOperation, where: string, half: () => void): void {
    this.task.check();
    this.operations++;
    this.#trace.add(operation, where);
    if (this.operations === this.#crashAt) {
      this.#trace.add('crash point');
      half();
      throw this.#die(operation, where);
    }
    const code = this.#fault?.(operation, where);
    if (code !== undefined)
      throw new EnvError(code, where, `${where}: ${operation} failed: ${code} (simulated)`);
  }

  change(file: FileNode, where: string, change: Change): void {
    const before = file.seen.size;
    file.seen.apply(change);
    file.changes.push(change);
    file.changed++;
    file.modified_ms = this.#wall();
    this.used += file.seen.size - before;
    this.#told(where);
  }

  changeDirs(where: string, sets: DirChange['sets']): void {
    for (const { dir, name, node } of sets) {
      const old = dir.seen.get(name);
      if (node !== null && node.kind === 'file') node.links++;
      if (node === null) dir.seen.delete(name);
      else dir.seen.set(name, node);
      dir.modified_ms = this.#wall();
      if (old?.kind === 'file') {
        old.links--;
        this.drop(old);
      }
    }
    this.#dirChanges.push({ number: ++this.#dirChanged, sets });
    this.#told(where);
  }

  /** Counts a file's bytes as free once nothing leads to it. */
  drop(file: FileNode): void {
    if (file.links === 0 && file.opens === 0) this.used -= file.seen.size;
  }

  sync(file: FileNode, where: string): Promise<void> {
    const target = file.changed;
    const last = (): void => {
      const done = file.changes.length - (file.changed - target);
      for (const change of file.changes.splice(0, Math.max(0, done))) file.lasting.apply(change);
    };
    const forget = (): void => {
      file.forgotten = true;
      file.changes = [];
    };
    return this.#later('sync', where, last, forget);
  }

  syncDir(dir: DirNode, where: string): Promise<void> {
    const target = this.#dirChanged;
    return this.#later(
      'syncDir',
      where,
      () => this.#lastDir(dir, target),
      () => {},
    );
  }

  entry(where: string): { dir: DirNode; name: string; node: Node | undefined } {
    const full = normal(where);
    if (full === '/') return { dir: this.root, name: '', node: this.root };
    const dir = this.dir(path.dirname(full), where);
    const name = path.basename(full);
    return { dir, name, node: dir.seen.get(name) };
  }

  dir(dir: string, where: string): DirNode {
    const node = find(this.root, dir, 'seen');
    if (node === undefined) throw new EnvError('ENOENT', where, `${where}: no such file or directory`);
    if (node.kind !== 'dir') throw new EnvError('ENOTDIR', where, `${where}: not a directory`);
    return node;
  }

  now(): number {
    return this.#wall();
  }

  #die(operation: string, where: string): SimCrash {
    const error = new SimCrash(`crash point ${this.operations} reached: ${operation} ${where}`);
    this.crashed = true;
    this.halted = true;
    this.#ended(error);
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
    return error;
  }

  /** A sync: `last` makes the changes last when it ends, `forget` is what a failed one leaves (nothing to write any more). */
  async #later(
    operation: 'sync' | 'syncDir',
    where: string,
    last: () => void,
    forget: () => void,
  ): Promise<void> {
    this.task.check();
    try {
      this.begin(operation, where, () => {
        if (this.random.chance(0.5)) last();
      });
    } catch (error) {
      if (!(error instanceof SimCrash)) forget();
      throw error;
    }
    const task = this.task;
    const delay_ms = this.random.between(SYNC_MIN_MS, SYNC_MAX_MS);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.add(reject);
      task.soon(delay_ms, () => {
        this.#waiting.delete(reject);
        last();
        resolve();
      });
    });
  }

  #lastDir(dir: DirNode, target: number): void {
    const wanted = (change: DirChange): boolean =>
      change.number <= target && change.sets.some((set) => set.dir === dir);
    const last = new Set(withEarlier(this.#dirChanges, wanted));
    for (const change of last) for (const set of change.sets) keep(set);
    this.#dirChanges = this.#dirChanges.filter((change) => !last.has(change));
  }

  #losePower(): void {
    for (const change of keptDirChanges(this.#dirChanges, this.random))
      for (const set of change.sets) keep(set);
    this.#dirChanges = [];
    const files = new Set<FileNode>();
    walk(this.root, 'lasting', (node) => {
      if (node.kind === 'dir') node.seen = new Map(node.lasting);
      else {
        if (!files.has(node)) loseFile(node, this.random);
        if (!files.has(node)) node.links = 0;
        files.add(node);
        node.links++;
        node.opens = 0;
      }
    });
  }

  #told(where: string): void {
    for (const watcher of this.watchers) {
      if (watcher.told || (watcher.where !== where && watcher.where !== path.dirname(where))) continue;
      watcher.told = true;
      watcher.task.soon(GATHER_MS, () => {
        watcher.told = false;
        if (this.watchers.has(watcher)) watcher.fn();
      });
    }
  }
}

function keep({ dir, name, node }: DirChange['sets'][number]): void {
  if (node === null) dir.lasting.delete(name);
  else dir.lasting.set(name, node);
}

/** Absolute, without '.', '..' and a '/' at the end. */
export function normal(where: string): string {
  const full = path.resolve('/', where);
  return full.length > 1 && full.endsWith('/') ? full.slice(0, -1) : full;
}

function find(root: DirNode, where: string, face: 'seen' | 'lasting'): Node | undefined {
  let node: Node = root;
  for (const part of normal(where).split('/')) {
    if (part === '') continue;
    if (node.kind !== 'dir') return undefined;
    const next: Node | undefined = node[face].get(part);
    if (next === undefined) return undefined;
    node = next;
  }
  return node;
}

/** Children before their directory's siblings, in the order of creation (which the seed decides). */
function walk(root: DirNode, face: 'seen' | 'lasting', visit: (node: Node, where: string) => void): void {
  const go = (node: Node, where: string): void => {
    visit(node, where);
    if (node.kind === 'dir') for (const [name, child] of node[face]) go(child, `${where}/${name}`);
  };
  go(root, '');
}
