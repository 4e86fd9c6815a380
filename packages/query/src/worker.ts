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
import { createBuffers } from './buffers.ts';
import type { QueryCall, WorkerStart } from './crew.ts';
import { answer, type Evaluator } from './evaluate.ts';
import { counted, newCounts, type Counting, type Peer, type PeerRun } from './fragment-io.ts';
import { errorReply, RequestError, type ErrorType, type QueryReply, type ReplyRest } from './request.ts';
import { remoteQueryable, type RemoteQueryable } from './storage-port.ts';
import { createSymbolCache } from './symbol-cache.ts';
import { createTurns } from './turns.ts';
import { copyRows, writeRows } from './write-answer.ts';

/** A share of another worker's query. */
interface ShareCall {
  readonly fragment: Fragment;
  readonly selection: Selection;
  readonly budget: Budget;
  readonly counting: Counting;
}

/** Rows of another worker's answer, and bytes to write them to. */
interface WriteCall {
  readonly rows: MatrixResult;
  readonly into: Uint8Array<ArrayBuffer>;
}

/** Why a share gave nothing. */
interface ShareFailure {
  readonly message: string;
  readonly kind?: QueryErrorKind;
  readonly errorType?: ErrorType;
}

/** A query's answer as it crosses to main: a rest stays here and is asked for by the query's id. */
export interface WorkerReply extends Omit<QueryReply, 'rest'> {
  readonly more: boolean;
}

/** Asks for the next piece of a rest, and gives the bytes of the last one back. */
export interface PieceCall {
  readonly id: number;
  readonly spent: Uint8Array<ArrayBuffer> | null;
}

/** Null: there is no other. */
export interface WorkerPiece {
  readonly piece: Uint8Array<ArrayBuffer> | null;
  readonly copiedBytes: number;
}

/** Of answers that were sent: some pieces. */
const SPARE_BYTES: number = 8 * 1024 * 1024;

/** Pages of blocks' indexes that a thread remembers. */
const BLOCK_CACHE_BYTES: number = 32 * 1024 * 1024;

/** The store with its blocks. */
type Storage = Pick<RemoteQueryable, 'querier'>;

/** What a worker thread runs. */
export function run(env: Env, parent: Port, { settings, index: own, load, all }: WorkerStart): void {
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
    buffers: createBuffers(SPARE_BYTES),
    querier: (copied) => {
      if (storage === null) throw new Error('a query came before the store');
      return storage.querier(copied);
    },
    // Busy ones would only pass the work back and forth.
    peers: () => [...peers].filter(([index]) => Atomics.load(load, index) === 0).map(([, peer]) => peer),
    lookback_ms: settings.lookback_ms,
    delayedNameRemoval: settings.delayedNameRemoval,
    startTimestamps: settings.startTimestamps,
  };
  const { maxSamples, maxBytes, maxTotalBytes } = settings;
  const limits = { maxSamples, maxBytes, maxTotalBytes };
  /** What is left of answers, by the query's id. */
  const rests = new Map<number, ReplyRest>();

  const runShare = async (call: ShareCall): Promise<PeerRun | ShareFailure> => {
    Atomics.add(load, own, 1);
    try {
      return await partialOf(call);
    } catch (error) {
      // Errors lose their class on a port; the query's own must stay what they are.
      if (error instanceof QueryError) return { kind: error.kind, message: error.message };
      if (error instanceof RequestError) return { errorType: error.errorType, message: error.message };
      throw error;
    } finally {
      Atomics.sub(load, own, 1);
    }
  };
  const partialOf = async ({ fragment, selection, budget, counting }: ShareCall): Promise<PeerRun> => {
    const counts = newCounts(fragment, counting);
    const readerOf = counted(reader, fragment, counts, budget, counting);
    const partial = await runFragment(fragment, selection, readerOf, budget, {
      pause: turns.pause,
      symbols: symbols(selection),
    });
    const { transfer, copiedBytes } = movableColumns(partialColumns(partial));
    const reply: PeerRun = { partial, copiedBytes: copiedBytes + labelBytes(partial), counts };
    return moving(reply, transfer);
  };

  const write = async ({ rows, into }: WriteCall): Promise<Uint8Array> => {
    await turns.pause();
    const bytes = writeRows(rows, () => into);
    return moving(bytes, [bytes.buffer]);
  };

  joinPort(parent, {
    storage: (_: null, [port]: readonly Port[]) => {
      storage = withBlocks(
        env,
        remoteQueryable(port!, () => env.clock.yield()),
        { cacheBytes: BLOCK_CACHE_BYTES },
      );
    },
    peer: ({ index }: { index: number }, [port]: readonly Port[]) => {
      const caller = joinPort(port!, { share: runShare, write });
      const peer: Peer = {
        async run(fragment, s, from, to, budget, counting) {
          const { selection, transfer, copiedBytes } = copySelection(s, from, to);
          const call: ShareCall = { fragment, selection, budget, counting };
          const reply = await caller.call<PeerRun | ShareFailure>('share', call, transfer);
          if ('message' in reply) throw rebuilt(reply);
          return { ...reply, copiedBytes: reply.copiedBytes + copiedBytes };
        },
        async write(m, into) {
          const { rows, transfer, copiedBytes } = copyRows(m);
          const call: WriteCall = { rows, into };
          const bytes = await caller.call<Uint8Array<ArrayBuffer>>('write', call, [...transfer, into.buffer]);
          return { bytes, copiedBytes };
        },
      };
      peers.set(index, peer);
      port!.onClose(() => {
        if (peers.get(index) === peer) peers.delete(index);
      });
    },
    query: async ({ id, request, state, ...call }: QueryCall) => {
      const { promise: cancelled, resolve } = Promise.withResolvers<QueryReply>();
      cancels.set(id, () => resolve(errorReply({ errorType: 'canceled', message: 'query was canceled' })));
      Atomics.add(load, own, 1);
      const going = answer(request, { budget: { state, limits, all }, ...call }, evaluator);
      void going.finally(() => Atomics.sub(load, own, 1));
      const first = await Promise.race([going, cancelled]);
      cancels.delete(id);
      const { rest, ...reply } = first;
      if (rest !== undefined) rests.set(id, rest);
      // Nobody asks for what comes after it was cancelled.
      void going.then((late) => late === first || late.rest?.drop());
      const message: WorkerReply = { ...reply, more: rest !== undefined };
      return moving(message, [reply.body.buffer]);
    },
    piece: async ({ id, spent }: PieceCall) => {
      const rest = rests.get(id);
      if (rest === undefined) throw new Error('the rest of this answer was dropped');
      Atomics.add(load, own, 1);
      try {
        const piece = await rest.next(spent);
        if (piece === null) rests.delete(id);
        const message: WorkerPiece = { piece, copiedBytes: rest.copiedBytes };
        return piece === null ? message : moving(message, [piece.buffer]);
      } finally {
        Atomics.sub(load, own, 1);
      }
    },
    cancel: ({ id }: { id: number }) => {
      cancels.get(id)?.();
      rests.get(id)?.drop();
      rests.delete(id);
    },
  });
}

function rebuilt({ kind, errorType, message }: ShareFailure): Error {
  return kind === undefined
    ? new RequestError(errorType ?? 'internal', message)
    : new QueryError(kind, message);
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
