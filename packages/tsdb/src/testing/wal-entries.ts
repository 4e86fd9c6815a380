// Log entries as plain data: what tests compare, and writers and readers of them.
import {
  KIND,
  appendEmptyRows,
  growHistogramParts,
  halvesOf,
  newHistogramColumns,
  HIGH,
  LOW,
  type HistogramColumns,
  type MetricType,
} from '@munjigi/model';
import { newByteWriter, type ByteWriter } from '../wal/bytes.ts';
import {
  RECORD,
  beginRecord,
  putExemplars,
  putHistograms,
  putMarker,
  putMetadata,
  putMinValidTime,
  putSamples,
  putSeries,
  putTombstone,
  type RecordSink,
} from '../wal/record.ts';

export interface PlainHistogram {
  readonly hint: number;
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  /** 16 hexadecimal digits, as all values here: NaN bits count. */
  readonly sum: string;
  readonly positiveSpans: readonly (readonly number[])[];
  readonly negativeSpans: readonly (readonly number[])[];
  readonly positive: readonly number[];
  readonly negative: readonly number[];
  readonly bounds: readonly number[];
}

export type LogEntry =
  | { readonly kind: 'series'; readonly ref: number; readonly labels: readonly string[] }
  | {
      readonly kind: 'sample';
      readonly ref: number;
      readonly t: number;
      readonly st: number;
      readonly v: string;
    }
  | {
      readonly kind: 'histogram' | 'floatHistogram';
      readonly ref: number;
      readonly t: number;
      readonly st: number;
      readonly h: PlainHistogram;
    }
  | {
      readonly kind: 'exemplar';
      readonly ref: number;
      readonly t: number;
      readonly v: string;
      readonly labels: readonly string[];
    }
  | {
      readonly kind: 'metadata';
      readonly ref: number;
      readonly type: MetricType;
      readonly unit: string;
      readonly help: string;
    }
  | { readonly kind: 'tombstone'; readonly ref: number; readonly mint: number; readonly maxt: number }
  | { readonly kind: 'marker'; readonly ref: number; readonly file: number; readonly at: number }
  | { readonly kind: 'minValidTime'; readonly t: number };

const float: Float64Array = new Float64Array(1);
const halves: Uint32Array = new Uint32Array(float.buffer);

function hex(high: number, low: number): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

function hexOf(x: number): string {
  float[0] = x;
  return hex(halves[HIGH]!, halves[LOW]!);
}

function halvesOfHex(v: string): [number, number] {
  return [Number.parseInt(v.slice(0, 8), 16), Number.parseInt(v.slice(8), 16)];
}

function numberOf(v: string): number {
  [halves[HIGH], halves[LOW]] = halvesOfHex(v);
  return float[0]!;
}

export function plainHistogram(h: HistogramColumns, row: number): PlainHistogram {
  const sums = halvesOf(h.sum);
  const spans = (first: number, end: number): number[][] =>
    Array.from({ length: end - first }, (_, i) => [h.spanOffset[first + i]!, h.spanLength[first + i]!]);
  return {
    hint: h.resetHint[row]!,
    schema: h.schema[row]!,
    zeroThreshold: h.zeroThreshold[row]!,
    zeroCount: h.zeroCount[row]!,
    count: h.count[row]!,
    sum: hex(sums[2 * row + HIGH]!, sums[2 * row + LOW]!),
    positiveSpans: spans(h.positiveSpanFirst[row]!, h.positiveSpanEnd[row]!),
    negativeSpans: spans(h.negativeSpanFirst[row]!, h.negativeSpanEnd[row]!),
    positive: [...h.bucket.subarray(h.positiveFirst[row], h.positiveEnd[row])],
    negative: [...h.bucket.subarray(h.negativeFirst[row], h.negativeEnd[row])],
    bounds: [...h.bound.subarray(h.boundFirst[row], h.boundEnd[row])],
  };
}

/** Appends p as a row. */
export function addPlainHistogram(h: HistogramColumns, p: PlainHistogram): number {
  const row = h.n;
  appendEmptyRows(h, 1);
  growHistogramParts(
    h,
    p.positiveSpans.length + p.negativeSpans.length,
    p.positive.length + p.negative.length,
    p.bounds.length,
  );
  const spans = (list: readonly (readonly number[])[]): void => {
    for (const [offset, length] of list) {
      h.spanOffset[h.spans] = offset!;
      h.spanLength[h.spans++] = length!;
    }
  };
  h.resetHint[row] = p.hint;
  h.schema[row] = p.schema;
  h.zeroThreshold[row] = p.zeroThreshold;
  h.zeroCount[row] = p.zeroCount;
  h.count[row] = p.count;
  const sums = halvesOf(h.sum);
  [sums[2 * row + HIGH], sums[2 * row + LOW]] = halvesOfHex(p.sum);
  h.positiveSpanFirst[row] = h.spans;
  spans(p.positiveSpans);
  h.positiveSpanEnd[row] = h.spans;
  h.negativeSpanFirst[row] = h.spans;
  spans(p.negativeSpans);
  h.negativeSpanEnd[row] = h.spans;
  h.positiveFirst[row] = h.buckets;
  for (const count of p.positive) h.bucket[h.buckets++] = count;
  h.positiveEnd[row] = h.buckets;
  h.negativeFirst[row] = h.buckets;
  for (const count of p.negative) h.bucket[h.buckets++] = count;
  h.negativeEnd[row] = h.buckets;
  h.boundFirst[row] = h.bounds;
  for (const bound of p.bounds) h.bound[h.bounds++] = bound;
  h.boundEnd[row] = h.bounds;
  return row;
}

