// Round numbers and times for the axes of a drawing.
import { civilFromDays } from '@munjigi/model';

export interface ValueScale {
  readonly least: number;
  readonly most: number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

const UNITS: readonly (readonly [size: number, unit: string])[] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
];
const THOUSANDS: readonly [size: number, unit: string] = [1e3, 'k'];

/** A scale with about `count` round ticks that holds both values. */
export function valueScale(least: number, most: number, count: number): ValueScale {
  const spread = most > least ? most - least : Math.abs(most) || 1;
  const step = roundStep(spread / count);
  const from = most > least ? Math.floor(least / step) : Math.floor((least - spread / 2) / step);
  const to = most > least ? Math.ceil(most / step) : Math.ceil((most + spread / 2) / step);
  const ticks: { value: number; label: string }[] = [];
  // Beyond what two numbers can be apart there is nothing to count.
  const ticksWanted = Math.min(to - from, 2 * count + 2);
  for (let k = 0; k <= ticksWanted; k++) {
    const value = (from + k) * step;
    ticks.push({ value, label: valueLabel(value, step, Math.max(Math.abs(from), Math.abs(to)) * step) });
  }
  return { least: from * step, most: to * step, ticks };
}

/** 1, 2 or 5 times a power of ten, not below `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  for (const factor of [1, 2, 5]) if (factor * power >= least * 0.999) return factor * power;
  return 10 * power;
}

/** With the digits that tell neighbours apart, all in the unit of the biggest: 1.25, 300, 12.5k, 3e-9. */
function valueLabel(value: number, step: number, biggest: number): string {
  if (Math.abs(value) < step / 1e6) return '0';
  const size = Math.abs(value);
  if (biggest < 1e-4 || biggest >= 1e15) return value.toExponential(significant(size, step) - 1);
  const [scale, unit] = UNITS.find(([scale]) => biggest >= scale) ?? (biggest >= 1e4 ? THOUSANDS : [1, '']);
  const digits = Math.max(0, -Math.floor(Math.log10(step / scale) + 1e-9));
  return `${(value / scale).toFixed(Math.min(digits, 12))}${unit}`;
}

function significant(size: number, step: number): number {
  return Math.min(15, Math.max(1, Math.floor(Math.log10(size)) - Math.floor(Math.log10(step)) + 1));
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIME_STEPS: readonly number[] = [
  1,
  10,
  100,
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((n) => n * DAY),
];

export interface TimeScale {
  readonly ticks: readonly { readonly t_ms: number; readonly label: string }[];
  /** The days and the zone that the ticks leave out. */
  readonly day: string;
}

/** At most `count` times on round numbers of UTC. */
export function timeScale(from_ms: number, to_ms: number, count: number): TimeScale {
  const step = TIME_STEPS.find((step) => (to_ms - from_ms) / step <= count) ?? TIME_STEPS.at(-1)!;
  const ticks: { t_ms: number; label: string }[] = [];
  for (let t = Math.ceil(from_ms / step) * step; t <= to_ms && ticks.length <= 2 * count; t += step)
    ticks.push({ t_ms: t, label: timeLabel(t, step) });
  const [first, last] = [dayText(from_ms), dayText(to_ms)];
  return { ticks, day: `${first === last ? first : `${first} to ${last}`} UTC` };
}

const two = (n: number): string => String(Math.floor(n)).padStart(2, '0');

function dayText(t_ms: number): string {
  const { year, month, day } = civilFromDays(Math.floor(t_ms / DAY));
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}

function timeLabel(t_ms: number, step: number): string {
  if (step >= DAY) return dayText(t_ms).slice(5);
  const rest = t_ms - Math.floor(t_ms / DAY) * DAY;
  const minutes = `${two(rest / HOUR)}:${two((rest / MINUTE) % 60)}`;
  if (step >= MINUTE) return minutes;
  const seconds = `${minutes}:${two((rest / SECOND) % 60)}`;
  return step >= SECOND ? seconds : `${seconds}.${String(Math.floor(rest % SECOND)).padStart(3, '0')}`;
}
