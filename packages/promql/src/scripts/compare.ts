// A result against what a script expects: the first difference as text, '' when there is none.
import { compareLabels, formatNumber, isStale, printLabels, type Labels } from '@munjigi/model';
import { CELL, type Annotation } from '../fragment.ts';
import type { Histogram } from '../histogram/histogram.ts';
import { eachPoint, type MatrixResult, type Result, type VectorResult } from '../result.ts';
import { nearlyEqual } from './nearly.ts';
import { histogramsMatch } from './histogram-match.ts';
import { testHistogram } from '../histogram/print.ts';
import type { Expectation, ExpectedSeries, Times, WantedAnnotations } from './script.ts';

/** `times` are those of a matrix' points; null: a matrix is not expected. */
export function compareResult(got: Result, want: Expectation, times: Times | null): string {
  switch (got.type) {
    case 'string':
      if (want.text === null) return `want no string, got ${JSON.stringify(got.value)}`;
      return got.value === want.text ? '' : differ(JSON.stringify(want.text), JSON.stringify(got.value));
    case 'scalar':
      if (want.scalar === null)
        return `want ${wantedKind(want)}, got the scalar ${formatNumber(got.value, 'g')}`;
      return nearlyEqual(got.value, want.scalar)
        ? ''
        : differ(formatNumber(want.scalar, 'g'), formatNumber(got.value, 'g'));
    case 'vector':
      if (want.scalar !== null || want.text !== null)
        return `want ${wantedKind(want)}, got a vector: ${vectorText(got)}`;
      return compareVector(got, want);
    case 'matrix':
      if (want.ordered) return 'an ordered result is expected, but the query gave a matrix';
      if (want.scalar !== null || want.text !== null) return `want ${wantedKind(want)}, got a matrix`;
      return compareMatrix(got, want, times);
  }
}

/** Annotations of both kinds as Prometheus' runner judges them. */
export function compareAnnotations(got: readonly Annotation[], want: Expectation): string {
  return (
    annotationsOf(
      'warn',
      got.filter((a) => a.severity === 'warning'),
      want.warn,
    ) ||
    annotationsOf(
      'info',
      got.filter((a) => a.severity === 'info'),
      want.info,
    )
  );
}

function annotationsOf(kind: string, got: readonly Annotation[], want: WantedAnnotations): string {
  const messages = got.map((a) => a.message);
  const shown = messages.length === 0 ? 'none' : messages.join('; ');
  if (want.none && messages.length > 0) return `${kind}: want none, got ${shown}`;
  if (want.texts.length === 0) return '';
  const missing = want.texts.find(({ test }) => !messages.some(test));
  if (missing !== undefined) return `${kind}: want ${missing.shown}, got ${shown}`;
  const extra = messages.find((message) => !want.texts.some(({ test }) => test(message)));
  if (extra !== undefined)
    return `${kind}: want only ${want.texts.map((t) => t.shown).join('; ')}, got ${extra}`;
  return '';
}

/** The point of a range query's result at one time, as the result of an instant query. */
export function pointsAt(m: MatrixResult & Result, t_ms: number): VectorResult & Result {
  const labels: Labels[] = [];
  const rows: [number, number, Histogram | null][] = [];
  for (let i = 0; i < m.labels.length; i++)
    eachPoint(m, i, (t, v, h) => {
      if (t !== t_ms) return;
      labels.push(m.labels[i]!);
      rows.push([i, v, h]);
    });
  return {
    type: 'vector',
    t_ms,
    labels,
    values: Float64Array.from(rows, ([, v]) => v),
    histograms: rows.map(([, , h]) => h),
    annotations: m.annotations,
    samplesRead: m.samplesRead,
  };
}

/** Where series are not in label order, '' where they are. */
export function unsorted(m: MatrixResult): string {
  for (let i = 1; i < m.labels.length; i++)
    if (compareLabels(m.labels[i - 1]!, m.labels[i]!) > 0)
      return `a matrix is sorted by labels, but ${printLabels(m.labels[i]!)} stands behind ${printLabels(m.labels[i - 1]!)}`;
  return '';
}

