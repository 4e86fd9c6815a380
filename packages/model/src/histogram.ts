// Native histograms as columns: room, copies of rows, and what makes a histogram valid. Field by field the model of Prometheus 3.16.
import { KIND, RESET_HINT, type HistogramColumns } from './storage.ts';

/** Exponential bucket boundaries from coarse to fine; beyond them are reserved ones that can be read. */
export const SCHEMA_MIN: number = -4;
export const SCHEMA_MAX = 8;
/** Buckets with bounds of their own (classic buckets as a native histogram). */
export const SCHEMA_CUSTOM: number = -53;
/** Counts of integer histograms stay below: then the differences that chunks hold are exact in a float64. */
export const HISTOGRAM_COUNT_MAX: number = 2 ** 51;

const INT32_MAX = 2 ** 31 - 1;

type RangeName =
  | 'positiveSpanFirst'
  | 'positiveSpanEnd'
  | 'negativeSpanFirst'
  | 'negativeSpanEnd'
  | 'positiveFirst'
  | 'positiveEnd'
  | 'negativeFirst'
  | 'negativeEnd'
  | 'boundFirst'
  | 'boundEnd';

const RANGES: readonly RangeName[] = [
  'positiveSpanFirst',
  'positiveSpanEnd',
  'negativeSpanFirst',
  'negativeSpanEnd',
  'positiveFirst',
  'positiveEnd',
  'negativeFirst',
  'negativeEnd',
  'boundFirst',
  'boundEnd',
];

/** No rows yet; room for `rows` of them and some buckets. */
export function newHistogramColumns(rows: number = 16): HistogramColumns {
  return {
    n: 0,
    schema: new Int32Array(rows),
    zeroThreshold: new Float64Array(rows),
    zeroCount: new Float64Array(rows),
    count: new Float64Array(rows),
    sum: new Float64Array(rows),
    resetHint: new Uint8Array(rows),
    positiveSpanFirst: new Uint32Array(rows),
    positiveSpanEnd: new Uint32Array(rows),
    negativeSpanFirst: new Uint32Array(rows),
    negativeSpanEnd: new Uint32Array(rows),
    positiveFirst: new Uint32Array(rows),
    positiveEnd: new Uint32Array(rows),
    negativeFirst: new Uint32Array(rows),
    negativeEnd: new Uint32Array(rows),
    boundFirst: new Uint32Array(rows),
    boundEnd: new Uint32Array(rows),
    spans: 0,
    buckets: 0,
    bounds: 0,
    spanOffset: new Int32Array(16),
    spanLength: new Uint32Array(16),
    bucket: new Float64Array(64),
    bound: new Float64Array(16),
  };
}

/** Forgets all rows; the room stays. */
export function clearHistograms(h: HistogramColumns): void {
  h.n = 0;
  h.spans = 0;
  h.buckets = 0;
  h.bounds = 0;
}

let lastValues: Float64Array = new Float64Array(0);
let lastHalves: Uint32Array = new Uint32Array(lastValues.buffer);

/** The halves of a column's values (see HIGH and LOW): NaN bits are read and copied through them. */
export function halvesOf(values: Float64Array): Uint32Array {
  if (values === lastValues) return lastHalves;
  lastValues = values;
  lastHalves = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
  return lastHalves;
}

/** Room for `rows` rows in all. */
export function growHistogramRows(h: HistogramColumns, rows: number): void {
  if (h.schema.length >= rows) return;
  const size = Math.max(rows, 2 * h.schema.length);
  const { n } = h;
  const schema = new Int32Array(size);
  schema.set(h.schema.subarray(0, n));
  h.schema = schema;
  const hints = new Uint8Array(size);
  hints.set(h.resetHint.subarray(0, n));
  h.resetHint = hints;
  h.zeroThreshold = grownFloats(h.zeroThreshold, n, size);
  h.zeroCount = grownFloats(h.zeroCount, n, size);
  h.count = grownFloats(h.count, n, size);
  h.sum = grownFloats(h.sum, n, size);
  for (const name of RANGES) {
    const grown = new Uint32Array(size);
    grown.set(h[name].subarray(0, n));
    h[name] = grown;
  }
}

