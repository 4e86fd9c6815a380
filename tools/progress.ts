// One line that is written over on a terminal, and a line a step where there is none.
import { performance } from 'node:perf_hooks';

export interface Progress {
  /** What is going on now. `part` of 1 is done, when that is known. */
  at(text: string, part?: number): void;
  /** Takes the line away and prints `text`, if any. */
  done(text?: string): void;
}

const REDRAW_MS = 100;

/** Writes to standard error, so that what a command prints stays clean. `lines`: also where there is no terminal, a line at each new text. */
export function newProgress(lines: boolean = false): Progress {
  const { stderr } = process;
  let drawn = -Infinity;
  let last = '';
  return {
    at(text, part): void {
      if (stderr.isTTY) {
        const now = performance.now();
        if (text === last && now - drawn < REDRAW_MS && part !== 1) return;
        drawn = now;
        const percent = part === undefined ? '' : `${String(Math.floor(part * 100)).padStart(3)}% `;
        const width = Math.max(20, (stderr.columns || 80) - 1);
        stderr.write(`\r\x1b[K${`${percent}${text}`.slice(0, width)}`);
      } else if (lines && text !== last) stderr.write(`${text}\n`);
      last = text;
    },
    done(text): void {
      if (stderr.isTTY) stderr.write('\r\x1b[K');
      if (text !== undefined) console.log(text);
      last = '';
    },
  };
}
