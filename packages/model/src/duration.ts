// Prometheus' durations: `1h30m`, units y w d h m s ms from large to small, each at most once; `0` needs no unit.

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

const SHAPE: RegExp =
  /^(?:([0-9]+)y)?(?:([0-9]+)w)?(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?$/;

/** Reads a duration as Prometheus does; the error has its wording. Never negative. */
export function parseDuration(text: string): DurationResult {
  if (text === '') return { error: 'empty duration string' };
  if (text === '0') return { ms: 0 };
  const match = SHAPE.exec(text);
  if (match === null) return { error: `not a valid duration string: ${JSON.stringify(text)}` };
  let ms = 0;
  for (let i = 0; i < UNITS.length; i++) {
    const digits = match[i + 1];
    if (digits !== undefined) ms += Number(digits) * UNITS[i]![1];
  }
  return ms > MAX_DURATION_MS ? { error: 'duration out of range' } : { ms };
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
