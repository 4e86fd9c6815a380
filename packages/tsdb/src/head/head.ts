// The head: the newest samples, in memory, in files of closed chunks and in the log. This file opens and closes it and hands the parts out;
// what happens in them is in the files beside it.
import { EnvError, type Clock, type Codec, type Files, type Log as EnvLog } from '@munjigi/env';
import {
  StorageError,
  type Appendable,
  type Appender,
  type Matcher,
  type MetricFamily,
  type Problem,
  type Querier,
  type Queryable,
  type Selection,
} from '@munjigi/model';
import { dropOldSegments, type AloneLog } from './alone.ts';
import { newAppenders } from './appender.ts';
import type { Part } from './capture.ts';
import { flushClosed, removeUnusedFiles } from './chunk-files.ts';
import { deleteSamples } from './delete.ts';
import { headFamilies } from './families.ts';
import {
  dropMarkedOutOfOrder,
  dropOutOfOrderBefore,
  markOutOfOrder,
  type OutOfOrderMark,
} from './late-cut.ts';
import { newQuerier, selectParts } from './querier.ts';
import { captureSnapshot, type HeadSnapshot } from './snapshot.ts';
import { startHead } from './start.ts';
import { takeFolder } from './folder.ts';
import { newHeadState, oldestHeld, oldestValid, type HeadState, type LogPosition } from './state.ts';
import { headStats, tsdbStatus, type HeadStats, type TsdbStatus } from './status.ts';
import { sweep } from './sweep.ts';
import { newHeadWal, type HeadWal } from './head-wal.ts';
import type { PlantedFaults } from '../faults.ts';
import type { HeadChunkWriter } from '../wal/head-chunks.ts';
import { newWalLog, type WalLog } from '../wal/log.ts';
import type { Replayed, ReplayStatus } from '../wal/replay.ts';
import { listSegments, segmentName } from '../wal/segments.ts';
import { storageError } from '../wal/writer.ts';

export type { HeadStats };

/** May change while the head runs. */
export interface HeadSettings {
  /** An out-of-order sample is taken when it is at most so much older than the newest of all; 0: never. */
  readonly outOfOrderWindow_ms?: number;
  /** XOR2 chunks, histogram chunks with start times, V2 records: start times are kept. */
  readonly xor2?: boolean;
  /** New series beyond this are refused; 0: no limit. */
  readonly maxSeries?: number;
  readonly maxExemplars?: number;
}

export interface HeadOptions extends HeadSettings {
  /** The data folder: `wal/`, `wbl/`, `chunks_head/` and `chunk_snapshot.*` lie below it. */
  readonly path: string;
  /** The end (ms, exclusive) of the newest block with in-order samples: what lies before is too old. Absent: there is none. */
  readonly minValid?: number;
  /** Of a head without blocks: a sweep drops what is older, and shortens the log. Default: never. */
  readonly retention_ms?: number;
  /** In-order samples this much older than the newest of all are too old. Default: half a chunk range. */
  readonly appendWindow_ms?: number;
  /** ms between fsyncs (default 1000), or 'always': a commit waits for one (several share it). */
  readonly walSync_ms?: number | 'always';
  readonly walCompression?: 'none' | 'snappy' | 'zstd';
  /** A querier that is open longer loses its view. */
  readonly leaseMax_ms?: number;
  /** Chunk memory: pages of 16 MiB. */
  readonly maxPages?: number;
  /** A multiple of 32 KiB. */
  readonly segmentBytes?: number;
  /** Chunks never cross a multiple of this. */
  readonly chunkRange_ms?: number;
  /** Between sweeps. */
  readonly sweepInterval_ms?: number;
  /** Long loops give others a turn after this long. 0: at every step. */
  readonly slice_ms?: number;
  /** False: whoever opens it holds the folder's lock. */
  readonly lock?: boolean;
  /** What another process writes is read into memory; nothing on disk changes, nothing can be written. */
  readonly readOnly?: boolean;
  /** False: memory snapshots are not used. */
  readonly snapshot?: boolean;
  readonly onReplay?: (status: ReplayStatus) => void;
  /** Bugs on purpose, for the tests of the tests. */
  readonly faults?: PlantedFaults;
}

/** What the start found. */
export interface WalReplay {
  readonly status: ReplayStatus;
  readonly samples: number;
  readonly bytes: number;
  readonly duration_ms: number;
  /** Where in the log the snapshot ended that was loaded; null: none was. */
  readonly snapshot: LogPosition | null;
  readonly problems: readonly Problem[];
}

