// `munjigi promql query instant|range`: an expression evaluated by a server, or here over a data folder, and printed.
import type { Command } from 'commander';
import { EnvError, type Env } from '@munjigi/env';
import { environment, nodeEnv, stderr, stdout } from '@munjigi/env/node';
import { queryLocal } from '@munjigi/query';
import { withDataFolder } from './promql-folder.ts';
import { readAnswer, type Answer, type Reply } from './promql-query-answer.ts';
import { pointedError } from './promql-error.ts';
import { plotBars, plotLines } from './promql-query-plot.ts';
import { printCsv, printTable } from './promql-query-text.ts';
import {
  rangeTimes,
  readStep,
  readTime,
  TIME_HELP,
  type RangeOptions,
  type Times,
} from './promql-query-times.ts';
import { Failure, runCommand, wholeNumber } from './tsdb/failure.ts';
import { newPrinter, type Printer } from './tsdb/output.ts';

const DEFAULT_SERVER = 'http://localhost:9090';

interface QueryOptions {
  readonly server?: string;
  readonly data?: string;
  readonly output: string;
  readonly lookbackDelta?: string;
  readonly limit?: string;
}

interface InstantOptions extends QueryOptions {
  readonly time?: string;
}

/** Adds `query` to `promql`; `done` gets the exit code of the command that ran. `example` makes the text below a help. */
export function registerPromqlQuery(
  promql: Command,
  done: (code: number) => void,
  example: (...lines: string[]) => string,
): void {
  const query = promql
    .command('query')
    .description('evaluate an expression on a running munjigi or Prometheus, or over a data folder')
    .addHelpText(
      'after',
      example(
        "munjigi promql query 'up'    (the same as: query instant 'up')",
        "munjigi promql query range 'rate(munjigi_http_requests_total[5m])' --start -6h --output plot",
      ),
    );
  const common = (command: Command): Command =>
    command
      .argument('<expr>', 'a PromQL expression')
      .option('-s, --server <url>', `where munjigi or Prometheus runs (default: ${DEFAULT_SERVER})`)
      .option('-d, --data <dir>', 'a data folder, read without a server; `now` is its newest sample')
      .option('-o, --output <format>', FORMATS.join(', '), 'table')
      .option('--lookback-delta <duration>', 'how far back a selector looks (default: as the server has it)')
      .option('--limit <n>', 'at most this many series');
  const run = async (kind: Times['kind'], expr: string, options: QueryOptions): Promise<void> =>
    done(await runCommand(`promql query ${kind}`, () => promqlQuery(nodeEnv(QUIET), kind, expr, options)));

  common(query.command('instant', { isDefault: true }).description('at one time'))
    .option('-t, --time <time>', TIME_HELP, 'now')
    .addHelpText(
      'after',
      example(
        "munjigi promql query instant 'sum by (route) (rate(munjigi_http_requests_total[1m]))'",
        "munjigi promql query instant 'topk(5, http_requests_total)' --data /var/lib/prometheus --output csv",
      ),
    )
    .action((expr: string, options: InstantOptions) => run('instant', expr, options));

  common(query.command('range').description('at every step between two times'))
    .option('--start <time>', TIME_HELP, '-1h')
    .option('--end <time>', 'as --start', 'now')
    .option('--step <duration>', 'time between points, as 15s (default: some 240 points)')
    .addHelpText(
      'after',
      example(
        "munjigi promql query range 'sum by (job) (rate(http_requests_total[5m]))' --start -6h --output plot",
        'munjigi promql query range up --start 2026-01-02T00:00:00Z --end 2026-01-03T00:00:00Z --step 5m -o csv',
      ),
    )
    .action((expr: string, options: QueryOptions) => run('range', expr, options));
}

const QUIET = { logLevel: 'error' } as const;
const FORMATS: readonly string[] = ['table', 'csv', 'json', 'plot'];

/** What is asked, with what may be set for it. */
interface Question {
  readonly expr: string;
  readonly lookback_ms: number | null;
  readonly limit: number;
}

