// The data plane as it is: worker threads, real load.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeEnv } from '@munjigi/env/node';
import { createDataPlane, type DataPlaneOptions, type RunningDataPlane } from './plane.ts';
import {
  answerWith,
  apply,
  cluster,
  endpoints,
  filter,
  freePort,
  host,
  listener,
  NO_EDITS,
  oneRoute,
  route,
  split,
} from './testing/world.ts';
import { get, RawClient, recorder } from './testing/wire.ts';

const env = nodeEnv({ logLevel: 'error', logWrite: () => undefined });
const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const r of running.splice(0).reverse()) await r.close();
});

async function plane(
  resources: readonly object[],
  options: Partial<DataPlaneOptions> = {},
): Promise<RunningDataPlane> {
  const p = createDataPlane(env, { workers: 2, accessLog: null, ...options });
  running.push({ close: () => p.close(0) });
  await apply(p, resources, 0);
  return p;
}

async function server(handle: http.RequestListener): Promise<number> {
  const s = http.createServer(handle);
  s.keepAliveTimeout = 0;
  s.listen(0, '127.0.0.1');
  await once(s, 'listening');
  running.push({
    close: async () => {
      s.closeAllConnections();
      s.close();
      await once(s, 'close');
    },
  });
  return (s.address() as net.AddressInfo).port;
}

const direct = (status: number): object =>
  route('main', { action: { kind: 'direct', response: answerWith(status) } });

async function statusOf(port: number): Promise<number> {
  const client = new RawClient(port);
  try {
    return (await client.send(get('/')).response()).status;
  } finally {
    client.close();
  }
}

/** A data plane whose second worker goes wrong at version 2, in the way that `wrong` says. */
function dying(): { p: RunningDataPlane; wrong: (way: number) => void } {
  let limits: SharedArrayBuffer | null = null;
  const spying = {
    ...env,
    workers: {
      ...env.workers,
      start: (name: string, entry: URL, data: unknown) => {
        ({ limits } = data as { limits: SharedArrayBuffer });
        return env.workers.start(name, entry, data);
      },
    },
  };
  const p = createDataPlane(spying, {
    workers: 2,
    accessLog: null,
    ackTimeout_ms: 2000,
    entry: new URL('./testing/dying-worker.ts', import.meta.url),
  });
  running.push({ close: () => p.close(0) });
  return { p, wrong: (way) => Atomics.store(new Int32Array(limits!), 0, way) };
}

describe('a worker that goes wrong in the middle of a commit', () => {
  it.each([
    ['throws', 1],
    ['exits', 2],
    ['hangs', 3],
  ])('%s: it is replaced, and commit resolves when its successor serves the version', async (_, way) => {
    const port = await freePort();
    const { p, wrong } = dying();
    await apply(p, oneRoute(port, [], [direct(201)]), 0);
    wrong(way);
    await apply(p, [direct(202)], 1);
    const workers = p.workers();
    expect(workers.map(({ version, state, restarts }) => [version, state, restarts])).toEqual([
      [2, 'running', 0],
      [2, 'running', 1],
    ]);
    expect(workers[1]!.lastEnd).not.toBe('');
    // Both listen: of 40 connections each gets some, and all are answered by the new version.
    const statuses = await Promise.all(Array.from({ length: 40 }, () => statusOf(port)));
    expect(new Set(statuses)).toEqual(new Set([202]));
    await apply(p, [direct(203)], 2);
    expect(await statusOf(port)).toBe(203);
  });
});

it('a worker that hangs while nothing is changed is replaced', async () => {
  const port = await freePort();
  const { p, wrong } = dying();
  await apply(p, oneRoute(port, [], [direct(201)]), 0);
  wrong(4);
  await apply(p, [direct(202)], 1);
  while (p.workers()[1]!.restarts === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(p.workers()[1]!.lastEnd).toMatch(/did not move/);
  await apply(p, [direct(203)], 2);
  const statuses = await Promise.all(Array.from({ length: 40 }, () => statusOf(port)));
  expect(new Set(statuses)).toEqual(new Set([203]));
});

it('rate limits are exact across workers', async () => {
  const port = await freePort();
  const upstream = await server((_, r) => r.end('ok'));
  const limits = [{ window: 'year', limit: 1000 }];
  await plane(
    oneRoute(
      port,
      [upstream],
      [
        route('main', { filters: ['filter/limit'] }),
        filter('limit', {
          filter: 'rate-limiting',
          limits,
          limitBy: 'ip',
          limitByName: '',
          scope: 's',
          hideClientHeaders: false,
          errorCode: 429,
          errorMessage: 'API rate limit exceeded',
        } as never),
      ],
    ),
    { workers: 4 },
  );
  const counts = new Map<number, number>();
  const remaining = new Set<string>();
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      const client = new RawClient(port);
      for (let i = 0; i < 30; i++) {
        const { status, headers } = await client.send(get('/')).response();
        counts.set(status, (counts.get(status) ?? 0) + 1);
        if (status === 200) remaining.add(headers['ratelimit-remaining']!);
      }
      client.close();
    }),
  );
  expect(Object.fromEntries(counts)).toEqual({ 200: 1000, 429: 920 });
  // Every admitted request got a number of its own.
  expect(remaining.size).toBe(1000);
});

