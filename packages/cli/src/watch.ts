// Files that a person edits: calls `changed` once they have settled, so that a save of ten files is one change.
import type { Clock, Files, Timer } from '@munjigi/env';

/** Quiet for this long: settled. */
const SETTLE_MS = 100;
/** Never wait longer than this after the first change. */
const SETTLE_MAX_MS = 500;
const MAX_FOLDERS = 1000;

export interface Watched {
  /** Single files. */
  readonly files: readonly string[];
  /** Folders, watched with what is below them. */
  readonly folders: readonly string[];
}

/** Watches until `close`. `changed` is called only when size or modification time of something watched is another than before. */
export function watchFiles(
  clock: Clock,
  files: Files,
  watched: Watched,
  changed: () => void,
): { close(): void } {
  const open = new Map<string, { close(): void }>();
  let timer: Timer | null = null;
  let firstAt = 0;
  let seen = fingerprint(files, watched);
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
    const next = fingerprint(files, watched);
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
  follow();
  return {
    close() {
      closed = true;
      timer?.cancel();
      for (const watch of open.values()) watch.close();
    },
  };
}

function foldersBelow(files: Files, folder: string): string[] {
  const found = [folder];
  for (let i = 0; i < found.length && found.length < MAX_FOLDERS; i++) {
    if (files.stat(found[i]!)?.kind !== 'dir') continue;
    for (const entry of files.list(found[i]!)) {
      if (entry.name.startsWith('.')) continue;
      if (files.stat(`${found[i]}/${entry.name}`)?.kind === 'dir') found.push(`${found[i]}/${entry.name}`);
    }
  }
  return found;
}

function fingerprint(files: Files, watched: Watched): string {
  const lines: string[] = [];
  const note = (path: string): void => {
    const stat = files.stat(path);
    lines.push(stat === null ? `${path} -` : `${path} ${stat.size} ${stat.modified_ms}`);
  };
  for (const path of watched.files) note(path);
  for (const folder of watched.folders)
    for (const dir of foldersBelow(files, folder)) {
      if (files.stat(dir)?.kind !== 'dir') continue;
      for (const entry of files.list(dir)) if (!entry.name.startsWith('.')) note(`${dir}/${entry.name}`);
    }
  return lines.join('\n');
}