async function promqlQuery(
  env: Env,
  kind: Times['kind'],
  expr: string,
  options: QueryOptions & InstantOptions & RangeOptions,
): Promise<number> {
  const { output } = options;
  if (!FORMATS.includes(output))
    throw new Failure(`--output: wants ${FORMATS.join(', ')}, got ${JSON.stringify(output)}`, 2);
  if (options.server !== undefined && options.data !== undefined)
    throw new Failure('--server and --data exclude each other', 2);
  const times = (now_ms: number): Times =>
    kind === 'range'
      ? rangeTimes(options, now_ms)
      : { kind, time_ms: readTime('--time', options.time ?? 'now', now_ms) };
  const question: Question = {
    expr,
    lookback_ms:
      options.lookbackDelta === undefined ? null : readStep('--lookback-delta', options.lookbackDelta),
    limit: options.limit === undefined ? 0 : wholeNumber('--limit', options.limit, 0),
  };
  let asked: Times;
  let text: string;
  if (options.data === undefined) {
    asked = times(env.clock.now());
    text = await askServer(env, options.server ?? DEFAULT_SERVER, question, asked);
  } else [text, asked] = await askFolder(env, options.data, question, times);

  const reply = readReply(text);
  for (const note of [...(reply.warnings ?? []), ...(reply.infos ?? [])]) stderr.write(`${note}\n`);
  if (reply.status !== 'success' || reply.data === undefined)
    throw new Failure(
      pointedError(expr, reply.error ?? 'the query failed without a reason'),
      reply.errorType === 'bad_data' ? 2 : 1,
    );
  const out = newPrinter();
  if (output === 'json') out.line(text.trimEnd());
  else printAnswer(out, readAnswer(reply.data), output, asked);
  out.flush();
  return 0;
}

function printAnswer(out: Printer, answer: Answer, output: string, times: Times): void {
  const columns = stdout.isTTY ? stdout.columns : Infinity;
  if (output === 'csv') return printCsv(out, answer);
  if (answer.series.length === 0) return stderr.write('the result is empty: no series\n');
  if (output === 'table' || answer.type === 'scalar' || answer.type === 'string')
    return printTable(out, answer, columns);
  const { NO_COLOR: noColour = '', TERM: terminal } = environment();
  const look = {
    columns: stdout.columns,
    colour: stdout.isTTY && noColour === '' && terminal !== 'dumb',
  };
  const left =
    answer.type === 'vector'
      ? plotBars(out, answer.series, look)
      : plotLines(out, answer.series, plotTimes(answer, times), look);
  out.flush();
  if (left > 0) stderr.write(`not drawn: ${left} values that are no finite numbers\n`);
}

/** Points of a range query are joined across no more than one step; samples always. */
function plotTimes(answer: Answer, times: Times): { from_ms: number; to_ms: number; gap_ms: number } {
  if (times.kind === 'range')
    return { from_ms: times.start_ms, to_ms: times.end_ms, gap_ms: times.step_ms * 1.5 };
  const all = answer.series.flatMap(({ points }) => [points[0]!.t_ms, points.at(-1)!.t_ms]);
  const from_ms = all.reduce((a, b) => Math.min(a, b), Infinity);
  return { from_ms, to_ms: all.reduce((a, b) => Math.max(a, b), -Infinity), gap_ms: Infinity };
}

function readReply(text: string): Reply {
  try {
    return JSON.parse(text) as Reply;
  } catch {
    throw new Failure(`the server did not answer with JSON: ${text.slice(0, 200)}`);
  }
}

const TIMEOUT_MS = 130_000;
const MAX_REPLY_BYTES: number = 1 << 30;

/** The reply as it came. Throws Failure. */
async function askServer(env: Env, server: string, question: Question, times: Times): Promise<string> {
  const params = new URLSearchParams({ query: question.expr });
  const seconds = (ms: number): string => String(ms / 1000);
  if (times.kind === 'range') {
    params.set('start', seconds(times.start_ms));
    params.set('end', seconds(times.end_ms));
    params.set('step', seconds(times.step_ms));
  } else params.set('time', seconds(times.time_ms));
  if (question.lookback_ms !== null) params.set('lookback_delta', seconds(question.lookback_ms));
  if (question.limit > 0) params.set('limit', String(question.limit));
  try {
    const { body } = await env.http.fetch({
      url: `${server.replace(/\/$/, '')}/api/v1/${times.kind === 'range' ? 'query_range' : 'query'}`,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new TextEncoder().encode(params.toString()),
      timeout_ms: TIMEOUT_MS,
      bodyLimit: MAX_REPLY_BYTES,
    });
    return new TextDecoder().decode(body);
  } catch (error) {
    if (!(error instanceof EnvError || error instanceof TypeError)) throw error;
    throw new Failure(
      `${server} does not answer: ${error.message}. Is munjigi up? Name another with --server, or a folder with --data.`,
    );
  }
}

/** The reply that a server on the folder would give, and the times that were meant. Throws Failure, StorageError. */
function askFolder(
  env: Env,
  path: string,
  { expr, lookback_ms, limit }: Question,
  timesAt: (now_ms: number) => Times,
): Promise<[reply: string, times: Times]> {
  return withDataFolder(env, path, async ({ storage, reader, now_ms }) => {
    const times = timesAt(now_ms);
    const { body } = await queryLocal(
      env.clock,
      storage,
      reader,
      { ...times, query: expr, limit, stats: '' },
      lookback_ms === null ? {} : { lookback_ms },
    );
    return [new TextDecoder().decode(body), times];
  });
}
