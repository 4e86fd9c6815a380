// Prometheus' durations: `1h30m`, units y w d h m s ms from large to small, each at most once; `0` needs no unit.
import { quoteText } from './labels.ts';

const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['y', 31_536_000_000],
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

/** Prometheus holds durations as int64 nanoseconds: about 292 years. */
export const MAX_DURATION_MS = 9_223_372_036_854;

export type DurationResult = { readonly ms: number } | { readonly error: string };

/** Reads a duration as Prometheus does; the error has its wording. Never negative. */
export function parseDuration(text: string): DurationResult {
  if (text === '') return { error: 'empty duration string' };
  if (text === '0') return { ms: 0 };
  const bad: DurationResult = { error: `not a valid duration string: ${quoteText(text)}` };
  const parts = /([0-9]+)([^0-9]+)/y;
  let ms = 0;
  let last = -1;
  while (parts.lastIndex < text.length) {
    const part = parts.exec(text);
    // More than 64 bits are no number there.
    if (part === null || Number(part[1]) >= 2 ** 64) return bad;
    const at = UNITS.findIndex(([unit]) => unit === part[2]);
    if (at < 0) return { error: `unknown unit ${quoteText(part[2]!)} in duration ${quoteText(text)}` };
    if (at <= last) return bad;
    last = at;
    ms += Number(part[1]) * UNITS[at]![1];
    if (ms > MAX_DURATION_MS) return { error: 'duration out of range' };
  }
  return { ms };
}

/** Prints as Prometheus does: years and weeks only when nothing remains, else days, hours, ...; `0s` for zero. */
export function printDuration(ms: number): string {
  if (ms === 0) return '0s';
  let rest = Math.abs(Math.round(ms));
  let out = ms < 0 ? '-' : '';
  for (const [unit, size] of UNITS) {
    if ((unit === 'y' || unit === 'w') && rest % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count > 0) out += `${count}${unit}`;
    rest -= count * size;
  }
  return out;
}

/** Prints as Go does, which is in Prometheus' messages and tables: `1h0m5s`, `1.5s`, `20ms`, `0s`. A ms may have a fraction. */
export function printGoDuration(ms: number): string {
  const sign = ms < 0 ? '-' : '';
  const size = Math.abs(ms);
  if (size === 0) return '0s';
  const nanos = Math.round(size * 1e6);
  if (nanos < 1000) return `${sign}${nanos}ns`;
  if (nanos < 1e6) return `${sign}${nanos / 1000}µs`;
  if (size < 1000) return `${sign}${size}ms`;
  const seconds = nanos / 1e9;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = Number((seconds - hours * 3600 - minutes * 60).toFixed(9));
  return `${sign}${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${rest}s`;
}
