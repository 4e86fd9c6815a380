import { civilFromDays } from '@munjigi/model';

const two = (n: number): string => String(n).padStart(2, '0');

/** 2026-01-02 13:37:00 +0000 UTC, as Go prints the second of a time in ms. */
export function printUtc(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  const days = Math.floor(seconds / 86_400);
  const rest = seconds - days * 86_400;
  const { year, month, day } = civilFromDays(days);
  const time = `${two(Math.floor(rest / 3600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`;
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)} ${time} +0000 UTC`;
}
