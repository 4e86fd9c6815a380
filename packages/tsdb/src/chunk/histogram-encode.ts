// Writes Prometheus' histogram chunks, one encoder an open chunk: judges whether a histogram can follow (counter resets, layout), brings
// the buckets of both together where they differ, and writes the whole chunk anew when its own buckets become more.
import {
  ENCODING,
  HIGH,
  KIND,
  LOW,
  RESET_HINT,
  SCHEMA_CUSTOM,
  STALE_HIGH,
  STALE_LOW,
  StorageError,
  halvesOf,
  isStale,
  newColumn,
  type Column,
  type HistogramColumns,
} from '@munjigi/model';
import { FIELD_MAX_BYTES, NO_WINDOW, putChange, putHalves, putVarbit, putVarbitUint } from './bits.ts';
import { clearColumn } from './column.ts';
import { decodeHistogram } from './histogram-decode.ts';
import {
  RESET_HEADER,
  countBuckets,
  mergeSpans,
  putLayout,
  sameSpans,
  spansOf,
  type Merged,
  type Spans,
} from './histogram-layout.ts';
import { newStState, putStartTime, type StState } from './start-time.ts';
import { sameBytes } from './xor-encode.ts';

/** A 2-byte count; with start times two of its bits are the counter reset header. */
const SAMPLES_MAX = 0xffff;
const SAMPLES_MAX_ST = 0x3fff;

/** Entries of `#last` before the buckets. */
const SUM = 0;
const COUNT = 1;
const ZERO = 2;
const BUCKETS = 3;

/** Whether a counter histogram can follow the last one of a chunk. */
const VERDICT = { follows: 0, reset: 1, unknown: 2, gaugeBefore: 3 } as const;
type Verdict = (typeof VERDICT)[keyof typeof VERDICT];

const NO_SPANS: Spans = new Int32Array(0);
const NO_BOUNDS: Float64Array = new Float64Array(0);

/** For reading a chunk that is written anew. */
const scratch: Column = newColumn(256);

export class HistogramEncoder {
  /** KIND. */
  readonly kind: number;
  /** ENCODING. */
  readonly encoding: number;
  /**
   * The chunk is bytes[0..length), as ENCODING says it is addressed. Appending changes its last byte and, with start times, sets bits of
   * byte 2 that readers of earlier samples do not look at; everything else stays, unless `append` says 'recoded'.
   */
  bytes: Uint8Array = new Uint8Array(128);
  length = 0;
  count = 0;
  /** The head's note: whether it has foretold when this chunk ends, and when (ms; Infinity: with its range). */
  foretold = false;
  end_ms: number = Infinity;
  mint = 0;
  maxt = 0;
  #p = 0;
  #delta = 0;
  #countChange = 0;
  #zeroChange = 0;
  #schema = 0;
  #zeroThreshold = 0;
  #positive: Spans = NO_SPANS;
  #negative: Spans = NO_SPANS;
  #positiveBuckets = 0;
  #bounds: Float64Array = NO_BOUNDS;
  /** Sum, count and zero count of the last sample, then its buckets in the chunk's layout. */
  #last: Float64Array = new Float64Array(BUCKETS);
  #lastBits: Uint32Array = new Uint32Array(this.#last.buffer);
  /** Integers: how each bucket's difference to the one before it changed last. */
  #change: Float64Array = NO_BOUNDS;
  /** The windows of what is written as a changed value: the entries of `#last`; integers: the sum alone. */
  #leads: Uint8Array = new Uint8Array(1);
  #trails: Uint8Array = new Uint8Array(1);
  readonly #st: StState | null;
  /** Why the last append said 'cut'; -1: not because of the histogram. */
  #cutBecause = -1;
  readonly #room = (p: number): Uint8Array => this.#roomAt(p);

