// What long queries do to everything else: the whole program with targets that are scraped, small queries as alert rules ask them, and traffic
// through the gateway, by turns with and without queries of some seconds beside it.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { eventually, freePort, munjigi, temporaryFolder, type Program } from '../tests/program.ts';

export const usage = `npm run bench -- interference [options]
Scrapes, small queries and the gateway beside queries of some seconds, and without them, by turns.
  --rounds N        with and without, each so often (4)
  --seconds N       of each (15)
  --targets N       (20), scraped every second
  --series N        of each (500)
  --long N          long queries at once (2)
  --long-seconds N  what one of them takes when it is alone (5)
  --rate N          requests a second through the gateway (300)
example: npm run bench -- interference --rounds 2 --seconds 10`;

const SCRAPE_INTERVAL_MS = 1000;
const SMALL_QUERIES: readonly string[] = [
  'sum by (instance) (rate(load_requests_total{code="204"}[30s])) > 1e9',
  'up == 0',
  'histogram_quantile(0.9, sum by (le) (rate(absent_bucket[1m])))',
  'max(load_requests_total{i="7"}) - min(load_requests_total{i="7"}) > 1e9',
  'count(up) < 1',
];
/** Goals. */
const SCRAPE_LATE_MS = 20;
const SMALL_QUERY_MS = 200;
const GATEWAY_RATIO = 1.5;

/** What was measured in all turns of one kind. */
interface Measured {
  readonly late_ms: number[];
  readonly query_ms: number[];
  readonly gateway_ms: number[];
  readonly long_ms: number[];
  failed: number;
}

function newMeasured(): Measured {
  return { late_ms: [], query_ms: [], gateway_ms: [], long_ms: [], failed: 0 };
}

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '4' },
      seconds: { type: 'string', default: '15' },
      targets: { type: 'string', default: '20' },
      series: { type: 'string', default: '500' },
      long: { type: 'string', default: '2' },
      'long-seconds': { type: 'string', default: '5' },
      rate: { type: 'string', default: '300' },
    },
  });
  const folder = temporaryFolder();
  const targets = fork(new URL('./support/child-targets.ts', import.meta.url), [values.series]);
  let program: Program | null = null;
  try {
    const [{ port }] = (await once(targets, 'message')) as [{ port: number }];
    const site = { target: port, gateway: await freePort(), api: await freePort() };
    configure(folder.path, site, Number(values.targets));
    program = munjigi(['up', '--config', 'munjigi.yaml'], folder.path);
    const bench: Bench = {
      api: `http://127.0.0.1:${site.api}`,
      gateway: `http://127.0.0.1:${site.gateway}/`,
      targets,
      seconds: Number(values.seconds),
      rate: Number(values.rate),
      long: Number(values.long),
      agent: new http.Agent({ keepAlive: true, maxSockets: 64 }),
    };
    await eventually(
      () => instant(bench, `count(up == 1)`),
      ({ body }) => body.includes(`"${values.targets}"`),
      60_000,
    );
    // A minute of samples to compute on.
    console.log('a minute of scrapes first');
    await sleep(60_000);
    const step = await calibrate(bench, Number(values['long-seconds']) * 1000);
    const without = newMeasured();
    const with_ = newMeasured();
    for (let round = 1; round <= Number(values.rounds); round++) {
      console.log(`round ${round} of ${values.rounds}`);
      await turn(bench, without, null);
      await turn(bench, with_, step);
    }
    bench.agent.destroy();
    return report(without, with_);
  } finally {
    await program?.stop();
    targets.disconnect();
    folder.remove();
  }
}

interface Bench {
  readonly api: string;
  readonly gateway: string;
  readonly targets: ChildProcess;
  readonly seconds: number;
  readonly rate: number;
  readonly long: number;
  readonly agent: http.Agent;
}

function configure(
  path: string,
  site: { target: number; gateway: number; api: number },
  targets: number,
): void {
  mkdirSync(`${path}/gateway`);
  writeFileSync(
    `${path}/munjigi.yaml`,
    `gateway:
  listen: [{ port: ${site.gateway}, address: 127.0.0.1 }]
  access_log: off
  sources: { files: [./gateway] }
metrics: { config: ./prometheus.yml, storage: { path: ./data } }
console: { listen: 127.0.0.1:${site.api} }
log: { level: warn }
`,
  );
  writeFileSync(
    `${path}/gateway/all.kong.yaml`,
    `_format_version: '3.0'
services:
  - { name: all, host: 127.0.0.1, port: ${site.target}, protocol: http, routes: [{ name: all, paths: [/] }] }
`,
  );
  const list = Array.from(
    { length: targets },
    (_, i) =>
      `  - { job_name: t${i}, metrics_path: /t/${i}, static_configs: [{ targets: ['127.0.0.1:${site.target}'], labels: { n: '${i}' } }] }`,
  );
  writeFileSync(
    `${path}/prometheus.yml`,
    `global: { scrape_interval: ${SCRAPE_INTERVAL_MS}ms, scrape_timeout: ${SCRAPE_INTERVAL_MS}ms }\nscrape_configs:\n${list.join('\n')}\n`,
  );
}

interface Got {
  readonly status: number;
  readonly body: string;
  readonly ms: number;
}

