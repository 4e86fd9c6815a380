// One new block from series sources: whole under its name, or nothing of it.
import { EnvError, type Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import type { BlockMeta } from '../block/meta.ts';
import { SEGMENT_BYTES } from '../block/segment-writer.ts';
import { TMP_FOR_CREATION, newBlockWriter, type BlockWriter, type MetaParts } from '../block/writer.ts';
import { writeMerged } from './merge.ts';
import type { SeriesSource } from './source.ts';

/** How blocks are written, whatever goes into them. */
export interface WriteSettings {
  /** Floats that are encoded anew become XOR2 instead of XOR. */
  readonly xor2: boolean;
  readonly segmentBytes?: number;
  /** One shared Int32: not 0 ends the work before the next series. */
  readonly stop?: Int32Array;
  readonly progress?: (series: number) => void;
}

/** A meta but for its statistics and version; further keys are written as they are. */
export type NewMeta = MetaParts & { readonly ulid: string };

/**
 * Writes `<dir>/<ulid>`; null: no sample was left, and nothing was written. The sources stay open. Rejects with StorageError (ENOSPC
 * when the disk is full, ECANCELED when it was stopped, EFORMAT when a source's bytes are wrong); nothing of the block is left then.
 */
export async function writeBlock(
  files: Files,
  dir: string,
  sources: readonly SeriesSource[],
  meta: NewMeta,
  o: WriteSettings,
): Promise<BlockMeta | null> {
  const what = `write block ${meta.ulid} from ${sources.map((source) => source.name).join(', ')}`;
  const temporary = `${dir}/${meta.ulid}${TMP_FOR_CREATION}`;
  let writer: BlockWriter | null = null;
  try {
    writer = newBlockWriter(files, dir, meta.ulid, { segmentBytes: o.segmentBytes ?? SEGMENT_BYTES });
    const written = await writeMerged(sources, writer, { ...o, mint: meta.minTime, maxt: meta.maxTime });
    if (written > 0) return await writer.finish(meta);
    writer.abort();
    return null;
  } catch (error) {
    writer?.abort();
    if (files.stat(temporary) !== null) files.removeTree(temporary);
    throw error instanceof EnvError ? diskError(error, what) : error;
  }
}

/** What the disk said, as the seam's error. */
export function diskError(error: EnvError, what: string): StorageError {
  const full = error.code === 'ENOSPC';
  const remedy = full ? '. What was begun has been removed; free space, and it is tried again' : '';
  return new StorageError(error.code, `cannot ${what}: ${error.message}${remedy}`, full);
}
