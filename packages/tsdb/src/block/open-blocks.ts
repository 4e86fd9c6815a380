// Blocks that a thread has open: opened once, closed when they were not used for long or their folder is gone.
import { EnvError, type Clock, type Files } from '@munjigi/env';
import { StorageError, type BlockRef } from '@munjigi/model';
import { newBlockCache } from './cache.ts';
import { META_FILE } from './meta.ts';
import { openBlock, type Block } from './reader.ts';
import { listSegments } from './segment-reader.ts';
import type { Tombstones } from './tombstones.ts';
import { CHUNKS_DIR } from './writer.ts';

const MAX_OPEN = 128;
/** How often folders are looked for. */
const LOOK_EVERY_MS = 10_000;

export interface OpenBlock {
  readonly block: Block;
  readonly tombstones: Tombstones;
  /** Paths of the segments, by the number in their name. */
  readonly segments: ReadonlyMap<number, string>;
}

interface Held extends OpenBlock {
  tombstones: Tombstones;
  version: number;
  users: number;
}

export interface OpenBlocks {
  /** The block, which stays open until `done`. Throws EnvError, StorageError. */
  use(ref: BlockRef): OpenBlock;
  done(ref: BlockRef): void;
}

export function newOpenBlocks(env: { files: Files; clock: Clock }, cacheBytes: number): OpenBlocks {
  const { files, clock } = env;
  const cache = newBlockCache(cacheBytes);
  /** The longest unused first. */
  const open = new Map<string, Held>();
  let looked = clock.monotonic();

  function close(dir: string, held: Held): void {
    open.delete(dir);
    held.block.close();
  }

  function closeUnused(): void {
    const now = clock.monotonic();
    // An open file of a block that was removed keeps its bytes on the disk.
    const look = now - looked >= LOOK_EVERY_MS;
    if (look) looked = now;
    for (const [dir, held] of open) {
      if (held.users > 0) continue;
      if (open.size > MAX_OPEN || (look && files.stat(`${dir}/${META_FILE}`) === null)) close(dir, held);
    }
  }

  function openAt(ref: BlockRef): Held {
    const block = openBlock(files, ref.dir, cache);
    try {
      const segments = new Map<number, string>();
      for (const { path } of listSegments(files, `${ref.dir}/${CHUNKS_DIR}`))
        segments.set(Number(path.slice(path.lastIndexOf('/') + 1)) - 1, path);
      return { block, segments, tombstones: block.tombstones(), version: ref.version, users: 0 };
    } catch (error) {
      block.close();
      throw error;
    }
  }

  return {
    use(ref): OpenBlock {
      let held = open.get(ref.dir);
      if (held === undefined) {
        held = openAt(ref);
        open.set(ref.dir, held);
      } else {
        open.delete(ref.dir);
        open.set(ref.dir, held);
        if (held.version !== ref.version) {
          held.tombstones = held.block.tombstones();
          held.version = ref.version;
        }
      }
      held.users++;
      return held;
    },
    done(ref): void {
      const held = open.get(ref.dir);
      if (held === undefined) return;
      held.users--;
      if (held.users === 0) held.block.release();
      closeUnused();
    },
  };
}

/** Runs `fn` with each block that can be opened; what is wrong with one becomes a warning. */
export async function eachBlock(
  blocks: OpenBlocks,
  refs: readonly BlockRef[],
  warnings: string[],
  unreadable: (ref: BlockRef, reason: string) => void,
  fn: (open: OpenBlock, ref: BlockRef) => Promise<void>,
): Promise<void> {
  for (const ref of refs) {
    try {
      const open = blocks.use(ref);
      try {
        await fn(open, ref);
      } finally {
        blocks.done(ref);
      }
    } catch (error) {
      if (!(error instanceof StorageError) && !(error instanceof EnvError)) throw error;
      unreadable(ref, error.message);
      warnings.push(
        `block ${ref.ulid} cannot be read, what it holds is missing in the answer: ${error.message}`,
      );
    }
  }
}