  constructor(kind: number, withSt: boolean) {
    this.kind = kind;
    this.encoding =
      kind === KIND.histogram
        ? withSt
          ? ENCODING.histogramSt
          : ENCODING.histogram
        : withSt
          ? ENCODING.floatHistogramSt
          : ENCODING.floatHistogram;
    this.#st = withSt ? newStState(1) : null;
  }

  /**
   * Appends row `row` of h, a valid histogram of this encoder's kind, at t_ms (above `maxt`) with start time st_ms (0: none; dropped where
   * the encoding has none). 'cut': it cannot follow in this chunk and nothing was done: begin a new encoder and append it there with this
   * one as `previous`, whose last sample decides the new chunk's counter reset header; so does that of a chunk that was full.
   */
  append(
    t_ms: number,
    h: HistogramColumns,
    row: number,
    st_ms: number,
    previous: HistogramEncoder | null,
  ): 'appended' | 'recoded' | 'cut' {
    const stale = isStale(halvesOf(h.sum), row);
    this.#cutBecause = -1;
    if (this.count === 0) {
      this.#begin(this.#headerAfter(previous, h, row, stale), h, row, stale);
      this.#write(t_ms, h, row, stale, null, null, st_ms);
      return 'appended';
    }
    if (this.count >= (this.#st === null ? SAMPLES_MAX : SAMPLES_MAX_ST)) return 'cut';
    const gauge = h.resetHint[row] === RESET_HINT.gauge;
    const verdict = gauge ? this.#judgeGauge(h, row, stale) : this.#judge(h, row, stale);
    if (verdict !== VERDICT.follows) {
      this.#cutBecause = verdict;
      return 'cut';
    }
    if (stale || this.#hasLayout(h, row)) {
      this.#write(t_ms, h, row, stale, null, null, st_ms);
      return 'appended';
    }
    return this.#appendMerged(t_ms, h, row, st_ms, gauge);
  }

  /**
   * An encoder that goes on with a chunk: bytes[0..length) as this class wrote them. Throws StorageError EFORMAT when they are not what it
   * would have written.
   */
  static resume(bytes: Uint8Array, length: number, count: number, encoding: number): HistogramEncoder {
    const whole = encoding === ENCODING.histogram || encoding === ENCODING.histogramSt;
    const withSt = encoding === ENCODING.histogramSt || encoding === ENCODING.floatHistogramSt;
    const e = new HistogramEncoder(whole ? KIND.histogram : KIND.floatHistogram, withSt);
    clearColumn(scratch);
    const wrong = decodeHistogram(bytes, 0, length, count, encoding, scratch);
    if (wrong !== null) throw new StorageError('EFORMAT', `histogram chunk: ${wrong}`, false);
    if (count > 0) {
      e.#begin(bytes[0]! & RESET_HEADER.gauge, scratch.h!, 0, isStale(halvesOf(scratch.h!.sum), 0));
      e.#writeAll(scratch, null, null);
    }
    if (
      e.length !== length ||
      (withSt ? !sameBytes(bytes, 2, e.bytes.subarray(2), length - 2) : !sameBytes(bytes, 0, e.bytes, length))
    )
      throw new StorageError(
        'EFORMAT',
        'histogram chunk: another encoder wrote it, nothing can be appended',
        false,
      );
    return e;
  }

  /** Whether the chunk takes at most `bytes` when row `row` of h, a histogram of this kind, follows. False may be said too early. */
  fits(h: HistogramColumns, row: number, bytes: number): boolean {
    const more = histogramMaxBytes(h, row);
    // Coded anew: new empty buckets are a bit in each sample, or double what stands beside them.
    const buckets = h.negativeEnd[row]! - h.positiveFirst[row]!;
    if (3 * this.length + (this.count * buckets) / 8 + more <= bytes) return true;
    return this.length + more <= bytes && this.#hasLayout(h, row);
  }

  /** The counter reset header of the chunk that begins with this histogram. */
  #headerAfter(previous: HistogramEncoder | null, h: HistogramColumns, row: number, stale: boolean): number {
    const hint = h.resetHint[row];
    if (hint === RESET_HINT.gauge) return RESET_HEADER.gauge;
    const follows = previous !== null && previous.kind === this.kind && previous.count > 0;
    const cut = follows ? previous.#cutBecause : -1;
    if (cut < 0 && hint === RESET_HINT.reset) return RESET_HEADER.reset;
    if (!follows) return RESET_HEADER.unknown;
    const verdict = cut >= 0 ? cut : previous.#judge(h, row, stale);
    if (verdict === VERDICT.reset) return RESET_HEADER.reset;
    if (this.kind === KIND.histogram)
      return verdict === VERDICT.unknown ? RESET_HEADER.unknown : RESET_HEADER.notReset;
    // Float chunks say "unknown" only when the histogram itself ended the chunk before.
    return cut >= 0 ? RESET_HEADER.unknown : RESET_HEADER.notReset;
  }

  #isGauge(): boolean {
    return (this.bytes[0]! & RESET_HEADER.gauge) === RESET_HEADER.gauge;
  }

