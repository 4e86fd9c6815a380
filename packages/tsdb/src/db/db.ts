// The store on a data folder: the head, the blocks beside it, and what keeps both in order. This file opens and closes; what happens in between by
// itself is in upkeep.ts, what an operator asks for in admin.ts.
import { EnvError, type FileLock, type Files, type Timer } from '@munjigi/env';
import {
  StorageError,
  type Appendable,
  type Appender,
  type BlockRef,
  type Matcher,
  type MetricFamily,
  type Querier,
  type Queryable,
} from '@munjigi/model';
import { cleanTombstones, deleteSeries, takeSnapshot } from './admin.ts';
import { openBlockList, type AsideBlock, type BlockList, type ListedBlock } from './blocks.ts';
import { compactionThread } from './compactor.ts';
import { dbFamilies, newDbCounters, type DbCounters } from './families.ts';
import {
  headSettings,
  DB_DEFAULTS,
  type DbEnv,
  type DbOptions,
  type DbSettings,
  type OpenOptions,
} from './options.ts';
import { upkeep, writeHeadSnapshot, type Store } from './upkeep.ts';
import { takeFolder } from '../head/folder.ts';
import { openHead, type Head, type HeadStats, type WalReplay } from '../head/head.ts';
import { storageError } from '../wal/writer.ts';

/** A store as the thread that owns it sees it. Selections name the blocks to read besides: `blockReader` merges them where the query runs. */
export interface Db extends Appendable, Queryable {
  appender(): Appender;
  querier(): Querier;
  configure(settings: DbSettings): void;
  stats(): HeadStats;
  families(): MetricFamily[];
  walReplay(): WalReplay;
  /** The `limit` largest of each kind. */
  tsdbStatus(limit: number): ReturnType<Head['tsdbStatus']>;
  blocks(): readonly ListedBlock[];
  /** Blocks that cannot be read, and why. */
  aside(): readonly AsideBlock[];
  /** Everything committed so far survives a power failure once this resolves. */
  sync(): Promise<void>;
  /** What happens every interval by itself; rejects with what failed. One at a time. */
  upkeep(): Promise<void>;
  /** Notes the head down for the next start. */
  snapshotHead(): Promise<void>;
  deleteSeries(selectors: readonly (readonly Matcher[])[], mint: number, maxt: number): Promise<void>;
  cleanTombstones(): Promise<void>;
  /** Copies blocks, and the head unless `skipHead`, to snapshots/<name>; resolves with the name. */
  snapshot(skipHead: boolean): Promise<string>;
  /** Waits for the disk and lets go of the folder. */
  close(): Promise<void>;
}

/** Locks the folder, reads what is there and starts the upkeep. Rejects with StorageError. */
export async function openDb(env: DbEnv, options: DbOptions): Promise<Db> {
  const { files } = env;
  const o: OpenOptions = { ...DB_DEFAULTS, ...options };
  let lock: FileLock | null = null;
  try {
    if (o.readOnly) mustExist(files, o.path);
    else lock = await takeFolder(files, o.path);
    let head: Head | null = null;
    const blocks = openBlockList(env, o.path, {
      // Before there is a head there are no queriers.
      whenUnseen: (fn) => (head === null ? fn() : head.whenUnseen(fn)),
      readOnly: o.readOnly,
    });
    const minValid = blocks.inOrderMaxt(env.clock.now() + o.minBlock_ms);
    head = await openHead(env, {
      ...headSettings(o),
      lock: false,
      ...(minValid > -Infinity ? { minValid } : {}),
    });
    return newDb(env, o, { lock, blocks, head });
  } catch (error) {
    lock?.release();
    throw error instanceof EnvError ? storageError(error, `open ${o.path}`) : error;
  }
}

function mustExist(files: Files, path: string): void {
  if (files.stat(path)?.kind !== 'dir')
    throw new StorageError('ENOENT', `${path}: there is no such folder to read`, false);
}

const FOLLOW_MS = 15_000;

interface Parts {
  readonly lock: FileLock | null;
  readonly blocks: BlockList;
  readonly head: Head;
}

