// The log as the store sees it that shortens it: which segments there are, and whose series records a checkpoint must keep.
import type { Files } from '@munjigi/env';
import { LIVE, LOGGED } from './series.ts';
import { newSlicer } from './slicer.ts';
import type { HeadState } from './state.ts';
import type { WalLog } from '../wal/log.ts';
import { listWal } from '../wal/segments.ts';

export interface HeadWal {
  readonly dir: string;
  /** Numbers of the oldest segment and of the one that is written to; of the newest checkpoint (-1: none). */
  segments(): { first: number; last: number; checkpoint: number };
  /** Goes on in a new segment. Throws StorageError. */
  cut(): void;
  /** Everything written so far survives a power failure once this resolves. */
  sync(): Promise<void>;
  /**
   * Log references whose series records a checkpoint of the segments up to `upTo`, with samples from `mint` (ms) on, must keep: live series, dead
   * ones that later segments may name, second references of one series. Ascending.
   */
  liveRefs(upTo: number, mint: number): Promise<Float64Array>;
  /** The checkpoint is there and the segments up to `upTo` are gone. */
  truncated(upTo: number): void;
  /** A checkpoint failed. */
  failed(): void;
}

export function newHeadWal(state: HeadState, log: WalLog, files: Files, dir: string): HeadWal {
  let mintOf = -Infinity;
  return {
    dir,
    segments() {
      const { segments, checkpoint } = listWal(files, dir);
      const last = log.writer.segment();
      return { first: segments[0] ?? last, last, checkpoint };
    },
    cut(): void {
      if (log.writer.segmentSize() === 0) return;
      log.writer.cut();
      log.segmentMaxt.set(log.writer.segment(), -Infinity);
    },
    sync: () => log.sync(),
    async liveRefs(upTo, mint): Promise<Float64Array> {
      mintOf = mint;
      return liveRefs(state, upTo, mint);
    },
    truncated(upTo): void {
      state.logRefs.truncated(upTo, mintOf);
      for (const n of log.segmentMaxt.keys()) if (n <= upTo) log.segmentMaxt.delete(n);
      state.counters.checkpoints++;
      state.counters.walTruncations++;
    },
    failed(): void {
      state.counters.checkpointFailures++;
    },
  };
}

async function liveRefs(state: HeadState, upTo: number, mint: number): Promise<Float64Array> {
  const s = state.series;
  const slicer = newSlicer(state.clock, state.slice_ms);
  // Rows and references must go together: nothing is removed meanwhile.
  const leave = await state.turns.share();
  try {
    const needed = state.logRefs.needed(upTo, mint);
    let refs = new Float64Array(s.live + needed.length + 1024);
    let n = 0;
    for (let row = 1; row < s.end; row++) {
      if (slicer.due()) await slicer.rest();
      if ((s.flags[row]! & (LIVE | LOGGED)) !== (LIVE | LOGGED)) continue;
      if (n === refs.length) refs = grown(refs);
      refs[n++] = s.walRef[row]!;
    }
    for (const ref of needed) {
      if (n === refs.length) refs = grown(refs);
      refs[n++] = ref;
    }
    return refs.slice(0, n).sort();
  } finally {
    leave();
  }
}

function grown(old: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * old.length);
  larger.set(old);
  return larger;
}
