// The log of a head without blocks: segments that hold nothing newer than the retention are dropped once they are a third of the log.
import type { Clock, Codec, Files } from '@munjigi/env';
import { oldestValid, type HeadState } from './state.ts';
import type { HeadWal } from './head-wal.ts';
import type { PlantedFaults } from '../faults.ts';
import { checkpoint } from '../wal/checkpoint.ts';
import type { WalLog } from '../wal/log.ts';

export interface AloneLog {
  /** Newest time when a segment was last begun because of its age; -Infinity: never. */
  cutMaxt: number;
}

export async function dropOldSegments(
  env: { files: Files; clock: Clock; codec: Codec },
  state: HeadState,
  log: WalLog,
  wal: HeadWal,
  alone: AloneLog,
  faults: PlantedFaults,
): Promise<void> {
  const { writer, segmentMaxt } = log;
  if (alone.cutMaxt === -Infinity) alone.cutMaxt = state.judgedMaxt;
  if (state.judgedMaxt - alone.cutMaxt > state.retention_ms / 4) {
    // A new segment now and then, so that little traffic doesn't keep one segment, and all in it, for ever.
    wal.cut();
    alone.cutMaxt = state.judgedMaxt;
  }
  const mint = oldestValid(state);
  let upTo = -1;
  let old = 0;
  for (const n of [...segmentMaxt.keys()].sort((a, b) => a - b)) {
    if (n >= writer.segment() || segmentMaxt.get(n)! >= mint) break;
    upTo = n;
    old++;
  }
  if (old === 0 || old * 3 < segmentMaxt.size) return;
  try {
    const refs = await wal.liveRefs(upTo, mint);
    // Series that only a dropped segment named must not depend on later ones that no sync has reached.
    await wal.sync();
    await checkpoint(env, {
      dir: wal.dir,
      from: wal.segments().checkpoint,
      upTo,
      mint,
      tombstoneMint: Math.min(mint, state.outOfOrderMint),
      refs,
      faults,
    });
    wal.truncated(upTo);
  } catch (error) {
    wal.failed();
    throw error;
  }
}
