// The head: the newest samples, in memory and in the log.
import { EnvError, type Clock, type Files, type Log as EnvLog } from '@munjigi/env';
import {
  StorageError,
  type Appendable,
  type Appender,
  type MetricFamily,
  type Problem,
  type Querier,
  type Queryable,
} from '@munjigi/model';
import { newAppenders } from './appender.ts';
import { chunkCount, tsdbStatus, type TsdbStatus } from './status.ts';
import { headFamilies } from './families.ts';
import { postingsBytes } from './postings.ts';
import { newQuerier } from './querier.ts';
import { tableBytes } from './series.ts';
import { newHeadState, oldestValid, type HeadState } from './state.ts';
import { sweep } from './sweep.ts';
import { UNIT_BYTES } from '../chunk/slots.ts';
import type { PlantedFaults } from '../faults.ts';
import { checkpoint } from '../wal/checkpoint.ts';
import { newWalLog, type WalLog } from '../wal/log.ts';
import { storageError } from '../wal/writer.ts';
import { replay, type Replayed, type ReplayStatus } from '../wal/replay.ts';

export interface HeadOptions {
  /** The data folder; the log lies in `wal/` below it. */
  readonly path: string;
  /** Samples older than this before the newest one are dropped, chunk by chunk. Default: 15 days. */
  readonly retention_ms?: number;
  /** ms between fsyncs (default 1000), or 'always': a commit waits for one (several share it). */
  readonly walSync_ms?: number | 'always';
  /** A querier that is open longer loses its view. */
  readonly leaseMax_ms?: number;
  /** New series beyond this are refused; 0: no limit. */
  readonly maxSeries?: number;
  /** Chunk memory: pages of 16 MiB. */
  readonly maxPages?: number;
  readonly maxExemplars?: number;
  /** A multiple of 32 KiB. */
  readonly segmentBytes?: number;
  /** Chunks never cross a multiple of this. */
  readonly chunkRange_ms?: number;
  /** Between sweeps (leases, retention, checkpoints). */
  readonly sweepInterval_ms?: number;
  /** Matching, capturing, sweeping give others a turn after this long. 0: at every step. */
  readonly slice_ms?: number;
  readonly onReplay?: (status: ReplayStatus) => void;
  /** Bugs on purpose, for the tests of the tests. */
  readonly faults?: PlantedFaults;
}

export interface HeadStats {
  readonly series: number;
  readonly chunks: number;
  readonly samples: number;
  /** ms; mint > maxt: no samples. */
  readonly mint: number;
  readonly maxt: number;
  /** Samples before this are refused as too old. */
  readonly minValid: number;
  readonly bytes: {
    readonly columns: number;
    readonly postings: number;
    readonly symbols: number;
    /** Slots that hold chunks, and pages taken for them. */
    readonly chunks: number;
    readonly pages: number;
  };
  readonly openQueriers: number;
  readonly retiredSlots: number;
}

/** What the start found. */
export interface WalReplay {
  readonly status: ReplayStatus;
  readonly samples: number;
  readonly bytes: number;
  readonly duration_ms: number;
  readonly problems: readonly Problem[];
}

export interface Head extends Appendable, Queryable {
  appender(): Appender;
  querier(): Querier;
  stats(): HeadStats;
  families(): MetricFamily[];
  walReplay(): WalReplay;
  tsdbStatus(limit: number): TsdbStatus;
  /** Everything committed so far survives a power failure once this resolves. */
  sync(): Promise<void>;
  /** What happens every sweepInterval_ms: old leases, retention, checkpoint. */
  sweep(): Promise<void>;
  /** Waits for the disk and lets go of the folder. Nothing can be written or asked afterwards. */
  close(): Promise<void>;
}

export interface HeadEnv {
  readonly clock: Clock;
  readonly files: Files;
  readonly log: EnvLog;
}

const DEFAULTS = {
  retention_ms: 15 * 86_400_000,
  walSync_ms: 1000,
  leaseMax_ms: 5 * 60_000,
  maxSeries: 0,
  maxPages: 8192,
  maxExemplars: 10_000,
  segmentBytes: 128 * 1024 * 1024,
  chunkRange_ms: 2 * 3_600_000,
  sweepInterval_ms: 60_000,
  slice_ms: 5,
} as const;

/** Locks the folder, replays the log and opens the head. Rejects with StorageError. */
export async function openHead(env: HeadEnv, options: HeadOptions): Promise<Head> {
  const { files } = env;
  const o = { ...DEFAULTS, faults: {}, ...options };
  const dir = `${o.path}/wal`;
  const made = missingFolders(files, o.path);
  files.makeDir(o.path);
  const lock = files.lock(`${o.path}/munjigi.lock`);
  if (lock === null)
    throw new StorageError(
      'ELOCKED',
      `${o.path} is in use: another process holds ${o.path}/munjigi.lock. Stop it, or use another folder`,
      false,
    );
  try {
    files.makeDir(dir);
    for (const folder of made) await files.syncDir(folder);
    await files.syncDir(o.path);
    const state = newHeadState(env.clock, o);
    const status: ReplayStatus = { min: 0, max: 0, current: 0, state: 'waiting' };
    const replayed = await replay(env, state, {
      dir,
      faults: o.faults,
      onProgress(s): void {
        Object.assign(status, s);
        o.onReplay?.(s);
      },
    });
    state.minValid = oldestValid(state);
    sayReplayed(env.log, o.path, replayed);
    const log = newWalLog(env, {
      dir,
      firstSegment: replayed.nextSegment,
      segmentBytes: o.segmentBytes,
      sync: o.walSync_ms,
      segmentMaxt: replayed.segmentMaxt,
      faults: o.faults,
    });
    return newHead(env, state, log, { ...o, dir, release: () => lock.release(), replayed, status });
  } catch (error) {
    lock.release();
    throw error instanceof EnvError ? storageError(error, `open ${o.path}`) : error;
  }
}

