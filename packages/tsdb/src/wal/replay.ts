// Start: the newest checkpoint, then the segments after it, into the head. What is torn or wrong is dropped with everything behind
// it, as Prometheus does, and said.
import type { Clock, Files, Log } from '@munjigi/env';
import { StorageError, type Metadata, type Problem } from '@munjigi/model';
import { checkpointSegments, removeUpTo } from './checkpoint.ts';
import { readRecord, type RecordSink } from './record.ts';
import { newWalReader, type WalCorruption, type WalReader } from './reader.ts';
import { checkpointName, listWal, segmentName } from './segments.ts';
import type { PlantedFaults } from '../faults.ts';
import { publishSample } from '../head/appender.ts';
import {
  LOGGED,
  MAX_LABELS,
  addRow,
  findRow,
  hashSymbols,
  judgeLabels,
  metricNameOf,
  symbolsOf,
} from '../head/series.ts';
import { newSlicer, type Slicer } from '../head/slicer.ts';
import type { HeadState } from '../head/state.ts';

/** How far a replay is; segments by number, as /api/v1/status/walreplay has it. */
export interface ReplayStatus {
  min: number;
  max: number;
  current: number;
  state: 'waiting' | 'in progress' | 'done';
}

export interface Replayed {
  /** The segment to go on with. */
  readonly nextSegment: number;
  readonly segmentMaxt: Map<number, number>;
  readonly samples: number;
  /** Samples of series that no record names. */
  readonly unknownSeries: number;
  /** Records of kinds that this version skips, by type. */
  readonly skipped: ReadonlyMap<number, number>;
  readonly bytes: number;
  readonly duration_ms: number;
  /** What was dropped, and where. */
  readonly problems: Problem[];
}

export interface ReplayOptions {
  readonly dir: string;
  readonly faults: PlantedFaults;
  readonly onProgress: (status: ReplayStatus) => void;
}

/** Fills an empty head. Throws StorageError when the log cannot be read (a compressed record, an I/O error). */
export async function replay(
  env: { files: Files; clock: Clock; log: Log },
  state: HeadState,
  o: ReplayOptions,
): Promise<Replayed> {
  const { files } = env;
  const started = env.clock.monotonic();
  const found = listWal(files, o.dir);
  const stale = found.segments.some((n) => n <= found.checkpoint);
  if (stale || found.leftovers.length > 0) await removeUpTo(files, o.dir, found.checkpoint);
  const segments = found.segments.filter((n) => n > found.checkpoint);
  const status: ReplayStatus = {
    min: segments[0] ?? 0,
    max: segments.at(-1) ?? 0,
    current: segments[0] ?? 0,
    state: 'in progress',
  };
  const slicer = newSlicer(env.clock, state.slice_ms === 0 ? 5 : state.slice_ms);
  const into = newReplaySink(state);
  const problems: Problem[] = [];
  const checkSums = o.faults.noCrcCheck !== true;
  let bytes = 0;

  if (found.checkpoint >= 0) {
    const dir = `${o.dir}/${checkpointName(found.checkpoint)}`;
    const reader = newWalReader(files, dir, checkpointSegments(files, o.dir, found.checkpoint), checkSums);
    const corruption = await readAll(reader, into, slicer, () => undefined);
    bytes += reader.position;
    if (corruption !== null) {
      refuseUnreadable(dir, corruption);
      problems.push(
        dropped(dir, corruption, 'the rest of this checkpoint was left out; series only it named are gone'),
      );
    }
  }

  const segmentMaxt = new Map<number, number>(segments.map((n) => [n, -Infinity]));
  into.segmentMaxt = segmentMaxt;
  const reader = newWalReader(files, o.dir, segments, checkSums);
  o.onProgress(status);
  const corruption = await readAll(reader, into, slicer, () => {
    if (reader.segment === status.current) return;
    status.current = reader.segment;
    o.onProgress(status);
  });
  bytes += reader.position;
  if (corruption !== null) {
    refuseUnreadable(o.dir, corruption);
    const later = segments.filter((n) => n > corruption.segment);
    const what =
      later.length === 0
        ? 'the end of the log was cut off there'
        : `the rest of it and ${later.length} later segments were dropped`;
    problems.push(dropped(o.dir, corruption, what));
    if (o.faults.noTailTruncate !== true) await repair(files, o.dir, corruption, later);
  }
  const left = listWal(files, o.dir).segments;
  for (const n of segmentMaxt.keys()) if (!left.includes(n)) segmentMaxt.delete(n);
  await syncSegments(files, o, left);
  for (const problem of problems) env.log.warn(problem.message, { file: problem.file });
  if (problems.length > 0) state.counters.walCorruptions++;
  status.current = status.max;
  status.state = 'done';
  o.onProgress(status);
  const last = left.at(-1);
  const empty = last !== undefined && files.stat(`${o.dir}/${segmentName(last)}`)?.size === 0;
  return {
    // An empty last segment is used again.
    nextSegment: empty ? last : (last ?? found.checkpoint) + 1,
    segmentMaxt,
    samples: into.samples,
    unknownSeries: into.unknownSeries,
    skipped: into.skipped,
    bytes,
    duration_ms: env.clock.monotonic() - started,
    problems,
  };
}