/** Room for this many more spans, buckets and bounds behind those in use. */
export function growHistogramParts(
  h: HistogramColumns,
  spans: number,
  buckets: number,
  bounds: number,
): void {
  if (h.spans + spans > h.spanOffset.length) {
    const size = Math.max(h.spans + spans, 2 * h.spanOffset.length);
    const offset = new Int32Array(size);
    offset.set(h.spanOffset.subarray(0, h.spans));
    const length = new Uint32Array(size);
    length.set(h.spanLength.subarray(0, h.spans));
    h.spanOffset = offset;
    h.spanLength = length;
  }
  if (h.buckets + buckets > h.bucket.length)
    h.bucket = grownFloats(h.bucket, h.buckets, Math.max(h.buckets + buckets, 2 * h.bucket.length));
  if (h.bounds + bounds > h.bound.length)
    h.bound = grownFloats(h.bound, h.bounds, Math.max(h.bounds + bounds, 2 * h.bound.length));
}

function grownFloats(old: Float64Array, n: number, size: number): Float64Array {
  const grown = new Float64Array(size);
  grown.set(old.subarray(0, n));
  return grown;
}

/** Appends `rows` rows without anything in them. */
export function appendEmptyRows(h: HistogramColumns, rows: number): void {
  const from = h.n;
  const to = from + rows;
  growHistogramRows(h, to);
  h.schema.fill(0, from, to);
  h.zeroThreshold.fill(0, from, to);
  h.zeroCount.fill(0, from, to);
  h.count.fill(0, from, to);
  h.sum.fill(0, from, to);
  h.resetHint.fill(RESET_HINT.unknown, from, to);
  for (const name of RANGES) h[name].fill(0, from, to);
  h.n = to;
}

/** Appends row `row` of `from` to `to` with spans, buckets and bounds of its own; returns its number there. */
export function appendHistogramRow(to: HistogramColumns, from: HistogramColumns, row: number): number {
  const at = to.n;
  growHistogramRows(to, at + 1);
  to.n = at + 1;
  copyScalars(to, at, from, row);
  const spans = from.positiveSpanEnd[row]! - from.positiveSpanFirst[row]!;
  const negativeSpans = from.negativeSpanEnd[row]! - from.negativeSpanFirst[row]!;
  const buckets = from.positiveEnd[row]! - from.positiveFirst[row]!;
  const negativeBuckets = from.negativeEnd[row]! - from.negativeFirst[row]!;
  const bounds = from.boundEnd[row]! - from.boundFirst[row]!;
  growHistogramParts(to, spans + negativeSpans, buckets + negativeBuckets, bounds);
  to.positiveSpanFirst[at] = to.spans;
  copySpans(to, from, from.positiveSpanFirst[row]!, spans);
  to.positiveSpanEnd[at] = to.spans;
  to.negativeSpanFirst[at] = to.spans;
  copySpans(to, from, from.negativeSpanFirst[row]!, negativeSpans);
  to.negativeSpanEnd[at] = to.spans;
  to.positiveFirst[at] = to.buckets;
  copyBuckets(to, from, from.positiveFirst[row]!, buckets);
  to.positiveEnd[at] = to.buckets;
  to.negativeFirst[at] = to.buckets;
  copyBuckets(to, from, from.negativeFirst[row]!, negativeBuckets);
  to.negativeEnd[at] = to.buckets;
  to.boundFirst[at] = to.bounds;
  const first = from.boundFirst[row]!;
  for (let i = 0; i < bounds; i++) to.bound[to.bounds + i] = from.bound[first + i]!;
  to.bounds += bounds;
  to.boundEnd[at] = to.bounds;
  return at;
}

function copySpans(to: HistogramColumns, from: HistogramColumns, first: number, n: number): void {
  for (let i = 0; i < n; i++) {
    to.spanOffset[to.spans + i] = from.spanOffset[first + i]!;
    to.spanLength[to.spans + i] = from.spanLength[first + i]!;
  }
  to.spans += n;
}