/** The folders in which something must be made before `path` is there, innermost last. */
function missingFolders(files: Files, path: string): string[] {
  const parents: string[] = [];
  for (let at = path; files.stat(at) === null;) {
    const slash = at.lastIndexOf('/');
    const parent = slash < 0 ? '.' : slash === 0 ? '/' : at.slice(0, slash);
    parents.unshift(parent);
    if (slash <= 0) break;
    at = parent;
  }
  return parents;
}

/** A head without a folder: for tests, and for data that need not last. */
export function openMemoryHead(env: { readonly clock: Clock }, options: Partial<HeadOptions> = {}): Head {
  const o = { ...DEFAULTS, retention_ms: Infinity, ...options };
  const state = newHeadState(env.clock, o);
  return newHead(env, state, null, { ...o, dir: '', release: () => undefined, replayed: null, status: DONE });
}

const DONE: ReplayStatus = { min: 0, max: 0, current: 0, state: 'done' };

interface Opened {
  readonly dir: string;
  readonly release: () => void;
  readonly replayed: Replayed | null;
  readonly status: ReplayStatus;
  readonly leaseMax_ms: number;
  readonly segmentBytes: number;
  readonly sweepInterval_ms: number;
  readonly faults?: PlantedFaults;
}

function newHead(
  env: { readonly clock: Clock; readonly files?: Files; readonly log?: EnvLog },
  state: HeadState,
  log: WalLog | null,
  o: Opened,
): Head {
  let closed: StorageError | null = null;
  let sweeping: Promise<void> | null = null;
  let cutMaxt = state.judgedMaxt;
  const appender = newAppenders({ state, log, closed: () => closed });

  async function runSweep(): Promise<void> {
    const now = env.clock.monotonic();
    state.leases.revokeBefore(now - o.leaseMax_ms);
    state.leases.reclaim();
    if (oldestValid(state) > state.minValid || state.series.live > state.postings.all.n) await sweep(state);
    state.leases.reclaim();
    if (log !== null && closed === null) await truncateLog(log);
  }

  /** Drops segments that hold nothing newer than the retention, once they are a third of the log. */
  async function truncateLog(wal: WalLog): Promise<void> {
    const { writer, segmentMaxt } = wal;
    if (cutMaxt === -Infinity) cutMaxt = state.judgedMaxt;
    if (state.judgedMaxt - cutMaxt > state.retention_ms / 4) {
      // A new segment now and then, so that little traffic doesn't keep one segment, and all in it, for ever.
      if (writer.segmentSize() > 0) writer.cut();
      segmentMaxt.set(writer.segment(), -Infinity);
      cutMaxt = state.judgedMaxt;
    }
    let upTo = -1;
    let old = 0;
    for (const n of [...segmentMaxt.keys()].sort((a, b) => a - b)) {
      if (n >= writer.segment() || segmentMaxt.get(n)! >= state.minValid) break;
      upTo = n;
      old++;
    }
    if (old === 0 || old * 3 < segmentMaxt.size) return;
    try {
      // Series that only a dropped segment named must not depend on later ones that no sync has reached.
      await wal.sync();
      await checkpoint({ files: env.files!, clock: env.clock }, state, upTo, {
        ...o,
        faults: o.faults ?? {},
      });
      state.counters.checkpoints++;
      state.counters.walTruncations++;
      for (const n of segmentMaxt.keys()) if (n <= upTo) segmentMaxt.delete(n);
    } catch (error) {
      state.counters.checkpointFailures++;
      throw error;
    }
  }

  function sweepOnce(): Promise<void> {
    sweeping ??= runSweep().finally(() => {
      sweeping = null;
    });
    return sweeping;
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
    stats: () => headStats(state),
    families: () => headFamilies(state, log, o.replayed),
    walReplay: () => ({
      status: o.status,
      samples: o.replayed?.samples ?? 0,
      bytes: o.replayed?.bytes ?? 0,
      duration_ms: o.replayed?.duration_ms ?? 0,
      problems: o.replayed?.problems ?? [],
    }),
    tsdbStatus: (limit) => tsdbStatus(state, limit),
    sync: async () => log?.sync(),
    sweep: sweepOnce,
    async close(): Promise<void> {
      if (closed !== null) return;
      closed = new StorageError('ECLOSED', 'the head was closed', false);
      timer.cancel();
      try {
        await sweeping?.catch(() => undefined);
        await log?.close();
      } finally {
        o.release();
      }
    },
  };
}

function headStats(state: HeadState): HeadStats {
  return {
    series: state.series.live,
    chunks: chunkCount(state),
    samples: state.counters.appended,
    mint: state.mint,
    maxt: state.maxt,
    minValid: oldestValid(state),
    bytes: {
      columns: tableBytes(state.series) + 32 * state.chunks.slot.length,
      postings: postingsBytes(state.postings),
      symbols: state.symbols.bytes() + 20 * state.symbols.count(),
      chunks: state.slots.usedUnits() * UNIT_BYTES,
      pages: state.slots.pageBytes(),
    },
    openQueriers: state.leases.openCount(),
    retiredSlots: state.leases.retiredCount(),
  };
}

function sayReplayed(log: EnvLog, path: string, r: Replayed): void {
  log.info('log replayed', {
    path,
    samples: r.samples,
    bytes: r.bytes,
    duration_ms: Math.round(r.duration_ms),
  });
  if (r.unknownSeries > 0)
    log.warn('samples of unknown series were left out', { path, samples: r.unknownSeries });
  for (const [type, records] of r.skipped)
    log.warn('records of a kind that this version does not keep were left out', { path, type, records });
}
