// `munjigi tsdb dump` and `dump-openmetrics`: the samples of a folder as text.
import type { Env } from '@munjigi/env';
import { nodeEnv, stderr } from '@munjigi/env/node';
import { isStale, KIND, labelsToObject, METRIC_NAME, type Column, type Labels } from '@munjigi/model';
import { Failure, selectorOption, wholeNumber } from './failure.ts';
import { goFloat, goQuote } from './go-format.ts';
import { histogramText } from './histogram-text.ts';
import { newPrinter, type Printer } from './output.ts';
import { newProgress } from './progress.ts';
import { eachSeries, type SeriesQuery } from './series-of.ts';

export interface DumpOptions {
  readonly match?: readonly string[];
  readonly minTime?: string;
  readonly maxTime?: string;
  readonly sandboxDirRoot?: string;
  /** prom (default) or seriesjson. */
  readonly format?: string;
}

const FORMATS: readonly string[] = ['prom', 'seriesjson'];

export async function dump(
  path: string,
  options: DumpOptions,
  env: Env = nodeEnv({ logLevel: 'error' }),
  out: Printer = newPrinter(),
): Promise<number> {
  const format = options.format ?? 'prom';
  if (!FORMATS.includes(format))
    throw new Failure(`--format: wants prom or seriesjson, got ${JSON.stringify(format)}`, 2);
  const line =
    format === 'prom'
      ? (labels: Labels, column: Column): void => printSamples(out, labels, column)
      : (labels: Labels): void => out.line(goJson(labels));
  return dumpWith(path, options, env, out, line);
}

export async function dumpOpenMetrics(
  path: string,
  options: DumpOptions,
  env: Env = nodeEnv({ logLevel: 'error' }),
  out: Printer = newPrinter(),
): Promise<number> {
  const left = { histograms: 0, markers: 0 };
  const code = await dumpWith(path, options, env, out, (labels, column) => {
    const text = openMetricsSeries(labels);
    for (let i = 0; i < column.n; i++) {
      if (column.kind !== null && column.kind[i] !== KIND.float) left.histograms++;
      else if (isStale(column.bits, i)) left.markers++;
      else out.line(`${text} ${goFloat(column.v[i]!)} ${openMetricsTime(column.t[i]!)}`);
    }
  });
  out.line('# EOF');
  out.flush();
  if (left.histograms + left.markers > 0)
    stderr.write(
      `left out, as OpenMetrics cannot say them: ${left.histograms} native histograms, ${left.markers} staleness markers\n`,
    );
  return code;
}

async function dumpWith(
  path: string,
  options: DumpOptions,
  env: Env,
  out: Printer,
  each: (labels: Labels, column: Column) => void,
): Promise<number> {
  if (options.sandboxDirRoot !== undefined)
    stderr.write('--sandbox-dir-root has no effect: the log is read into memory, nothing is written\n');
  const query: SeriesQuery = {
    selectors: (options.match ?? []).map(selectorOption),
    mint: time('--min-time', options.minTime, Number.MIN_SAFE_INTEGER),
    maxt: time('--max-time', options.maxTime, Number.MAX_SAFE_INTEGER),
  };
  const progress = newProgress(env.clock, false);
  try {
    const warnings = await eachSeries(env, path, query, progress, each);
    out.flush();
    for (const warning of warnings) stderr.write(`${warning}\n`);
    return warnings.length > 0 ? 1 : 0;
  } finally {
    progress.end();
  }
}

function time(option: string, text: string | undefined, absent: number): number {
  if (text === undefined) return absent;
  const ms = wholeNumber(option, text, -Infinity);
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, ms));
}

function printSamples(out: Printer, labels: Labels, column: Column): void {
  const text = goLabels(labels);
  for (let i = 0; i < column.n; i++) {
    const kind = column.kind === null ? KIND.float : column.kind[i]!;
    const value = kind === KIND.float ? goFloat(column.v[i]!) : histogramText(column.h!, i, kind);
    out.line(`${text} ${value} ${column.t[i]!}`);
  }
}

const BARE_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const BARE_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** {__name__="up", job="a"} */
function goLabels(labels: Labels): string {
  const parts: string[] = [];
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i]!;
    parts.push(`${BARE_LABEL.test(name) ? name : goQuote(name)}=${goQuote(labels[i + 1]!)}`);
  }
  return `{${parts.join(', ')}}`;
}

/** As Go's JSON: three characters of HTML and two of JavaScript are escaped. */
function goJson(labels: Labels): string {
  return JSON.stringify(labelsToObject(labels)).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** up{job="a"}, with the escapes of the format; names that need it are quoted inside the braces. */
function openMetricsSeries(labels: Labels): string {
  const parts: string[] = [];
  let metric = '';
  for (let i = 0; i < labels.length; i += 2) {
    const [name, value] = [labels[i]!, labels[i + 1]!];
    if (name === METRIC_NAME) metric = value;
    else parts.push(`${BARE_LABEL.test(name) ? name : escaped(name)}=${escaped(value)}`);
  }
  const bare = metric === '' || BARE_METRIC.test(metric);
  if (!bare) parts.unshift(escaped(metric));
  return `${bare ? metric : ''}{${parts.join(',')}}`;
}

function escaped(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

/**
 * Seconds with three digits. Readers multiply by 1000 and cut off, Prometheus' too: where that would give the ms before, a fourth digit
 * keeps the time what it was.
 */
function openMetricsTime(ms: number): string {
  const all = Math.abs(ms);
  const text = `${ms < 0 ? '-' : ''}${Math.floor(all / 1000)}.${String(all % 1000).padStart(3, '0')}`;
  return Math.trunc(Number(text) * 1000) === ms ? text : `${text}5`;
}
