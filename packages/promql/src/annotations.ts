// Warnings and infos of a query, in Prometheus' words, and how many of the same become one.
import { formatNumber, quoteText } from '@munjigi/model';
import { forcedDetails, joinForced, type Forced } from './forced-buckets.ts';
import type { Annotation, Remark } from './fragment.ts';

/** Takes what an operation has to say about its input. */
export type Annotate = (a: Remark) => void;

function annotation(severity: Remark['severity'], text: string, place: string): Remark {
  return { severity, text: `PromQL ${severity}: ${text}`, place };
}

/** ` for metric name "x"`, or nothing where the name is unknown. */
function ofMetric(name: string): string {
  return name === '' ? '' : ` for metric name ${quoteText(name)}`;
}

export function invalidQuantile(q: number, place: string): Remark {
  return annotation(
    'warning',
    `quantile value should be between 0 and 1, got ${formatNumber(q, 'g')}`,
    place,
  );
}

export function invalidRatio(ratio: number, cap: number, place: string): Remark {
  const text = `ratio value should be between -1 and 1, got ${formatNumber(ratio, 'g')}, capping to ${cap}`;
  return annotation('warning', text, place);
}

export function invalidStrategy(strategy: number, place: string): Remark {
  const text = `strategy should be 0, 1, or 2 (default), using 2, got ${formatNumber(strategy, 'g')}`;
  return annotation('warning', text, place);
}

export function badBucketLabel(name: string, le: string, place: string): Remark {
  const text = `bucket label "le" is missing or has a malformed value of ${quoteText(le)}`;
  return annotation('warning', text + ofMetric(name), place);
}

export function mixedFloatsHistograms(name: string, place: string): Remark {
  const text = `encountered a mix of histograms and floats for metric name ${quoteText(name)}`;
  return annotation('warning', text, place);
}

export function mixedInAggregation(place: string): Remark {
  return annotation('warning', 'encountered a mix of histograms and floats for aggregation', place);
}

export function mixedClassicNative(name: string, place: string): Remark {
  return annotation(
    'warning',
    `vector contains a mix of classic and native histograms${ofMetric(name)}`,
    place,
  );
}

export function mixedSchemas(name: string, place: string): Remark {
  const text =
    'vector contains a mix of histograms with exponential and custom buckets schemas for metric name';
  return annotation('warning', `${text} ${quoteText(name)}`, place);
}

export function notACounter(name: string, place: string): Remark {
  return annotation('warning', `this native histogram metric is not a counter: ${quoteText(name)}`, place);
}

export function notAGauge(name: string, place: string): Remark {
  return annotation('warning', `this native histogram metric is not a gauge: ${quoteText(name)}`, place);
}

export function incompatibleLayout(op: string, place: string): Remark {
  return annotation('warning', `incompatible bucket layout encountered for binary operator ${op}`, place);
}

export function incompatibleTypes(left: string, op: string, right: string, place: string): Remark {
  const text = `incompatible sample types encountered for binary operator "${op}": ${left} ${op} ${right}`;
  return annotation('info', text, place);
}

export function sortInRange(place: string): Remark {
  return annotation(
    'warning',
    'sort is ineffective for range queries since results are always ordered by labels',
    place,
  );
}

export function histogramIgnored(aggregation: string, place: string): Remark {
  return annotation('info', `ignored histogram in ${aggregation} aggregation`, place);
}

export function histogramsIgnoredInRange(name: string, place: string): Remark {
  const text = `ignored histograms in a range containing both floats and histograms for metric name ${quoteText(name)}`;
  return annotation('info', text, place);
}

export function notANumberQuantile(kind: 'nan result' | 'nan skew', name: string, place: string): Remark {
  const outcome = kind === 'nan result' ? 'result is NaN' : 'result is skewed higher';
  const text = `input to histogram_quantile has NaN observations, ${outcome}${ofMetric(name)}`;
  return annotation('info', text, place);
}

export function notANumberFraction(name: string, place: string): Remark {
  const text = 'input to histogram_fraction has NaN observations, which are excluded from all fractions';
  return annotation('info', text + ofMetric(name), place);
}

export type HistogramOperation = 'addition' | 'subtraction' | 'aggregation';

export function resetCollision(operation: HistogramOperation, place: string): Remark {
  return annotation('warning', `conflicting counter resets during histogram ${operation}`, place);
}

export function boundsReconciled(operation: HistogramOperation, place: string): Remark {
  return annotation('info', `mismatched custom buckets were reconciled during ${operation}`, place);
}

/** Says how often it was seen, once all of them are together. */
export function startTimeOverlap(name: string, place: string): Remark {
  const text = `sample has start time that overlaps with previous sample timestamp for metric ${quoteText(name)}`;
  return { ...annotation('warning', text, place), occurrences: 1 };
}

/** Prometheus' hint when rate or increase sees a metric whose name is not a counter's; null where the name is one's, or there is none. */
export function counterNameHint(name: string, place: string): Remark | null {
  if (name === '' || /_(?:total|sum|count|bucket)$/.test(name)) return null;
  const text = `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quoteText(name)}`;
  return annotation('info', text, place);
}

/** Falling buckets of classic histograms that histogram_quantile lifted. */
export function forcedMonotonicity(name: string, forced: Forced, place: string): Remark {
  return { ...annotation('info', forcedText(name), place), forced };
}

/** What is said of falling buckets, without the numbers. */
function forcedText(name: string): string {
  return (
    'input to histogram_quantile needed to be fixed for monotonicity (see ' +
    `https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)${ofMetric(name)}`
  );
}

/** Whether falling buckets of a name were told before. */
export function toldForced(list: readonly Remark[], name: string): boolean {
  const { text } = annotation('info', forcedText(name), '');
  return list.some((a) => a.text === text);
}

/**
 * Remarks of one text as one, in order. The last one's place stays, as in Prometheus; those that count keep the first one's and are added up
 * to it.
 */
export function uniqueRemarks(list: readonly Remark[]): Remark[] {
  const seen = new Map<string, Remark>();
  for (const a of list) {
    const before = seen.get(a.text);
    seen.set(a.text, before === undefined ? a : joined(before, a));
  }
  return [...seen.values()];
}

function joined(before: Remark, a: Remark): Remark {
  if (before.occurrences !== undefined && a.occurrences !== undefined)
    return { ...before, occurrences: before.occurrences + a.occurrences };
  if (before.forced !== undefined && a.forced !== undefined)
    return { ...before, forced: joinForced(before.forced, a.forced) };
  return a;
}

/** The annotations of a whole result: each text once, with its numbers and its place. */
export function finalAnnotations(list: readonly Remark[]): Annotation[] {
  return uniqueRemarks(list).map(({ severity, text, place, occurrences = 1, forced }) => {
    let message = text;
    if (occurrences > 1) message += ` (${occurrences} occurrences)`;
    if (forced !== undefined) message += `, ${forcedDetails(forced)}`;
    if (place !== '') message += ` (${place})`;
    return { severity, message };
  });
}
