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
import type { Fragment, QueryIO } from '@munjigi/promql';
import { readSelectors } from './label-query.ts';

interface Newest {
  readonly labels: Labels;
  readonly value: number;
  readonly t_ms: number;
}

/** Series without a sample in the look-back, or that have ended, are left out. Throws RequestError for a wrong selector. */
export async function federate(
  match: readonly string[],
  time_ms: number,
  lookback_ms: number,
  io: QueryIO,
): Promise<Uint8Array<ArrayBuffer>> {
  const found = new Map<string, Newest>();
  for (const matchers of readSelectors(match)) {
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
        t_ms: Math.round(times.values[row]! * 1000),
      });
  }
  return new TextEncoder().encode(text([...found.values()].sort(byName)));
}

function nameOf({ labels }: Newest): string {
  return labelValue(labels, METRIC_NAME);
}

function byName(a: Newest, b: Newest): number {
  return compareText(nameOf(a), nameOf(b)) || compareLabels(a.labels, b.labels);
}

function text(sorted: readonly Newest[]): string {
  let out = '';
  let last = '';
  for (const series of sorted) {
    const name = nameOf(series);
    const plain = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
    if (name === '') continue;
    if (name !== last) out += `# TYPE ${plain ? name : quoted(name)} untyped\n`;
    last = name;
    const parts = plain ? [] : [quoted(name)];
    for (const [label, value] of labelPairs(series.labels))
      if (label !== METRIC_NAME) parts.push(`${LABEL.test(label) ? label : quoted(label)}=${quoted(value)}`);
    // As Prometheus: an absent instance is said to be empty, or the scraping side would fill in our own.
    if (labelValue(series.labels, 'instance') === '') parts.push('instance=""');
    const inner = parts.length === 0 ? '' : `{${parts.join(',')}}`;
    out += `${plain ? name : ''}${inner} ${formatNumber(series.value)} ${series.t_ms}\n`;
  }
  return out;
}

const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function quoted(s: string): string {
  return `"${s.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`;
}
