// Samples written as text, as the codecs' test data has them, and chunks as a file holds them.
import {
  HIGH,
  LOW,
  appendEmptyRows,
  growHistogramParts,
  halvesOf,
  type HistogramColumns,
} from '@munjigi/model';
import type { HistogramEncoder } from '../chunk/histogram-encode.ts';
import { chunkDataBytes, putChunkData } from '../chunk/stored.ts';

/** What is 0 or empty is left out. Bits of floats are 16 hexadecimal digits. */
export interface SampleText {
  readonly t: number;
  readonly st?: number;
  readonly value?: string;
  readonly schema?: number;
  readonly zeroThreshold?: number;
  readonly zeroCount?: number;
  readonly count?: number;
  readonly sum?: string;
  readonly hint?: number;
  readonly positiveSpans?: readonly (readonly [offset: number, length: number])[];
  readonly negativeSpans?: readonly (readonly [offset: number, length: number])[];
  readonly positive?: readonly number[];
  readonly negative?: readonly number[];
  readonly bounds?: readonly number[];
}

export function bitsText(v: Float64Array, i: number): string {
  const bits = halvesOf(v);
  return [bits[2 * i + HIGH]!, bits[2 * i + LOW]!].map((x) => x.toString(16).padStart(8, '0')).join('');
}

export function bitsOfText(text: string): [high: number, low: number] {
  return [Number.parseInt(text.slice(0, 8), 16) | 0, Number.parseInt(text.slice(8), 16) | 0];
}

/** Appends a histogram given as text. */
export function pushHistogram(h: HistogramColumns, s: SampleText): void {
  const row = h.n;
  appendEmptyRows(h, 1);
  h.schema[row] = s.schema ?? 0;
  h.zeroThreshold[row] = s.zeroThreshold ?? 0;
  h.zeroCount[row] = s.zeroCount ?? 0;
  h.count[row] = s.count ?? 0;
  h.resetHint[row] = s.hint ?? 0;
  const [high, low] = bitsOfText(s.sum ?? '0'.repeat(16));
  const sums = halvesOf(h.sum);
  sums[2 * row + HIGH] = high;
  sums[2 * row + LOW] = low;
  const { positiveSpans = [], negativeSpans = [], positive = [], negative = [], bounds = [] } = s;
  growHistogramParts(
    h,
    positiveSpans.length + negativeSpans.length,
    positive.length + negative.length,
    bounds.length,
  );
  h.positiveSpanFirst[row] = h.spans;
  h.negativeSpanFirst[row] = h.positiveSpanEnd[row] = h.spans + positiveSpans.length;
  for (const [offset, length] of [...positiveSpans, ...negativeSpans]) {
    h.spanOffset[h.spans] = offset;
    h.spanLength[h.spans++] = length;
  }
  h.negativeSpanEnd[row] = h.spans;
  h.positiveFirst[row] = h.buckets;
  h.negativeFirst[row] = h.positiveEnd[row] = h.buckets + positive.length;
  for (const count of [...positive, ...negative]) h.bucket[h.buckets++] = count;
  h.negativeEnd[row] = h.buckets;
  h.boundFirst[row] = h.bounds;
  for (const bound of bounds) h.bound[h.bounds++] = bound;
  h.boundEnd[row] = h.bounds;
}

/** A histogram as text that does not tell how its spans are cut or which empty buckets it has. */
export function histogramText(h: HistogramColumns, row: number): string {
  const side = (spanFirst: number, spanEnd: number, first: number): string => {
    const parts: string[] = [];
    let number = 0;
    let at = first;
    for (let i = spanFirst; i < spanEnd; i++) {
      number += h.spanOffset[i]!;
      for (let k = 0; k < h.spanLength[i]!; k++, number++, at++)
        if (h.bucket[at] !== 0) parts.push(`${number}:${h.bucket[at]}`);
    }
    return parts.join(' ');
  };
  return [
    `schema ${h.schema[row]} zero ${h.zeroThreshold[row]}:${h.zeroCount[row]} count ${h.count[row]}`,
    `sum ${bitsText(h.sum, row)}`,
    `+ ${side(h.positiveSpanFirst[row]!, h.positiveSpanEnd[row]!, h.positiveFirst[row]!)}`,
    `- ${side(h.negativeSpanFirst[row]!, h.negativeSpanEnd[row]!, h.negativeFirst[row]!)}`,
    `bounds ${h.bound.subarray(h.boundFirst[row], h.boundEnd[row]).join(' ')}`,
  ].join(' | ');
}

export function hexOf(b: Uint8Array): string {
  return Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('');
}

export function bytesOfHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}

/** The encoder's chunk as a file holds it. */
export function chunkData(e: HistogramEncoder): Uint8Array {
  const data = new Uint8Array(chunkDataBytes(e.encoding, e.length));
  putChunkData(data, 0, e.encoding, e.count, e.bytes, 0, e.length);
  return data;
}
