// Finer buckets than are worked with, made coarser: 2^k neighbours become one. Chunks of newer writers may hold them.
import { growHistogramParts, type HistogramColumns } from '@munjigi/model';

/**
 * Brings rows [from, from + n) of one chunk, which share spans [spans, spans + positive) and [spans + positive, spans + positive + negative),
 * from schema `fine` to `coarse`. False: the spans go backwards.
 */
export function reduceRows(
  h: HistogramColumns,
  from: number,
  n: number,
  fine: number,
  coarse: number,
  spans: number,
  positive: number,
  negative: number,
): boolean {
  const step = 2 ** (fine - coarse);
  const positives = reduceSpans(h, spans, spans + positive, step);
  const negatives = reduceSpans(h, spans + positive, spans + positive + negative, step);
  if (positives === null || negatives === null) return false;
  for (let row = from; row < from + n; row++) {
    if (h.schema[row] !== fine) continue;
    h.schema[row] = coarse;
    h.positiveSpanFirst[row] = positives.first;
    h.positiveSpanEnd[row] = positives.end;
    h.negativeSpanFirst[row] = negatives.first;
    h.negativeSpanEnd[row] = negatives.end;
    h.positiveEnd[row] = reduceBuckets(h.bucket, h.positiveFirst[row]!, positives.target);
    h.negativeEnd[row] = reduceBuckets(h.bucket, h.negativeFirst[row]!, negatives.target);
  }
  return true;
}

/** The coarse spans [first, end), and for each fine bucket the place of its coarse one. */
function reduceSpans(
  h: HistogramColumns,
  from: number,
  to: number,
  step: number,
): { first: number; end: number; target: number[] } | null {
  const target: number[] = [];
  const first = h.spans;
  let number = 0;
  let last = 0;
  let place = -1;
  for (let i = from; i < to; i++) {
    if (i > from && h.spanOffset[i]! < 0) return null;
    number += h.spanOffset[i]!;
    for (let k = 0; k < h.spanLength[i]!; k++, number++) {
      const coarse = Math.floor((number - 1) / step) + 1;
      if (place < 0 || coarse > last + 1) {
        growHistogramParts(h, 1, 0, 0);
        h.spanOffset[h.spans] = place < 0 ? coarse : coarse - last - 1;
        h.spanLength[h.spans++] = 1;
        place++;
      } else if (coarse > last) {
        h.spanLength[h.spans - 1]!++;
        place++;
      }
      last = coarse;
      target.push(place);
    }
  }
  return { first, end: h.spans, target };
}

/** In place: a coarse bucket never stands behind its fine ones. Returns the end. */
function reduceBuckets(bucket: Float64Array, first: number, target: readonly number[]): number {
  for (let i = 0; i < target.length; i++) {
    const count = bucket[first + i]!;
    const at = first + target[i]!;
    bucket[at] = i > 0 && target[i] === target[i - 1] ? bucket[at]! + count : count;
  }
  return first + (target.at(-1) ?? -1) + 1;
}
