// The query that dashboards ask most, `sum by (job) (rate(x[5m]))` over six hours, against Debian's Prometheus: the same samples in the
// head of both (one WAL, written once, copied), each asked over its own HTTP API in turn, medians, answers compared.
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApi, type ApiDeps } from '../packages/api/src/index.ts';
import type { Env } from '../packages/env/src/index.ts';
import { nodeEnv } from '../packages/env/src/node/index.ts';
import { labelsFromObject } from '../packages/model/src/index.ts';
import {
  createQueryPool,
  QUERY_POOL_DEFAULTS,
  serveStorage,
  type QueryPool,
} from '../packages/query/src/index.ts';
import { openHead, type Head } from '../packages/tsdb/src/index.ts';
import { which } from '../tools/peers.ts';
import { startHttpClient, type HttpClient, type Timed } from './support/http-client.ts';

const SERIES = 2000;
const JOBS = 10;
const INTERVAL_MS = 15_000;
const RANGE_MS = 6 * 3_600_000;
/** Samples before the first step: longer than any window, as Prometheus 2 and 3 extrapolate the first sample of a counter differently. */
const LEAD_MS = 20 * 60_000;
const STEP_S = 60;
const RUNS = 5;
const WARM_UPS = 5;
const PROMETHEUS_PORT = 19_191;

const QUERIES: readonly (readonly [name: string, query: string])[] = [
  ['sum by rate', 'sum by (job) (rate(bench_requests_total[5m]))'],
  ['rate of 200 series', 'rate(bench_requests_total{job="job-3"}[5m])'],
  ['max by', 'max by (job) (bench_requests_total)'],
  ['avg_over_time', 'avg by (job) (avg_over_time(bench_requests_total[5m]))'],
  [
    'quantile of a ratio',
    'quantile(0.9, rate(bench_requests_total[5m]) / on (job, instance) rate(bench_requests_total[15m]))',
  ],
];

export const usage = `npm run bench -- query [--all]
PromQL over HTTP beside Debian's Prometheus, the same samples in the head of both, answers compared.
  --all          five queries instead of the first
example: npm run bench -- query --all`;

