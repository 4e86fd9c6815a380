// What lies in a data folder: blocks by their ULID, and what interrupted writes and removals left.
import type { Files } from '@munjigi/env';

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const LEFTOVER = /^[0-7][0-9A-HJKMNP-TV-Z]{25}\.tmp(-for-creation|-for-deletion)?$/;

export interface BlockFolders {
  /** ULIDs in order. */
  readonly blocks: string[];
  /** Names to remove at start. */
  readonly leftovers: string[];
}

export function blockFolders(files: Files, path: string): BlockFolders {
  const blocks: string[] = [];
  const leftovers: string[] = [];
  for (const { name, kind } of files.list(path)) {
    if (kind !== 'dir') continue;
    // An empty one is what a crash left of a removal.
    if (ULID.test(name)) (files.list(`${path}/${name}`).length > 0 ? blocks : leftovers).push(name);
    else if (LEFTOVER.test(name)) leftovers.push(name);
  }
  return { blocks: blocks.sort(), leftovers };
}

/** Bytes of all files below a folder; 0 when it is not there. */
export function folderBytes(files: Files, dir: string): number {
  if (files.stat(dir)?.kind !== 'dir') return 0;
  let bytes = 0;
  for (const { name, kind } of files.list(dir)) {
    if (kind === 'dir') bytes += folderBytes(files, `${dir}/${name}`);
    else bytes += files.stat(`${dir}/${name}`)?.size ?? 0;
  }
  return bytes;
}

/** Bytes of the file system that holds the path; 0: unknown. */
export function diskBytes(files: Files, path: string): number {
  return files.totalBytes(path);
}
