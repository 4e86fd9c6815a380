// Our store in a process of its own, so that what it uses can be told apart: the side that asks.
import { fork, type ChildProcess } from 'node:child_process';

/** What the child is asked to do. */
export type StoreJob =
  /** Opens the folder; answers when it is open. */
  | { readonly do: 'open'; readonly path: string }
  /** Scrapes [from, to) of `series` series in commits of `batch` samples, with upkeep every `upkeepEvery` scrapes (0: none). */
  | {
      readonly do: 'append';
      readonly series: number;
      readonly from: number;
      readonly to: number;
      readonly batch: number;
      readonly upkeepEvery: number;
    }
  | { readonly do: 'close' };

export interface StoreAnswer {
  /** CPU of the whole process for this job, worker threads included. */
  readonly cpu_ms: number;
  readonly wall_ms: number;
  readonly series: number;
}

/** What it says meanwhile: the part that is done. */
type Message = { readonly part: number } | StoreAnswer;

export interface StoreChild {
  readonly pid: number;
  ask(job: StoreJob, at?: (part: number) => void): Promise<StoreAnswer>;
  kill(): Promise<void>;
}

export function startStore(): StoreChild {
  const child = fork(new URL('child-store.ts', import.meta.url), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const gone = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  return {
    pid: child.pid!,
    ask: (job, at) => ask(child, gone, job, at),
    async kill(): Promise<void> {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function ask(
  child: ChildProcess,
  gone: Promise<number | null>,
  job: StoreJob,
  at?: (part: number) => void,
): Promise<StoreAnswer> {
  return new Promise((resolve, reject) => {
    const heard = (message: Message): void => {
      if ('part' in message) {
        at?.(message.part);
        return;
      }
      child.off('message', heard);
      resolve(message);
    };
    child.on('message', heard);
    gone.then(
      (code) => reject(new Error(`the store's process ended with ${code}`)),
      () => undefined,
    );
    child.send(job);
  });
}
