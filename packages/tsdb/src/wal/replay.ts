// Start: a snapshot if there is one, the chunks in files, the newest checkpoint, the segments after it, then the log of out-of-order samples,
// into the head. What is torn or wrong is dropped with everything behind it, as Prometheus does, and said.
import type { Clock, Codec, Files, Log } from '@munjigi/env';
import { StorageError, type Problem } from '@munjigi/model';
import { readRecord } from './record.ts';
import { newWalReader, type WalCorruption, type WalReader } from './reader.ts';
import { checkpointName, listSegments, listWal, segmentName } from './segments.ts';
import type { PlantedFaults } from '../faults.ts';
import type { WaitingChunks } from '../head/load-chunks.ts';
import type { ReplaySink } from '../head/replay-sink.ts';
import { newSlicer, type Slicer } from '../head/slicer.ts';
import type { HeadState, LogPosition } from '../head/state.ts';

/** How far a replay is; segments by number, as /api/v1/status/walreplay has it. */
export interface ReplayStatus {
  min: number;
  max: number;
  current: number;
  state: 'waiting' | 'in progress' | 'done';
}

export interface Replayed {
  /** The segments to go on with. */
  readonly nextSegment: number;
  readonly nextLateSegment: number;
  readonly segmentMaxt: Map<number, number>;
  readonly samples: number;
  /** Samples of series that no record names. */
  readonly unknownSeries: number;
  /** Records of kinds that this version skips, by type. */
  readonly skipped: ReadonlyMap<number, number>;
  readonly bytes: number;
  readonly duration_ms: number;
  /** Where the snapshot that was used stands in the log; null: none was. */
  readonly snapshot: LogPosition | null;
  /** Snapshots that could not be used. */
  readonly snapshotErrors: number;
  /** What was dropped, and where. */
  readonly problems: Problem[];
}

export interface ReplayEnv {
  readonly files: Files;
  readonly clock: Clock;
  readonly codec: Codec;
  readonly log: Log;
}

export interface ReplayOptions {
  readonly dir: string;
  readonly lateDir: string;
  readonly faults: PlantedFaults;
  /** Nothing on disk is mended or synced. */
  readonly readOnly: boolean;
  readonly onProgress: (status: ReplayStatus) => void;
  /** Where a snapshot that was loaded ends in the log; null: none was. */
  readonly snapshot: LogPosition | null;
  readonly sink: ReplaySink;
  readonly waiting: WaitingChunks;
  /** What was found before the log. */
  readonly problems: Problem[];
  /** Snapshots among them. */
  readonly snapshotErrors: number;
  /** Called between records: brings closed chunks to files when there are many. */
  readonly relieve: () => Promise<void> | null;
}

/** Reads the logs into the head. Throws StorageError when a log cannot be read (an I/O error). */
export async function replay(env: ReplayEnv, state: HeadState, o: ReplayOptions): Promise<Replayed> {
  const { files } = env;
  const started = env.clock.monotonic();
  const found = listWal(files, o.dir);
  if (!o.readOnly) await removeLeftovers(files, o.dir, found);
  const segments = found.segments.filter(
    (n) => n > found.checkpoint && (o.snapshot === null || n >= o.snapshot.segment),
  );
  const status: ReplayStatus = {
    min: segments[0] ?? 0,
    max: segments.at(-1) ?? 0,
    current: segments[0] ?? 0,
    state: 'in progress',
  };
  const slicer = newSlicer(env.clock, state.slice_ms === 0 ? 5 : state.slice_ms);
  const into = o.sink;
  const { problems } = o;
  const before = problems.length;
  const checkSums = o.faults.noCrcCheck !== true;
  const read = (reader: WalReader, progress: () => void): Promise<WalCorruption | null> =>
    readAll(reader, into, slicer, progress, o.relieve);
  let bytes = 0;

  // A snapshot holds what a checkpoint before it holds.
  if (found.checkpoint >= 0 && (o.snapshot === null || found.checkpoint >= o.snapshot.segment)) {
    const dir = `${o.dir}/${checkpointName(found.checkpoint)}`;
    const reader = newWalReader(env, dir, listSegments(files, dir), { checkSums });
    const corruption = await read(reader, () => undefined);
    bytes += reader.position;
    if (corruption !== null) {
      refuseUnreadable(dir, corruption);
      problems.push(
        dropped(dir, corruption, 'the rest of this checkpoint was left out; series only it named are gone'),
      );
    }
  }

  const segmentMaxt = new Map<number, number>(found.segments.map((n) => [n, -Infinity]));
  into.segmentMaxt = segmentMaxt;
  const from = o.snapshot !== null && segments[0] === o.snapshot.segment ? o.snapshot.offset : 0;
  const reader = newWalReader(env, o.dir, segments, { checkSums, from });
  o.onProgress(status);
  const corruption = await read(reader, () => {
    if (reader.segment === status.current) return;
    status.current = reader.segment;
    o.onProgress(status);
  });
  bytes += reader.position;
  if (corruption !== null) await mend(files, o, o.dir, segments, corruption);
  const unknownChunks = o.waiting.drop();
  if (unknownChunks > 0)
    env.log.warn('chunks of series that no record names were left out', { chunks: unknownChunks });

  const listLate = (): number[] => (files.stat(o.lateDir) === null ? [] : listSegments(files, o.lateDir));
  const lateSegments = listLate();
  into.settle();
  into.late = true;
  into.segmentMaxt = null;
  const lateReader = newWalReader(env, o.lateDir, lateSegments, { checkSums });
  const lateCorruption = await read(lateReader, () => undefined);
  bytes += lateReader.position;
  if (lateCorruption !== null) await mend(files, o, o.lateDir, lateSegments, lateCorruption);

  const left = listWal(files, o.dir).segments;
  const lateLeft = listLate();
  for (const n of segmentMaxt.keys()) if (!left.includes(n)) segmentMaxt.delete(n);
  if (!o.readOnly) {
    await syncSegments(files, o, o.dir, left);
    await syncSegments(files, o, o.lateDir, lateLeft);
  }
  for (const problem of problems) env.log.warn(problem.message, { file: problem.file });
  state.counters.walCorruptions += problems.length - before;
  status.current = status.max;
  status.state = 'done';
  o.onProgress(status);
  return {
    nextSegment: goOnWith(files, o.dir, left, Math.max(found.checkpoint, o.snapshot?.segment ?? -1)),
    nextLateSegment: goOnWith(files, o.lateDir, lateLeft, -1),
    segmentMaxt,
    samples: into.samples,
    unknownSeries: into.unknownSeries,
    skipped: into.skipped,
    bytes,
    duration_ms: env.clock.monotonic() - started,
    snapshot: o.snapshot,
    snapshotErrors: o.snapshotErrors,
    problems,
  };
}