function copyBuckets(to: HistogramColumns, from: HistogramColumns, first: number, n: number): void {
  to.bucket.set(from.bucket.subarray(first, first + n), to.buckets);
  to.buckets += n;
}

/** Makes row `at` the same as row `row` of the same columns: they share spans, buckets and bounds. */
export function moveHistogramRow(h: HistogramColumns, at: number, row: number): void {
  copyScalars(h, at, h, row);
  h.positiveSpanFirst[at] = h.positiveSpanFirst[row]!;
  h.positiveSpanEnd[at] = h.positiveSpanEnd[row]!;
  h.negativeSpanFirst[at] = h.negativeSpanFirst[row]!;
  h.negativeSpanEnd[at] = h.negativeSpanEnd[row]!;
  h.positiveFirst[at] = h.positiveFirst[row]!;
  h.positiveEnd[at] = h.positiveEnd[row]!;
  h.negativeFirst[at] = h.negativeFirst[row]!;
  h.negativeEnd[at] = h.negativeEnd[row]!;
  h.boundFirst[at] = h.boundFirst[row]!;
  h.boundEnd[at] = h.boundEnd[row]!;
}

/** Makes row `first + i` what row `order[i]` was, for all i; every order[i] is at least `first`. */
export function permuteHistogramRows(h: HistogramColumns, first: number, order: Uint32Array): void {
  for (const column of [
    h.schema,
    h.zeroThreshold,
    h.zeroCount,
    h.count,
    h.resetHint,
    ...RANGES.map((name) => h[name]),
  ])
    permuteColumn(column, first, order);
  const sums = halvesOf(h.sum);
  const old = sums.slice(2 * first);
  for (let i = 0; i < order.length; i++) {
    sums[2 * (first + i)] = old[2 * (order[i]! - first)]!;
    sums[2 * (first + i) + 1] = old[2 * (order[i]! - first) + 1]!;
  }
}

function permuteColumn(
  column: Int32Array | Uint32Array | Uint8Array | Float64Array,
  first: number,
  order: Uint32Array,
): void {
  const old = column.slice(first);
  for (let i = 0; i < order.length; i++) column[first + i] = old[order[i]! - first]!;
}

function copyScalars(to: HistogramColumns, at: number, from: HistogramColumns, row: number): void {
  to.schema[at] = from.schema[row]!;
  to.zeroThreshold[at] = from.zeroThreshold[row]!;
  to.zeroCount[at] = from.zeroCount[row]!;
  to.count[at] = from.count[row]!;
  // As bits: StaleNaN must survive.
  to.sum.set(from.sum.subarray(row, row + 1), at);
  to.resetHint[at] = from.resetHint[row]!;
}

/**
 * What is wrong with row `row` as a sample of `kind` (KIND.histogram: whole counts), by the rules of Prometheus; null: nothing. Stale markers
 * are valid: they have nothing but a sum.
 */
