// The blocks in a folder, without opening a store on it.
import { EnvError, type Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import { blockFolders, folderBytes, readBlockMeta, type BlockMeta } from '@munjigi/tsdb';
import { Failure } from './failure.ts';

const PARTS: readonly string[] = ['wal', 'wbl', 'chunks_head'];

export interface FoundBlock {
  readonly dir: string;
  readonly meta: BlockMeta;
  readonly sizeBytes: number;
}

export interface FoundBlocks {
  /** By their first time. */
  readonly blocks: readonly FoundBlock[];
  readonly unreadable: readonly { readonly dir: string; readonly reason: string }[];
}

/** Throws Failure when there is no such folder. */
export function findBlocks(files: Files, path: string): FoundBlocks {
  mustBeFolder(files, path);
  const blocks: FoundBlock[] = [];
  const unreadable: { dir: string; reason: string }[] = [];
  for (const ulid of blockFolders(files, path).blocks) {
    const dir = `${path}/${ulid}`;
    try {
      blocks.push({ dir, meta: readBlockMeta(files, dir), sizeBytes: folderBytes(files, dir) });
    } catch (error) {
      if (!(error instanceof StorageError || error instanceof EnvError)) throw error;
      unreadable.push({ dir, reason: error.message });
    }
  }
  blocks.sort((a, b) => a.meta.minTime - b.meta.minTime || (a.meta.ulid < b.meta.ulid ? -1 : 1));
  return { blocks, unreadable };
}

export function mustBeFolder(files: Files, path: string): void {
  if (files.stat(path)?.kind !== 'dir') throw new Failure(`${path}: there is no such folder`, 2);
}

/** Throws Failure when it is no folder, or one without a trace of a store: most likely another was meant. */
export function mustBeStore(files: Files, path: string): void {
  mustBeFolder(files, path);
  const { blocks, leftovers } = blockFolders(files, path);
  if (blocks.length + leftovers.length > 0) return;
  if (PARTS.some((name) => files.stat(`${path}/${name}`) !== null)) return;
  throw new Failure(`${path}: no data directory: there is no block, no wal and no chunks_head in it`);
}

/** The block of that name, or the newest one when none is named. Throws Failure. */
export function chooseBlock(files: Files, path: string, ulid: string | undefined): FoundBlock {
  mustBeStore(files, path);
  const { blocks, unreadable } = findBlocks(files, path);
  const bad = unreadable.find(({ dir }) => dir === `${path}/${ulid}`);
  if (bad !== undefined) throw new Failure(bad.reason);
  // By name, which is the time of its making.
  const byName = blocks.toSorted((a, b) => (a.meta.ulid < b.meta.ulid ? -1 : 1));
  const found = ulid === undefined ? byName.at(-1) : byName.find(({ meta }) => meta.ulid === ulid);
  if (found !== undefined) return found;
  throw new Failure(
    ulid === undefined ? `${path}: there are no blocks in it` : `${path}: there is no block ${ulid} in it`,
  );
}
