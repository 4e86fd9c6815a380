// The log of a real process: lines go to standard error at once (a crash loses none), from whichever thread.
import { writeSync } from 'node:fs';
import type { Log, LogFields } from '../env.ts';
import { isoTime } from './clock.ts';
import { LOG_LEVELS, logLine, type LogLevel } from '../logfmt.ts';

/** How often a full pipe is tried again before the line is given up: a stuck reader must not stop the program. */
const FULL_PIPE_TRIES = 100;

export function nodeLog(level: LogLevel, write: (line: string) => void): Log {
  const least = LOG_LEVELS[level];
  const make = (base: LogFields): Log => {
    const at =
      (lineLevel: LogLevel) =>
      (msg: string, fields?: LogFields): void => {
        if (LOG_LEVELS[lineLevel] < least) return;
        write(
          logLine(isoTime(Date.now()), lineLevel, msg, fields === undefined ? base : { ...base, ...fields }),
        );
      };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      with: (fields) => make({ ...base, ...fields }),
    };
  };
  return make({});
}

/** Writes one line to standard error. */
export function writeStderr(line: string): void {
  writeWholly(2, `${line}\n`);
}

/** Writes text to a descriptor that may be a full pipe in non-blocking mode. null: all of it is written; else why not. */
export function writeWholly(
  fd: number,
  text: string | Uint8Array,
  fullPipeTries: number = FULL_PIPE_TRIES,
): NodeJS.ErrnoException | null {
  let bytes = typeof text === 'string' ? Buffer.from(text) : text;
  for (let tries = 0; bytes.length > 0;) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      const why = error as NodeJS.ErrnoException;
      if (why.code !== 'EAGAIN' || ++tries >= fullPipeTries) return why;
      Atomics.wait(PAUSE, 0, 0, 1);
    }
  }
  return null;
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));