export function validateHistogram(h: HistogramColumns, row: number, kind: number): string | null {
  const schema = h.schema[row]!;
  const zeroCount = h.zeroCount[row]!;
  const count = h.count[row]!;
  const whole = kind === KIND.histogram;
  const positive = h.positiveEnd[row]! - h.positiveFirst[row]!;
  const negative = h.negativeEnd[row]! - h.negativeFirst[row]!;
  if (schema === SCHEMA_CUSTOM) {
    const wrong = checkBounds(h, row) ?? checkCustomSpans(h, row, positive);
    if (wrong !== null) return `custom buckets: ${wrong}`;
    if (zeroCount !== 0) return `custom buckets: the zero bucket must be empty, it holds ${zeroCount}`;
    if (h.zeroThreshold[row] !== 0)
      return `custom buckets: the zero threshold must be 0, it is ${h.zeroThreshold[row]}`;
    if (h.negativeSpanEnd[row] !== h.negativeSpanFirst[row] || negative > 0)
      return 'custom buckets: there must be no negative buckets';
  } else if (schema >= SCHEMA_MIN && schema <= SCHEMA_MAX) {
    const wrong =
      sided('positive', checkSpans(h, h.positiveSpanFirst[row]!, h.positiveSpanEnd[row]!, positive)) ??
      sided('negative', checkSpans(h, h.negativeSpanFirst[row]!, h.negativeSpanEnd[row]!, negative)) ??
      sided('negative', checkBuckets(h, h.negativeFirst[row]!, h.negativeEnd[row]!, whole));
    if (wrong !== null) return wrong;
    if (zeroCount < 0) return `the zero bucket has a negative count: ${zeroCount}`;
    if (h.boundEnd[row] !== h.boundFirst[row]) return 'exponential buckets have no custom bounds';
  } else
    return `schema ${schema} is not known: ${SCHEMA_MIN} to ${SCHEMA_MAX} for exponential buckets, ${SCHEMA_CUSTOM} for custom ones`;
  if (count < 0) return `the count of observations is negative: ${count}`;
  const wrong = sided('positive', checkBuckets(h, h.positiveFirst[row]!, h.positiveEnd[row]!, whole));
  if (wrong !== null || !whole) return wrong;
  return checkWholeCount(h, row);
}

/** Integer histograms: every observation is in a bucket; NaNs are counted but in none (then the sum is NaN). */
function checkWholeCount(h: HistogramColumns, row: number): string | null {
  const count = h.count[row]!;
  let sum = h.zeroCount[row]!;
  for (let i = h.positiveFirst[row]!; i < h.positiveEnd[row]!; i++) sum += h.bucket[i]!;
  for (let i = h.negativeFirst[row]!; i < h.negativeEnd[row]!; i++) sum += h.bucket[i]!;
  if (!Number.isInteger(count) || !Number.isInteger(h.zeroCount[row]!) || count > HISTOGRAM_COUNT_MAX)
    return `counts of an integer histogram are whole numbers up to 2^51, not ${count}: send it as a float histogram`;
  if (Number.isNaN(h.sum[row]!) ? sum > count : sum !== count)
    return `its buckets hold ${sum} observations, its count says ${count}`;
  return null;
}

function sided(side: string, wrong: string | null): string | null {
  return wrong === null ? null : `${side} side: ${wrong}`;
}

function checkSpans(h: HistogramColumns, first: number, end: number, buckets: number): string | null {
  let needed = 0;
  let index = 0;
  for (let i = first; i < end; i++) {
    const offset = h.spanOffset[i]!;
    if (i > first && offset < 0) return `span ${i - first + 1} has the negative offset ${offset}`;
    if (offset === -(2 ** 31)) return `span ${i - first + 1} begins at bucket ${offset}: out of range`;
    needed += h.spanLength[i]!;
    index += offset + h.spanLength[i]!;
    if (index - 1 > INT32_MAX) return `span ${i - first + 1} ends at bucket ${index - 1}: out of range`;
  }
  return needed === buckets ? null : `its spans need ${needed} buckets, it has ${buckets}`;
}

function checkBuckets(h: HistogramColumns, first: number, end: number, whole: boolean): string | null {
  for (let i = first; i < end; i++) {
    const count = h.bucket[i]!;
    if (count < 0) return `bucket ${i - first + 1} has a negative count: ${count}`;
    if (whole && !Number.isInteger(count))
      return `bucket ${i - first + 1} has the count ${count}, a whole number was expected`;
  }
  return null;
}

function checkBounds(h: HistogramColumns, row: number): string | null {
  let before = -Infinity;
  const first = h.boundFirst[row]!;
  for (let i = first; i < h.boundEnd[row]!; i++) {
    const bound = h.bound[i]!;
    if (Number.isNaN(bound)) return `bound ${i - first + 1} is NaN`;
    if (i > first && bound <= before) return `bound ${bound} stands behind ${before}: they must rise`;
    before = bound;
  }
  return before === Infinity ? 'the last bound +Inf is understood and must not be given' : null;
}

