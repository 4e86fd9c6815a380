// What stands once in a histogram chunk: schema, zero threshold, spans, bounds; and how two sets of buckets are brought together.
import {
  HIGH,
  LOW,
  SCHEMA_CUSTOM,
  growHistogramParts,
  halvesOf,
  type HistogramColumns,
} from '@munjigi/model';
import { putBits, putHalves, putVarbit, putVarbitUint, type BitReader } from './bits.ts';

/** Counter reset header of a chunk, as its upper two bits are. */
export const RESET_HEADER = { unknown: 0, notReset: 0x40, reset: 0x80, gauge: 0xc0 } as const;

/** One side's spans: offset and length in turn. The first offset is a bucket number, each other one the gap before it. */
export type Spans = Int32Array;

const scratch = new Float64Array(1);
const halves = new Uint32Array(scratch.buffer);

/** Spans [first, end) of h. */
export function spansOf(h: HistogramColumns, first: number, end: number): Spans {
  const spans = new Int32Array(2 * (end - first));
  for (let i = first; i < end; i++) {
    spans[2 * (i - first)] = h.spanOffset[i]!;
    spans[2 * (i - first) + 1] = h.spanLength[i]!;
  }
  return spans;
}

export function sameSpans(spans: Spans, h: HistogramColumns, first: number, end: number): boolean {
  if (spans.length !== 2 * (end - first)) return false;
  for (let i = first, k = 0; i < end; i++, k += 2)
    if (spans[k] !== h.spanOffset[i] || spans[k + 1] !== h.spanLength[i]) return false;
  return true;
}

export function countBuckets(spans: Spans): number {
  let n = 0;
  for (let i = 1; i < spans.length; i += 2) n += spans[i]!;
  return n;
}

/** The numbers of the buckets of spans. */
function bucketNumbers(spans: Spans): Float64Array {
  const numbers = new Float64Array(countBuckets(spans));
  let at = 0;
  let number = 0;
  for (let i = 0; i < spans.length; i += 2) {
    number += spans[i]!;
    for (let k = 0; k < spans[i + 1]!; k++) numbers[at++] = number++;
  }
  return numbers;
}

/** Two sets of buckets as one. */
export interface Merged {
  /** Without empty spans or spans that touch. */
  readonly spans: Spans;
  /** Where bucket k of the merged set is found in each of the two; -1: it is not there. */
  readonly fromOld: Int32Array;
  readonly fromNew: Int32Array;
  /** The old set lacks buckets that the new one has; and the other way round. */
  readonly oldLacks: boolean;
  readonly newLacks: boolean;
}

export function mergeSpans(oldSpans: Spans, newSpans: Spans): Merged {
  const a = bucketNumbers(oldSpans);
  const b = bucketNumbers(newSpans);
  const fromOld = new Int32Array(a.length + b.length);
  const fromNew = new Int32Array(a.length + b.length);
  const spans: number[] = [];
  let n = 0;
  let next = 0;
  for (let i = 0, k = 0; i < a.length || k < b.length; n++) {
    const isOld = i < a.length && (k >= b.length || a[i]! <= b[k]!);
    const isNew = k < b.length && (i >= a.length || b[k]! <= a[i]!);
    const number = isOld ? a[i]! : b[k]!;
    fromOld[n] = isOld ? i++ : -1;
    fromNew[n] = isNew ? k++ : -1;
    if (spans.length > 0 && number === next) spans[spans.length - 1]!++;
    else spans.push(number - next, 1);
    next = number + 1;
  }
  return {
    spans: Int32Array.from(spans),
    fromOld: fromOld.subarray(0, n),
    fromNew: fromNew.subarray(0, n),
    oldLacks: n > a.length,
    newLacks: n > b.length,
  };
}

