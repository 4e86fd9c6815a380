// The real world as one Env.
import type { Env } from '../env.ts';
import type { LogLevel } from '../logfmt.ts';
import { nodeClock } from './clock.ts';
import { nodeCodec } from './codec.ts';
import { nodeFetch } from './fetch.ts';
import { nodeFiles } from './files.ts';
import { nodeLog, writeStderr } from './log.ts';
import { nodeNet } from './net.ts';
import { nodeRandom } from './random.ts';
import { nodeServe } from './serve.ts';
import { nodeWorkers } from './workers.ts';

export interface NodeEnvOptions {
  /** Lines below it are not written; 'info' when absent. Threads inherit it. */
  readonly logLevel?: LogLevel;
  /** Gets each line (without its newline), also those of threads; absent: standard error. */
  readonly logWrite?: (line: string) => void;
}

export function nodeEnv(options: NodeEnvOptions = {}): Env {
  const level = options.logLevel ?? 'info';
  const log = nodeLog(level, options.logWrite ?? writeStderr);
  return {
    clock: nodeClock,
    random: nodeRandom,
    files: nodeFiles,
    net: nodeNet,
    http: { fetch: nodeFetch, serve: (o, handle) => nodeServe(o, handle, log) },
    workers: nodeWorkers(level, options.logWrite),
    codec: nodeCodec,
    log,
  };
}
