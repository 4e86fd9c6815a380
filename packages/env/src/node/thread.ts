// What a thread runs first: it imports the entry module and calls its `run` with a world of its own. An error that nobody catches ends the thread,
// and the parent learns it as the reason.
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { WorkerMain } from '../env.ts';
import type { LogLevel } from '../logfmt.ts';
import { nodeEnv } from './nodeenv.ts';
import { wrapPort } from './ports.ts';

export interface ThreadData {
  readonly entry: string;
  readonly data: unknown;
  readonly level: LogLevel;
  readonly name: string;
  readonly parent: MessagePort;
  /** True: lines of the log go to the parent. */
  readonly forward: boolean;
}

const { entry, data, level, name, parent, forward } = workerData as ThreadData;
const module = (await import(entry)) as { run?: WorkerMain };
if (typeof module.run !== 'function')
  throw new Error(`${entry} (thread ${name}) does not export a function \`run\``);
const env = nodeEnv({
  logLevel: level,
  ...(forward ? { logWrite: (line: string) => parentPort?.postMessage(line) } : {}),
});
await module.run(env, wrapPort(parent), data as never);