/** Writes the layout at bit p and returns the end; `roomFor(bits)` makes room and returns the bytes to write to. */
export function putLayout(
  roomFor: (p: number) => Uint8Array,
  at: number,
  schema: number,
  zeroThreshold: number,
  positive: Spans,
  negative: Spans,
  bounds: Float64Array,
): number {
  let p = putThreshold(roomFor(at), at, zeroThreshold);
  p = putVarbit(roomFor(p), p, schema);
  for (const spans of [positive, negative]) {
    p = putVarbitUint(roomFor(p), p, spans.length / 2);
    for (let i = 0; i < spans.length; i += 2) {
      p = putVarbitUint(roomFor(p), p, spans[i + 1]!);
      p = putVarbit(roomFor(p), p, spans[i]!);
    }
  }
  if (schema !== SCHEMA_CUSTOM) return p;
  p = putVarbitUint(roomFor(p), p, bounds.length);
  for (const bound of bounds) p = putBound(roomFor(p), p, bound);
  return p;
}

/** 0 and powers of two from 2^-243 to 2^10 take a byte. */
function putThreshold(b: Uint8Array, p: number, threshold: number): number {
  scratch[0] = threshold;
  const high = halves[HIGH]!;
  const exponent = (high >>> 20) - 1022;
  if (threshold === 0) putBits(b, p, 0, 8);
  else if ((high & 0xfffff) === 0 && halves[LOW] === 0 && exponent >= -242 && exponent <= 11)
    putBits(b, p, exponent + 243, 8);
  else {
    putBits(b, p, 255, 8);
    return putHalves(b, p + 8, high, halves[LOW]!);
  }
  return p + 8;
}

/** Whole thousandths up to 33554.43 are written as such. */
function putBound(b: Uint8Array, p: number, bound: number): number {
  const thousandths = bound * 1000;
  if (thousandths >= 0 && thousandths <= 33_554_430 && Math.round(thousandths) / 1000 === bound)
    return putVarbitUint(b, p, Math.round(thousandths) + 1);
  putBits(b, p, 0, 1);
  scratch[0] = bound;
  return putHalves(b, p + 1, halves[HIGH]!, halves[LOW]!);
}

export interface Layout {
  schema: number;
  zeroThreshold: number;
  /** How many spans and buckets each side has, and how many bounds. */
  positiveSpans: number;
  negativeSpans: number;
  positive: number;
  negative: number;
  bounds: number;
}

/**
 * Reads a layout; spans and bounds are appended to h. Null: it says more than can stand before bit `end`. `bucketBits`: what a bucket takes
 * at least.
 */
export function readLayout(
  r: BitReader,
  end: number,
  h: HistogramColumns,
  bucketBits: number,
): Layout | null {
  const zeroThreshold = readThreshold(r);
  const schema = r.varbit();
  const sides = [
    { spans: 0, buckets: 0 },
    { spans: 0, buckets: 0 },
  ];
  for (const side of sides) {
    side.spans = r.varbitUint();
    if (side.spans * 2 > end - r.p) return null;
    growHistogramParts(h, side.spans, 0, 0);
    for (let i = 0; i < side.spans; i++) {
      const length = r.varbitUint();
      h.spanLength[h.spans] = length;
      h.spanOffset[h.spans++] = r.varbit();
      side.buckets += length;
    }
  }
  const [positive, negative] = sides as [(typeof sides)[number], (typeof sides)[number]];
  const bounds = schema === SCHEMA_CUSTOM ? r.varbitUint() : 0;
  if (bounds > end - r.p) return null;
  growHistogramParts(h, 0, 0, bounds);
  for (let i = 0; i < bounds; i++) readBound(r, h);
  if ((positive.buckets + negative.buckets) * bucketBits > end - r.p) return null;
  return {
    schema,
    zeroThreshold,
    positiveSpans: positive.spans,
    negativeSpans: negative.spans,
    positive: positive.buckets,
    negative: negative.buckets,
    bounds,
  };
}

function readThreshold(r: BitReader): number {
  const byte = r.bits(8);
  if (byte === 0) return 0;
  if (byte < 255) return 2 ** (byte - 244);
  r.halves();
  halves[HIGH] = r.high;
  halves[LOW] = r.low;
  return scratch[0]!;
}

function readBound(r: BitReader, h: HistogramColumns): void {
  const thousandths = r.varbitUint();
  if (thousandths > 0) h.bound[h.bounds] = (thousandths - 1) / 1000;
  else {
    r.halves();
    const bits = halvesOf(h.bound);
    bits[2 * h.bounds + HIGH] = r.high;
    bits[2 * h.bounds + LOW] = r.low;
  }
  h.bounds++;
}
