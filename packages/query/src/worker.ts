// A query worker: the one place that joins PromQL to storage readers. It answers main, reads the store's pages itself, asks the store's
// thread for selections only, and runs shares of other workers' queries.
import { joinPort, moving, type Env, type Port } from '@munjigi/env';
import { copySelection, movableColumns, type Selection } from '@munjigi/model';
import {
  QueryError,
  runFragment,
  type QueryErrorKind,
  type Budget,
  type Fragment,
  type FragmentPartial,
  type MatrixResult,
} from '@munjigi/promql';
import { openChunkReader, withBlocks } from '@munjigi/tsdb';
import type { QueryCall, WorkerStart } from './crew.ts';
import { answer, type Evaluator } from './evaluate.ts';
import type { Peer, PeerRun } from './fragment-io.ts';
import { errorReply, type QueryReply } from './request.ts';
import { remoteQueryable, type RemoteQueryable } from './storage-port.ts';
import { createSymbolCache } from './symbol-cache.ts';
import { createTurns } from './turns.ts';
import { copyRows, joined, writeRows } from './write-answer.ts';

/** A share of another worker's query. */
interface ShareCall {
  readonly fragment: Fragment;
  readonly selection: Selection;
  readonly budget: Budget;
}

/** Why a share gave nothing. */
interface ShareFailure {
  readonly kind: QueryErrorKind;
  readonly message: string;
}

/** Pages of blocks' indexes that a thread remembers. */
const BLOCK_CACHE_BYTES: number = 32 * 1024 * 1024;

/** The store with its blocks. */
type Storage = Pick<RemoteQueryable, 'querier'>;

/** What a worker thread runs. */
export function run(env: Env, parent: Port, { settings, index: own, load }: WorkerStart): void {
  const turns = createTurns(env.clock);
  const reader = openChunkReader(env.files, { kernel: true });
  const symbols = createSymbolCache();
  const peers = new Map<number, Peer>();
  /** Queries that run, by id: what is called when nobody waits for them any more. */
  const cancels = new Map<number, () => void>();
  let storage: Storage | null = null;
  const evaluator: Evaluator = {
    clock: env.clock,
    turns,
    reader,
    symbols,
    querier: (copied) => {
      if (storage === null) throw new Error('a query came before the store');
      return storage.querier(copied);
    },
    // Busy ones would only pass the work back and forth.
    peers: () => [...peers].filter(([index]) => Atomics.load(load, index) === 0).map(([, peer]) => peer),
    lookback_ms: settings.lookback_ms,
    subqueryStep_ms: settings.subqueryStep_ms,
  };
  const limits = { maxSamples: settings.maxSamples, maxBytes: settings.maxBytes };

  const runShare = async (call: ShareCall): Promise<PeerRun | ShareFailure> => {
    Atomics.add(load, own, 1);
    try {
      return await partialOf(call);
    } catch (error) {
      // Errors lose their class on a port; the query's own must stay what they are.
      if (error instanceof QueryError) return { kind: error.kind, message: error.message };
      throw error;
    } finally {
      Atomics.sub(load, own, 1);
    }
  };
  const partialOf = async ({ fragment, selection, budget }: ShareCall): Promise<PeerRun> => {
    const partial = await runFragment(fragment, selection, reader, budget, {
      pause: turns.pause,
      symbols: symbols(selection),
    });
    const { transfer, copiedBytes } = movableColumns(partialColumns(partial));
    const reply: PeerRun = { partial, copiedBytes: copiedBytes + labelBytes(partial) };
    return moving(reply, transfer);
  };

  const write = async (rows: MatrixResult): Promise<Uint8Array> => {
    const bytes = joined(await writeRows(rows, turns.pause));
    return moving(bytes, [bytes.buffer]);
  };

  joinPort(parent, {
    storage: (_: null, [port]: readonly Port[]) => {
      storage = withBlocks(env, remoteQueryable(port!), { cacheBytes: BLOCK_CACHE_BYTES });
    },
    peer: ({ index }: { index: number }, [port]: readonly Port[]) => {
      const caller = joinPort(port!, { share: runShare, write });
      const peer: Peer = {
        async run(fragment, s, from, to, budget) {
          const { selection, transfer, copiedBytes } = copySelection(s, from, to);
          const call: ShareCall = { fragment, selection, budget };
          const reply = await caller.call<PeerRun | ShareFailure>('share', call, transfer);
          if ('kind' in reply) throw new QueryError(reply.kind, reply.message);
          return { partial: reply.partial, copiedBytes: reply.copiedBytes + copiedBytes };
        },
        async write(m) {
          const { rows, transfer, copiedBytes } = copyRows(m);
          return { bytes: await caller.call<Uint8Array>('write', rows, transfer), copiedBytes };
        },
      };
      peers.set(index, peer);
      port!.onClose(() => {
        if (peers.get(index) === peer) peers.delete(index);
      });
    },
    query: async ({ id, request, state, queued_ms }: QueryCall) => {
      const { promise: cancelled, resolve } = Promise.withResolvers<QueryReply>();
      cancels.set(id, () => resolve(errorReply({ errorType: 'canceled', message: 'query was canceled' })));
      Atomics.add(load, own, 1);
      const going = answer(request, { state, limits }, queued_ms, evaluator);
      void going.finally(() => Atomics.sub(load, own, 1));
      const reply = await Promise.race([going, cancelled]);
      cancels.delete(id);
      return moving(reply, [reply.body.buffer]);
    },
    cancel: ({ id }: { id: number }) => cancels.get(id)?.(),
  });
}

function partialColumns(p: FragmentPartial): (Float64Array | Uint32Array | Uint8Array)[] {
  const columns: (Float64Array | Uint32Array | Uint8Array | null)[] = [
    p.values,
    p.present,
    p.compensation,
    p.counts,
    p.samples && p.samples.first,
    p.samples && p.samples.t,
    p.samples && p.samples.v,
  ];
  return columns.filter((column) => column !== null);
}

/** Texts are copied, two bytes a unit. */
function labelBytes(p: FragmentPartial): number {
  let units = 0;
  for (const labels of p.labels) for (const text of labels) units += text.length;
  return 2 * units;
}
