// Real time. `monotonic` counts from the machine's start, so its values can be compared between the threads of a process.
import type { Clock, Timer } from '../env.ts';

/** setTimeout turns anything above into 1 ms. */
const DELAY_MAX_MS = 2_147_483_647;

// performance.now() starts at 0 in every thread; the difference to the machine's own clock makes them one.
const OFFSET_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Node warns of what isn't positive, and waits this long. */
const DELAY_MIN_MS = 1;

function atLeast(delay_ms: number): number {
  return delay_ms >= DELAY_MIN_MS ? delay_ms : DELAY_MIN_MS;
}

function after(delay_ms: number, fn: () => void): Timer {
  let handle: NodeJS.Timeout;
  const arm = (left_ms: number): void => {
    handle =
      left_ms > DELAY_MAX_MS
        ? setTimeout(() => arm(left_ms - DELAY_MAX_MS), DELAY_MAX_MS)
        : setTimeout(fn, left_ms);
  };
  arm(atLeast(delay_ms));
  return { cancel: () => clearTimeout(handle) };
}

function every(interval_ms: number, fn: () => void): Timer {
  if (interval_ms > DELAY_MAX_MS) {
    let timer: Timer;
    const again = (): void => {
      timer = after(interval_ms, again);
      fn();
    };
    timer = after(interval_ms, again);
    return { cancel: () => timer.cancel() };
  }
  const handle = setInterval(fn, atLeast(interval_ms));
  return { cancel: () => clearInterval(handle) };
}

export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now() + OFFSET_MS,
  after,
  every,
  sleep: (delay_ms) => new Promise((resolve) => void after(delay_ms, resolve)),
  yield: () => new Promise((resolve) => void setImmediate(resolve)),
};

/** ISO 8601 in UTC with milliseconds. */
export function isoTime(unix_ms: number): string {
  return new Date(unix_ms).toISOString();
}