async function readAll(
  reader: WalReader,
  into: ReplaySink,
  slicer: Slicer,
  progress: () => void,
): Promise<WalCorruption | null> {
  try {
    while (reader.next()) {
      progress();
      into.segment = reader.segment;
      const wrong = readRecord(reader.bytes, reader.from, reader.to, into);
      if (wrong !== '')
        return { segment: reader.segment, offset: reader.before, reason: wrong, unreadable: false };
      if (slicer.due()) await slicer.rest();
    }
    return reader.corruption;
  } finally {
    reader.close();
  }
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
async function syncSegments(files: Files, o: ReplayOptions, segments: readonly number[]): Promise<void> {
  if (o.faults.noFsync === true) return;
  for (const n of segments) {
    const where = `${o.dir}/${segmentName(n)}`;
    if (files.stat(where) === null) continue;
    const file = files.open(where, 'rw');
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }
  await files.syncDir(o.dir);
}

function refuseUnreadable(dir: string, c: WalCorruption): void {
  if (!c.unreadable) return;
  throw new StorageError(
    'EFORMAT',
    `${dir}/${segmentName(c.segment)}: byte ${c.offset}: ${c.reason}. Start the program that wrote it once with` +
      ' compression off (Prometheus: --no-storage.tsdb.wal-compression) until its head was written to a block',
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

interface ReplaySink extends RecordSink {
  segment: number;
  segmentMaxt: Map<number, number> | null;
  samples: number;
  unknownSeries: number;
  readonly skipped: Map<number, number>;
}

/** References below this are looked up in an array, others in a Map. */
const DENSE_REFS: number = 2 ** 26;

function newReplaySink(state: HeadState): ReplaySink {
  const s = state.series;
  const symbols = new Uint32Array(2 * MAX_LABELS);
  const sparse = new Map<number, number>();
  let dense = new Uint32Array(1024);

  function rowOfWal(ref: number): number {
    return ref < dense.length ? dense[ref]! : (sparse.get(ref) ?? 0);
  }

  function remember(ref: number, row: number): void {
    if (ref >= DENSE_REFS) {
      sparse.set(ref, row);
      return;
    }
    if (ref >= dense.length) {
      const grown = new Uint32Array(Math.min(DENSE_REFS, Math.max(ref + 1, 2 * dense.length)));
      grown.set(dense);
      dense = grown;
    }
    dense[ref] = row;
  }

  const sink: ReplaySink = {
    segment: 0,
    segmentMaxt: null,
    samples: 0,
    unknownSeries: 0,
    skipped: new Map(),
    series(ref, flat): void {
      if (ref > state.lastWalRef) state.lastWalRef = ref;
      const labels = flat as never as Parameters<typeof judgeLabels>[0];
      if (judgeLabels(labels) !== 0 || !symbolsOf(state.symbols, labels, symbols, true)) return;
      const hash = hashSymbols(symbols, 0, labels.length);
      let row = findRow(s, symbols, labels.length, hash);
      if (row === 0) row = addRow(s, symbols, labels.length, hash, ref);
      // A series that went and came back has a new number; its newest record is the one that lasts longest.
      s.walRef[row] = ref;
      s.flags[row]! |= LOGGED;
      remember(ref, row);
    },
    sample(ref, t, high, low): void {
      if (ref > state.lastWalRef) state.lastWalRef = ref;
      const row = ref > 0 ? rowOfWal(ref) : 0;
      if (row === 0) {
        sink.unknownSeries++;
        return;
      }
      const { segmentMaxt } = sink;
      if (segmentMaxt !== null && t > (segmentMaxt.get(sink.segment) ?? -Infinity))
        segmentMaxt.set(sink.segment, t);
      if (!(t > s.judgedT[row]!)) return;
      s.judgedT[row] = t;
      s.judgedValue[2 * row] = high;
      s.judgedValue[2 * row + 1] = low;
      if (t > state.judgedMaxt) state.judgedMaxt = t;
      publishSample(state, row, t, high, low);
      sink.samples++;
    },
    metadata(ref, m: Metadata): void {
      const row = rowOfWal(ref);
      if (row === 0) return;
      const number = state.metadata.intern(metricNameOf(s, state.symbols, row), m);
      if (number !== 0) s.metadata[row] = number;
    },
    unknown(type): void {
      sink.skipped.set(type, (sink.skipped.get(type) ?? 0) + 1);
    },
  };
  return sink;
}