/** `--all` asks all queries; the goal is about the first. */
export async function main(args: string[]): Promise<number> {
  const program = which('prometheus');
  if (program === null) {
    console.error('prometheus is not on this machine: apt-get install prometheus');
    return 1;
  }
  const dir = mkdtempSync(join(tmpdir(), 'munjigi-bench-query-'));
  const env = nodeEnv({ logLevel: 'warn' });
  const end_ms = Math.floor((Date.now() - 60_000) / 60_000) * 60_000;
  let peer: ChildProcess | null = null;
  let ours: Ours | null = null;
  const client = startHttpClient();
  try {
    const written = await writeData(env, join(dir, 'ours'), end_ms);
    mkdirSync(join(dir, 'peer'));
    cpSync(join(dir, 'ours', 'wal'), join(dir, 'peer', 'wal'), { recursive: true });
    peer = await startPrometheus(program, dir, client);
    ours = await startOurs(env, join(dir, 'ours'));
    console.log(
      `${SERIES} series, ${written} samples, range 6 h, step ${STEP_S} s, ${cpus().length} cores, ${ours.workers} query workers; ` +
        `${WARM_UPS} warm-up and ${RUNS} measured runs each, in turn`,
    );
    let good = true;
    const queries = args.includes('--all') ? QUERIES : QUERIES.slice(0, 1);
    for (const [name, query] of queries) good = (await compare(name, query, end_ms, ours, client)) && good;
    return good ? 0 : 1;
  } finally {
    peer?.kill();
    await ours?.close();
    await client.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Counters with resets, each sample off its place by up to 5 s, never on a window's border. */
async function writeData(env: Env, dir: string, end_ms: number): Promise<number> {
  const head = await openHead(env, { path: dir });
  const steps = (RANGE_MS + LEAD_MS) / INTERVAL_MS;
  const first_ms = end_ms - RANGE_MS - LEAD_MS;
  let seed = 1;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const refs = new Float64Array(SERIES);
  const values = new Float64Array(SERIES);
  const t = new Float64Array(SERIES);
  for (let k = 0; k < steps; k++) {
    const appender = head.appender();
    for (let i = 0; i < SERIES; i++) {
      if (k === 0)
        refs[i] = appender.series(
          labelsFromObject({
            __name__: 'bench_requests_total',
            job: `job-${i % JOBS}`,
            instance: `10.0.${i >> 8}.${i & 255}:9100`,
          }),
        );
      t[i] = first_ms + k * INTERVAL_MS + 1 + Math.floor(random() * 5000);
      values[i] = random() < 0.0005 ? 0 : values[i]! + Math.floor(random() * 50);
    }
    appender.floats(refs, t, values, null, SERIES);
    await appender.commit();
  }
  await head.close();
  return steps * SERIES;
}

interface Ours {
  readonly port: number;
  readonly workers: number;
  readonly pool: QueryPool;
  copiedBytes(): number;
  close(): Promise<void>;
}

async function startOurs(env: Env, dir: string): Promise<Ours> {
  const head: Head = await openHead(env, { path: dir });
  const workers = Math.max(1, cpus().length);
  const pool = createQueryPool(env, { ...QUERY_POOL_DEFAULTS, workers }, () => {
    const [here, there] = env.workers.channel();
    serveStorage(here, head);
    return there;
  });
  const gone = (): never => {
    throw new Error('not part of this comparison');
  };
  const deps: ApiDeps = {
    clock: env.clock,
    log: env.log,
    query: pool,
    targets: gone,
    families: () => Promise.resolve(pool.families()),
    configText: () => '',
    flags: {},
    features: {},
    buildInfo: { version: '', revision: '', branch: '', buildUser: '', buildDate: '', goVersion: '' },
    runtimeInfo: gone,
    tsdbStatus: gone,
    blocks: gone,
    cardinality: gone,
    adminApi: false,
    deleteSeries: gone,
    cleanTombstones: gone,
    snapshot: gone,
    walReplay: gone,
    ready: () => ({ ready: true, reason: '' }),
    reload: gone,
    gateway: gone,
    problems: () => [],
    asset: () => null,
    hostNames: null,
  };
  const listener = await env.http.serve({ host: '127.0.0.1', port: 0 }, createApi(deps));
  return {
    port: listener.port,
    workers,
    pool,
    copiedBytes: () =>
      pool.families().find(({ name }) => name === 'munjigi_query_copied_bytes_total')!.samples[0]!.value,
    async close() {
      await listener.close();
      await pool.close();
      await head.close();
    },
  };
}

async function startPrometheus(program: string, dir: string, client: HttpClient): Promise<ChildProcess> {
  writeFileSync(join(dir, 'prometheus.yml'), 'global: {}\n');
  const child = spawn(
    program,
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'peer')}`,
      '--storage.tsdb.min-block-duration=24h',
      '--storage.tsdb.max-block-duration=24h',
      `--web.listen-address=127.0.0.1:${PROMETHEUS_PORT}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  for (let i = 0; i < 600; i++) {
    const ready = await client.get(PROMETHEUS_PORT, '/-/ready').catch(() => null);
    if (ready?.status === 200) return child;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill();
  throw new Error('prometheus did not become ready in 60 s');
}

async function compare(
  name: string,
  query: string,
  end_ms: number,
  ours: Ours,
  client: HttpClient,
): Promise<boolean> {
  const params = new URLSearchParams({
    query,
    start: String((end_ms - RANGE_MS) / 1000),
    end: String(end_ms / 1000),
    step: String(STEP_S),
  });
  const path = `/api/v1/query_range?${params.toString()}`;
  for (let i = 0; i < WARM_UPS; i++)
    for (const port of [ours.port, PROMETHEUS_PORT]) await timed(client, port, path);
  const copiedBefore = ours.copiedBytes();
  const mine: number[] = [];
  const theirs: number[] = [];
  let same = true;
  for (let i = 0; i < RUNS; i++) {
    const a = await timed(client, ours.port, path);
    const b = await timed(client, PROMETHEUS_PORT, path);
    mine.push(a.ms);
    theirs.push(b.ms);
    const difference = differenceOf(a.body, b.body);
    if (difference !== null) {
      console.error(`${name}: answers differ: ${difference}`);
      same = false;
      break;
    }
  }
  const copied = (ours.copiedBytes() - copiedBefore) / mine.length;
  const [m, p] = [median(mine), median(theirs)];
  console.log(
    `${name}: munjigi ${m.toFixed(1)} ms (${list(mine)}), prometheus ${p.toFixed(1)} ms (${list(theirs)}), ` +
      `${(p / m).toFixed(2)}x; ${Math.round(copied / 1024)} KiB copied between threads a query${same ? '' : '; WRONG'}`,
  );
  return same;
}

function list(values: readonly number[]): string {
  return values.map((ms) => ms.toFixed(0)).join(' ');
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

async function timed(client: HttpClient, port: number, path: string): Promise<Timed> {
  const answer = await client.get(port, path);
  if (answer.status === 200) return answer;
  throw new Error(`status ${answer.status} from port ${port}: ${textOf(answer.body).slice(0, 500)}`);
}

function textOf(body: Uint8Array): string {
  return new TextDecoder().decode(body);
}

interface Matrix {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [number, string])[];
    }[];
  };
}

/** Null when the answers agree to 1e-9 of each value. */
function differenceOf(a: Uint8Array, b: Uint8Array): string | null {
  const [mine, theirs] = [a, b].map((body) => rowsOf(JSON.parse(textOf(body)) as Matrix)) as [
    Map<string, Map<number, number>>,
    Map<string, Map<number, number>>,
  ];
  if (mine.size !== theirs.size) return `${mine.size} series against ${theirs.size}`;
  for (const [series, values] of theirs) {
    const own = mine.get(series);
    if (own === undefined) return `no series ${series}`;
    if (own.size !== values.size) return `${series}: ${own.size} points against ${values.size}`;
    for (const [t, value] of values) {
      const x = own.get(t);
      const close = x !== undefined && Math.abs(x - value) <= 1e-9 * Math.max(Math.abs(x), Math.abs(value));
      if (!close && !Number.isNaN(value)) return `${series} at ${t}: ${String(x)} against ${value}`;
    }
  }
  return theirs.size === 0 ? 'no series at all' : null;
}

function rowsOf(matrix: Matrix): Map<string, Map<number, number>> {
  const rows = new Map<string, Map<number, number>>();
  for (const { metric, values } of matrix.data.result) {
    const key = JSON.stringify(Object.entries(metric).toSorted(([x], [y]) => (x < y ? -1 : 1)));
    rows.set(key, new Map(values.map(([t, value]) => [t, Number(value.replace('Inf', 'Infinity'))])));
  }
  return rows;
}
