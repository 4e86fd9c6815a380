// Blocks from blocks: merged, without what tombstones hide, without what is too old by a rule. The parents stay as they are until the new
// block has its name; it names them, and who opens the folder afterwards removes them.
import { EnvError, type Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import { newBlockCache, type BlockCache } from '../block/cache.ts';
import type { BlockMeta } from '../block/meta.ts';
import { openBlock, type Block } from '../block/reader.ts';
import { changeMeta, notingRetention, setDeletable, setFailed } from './block-meta.ts';
import { blockSource, type BlockSourceOptions } from './block-source.ts';
import { byAge, described, mergedMeta } from './plan.ts';
import { policyKey, retentionStep, type RetentionPolicy } from './retention.ts';
import { keptSince, retentionOf } from './rules.ts';
import { diskError, writeBlock, type NewMeta, type WriteSettings } from './write-block.ts';

/** Index pages of all blocks that are read at a time. */
const CACHE_BYTES: number = 16 * 1024 * 1024;

/** Rules to apply on the way, and the time (ms) that ages count from: the end of the newest block. */
export interface RetentionNow {
  readonly policy: RetentionPolicy;
  readonly newest_ms: number;
}

export interface RewriteOptions extends WriteSettings {
  /** Where blocks are. */
  readonly dir: string;
  /** Of the new block. */
  readonly ulid: string;
  /** For index pages; absent: one of its own. */
  readonly cache?: BlockCache;
}

/** What became of the parents. */
export interface Rewritten {
  /** The new block; null: there is none, because nothing was left of the parents, or (`replaced` is empty) nothing had to change. */
  readonly meta: BlockMeta | null;
  /** Blocks that may be deleted now. */
  readonly replaced: readonly string[];
}

/**
 * Merges blocks (ulids) into one, leaving out what `retention` says is too old. When nothing is left of them they are marked deletable. When one
 * of them cannot be read they are marked failed, so that plans leave them out. Rejects with StorageError; there is no new block then.
 */
export async function compactBlocks(
  files: Files,
  parents: readonly string[],
  o: RewriteOptions & { readonly retention?: RetentionNow },
): Promise<Rewritten> {
  try {
    return await withBlocks(files, parents, o, (blocks) => {
      const meta = mergedMeta(o.ulid, blocks.map((block) => block.meta).sort(byTime));
      const { retention } = o;
      return rewrite(files, blocks, meta, o, (block) =>
        retention === undefined ? {} : { keptFrom: keptRule(block, retention) },
      );
    });
  } catch (error) {
    if (error instanceof StorageError && error.code === 'EFORMAT')
      for (const ulid of parents) await setFailed(files, `${o.dir}/${ulid}`).catch(() => undefined);
    throw error;
  }
}

/** Writes a block anew without what its tombstones hide; nothing happens when it has none. */
export function cleanTombstones(files: Files, parent: string, o: RewriteOptions): Promise<Rewritten> {
  return withBlocks(files, [parent], o, async ([block]) => {
    if (block!.tombstones().ref.length === 0) return { meta: null, replaced: [] };
    return rewrite(files, [block!], sameData(o.ulid, block!.meta), o, () => ({}));
  });
}

/**
 * Applies rules to a block that `needsFilter` names: writes it anew without the series that are too old, or only notes in its meta that
 * there are none.
 */
export function filterBlock(
  files: Files,
  parent: string,
  o: RewriteOptions & { readonly retention: RetentionNow },
): Promise<Rewritten> {
  const { policy, newest_ms } = o.retention;
  return withBlocks(files, [parent], o, async ([block]) => {
    const applied = { policy: policyKey(policy), step_ms: retentionStep(block!.meta, newest_ms, policy) };
    const keptFrom = keptRule(block!, o.retention);
    const { gone, used } = lookThrough(block!, keptFrom, o);
    if (gone === 0) {
      await changeMeta(files, block!.dir, (meta) => ({
        ...meta,
        extra: notingRetention(meta.extra, applied),
      }));
      return { meta: null, replaced: [] };
    }
    const meta = { ...sameData(o.ulid, block!.meta), extra: notingRetention(block!.meta.extra, applied) };
    return rewrite(files, [block!], meta, o, () => ({ keptFrom, used }));
  });
}

/** How many series of the block are too old whole, and the symbols that the others use. */
function lookThrough(
  block: Block,
  keptFromOf: (labels: Uint32Array, n: number) => number,
  o: WriteSettings,
): { gone: number; used: Uint8Array } {
  const used = new Uint8Array(block.symbolCount);
  const cursor = block.series(null, -Infinity, Infinity);
  let gone = 0;
  while (cursor.next()) {
    if (o.stop !== undefined && Atomics.load(o.stop, 0) !== 0) throw stopped();
    const n = cursor.labelCount;
    const from = keptFromOf(cursor.labels, n);
    if (cursor.chunkMaxt.subarray(0, cursor.chunkCount).every((maxt) => maxt < from)) gone++;
    else for (let i = 0; i < n; i++) used[cursor.labels[i]!] = 1;
  }
  return { gone, used };
}

async function rewrite(
  files: Files,
  blocks: readonly Block[],
  meta: NewMeta,
  o: RewriteOptions,
  how: (block: Block) => Omit<BlockSourceOptions, 'age'>,
): Promise<Rewritten> {
  const sources = blocks.map((block, i) => blockSource(files, block, { ...how(block), age: i + 1 }));
  const replaced = blocks.map((block) => block.meta.ulid);
  try {
    const written = await writeBlock(files, o.dir, sources, meta, o);
    if (written === null) for (const block of blocks) await setDeletable(files, block.dir);
    return { meta: written, replaced };
  } finally {
    for (const source of sources) source.close();
  }
}

/** Opens the blocks, oldest data first, for as long as `work` takes. What the disk says is the seam's error. */
async function withBlocks<T>(
  files: Files,
  ulids: readonly string[],
  o: { readonly dir: string; readonly cache?: BlockCache },
  work: (blocks: readonly Block[]) => Promise<T>,
): Promise<T> {
  const cache = o.cache ?? newBlockCache(CACHE_BYTES);
  const blocks: Block[] = [];
  try {
    for (const ulid of ulids) blocks.push(openBlock(files, `${o.dir}/${ulid}`, cache));
    return await work(blocks.sort((a, b) => byAge(a.meta, b.meta)));
  } catch (error) {
    throw error instanceof EnvError ? diskError(error, `rewrite blocks ${ulids.join(', ')}`) : error;
  } finally {
    for (const block of blocks) block.close();
  }
}

/** The same data under another name: its level and its sources stay, so that no shipper carries it away again. */
function sameData(ulid: string, old: BlockMeta): NewMeta {
  const { level, sources, hints } = old.compaction;
  return {
    ulid,
    minTime: old.minTime,
    maxTime: old.maxTime,
    compaction: { level, sources, parents: [described(old)], ...(hints === undefined ? {} : { hints }) },
    ...(old.extra === undefined ? {} : { extra: old.extra }),
  };
}

/** The time (ms) that a series of the block is kept from. */
function keptRule(
  block: Block,
  { policy, newest_ms }: RetentionNow,
): (labels: Uint32Array, n: number) => number {
  const retention = retentionOf(policy, (symbol) => block.symbolText(symbol));
  return (labels, n) => keptSince(retention(labels, n), newest_ms);
}

function byTime(a: BlockMeta, b: BlockMeta): number {
  return a.minTime - b.minTime || (a.ulid < b.ulid ? -1 : 1);
}

function stopped(): StorageError {
  return new StorageError('ECANCELED', 'the rewriting of a block was stopped before its end', true);
}
