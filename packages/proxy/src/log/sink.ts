// Where batches of the access log go. To a file the worker appends itself (the page cache takes them in microseconds); for standard output they
// go to the main thread, a bounded number of bytes at a time, because a pipe that nobody reads would block whoever writes.
import type { Caller, Env, File } from '@munjigi/env';
import { EnvError } from '@munjigi/env';
import type { LogSink } from './access.ts';

/** Bytes on their way to the main thread; more are dropped. */
const IN_FLIGHT_BYTES = 1024 * 1024;
/** After a failure the file is tried again this much later. */
const RETRY_MS = 1000;

export function fileSink(env: Env, path: string): LogSink {
  let file: File | null = null;
  let retryAt = 0;
  return (b, n) => {
    if (file === null && env.clock.monotonic() < retryAt) return false;
    try {
      file ??= env.files.open(path, 'append');
      file.write(b, 0, n, -1);
      return true;
    } catch (error) {
      if (!(error instanceof EnvError)) throw error;
      env.log.warn('the access log can not be written: lines are dropped', { path, code: error.code });
      file?.close();
      file = null;
      retryAt = env.clock.monotonic() + RETRY_MS;
      return false;
    }
  };
}

export function portSink(caller: Caller): LogSink {
  let inFlight = 0;
  return (b, n) => {
    if (inFlight + n > IN_FLIGHT_BYTES) return false;
    inFlight += n;
    const bytes = Uint8Array.from(b.subarray(0, n));
    void caller
      .call('log', bytes, [bytes.buffer])
      .catch(() => undefined)
      .finally(() => {
        inFlight -= n;
      });
    return true;
  };
}
