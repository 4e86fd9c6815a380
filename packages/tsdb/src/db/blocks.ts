// Which blocks there are. The list changes in one step (a block is published, or takes the place of others); folders of blocks that left it
// are removed only when no querier can still read them. A block that cannot be read is set aside: named, not listed, left where it is.
import type { Files, Log } from '@munjigi/env';
import { EnvError } from '@munjigi/env';
import { StorageError, type BlockRef } from '@munjigi/model';
import { blockFolders, folderBytes } from './folders.ts';
import { readMeta, type BlockMeta } from '../block/meta.ts';
import { checkBlock } from '../block/reader.ts';
import { HINT } from '../compact/plan.ts';
import { removeFolders } from '../remove-folders.ts';

/** A block as the list has it. */
export interface ListedBlock {
  readonly meta: BlockMeta;
  readonly dir: string;
  readonly ref: BlockRef;
  readonly sizeBytes: number;
}

/** A folder that looks like a block and cannot be used. */
export interface AsideBlock {
  readonly dir: string;
  readonly reason: string;
  /** ms, [mint, maxt); everything when even that cannot be read. */
  readonly mint: number;
  readonly maxt: number;
}

export interface BlockList {
  /** By mint, then ulid. */
  list(): readonly ListedBlock[];
  /** Those that could not be opened, and those that queries found unreadable since. */
  aside(): readonly AsideBlock[];
  /** What an answer about [mint, maxt] must say of blocks that are not in it. */
  warnings(mint: number, maxt: number): string[];
  /** A query could not read it. */
  suspect(ulid: string, reason: string): void;
  /** Looks again at the folder, which another process writes. */
  rescan(): void;
  /** Blocks that overlap [mint, maxt] (ms, both inclusive). */
  refs(mint: number, maxt: number): BlockRef[];
  /**
   * Newest end of blocks with in-order data: what lies before it is final. -Infinity: none. What claims to end after `latest` is not
   * believed: else the log's samples would look as if they were stored already.
   */
  inOrderMaxt(latest?: number): number;
  bytes(): number;
  /** Lists a block that was written, and takes `replaced` off the list in the same step. Null: only takes off. */
  replace(ulid: string | null, replaced: readonly string[]): void;
  /** Resolves when the folders that nobody can read any more are gone. */
  settled(): Promise<unknown>;
  /** Looks again at a block whose files changed (its tombstones). */
  refresh(ulid: string): void;
}

export interface BlockListEnv {
  readonly files: Files;
  readonly log: Log;
}

