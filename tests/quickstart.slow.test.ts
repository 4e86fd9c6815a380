// The quickstart as a stranger meets it: `munjigi up` without arguments, on its own ports.
import { once } from 'node:events';
import { cpSync, mkdirSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { walkConsole, whyNoBrowser } from '../packages/ui/src/testing/walk.ts';
import {
  ask,
  eventually,
  killAll,
  munjigi,
  query,
  seriesKey,
  temporaryFolder,
  type Program,
} from './program.ts';

const GATEWAY = 'http://127.0.0.1:8000';
const CONSOLE = 'http://127.0.0.1:9090';
const PORTS = [8000, 9090, 8081, 8082, 8083];

let folder: { path: string; remove(): void };
let program: Program;

async function start(): Promise<Program> {
  const started = munjigi(['up'], folder.path);
  await started.printed(/munjigi is ready/);
  return started;
}

beforeAll(async () => {
  const noBrowser = whyNoBrowser();
  if (noBrowser !== null) {
    if (process.env['MUNJIGI_REQUIRE_PEERS'] !== undefined) throw new Error(noBrowser);
    console.log(`the console in a browser: ${noBrowser}`);
  }
  for (const port of PORTS) {
    const probe = net.createServer().listen(port, '127.0.0.1');
    await once(probe, 'listening').catch(() => {
      throw new Error(
        `port ${port} is in use: the quickstart needs ${PORTS.join(', ')}; stop what listens there`,
      );
    });
    probe.close();
    await once(probe, 'close');
  }
  folder = temporaryFolder();
  program = await start();
});
afterAll(async () => {
  await killAll();
  folder.remove();
});

describe('quickstart', () => {
  it('prints where things are and two lines worth trying', () => {
    const out = program.output();
    expect(out).toContain('localhost:8000');
    expect(out).toContain('http://localhost:9090');
    expect(out.match(/curl /g)?.length).toBeGreaterThanOrEqual(2);
  });

  it('splits 90/10 over 1,000 requests', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
    const seen: Record<string, number> = {};
    const one = async (): Promise<void> => {
      const { status, body } = await ask(GATEWAY, { headers: { host: 'shop.local' }, agent });
      expect(status).toBe(200);
      const { version } = JSON.parse(body) as { version: string };
      seen[version] = (seen[version] ?? 0) + 1;
    };
    for (let i = 0; i < 100; i++) await Promise.all(Array.from({ length: 10 }, one));
    agent.destroy();
    expect(seen['v1']! + seen['v2']!).toBe(1000);
    expect(seen['v2']).toBeGreaterThan(60);
    expect(seen['v2']).toBeLessThan(140);
  });

  it('wants a key, and limits', async () => {
    const orders = (headers: Record<string, string>) =>
      ask(`${GATEWAY}/orders`, { headers: { host: 'orders.local', ...headers } });
    const without = await orders({});
    expect(without.status).toBe(401);
    expect(JSON.parse(without.body)).toMatchObject({ message: 'No API key found in request' });
    expect(without.headers['www-authenticate']).toMatch(/^Key/);
    expect((await orders({ apikey: 'wrong' })).status).toBe(401);

    let limited: Awaited<ReturnType<typeof orders>> | null = null;
    let admitted = 0;
    for (let i = 0; i < 61 && limited === null; i++) {
      const answer = await orders({ apikey: 'demo-key' });
      if (answer.status === 429) limited = answer;
      else {
        admitted++;
        expect(Number(answer.headers['x-ratelimit-limit-minute'])).toBe(30);
      }
    }
    // A new minute may begin in the middle.
    expect([30, 60].includes(admitted) || (admitted > 30 && admitted < 60)).toBe(true);
    expect(JSON.parse(limited!.body)).toMatchObject({ message: 'API rate limit exceeded' });
    expect(limited!.headers).toMatchObject({
      'x-ratelimit-limit-minute': '30',
      'x-ratelimit-remaining-minute': '0',
      'ratelimit-limit': '30',
      'ratelimit-remaining': '0',
    });
    expect(Number(limited!.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(limited!.headers['ratelimit-reset'])).toBeGreaterThan(0);
  });

  it('every target is up', async () => {
    const result = await eventually(
      () => query(CONSOLE, 'up'),
      (rows) => rows.length === 4 && rows.every(({ value }) => value[1] === '1'),
    );
    expect(result.map(({ metric }) => metric['job'] ?? '').sort()).toEqual([
      'munjigi',
      'services',
      'services',
      'services',
    ]);
  });

  it('the rate by route follows the traffic', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
    const stop = { now: false };
    const traffic = (async () => {
      while (!stop.now)
        await Promise.all(
          Array.from({ length: 10 }, () => ask(GATEWAY, { headers: { host: 'shop.local' }, agent })),
        );
    })();
    const rows = await eventually(
      () => query(CONSOLE, 'sum by (route) (rate(munjigi_http_requests_total[1m]))'),
      (result) =>
        result.some(({ metric, value }) => /shop/.test(metric['route'] ?? '') && Number(value[1]) > 5),
      40_000,
    );
    stop.now = true;
    await traffic;
    agent.destroy();
    expect(rows.length).toBeGreaterThanOrEqual(1);
  });

  it.skipIf(whyNoBrowser() !== null)('the console shows it in a browser', async () => {
    const out = join(folder.path, 'pictures');
    mkdirSync(out, { recursive: true });
    // A graph of an hour needs some minutes of samples, or at least most of one.
    await eventually(
      () => query(CONSOLE, 'count_over_time(up{job="munjigi"}[5m])'),
      (rows) => Number(rows[0]?.value[1]) >= 14,
      120_000,
    );
    const picture = join(out, 'overview-readme.png');
    const shots = await walkConsole(CONSOLE, out, {
      route: 'default/shop',
      metric: 'munjigi_http_requests_total',
      typed: 'munjigi_http_req',
      graphExpr: 'sum by (route, code) (rate(munjigi_http_requests_total[1m]))',
      picture,
    });
    expect(shots.length).toBeGreaterThan(3);
    // The README's picture is taken here; it changes only when asked for, so that a test run leaves the checkout as it was.
    if (process.env['UPDATE_PICTURE'] !== undefined)
      cpSync(picture, new URL('../docs/overview.png', import.meta.url));
  });

  it('a killed process loses no committed sample', async () => {
    const at = Date.now() / 1000;
    const committed = async (): Promise<Map<string, number>> => {
      const counts = new Map<string, number>();
      for (const name of [
        'up',
        'munjigi_http_requests_total',
        'scrape_samples_scraped',
        'sample_requests_total',
      ])
        for (const { metric, value } of await query(CONSOLE, `count_over_time(${name}[10m])`, at))
          counts.set(`${name} ${seriesKey(metric)}`, Number(value[1]));
      return counts;
    };
    const before = await committed();
    expect(before.size).toBeGreaterThan(10);
    await program.stop('SIGKILL');
    program = await start();
    const after = await committed();
    // A scrape may have been committed between the query and the kill: nothing may be missing.
    for (const [series, count] of before)
      expect(after.get(series) ?? 0, series).toBeGreaterThanOrEqual(count);
  });

  it('stops within 10 s with exit code 0 and keeps its data', async () => {
    const { code, took_ms } = await program.stop('SIGINT');
    expect(program.output()).not.toMatch(/level=ERROR/);
    expect(code).toBe(0);
    expect(took_ms).toBeLessThan(10_000);
    program = await start();
    const rows = await query(CONSOLE, 'count_over_time(up[10m])');
    expect(rows.some(({ value }) => Number(value[1]) > 1)).toBe(true);
    expect((await program.stop('SIGTERM')).code).toBe(0);
  });
});
