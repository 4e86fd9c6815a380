// Reads Prometheus' histogram chunks (integer and float counts, with start times or without) into columns. Layout: ../../format/chunks.md.
import {
  ENCODING,
  HIGH,
  KIND,
  LOW,
  RESET_HINT,
  SCHEMA_CUSTOM,
  SCHEMA_MAX,
  STALE_HIGH,
  STALE_LOW,
  growColumn,
  growHistogramParts,
  growHistogramRows,
  halvesOf,
  type Column,
  type HistogramColumns,
} from '@munjigi/model';
import { BitReader, NO_WINDOW } from './bits.ts';
import { needHistograms, needStartTimes } from './column.ts';
import { RESET_HEADER, readLayout, type Layout } from './histogram-layout.ts';
import { reduceRows } from './histogram-reduce.ts';
import { StartTimes } from './start-time.ts';

/** Schemas that are read; those above SCHEMA_MAX are reserved for finer buckets and are made coarser. */
const SCHEMA_READ_MIN: number = -9;
const SCHEMA_READ_MAX = 52;
/** A sample takes at least one bit for each of time, count, zero count and sum. */
const SAMPLE_MIN_BITS = 4;
const SUM = 0;
const COUNT = 1;
const ZERO = 2;

/**
 * Appends the first n samples of the histogram chunk in b[at..end) to the column: kind, histogram, t, st; v is 0. `at` is as ENCODING
 * says. Reset hints are as Prometheus' iterators give them: gauge, or unknown for the first sample and notReset for all others. Returns
 * null, or what is wrong (too few bytes for n samples, an unknown schema): the column is then as it was.
 */
export function decodeHistogram(
  b: Uint8Array,
  at: number,
  end: number,
  n: number,
  encoding: number,
  into: Column,
): string | null {
  if (n <= 0) return null;
  const withSt = encoding === ENCODING.histogramSt || encoding === ENCODING.floatHistogramSt;
  const whole = encoding === ENCODING.histogram || encoding === ENCODING.histogramSt;
  const r = reader.at(b, 8 * (at + (withSt ? 3 : 1)));
  const endBit = 8 * end;
  if (n * SAMPLE_MIN_BITS > endBit - r.p) return TOO_SHORT;
  const from = into.n;
  growColumn(into, from + n);
  const h = needHistograms(into);
  growHistogramRows(h, from + n);
  const stHeader = withSt ? b[at + 2]! : 0;
  const st = stHeader !== 0 ? needStartTimes(into) : into.st;
  startTimes.begin(stHeader);
  const { spans, buckets, bounds } = h;
  const wrong = decodeRows(r, endBit, h, from, n, whole, into.t, st);
  if (wrong !== null) {
    h.spans = spans;
    h.buckets = buckets;
    h.bounds = bounds;
    return wrong;
  }
  setHints(h, from, n, (b[at]! & RESET_HEADER.gauge) === RESET_HEADER.gauge);
  into.kind!.fill(whole ? KIND.histogram : KIND.floatHistogram, from, from + n);
  into.v.fill(0, from, from + n);
  into.n = from + n;
  h.n = into.n;
  return null;
}

const reader: BitReader = new BitReader();
const startTimes: StartTimes = new StartTimes();

function decodeRows(
  r: BitReader,
  endBit: number,
  h: HistogramColumns,
  from: number,
  n: number,
  whole: boolean,
  t: Float64Array,
  st: Float64Array | null,
): string | null {
  const { spans, bounds } = h;
  const layout = readLayout(r, endBit, h, whole ? 1 : 64);
  if (layout === null || r.p > endBit) return TOO_SHORT;
  const { schema } = layout;
  if (schema !== SCHEMA_CUSTOM && !(schema >= SCHEMA_READ_MIN && schema <= SCHEMA_READ_MAX))
    return `its schema ${schema} is not known`;
  const counts = whole ? wholeCounts : floatCounts;
  counts.begin(layout.positive + layout.negative);
  let time = 0;
  let delta = 0;
  for (let i = 0; i < n; i++) {
    const row = from + i;
    const previous = time;
    if (i === 0) time = r.varbit();
    else {
      delta += r.varbit();
      time += delta;
    }
    t[row] = time;
    growHistogramParts(h, 0, layout.positive + layout.negative, 0);
    const stale = counts.read(r, h, row, i, layout);
    if (st !== null) st[row] = startTimes.read(r, i, time, previous);
    if (r.p > endBit) return TOO_SHORT;
    setRanges(h, row, stale ? NOTHING : layout, spans, bounds);
  }
  const reducible =
    schema <= SCHEMA_MAX ||
    reduceRows(h, from, n, schema, SCHEMA_MAX, spans, layout.positiveSpans, layout.negativeSpans);
  return reducible ? null : `its buckets of schema ${schema} are out of order`;
}

