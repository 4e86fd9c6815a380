// A simulated process's log: its lines are kept for the test to read.
import type { Log, LogFields } from '../env.ts';
import type { LogLevel } from '../logfmt.ts';

/** Older lines are dropped. */
const LINES_MAX = 100_000;

export interface SimLogLine {
  readonly time_ms: number;
  readonly machine: string;
  readonly level: LogLevel;
  readonly msg: string;
  readonly fields: LogFields;
}

export function simLog(machine: string, now: () => number, lines: SimLogLine[], base: LogFields = {}): Log {
  const at =
    (level: LogLevel) =>
    (msg: string, fields?: LogFields): void => {
      if (lines.length >= LINES_MAX) lines.splice(0, LINES_MAX / 2);
      lines.push({ time_ms: now(), machine, level, msg, fields: { ...base, ...fields } });
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => simLog(machine, now, lines, { ...base, ...fields }),
  };
}
