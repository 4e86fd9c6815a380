// Times and durations as they are typed: `now`, `-1h`, `now-30m`, Unix seconds, RFC 3339; `15s` or seconds.
import { parseDuration, parseRfc3339, printRfc3339 } from '@munjigi/model';
import { Failure } from './tsdb/failure.ts';

export const TIME_HELP = 'RFC 3339, Unix seconds, or relative to now, as -1h';

const RELATIVE: RegExp = /^(?:now)?([+-])([0-9][0-9a-z]*)$/;
const SECONDS: RegExp = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/** ms since 1970. A signed number without a unit is Unix seconds. Throws Failure. */
export function readTime(option: string, text: string, now_ms: number): number {
  const ms = timeOf(text, now_ms);
  if (ms !== null) return ms;
  throw new Failure(`${option}: wants a time (${TIME_HELP}), got ${JSON.stringify(text)}`, 2);
}

function timeOf(text: string, now_ms: number): number | null {
  if (text === 'now') return now_ms;
  if (SECONDS.test(text)) return Math.round(Number(text) * 1000);
  const relative = RELATIVE.exec(text);
  if (relative === null) return parseRfc3339(text);
  const away = parseDuration(relative[2]!);
  if ('error' in away) return null;
  return now_ms + (relative[1] === '-' ? -away.ms : away.ms);
}

/** ms, above 0. Throws Failure. */
export function readStep(option: string, text: string): number {
  const read = SECONDS.test(text) ? { ms: Number(text) * 1000 } : parseDuration(text);
  if ('ms' in read && read.ms > 0) return read.ms;
  throw new Failure(
    `${option}: wants a duration above zero, as 15s or 1m30s, got ${JSON.stringify(text)}`,
    2,
  );
}

/** What a query asks for the times. */
export type Times =
  | { readonly kind: 'instant'; readonly time_ms: number }
  | { readonly kind: 'range'; readonly start_ms: number; readonly end_ms: number; readonly step_ms: number };

export interface RangeOptions {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly step?: string | undefined;
}

const DEFAULT_START = '-1h';
/** Points that a range has when no step is said. */
const DEFAULT_POINTS = 240;

/** Throws Failure. */
export function rangeTimes(o: RangeOptions, now_ms: number): Times {
  const start_ms = readTime('--start', o.start ?? DEFAULT_START, now_ms);
  const end_ms = readTime('--end', o.end ?? 'now', now_ms);
  if (end_ms < start_ms)
    throw new Failure(`--end ${printRfc3339(end_ms)} is before --start ${printRfc3339(start_ms)}`, 2);
  const step_ms =
    o.step === undefined
      ? Math.max(1, Math.ceil((end_ms - start_ms) / DEFAULT_POINTS / 1000)) * 1000
      : readStep('--step', o.step);
  return { kind: 'range', start_ms, end_ms, step_ms };
}
