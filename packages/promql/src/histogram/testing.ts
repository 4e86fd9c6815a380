// Histograms for tests, written as literals of the test language.
import type { Histogram } from './histogram.ts';
import { parseHistogram } from './parse.ts';

/** The histogram of a literal; throws an Error on a wrong one. */
export function literal(text: string): Histogram {
  const parsed = parseHistogram(text);
  if ('error' in parsed) throw new Error(`${text}: ${parsed.error}`);
  return parsed.h;
}
