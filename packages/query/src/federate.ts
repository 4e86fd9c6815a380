// The newest sample of every series that some selectors match, as exposition text with its own time: what another Prometheus scrapes from
// /federate. Series come by name, each name with one TYPE line, as the format wants it.
import {
  compareLabels,
  compareText,
  formatNumber,
  labelsKey,
  labelPairs,
  labelValue,
  METRIC_NAME,
  type Labels,
} from '@munjigi/model';
import type { Fragment, Histogram, QueryIO } from '@munjigi/promql';
import { readSelectors } from './label-query.ts';

interface Newest {
  readonly labels: Labels;
  readonly value: number;
  /** Instead of `value`. */
  readonly histogram: Histogram | null;
  readonly t_ms: number;
}

/** Series without a sample in the look-back, or that have ended, are left out. Throws RequestError for a wrong selector. */
export async function federate(
  match: readonly string[],
  time_ms: number,
  lookback_ms: number,
  io: QueryIO,
): Promise<AsyncGenerator<Uint8Array<ArrayBuffer>>> {
  const found = new Map<string, Newest>();
  for (const matchers of readSelectors(match, false)) {
    const at = { id: 0, matchers, range_ms: lookback_ms, args: [], aggregate: null, place: '' };
    const base: Omit<Fragment, 'func'> = { ...at, grid: { start_ms: time_ms, step_ms: 1, steps: 1 } };
    const [values, times] = await Promise.all([
      io.run({ ...base, func: 'last' }),
      io.run({ ...base, func: 'timestamp' }),
    ]);
    // One selection under both, and the same samples count: the rows are the same.
    for (const [row, labels] of values.labels.entries())
      found.set(labelsKey(labels), {
        labels,
        value: values.values[row]!,
        histogram: values.histograms?.[row] ?? null,
        t_ms: Math.round(times.values[row]! * 1000),
      });
  }
  return texts([...found.values()].sort(byName), io.pause);
}

function nameOf({ labels }: Newest): string {
  return labelValue(labels, METRIC_NAME);
}

function byName(a: Newest, b: Newest): number {
  return compareText(nameOf(a), nameOf(b)) || compareLabels(a.labels, b.labels);
}

/** Series between two pauses: some ms. */
const SERIES_PER_PIECE = 2000;

async function* texts(
  sorted: readonly Newest[],
  pause: QueryIO['pause'],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let family = '';
  for (let from = 0; from < sorted.length; from += SERIES_PER_PIECE) {
    if (from > 0) await pause?.();
    let out = '';
    for (const series of sorted.slice(from, from + SERIES_PER_PIECE)) {
      const { histogram } = series;
      const name = nameOf(series);
      // The text format has no exponential histograms; custom buckets are classic ones there.
      if (name === '' || (histogram !== null && histogram.bounds === null)) continue;
      const type = histogram === null ? 'untyped' : 'histogram';
      if (`${type} ${name}` !== family) out += `# TYPE ${PLAIN.test(name) ? name : quoted(name)} ${type}\n`;
      family = `${type} ${name}`;
      out += histogram === null ? line(series, '', series.value) : classic(series, histogram);
    }
    yield encoder.encode(out);
  }
}

const PLAIN = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** `extra`: a label more, written out. */
function line(series: Newest, suffix: string, value: number, extra: string = ''): string {
  const name = `${nameOf(series)}${suffix}`;
  const plain = PLAIN.test(name);
  const parts = plain ? [] : [quoted(name)];
  for (const [label, text] of labelPairs(series.labels))
    if (label !== METRIC_NAME) parts.push(`${LABEL.test(label) ? label : quoted(label)}=${quoted(text)}`);
  // As Prometheus: an absent instance is said to be empty, or the scraping side would fill in our own.
  if (labelValue(series.labels, 'instance') === '') parts.push('instance=""');
  if (extra !== '') parts.push(extra);
  const inner = parts.length === 0 ? '' : `{${parts.join(',')}}`;
  return `${plain ? name : ''}${inner} ${formatNumber(value)} ${series.t_ms}\n`;
}

function classic(series: Newest, { bounds, positiveIndex, positive, count, sum }: Histogram): string {
  let out = '';
  let below = 0;
  for (let i = 0, k = 0; i < bounds!.length; i++) {
    for (; k < positive.length && positiveIndex[k]! <= i; k++) below += positive[k]!;
    out += line(series, '_bucket', below, `le=${quoted(formatNumber(bounds![i]!))}`);
  }
  out += line(series, '_bucket', count, 'le="+Inf"');
  return `${out}${line(series, '_sum', sum)}${line(series, '_count', count)}`;
}

const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function quoted(s: string): string {
  return `"${s.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`;
}
