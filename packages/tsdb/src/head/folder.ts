// A data folder has one owner at a time.
import type { FileLock, Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';

/** Makes the folder, so that it lasts, and takes its lock. Rejects with StorageError ELOCKED when it has an owner. */
export async function takeFolder(files: Files, path: string): Promise<FileLock> {
  const made = missingFolders(files, path);
  files.makeDir(path);
  for (const folder of made) await files.syncDir(folder);
  // Prometheus holds its own while it runs.
  if (files.flocked(`${path}/lock`))
    throw new StorageError(
      'ELOCKED',
      `${path} is in use: a Prometheus holds ${path}/lock. Stop it first`,
      false,
    );
  const lock = files.lock(`${path}/munjigi.lock`);
  if (lock !== null) {
    // Debian's runs without its lock.
    const writer = files.writerOf(`${path}/wal`);
    if (writer === null) return lock;
    lock.release();
    throw new StorageError(
      'ELOCKED',
      `${path} is in use: process ${writer} writes ${path}/wal. Stop it first`,
      false,
    );
  }
  throw new StorageError(
    'ELOCKED',
    `${path} is in use: another process holds ${path}/munjigi.lock. Stop it, use another folder, or open it read-only`,
    false,
  );
}

/** The folders in which something must be made before `path` is there, innermost last. */
function missingFolders(files: Files, path: string): string[] {
  const parents: string[] = [];
  for (let at = path; files.stat(at) === null;) {
    const slash = at.lastIndexOf('/');
    const parent = slash < 0 ? '.' : slash === 0 ? '/' : at.slice(0, slash);
    parents.unshift(parent);
    if (slash <= 0) break;
    at = parent;
  }
  return parents;
}
