// A worker that goes wrong when it is told to commit version 2: as `data.wrong` says, once.
import type { Env, Port } from '@munjigi/env';
import { run as serve, type WorkerData } from '../worker.ts';

/** The way is written into the first limit word, which the table of limits does not use: 1 throw, 2 exit, 3 hang, 4 hang a moment later. */
export function run(env: Env, parent: Port, data: WorkerData): void {
  const words = new Int32Array(data.limits);
  serve(
    env,
    {
      ...parent,
      receive: (fn) =>
        parent.receive((message, ports) => {
          const { method, argument } = message as { method?: string; argument?: unknown };
          if (method === 'commit' && argument === 2 && data.index === 1) {
            const way = Atomics.exchange(words, 0, 0);
            if (way === 1) throw new Error('thrown in the middle of a commit');
            if (way === 2) process.exit(7);
            if (way === 3) for (;;);
            if (way === 4)
              setTimeout(() => {
                for (;;);
              }, 50);
          }
          fn(message, ports);
        }),
    },
    data,
  );
}