const TOO_SHORT = 'it ends before its samples do';

/** What is left of a histogram by a staleness mark. */
const NOTHING: Layout = {
  schema: 0,
  zeroThreshold: 0,
  positiveSpans: 0,
  negativeSpans: 0,
  positive: 0,
  negative: 0,
  bounds: 0,
};

/** The row's buckets were appended last; spans and bounds stand once for all rows. */
function setRanges(h: HistogramColumns, row: number, l: Layout, spans: number, bounds: number): void {
  h.schema[row] = l.schema;
  h.zeroThreshold[row] = l.zeroThreshold;
  h.positiveSpanFirst[row] = spans;
  h.positiveSpanEnd[row] = h.negativeSpanFirst[row] = spans + l.positiveSpans;
  h.negativeSpanEnd[row] = spans + l.positiveSpans + l.negativeSpans;
  h.positiveFirst[row] = h.buckets;
  h.positiveEnd[row] = h.negativeFirst[row] = h.buckets + l.positive;
  h.negativeEnd[row] = h.buckets = h.buckets + l.positive + l.negative;
  h.boundFirst[row] = bounds;
  h.boundEnd[row] = bounds + l.bounds;
}

/** A staleness mark's hint is unknown, always: there is nothing that could have been reset. */
function setHints(h: HistogramColumns, from: number, n: number, gauge: boolean): void {
  const sums = halvesOf(h.sum);
  h.resetHint.fill(gauge ? RESET_HINT.gauge : RESET_HINT.notReset, from, from + n);
  if (!gauge) h.resetHint[from] = RESET_HINT.unknown;
  for (let row = from; row < from + n; row++)
    if (sums[2 * row + LOW] === STALE_LOW && sums[2 * row + HIGH] === STALE_HIGH)
      h.resetHint[row] = RESET_HINT.unknown;
}

/** The last sums and counts of the chunk being read, by their bits. */
class Values {
  readonly v: Float64Array = new Float64Array(3);
  readonly bits: Uint32Array = new Uint32Array(this.v.buffer);
  readonly #leads: Uint8Array = new Uint8Array(3);
  readonly #trails: Uint8Array = new Uint8Array(3);

  begin(): void {
    this.#leads.fill(NO_WINDOW);
  }

  raw(r: BitReader, i: number): void {
    r.halves();
    this.bits[2 * i + HIGH] = r.high;
    this.bits[2 * i + LOW] = r.low;
  }

  change(r: BitReader, i: number): void {
    r.change(this.bits, i, this.#leads, this.#trails, i);
  }

  isStale(): boolean {
    return this.bits[2 * SUM + LOW] === STALE_LOW && this.bits[2 * SUM + HIGH] === STALE_HIGH;
  }
}

/** Reads the counts of integer histograms: all of them by how their change changes. */
class WholeCounts {
  readonly #values: Values = new Values();
  #countChange = 0;
  #zeroChange = 0;
  /** Buckets: the difference to the bucket before, and how it changed last. */
  #difference: Float64Array = new Float64Array(64);
  #change: Float64Array = new Float64Array(64);

