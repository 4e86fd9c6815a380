// A data folder, Prometheus' or ours, opened for reading alone: queries run in this process.
import type { Env } from '@munjigi/env';
import { stderr } from '@munjigi/env/node';
import type { ChunkReader, Queryable } from '@munjigi/model';
import { openChunkReader, openDb, withBlocks } from '@munjigi/tsdb';
import { mustBeStore } from './tsdb/blocks.ts';
import { newProgress } from './tsdb/progress.ts';

const CACHE_BYTES: number = 64 * 1024 * 1024;

export interface DataFolder {
  readonly storage: Queryable;
  readonly reader: ChunkReader;
  /** What `now` means there: the time of the newest sample, or the clock's where that is earlier. */
  readonly now_ms: number;
}

/** Opens the folder, hands it to `use`, closes it. Warnings about what cannot be read go to standard error. Throws Failure, StorageError. */
export async function withDataFolder<T>(
  env: Env,
  path: string,
  use: (folder: DataFolder) => Promise<T>,
): Promise<T> {
  const dir = path.length > 1 ? path.replace(/\/+$/, '') : path;
  mustBeStore(env.files, dir);
  const progress = newProgress(env.clock, false);
  const db = await openDb(env, {
    path: dir,
    readOnly: true,
    onReplay: ({ current, max }) => progress.at('reading the log', current, max),
  });
  progress.end();
  try {
    for (const { reason } of db.aside()) stderr.write(`${reason}\n`);
    const { mint, maxt, outOfOrder } = db.stats();
    const ends = db.blocks().map(({ meta }) => meta.maxTime - 1);
    if (mint <= maxt) ends.push(maxt);
    if (outOfOrder.mint <= outOfOrder.maxt) ends.push(outOfOrder.maxt);
    const newest = Math.max(...ends);
    const now = env.clock.now();
    return await use({
      storage: withBlocks(env, db, { cacheBytes: CACHE_BYTES }),
      reader: openChunkReader(env.files, { cacheBytes: CACHE_BYTES }),
      now_ms: Number.isFinite(newest) ? Math.min(now, newest) : now,
    });
  } finally {
    await db.close();
  }
}
