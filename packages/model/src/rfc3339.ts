// RFC 3339 times to and from ms since 1970, as Go prints and reads them: in the API and in Prometheus' query log.
import { civilFromDays, daysFromCivil, isLeap, MONTH_DAYS } from './calendar.ts';

const SHAPE: RegExp =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))$/;

/** Whole ms, fractions of a ms cut off; null when it is no such time. */
export function parseRfc3339(text: string): number | null {
  const m = SHAPE.exec(text);
  if (m === null) return null;
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const days = month === 2 && isLeap(year) ? 29 : MONTH_DAYS[month - 1];
  if (days === undefined || day < 1 || day > days || hour > 23 || minute > 59 || second > 59) return null;
  const fraction = Number((m[7] ?? '').padEnd(3, '0').slice(0, 3));
  const zoneHour = Number(m[9] ?? 0);
  const zoneMinute = Number(m[10] ?? 0);
  if (zoneHour > 23 || zoneMinute > 59) return null;
  const zone_ms = (m[8] === '-' ? -1 : 1) * (zoneHour * 60 + zoneMinute) * 60_000;
  const date = daysFromCivil(year, month, day) * 86_400_000;
  return date + hour * 3_600_000 + minute * 60_000 + second * 1000 + fraction - zone_ms;
}

/** In UTC, with as many digits of the ms as are not zero: `2026-01-02T13:37:00.5Z`. `digits`: so many in any case, at most 3. */
export function printRfc3339(t_ms: number, digits: number = 0): string {
  const ms = Math.floor(t_ms);
  const days = Math.floor(ms / 86_400_000);
  const rest = ms - days * 86_400_000;
  const { year, month, day } = civilFromDays(days);
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0');
  const fraction = String(rest % 1000)
    .padStart(3, '0')
    .replace(/0+$/, '')
    .padEnd(digits, '0');
  const clock = `${two(rest / 3_600_000)}:${two((rest / 60_000) % 60)}:${two((rest / 1000) % 60)}`;
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
  return `${date}T${clock}${fraction === '' ? '' : `.${fraction}`}Z`;
}
