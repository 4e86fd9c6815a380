// A histogram's content as 64 bits: what a series remembers of its newest one, to know the same sample when it comes again. Two rows that are
// the same sample (`sameHistogram` of model) have the same hash.
import { halvesOf, type HistogramColumns } from '@munjigi/model';

/** Writes the hash of row `row` to to[at] and to[at + 1]. */
export function hashHistogram(h: HistogramColumns, row: number, to: Uint32Array, at: number): void {
  let a = h.schema[row]! | 0;
  let b = 0x9e3779b9 | 0;
  const mix = (word: number): void => {
    a = Math.imul(a ^ word, 0x85ebca6b);
    a = (a << 13) | (a >>> 19);
    b = Math.imul(b ^ word, 0xc2b2ae35);
    b = ((b << 17) | (b >>> 15)) + a;
  };
  const mixFloats = (column: Float64Array, first: number, end: number): void => {
    mix(end - first);
    const halves = halvesOf(column);
    for (let i = 2 * first; i < 2 * end; i++) mix(halves[i]!);
  };
  const mixSpans = (first: number, end: number): void => {
    // Runs of neighbouring buckets by where they begin: how spans cut them does not matter.
    let at = 0;
    let from = 0;
    for (let i = first; i < end; i++) {
      const begin = at + h.spanOffset[i]!;
      if (begin !== at && at > from) {
        mix(from);
        mix(at - from);
      }
      if (begin !== at || at === from) from = begin;
      at = begin + h.spanLength[i]!;
    }
    if (at > from) {
      mix(from);
      mix(at - from);
    }
  };
  mixFloats(h.zeroThreshold, row, row + 1);
  mixFloats(h.zeroCount, row, row + 1);
  mixFloats(h.count, row, row + 1);
  mixFloats(h.sum, row, row + 1);
  mixSpans(h.positiveSpanFirst[row]!, h.positiveSpanEnd[row]!);
  mixSpans(h.negativeSpanFirst[row]!, h.negativeSpanEnd[row]!);
  mixFloats(h.bucket, h.positiveFirst[row]!, h.positiveEnd[row]!);
  mixFloats(h.bucket, h.negativeFirst[row]!, h.negativeEnd[row]!);
  mixFloats(h.bound, h.boundFirst[row]!, h.boundEnd[row]!);
  to[at] = a >>> 0;
  to[at + 1] = b >>> 0;
}
