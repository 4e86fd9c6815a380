// The compaction thread: everything that writes blocks, one job after the other, away from the thread that takes samples. A job that fails
// replies with the seam's error and leaves no half block.
import { joinPort, type Env, type Files, type Handler, type Port } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import { ULID_RANDOM_BYTES, newUlid } from '../block/ulid.ts';
import { writeSnapshot, type SnapshotOptions } from '../head/snapshot-write.ts';
import { checkpoint, type CheckpointOptions } from '../wal/checkpoint.ts';
import { cutHead, cutOutOfOrder, type CutOptions, type OutOfOrderCut } from './cut.ts';
import { deleteSeries, type DeleteOptions } from './delete.ts';
import {
  cleanTombstones,
  compactBlocks,
  filterBlock,
  type RetentionNow,
  type RewriteOptions,
} from './rewrite.ts';
import { snapshotBlocks } from './snapshot-blocks.ts';
import type { WriteSettings } from './write-block.ts';
import type { PlantedFaults } from '../faults.ts';

/** What the thread is started with: one Int32, not 0 ends the job that runs and every later one with ECANCELED. */
export interface CompactionStart {
  readonly stop: SharedArrayBuffer;
  readonly faults?: PlantedFaults;
}

/** What a call carries: the thread adds the flag and the progress itself. */
type Plain<T> = Omit<T, 'stop' | 'progress' | 'newUlid' | 'cache'>;

/** The calls, by name. */
export interface CompactionCalls {
  cut: Plain<CutOptions>;
  cutOutOfOrder: Plain<OutOfOrderCut>;
  compact: Plain<RewriteOptions> & { readonly parents: readonly string[]; readonly retention?: RetentionNow };
  clean: Plain<RewriteOptions> & { readonly parent: string };
  filter: Plain<RewriteOptions> & { readonly parent: string; readonly retention: RetentionNow };
  delete: DeleteOptions;
  checkpoint: CheckpointOptions;
  /** `path`: the data folder. */
  snapshotHead: SnapshotOptions & { readonly path: string };
  snapshotBlocks: { readonly dirs: readonly string[]; readonly to: string };
}

/** A job's reply: errors lose their class on a port, and with it whether another attempt can help. */
export type CompactionReply =
  | { readonly value: unknown }
  | { readonly failed: { readonly code: string; readonly message: string; readonly retryable: boolean } };

/** Series done so far by the job that runs. */
export interface CompactionProgress {
  readonly job: keyof CompactionCalls;
  readonly series: number;
}

export function run(env: Env, parent: Port, { stop, faults }: CompactionStart): void {
  const files = faults?.blockWithoutSync === true ? withoutSync(env.files) : env.files;
  const flag = new Int32Array(stop);
  let last: Promise<unknown> = Promise.resolve();

  function settings(job: keyof CompactionCalls): Pick<WriteSettings, 'stop' | 'progress'> {
    return {
      stop: flag,
      progress: (series) => caller.send('progress', { job, series } satisfies CompactionProgress),
    };
  }

  /** Jobs wait for each other: two that work on one block would undo each other. */
  function inTurn(job: (argument: never) => Promise<unknown>): Handler {
    return (argument: never): Promise<CompactionReply> => {
      const turn = last.then(async (): Promise<CompactionReply> => {
        try {
          if (Atomics.load(flag, 0) !== 0)
            throw new StorageError('ECANCELED', 'compactions were stopped', true);
          return { value: await job(argument) };
        } catch (error) {
          if (!(error instanceof StorageError)) throw error;
          const { code, message, retryable } = error;
          return { failed: { code, message, retryable } };
        }
      });
      last = turn.catch(() => undefined);
      return turn;
    };
  }

  const caller = joinPort(parent, {
    cut: inTurn((call: CompactionCalls['cut']) => cutHead(files, { ...call, ...settings('cut') })),
    cutOutOfOrder: inTurn((call: CompactionCalls['cutOutOfOrder']) =>
      cutOutOfOrder(files, {
        ...call,
        ...settings('cutOutOfOrder'),
        newUlid: () => newUlid(env.clock.now(), env.random.bytes(ULID_RANDOM_BYTES)),
      }),
    ),
    compact: inTurn((call: CompactionCalls['compact']) =>
      compactBlocks(files, call.parents, { ...call, ...settings('compact') }),
    ),
    clean: inTurn((call: CompactionCalls['clean']) =>
      cleanTombstones(files, call.parent, { ...call, ...settings('clean') }),
    ),
    filter: inTurn((call: CompactionCalls['filter']) =>
      filterBlock(files, call.parent, { ...call, ...settings('filter') }),
    ),
    delete: inTurn((call: CompactionCalls['delete']) => deleteSeries(files, call)),
    checkpoint: inTurn((call: CompactionCalls['checkpoint']) => checkpoint(env, call)),
    snapshotHead: inTurn((call: CompactionCalls['snapshotHead']) => writeSnapshot(env, call.path, call)),
    snapshotBlocks: inTurn(({ dirs, to }: CompactionCalls['snapshotBlocks']) =>
      snapshotBlocks(files, dirs, to),
    ),
  });
}

/** The planted bug: files that say they were synced. */
function withoutSync(files: Files): Files {
  return {
    ...files,
    open: (path, mode) => Object.assign(files.open(path, mode), { sync: () => Promise.resolve() }),
    syncDir: () => Promise.resolve(),
  };
}