  begin(buckets: number): void {
    this.#values.begin();
    this.#countChange = 0;
    this.#zeroChange = 0;
    if (this.#change.length < buckets) {
      this.#difference = new Float64Array(2 * buckets);
      this.#change = new Float64Array(2 * buckets);
    }
    this.#difference.fill(0, 0, buckets);
    this.#change.fill(0, 0, buckets);
  }

  /** Sample i of the chunk; its buckets go behind those in use. True: it is a staleness mark, without buckets. */
  read(r: BitReader, h: HistogramColumns, row: number, i: number, l: Layout): boolean {
    const { v } = this.#values;
    if (i === 0) {
      v[COUNT] = r.varbitUint();
      v[ZERO] = r.varbitUint();
      this.#values.raw(r, SUM);
    } else {
      this.#countChange += r.varbit();
      this.#zeroChange += r.varbit();
      v[COUNT]! += this.#countChange;
      v[ZERO]! += this.#zeroChange;
      this.#values.change(r, SUM);
    }
    const stale = this.#values.isStale();
    h.sum.set(v.subarray(SUM, SUM + 1), row);
    h.count[row] = stale ? 0 : v[COUNT]!;
    h.zeroCount[row] = stale ? 0 : v[ZERO]!;
    if (stale && i > 0) return true;
    this.#buckets(r, h.bucket, h.buckets, 0, l.positive, i);
    this.#buckets(r, h.bucket, h.buckets, l.positive, l.positive + l.negative, i);
    return stale;
  }

  #buckets(r: BitReader, bucket: Float64Array, at: number, from: number, to: number, i: number): void {
    const difference = this.#difference;
    const change = this.#change;
    let count = 0;
    for (let k = from; k < to; k++) {
      const x = r.varbit();
      if (i > 0) {
        change[k]! += x;
        difference[k]! += change[k]!;
      } else difference[k] = x;
      count += difference[k]!;
      bucket[at + k] = count;
    }
  }
}

/** Reads the counts of float histograms: all of them as changed values, each with a window of its own. */
class FloatCounts {
  readonly #values: Values = new Values();
  #leads: Uint8Array = new Uint8Array(64);
  #trails: Uint8Array = new Uint8Array(64);
  /** Where the last sample's buckets lie. */
  #last = 0;

  begin(buckets: number): void {
    this.#values.begin();
    if (this.#leads.length < buckets) {
      this.#leads = new Uint8Array(2 * buckets);
      this.#trails = new Uint8Array(2 * buckets);
    }
    this.#leads.fill(NO_WINDOW, 0, buckets);
  }

  /** As WholeCounts. */
  read(r: BitReader, h: HistogramColumns, row: number, i: number, l: Layout): boolean {
    const { v } = this.#values;
    if (i === 0) {
      this.#values.raw(r, COUNT);
      this.#values.raw(r, ZERO);
      this.#values.raw(r, SUM);
    } else {
      this.#values.change(r, COUNT);
      this.#values.change(r, ZERO);
      this.#values.change(r, SUM);
    }
    const stale = this.#values.isStale();
    h.sum.set(v.subarray(SUM, SUM + 1), row);
    if (stale) {
      h.count[row] = 0;
      h.zeroCount[row] = 0;
    } else {
      h.count.set(v.subarray(COUNT, COUNT + 1), row);
      h.zeroCount.set(v.subarray(ZERO, ZERO + 1), row);
    }
    if (stale && i > 0) return true;
    const n = l.positive + l.negative;
    const bits = halvesOf(h.bucket);
    const last = this.#last;
    this.#last = h.buckets;
    if (i === 0) {
      for (let k = h.buckets; k < h.buckets + n; k++) {
        r.halves();
        bits[2 * k + HIGH] = r.high;
        bits[2 * k + LOW] = r.low;
      }
      return stale;
    }
    bits.copyWithin(2 * h.buckets, 2 * last, 2 * (last + n));
    for (let k = 0; k < n; k++) r.change(bits, h.buckets + k, this.#leads, this.#trails, k);
    return stale;
  }
}

const wholeCounts: WholeCounts = new WholeCounts();
const floatCounts: FloatCounts = new FloatCounts();
