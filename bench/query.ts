// PromQL beside Debian's Prometheus: twenty queries as dashboards, alerts and people ask them, over HTTP, on copies of the same blocks, each
// server asked in turn, answers compared.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startServer, type Server } from '../compat/prometheus/server.ts';
import { nodeEnv } from '../packages/env/src/node/index.ts';
import { which } from '../tools/peers.ts';
import { newProgress, type Progress } from '../tools/progress.ts';
import { startHttpClient, type HttpClient, type Timed } from './support/http-client.ts';
import { startMunjigi, type MunjigiServer } from './support/munjigi-server.ts';
import { memoryOf, peakMemoryOf } from './support/process-usage.ts';
import {
  BLOCK_MS,
  BOUNDS,
  copyBlocks,
  COUNTERS,
  GAUGES,
  HISTOGRAMS,
  writeBlocks,
} from './support/query-blocks.ts';
import { differenceOf } from './support/same-answers.ts';

export const usage: string = `npm run bench -- query [--queries TEXT] [--workers N] [--data DIR]
PromQL over HTTP beside Debian's Prometheus, on copies of the same blocks, answers compared; a table with the median of five rounds over all
queries after a first one, and with what the phases of a query take in one worker.
  --queries TEXT  only those with the text in their name
  --workers N     only with N query workers (default: with one, and with two)
  --data DIR      where the blocks are kept, and taken from when they are there (default: a temporary folder)
example: npm run bench -- query --queries rate`;

const RANGE_MS: number = 6 * 3_600_000;
/** More than the range: windows reach before it. */
const HOURS = 8;
const STEP_S = 60;
const RUNS = 5;
const PHASE_RUNS = 3;
/** Before each query: the server before may still collect its garbage. */
const PAUSE_MS = 20;
const GOALS: readonly (readonly [workers: number, ratio: number])[] = [
  [1, 5],
  [2, 8],
];
const MIB: number = 2 ** 20;

interface Query {
  readonly name: string;
  readonly text: string;
  readonly instant: boolean;
}

const C = 'bench_requests_total';
const G = 'bench_load';
const H = 'bench_duration_seconds_bucket';
const range = (name: string, text: string): Query => ({ name, text, instant: false });
const instant = (name: string, text: string): Query => ({ name: `instant ${name}`, text, instant: true });

// Windows end between samples, and the subquery's does not begin at one of its steps: Prometheus 2's windows are closed on the left.
const QUERIES: readonly Query[] = [
  range('sum by rate', `sum by (job) (rate(${C}[5m]))`),
  range('sum of a long rate', `sum(rate(${C}[1h]))`),
  range('count', `count(${C})`),
  range('topk', `topk(5, sum by (instance) (increase(${C}[10m])))`),
  range('raw 400', G),
  range('ratio of sums', `sum by (job) (rate(${C}{code="500"}[5m])) / sum by (job) (rate(${C}[5m]))`),
  range('avg_over_time', `avg_over_time(${G}[30m])`),
  range('quantile of rates', `quantile(0.9, rate(${C}[5m]))`),
  range('regexes', `sum by (code) (rate(${C}{job=~"job-[1-4]", instance!~".*7:9100"}[5m]))`),
  range('subquery', `max_over_time(sum(rate(${C}{job="job-3"}[5m]))[29m30s:1m])`),
  range('join', `rate(${C}{code="500"}[5m]) / on (instance) group_left (zone) ${G}`),
  range('quantile_over_time', `quantile_over_time(0.5, ${G}[15m])`),
  range('one series', `${C}{instance="10.0.0.7:9100", code="200"}`),
  range('rate of 200', `rate(${C}{job="job-3"}[5m])`),
  range('histogram_quantile', `histogram_quantile(0.9, sum by (le) (rate(${H}[5m])))`),
  range('histogram_quantile of each', `histogram_quantile(0.99, rate(${H}[5m]))`),
  instant('sum', `sum(${C})`),
  instant('topk', `topk(10, ${C})`),
  instant('raw 2000', C),
  instant('sum of a long rate', `sum by (job) (rate(${C}[6h]))`),
];

interface Options {
  readonly queries: readonly Query[];
  readonly workers: readonly number[];
  readonly data: string | null;
}