/** `whenUnseen` calls its function once no querier is open that was opened before now. */
export function openBlockList(
  env: BlockListEnv,
  path: string,
  o: { readonly whenUnseen: (fn: () => void) => void; readonly readOnly: boolean },
): BlockList {
  const { files, log } = env;
  const blocks = new Map<string, ListedBlock>();
  let aside: AsideBlock[] = [];
  /** Listed ones that queries could not read. */
  const suspects = new Map<string, AsideBlock>();
  let sorted: ListedBlock[] = [];
  let version = 0;
  let removing: Promise<unknown> = Promise.resolve();

  function load(ulid: string): ListedBlock | null {
    const dir = `${path}/${ulid}`;
    let mint = -Infinity;
    let maxt = Infinity;
    try {
      const meta = readMeta(files.readFile(`${dir}/meta.json`), `${dir}/meta.json`);
      mint = meta.minTime;
      maxt = meta.maxTime;
      checkBlock(files, dir);
      const ref = { dir, ulid, mint: meta.minTime, maxt: meta.maxTime, version: ++version };
      return { meta, dir, ref, sizeBytes: folderBytes(files, dir) };
    } catch (error) {
      if (!(error instanceof StorageError) && !(error instanceof EnvError)) throw error;
      aside.push({ dir, reason: error.message, mint, maxt });
      return null;
    }
  }

  function sort(): void {
    sorted = [...blocks.values()].sort(
      (a, b) => a.meta.minTime - b.meta.minTime || (a.meta.ulid < b.meta.ulid ? -1 : 1),
    );
  }

  function drop(ulid: string): void {
    o.whenUnseen(() => {
      removing = Promise.all([removing, remove(ulid)]);
      // Whoever waits for it hears of a failure.
      removing.catch(() => undefined);
    });
  }

  async function remove(ulid: string): Promise<void> {
    try {
      await removeFolders(files, path, [ulid], '.tmp-for-deletion');
    } catch (error) {
      if (!(error instanceof EnvError)) throw error;
      log.warn('a block that is no longer needed could not be removed; the next start tries again', {
        block: `${path}/${ulid}`,
        reason: error.message,
      });
    }
  }

  const found = blockFolders(files, path);
  if (!o.readOnly)
    for (const leftover of found.leftovers) {
      log.info('removing what an interrupted write or removal of a block left', { dir: leftover });
      files.removeTree(`${path}/${leftover}`);
    }
  for (const ulid of found.blocks) {
    const block = load(ulid);
    if (block !== null) blocks.set(ulid, block);
  }
  // A crash between publishing a compacted block and removing its parents leaves both.
  const superseded = supersededBy(blocks.values());
  // What is superseded may be half removed: then it is not worth a word.
  aside = aside.filter(({ dir }) => !superseded.has(dir.slice(path.length + 1)));
  for (const { dir, reason } of aside)
    log.error('a block cannot be read and is left out; the rest serves', { block: dir, reason });
  for (const ulid of superseded) {
    blocks.delete(ulid);
    if (!o.readOnly && found.blocks.includes(ulid)) drop(ulid);
  }
  sort();

  return {
    list: () => sorted,
    aside: () => [...aside, ...suspects.values()],
    warnings: (mint, maxt) =>
      aside
        .filter((block) => block.mint <= maxt && block.maxt > mint)
        .map(
          ({ dir, reason }) =>
            `block ${dir} cannot be read, what it holds is missing in the answer: ${reason}`,
        ),
    suspect(ulid, reason): void {
      const block = blocks.get(ulid);
      if (block === undefined || suspects.has(ulid)) return;
      const { dir, meta } = block;
      suspects.set(ulid, { dir, reason, mint: meta.minTime, maxt: meta.maxTime });
      log.error('a query could not read a block; its answer was without it', { block: dir, reason });
    },
    rescan(): void {
      aside = [];
      const there = new Set(blockFolders(files, path).blocks);
      for (const ulid of blocks.keys()) if (!there.has(ulid)) blocks.delete(ulid);
      for (const ulid of there) {
        const block = load(ulid);
        if (block === null) blocks.delete(ulid);
        else blocks.set(ulid, block);
      }
      for (const ulid of supersededBy(blocks.values())) blocks.delete(ulid);
      sort();
    },
    refs: (mint, maxt) =>
      sorted.filter(({ ref }) => ref.mint <= maxt && ref.maxt > mint).map(({ ref }) => ref),
    inOrderMaxt(latest = Infinity): number {
      let maxt = -Infinity;
      for (const { meta, dir } of sorted) {
        if (meta.compaction.hints?.includes(HINT.outOfOrder) === true) continue;
        if (meta.maxTime <= latest) maxt = Math.max(maxt, meta.maxTime);
        else
          log.warn('a block says that it ends in the future: samples of its time are taken all the same', {
            block: dir,
            maxt: meta.maxTime,
          });
      }
      return maxt;
    },
    bytes: () => sorted.reduce((sum, block) => sum + block.sizeBytes, 0),
    replace(ulid, replaced): void {
      if (ulid !== null) {
        const block = load(ulid);
        // Its parents stay when what was just written cannot be read back.
        if (block === null)
          throw new StorageError(
            'EFORMAT',
            `${path}/${ulid}: written a moment ago and cannot be read`,
            false,
          );
        blocks.set(ulid, block);
      }
      for (const old of replaced) {
        suspects.delete(old);
        if (blocks.delete(old)) drop(old);
      }
      sort();
    },
    settled: () => removing,
    refresh(ulid): void {
      const block = load(ulid);
      if (block === null) blocks.delete(ulid);
      else blocks.set(ulid, block);
      sort();
    },
  };
}

/** Blocks that others stand for, or that a compaction found empty. */
function supersededBy(blocks: Iterable<ListedBlock>): Set<string> {
  const ulids = new Set<string>();
  for (const { meta } of blocks) {
    if (meta.compaction.deletable === true) ulids.add(meta.ulid);
    for (const parent of meta.compaction.parents ?? []) ulids.add(parent.ulid);
  }
  return ulids;
}