export interface Head extends Appendable, Queryable {
  appender(): Appender;
  querier(): Querier;
  configure(settings: HeadSettings): void;
  stats(): HeadStats;
  families(): MetricFamily[];
  walReplay(): WalReplay;
  tsdbStatus(limit: number): Promise<TsdbStatus>;
  /** Visible samples, ms; mint > maxt: none. */
  range(): { mint: number; maxt: number; outOfOrderMint: number; outOfOrderMaxt: number };
  /** Everything committed so far survives a power failure once this resolves. */
  sync(): Promise<void>;
  /** What happens every sweepInterval_ms: old leases, closed chunks to files; without blocks also retention and the log. */
  sweep(): Promise<void>;
  /** Brings closed chunks to files; how many. Rejects with StorageError when the disk refuses: they stay in memory. */
  flushChunks(): Promise<number>;
  /**
   * All series with such samples in [mint, maxt] (ms, both inclusive), as a block is cut from them: everything committed before the call is
   * in it. Out-of-order ones are those of the last mark. The chunks stay until `close`.
   */
  selectAll(
    mint: number,
    maxt: number,
    part: 'in-order' | 'out-of-order',
  ): Promise<{ readonly selection: Selection; close(): void }>;
  /** A block holds everything in order before `mint`: drops it. Samples before are too old from now on. */
  truncate(mint: number): Promise<void>;
  /** Closes what is out of order for `selectAll`; null: there is nothing. */
  markOutOfOrder(): Promise<OutOfOrderMark | null>;
  /** Blocks hold everything up to the mark: drops it. */
  truncateOutOfOrder(mark: OutOfOrderMark): Promise<void>;
  /** Hides samples of series that match one of the selectors, in [mint, maxt] (ms, both inclusive), from now on. */
  delete(mint: number, maxt: number, matchers: readonly (readonly Matcher[])[]): Promise<void>;
  /** null: there is no log. */
  readonly wal: HeadWal | null;
  /** Notes the head down for snapshot-write.ts; null: nothing was written since the last time. */
  captureSnapshot(): Promise<HeadSnapshot | null>;
  /** Calls fn once no querier is open that is open now. */
  whenUnseen(fn: () => void): void;
  /** Waits for the disk and lets go of the folder. Nothing can be written or asked afterwards. */
  close(): Promise<void>;
}

export interface HeadEnv {
  readonly clock: Clock;
  readonly files: Files;
  readonly codec: Codec;
  readonly log: EnvLog;
}

const DEFAULTS = {
  minValid: -Infinity,
  retention_ms: Infinity,
  outOfOrderWindow_ms: 0,
  xor2: false,
  walSync_ms: 1000,
  walCompression: 'none',
  leaseMax_ms: 5 * 60_000,
  maxSeries: 0,
  maxPages: 8192,
  maxExemplars: 10_000,
  segmentBytes: 128 * 1024 * 1024,
  chunkRange_ms: 2 * 3_600_000,
  sweepInterval_ms: 60_000,
  slice_ms: 3,
  lock: true,
  readOnly: false,
  snapshot: true,
  faults: {},
} as const;

/** Reads the folder and opens the head. Rejects with StorageError. */
export async function openHead(env: HeadEnv, options: HeadOptions): Promise<Head> {
  const { files } = env;
  const range_ms = options.chunkRange_ms ?? DEFAULTS.chunkRange_ms;
  const o = { ...DEFAULTS, appendWindow_ms: range_ms / 2, ...options };
  const dir = `${o.path}/wal`;
  const lateDir = `${o.path}/wbl`;
  const chunksDir = `${o.path}/chunks_head`;
  let release = (): void => undefined;
  try {
    if (!o.readOnly) {
      if (o.lock) {
        const lock = await takeFolder(files, o.path);
        release = () => lock.release();
      }
      files.makeDir(dir);
      files.makeDir(chunksDir);
      await files.syncDir(o.path);
    }
    const status: ReplayStatus = { min: 0, max: 0, current: 0, state: 'waiting' };
    const { state, replayed, chunkWriter } = await startHead(env, {
      ...o,
      chunksDir,
      onProgress(s): void {
        Object.assign(status, s);
        o.onReplay?.(s);
      },
    });
    state.minValid = oldestValid(state);
    sayReplayed(env.log, o.path, replayed);
    let log: WalLog | null = null;
    if (!o.readOnly) {
      log = newWalLog(env, {
        dir,
        firstSegment: replayed.nextSegment,
        lateDir,
        lateSegment: replayed.nextLateSegment,
        segmentBytes: o.segmentBytes,
        compression: o.walCompression,
        sync: o.walSync_ms,
        segmentMaxt: replayed.segmentMaxt,
        faults: o.faults,
      });
      const opened = log;
      state.logPosition = (): LogPosition => opened.position();
      Object.assign(state.visibleTo, log.position());
    }
    return newHead(env, state, { log, chunkWriter, dir, lateDir, release, replayed, status, ...pick(o) });
  } catch (error) {
    release();
    throw error instanceof EnvError ? storageError(error, `open ${o.path}`) : error;
  }
}