  #isStale(): boolean {
    return this.#lastBits[2 * SUM + LOW] === STALE_LOW && this.#lastBits[2 * SUM + HIGH] === STALE_HIGH;
  }

  #judge(h: HistogramColumns, row: number, stale: boolean): Verdict {
    if (this.#isGauge()) return VERDICT.gaugeBefore;
    if (h.resetHint[row] === RESET_HINT.reset) return VERDICT.reset;
    if (stale) return VERDICT.follows;
    if (this.#isStale()) return VERDICT.unknown;
    if (h.count[row]! < this.#last[COUNT]!) return VERDICT.reset;
    if (!this.#hasScale(h, row)) return VERDICT.unknown;
    if (!this.#hasBounds(h, row) || h.zeroCount[row]! < this.#last[ZERO]!) return VERDICT.reset;
    const { positiveSpanFirst, positiveSpanEnd, negativeSpanFirst, negativeSpanEnd } = h;
    const positives = this.#positiveBuckets;
    return this.#isBelow(
      this.#positive,
      0,
      h,
      positiveSpanFirst[row]!,
      positiveSpanEnd[row]!,
      h.positiveFirst[row]!,
    ) &&
      this.#isBelow(
        this.#negative,
        positives,
        h,
        negativeSpanFirst[row]!,
        negativeSpanEnd[row]!,
        h.negativeFirst[row]!,
      )
      ? VERDICT.follows
      : VERDICT.reset;
  }

  #judgeGauge(h: HistogramColumns, row: number, stale: boolean): Verdict {
    if (!this.#isGauge()) return VERDICT.unknown;
    if (stale) return VERDICT.follows;
    return !this.#isStale() && this.#hasScale(h, row) && this.#hasBounds(h, row)
      ? VERDICT.follows
      : VERDICT.unknown;
  }

  #hasScale(h: HistogramColumns, row: number): boolean {
    return h.schema[row] === this.#schema && h.zeroThreshold[row] === this.#zeroThreshold;
  }

  #hasBounds(h: HistogramColumns, row: number): boolean {
    if (this.#schema !== SCHEMA_CUSTOM) return true;
    const first = h.boundFirst[row]!;
    if (h.boundEnd[row]! - first !== this.#bounds.length) return false;
    for (let i = 0; i < this.#bounds.length; i++) if (this.#bounds[i] !== h.bound[first + i]) return false;
    return true;
  }

  #hasLayout(h: HistogramColumns, row: number): boolean {
    return (
      sameSpans(this.#positive, h, h.positiveSpanFirst[row]!, h.positiveSpanEnd[row]!) &&
      sameSpans(this.#negative, h, h.negativeSpanFirst[row]!, h.negativeSpanEnd[row]!)
    );
  }

  /** Whether no bucket of this side (its first is bucket `from` of `#last`) counts more than the same one of h: no counter reset. */
  #isBelow(
    spans: Spans,
    from: number,
    h: HistogramColumns,
    spanFirst: number,
    spanEnd: number,
    first: number,
  ): boolean {
    const last = this.#last;
    if (sameSpans(spans, h, spanFirst, spanEnd)) {
      const n = countBuckets(spans);
      for (let k = 0; k < n; k++) if (last[BUCKETS + from + k]! > h.bucket[first + k]!) return false;
      return true;
    }
    const { fromOld, fromNew } = mergeSpans(spans, spansOf(h, spanFirst, spanEnd));
    for (let k = 0; k < fromOld.length; k++) {
      if (fromOld[k]! < 0) continue;
      const count = last[BUCKETS + from + fromOld[k]!]!;
      // A bucket that is not there any more is a reset too, if it counted anything.
      if (fromNew[k]! < 0 ? count !== 0 : count > h.bucket[first + fromNew[k]!]!) return false;
    }
    return true;
  }

  /** Appends a histogram with other buckets. Where this chunk lacks some, all of it is written anew. */
  #appendMerged(
    t: number,
    h: HistogramColumns,
    row: number,
    st: number,
    gauge: boolean,
  ): 'appended' | 'recoded' {
    const newPositive = spansOf(h, h.positiveSpanFirst[row]!, h.positiveSpanEnd[row]!);
    const newNegative = spansOf(h, h.negativeSpanFirst[row]!, h.negativeSpanEnd[row]!);
    const positive = mergeSpans(this.#positive, newPositive);
    const negative = mergeSpans(this.#negative, newNegative);
    if (!positive.oldLacks && !negative.oldLacks) {
      this.#write(t, h, row, false, positive, negative, st);
      return 'appended';
    }
    const newLacks = positive.newLacks || negative.newLacks;
    clearColumn(scratch);
    decodeHistogram(this.bytes, 0, this.length, this.count, this.encoding, scratch);
    // The chunk takes the histogram's own spans, as they are cut, unless buckets of the chunk have to be added to them.
    this.#positive = positive.newLacks || (gauge && newLacks) ? positive.spans : newPositive;
    this.#negative = negative.newLacks || (gauge && newLacks) ? negative.spans : newNegative;
    this.#beginLayout(this.bytes[0]! & RESET_HEADER.gauge);
    this.#writeAll(scratch, positive, negative);
    this.#write(t, h, row, false, positive, negative, st);
    return 'recoded';
  }

  /** Writes all samples of a column; the chunk has just begun. The merges say what they do of the column's buckets as the old ones. */
  #writeAll(c: Column, positive: Merged | null, negative: Merged | null): void {
    const h = c.h!;
    const sums = halvesOf(h.sum);
    const own = ownSide(positive);
    const ownNegative = ownSide(negative);
    for (let i = 0; i < c.n; i++)
      this.#write(c.t[i]!, h, i, isStale(sums, i), own, ownNegative, c.st === null ? 0 : c.st[i]!);
  }

  #begin(header: number, h: HistogramColumns, row: number, stale: boolean): void {
    this.#schema = stale ? 0 : h.schema[row]!;
    this.#zeroThreshold = stale ? 0 : h.zeroThreshold[row]!;
    this.#positive = stale ? NO_SPANS : spansOf(h, h.positiveSpanFirst[row]!, h.positiveSpanEnd[row]!);
    this.#negative = stale ? NO_SPANS : spansOf(h, h.negativeSpanFirst[row]!, h.negativeSpanEnd[row]!);
    this.#bounds =
      stale || h.boundEnd[row] === h.boundFirst[row]
        ? NO_BOUNDS
        : h.bound.slice(h.boundFirst[row], h.boundEnd[row]);
    this.#beginLayout(header);
  }

  /** Begins the chunk anew with the layout that the fields say. */
  #beginLayout(header: number): void {
    this.#positiveBuckets = countBuckets(this.#positive);
    const buckets = this.#positiveBuckets + countBuckets(this.#negative);
    this.#last = new Float64Array(BUCKETS + buckets);
    this.#lastBits = new Uint32Array(this.#last.buffer);
    const whole = this.kind === KIND.histogram;
    if (whole) this.#change = new Float64Array(buckets);
    else {
      this.#leads = new Uint8Array(BUCKETS + buckets);
      this.#trails = new Uint8Array(BUCKETS + buckets);
    }
    this.#leads.fill(NO_WINDOW);
    this.#delta = 0;
    this.#countChange = 0;
    this.#zeroChange = 0;
    this.count = 0;
    this.bytes[0] = header;
    this.bytes[1] = 0;
    this.bytes[2] = 0;
    if (this.#st !== null) {
      this.#st.changeOn[0] = 0;
      this.#st.diff[0] = 0;
    }
    this.#p = putLayout(
      this.#room,
      this.#st === null ? 8 : 24,
      this.#schema,
      this.#zeroThreshold,
      this.#positive,
      this.#negative,
      this.#bounds,
    );
  }

  /** Writes a sample; the merges say where the chunk's buckets are found in it (null: as they stand). */
  #write(
    t: number,
    h: HistogramColumns,
    row: number,
    stale: boolean,
    positive: Merged | null,
    negative: Merged | null,
    st: number,
  ): void {
    const { count } = this;
    const previousT = this.maxt;
    const sums = halvesOf(h.sum);
    if (count === 0) {
      this.mint = t;
      this.#put(t);
    } else {
      const delta = t - previousT;
      this.#put(delta - this.#delta);
      this.#delta = delta;
    }
    const high = sums[2 * row + HIGH]!;
    const low = sums[2 * row + LOW]!;
    if (this.kind === KIND.histogram) this.#writeWhole(h, row, stale, high, low, positive, negative);
    else this.#writeFloat(h, row, stale, high, low, positive, negative);
    if (this.#st !== null)
      this.#p = putStartTime(this.#roomAt(this.#p), this.#p, 2, this.#st, 0, count, t, previousT, st);
    this.maxt = t;
    this.count = count + 1;
    this.length = (this.#p + 7) >> 3;
  }

  #writeWhole(
    h: HistogramColumns,
    row: number,
    stale: boolean,
    high: number,
    low: number,
    positive: Merged | null,
    negative: Merged | null,
  ): void {
    const last = this.#last;
    const count = stale ? 0 : h.count[row]!;
    const zero = stale ? 0 : h.zeroCount[row]!;
    if (this.count === 0) {
      this.#p = putVarbitUint(this.#roomAt(this.#p), this.#p, count);
      this.#p = putVarbitUint(this.#roomAt(this.#p), this.#p, zero);
      this.#p = putHalves(this.#roomAt(this.#p), this.#p, high, low);
      this.#lastBits[2 * SUM + HIGH] = high;
      this.#lastBits[2 * SUM + LOW] = low;
    } else {
      const countChange = count - last[COUNT]!;
      const zeroChange = zero - last[ZERO]!;
      this.#put(stale ? 0 : countChange - this.#countChange);
      this.#put(stale ? 0 : zeroChange - this.#zeroChange);
      this.#countChange = countChange;
      this.#zeroChange = zeroChange;
      this.#putValue(SUM, high, low);
    }
    last[COUNT] = count;
    last[ZERO] = zero;
    if (stale) return;
    this.#wholeBuckets(0, this.#positiveBuckets, h.bucket, h.positiveFirst[row]!, positive);
    this.#wholeBuckets(this.#positiveBuckets, this.#change.length, h.bucket, h.negativeFirst[row]!, negative);
  }

  /** Buckets [from, to) of the chunk: the difference to the bucket before, how that changed, how the change changed. */
  #wholeBuckets(from: number, to: number, bucket: Float64Array, first: number, merge: Merged | null): void {
    const change = this.#change;
    const last = this.#last;
    let before = 0;
    let lastBefore = 0;
    for (let k = from; k < to; k++) {
      const count = bucketOf(bucket, first, k - from, merge);
      const lastCount = last[BUCKETS + k]!;
      const difference = count - before;
      if (this.count === 0) this.#put(difference);
      else {
        const changed = difference - (lastCount - lastBefore);
        this.#put(changed - change[k]!);
        change[k] = changed;
      }
      before = count;
      lastBefore = lastCount;
      last[BUCKETS + k] = count;
    }
  }

  #writeFloat(
    h: HistogramColumns,
    row: number,
    stale: boolean,
    high: number,
    low: number,
    positive: Merged | null,
    negative: Merged | null,
  ): void {
    this.#putFloat(COUNT, stale ? 0 : h.count[row]!);
    this.#putFloat(ZERO, stale ? 0 : h.zeroCount[row]!);
    this.#putRawOrValue(SUM, high, low);
    if (stale) return;
    const positives = this.#positiveBuckets;
    const n = this.#last.length - BUCKETS;
    for (let k = 0; k < positives; k++)
      this.#putFloat(BUCKETS + k, bucketOf(h.bucket, h.positiveFirst[row]!, k, positive));
    for (let k = positives; k < n; k++)
      this.#putFloat(BUCKETS + k, bucketOf(h.bucket, h.negativeFirst[row]!, k - positives, negative));
  }

  #putFloat(i: number, v: number): void {
    float[0] = v;
    this.#putRawOrValue(i, floatBits[HIGH]!, floatBits[LOW]!);
  }

  /** The first sample has values as they are. */
  #putRawOrValue(i: number, high: number, low: number): void {
    if (this.count > 0) {
      this.#putValue(i, high, low);
      return;
    }
    this.#p = putHalves(this.#roomAt(this.#p), this.#p, high, low);
    this.#lastBits[2 * i + HIGH] = high;
    this.#lastBits[2 * i + LOW] = low;
  }

  #putValue(i: number, high: number, low: number): void {
    const bits = this.#lastBits;
    const xh = high ^ bits[2 * i + HIGH]!;
    const xl = low ^ bits[2 * i + LOW]!;
    this.#p = putChange(this.#roomAt(this.#p), this.#p, xh, xl, this.#leads, this.#trails, i);
    bits[2 * i + HIGH] = high;
    bits[2 * i + LOW] = low;
  }

  #put(x: number): void {
    this.#p = putVarbit(this.#roomAt(this.#p), this.#p, x);
  }

  /** Room for one more field at bit p. */
  #roomAt(p: number): Uint8Array {
    if ((p >> 3) + FIELD_MAX_BYTES > this.bytes.length) {
      const grown = new Uint8Array(2 * this.bytes.length);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    return this.bytes;
  }
}

