// Points in time: as people read them, and as Prometheus' links write them (UTC, `2026-11-22 18:30:00`).

/** How times are shown; links always hold UTC. */
export type Zone = 'utc' | 'local';

const SHAPE = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\s*(Z)?$/i;
const RFC3339 = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;
const DAY_ms = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** `2026-11-22 18:30:00`; with `millis` also `.250`. */
export function printInstant(t_ms: number, zone: Zone, millis = false): string {
  if (!Number.isFinite(t_ms) || Math.abs(t_ms) > 8.64e15) return '-';
  const f = formatOf(zone);
  const part: Record<string, string> = {};
  for (const p of f.formatToParts(t_ms)) part[p.type] = p.value;
  const text = `${part['year']}-${part['month']}-${part['day']} ${part['hour']}:${part['minute']}:${part['second']}`;
  return millis ? `${text}.${String(((t_ms % 1000) + 1000) % 1000).padStart(3, '0')}` : text;
}

/** `18:30:00` */
export function printClock(t_ms: number, zone: Zone): string {
  return printInstant(t_ms, zone).slice(11);
}

/** Milliseconds since 1970, or null. Takes `2026-11-22 18:30:00`, `2026-11-22T18:30`, `2026-11-22`, seconds since 1970; a `Z` means UTC. */
export function parseInstant(text: string, zone: Zone): number | null {
  const trimmed = text.trim();
  if (/^\d{9,11}(\.\d+)?$/.test(trimmed)) return Math.round(Number(trimmed) * 1000);
  const m = SHAPE.exec(trimmed);
  if (m === null) return null;
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map((i) => Number(m[i] ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || day > monthDays(year, month)) return null;
  if (hour > 23 || minute > 59 || second > 59) return null;
  const asUtc = daysFromCivil(year, month, day) * DAY_ms + ((hour * 60 + minute) * 60 + second) * 1000;
  if (zone === 'utc' || m[7] !== undefined) return asUtc;
  // Local: what the zone shows at a guess tells its offset; twice, because the first guess may stand on the other side of a clock change.
  let t = asUtc;
  for (let i = 0; i < 2; i++) t = asUtc - (localAsUtc(t) - t);
  return t;
}

/** Milliseconds since 1970 of a time as the API writes it (`2026-11-22T18:30:00.123Z`), or null. */
export function parseRfc3339(text: string): number | null {
  const m = RFC3339.exec(text);
  if (m === null) return null;
  const whole = parseInstant(`${m[1]} ${m[2]}`, 'utc');
  if (whole === null) return null;
  const zone = m[4] ?? 'Z';
  const offset_min =
    zone.toUpperCase() === 'Z' ? 0 : Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  const sign = zone.startsWith('-') ? -1 : 1;
  return whole + Math.round(Number(`0${m[3] ?? ''}`) * 1000) - sign * offset_min * 60_000;
}

/** Labels of a time axis: only as much as its step needs; the date where a day begins. */
export function axisLabels(splits_s: readonly number[], step_s: number, zone: Zone): string[] {
  let lastDay = '';
  return splits_s.map((s) => {
    const full = printInstant(s * 1000, zone, step_s < 1);
    const day = full.slice(0, 10);
    const newDay = lastDay !== '' && day !== lastDay;
    lastDay = day;
    if (step_s >= 86_400) return step_s >= 28 * 86_400 ? day.slice(0, 7) : day.slice(5);
    const clock = step_s < 1 ? full.slice(11) : step_s < 60 ? full.slice(11, 19) : full.slice(11, 16);
    return newDay && clock.startsWith('00:00') ? day.slice(5) : clock;
  });
}

function formatOf(zone: Zone): Intl.DateTimeFormat {
  let f = formats.get(zone);
  if (f === undefined) {
    f = new Intl.DateTimeFormat('en-GB', {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      ...(zone === 'utc' ? { timeZone: 'UTC' } : {}),
    });
    formats.set(zone, f);
  }
  return f;
}

/** What the local clock shows at `t`, read as if it were UTC. */
function localAsUtc(t_ms: number): number {
  const shown = parseInstant(printInstant(t_ms, 'local'), 'utc');
  return shown === null ? t_ms : shown + (((t_ms % 1000) + 1000) % 1000);
}

function monthDays(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 1970-01-01 in the Gregorian calendar: years counted from March, so that the leap day comes last. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