function get(url: string, agent: http.Agent): Promise<Got> {
  return new Promise((resolve, reject) => {
    const from = performance.now();
    const request = http.get(url, { agent }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, body, ms: performance.now() - from }));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

function instant({ api, agent }: Bench, query: string): Promise<Got> {
  return get(`${api}/api/v1/query?query=${encodeURIComponent(query)}`, agent);
}

/** A query that reads every sample of the last minute and computes for as long as its step is small. */
function longQuery(step_ms: number): string {
  return `max_over_time(sum by (code) (rate(load_requests_total[30s]))[30s:${step_ms}ms])`;
}

/** The step with which one long query takes about `wanted_ms` when nothing else asks. */
async function calibrate(bench: Bench, wanted_ms: number): Promise<number> {
  let step = 256;
  for (;;) {
    const { status, body, ms } = await instant(bench, longQuery(step));
    if (status !== 200) throw new Error(`the long query was refused: ${body}`);
    console.log(`a long query with step ${step} ms takes ${Math.round(ms)} ms`);
    if (ms >= wanted_ms * 0.7 || step === 1) return step;
    step = Math.max(1, Math.min(step >> 1, Math.round((step * ms) / wanted_ms)));
  }
}

/** So many seconds of everything, with long queries where they have a step. */
async function turn(bench: Bench, into: Measured, longStep_ms: number | null): Promise<void> {
  const ask = (): Promise<{ scrapes: [number, number][] }> => {
    bench.targets.send('scrapes');
    return once(bench.targets, 'message').then(([message]) => message as { scrapes: [number, number][] });
  };
  await ask();
  const until = performance.now() + bench.seconds * 1000;
  const goesOn = (): boolean => performance.now() < until;
  const note = (times: number[], status: number, ms: number): void => {
    times.push(ms);
    if (status !== 200) into.failed++;
  };
  const long = async (): Promise<void> => {
    if (longStep_ms === null) return;
    while (goesOn()) {
      const { status, ms } = await instant(bench, longQuery(longStep_ms));
      note(into.long_ms, status, ms);
    }
  };
  const small = async (query: string, offset_ms: number): Promise<void> => {
    await sleep(offset_ms);
    while (goesOn()) {
      const { status, ms } = await instant(bench, query);
      note(into.query_ms, status, ms);
      await sleep(Math.max(0, 1000 - ms));
    }
  };
  const every = 1000 / bench.rate;
  const gateway = async (): Promise<void> => {
    const waiting: Promise<void>[] = [];
    // In the open: a slow answer does not keep the next request from being sent.
    for (let next = performance.now(); goesOn(); next += every) {
      const wait = next - performance.now();
      if (wait > 1) await sleep(wait);
      waiting.push(
        get(bench.gateway, bench.agent).then(({ status, ms }) => note(into.gateway_ms, status, ms)),
      );
    }
    await Promise.all(waiting);
  };
  await Promise.all([
    ...Array.from({ length: bench.long }, long),
    ...SMALL_QUERIES.map((query, i) => small(query, (i * 1000) / SMALL_QUERIES.length)),
    gateway(),
  ]);
  into.late_ms.push(...lateness((await ask()).scrapes));
}

/** How late each scrape began, against the earliest beat of its target. */
function lateness(scrapes: readonly (readonly [target: number, at_ms: number])[]): number[] {
  const beat = new Map<number, number>();
  const phaseOf = (at_ms: number): number => at_ms % SCRAPE_INTERVAL_MS;
  const first = new Map<number, number>();
  for (const [target, at_ms] of scrapes) {
    const zero = first.get(target) ?? phaseOf(at_ms);
    first.set(target, zero);
    beat.set(target, Math.min(beat.get(target) ?? Infinity, distance(phaseOf(at_ms), zero)));
  }
  return scrapes.map(([target, at_ms]) => distance(phaseOf(at_ms), first.get(target)!) - beat.get(target)!);
}

/** From `zero` to `phase` the shorter way round. */
function distance(phase: number, zero: number): number {
  const d = (phase - zero + SCRAPE_INTERVAL_MS) % SCRAPE_INTERVAL_MS;
  return d > SCRAPE_INTERVAL_MS / 2 ? d - SCRAPE_INTERVAL_MS : d;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;
}

function report(without: Measured, with_: Measured): number {
  const row = (name: string, of: (m: Measured) => number[]): string =>
    [
      name.padEnd(26),
      ...[without, with_].flatMap((m) =>
        [0.5, 0.99, 1].map((q) => quantile(of(m), q).toFixed(1).padStart(8)),
      ),
    ].join(' ');
  console.log(
    `\n${' '.repeat(26)} ${'without: p50   p99   max'.padStart(26)} ${'with: p50   p99   max'.padStart(26)}`,
  );
  console.log(row('scrape begins late, ms', (m) => m.late_ms));
  console.log(row('small query, ms', (m) => m.query_ms));
  console.log(row('through the gateway, ms', (m) => m.gateway_ms));
  console.log(`long queries: ${with_.long_ms.length}, median ${Math.round(quantile(with_.long_ms, 0.5))} ms`);
  const ratio = quantile(with_.gateway_ms, 0.99) / quantile(without.gateway_ms, 0.99);
  const goals: readonly (readonly [goal: string, value: number, most: number])[] = [
    ['scrapes begin at most 20 ms late at p99', quantile(with_.late_ms, 0.99), SCRAPE_LATE_MS],
    ['small queries within 200 ms at p99', quantile(with_.query_ms, 0.99), SMALL_QUERY_MS],
    ["the gateway's p99 at most 1.5x of that without", ratio, GATEWAY_RATIO],
    ['nothing failed', without.failed + with_.failed, 0],
  ];
  for (const [goal, value, most] of goals)
    console.log(`${value <= most ? 'ok  ' : 'MISS'} ${goal}: ${value.toFixed(2)}`);
  return goals.every(([, value, most]) => value <= most) ? 0 : 1;
}
