// Metric families as a page of the text format 0.0.4.
import { METRIC_NAME, encodeUtf8, formatNumber, type MetricFamily, type MetricType } from '@munjigi/model';

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** The format knows five types; a reader of `info` and `stateset` sees gauges. */
const PRINTED: Readonly<Record<MetricType, string>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  gaugehistogram: 'untyped',
  summary: 'summary',
  info: 'gauge',
  stateset: 'gauge',
  unknown: 'untyped',
};

/** Families without samples are left out. Names outside the classic character set are quoted (`{"a.b"} 1`). */
export function writeText(families: Iterable<MetricFamily>): Uint8Array {
  let text = '';
  for (const family of families) {
    if (family.samples.length === 0) continue;
    const name = METRIC.test(family.name) ? family.name : quote(family.name);
    if (family.help !== '') text += `# HELP ${name} ${escapeHelp(family.help)}\n`;
    text += `# TYPE ${name} ${PRINTED[family.type]}\n`;
    for (const sample of family.samples) {
      text += `${printSeries(family.name + sample.suffix, sample.labels)} ${formatNumber(sample.value, 'g')}\n`;
    }
  }
  const bytes = new Uint8Array(3 * text.length);
  return bytes.subarray(0, encodeUtf8(text, bytes, 0));
}

function printSeries(metric: string, labels: readonly string[]): string {
  const bare = METRIC.test(metric);
  const parts = bare ? [] : [quote(metric)];
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i]!;
    if (name === METRIC_NAME) continue;
    parts.push(`${LABEL.test(name) ? name : quote(name)}=${quote(labels[i + 1]!)}`);
  }
  return parts.length === 0 ? metric : `${bare ? metric : ''}{${parts.join(',')}}`;
}

function quote(text: string): string {
  return `"${text.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`;
}

function escapeHelp(text: string): string {
  return text.replace(/[\\\n]/g, (c) => (c === '\n' ? '\\n' : '\\\\'));
}