function pick(o: {
  leaseMax_ms: number;
  sweepInterval_ms: number;
  readOnly: boolean;
  faults: PlantedFaults;
}): {
  leaseMax_ms: number;
  sweepInterval_ms: number;
  readOnly: boolean;
  faults: PlantedFaults;
} {
  const { leaseMax_ms, sweepInterval_ms, readOnly, faults } = o;
  return { leaseMax_ms, sweepInterval_ms, readOnly, faults };
}

/** A head without a folder: for tests, and for data that need not last. Series may be written one after the other. */
export function openMemoryHead(env: { readonly clock: Clock }, options: Partial<HeadOptions> = {}): Head {
  const o = { ...DEFAULTS, appendWindow_ms: Infinity, ...options };
  const state = newHeadState(env.clock, { ...o, chunksDir: '' });
  return newHead(env, state, {
    log: null,
    chunkWriter: null,
    dir: '',
    lateDir: '',
    release: () => undefined,
    replayed: null,
    status: { min: 0, max: 0, current: 0, state: 'done' },
    ...pick({ ...o, readOnly: false }),
  });
}

interface Opened {
  readonly log: WalLog | null;
  readonly chunkWriter: HeadChunkWriter | null;
  readonly dir: string;
  readonly lateDir: string;
  readonly release: () => void;
  readonly replayed: Replayed | null;
  readonly status: ReplayStatus;
  readonly leaseMax_ms: number;
  readonly sweepInterval_ms: number;
  readonly readOnly: boolean;
  readonly faults: PlantedFaults;
}