/** The number of the next segment; an empty last one is used again. */
function goOnWith(files: Files, dir: string, segments: readonly number[], atLeast: number): number {
  const last = segments.at(-1);
  if (last === undefined) return atLeast + 1;
  if (last > atLeast && files.stat(`${dir}/${segmentName(last)}`)?.size === 0) return last;
  return Math.max(last, atLeast) + 1;
}

/** Segments that a checkpoint stands for, unfinished and superseded checkpoints. */
async function removeLeftovers(
  files: Files,
  dir: string,
  found: { readonly segments: number[]; readonly checkpoint: number; readonly leftovers: string[] },
): Promise<void> {
  const stale = found.segments.filter((n) => n <= found.checkpoint);
  for (const n of stale) files.remove(`${dir}/${segmentName(n)}`);
  for (const name of found.leftovers) files.removeTree(`${dir}/${name}`);
  if (stale.length > 0 || found.leftovers.length > 0) await files.syncDir(dir);
}

async function readAll(
  reader: WalReader,
  into: ReplaySink,
  slicer: Slicer,
  progress: () => void,
  relieve: () => Promise<void> | null,
): Promise<WalCorruption | null> {
  try {
    while (reader.next()) {
      progress();
      into.segment = into.segmentMaxt === null ? -1 : reader.segment;
      const wrong = readRecord(reader.bytes, reader.from, reader.to, into);
      if (wrong !== '')
        return { segment: reader.segment, offset: reader.before, reason: wrong, unreadable: false };
      const relief = relieve();
      if (relief !== null) await relief;
      if (slicer.due()) await slicer.rest();
    }
    return reader.corruption;
  } finally {
    reader.close();
  }
}

/** Says what a damaged log lost, and cuts it off there. */
async function mend(
  files: Files,
  o: ReplayOptions,
  dir: string,
  segments: readonly number[],
  corruption: WalCorruption,
): Promise<void> {
  refuseUnreadable(dir, corruption);
  const later = segments.filter((n) => n > corruption.segment);
  const what =
    later.length === 0
      ? 'the end of the log was cut off there'
      : `the rest of it and ${later.length} later segments were dropped`;
  o.problems.push(dropped(dir, corruption, what));
  if (o.faults.noTailTruncate !== true && !o.readOnly) await repair(files, dir, corruption, later);
}

/** Later segments from the last one down, then the torn one: a crash in between leaves what the next start repairs the same way. */
async function repair(files: Files, dir: string, c: WalCorruption, later: readonly number[]): Promise<void> {
  for (const n of later.toReversed()) files.remove(`${dir}/${segmentName(n)}`);
  if (later.length > 0) await files.syncDir(dir);
  const where = `${dir}/${segmentName(c.segment)}`;
  if (files.stat(where) === null) return;
  const file = files.open(where, 'rw');
  try {
    file.truncate(c.offset);
    await file.sync();
  } finally {
    file.close();
  }
}

/** A killed process may have left written bytes that no sync had reached: what is replayed shall be there to stay. */
async function syncSegments(
  files: Files,
  o: ReplayOptions,
  dir: string,
  segments: readonly number[],
): Promise<void> {
  if (o.faults.noFsync === true || segments.length === 0) return;
  for (const n of segments) {
    const where = `${dir}/${segmentName(n)}`;
    if (files.stat(where) === null) continue;
    const file = files.open(where, 'rw');
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }
  await files.syncDir(dir);
}

function refuseUnreadable(dir: string, c: WalCorruption): void {
  if (!c.unreadable) return;
  throw new StorageError(
    'EFORMAT',
    `${dir}/${segmentName(c.segment)}: byte ${c.offset}: ${c.reason}. Nothing was dropped: move the file away to start without it and what comes after it`,
    false,
  );
}

function dropped(dir: string, c: WalCorruption, what: string): Problem {
  const file = `${dir}/${segmentName(c.segment)}`;
  return {
    severity: 'warning',
    file,
    line: 0,
    column: 0,
    field: `byte ${c.offset}`,
    message: `the log is damaged at byte ${c.offset} of ${file} (${c.reason}): ${what}`,
  };
}
