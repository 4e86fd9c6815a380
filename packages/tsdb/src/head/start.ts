// Opening a head on a folder: the snapshot, the chunks in files, the logs, in that order.
import { EnvError } from '@munjigi/env';
import type { Problem } from '@munjigi/model';
import { flushClosed } from './chunk-files.ts';
import { WaitingChunks } from './load-chunks.ts';
import { newReplaySink } from './replay-sink.ts';
import { loadSnapshot } from './snapshot-load.ts';
import { newSlicer } from './slicer.ts';
import { newHeadState, oldestHeld, type HeadState, type StateOptions } from './state.ts';
import type { PlantedFaults } from '../faults.ts';
import { scanHeadChunks } from '../wal/head-chunk-scan.ts';
import {
  listHeadChunkFiles,
  makeEmptyHeadChunkFile,
  newHeadChunkWriter,
  type HeadChunkWriter,
} from '../wal/head-chunks.ts';
import { removeSnapshots } from '../wal/snapshot-record.ts';
import { replay, type ReplayEnv, type ReplayStatus, type Replayed } from '../wal/replay.ts';

/** While the log is read, closed chunks go to files when their slots take so much. */
const RELIEF_UNITS: number = (16 * 1024 * 1024) / 32;

export interface StartOptions extends StateOptions {
  readonly path: string;
  readonly readOnly: boolean;
  readonly snapshot: boolean;
  readonly faults: PlantedFaults;
  readonly onProgress: (status: ReplayStatus) => void;
}

export interface Started {
  readonly state: HeadState;
  readonly replayed: Replayed;
  /** null: nothing is written. */
  readonly chunkWriter: HeadChunkWriter | null;
}

/** Fills a head from its folder. Rejects with StorageError. */
export async function startHead(env: ReplayEnv, o: StartOptions): Promise<Started> {
  const newestFile = lastOf(listOrNone(env, o.chunksDir));
  const found: Found = { problems: [], chunkFilesDamaged: 0, snapshotErrors: 0, newestFile };
  if (o.snapshot) {
    const started = await tryStart(env, o, true, found);
    if (started !== null) return started;
  }
  return (await tryStart(env, o, false, found))!;
}

/** What was wrong, of both tries. */
interface Found {
  readonly problems: Problem[];
  chunkFilesDamaged: number;
  snapshotErrors: number;
  /** The newest file of chunks before anything was mended. */
  readonly newestFile: number;
}

/** null: what a snapshot needs is damaged, and everything must come from the log. */
async function tryStart(
  env: ReplayEnv,
  o: StartOptions,
  withSnapshot: boolean,
  found: Found,
): Promise<Started | null> {
  const { files, clock } = env;
  const { problems } = found;
  const state = newHeadState(clock, o);
  const waiting = new WaitingChunks(state);
  const last = { file: 0, at: 0 };
  const sink = newReplaySink(state, waiting, () => last);
  let snapshot = null;
  if (withSnapshot) {
    snapshot = await loadSnapshot(env, state, o, sink, problems);
    found.snapshotErrors = problems.length;
    if (snapshot === null) return null;
  }
  let lastFile = 0;
  if (files.stat(o.chunksDir) !== null) {
    const slicer = newSlicer(clock, o.slice_ms === 0 ? 5 : o.slice_ms);
    const scan = await scanHeadChunks(
      files,
      o.chunksDir,
      (chunk) => {
        const wrong = waiting.add(chunk, sink.rowOf(chunk.ref));
        if (wrong === '') {
          last.file = chunk.file;
          last.at = chunk.at;
        }
        return wrong;
      },
      { repair: !o.readOnly, rest: () => slicer.rest() },
    );
    // A second try finds again what a first one was not to mend.
    const fresh = scan.problems.filter((p) => !problems.some(({ message }) => message === p.message));
    problems.push(...fresh);
    found.chunkFilesDamaged += fresh.length;
    if (snapshot !== null && scan.problems.length > 0) {
      // What was dropped is in the log before the snapshot, also for the next start.
      if (!o.readOnly) await removeSnapshots(files, o.path);
      return null;
    }
    lastFile = scan.lastFile;
  }
  state.counters.chunkFilesDamaged = found.chunkFilesDamaged;
  const newest = Math.max(lastFile, o.readOnly ? 0 : lastOf(listOrNone(env, o.chunksDir)));
  const next = Math.max(newest, found.newestFile) + 1;
  // The out-of-order log names files by number: a number that a mended folder lost is never given again.
  if (!o.readOnly && newest < found.newestFile) await keepNumber(env, o.chunksDir, found.newestFile);
  const chunkWriter = o.readOnly ? null : newHeadChunkWriter(files, o.chunksDir, next);
  let relieving = true;
  const replayed = await replay(env, state, {
    dir: `${o.path}/wal`,
    lateDir: `${o.path}/wbl`,
    faults: o.faults,
    readOnly: o.readOnly,
    onProgress: o.onProgress,
    snapshot,
    sink,
    waiting,
    problems,
    snapshotErrors: found.snapshotErrors,
    relieve(): Promise<void> | null {
      // Samples of the out-of-order log may still turn out to be in files.
      if (chunkWriter === null || sink.late || !relieving || state.chunks.waitingUnits < RELIEF_UNITS)
        return null;
      return flushClosed(state, chunkWriter, null).then(
        () => undefined,
        (error: Error) => {
          // A full disk must not keep the head from starting: memory has to do.
          relieving = false;
          env.log.warn(`chunks stay in memory while the log is read: ${error.message}`, { dir: o.chunksDir });
        },
      );
    },
  });
  state.tombstones.truncate(oldestHeld(state));
  return { state, replayed, chunkWriter };
}

async function keepNumber({ files, log }: ReplayEnv, dir: string, n: number): Promise<void> {
  try {
    await makeEmptyHeadChunkFile(files, dir, n);
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    log.warn(`the number of a file of chunks could not be kept: ${error.message}`, { dir });
  }
}

function listOrNone(env: ReplayEnv, dir: string): number[] {
  return env.files.stat(dir) === null ? [] : listHeadChunkFiles(env.files, dir);
}

function lastOf(numbers: readonly number[]): number {
  return numbers.at(-1) ?? 0;
}