function compareVector(got: VectorResult, want: Expectation): string {
  const seen = new Set<ExpectedSeries>();
  for (let i = 0; i < got.labels.length; i++) {
    const labels = got.labels[i]!;
    const h = got.histograms?.[i] ?? null;
    const shown = printLabels(labels);
    const wanted = want.series.find((s) => compareLabels(s.labels, labels) === 0);
    if (wanted === undefined) return `unexpected series ${shown} ${pointText(got.values, i, h)}`;
    if (seen.has(wanted)) return `series ${shown} is there twice`;
    seen.add(wanted);
    if (want.ordered && wanted.place !== i)
      return `${shown}: want it at place ${wanted.place + 1}, got ${i + 1}`;
    if (!samePoint(wanted, 0, got.values, i, h))
      return `${shown}: ${differ(itemText(wanted, 0), pointText(got.values, i, h))}`;
  }
  const missing = want.series.find((s) => !seen.has(s));
  return missing === undefined
    ? ''
    : `missing series ${printLabels(missing.labels)} ${itemText(missing, 0)}, got ${vectorText(got)}`;
}

function compareMatrix(got: MatrixResult, want: Expectation, times: Times | null): string {
  const order = unsorted(got);
  if (order !== '') return order;
  const seen = new Set<ExpectedSeries>();
  for (let i = 0; i < got.labels.length; i++) {
    const labels = got.labels[i]!;
    const shown = printLabels(labels);
    const wanted = want.series.find((s) => compareLabels(s.labels, labels) === 0);
    if (wanted === undefined) return `unexpected series ${shown} ${seriesText(got, i)}`;
    if (seen.has(wanted)) return `series ${shown} is there twice`;
    seen.add(wanted);
    const difference = comparePoints(got, i, wanted, times);
    if (difference !== '') return `${shown}: ${difference}`;
  }
  const missing = want.series.find((s) => !seen.has(s));
  return missing === undefined ? '' : `missing series ${printLabels(missing.labels)}`;
}

function comparePoints(got: MatrixResult, i: number, want: ExpectedSeries, times: Times | null): string {
  const n = want.kind.length;
  if (n > 0 && times === null) return "want one value, got a matrix: consider using 'expect range vector'";
  if (times !== null && n > 0 && times.start_ms + (n - 1) * times.step_ms > times.end_ms)
    return `want ${n} points, but the time range cannot hold so many`;
  const wanted: number[] = [];
  for (let k = 0; k < n; k++) if (want.kind[k] !== CELL.absent) wanted.push(k);
  let at = 0;
  let same = true;
  eachPoint(got, i, (t, value, h) => {
    const k = wanted[at++];
    if (k === undefined || t !== times!.start_ms + k * times!.step_ms || !samePoint(want, k, [value], 0, h))
      same = false;
  });
  if (same && at === wanted.length) return '';
  const shown = wanted.map((k) => `${itemText(want, k)}@${(times!.start_ms + k * times!.step_ms) / 1000}`);
  return differ(shown.join(' ') || 'no points', seriesText(got, i));
}

/** Item k against a value, or a histogram where that is one. Staleness marks are told by their bits where the values have them. */
function samePoint(
  want: ExpectedSeries,
  k: number,
  values: Float64Array | readonly number[],
  i: number,
  h: Histogram | null,
): boolean {
  const wanted = want.kind[k] === CELL.histogram ? want.histograms[k]! : null;
  if (wanted !== null) return h !== null && histogramsMatch(wanted, h, want.hinted[k] === 1);
  if (h !== null) return false;
  if (stale(want.values, k) !== stale(values, i)) return false;
  return nearlyEqual(want.values[k]!, values[i]!);
}

function stale(values: Float64Array | readonly number[], i: number): boolean {
  if (!(values instanceof Float64Array) || values[i] === values[i]) return false;
  return isStale(new Uint32Array(values.buffer, values.byteOffset, 2 * values.length), i);
}

function differ(want: string, got: string): string {
  return `want ${want}, got ${got}`;
}

function wantedKind(want: Expectation): string {
  if (want.scalar !== null) return `the scalar ${formatNumber(want.scalar, 'g')}`;
  return want.text === null ? `${want.series.length} series` : `the string ${JSON.stringify(want.text)}`;
}

function itemText(s: ExpectedSeries, k: number): string {
  return s.kind[k] === CELL.absent ? '_' : pointText(s.values, k, s.histograms[k]!);
}

function pointText(values: Float64Array | readonly number[], i: number, h: Histogram | null): string {
  if (h !== null) return testHistogram(h);
  return stale(values, i) ? 'stale' : formatNumber(values[i]!, 'g');
}

function vectorText(v: VectorResult): string {
  if (v.labels.length === 0) return 'nothing';
  return v.labels
    .map((labels, i) => `${printLabels(labels)} ${pointText(v.values, i, v.histograms?.[i] ?? null)}`)
    .join(', ');
}

function seriesText(m: MatrixResult, i: number): string {
  const points: string[] = [];
  eachPoint(m, i, (t, value, h) => points.push(`${pointText([value], 0, h)}@${t / 1000}`));
  return points.join(' ') || 'no points';
}
