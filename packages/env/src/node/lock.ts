// An exclusive lock on a file that the kernel drops when the process ends, kill -9 included. Node has no call for fcntl locks, but its SQLite
// takes them: a write transaction begun on the (empty) file, which is never written to. Inside one process SQLite itself keeps the holders apart,
// in all threads. One trap of POSIX remains: closing any descriptor of the file drops the process's locks on it, so reading it is refused here.
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { EnvError, type FileLock } from '../env.ts';

const SQLITE_BUSY = 5;

/** What this thread has locked, by real path. It also keeps the database from being collected, which would end the lock. */
const held = new Map<string, DatabaseSync>();

/** null: another process, or another holder in this one, has it. The file is made when absent and stays. */
export function lockFile(where: string): FileLock | null {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(where, { timeout: 0 });
    // IMMEDIATE, not EXCLUSIVE: several that try for EXCLUSIVE at the same moment all hold a shared lock and so all fail; of several that
    // try for IMMEDIATE's one byte, one gets it.
    // An own journal beside the file would outlive us; nothing is ever written, so there is nothing to journal.
    database.exec('PRAGMA journal_mode=MEMORY; BEGIN IMMEDIATE');
  } catch (error) {
    database?.close();
    const { errcode, message } = error as { errcode?: number; message: string };
    if (errcode === SQLITE_BUSY) return null;
    const code = fs.existsSync(path.dirname(where)) ? 'EACCES' : 'ENOENT';
    throw new EnvError(code, where, `can't lock ${where}: ${message}`);
  }
  const real = fs.realpathSync(where);
  held.set(real, database);
  const taken = database;
  let released = false;
  return {
    release(): void {
      if (released) return;
      released = true;
      held.delete(real);
      taken.close();
    },
  };
}

/** Throws when this thread holds a lock on the file: opening and closing it would silently drop that lock. */
export function refuseLocked(where: string): void {
  if (held.size === 0) return;
  const real = path.join(realDir(path.dirname(path.resolve(where))), path.basename(where));
  if (held.has(real))
    throw new EnvError('EBUSY', where, `${where} is a lock file in use and can't be opened`);
}

function realDir(dir: string): string {
  try {
    return fs.realpathSync(dir);
  } catch {
    return dir;
  }
}

/** Node cannot take BSD locks, but Linux lists them: by the numbers of device and file. Elsewhere: false. */
export function flockedElsewhere(where: string): boolean {
  try {
    const { dev, ino } = fs.statSync(where);
    const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
    const hex = (n: number): string => n.toString(16).padStart(2, '0');
    const its = `${hex((dev >>> 8) & 0xfff)}:${hex(minor)}:${ino}`;
    return fs
      .readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .some((line) => / FLOCK /.test(line) && line.split(/ +/).includes(its));
  } catch {
    return false;
  }
}

/** Linux tells which files a process of the same user has open (to root: any process), and how. Elsewhere: null. */
export function writerOf(dir: string): number | null {
  const below = `${realDir(path.resolve(dir))}/`;
  for (const pid of namesIn('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    for (const fd of namesIn(`/proc/${pid}/fd`)) if (writesBelow(below, pid, fd)) return Number(pid);
  }
  return null;
}

function writesBelow(below: string, pid: string, fd: string): boolean {
  try {
    const link = fs.readlinkSync(`/proc/${pid}/fd/${fd}`);
    if (!link.startsWith(below) || link.endsWith(' (deleted)')) return false;
    const flags = /^flags:\s*([0-7]+)/m.exec(fs.readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'));
    // O_WRONLY or O_RDWR.
    return flags !== null && (Number.parseInt(flags[1]!, 8) & 3) !== 0;
  } catch {
    // Closed or ended meanwhile, or another user's.
    return false;
  }
}

function namesIn(dir: string): string[] {
  try {
    return fs.readdirSync(dir);
  } catch {
    return [];
  }
}