function checkCustomSpans(h: HistogramColumns, row: number, buckets: number): string | null {
  let needed = 0;
  let width = 0;
  const first = h.positiveSpanFirst[row]!;
  for (let i = first; i < h.positiveSpanEnd[row]!; i++) {
    const offset = h.spanOffset[i]!;
    if (offset < 0) return `span ${i - first + 1} has the negative offset ${offset}`;
    needed += h.spanLength[i]!;
    width += h.spanLength[i]! + offset;
  }
  if (needed !== buckets) return `its spans need ${needed} buckets, it has ${buckets}`;
  const bounds = h.boundEnd[row]! - h.boundFirst[row]!;
  return bounds + 1 < width ? `${bounds} bounds are too few for buckets up to number ${width}` : null;
}

/** Whether two rows are the same sample: sums and counts by their bits, bounds, and the same counts in the same buckets. */
export function sameHistogram(a: HistogramColumns, i: number, b: HistogramColumns, k: number): boolean {
  return (
    a.schema[i] === b.schema[k] &&
    a.zeroThreshold[i] === b.zeroThreshold[k] &&
    sameBits(a.count, i, i + 1, b.count, k, k + 1) &&
    sameBits(a.zeroCount, i, i + 1, b.zeroCount, k, k + 1) &&
    sameBits(a.sum, i, i + 1, b.sum, k, k + 1) &&
    sameBits(a.bound, a.boundFirst[i]!, a.boundEnd[i]!, b.bound, b.boundFirst[k]!, b.boundEnd[k]!) &&
    sameBits(
      a.bucket,
      a.positiveFirst[i]!,
      a.positiveEnd[i]!,
      b.bucket,
      b.positiveFirst[k]!,
      b.positiveEnd[k]!,
    ) &&
    sameBits(
      a.bucket,
      a.negativeFirst[i]!,
      a.negativeEnd[i]!,
      b.bucket,
      b.negativeFirst[k]!,
      b.negativeEnd[k]!,
    ) &&
    sameSpans(
      a,
      a.positiveSpanFirst[i]!,
      a.positiveSpanEnd[i]!,
      b,
      b.positiveSpanFirst[k]!,
      b.positiveSpanEnd[k]!,
    ) &&
    sameSpans(
      a,
      a.negativeSpanFirst[i]!,
      a.negativeSpanEnd[i]!,
      b,
      b.negativeSpanFirst[k]!,
      b.negativeSpanEnd[k]!,
    )
  );
}

function sameBits(
  a: Float64Array,
  first: number,
  end: number,
  b: Float64Array,
  bFirst: number,
  bEnd: number,
): boolean {
  if (end - first !== bEnd - bFirst) return false;
  for (let i = first, k = bFirst; i < end; i++, k++) {
    const x = a[i]!;
    const y = b[k]!;
    if (x === y && (x !== 0 || Object.is(x, y))) continue;
    if (x === x || y === y) return false;
    const p = halvesOf(a).subarray(2 * i, 2 * i + 2);
    const q = halvesOf(b).subarray(2 * k, 2 * k + 2);
    if (p[0] !== q[0] || p[1] !== q[1]) return false;
  }
  return true;
}

/** Spans may be cut differently and still name the same buckets. */
function sameSpans(
  a: HistogramColumns,
  first: number,
  end: number,
  b: HistogramColumns,
  bFirst: number,
  bEnd: number,
): boolean {
  let i = first;
  let k = bFirst;
  let start = 0;
  let bStart = 0;
  for (;;) {
    let length = 0;
    for (; i < end && (length === 0 || a.spanOffset[i] === 0); i++) {
      if (length === 0) start += a.spanOffset[i]!;
      length += a.spanLength[i]!;
    }
    let bLength = 0;
    for (; k < bEnd && (bLength === 0 || b.spanOffset[k] === 0); k++) {
      if (bLength === 0) bStart += b.spanOffset[k]!;
      bLength += b.spanLength[k]!;
    }
    if (length !== bLength || (length > 0 && start !== bStart)) return false;
    if (length === 0) return true;
    start += length;
    bStart += bLength;
  }
}
