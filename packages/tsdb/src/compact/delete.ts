// Deleting samples of blocks: time ranges by series, written beside the block as its tombstones. Readers hide them from then on; the
// bytes go when the block is written anew.
import { EnvError, type Files } from '@munjigi/env';
import type { Matcher } from '@munjigi/model';
import { newBlockCache } from '../block/cache.ts';
import { compileBlockTests } from '../block/match.ts';
import { openBlock } from '../block/reader.ts';
import { TOMBSTONES_FILE, mergeTombstones, tombstonesFrom, writeTombstones } from '../block/tombstones.ts';
import { changeMeta } from './block-meta.ts';
import { diskError } from './write-block.ts';

const CACHE_BYTES: number = 4 * 1024 * 1024;

export interface DeleteOptions {
  /** The block's folder. */
  readonly dir: string;
  /** ms, both inclusive. */
  readonly mint: number;
  readonly maxt: number;
  readonly matchers: readonly Matcher[];
}

/**
 * Hides samples of the block's matching series. Resolves with the number of series that have some in the range. When it has resolved,
 * they stay hidden whatever happens. Rejects with StorageError.
 */
export async function deleteSeries(files: Files, o: DeleteOptions): Promise<number> {
  const block = openBlock(files, o.dir, newBlockCache(CACHE_BYTES));
  try {
    const refs: number[] = [];
    const mint: number[] = [];
    const maxt: number[] = [];
    const cursor = block.series(compileBlockTests(o.matchers), o.mint, o.maxt);
    while (cursor.next()) {
      const n = cursor.chunkCount;
      if (n === 0) continue;
      refs.push(cursor.ref);
      mint.push(Math.max(o.mint, cursor.chunkMint[0]!));
      maxt.push(Math.min(o.maxt, cursor.chunkMaxt[n - 1]!));
    }
    if (refs.length === 0) return 0;
    const all = mergeTombstones(block.tombstones(), tombstonesFrom(refs, mint, maxt));
    await files.writeWhole(`${o.dir}/${TOMBSTONES_FILE}`, writeTombstones(all));
    await changeMeta(files, o.dir, (meta) => ({
      ...meta,
      stats: { ...meta.stats, numTombstones: all.mint.length },
    }));
    return refs.length;
  } catch (error) {
    throw error instanceof EnvError ? diskError(error, `delete series of ${o.dir}`) : error;
  } finally {
    block.close();
  }
}
