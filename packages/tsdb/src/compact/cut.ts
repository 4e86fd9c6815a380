// The head's samples become blocks: one of its range for samples in order, one a block range for samples out of order.
import type { Files } from '@munjigi/env';
import { newColumn, type Selection } from '@munjigi/model';
import type { BlockMeta } from '../block/meta.ts';
import { openChunkReader } from '../chunk/reader.ts';
import { HINT } from './plan.ts';
import { removeFolders } from '../remove-folders.ts';
import { selectionSource } from './selection-source.ts';
import { writeBlock, type WriteSettings } from './write-block.ts';

export interface CutOptions extends WriteSettings {
  /** All series with their chunks. Its lease must be held until this is done. */
  readonly selection: Selection;
  /** ms, [mint, maxt). */
  readonly mint: number;
  readonly maxt: number;
  /** Where blocks are. */
  readonly dir: string;
  readonly ulid: string;
  readonly outOfOrder: boolean;
}

/** Writes `<dir>/<ulid>`; null: there was no sample, and nothing was written. Rejects with StorageError; nothing is left then. */
export async function cutHead(files: Files, o: CutOptions): Promise<BlockMeta | null> {
  const source = selectionSource(files, o.selection);
  try {
    return await writeBlock(files, o.dir, [source], cutMeta(o), o);
  } finally {
    source.close();
  }
}

function cutMeta({
  ulid,
  mint,
  maxt,
  outOfOrder,
}: Pick<CutOptions, 'ulid' | 'mint' | 'maxt' | 'outOfOrder'>) {
  const hints = outOfOrder ? { hints: [HINT.outOfOrder as string] } : {};
  return { ulid, minTime: mint, maxTime: maxt, compaction: { level: 1, sources: [ulid], ...hints } };
}

export interface OutOfOrderCut extends WriteSettings {
  readonly selection: Selection;
  readonly dir: string;
  /** A new one each time. */
  readonly newUlid: () => string;
  /** The head's block range in ms. */
  readonly range_ms: number;
}

/**
 * Writes one block for each aligned range that has samples, oldest first. When one cannot be written those before it are removed again, so
 * that the next attempt begins anew: the samples are still in the head.
 */
export async function cutOutOfOrder(files: Files, o: OutOfOrderCut): Promise<BlockMeta[]> {
  const source = selectionSource(files, o.selection);
  const written: BlockMeta[] = [];
  try {
    for (const mint of await rangesOf(files, o.selection, o.range_ms)) {
      const ulid = o.newUlid();
      const range = { ulid, mint, maxt: mint + o.range_ms, outOfOrder: true };
      source.rewind();
      const meta = await writeBlock(files, o.dir, [source], cutMeta(range), o);
      if (meta !== null) written.push(meta);
    }
    return written;
  } catch (error) {
    const ulids = written.map(({ ulid }) => ulid);
    await removeFolders(files, o.dir, ulids, '.tmp-for-deletion');
    throw error;
  } finally {
    source.close();
  }
}

/** The beginnings of the ranges that have samples, ascending. A chunk may span years and hold two samples: its ends say little. */
async function rangesOf(files: Files, s: Selection, range_ms: number): Promise<number[]> {
  const starts = new Set<number>();
  const reader = openChunkReader(files);
  const column = newColumn();
  for (let i = 0; i < s.count; i++) {
    if (s.first[i] === s.first[i + 1]) continue;
    await reader.load(s, i, i + 1);
    reader.series(s, i, -Infinity, Infinity, column);
    for (let k = 0; k < column.n; k++) starts.add(range_ms * Math.floor(column.t[k]! / range_ms));
  }
  return [...starts].sort((a, b) => a - b);
}
