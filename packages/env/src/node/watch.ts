// Watching for changes. A file is watched through its directory, so that editors which rename over it and Kubernetes' swapped links are seen, and
// is reported only when what the path leads to really differs. Every second the path itself is looked at too: that finds directories that were
// replaced or appeared late, targets of links elsewhere, and stands in where the system has no watching (network disks, no inotify left).
import fs from 'node:fs';
import path from 'node:path';

const POLL_MS = 1000;
/** A burst of events makes one call. */
const GATHER_MS = 20;
/** Entries of an unwatchable directory that are compared at each poll. */
const ENTRIES_MAX = 10_000;

export function watchPath(where: string, fn: () => void): { close(): void } {
  let watcher: fs.FSWatcher | null = null;
  let watched = '';
  let gathering: NodeJS.Timeout | undefined;
  let closed = false;
  let seen = '';

  const arm = (): void => {
    const target = isDir(where) ? where : path.dirname(where);
    const identity = `${target} ${inode(target)}`;
    if (watcher !== null && identity === watched) return;
    watcher?.close();
    watcher = null;
    try {
      watcher = fs.watch(target, { persistent: false }, () => soon());
      watcher.on('error', () => {
        watcher?.close();
        watcher = null;
      });
      watched = identity;
    } catch {
      // Looked at every second instead.
    }
  };
  const look = (): void => {
    arm();
    const now = signature(where);
    if (now === seen) return;
    seen = now;
    fn();
  };
  const soon = (): void => {
    gathering ??= setTimeout(() => {
      gathering = undefined;
      if (!closed) look();
    }, GATHER_MS);
  };

  arm();
  seen = signature(where);
  const poll = setInterval(() => {
    const before = watched;
    arm();
    if (watcher === null || before !== watched || !isDir(where)) look();
  }, POLL_MS).unref();
  return {
    close(): void {
      closed = true;
      clearInterval(poll);
      clearTimeout(gathering);
      watcher?.close();
    },
  };
}

function isDir(where: string): boolean {
  try {
    return fs.statSync(where).isDirectory();
  } catch {
    return false;
  }
}

function inode(where: string): string {
  try {
    const s = fs.statSync(where);
    return `${s.dev}:${s.ino}`;
  } catch {
    return 'none';
  }
}

/** Changes whenever the content may have: which file it is, its size, its times; of a directory, those of all its entries. */
function signature(where: string): string {
  try {
    const s = fs.statSync(where, { bigint: true });
    const own = `${s.dev}:${s.ino}:${s.size}:${s.mtimeNs}:${s.ctimeNs}`;
    if (!s.isDirectory()) return own;
    const parts = [own];
    for (const name of fs.readdirSync(where).sort().slice(0, ENTRIES_MAX)) {
      const e = fs.statSync(path.join(where, name), { bigint: true, throwIfNoEntry: false });
      if (e === undefined) parts.push(`${name}:none`);
      else if (e.isDirectory()) parts.push(`${name}:dir:${e.ino}`);
      else parts.push(`${name}:${e.ino}:${e.size}:${e.mtimeNs}:${e.ctimeNs}`);
    }
    return parts.join('\n');
  } catch {
    return 'none';
  }
}
