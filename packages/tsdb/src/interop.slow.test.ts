// With the real Prometheus, both ways: it opens what this head wrote, and this head replays what it wrote and was killed over.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeEnv } from '@munjigi/env/node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openHead } from './index.ts';
import { NAMED, query, write, type ReadSeries, type Row } from './testing/store.ts';

const PROMETHEUS = '/usr/bin/prometheus';
const missing = !existsSync(PROMETHEUS);
if (missing) console.log(`skipped: ${PROMETHEUS} is missing; sudo apt-get install prometheus`);

let dir = '';
let running: ChildProcess[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'munjigi-tsdb-'));
});

afterEach(async () => {
  for (const child of running) await kill(child);
  running = [];
  rmSync(dir, { recursive: true, force: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

/** Starts Prometheus on data folder `data`; resolves with its URL once it is ready. */
async function prometheus(data: string, config: string): Promise<{ url: string; child: ChildProcess }> {
  const port = await freePort();
  writeFileSync(join(dir, 'prometheus.yml'), config);
  const child = spawn(
    PROMETHEUS,
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--no-storage.tsdb.wal-compression',
      '--storage.tsdb.retention.time=100y',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  running.push(child);
  let said = '';
  child.stderr.on('data', (b: Buffer) => (said += b.toString()));
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 300; i++) {
    if (child.exitCode !== null) throw new Error(`prometheus ended: ${said}`);
    const ready = await fetch(`${url}/-/ready`).then(
      (r) => r.ok,
      () => false,
    );
    if (ready) return { url, child };
    await sleep(100);
  }
  throw new Error(`prometheus is not ready: ${said}`);
}

interface Matrix {
  readonly data: { readonly result: { metric: Record<string, string>; values: [number, string][] }[] };
}

/** All raw samples of the last hours that a selector finds, as this package's tests print series. */
async function ask(url: string, selector: string, time_s: number): Promise<ReadSeries[]> {
  const params = new URLSearchParams({ query: `${selector}[12h]`, time: String(time_s) });
  const answer = (await (await fetch(`${url}/api/v1/query?${params.toString()}`)).json()) as Matrix;
  return answer.data.result
    .map(({ metric, values }) => ({
      labels: Object.entries(metric)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
      t: values.map(([t]) => Math.round(t * 1000)),
      v: values.map(([, v]) => Number(v.replace('Inf', 'Infinity'))),
    }))
    .sort((a, b) => (a.labels < b.labels ? -1 : 1));
}

test.skipIf(missing)(
  'Prometheus starts on a log that was written here, and has the same samples',
  async () => {
    const data = join(dir, 'data');
    mkdirSync(data);
    // Many small segments, a checkpoint, churn; an hour that Prometheus takes for its head.
    const head = await openHead(nodeEnv(), { path: data, segmentBytes: 64 * 1024, retention_ms: 600_000 });
    const end = Math.floor(Date.now() / 1000) * 1000;
    for (let k = 0; k < 240; k++) {
      const rows: Row[] = [];
      for (let i = 0; i < 100; i++)
        rows.push([
          { __name__: 'written_total', i: String(i), text: `ü "${i}"` },
          end - (240 - k) * 5000,
          k * i + 0.25,
        ]);
      rows.push([
        { __name__: 'churn', k: String(k >> 4) },
        end - (240 - k) * 5000,
        k % 5 === 0 ? Infinity : k,
      ]);
      await write(head, rows);
      if (k % 20 === 19) await head.sweep();
    }
    const since = end - 500_000;
    const ours = await query(head, NAMED, since);
    expect(
      head.families().find((f) => f.name === 'prometheus_tsdb_checkpoint_creations_total')!.samples[0]!.value,
    ).toBeGreaterThan(0);
    await head.close();

    const { url } = await prometheus(data, 'global: {}\n');
    const theirs = await ask(url, '{__name__=~"written_total|churn"}', end / 1000);
    const cut = theirs
      .map(({ labels, t, v }) => ({
        labels,
        t: t.filter((x) => x >= since),
        v: v.filter((_, i) => t[i]! >= since),
      }))
      .filter((s) => s.t.length > 0);
    expect(cut).toHaveLength(ours.length);
    expect(cut).toEqual(ours);
  },
);

test.skipIf(missing)(
  'a log that Prometheus wrote and was killed over is replayed, sample by sample',
  async () => {
    const scrapes = { n: 0 };
    const target = createServer((_, response) => {
      const n = ++scrapes.n;
      const lines = ['# TYPE scraped counter', '# HELP scraped counted'];
      for (let i = 0; i < 50; i++) lines.push(`scraped{i="${i}"} ${n * i}`);
      if (n % 3 !== 0) lines.push(`sometimes{n="${n}"} NaN`);
      response.setHeader('Content-Type', 'text/plain');
      response.end(`${lines.join('\n')}\n`);
    });
    await new Promise<void>((resolve) => {
      target.listen(0, '127.0.0.1', resolve);
    });
    const { port } = target.address() as AddressInfo;
    const data = join(dir, 'data');
    const config = `scrape_configs:
  - job_name: test
    scrape_interval: 50ms
    scrape_timeout: 50ms
    static_configs: [{ targets: ['127.0.0.1:${port}'] }]
`;
    const { url, child } = await prometheus(data, config);
    while (scrapes.n < 40) await sleep(50);
    // Stops scraping, so that the answer and the log agree.
    target.closeAllConnections();
    await new Promise((resolve) => {
      target.close(resolve);
    });
    await sleep(300);
    const theirs = await ask(url, '{__name__="scraped"}', Date.now() / 1000);
    await kill(child);

    const head = await openHead(nodeEnv(), { path: data });
    expect(head.walReplay().problems).toEqual([]);
    const ours = await query(head, [{ name: '__name__', op: '=', value: 'scraped' }]);
    // Staleness markers are samples here, and no samples in an answer.
    const live = ours.map((s) => ({
      labels: s.labels,
      t: s.t.filter((_, i) => !Number.isNaN(s.v[i]!)),
      v: s.v.filter((v) => !Number.isNaN(v)),
    }));
    expect(theirs).toHaveLength(50);
    live.sort((a, b) => (a.labels < b.labels ? -1 : 1));
    expect(live).toEqual(theirs);
    expect(ours[0]!.v.some((v) => Number.isNaN(v))).toBe(true);

    // And it goes on where Prometheus was, and Prometheus where this head was.
    await write(head, [[{ __name__: 'ours' }, Date.now(), 1]]);
    await head.close();
    const again = await prometheus(data, 'global: {}\n');
    expect(await ask(again.url, 'ours', Date.now() / 1000 + 1)).toHaveLength(1);
    expect((await ask(again.url, 'scraped', Date.now() / 1000 + 1)).length).toBe(50);
  },
);
