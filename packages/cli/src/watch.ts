// Files that a person edits: when they have changed, and how they are read so that a save in progress is never taken for the whole.
import { EnvError, type Clock, type DirEntry, type Files, type FileStat, type Timer } from '@munjigi/env';

/** Quiet for this long: settled. */
const SETTLE_MS = 100;
/** Never wait longer than this after the first change. */
const SETTLE_MAX_MS = 500;
/** As deep as gateway folders are read; links may go round in circles. */
const MAX_DEPTH = 8;
const MAX_FOLDERS = 1000;
/** Looking costs at most a fiftieth of the time: events may be missed (links to files elsewhere, network disks). */
const POLL_MS = 500;
const POLL_SHARE = 50;
/** Files that change again while they are read are read again this often. */
const MAX_READS = 10;

export interface Watched {
  /** Single files. */
  readonly files: readonly string[];
  /** Folders, watched with what is below them. */
  readonly folders: readonly string[];
}

/** Reads what is watched when it is whole. */
export interface SettledReader {
  read<T>(read: () => Promise<T>): Promise<T>;
}

/**
 * Reads once what has changed since the last reading has been the same for SETTLE_MS (waiting SETTLE_MAX_MS at most), and again when
 * something changed meanwhile: an editor that truncates a file and then writes it would otherwise show an empty, valid file in between.
 * Two looks are compared, because a modification time alone does not do: a truncated file has its old one for a moment.
 */
export function settledReader(clock: Clock, files: Files, watched: Watched): SettledReader {
  let known: string | null = null;

  async function settled(): Promise<string> {
    const until = clock.monotonic() + SETTLE_MAX_MS;
    let now = look(files, watched);
    // At the start there is nothing to compare with: what was modified long ago is whole.
    if (known === null && clock.now() - now.modified_ms > SETTLE_MS) return now.fingerprint;
    while (now.fingerprint !== known && clock.monotonic() < until) {
      const before = now;
      await clock.sleep(SETTLE_MS);
      now = look(files, watched);
      if (now.fingerprint === before.fingerprint) break;
    }
    return now.fingerprint;
  }

  return {
    async read(read) {
      for (let reads = 1; ; reads++) {
        const before = await settled();
        const value = await read();
        known = before;
        if (reads === MAX_READS || look(files, watched).fingerprint === before) return value;
      }
    },
  };
}

/** Watches until `close`. `changed` is called once changes have settled, so that a save of ten files is one change; it is called
 * only when size or modification time of something watched is another than before. */
export function watchFiles(
  clock: Clock,
  files: Files,
  watched: Watched,
  changed: () => void,
): { close(): void } {
  const open = new Map<string, { close(): void }>();
  let timer: Timer | null = null;
  let firstAt = 0;
  let seen = look(files, watched).fingerprint;
  let closed = false;

  const touch = (): void => {
    if (closed) return;
    const now = clock.monotonic();
    if (timer === null) firstAt = now;
    else timer.cancel();
    const wait = Math.max(0, Math.min(SETTLE_MS, firstAt + SETTLE_MAX_MS - now));
    timer = clock.after(wait, settled);
  };
  const settled = (): void => {
    timer = null;
    follow();
    const next = look(files, watched).fingerprint;
    if (next === seen) return;
    seen = next;
    changed();
  };
  const follow = (): void => {
    const wanted = new Set([
      ...watched.folders.flatMap((folder) => foldersBelow(files, folder)),
      ...watched.files,
    ]);
    for (const path of wanted) if (!open.has(path)) open.set(path, files.watch(path, touch));
    for (const [path, watch] of open)
      if (!wanted.has(path)) {
        watch.close();
        open.delete(path);
      }
  };
  const poll = (): void => {
    const from = clock.monotonic();
    if (timer === null && look(files, watched).fingerprint !== seen) touch();
    polling = clock.after(Math.max(POLL_MS, POLL_SHARE * (clock.monotonic() - from)), poll);
  };
  follow();
  let polling = clock.after(POLL_MS, poll);
  return {
    close() {
      polling.cancel();
      closed = true;
      timer?.cancel();
      for (const watch of open.values()) watch.close();
    },
  };
}

function foldersBelow(files: Files, folder: string): string[] {
  const found = [{ path: folder, depth: 0 }];
  for (let i = 0; i < found.length && found.length < MAX_FOLDERS; i++) {
    const { path, depth } = found[i]!;
    if (depth === MAX_DEPTH) continue;
    for (const { name, kind } of listed(files, path))
      if (kind === 'dir') found.push({ path: `${path}/${name}`, depth: depth + 1 });
  }
  return found.map(({ path }) => path);
}

/** What is in a folder; nothing when it cannot be read: the one who reads it for its content says why. */
function listed(files: Files, dir: string): DirEntry[] {
  try {
    if (files.stat(dir)?.kind !== 'dir') return [];
    return files.list(dir).filter(({ name }) => !name.startsWith('.'));
  } catch (error) {
    if (error instanceof EnvError) return [];
    throw error;
  }
}

interface Look {
  /** Of the file that was modified last; 0 when there is none. */
  readonly modified_ms: number;
  /** Equal as long as nothing changes. */
  readonly fingerprint: string;
}

/** One pass over everything watched, so that both answers are about the same moment. */
function look(files: Files, watched: Watched): Look {
  const lines: string[] = [];
  let modified_ms = 0;
  eachFile(files, watched, (path, stat) => {
    lines.push(stat === null ? `${path} -` : `${path} ${stat.size} ${stat.modified_ms}`);
    modified_ms = Math.max(modified_ms, stat?.modified_ms ?? 0);
  });
  return { modified_ms, fingerprint: lines.join('\n') };
}

function eachFile(
  files: Files,
  watched: Watched,
  visit: (path: string, stat: FileStat | null) => void,
): void {
  const seen = (path: string): FileStat | null => {
    try {
      return files.stat(path);
    } catch (error) {
      if (error instanceof EnvError) return null;
      throw error;
    }
  };
  for (const path of watched.files) visit(path, seen(path));
  for (const folder of watched.folders)
    for (const dir of foldersBelow(files, folder)) {
      const stat = seen(dir);
      // Of a folder only whether it is there: its own time changes with files that do not matter.
      if (stat?.kind !== 'dir') visit(dir, stat);
      else
        for (const { name, kind } of listed(files, dir))
          if (kind !== 'dir') visit(`${dir}/${name}`, seen(`${dir}/${name}`));
    }
}
