// The other side of the compaction thread: its calls as functions.
import { joinPort, type Port, type Transfer } from '@munjigi/env';
import { StorageError, movableColumns, selectionColumns, type Selection } from '@munjigi/model';
import type { BlockMeta } from '../block/meta.ts';
import type { SnapshotStats } from '../head/snapshot-write.ts';
import type { CheckpointStats } from '../wal/checkpoint.ts';
import type { Rewritten } from './rewrite.ts';
import type { CompactionCalls, CompactionProgress, CompactionReply } from './worker.ts';

/** Every function rejects with StorageError; ECANCELED when the thread was stopped. */
export interface Compactor {
  /** The selection's columns are moved: it may not be used afterwards. Its lease must be held until this resolves. */
  cut(call: CompactionCalls['cut']): Promise<BlockMeta | null>;
  cutOutOfOrder(call: CompactionCalls['cutOutOfOrder']): Promise<BlockMeta[]>;
  compact(call: CompactionCalls['compact']): Promise<Rewritten>;
  clean(call: CompactionCalls['clean']): Promise<Rewritten>;
  filter(call: CompactionCalls['filter']): Promise<Rewritten>;
  delete(call: CompactionCalls['delete']): Promise<number>;
  checkpoint(call: CompactionCalls['checkpoint']): Promise<CheckpointStats>;
  /** `transfer`: buffers of the data that may be moved. */
  snapshotHead(call: CompactionCalls['snapshotHead'], transfer: readonly Transfer[]): Promise<SnapshotStats>;
  snapshotBlocks(call: CompactionCalls['snapshotBlocks']): Promise<void>;
}

export function connectCompactor(
  port: Port,
  o: { readonly progress?: (p: CompactionProgress) => void } = {},
): Compactor {
  const caller = joinPort(port, { progress: (p: CompactionProgress) => o.progress?.(p) });

  async function call<K extends keyof CompactionCalls, T>(
    job: K,
    argument: CompactionCalls[K],
    transfer: readonly Transfer[] = [],
  ): Promise<T> {
    let reply: CompactionReply;
    try {
      reply = await caller.call<CompactionReply>(job, argument, transfer);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new StorageError('EWORKER', `the compaction thread failed at "${job}": ${why}`, true);
    }
    if ('value' in reply) return reply.value as T;
    const { code, message, retryable } = reply.failed;
    throw new StorageError(code, message, retryable);
  }

  return {
    cut: (argument) => call('cut', argument, columnsOf(argument.selection)),
    cutOutOfOrder: (argument) => call('cutOutOfOrder', argument, columnsOf(argument.selection)),
    compact: (argument) => call('compact', argument),
    clean: (argument) => call('clean', argument),
    filter: (argument) => call('filter', argument),
    delete: (argument) => call('delete', argument),
    checkpoint: (argument) => call('checkpoint', argument),
    snapshotHead: (argument, transfer) => call('snapshotHead', argument, transfer),
    snapshotBlocks: (argument) => call('snapshotBlocks', argument),
  };
}

function columnsOf(selection: Selection): ArrayBuffer[] {
  return movableColumns(selectionColumns(selection)).transfer;
}
