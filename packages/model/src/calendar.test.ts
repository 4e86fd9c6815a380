import { expect, it } from 'vitest';
import { civilFromDays, daysFromCivil } from './calendar.ts';

it('agrees with Date on every day of 800 years, both ways', () => {
  let wrong = 0;
  for (let day = -200_000; day <= 100_000; day++) {
    const date = new Date(day * 86_400_000);
    const [year, month, dayOfMonth] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
    const yearDay = day - Date.UTC(year, 0, 1) / 86_400_000 + 1;
    const found = civilFromDays(day);
    if (found.year !== year || found.month !== month || found.day !== dayOfMonth || found.yearDay !== yearDay)
      wrong++;
    if (daysFromCivil(year, month, dayOfMonth) !== day) wrong++;
  }
  expect(wrong).toBe(0);
});