it('200 changes under load fail no request', async () => {
  const port = await freePort();
  const [a, b] = [await server((_, r) => r.end('a')), await server((_, r) => r.end('b'))];
  const p = await plane([
    listener(port),
    host('main', ['*'], ['route/main']),
    route('main'),
    split('main', { main: 1, other: 1 }),
    cluster('main'),
    cluster('other'),
    endpoints('main', [a]),
    endpoints('other', [b]),
  ]);
  const state = { stop: false };
  let requests = 0;
  const failures: string[] = [];
  const load = Array.from({ length: 24 }, async (_, i) => {
    let client = new RawClient(port);
    while (!state.stop) {
      try {
        const { status, body } = await client
          .send(
            i % 3 === 0
              ? `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(1000)}`
              : get('/'),
          )
          .response();
        if (status !== 200 || !'ab'.includes(body)) failures.push(`${status} ${body}`);
      } catch (error) {
        failures.push(String(error));
        client = new RawClient(port);
      }
      requests++;
    }
    client.close();
  });
  for (let v = 1; v <= 200; v++) {
    const changes: Record<number, object[]> = {
      0: [split('main', { main: v % 100, other: 100 - (v % 100) })],
      1: [route('main', { requestHeaders: { ...NO_EDITS, set: [['x-v', String(v)]] } })],
      2: [endpoints('main', v % 8 === 2 ? [b] : [a]), cluster('main', { idleTimeout_ms: 20_000 + v })],
      3: [
        host('main', ['*'], ['route/main', `route/${v}`]),
        route(String(v), { metric: { route: String(v), service: '' } }),
      ],
    };
    const remove = v % 4 === 0 && v >= 8 ? [`route/${v - 5}`] : [];
    await apply(
      p,
      [...changes[v % 4]!, ...(remove.length > 0 ? [host('main', ['*'], ['route/main'])] : [])],
      v,
      remove,
    );
  }
  state.stop = true;
  await Promise.all(load);
  expect(failures).toEqual([]);
  expect(requests).toBeGreaterThan(1000);
  expect(p.workers().map(({ version, restarts }) => [version, restarts])).toEqual([
    [201, 0],
    [201, 0],
  ]);
});

it('close waits for requests in flight', async () => {
  const port = await freePort();
  let answer = (): void => undefined;
  const up = await recorder((_, socket) => {
    answer = () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    return null;
  });
  running.push(up);
  const p = await plane(oneRoute(port, [up.port]));
  const client = new RawClient(port);
  client.send(get('/'));
  await up.seen(1);
  const closed = p.close(5000);
  // The port is closed to others at once.
  for (;;) {
    const probe = net.connect(port, '127.0.0.1');
    const refused = await Promise.race([
      once(probe, 'connect').then(() => false),
      once(probe, 'error').then(() => true),
    ]).catch(() => true);
    probe.destroy();
    if (refused) break;
  }
  answer();
  expect((await client.response()).status).toBe(200);
  await closed;
});

describe('bodies stream', () => {
  const SIZE = 100 * 1024 * 1024;
  const piece = Buffer.alloc(64 * 1024, 'x');
  const memory = (): number =>
    Number(execFileSync('ps', ['-o', 'rss=', '-p', String(process.pid)], { encoding: 'utf8' })) * 1024;

  async function send(into: NodeJS.WritableStream): Promise<void> {
    for (let sent = 0; sent < SIZE; sent += piece.length) if (!into.write(piece)) await once(into, 'drain');
    into.end();
  }

  it('100 MB up and down at once, to a reader that is slow at first, in bounded memory', async () => {
    const port = await freePort();
    const upstream = await server((request, response) => {
      let n = 0;
      request.on('data', (b: Buffer) => {
        n += b.length;
      });
      request.on('end', () => response.addTrailers({ 'x-n': String(n) }));
      response.setHeader('x-start', 'now');
      void send(response);
    });
    await plane(oneRoute(port, [upstream]), { workers: 1 });
    // Warm, so that what follows is the bodies' own.
    expect(await statusOfLength(port)).toBe(200);
    const before = memory();
    let most = 0;
    const request = http.request({ host: '127.0.0.1', port, method: 'POST', path: '/' });
    const sent = send(request);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    // The reader takes nothing for a while: the upstream is held back, not buffered.
    await new Promise((resolve) => setTimeout(resolve, 500));
    most = Math.max(most, memory() - before);
    let received = 0;
    for await (const b of response) {
      received += (b as Buffer).length;
      if (received % (16 * piece.length) < piece.length) most = Math.max(most, memory() - before);
    }
    await sent;
    expect(received).toBe(SIZE);
    expect(most).toBeLessThan(80 * 1024 * 1024);
  });

  async function statusOfLength(port: number): Promise<number> {
    const request = http.request({ host: '127.0.0.1', port, method: 'POST', path: '/' });
    request.end();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    await once(response, 'end');
    return response.statusCode!;
  }

  it('a client that leaves in the middle frees everything', async () => {
    const port = await freePort();
    const seen = { closed: 0 };
    const upstream = await server((_, response) => {
      response.on('close', () => seen.closed++);
      void send(response).catch(() => undefined);
    });
    const p = await plane(oneRoute(port, [upstream]), { workers: 1 });
    for (let i = 0; i < 20; i++) {
      const client = net.connect(port, '127.0.0.1');
      client.write(get('/'));
      await once(client, 'data');
      client.destroy();
      await once(client, 'close');
    }
    while (seen.closed < 20 || p.workers()[0]!.inFlight > 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(p.workers()[0]!.connections).toBe(0);
  });
});
