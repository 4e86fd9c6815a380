// One log line: logfmt, `time=... level=INFO msg="..." key=value`. A value with a space, a quote, `=`, or anything unprintable is quoted with
// JSON's escapes, so a line can't be broken or forged by what somebody else wrote.
import type { LogFields } from './env.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export const LOG_LEVELS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A value longer than this is cut: a log must not become a copy of a body. */
const VALUE_MAX_CHARS = 8192;

const PLAIN = /^[^\s"=\\\p{C}\u2028\u2029]+$/u;

/** Without the newline. `time` is ISO 8601 with milliseconds. */
export function logLine(time: string, level: LogLevel, msg: string, fields: LogFields): string {
  let line = `time=${time} level=${level.toUpperCase()} msg=${value(msg)}`;
  for (const [name, field] of Object.entries(fields))
    if (field !== undefined) line += ` ${PLAIN.test(name) ? name : value(name)}=${value(String(field))}`;
  return line;
}

function value(text: string): string {
  const cut = text.length > VALUE_MAX_CHARS ? `${text.slice(0, VALUE_MAX_CHARS)}...` : text;
  if (PLAIN.test(cut)) return cut;
  return JSON.stringify(cut).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\p{Cf}]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