function newDb(env: DbEnv, o: OpenOptions, parts: Parts): Db {
  const { lock, blocks } = parts;
  let { head } = parts;
  const counters = newDbCounters(env.clock.monotonic());
  const options = { ...o };
  const compaction = compactionThread(env.workers, o.faults);
  let closed = false;
  const store: Store = {
    env,
    options,
    blocks,
    compaction,
    counters,
    get head() {
      return head;
    },
    closing: () => closed,
  };
  /** Upkeep and administration, one after the other. */
  let last: Promise<unknown> = Promise.resolve();
  let due = false;

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (closed) return Promise.reject(new StorageError('ECLOSED', 'the store was closed', false));
    if (o.readOnly)
      return Promise.reject(new StorageError('EREADONLY', `${o.path} was opened read-only`, false));
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  }

  /** Takes over what the other process wrote since: the head anew, then the blocks, so that nothing is in neither. */
  async function follow(): Promise<void> {
    const began = env.clock.monotonic();
    try {
      const next = await openHead(env, { ...headSettings({ ...o, onReplay: () => undefined }), lock: false });
      const old = head;
      blocks.rescan();
      head = next;
      old.whenUnseen(() => void old.close());
    } catch (error) {
      if (!(error instanceof StorageError) && !(error instanceof EnvError)) throw error;
      env.log.warn(
        `what was written since cannot be read now, the state of before is served: ${error.message}`,
        {
          path: o.path,
        },
      );
    }
    if (!closed) following = env.clock.after(followAfter(env.clock.monotonic() - began), () => void follow());
  }

  let following: Timer | null = o.readOnly ? env.clock.after(followAfter(0), () => void follow()) : null;
  const timer = o.readOnly
    ? null
    : env.clock.every(o.interval_ms, () => {
        // One waiting turn is enough.
        if (due || closed) return;
        due = true;
        inTurn(() => {
          due = false;
          return upkeep(store);
        }).catch((error: Error) => {
          if (!(error instanceof StorageError))
            env.log.error(`upkeep of the store failed: ${error.message}`, { path: o.path });
        });
      });

  return {
    appender: () => counted(head.appender(), counters),
    querier: () => withBlockRefs(head.querier(), blocks),
    configure(settings): void {
      Object.assign(options, settings);
      head.configure(settings);
    },
    stats: () => head.stats(),
    families: () => [...head.families(), ...dbFamilies(counters, blocks, options.retention_bytes)],
    walReplay: () => head.walReplay(),
    tsdbStatus: (limit) => head.tsdbStatus(limit),
    blocks: () => blocks.list(),
    aside: () => blocks.aside(),
    sync: () => head.sync(),
    upkeep: () => inTurn(() => upkeep(store)),
    snapshotHead: () => inTurn(() => writeHeadSnapshot(store)),
    deleteSeries: (selectors, mint, maxt) => inTurn(() => deleteSeries(store, selectors, mint, maxt)),
    cleanTombstones: () => inTurn(() => cleanTombstones(store)),
    snapshot: (skipHead) => inTurn(() => takeSnapshot(store, skipHead)),
    async close(): Promise<void> {
      if (closed) return;
      closed = true;
      timer?.cancel();
      following?.cancel();
      compaction.stop();
      try {
        await last;
        compaction.resume();
        await blocks.settled();
        if (!o.readOnly) await lastSnapshot(store);
      } finally {
        await compaction.close();
        try {
          await head.close();
        } finally {
          lock?.release();
        }
      }
    },
  };
}

/** ms until a read-only store looks again: reading the head may take a twentieth of the time. */
function followAfter(took_ms: number): number {
  return Math.max(FOLLOW_MS, 20 * took_ms);
}

/** A store that can't note its head down (a full disk) still closes: the log has everything. */
async function lastSnapshot(store: Store): Promise<void> {
  try {
    await writeHeadSnapshot(store);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    store.env.log.warn(`the next start will read the whole log: ${error.message}`, {
      path: store.options.path,
    });
  }
}

/** An appender whose commits tell when the disk is full, and when it is no more. */
function counted(appender: Appender, counters: DbCounters): Appender {
  const commit = appender.commit.bind(appender);
  appender.commit = async () => {
    try {
      const result = await commit();
      counters.diskFull = false;
      return result;
    } catch (error) {
      if (error instanceof StorageError) {
        counters.refusedCommits++;
        if (error.code === 'ENOSPC') counters.diskFull = true;
      }
      throw error;
    }
  };
  return appender;
}

/** The head's querier; what it answers names the blocks that are there afterwards, and they stay until it is closed. */
function withBlockRefs(inner: Querier, blocks: BlockList): Querier {
  const named = <T extends { readonly warnings: readonly string[] }>(
    answer: T,
    mint: number,
    maxt: number,
  ): T & { readonly blocks: readonly BlockRef[] } => {
    const missing = blocks.warnings(mint, maxt);
    const warnings = missing.length === 0 ? answer.warnings : [...answer.warnings, ...missing];
    return { ...answer, warnings, blocks: blocks.refs(mint, maxt) };
  };
  return {
    // The list is taken after the capture: a block appears before the head lets go of its samples, so nothing is missed.
    select: async (mint, maxt, matchers, hints) =>
      named(await inner.select(mint, maxt, matchers, hints), mint, maxt),
    labelNames: async (q) => named(await inner.labelNames(q), q.mint, q.maxt),
    labelValues: async (name, q) => named(await inner.labelValues(name, q), q.mint, q.maxt),
    unreadable: ({ ulid }, reason) => blocks.suspect(ulid, reason),
    exemplars: (mint, maxt, matchers) => inner.exemplars(mint, maxt, matchers),
    metadata: (metric) => inner.metadata(metric),
    close: () => inner.close(),
  };
}
