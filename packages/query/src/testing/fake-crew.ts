// Threads that are none: each "worker" is the other end of a port in this thread, answers queries as the test says, and ends when told to.
// The clock stands still until the test moves it.
import { joinPort, type Clock, type Env, type Port, type Worker } from '@munjigi/env';
import { nodeEnv } from '@munjigi/env/node';
import type { QueryCall } from '../crew.ts';
import { NO_COST, successBody, type QueryReply, type ReplyRest } from '../request.ts';
import type { PieceCall, WorkerReply } from '../worker.ts';

interface FakeWorker {
  readonly name: string;
  /** Queries that it has been given and not answered, oldest first. */
  readonly calls: { readonly call: QueryCall; answer(reply?: QueryReply): void }[];
  /** Ids of queries that it was told to cancel. */
  readonly cancelled: number[];
  /** What is left of its answers, by their ids. */
  readonly rests: Map<number, ReplyRest>;
  readonly peers: number[];
  storages: number;
  die(reason: string): void;
}

export interface FakeCrew {
  readonly env: Env;
  readonly workers: FakeWorker[];
  readonly log: string[];
  /** Lets messages arrive. */
  settle(): Promise<void>;
  /** Moves the clock and calls what is due. */
  advance(ms: number): Promise<void>;
}

export function okReply(data: string): QueryReply {
  return { status: 200, body: successBody(JSON.stringify(data)), error: null, cost: NO_COST };
}

export function fakeCrew(): FakeCrew {
  const real = nodeEnv();
  const log: string[] = [];
  const workers: FakeWorker[] = [];
  let now = 0;
  const timers = new Set<{ at: number; fn: () => void }>();
  const after = (delay_ms: number, fn: () => void): { cancel(): void } => {
    const timer = { at: now + delay_ms, fn };
    timers.add(timer);
    return { cancel: () => void timers.delete(timer) };
  };
  const clock: Clock = {
    ...real.clock,
    now: () => now,
    monotonic: () => now,
    after,
    sleep: (ms) => new Promise((resolve) => void after(ms, resolve)),
  };
  const settle = async (): Promise<void> => {
    // Messages between ports of one thread need a few turns of the event loop.
    for (let i = 0; i < 20; i++) await real.clock.yield();
  };
  const start = (name: string): Worker => {
    const [outer, inner] = real.workers.channel();
    const { promise: ended, resolve } = Promise.withResolvers<string>();
    const die = (reason: string): void => {
      inner.close();
      resolve(reason);
    };
    const worker: FakeWorker = {
      name,
      calls: [],
      cancelled: [],
      rests: new Map(),
      peers: [],
      storages: 0,
      die,
    };
    workers.push(worker);
    joinPort(inner, {
      storage: (_: null, ports: readonly Port[]) => {
        worker.storages += ports.length;
      },
      peer: ({ index }: { index: number }) => void worker.peers.push(index),
      cancel: ({ id }: { id: number }) => {
        worker.cancelled.push(id);
        worker.rests.get(id)?.drop();
      },
      piece: async ({ id, spent }: PieceCall) => {
        const rest = worker.rests.get(id)!;
        const piece = await rest.next(spent);
        return { piece, copiedBytes: rest.copiedBytes };
      },
      query: (call: QueryCall) =>
        new Promise<WorkerReply>((answer) => {
          const given = {
            call,
            answer: (reply: QueryReply = okReply('done')): void => {
              worker.calls.splice(worker.calls.indexOf(given), 1);
              const { rest, ...whole } = reply;
              if (rest !== undefined) worker.rests.set(call.id, rest);
              answer({ ...whole, more: rest !== undefined });
            },
          };
          worker.calls.push(given);
        }),
    });
    return {
      ...outer,
      name,
      ended,
      terminate: () => {
        die('terminated');
        return Promise.resolve();
      },
    };
  };
  return {
    env: {
      ...real,
      clock,
      workers: { ...real.workers, start },
      log: nodeEnv({ logWrite: (line) => log.push(line) }).log,
    },
    workers,
    log,
    settle,
    async advance(ms) {
      now += ms;
      for (const timer of Array.from(timers).filter(({ at }) => at <= now)) {
        timers.delete(timer);
        timer.fn();
      }
      await settle();
    },
  };
}
