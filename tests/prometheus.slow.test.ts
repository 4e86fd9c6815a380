// With a real Prometheus (Debian's 2.42): it reads the data directory that we wrote and must answer as we do; its linter reads our /metrics.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { which } from '../tools/peers.ts';
import { ask, eventually, freePort, killAll, munjigi, query, seriesKey, temporaryFolder } from './program.ts';

const prometheus = which('prometheus');
const promtool = which('promtool');
let folder: { path: string; remove(): void };
let peer: ChildProcess | null = null;

beforeAll(() => {
  folder = temporaryFolder();
  if (prometheus !== null) return;
  if (process.env['MUNJIGI_REQUIRE_PEERS'] !== undefined) throw new Error('prometheus is required here');
  console.log('prometheus is not on this machine: skipped (apt-get install prometheus)');
});
afterEach(async () => {
  await killAll();
  if (peer === null) return;
  peer.kill('SIGKILL');
  await once(peer, 'close');
  peer = null;
});
afterAll(() => folder.remove());

/** Queries whose answers do not depend on where a window's left end belongs (2.42 counts it in, 3.x does not): samples are off the grid. */
const QUERIES: readonly string[] = [
  'up',
  'scrape_samples_scraped',
  '{__name__=~"scrape_.*"}',
  'count by (__name__) ({job="munjigi"})',
  'prometheus_tsdb_head_series',
  'sum by (job) (rate(prometheus_tsdb_head_samples_appended_total[10s]))',
  'increase(prometheus_tsdb_head_samples_appended_total[7s])',
  'max_over_time(process_resident_memory_bytes[6s])',
  'avg_over_time(scrape_duration_seconds[8s])',
  'process_resident_memory_bytes / on (instance) group_left () up',
  'topk(3, scrape_samples_scraped)',
  'up offset 2s',
  'count_over_time(up[1m])',
  'absent(nosuch)',
  'histogram_quantile(0.9, sum by (le) (rate(prometheus_target_interval_length_seconds_bucket[10s])))',
];

it.skipIf(prometheus === null)('Prometheus answers from our data directory as we do', async () => {
  const dir = join(folder.path, 'interop');
  mkdirSync(dir);
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  writeFileSync(
    join(dir, 'munjigi.yaml'),
    `metrics: { config: ./prometheus.yml }\nconsole: { listen: 127.0.0.1:${port} }\n`,
  );
  writeFileSync(
    join(dir, 'prometheus.yml'),
    `global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: munjigi\n    static_configs: [{ targets: ["127.0.0.1:${port}"] }]\n  - job_name: gone\n    static_configs: [{ targets: ["127.0.0.1:1"] }]\n`,
  );
  const program = munjigi(['up', '--config', 'munjigi.yaml'], dir);
  await program.printed(/munjigi is ready/);
  await eventually(
    () => query(base, 'count_over_time(up{job="munjigi"}[1m])'),
    (rows) => Number(rows[0]?.value[1]) >= 12,
    30_000,
  );
  const at = Date.now() / 1000;
  const ours = new Map<string, string>();
  for (const expr of QUERIES) ours.set(expr, comparable(await query(base, expr, at)));
  // Nothing is lost by a kill: the copy is what Prometheus would find.
  await program.stop('SIGKILL');

  const data = join(dir, 'prometheus-data');
  cpSync(join(dir, 'data/metrics'), data, { recursive: true });
  const theirsPort = await freePort();
  writeFileSync(join(dir, 'empty.yml'), '');
  peer = spawn(
    prometheus!,
    [
      `--config.file=${dir}/empty.yml`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=127.0.0.1:${theirsPort}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  peer.stderr!.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const theirs = `http://127.0.0.1:${theirsPort}`;
  await eventually(
    () => ask(`${theirs}/-/ready`),
    ({ status }) => status === 200,
    30_000,
  );
  expect(log).not.toMatch(/corrupt|level=error/i);
  let rows = 0;
  for (const expr of QUERIES) {
    const answer = comparable(await query(theirs, expr, at));
    expect(`${expr} ${ours.get(expr)}`).toBe(`${expr} ${answer}`);
    rows += answer.split('\n').length;
  }
  expect(rows).toBeGreaterThan(40);

  // While it runs the folder is its own, with its lock or, as Debian starts it, without.
  const second = join(dir, 'second');
  mkdirSync(second);
  writeFileSync(
    join(second, 'munjigi.yaml'),
    `metrics: { config: ../empty.yml, storage: { path: ../prometheus-data } }\nconsole: { listen: 127.0.0.1:${port} }\n`,
  );
  const refused = munjigi(['up', '--config', 'munjigi.yaml'], second);
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toMatch(
    /prometheus-data is in use: (a Prometheus holds|process \d+ writes) .*Stop it first/,
  );
});

/** Rows in a fixed order; values to 12 digits: both sum in their own order. */
function comparable(rows: Awaited<ReturnType<typeof query>>): string {
  return rows
    .map(({ metric, value }) => `${seriesKey(metric)} ${Number(value[1]).toPrecision(12)}`)
    .sort()
    .join('\n');
}

it.skipIf(promtool === null)("promtool's linter takes our /metrics", async () => {
  const dir = join(folder.path, 'lint');
  mkdirSync(dir);
  const [port, proxyPort] = [await freePort(), await freePort()];
  writeFileSync(
    join(dir, 'munjigi.yaml'),
    `gateway: { listen: [{ port: ${proxyPort}, address: 127.0.0.1 }] }\nconsole: { listen: 127.0.0.1:${port} }\n`,
  );
  await munjigi(['up', '--config', 'munjigi.yaml'], dir).printed(/munjigi is ready/);
  await ask(`http://127.0.0.1:${proxyPort}/nothing`);
  await query(`http://127.0.0.1:${port}`, 'up');
  const { body, headers } = await ask(`http://127.0.0.1:${port}/metrics`);
  expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  const { status, stdout, stderr } = spawnSync(promtool!, ['check', 'metrics'], {
    input: body,
    encoding: 'utf8',
  });
  expect(`${stdout}${stderr}`).toBe('');
  expect(status).toBe(0);
});