/** A sink that keeps everything; `unknown` gets the types that it was told. */
export function collectEntries(entries: LogEntry[], unknown: number[] = []): RecordSink {
  return {
    series: (ref, labels) => void entries.push({ kind: 'series', ref, labels }),
    sample: (ref, t, high, low, st) => void entries.push({ kind: 'sample', ref, t, st, v: hex(high, low) }),
    histogram: (ref, t, st, kind, h, row) =>
      void entries.push({
        kind: kind === KIND.histogram ? 'histogram' : 'floatHistogram',
        ref,
        t,
        st,
        h: plainHistogram(h, row),
      }),
    exemplar: (ref, t, value, labels) =>
      void entries.push({ kind: 'exemplar', ref, t, v: hexOf(value), labels }),
    metadata: (ref, m) => void entries.push({ kind: 'metadata', ref, ...m }),
    tombstone: (ref, mint, maxt) => void entries.push({ kind: 'tombstone', ref, mint, maxt }),
    marker: (ref, file, at) => void entries.push({ kind: 'marker', ref, file, at }),
    minValidTime: (t) => void entries.push({ kind: 'minValidTime', t }),
    unknown: (type) => void unknown.push(type),
  };
}

type Of<K extends LogEntry['kind']> = Extract<LogEntry, { kind: K }>;

/** The records of these entries, one a kind (histograms: as many as it takes), in the order of a commit. */
export function writeEntries(
  entries: readonly LogEntry[],
  withStart: boolean,
): { w: ByteWriter; ends: number[] } {
  const w = newByteWriter(64);
  const ends: number[] = [];
  const of = <K extends LogEntry['kind']>(...kinds: K[]): Of<K>[] =>
    entries.filter((e): e is Of<K> => (kinds as string[]).includes(e.kind));
  const record = <K extends LogEntry['kind']>(kind: K, type: number, put: (e: Of<K>) => void): void => {
    const list = of(kind);
    if (list.length === 0) return;
    beginRecord(w, type);
    for (const e of list) put(e);
    ends.push(w.n);
  };
  for (const e of of('minValidTime')) {
    putMinValidTime(w, e.t);
    ends.push(w.n);
  }
  record('series', RECORD.series, (e) => {
    const texts = e.labels.map((text) => new TextEncoder().encode(text));
    putSeries(w, e.ref, texts.length, {
      length: (i) => texts[i]!.length,
      copy: (i, b, at) => {
        b.set(texts[i]!, at);
        return at + texts[i]!.length;
      },
    });
  });
  record('metadata', RECORD.metadata, (e) => putMetadata(w, e.ref, e));
  const samples = of('sample');
  if (samples.length > 0) {
    putSamples(
      w,
      {
        ref: Float64Array.from(samples, (s) => s.ref),
        t: Float64Array.from(samples, (s) => s.t),
        value: Uint32Array.from(samples.flatMap((s) => halvesOfHex(s.v))),
        st: withStart ? Float64Array.from(samples, (s) => s.st) : null,
      },
      samples.length,
    );
    ends.push(w.n);
  }
  const histograms = of('histogram', 'floatHistogram');
  if (histograms.length > 0) {
    const h = newHistogramColumns(1);
    putHistograms(
      w,
      {
        ref: Float64Array.from(histograms, (s) => s.ref),
        t: Float64Array.from(histograms, (s) => s.t),
        st: withStart ? Float64Array.from(histograms, (s) => s.st) : null,
        kind: Uint8Array.from(histograms, (s) =>
          s.kind === 'histogram' ? KIND.histogram : KIND.floatHistogram,
        ),
        row: Uint32Array.from(histograms, (s) => addPlainHistogram(h, s.h)),
        h,
      },
      histograms.length,
      ends,
    );
  }
  const exemplars = of('exemplar');
  if (exemplars.length > 0) {
    putExemplars(
      w,
      exemplars.map((e) => ({ ref: e.ref, t: e.t, value: numberOf(e.v), labels: e.labels })),
    );
    ends.push(w.n);
  }
  record('tombstone', RECORD.tombstones, (e) => putTombstone(w, e.ref, e.mint, e.maxt));
  record('marker', RECORD.markers, (e) => putMarker(w, e.ref, e.file, e.at));
  return { w, ends };
}

/** The records as arrays. */
export function cutRecords({ w, ends }: { w: ByteWriter; ends: readonly number[] }): Uint8Array[] {
  return ends.map((end, i) => w.b.slice(ends[i - 1] ?? 0, end));
}
