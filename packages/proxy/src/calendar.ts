// Fixed windows of the UTC calendar.

export type WindowName = 'second' | 'minute' | 'hour' | 'day' | 'month' | 'year';

const DAY_S = 86_400;
const FIXED: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: DAY_S };

/** Where the window around `now_s` begins and ends, in seconds since 1970. */
export function windowAround(
  name: WindowName,
  now_s: number,
): { readonly from: number; readonly to: number } {
  const length = FIXED[name];
  if (length !== undefined) {
    const from = now_s - (now_s % length);
    return { from, to: from + length };
  }
  const { year, month } = civil(Math.floor(now_s / DAY_S));
  return name === 'year'
    ? { from: daysTo(year, 1) * DAY_S, to: daysTo(year + 1, 1) * DAY_S }
    : {
        from: daysTo(year, month) * DAY_S,
        to: (month === 12 ? daysTo(year + 1, 1) : daysTo(year, month + 1)) * DAY_S,
      };
}

/** Year, month and day of a day since 1970-01-01, by the 400-year cycle of the calendar that begins each year in March. */
export function civil(day: number): { readonly year: number; readonly month: number; readonly day: number } {
  const z = day + 719_468;
  const era = Math.floor(z / 146_097);
  const inEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (inEra - Math.floor(inEra / 1460) + Math.floor(inEra / 36_524) - Math.floor(inEra / 146_096)) / 365,
  );
  const inYear = inEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * inYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: inYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  };
}

/** Days from 1970-01-01 to the first of a month. */
function daysTo(year: number, month: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const inYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5);
  const inEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + inYear;
  return era * 146_097 + inEra - 719_468;
}
