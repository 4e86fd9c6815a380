// Samples of every kind as texts, to write and to compare.
import {
  HIGH,
  KIND,
  LOW,
  STALE_HIGH,
  STALE_LOW,
  SymbolReader,
  halvesOf,
  labelsFromObject,
  newColumn,
  newHistogramColumns,
  appendEmptyRows,
  growHistogramParts,
  type Appender,
  type Column,
  type CommitResult,
  type HistogramColumns,
  type Querier,
  type Selection,
} from '@munjigi/model';
import type { Files } from '@munjigi/env';
import { openChunkReader, type Head } from '../index.ts';

/** A sample as a test writes it: a float, or a histogram with these buckets (absolute counts) from bucket `offset` on. */
export interface TestSample {
  readonly t: number;
  readonly v?: number;
  /** A float that is a staleness mark. */
  readonly stale?: boolean;
  readonly st?: number;
  readonly buckets?: readonly number[];
  readonly offset?: number;
  readonly float?: boolean;
  readonly hint?: number;
  readonly bounds?: readonly number[];
}

/** Row 0 of new columns. */
export function histogramOf(s: TestSample): HistogramColumns {
  const h = newHistogramColumns(1);
  const buckets = s.buckets!;
  appendEmptyRows(h, 1);
  growHistogramParts(h, 1, buckets.length, s.bounds?.length ?? 0);
  const count = buckets.reduce((sum, n) => sum + n, 0);
  h.count[0] = count;
  h.sum[0] = s.v ?? count * 1.5;
  h.resetHint[0] = s.hint ?? 0;
  if (s.bounds !== undefined) {
    h.schema[0] = -53;
    h.bound.set(s.bounds);
    h.bounds = s.bounds.length;
    h.boundEnd[0] = s.bounds.length;
  } else h.zeroThreshold[0] = 0.001;
  h.spanOffset[0] = s.offset ?? 0;
  h.spanLength[0] = buckets.length;
  h.spans = 1;
  h.bucket.set(buckets);
  h.buckets = buckets.length;
  h.positiveSpanEnd[0] = 1;
  h.positiveEnd[0] = buckets.length;
  for (const end of [h.negativeSpanFirst, h.negativeSpanEnd]) end[0] = 1;
  for (const end of [h.negativeFirst, h.negativeEnd]) end[0] = buckets.length;
  return h;
}

/** Puts a sample into an appender's batch. */
export function offer(appender: Appender, ref: number, s: TestSample): void {
  if (s.buckets === undefined) {
    const v = Float64Array.of(s.v ?? 0);
    if (s.stale === true) new Uint32Array(v.buffer).set([STALE_LOW, STALE_HIGH]);
    const st = s.st === undefined ? null : Float64Array.of(s.st);
    appender.floats(Float64Array.of(ref), Float64Array.of(s.t), v, st, 1);
  } else
    appender.histogram(
      ref,
      s.t,
      s.float === true ? KIND.floatHistogram : KIND.histogram,
      histogramOf(s),
      0,
      s.st ?? 0,
    );
}

/** Commits samples of one series. */
export async function put(
  head: Head,
  labels: Readonly<Record<string, string>>,
  samples: readonly TestSample[],
): Promise<CommitResult> {
  const appender = head.appender();
  const ref = appender.series(labelsFromObject(labels));
  for (const s of samples) offer(appender, ref, s);
  return appender.commit();
}

/** Texts `t value` of each series, by its labels `a=b,c=d`. */
export type Texts = Record<string, string[]>;

export async function readAll(
  head: Head,
  files?: Files,
  mint: number = -Infinity,
  maxt: number = Infinity,
): Promise<Texts> {
  const querier = head.querier();
  try {
    return await readFrom(querier, files, mint, maxt);
  } finally {
    querier.close();
  }
}

export async function readFrom(
  querier: Querier,
  files?: Files,
  mint: number = -Infinity,
  maxt: number = Infinity,
): Promise<Texts> {
  return selectionTexts(await querier.select(mint, maxt, []), files, mint, maxt);
}

export async function selectionTexts(
  s: Selection,
  files?: Files,
  mint: number = -Infinity,
  maxt: number = Infinity,
): Promise<Texts> {
  const reader = openChunkReader(files);
  const symbols = new SymbolReader(s.symbols);
  const column = newColumn(1);
  const texts: Texts = {};
  await reader.load(s, 0, s.count);
  for (let i = 0; i < s.count; i++) {
    const parts: string[] = [];
    for (let w = s.labelFirst[i]!; w < s.labelFirst[i + 1]!; w += 2)
      parts.push(`${symbols.text(s.labelSymbols[w]!)}=${symbols.text(s.labelSymbols[w + 1]!)}`);
    reader.series(s, i, mint, maxt, column);
    texts[parts.join(',')] = columnTexts(column);
  }
  return texts;
}

function columnTexts(c: Column): string[] {
  return Array.from({ length: c.n }, (_, i) => {
    const st = c.st === null || c.st[i] === 0 ? '' : ` from ${c.st[i]}`;
    return `${c.t[i]} ${valueText(c, i)}${st}`;
  });
}

function valueText(c: Column, i: number): string {
  const kind = c.kind === null ? KIND.float : c.kind[i]!;
  if (kind === KIND.float) return floatText(c.bits[2 * i + HIGH]!, c.bits[2 * i + LOW]!);
  const h = c.h!;
  const sums = halvesOf(h.sum);
  const sum = floatText(sums[2 * i + HIGH]!, sums[2 * i + LOW]!);
  const cells: string[] = [];
  let at = 0;
  let bucket = h.positiveFirst[i]!;
  for (let s = h.positiveSpanFirst[i]!; s < h.positiveSpanEnd[i]!; s++) {
    at += h.spanOffset[s]!;
    for (let k = 0; k < h.spanLength[s]!; k++, at++, bucket++)
      if (h.bucket[bucket] !== 0) cells.push(`${at}:${h.bucket[bucket]}`);
  }
  const bounds = Array.from(h.bound.subarray(h.boundFirst[i], h.boundEnd[i])).join('/');
  return `${kind === KIND.histogram ? 'h' : 'fh'}[${cells.join(' ')}]${bounds} sum ${sum}`;
}

function floatText(high: number, low: number): string {
  if (high === STALE_HIGH && low === STALE_LOW) return 'stale';
  const bits = new Uint32Array(2);
  bits[HIGH] = high;
  bits[LOW] = low;
  return String(new Float64Array(bits.buffer)[0]);
}