/** At most how many bytes a histogram adds to a chunk: all of its layout, and every number in its longest form. */
export function histogramMaxBytes(h: HistogramColumns, row: number): number {
  const spans =
    h.positiveSpanEnd[row]! - h.positiveSpanFirst[row]! + h.negativeSpanEnd[row]! - h.negativeSpanFirst[row]!;
  const buckets = h.positiveEnd[row]! - h.positiveFirst[row]! + h.negativeEnd[row]! - h.negativeFirst[row]!;
  const bounds = h.boundEnd[row]! - h.boundFirst[row]!;
  return 96 + 18 * spans + 10 * buckets + 9 * bounds;
}

const float: Float64Array = new Float64Array(1);
const floatBits: Uint32Array = new Uint32Array(float.buffer);

/** Bucket k of the chunk as a histogram has it whose side begins at bucket[first]. */
function bucketOf(bucket: Float64Array, first: number, k: number, merge: Merged | null): number {
  if (merge === null) return bucket[first + k]!;
  const from = merge.fromNew[k]!;
  return from < 0 ? 0 : bucket[first + from]!;
}

/** A merge as seen by the chunk's own samples. */
function ownSide(merge: Merged | null): Merged | null {
  return merge === null ? null : { ...merge, fromNew: merge.fromOld };
}
