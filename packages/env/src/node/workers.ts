// Threads. Parent and thread talk over a MessageChannel of their own, so that both ends are plain Ports; the thread's own messages carry only its log.
import { MessageChannel, Worker as Thread } from 'node:worker_threads';
import type { Worker, Workers } from '../env.ts';
import type { LogLevel } from '../logfmt.ts';
import { portPair, wrapPort } from './ports.ts';
import type { ThreadData } from './thread.ts';

/** `write`: where lines of the threads' logs go; absent: each thread writes to standard error itself. */
export function nodeWorkers(level: LogLevel, write: ((line: string) => void) | undefined): Workers {
  return {
    channel: portPair,
    start(name, entry, data, options): Worker {
      const { port1, port2 } = new MessageChannel();
      const setup: ThreadData = {
        entry: entry.href,
        data,
        level,
        name,
        parent: port2,
        forward: write !== undefined,
      };
      const thread = new Thread(new URL('./thread.ts', import.meta.url), {
        name,
        workerData: setup,
        transferList: [port2],
        // V8 counts three halves as the young generation.
        ...(options?.newSpace_mib === undefined
          ? {}
          : { resourceLimits: { maxYoungGenerationSizeMb: 3 * options.newSpace_mib } }),
      });
      const { promise: ended, resolve } = Promise.withResolvers<string>();
      let reason: string | null = null;
      let stopped = false;
      thread.on('message', (line: string) => write?.(line));
      thread.on('error', (error: unknown) => {
        reason ??= `failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
      });
      thread.on('messageerror', (error: Error) => {
        reason ??= `failed: a message could not be read: ${error.message}`;
      });
      const port = wrapPort(port1);
      thread.on('exit', (code) => {
        resolve(reason ?? (stopped ? 'terminated' : code === 0 ? 'finished' : `exited with code ${code}`));
      });
      return {
        ...port,
        name,
        ended,
        async terminate(): Promise<void> {
          stopped = true;
          await thread.terminate();
        },
      };
    },
  };
}