function newHead(
  env: { readonly clock: Clock; readonly files?: Files; readonly codec?: Codec; readonly log?: EnvLog },
  state: HeadState,
  o: Opened,
): Head {
  const { log, chunkWriter } = o;
  let closed: StorageError | null = null;
  /** What changes the head beside commits goes one after the other. */
  let last: Promise<unknown> = Promise.resolve();
  let sweeping: Promise<void> | null = null;
  let snapshotAt: LogPosition | null = o.replayed?.snapshot ?? null;
  const wal = log === null ? null : newHeadWal(state, log, env.files!, o.dir);
  const alone: AloneLog = { cutMaxt: state.judgedMaxt };
  const readOnly = new StorageError('EREADONLY', 'the head was opened read-only', false);
  const appender = newAppenders({ state, log, closed: () => closed ?? (o.readOnly ? readOnly : null) });

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (closed !== null) return Promise.reject(closed);
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  }

  async function flush(): Promise<number> {
    if (chunkWriter === null) return 0;
    const leave = await state.turns.share();
    try {
      return await flushClosed(state, chunkWriter, log);
    } finally {
      leave();
    }
  }

  async function dropOld(): Promise<void> {
    await sweep(state);
    state.tombstones.truncate(oldestHeld(state));
    state.leases.reclaim();
    if (chunkWriter === null) return;
    await removeUnusedFiles(state, env.files!, chunkWriter, (error) =>
      env.log?.warn(`chunk files that are not needed could not be removed: ${error.message}`, {
        path: o.dir,
      }),
    );
  }

  async function runSweep(): Promise<void> {
    state.leases.revokeBefore(env.clock.monotonic() - o.leaseMax_ms);
    state.leases.reclaim();
    if (o.readOnly) return;
    let failed: unknown = null;
    await flush().catch((error: unknown) => (failed = error));
    const oldest = oldestValid(state);
    if (oldest > state.minValid || state.series.live > state.postings.rows) {
      if (state.retention_ms !== Infinity) dropOutOfOrderBefore(state, oldest);
      await dropOld();
    }
    if (log !== null && state.retention_ms !== Infinity)
      await dropOldSegments(
        { files: env.files!, clock: env.clock, codec: env.codec! },
        state,
        log,
        wal!,
        alone,
        o.faults,
      );
    if (failed !== null) throw failed;
  }

  function sweepOnce(): Promise<void> {
    sweeping ??= inTurn(runSweep).finally(() => {
      sweeping = null;
    });
    return sweeping;
  }

  async function selectAll(
    mint: number,
    maxt: number,
    part: Part,
  ): Promise<{ selection: Selection; close(): void }> {
    if (closed !== null) throw closed;
    const lease = state.leases.open(env.clock.monotonic());
    lease.kept = true;
    try {
      // Everything that is in the log by now.
      const { ticket, visible } = state.turns.enqueue(() => undefined);
      state.turns.release(ticket);
      await visible;
      const selection = await selectParts(
        state,
        lease,
        [],
        { mint, maxt, withChunks: true, part, maxBytes: 0 },
        0,
      );
      return { selection, close: () => lease.close() };
    } catch (error) {
      lease.close();
      throw error;
    }
  }

  async function dropLateSegments(before: number): Promise<void> {
    const files = env.files!;
    for (const n of listSegments(files, o.lateDir))
      if (n < before) files.remove(`${o.lateDir}/${segmentName(n)}`);
    await files.syncDir(o.lateDir);
  }

  async function snapshot(): Promise<HeadSnapshot | null> {
    if (log === null || chunkWriter === null) return null;
    const { segment, offset } = state.visibleTo;
    if (snapshotAt !== null && snapshotAt.segment === segment && snapshotAt.offset === offset) return null;
    try {
      const captured = await captureSnapshot(state, chunkWriter, log);
      snapshotAt = captured.data.position;
      state.counters.snapshots++;
      return captured;
    } catch (error) {
      state.counters.snapshotFailures++;
      throw error;
    }
  }

  const timer = env.clock.every(o.sweepInterval_ms, () => {
    sweepOnce().catch((error: Error) =>
      env.log?.error(`sweeping the head failed: ${error.message}`, { path: o.dir }),
    );
  });

  return {
    appender,
    querier(): Querier {
      if (closed !== null) throw closed;
      return newQuerier(state);
    },
    configure(s): void {
      if (s.outOfOrderWindow_ms !== undefined) {
        state.outOfOrderWindow_ms = s.outOfOrderWindow_ms;
        state.exemplars.setWindow(s.outOfOrderWindow_ms);
      }
      if (s.xor2 !== undefined) state.xor2 = s.xor2;
      if (s.maxSeries !== undefined) state.maxSeries = s.maxSeries;
      if (s.maxExemplars !== undefined && s.maxExemplars !== state.exemplars.limit())
        state.exemplars.resize(s.maxExemplars);
    },
    stats: () => headStats(state),
    families: () => headFamilies(state, log, o.replayed),
    walReplay: () => ({
      status: o.status,
      samples: o.replayed?.samples ?? 0,
      bytes: o.replayed?.bytes ?? 0,
      duration_ms: o.replayed?.duration_ms ?? 0,
      snapshot: o.replayed?.snapshot ?? null,
      problems: o.replayed?.problems ?? [],
    }),
    tsdbStatus: (limit) => tsdbStatus(state, limit),
    range: () => ({
      // A chunk may begin before: a block that somebody put there ends within it.
      mint: Math.max(state.mint, state.minValid),
      maxt: state.maxt,
      outOfOrderMint: state.outOfOrderMint,
      outOfOrderMaxt: state.outOfOrderMaxt,
    }),
    sync: async () => log?.sync(),
    sweep: sweepOnce,
    flushChunks: () => inTurn(flush),
    selectAll,
    truncate: (mint) =>
      inTurn(async () => {
        if (mint <= state.minValid) return;
        state.minValid = mint;
        // What goes on being written must not keep what a block holds now on the disk.
        await chunkWriter?.cut();
        await dropOld();
      }),
    markOutOfOrder: () =>
      inTurn(() =>
        markOutOfOrder(
          state,
          () => log?.cutLate() ?? 0,
          async () => chunkWriter !== null && flushClosed(state, chunkWriter, log, true),
        ),
      ),
    truncateOutOfOrder: (mark) =>
      inTurn(async () => {
        if (log !== null) {
          await dropLateSegments(mark.segment);
          if (mark.file > 0) {
            // Its chunks stay in files that others lie in: a start must not take them for new.
            log.writeLateEnd(mark.file, mark.at);
            await log.sync();
          }
        }
        await dropMarkedOutOfOrder(state);
        state.tombstones.truncate(oldestHeld(state));
        state.logRefs.unpin();
      }),
    delete: (mint, maxt, matchers) => inTurn(() => deleteSamples(state, log, mint, maxt, matchers)),
    wal,
    captureSnapshot: () => inTurn(snapshot),
    whenUnseen: (fn) => state.leases.whenUnseen(fn),
    async close(): Promise<void> {
      if (closed !== null) return;
      closed = new StorageError('ECLOSED', 'the head was closed', false);
      timer.cancel();
      try {
        await last;
        await log?.close();
      } finally {
        chunkWriter?.close();
        o.release();
      }
    },
  };
}

function sayReplayed(log: EnvLog, path: string, r: Replayed): void {
  log.info('log replayed', {
    path,
    samples: r.samples,
    bytes: r.bytes,
    duration_ms: Math.round(r.duration_ms),
    snapshot: r.snapshot !== null,
  });
  if (r.unknownSeries > 0)
    log.warn('samples of unknown series were left out', { path, samples: r.unknownSeries });
  for (const [type, records] of r.skipped)
    log.warn('records of a kind that this version does not keep were left out', { path, type, records });
}
