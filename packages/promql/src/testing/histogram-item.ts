// Native histograms in series descriptions: `{{...}}`, `{{...}}x3`, `{{...}}+{{...}}x3`, `{{...}}-{{...}}x3`.
import type { Histogram } from '../histogram/histogram.ts';

export interface HistogramItem {
  readonly first: Histogram;
  /** How many samples it stands for. */
  readonly times: number;
  /** The sample behind `h`. Throws an Error where the two do not fit together. */
  readonly next: (h: Histogram) => Histogram;
  /** The literal (of two: the second) names the counter reset hint. */
  readonly hinted: boolean;
}

/** Reads one item that begins with `{{`. Throws an Error that says what is wrong. */
export function parseHistogramItem(item: string): HistogramItem {
  throw new Error(`native histograms are not supported yet: ${item}`);
}

/** A histogram as a literal. */
export function printHistogramItem(h: Histogram): string {
  return `{{schema:${h.schema} count:${h.count} sum:${h.sum}}}`;
}

/** Whether they are the same but for empty buckets and small differences; `hinted`: with the same counter reset hint. */
export function histogramsMatch(want: Histogram, got: Histogram, hinted: boolean): boolean {
  if (hinted && want.resetHint !== got.resetHint) return false;
  return false;
}
