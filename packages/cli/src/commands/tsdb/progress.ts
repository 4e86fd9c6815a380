// One line on a terminal that says how far a long command is. Nothing is printed where nobody looks: into files and pipes, or quickly done.
import type { Clock } from '@munjigi/env';
import { stderr, type Output } from '@munjigi/env/node';

/** Shown from here on: what is done sooner needs no bar. */
const FIRST_MS = 400;
const EVERY_MS = 100;
const BAR = 24;

export interface Progress {
  /** `done` of `total` in any unit; total 0: unknown. `step` is what is being done. */
  at(step: string, done: number, total: number): void;
  /** Takes the line away. */
  end(): void;
}

/** `quiet`: nothing is ever shown. */
export function newProgress(clock: Clock, quiet: boolean, to: Output = stderr): Progress {
  const started = clock.monotonic();
  let last = -Infinity;
  let shown = false;
  const silent = quiet || !to.isTTY;
  return {
    at(step, done, total): void {
      if (silent) return;
      const now = clock.monotonic();
      if (now - started < FIRST_MS || now - last < EVERY_MS) return;
      last = now;
      shown = true;
      to.write(`\r\x1b[K${progressLine(step, done, total, to.columns)}`);
    },
    end(): void {
      if (shown) to.write('\r\x1b[K');
      shown = false;
    },
  };
}

export function progressLine(step: string, done: number, total: number, columns: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const filled = Math.round(share * BAR);
  const bar =
    total > 0
      ? `[${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}] ${String(Math.floor(100 * share)).padStart(3)}% `
      : '';
  return `${bar}${step}`.slice(0, Math.max(0, columns - 1));
}
