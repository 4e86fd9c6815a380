// The pool's threads: started, joined to the store and to each other, given queries, and replaced when they end.
import { EnvError, joinPort, type Caller, type Env, type Port, type Worker } from '@munjigi/env';
import { closeBudget } from '@munjigi/promql';
import type { CostLimits } from './cost-limits.ts';
import { errorReply, type QueryReply, type QueryRequest, type ReplyRest } from './request.ts';
import type { PieceCall, WorkerPiece, WorkerReply } from './worker.ts';

/** What a worker is told once. */
export interface WorkerSettings {
  readonly lookback_ms: number;
  readonly maxSamples: number;
  readonly maxBytes: number;
  readonly maxTotalBytes: number;
  /** Names are dropped at the end (promql-delayed-name-removal). */
  readonly delayedNameRemoval: boolean;
  /** Counter resets are told by start timestamps too (use-start-timestamps). */
  readonly startTimestamps: boolean;
}

/** What a worker starts with. */
export interface WorkerStart {
  readonly settings: WorkerSettings;
  readonly index: number;
  /** Shared: how many queries and shares of queries each worker has at hand. Idle ones are asked to help. */
  readonly load: Int32Array;
  /** Shared: KiB that all queries hold. */
  readonly all: Int32Array;
}

/** What a worker is told for each query. */
export interface QueryCall {
  /** For `cancel` messages: unique in the pool's life. */
  readonly id: number;
  readonly request: QueryRequest;
  /** The budget's cells, shared by all threads that work for this query. */
  readonly state: Int32Array;
  readonly queued_ms: number;
  readonly cost: CostLimits;
  /** Step of subqueries that name none. */
  readonly subqueryStep_ms: number;
  /** Its samples are counted step by step, also where the answer does not show it: for the query log. */
  readonly counted: boolean;
}

export interface Crew {
  /** Whether any worker can take a query. */
  readonly ready: boolean;
  /** Gives a query to the worker with the fewest. */
  run(call: QueryCall): CrewRun;
  /** Ends all threads. */
  close(): Promise<void>;
}

export interface CrewRun {
  /** With a rest whose `drop` cancels. */
  readonly reply: Promise<QueryReply>;
  /** Tells the worker that nobody waits: it notices between two messages, where the budget's cell is for a busy one. */
  cancel(): void;
  /** Ends the worker: for one that hangs. */
  end(): void;
}

/** A worker that ends sooner than this after its start is replaced only after this pause. */
const RESTART_PAUSE_MS = 1000;

/** Queries work on columns outside of the heap: what they make in it is little and short-lived. */
const NEW_SPACE_MIB = 4;

interface Member {
  readonly index: number;
  thread: { readonly worker: Worker; readonly caller: Caller; running: number } | null;
}

/** `connect` opens a port to the store for each worker that starts; `ready` is called when a replacement stands. */
export function startCrew(
  env: Env,
  given: WorkerSettings,
  all: Int32Array,
  count: number,
  connect: () => Port,
  on: { replaced(reason: string): void; ready(): void },
): Crew {
  const { clock, log, workers } = env;
  // Only what crosses to the thread: the caller's object may hold more.
  const { lookback_ms, maxSamples, maxBytes, maxTotalBytes } = given;
  const { delayedNameRemoval, startTimestamps } = given;
  const settings: WorkerSettings = {
    lookback_ms,
    maxSamples,
    maxBytes,
    maxTotalBytes,
    delayedNameRemoval,
    startTimestamps,
  };
  const members: Member[] = Array.from({ length: count }, (_, index) => ({ index, thread: null }));
  const load = new Int32Array(new SharedArrayBuffer(4 * count));
  let closed = false;
  const start = (member: Member): void => {
    const started = clock.monotonic();
    Atomics.store(load, member.index, 0);
    const data: WorkerStart = { settings, index: member.index, load, all };
    const entry = new URL('./worker.ts', import.meta.url);
    const worker = workers.start(`query-${member.index}`, entry, data, { newSpace_mib: NEW_SPACE_MIB });
    const caller = joinPort(worker, {});
    member.thread = { worker, caller, running: 0 };
    caller.send('storage', null, [connect()]);
    for (const { index, thread } of members) {
      if (index === member.index || thread === null) continue;
      const [ours, theirs] = workers.channel();
      caller.send('peer', { index }, [ours]);
      thread.caller.send('peer', { index: member.index }, [theirs]);
    }
    void replace(member, worker, caller, started);
  };
  /** Waits for a thread's end, however it comes. */
  const replace = async (member: Member, worker: Worker, caller: Caller, started: number): Promise<void> => {
    const reason = await worker.ended;
    member.thread = null;
    caller.fail(reason);
    if (closed) return;
    log.error('a query worker ended and is replaced', { worker: member.index, reason });
    on.replaced(reason);
    if (clock.monotonic() - started < RESTART_PAUSE_MS) await clock.sleep(RESTART_PAUSE_MS);
    if (closed) return;
    start(member);
    on.ready();
  };
  for (const member of members) start(member);
  return {
    get ready() {
      return members.some(({ thread }) => thread !== null);
    },
    run(call) {
      const threads = members.map(({ thread }) => thread).filter((thread) => thread !== null);
      const thread = threads.reduce((best, one) => (one.running < best.running ? one : best));
      thread.running++;
      const { id } = call;
      const reply = thread.caller
        .call<WorkerReply>('query', call)
        .then(({ more, ...rest }): QueryReply => (more ? { ...rest, rest: restOf(thread.caller, id) } : rest))
        .catch(async (error: Error) => {
          if (!(error instanceof EnvError) || error.code !== 'EPIPE') throw error;
          const reason = await thread.worker.ended;
          closeBudget({ state: call.state, all });
          return errorReply({
            errorType: 'unavailable',
            message: `the thread that ran this query ended (${reason}): try again, other queries go on`,
          });
        })
        .finally(() => thread.running--);
      return {
        reply,
        cancel: () => thread.caller.send('cancel', { id: call.id }),
        end: () => void thread.worker.terminate(),
      };
    },
    async close() {
      closed = true;
      const threads = members.map(({ thread }) => thread).filter((thread) => thread !== null);
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}

/** What a worker has left of an answer. */
function restOf(caller: Caller, id: number): ReplyRest {
  let copiedBytes = 0;
  return {
    async next(spent) {
      const transfer = spent === null ? [] : [spent.buffer];
      const next = await caller.call<WorkerPiece>('piece', { id, spent } satisfies PieceCall, transfer);
      ({ copiedBytes } = next);
      return next.piece;
    },
    drop: () => caller.send('cancel', { id }),
    get copiedBytes() {
      return copiedBytes;
    },
  };
}
