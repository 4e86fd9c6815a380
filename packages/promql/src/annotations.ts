// Warnings and infos of a query, in Prometheus' words, and how many of the same become one.
import { formatNumber, quoteText } from '@munjigi/model';
import type { Annotation } from './fragment.ts';

/** Takes what an operation has to say about its input. */
export type Annotate = (a: Annotation) => void;

function annotation(severity: Annotation['severity'], text: string, place: string): Annotation {
  const message = `PromQL ${severity}: ${text}`;
  return { severity, message: place === '' ? message : `${message} (${place})` };
}

/** ` for metric name "x"`, or nothing where the name is unknown. */
function ofMetric(name: string): string {
  return name === '' ? '' : ` for metric name ${quoteText(name)}`;
}

export function invalidQuantile(q: number, place: string): Annotation {
  return annotation(
    'warning',
    `quantile value should be between 0 and 1, got ${formatNumber(q, 'g')}`,
    place,
  );
}

export function invalidRatio(ratio: number, cap: number, place: string): Annotation {
  const text = `ratio value should be between -1 and 1, got ${formatNumber(ratio, 'g')}, capping to ${cap}`;
  return annotation('warning', text, place);
}

export function invalidStrategy(strategy: number, place: string): Annotation {
  const text = `strategy should be 0, 1, or 2 (default), using 2, got ${formatNumber(strategy, 'g')}`;
  return annotation('warning', text, place);
}

export function badBucketLabel(name: string, le: string, place: string): Annotation {
  const text = `bucket label "le" is missing or has a malformed value of ${quoteText(le)}`;
  return annotation('warning', text + ofMetric(name), place);
}

export function mixedFloatsHistograms(name: string, place: string): Annotation {
  const text = `encountered a mix of histograms and floats for metric name ${quoteText(name)}`;
  return annotation('warning', text, place);
}

export function mixedInAggregation(place: string): Annotation {
  return annotation('warning', 'encountered a mix of histograms and floats for aggregation', place);
}

export function mixedClassicNative(name: string, place: string): Annotation {
  return annotation(
    'warning',
    `vector contains a mix of classic and native histograms${ofMetric(name)}`,
    place,
  );
}

export function mixedSchemas(name: string, place: string): Annotation {
  const text =
    'vector contains a mix of histograms with exponential and custom buckets schemas for metric name';
  return annotation('warning', `${text} ${quoteText(name)}`, place);
}

export function notACounter(name: string, place: string): Annotation {
  return annotation('warning', `this native histogram metric is not a counter: ${quoteText(name)}`, place);
}

export function notAGauge(name: string, place: string): Annotation {
  return annotation('warning', `this native histogram metric is not a gauge: ${quoteText(name)}`, place);
}

export function incompatibleLayout(op: string, place: string): Annotation {
  return annotation('warning', `incompatible bucket layout encountered for binary operator ${op}`, place);
}

export function incompatibleTypes(left: string, op: string, right: string, place: string): Annotation {
  const text = `incompatible sample types encountered for binary operator "${op}": ${left} ${op} ${right}`;
  return annotation('info', text, place);
}

export function sortInRange(place: string): Annotation {
  return annotation(
    'warning',
    'sort is ineffective for range queries since results are always ordered by labels',
    place,
  );
}

export function histogramIgnored(aggregation: string, place: string): Annotation {
  return annotation('info', `ignored histogram in ${aggregation} aggregation`, place);
}

export function histogramsIgnoredInRange(name: string, place: string): Annotation {
  const text = `ignored histograms in a range containing both floats and histograms for metric name ${quoteText(name)}`;
  return annotation('info', text, place);
}

export function notANumberQuantile(kind: 'nan result' | 'nan skew', name: string, place: string): Annotation {
  const outcome = kind === 'nan result' ? 'result is NaN' : 'result is skewed higher';
  const text = `input to histogram_quantile has NaN observations, ${outcome}${ofMetric(name)}`;
  return annotation('info', text, place);
}

export function notANumberFraction(name: string, place: string): Annotation {
  const text = 'input to histogram_fraction has NaN observations, which are excluded from all fractions';
  return annotation('info', text + ofMetric(name), place);
}

export type HistogramOperation = 'addition' | 'subtraction' | 'aggregation';

export function resetCollision(operation: HistogramOperation, place: string): Annotation {
  return annotation('warning', `conflicting counter resets during histogram ${operation}`, place);
}

export function boundsReconciled(operation: HistogramOperation, place: string): Annotation {
  return annotation('info', `mismatched custom buckets were reconciled during ${operation}`, place);
}

/** Says how often it was seen, once all of them are together. */
export function startTimeOverlap(name: string, place: string): Annotation {
  const text = `sample has start time that overlaps with previous sample timestamp for metric ${quoteText(name)}`;
  return { ...annotation('warning', text, place), occurrences: 1 };
}

/** Prometheus' hint when rate or increase sees a metric whose name is not a counter's; null where the name is one's, or there is none. */
export function counterNameHint(name: string, place: string): Annotation | null {
  if (name === '' || /_(?:total|sum|count|bucket)$/.test(name)) return null;
  const text = `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quoteText(name)}`;
  return annotation('info', text, place);
}

/** Falling buckets of classic histograms that histogram_quantile lifted. `from`, `to` and times say where in all that was. */
export function forcedMonotonicity(name: string, details: string, place: string): Annotation {
  const text =
    'input to histogram_quantile needed to be fixed for monotonicity (see ' +
    `https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)${ofMetric(name)}, ${details}`;
  return annotation('info', text, place);
}

const PLACE = / \(\d+:\d+\)$/;

/** Each annotation once, in order; of those that differ in their place only the last stays, as in Prometheus. */
export function uniqueAnnotations(list: readonly Annotation[]): Annotation[] {
  const seen = new Map<string, Annotation>();
  for (const a of list) {
    const key = a.message.replace(PLACE, '');
    const before = seen.get(key)?.occurrences ?? 0;
    seen.set(key, a.occurrences === undefined ? a : { ...a, occurrences: before + a.occurrences });
  }
  return [...seen.values()];
}

/** The annotations of a whole result: each once, with how often it was seen where that is told. */
export function finalAnnotations(list: readonly Annotation[]): Annotation[] {
  return uniqueAnnotations(list).map(({ severity, message, occurrences = 1 }) => {
    if (occurrences === 1) return { severity, message };
    const place = PLACE.exec(message)?.[0] ?? '';
    const text = message.slice(0, message.length - place.length);
    return { severity, message: `${text} (${occurrences} occurrences)${place}` };
  });
}