export async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === 'string') {
    console.error(`${options}\n${usage}`);
    return 2;
  }
  const program = which('prometheus');
  if (program === null) {
    console.error('prometheus is not on this machine: apt-get install prometheus');
    return 1;
  }
  const dir = mkdtempSync(join(tmpdir(), 'munjigi-bench-query-'));
  const progress = newProgress(true);
  const client = startHttpClient();
  let peer: Server | null = null;
  const ours: Ours[] = [];
  try {
    const { blocks, end_ms } = await blocksFor(options.data ?? dir, progress);
    progress.at('starting the servers');
    peer = await startServer({
      program,
      data: copyBlocks(blocks, join(dir, 'prometheus')),
      args: ['--storage.tsdb.min-block-duration=2h', '--storage.tsdb.max-block-duration=2h'],
    });
    for (const workers of options.workers) {
      const data = copyBlocks(blocks, join(dir, `munjigi-${workers}`));
      ours.push({ workers, server: await startMunjigi(data, workers) });
    }
    const rows = await measure(options.queries, end_ms, { peer, ours }, client, progress);
    progress.done();
    return report(rows, peer, ours);
  } finally {
    progress.done();
    await peer?.stop();
    for (const { server } of ours) await server.stop();
    await client.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function readOptions(args: readonly string[]): Options | string {
  let [queries, workers, data] = [QUERIES, [1, 2], null as string | null];
  for (let i = 0; i < args.length; i += 2) {
    const value = args[i + 1];
    if (value === undefined) return `${args[i]} needs a value`;
    switch (args[i]) {
      case '--queries':
        queries = QUERIES.filter(({ name }) => name.includes(value));
        if (queries.length === 0) return `no query has ${JSON.stringify(value)} in its name`;
        break;
      case '--workers':
        workers = [Number(value)];
        if (!Number.isInteger(workers[0]) || workers[0]! < 1) return '--workers needs a number from 1 on';
        break;
      case '--data':
        data = value;
        break;
      default:
        return `unknown argument ${args[i]}`;
    }
  }
  return { queries, workers, data };
}

/** Blocks in `dir`, written unless they are there. */
async function blocksFor(dir: string, progress: Progress): Promise<{ blocks: string; end_ms: number }> {
  mkdirSync(dir, { recursive: true });
  const [known] = readdirSync(dir).filter((name) => /^blocks-\d+$/.test(name));
  if (known !== undefined && existsSync(join(dir, known, 'done')))
    return { blocks: join(dir, known, 'blocks'), end_ms: Number(known.slice('blocks-'.length)) };
  const end_ms = Math.floor(Date.now() / BLOCK_MS) * BLOCK_MS;
  const to = join(dir, `blocks-${end_ms}`);
  const written = await writeBlocks(nodeEnv({ logLevel: 'warn' }), to, end_ms, HOURS, (part) =>
    progress.at('writing blocks', part),
  );
  copyBlocks(written, join(to, 'blocks'));
  mkdirSync(join(to, 'done'));
  return { blocks: join(to, 'blocks'), end_ms };
}

interface Ours {
  readonly workers: number;
  readonly server: MunjigiServer;
}

/** Times of one server in ms. */
interface Times {
  readonly first: number;
  readonly median: number;
}

/** Medians in ms. */
interface Phases {
  readonly select: number;
  readonly decode: number;
  readonly evaluate: number;
  readonly encode: number;
}

interface Row {
  readonly query: Query;
  readonly bytes: number;
  readonly theirs: Times;
  /** In the order of the servers. */
  readonly ours: readonly Times[];
  /** Of the server with one worker; null: there is none. */
  readonly phases: Phases | null;
  readonly difference: string | null;
}

/** Rounds in which every query is asked of every server in turn: a first one, and those of the medians. */
async function measure(
  queries: readonly Query[],
  end_ms: number,
  { peer, ours }: { peer: Server; ours: readonly Ours[] },
  client: HttpClient,
  progress: Progress,
): Promise<Row[]> {
  const ports = [Number(new URL(peer.url).port), ...ours.map(({ server }) => server.port)];
  const asked = queries.map((query) => ({
    query,
    path: pathOf(query, end_ms),
    times: ports.map((): number[] => []),
    bytes: 0,
    difference: null as string | null,
  }));
  for (let round = 0; round <= RUNS; round++) {
    for (const [n, row] of asked.entries()) {
      progress.at(row.query.name, (round + n / asked.length) / (RUNS + 1));
      const answers: Timed[] = [];
      for (const [i, port] of ports.entries()) {
        await sleep(PAUSE_MS);
        const answer = await ask(client, port, row.path);
        row.times[i]!.push(answer.ms);
        answers.push(answer);
      }
      const [theirs, ...mine] = answers;
      for (const { body } of mine) {
        row.bytes = body.length;
        if (round === 0) row.difference ??= differenceOf(body, theirs!.body);
      }
    }
  }
  const alone = ours.find(({ workers }) => workers === 1);
  const rows: Row[] = [];
  for (const { query, path, times, bytes, difference } of asked) {
    const [theirs, ...mine] = times.map(([first, ...rest]) => ({ first: first!, median: median(rest) }));
    const phases =
      alone === undefined ? null : await phasesOf(client, alone.server.port, `${path}&stats=all`);
    rows.push({ query, bytes, theirs: theirs!, ours: mine, phases, difference });
  }
  return rows;
}

function pathOf({ text, instant }: Query, end_ms: number): string {
  const times: Record<string, string> = instant
    ? { time: String(end_ms / 1000) }
    : { start: String((end_ms - RANGE_MS) / 1000), end: String(end_ms / 1000), step: String(STEP_S) };
  const params = new URLSearchParams({ query: text, ...times });
  return `/api/v1/${instant ? 'query' : 'query_range'}?${params.toString()}`;
}

async function ask(client: HttpClient, port: number, path: string): Promise<Timed> {
  const answer = await client.get(port, path);
  if (answer.status === 200) return answer;
  const text = new TextDecoder().decode(answer.body).slice(0, 500);
  throw new Error(`status ${answer.status} from port ${port}: ${text}`);
}

/** Seconds, as the program says them. */
interface Said {
  readonly data: { readonly stats: { readonly phases: Phases } };
}

async function phasesOf(client: HttpClient, port: number, path: string): Promise<Phases> {
  const all: Phases[] = [];
  for (let run = 0; run < PHASE_RUNS; run++) {
    const { body } = await ask(client, port, path);
    all.push((JSON.parse(new TextDecoder().decode(body)) as Said).data.stats.phases);
  }
  const of = (phase: keyof Phases): number => 1000 * median(all.map((phases) => phases[phase]));
  return { select: of('select'), decode: of('decode'), evaluate: of('evaluate'), encode: of('encode') };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

// ---- what is printed

function report(rows: readonly Row[], peer: Server, ours: readonly Ours[]): number {
  console.log(
    `${COUNTERS} counters, ${GAUGES} gauges, ${HISTOGRAMS} histograms of ${BOUNDS} bounds, a sample every 15 s; range 6 h, step ${STEP_S} s; ` +
      `${cpus().length} cores, one query at a time; the first run and the median of ${RUNS} more rounds over all queries, in ms`,
  );
  const heads = ours.flatMap(({ workers }) => [
    `${workers} first`,
    `${workers} worker${workers > 1 ? 's' : ''}`,
    'x',
  ]);
  const lines = [
    ['query', 'KiB', 'prom. first', 'prometheus', ...heads, 'select', 'decode', 'evaluate', 'encode'],
    ...rows.map(lineOf),
  ];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  for (const line of lines)
    console.log(
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
    );
  let good = true;
  for (const { query, difference } of rows) {
    if (difference === null) continue;
    good = false;
    console.log(`${query.name}: WRONG: ${difference}`);
  }
  ours.forEach(({ workers }, i) => {
    const ratios = rows.map((row) => row.theirs.median / row.ours[i]!.median);
    const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
    const goal = GOALS.find(([of]) => of === workers)?.[1] ?? 0;
    const worst = Math.min(...ratios);
    const met = mean >= goal && worst >= 1;
    good &&= met;
    console.log(
      `${workers} worker${workers > 1 ? 's' : ''}: geometric mean ${mean.toFixed(2)}x, least ${worst.toFixed(2)}x ` +
        `(goal: ${goal}x, least 1x: ${met ? 'met' : 'MISSED'})`,
    );
  });
  const theirs = peakMemoryOf(peer.pid);
  console.log(`prometheus: ${memoryText(peer.pid)}`);
  for (const { workers, server } of ours) {
    const lower = peakMemoryOf(server.pid) <= theirs;
    good &&= lower;
    console.log(
      `${workers} worker${workers > 1 ? 's' : ''}: ${memoryText(server.pid)} (goal: no more: ${lower ? 'met' : 'MISSED'})`,
    );
  }
  return good ? 0 : 1;
}

function lineOf({ query, bytes, theirs, ours, phases }: Row): string[] {
  const shown = (ms: number): string => (ms < 10 ? ms.toFixed(1) : ms.toFixed(0));
  return [
    query.name,
    Math.ceil(bytes / 1024).toString(),
    shown(theirs.first),
    shown(theirs.median),
    ...ours.flatMap(({ first, median }) => [
      shown(first),
      shown(median),
      (theirs.median / median).toFixed(2),
    ]),
    ...(phases === null
      ? ['', '', '', '']
      : [phases.select, phases.decode, phases.evaluate, phases.encode].map(shown)),
  ];
}

function memoryText(pid: number): string {
  const { resident, anonymous } = memoryOf(pid);
  const mib = (bytes: number): string => (bytes / MIB).toFixed(0);
  return `${mib(peakMemoryOf(pid))} MiB resident at most, ${mib(resident)} at the end, ${mib(anonymous)} of that its own`;
}
