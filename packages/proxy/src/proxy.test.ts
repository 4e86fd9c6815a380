import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { RunningDataPlane } from './plane.ts';
import {
  answerWith,
  apply,
  cluster,
  endpoints,
  freePort,
  host,
  listener,
  NO_EDITS,
  oneRoute,
  route,
  split,
  started,
} from './testing/world.ts';
import { ask, get, ok, RawClient, recorder, type Answerer, type Recorder } from './testing/wire.ts';

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const r of running.splice(0).reverse()) await r.close();
});

async function upstream(answer?: Answerer): Promise<Recorder> {
  const r = await recorder(answer);
  running.push(r);
  return r;
}

async function gate(
  resources: (port: number) => object[],
  options: Parameters<typeof started>[1] = {},
): Promise<{ port: number; plane: RunningDataPlane }> {
  const port = await freePort();
  const plane = await started(resources(port), options);
  running.push({ close: () => plane.close(0) });
  return { port, plane };
}

describe('forwarding', () => {
  it('adds what the upstream must know and takes out what it must not believe', async () => {
    const up = await upstream();
    const { port } = await gate((p) => oneRoute(p, [up.port]));
    const answer = await ask(
      port,
      get(
        '/a%20b?c=%2e',
        'X-Consumer-Username: admin\r\nX_Consumer_ID: 1\r\nX-Credential-Identifier: 9\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n' +
          'Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nConnection: X-Hop, keep-alive, X-Forwarded-For\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n' +
          'Proxy-Connection: x\r\nUpgrade: h2c\r\nAccept: */*\r\nX-Keep: yes\r\n',
      ),
    );
    expect(answer.status).toBe(200);
    expect(answer.body).toBe('ok');
    const [seen] = up.requests;
    expect(seen!.start).toBe('GET /a%20b?c=%2e HTTP/1.1');
    expect(seen!.headers).toEqual({
      host: 'a.test',
      accept: '*/*',
      'x-keep': 'yes',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-port': String(port),
      'x-forwarded-host': 'a.test',
      via: '1.1 munjigi',
      'x-request-id': expect.stringMatching(/^[0-9a-f]{8}-\d+$/) as unknown,
    });
  });

  it('believes forwarded headers of trusted peers only', async () => {
    const up = await upstream();
    const { port } = await gate((p) => oneRoute(p, [up.port]), { trustedProxies: ['127.0.0.0/8'] });
    await ask(
      port,
      get(
        '/',
        'X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Consumer-ID: evil\r\nX-Request-Id: abc\r\n',
      ),
    );
    expect(up.requests[0]!.headers).toMatchObject({
      'x-forwarded-for': '1.2.3.4, 127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': String(port),
      'x-forwarded-host': 'a.test',
      'x-request-id': 'abc',
    });
    expect(up.requests[0]!.headers).not.toHaveProperty('x-consumer-id');
  });

  it('takes hop-by-hop headers out of answers and keeps the rest', async () => {
    const up = await upstream(
      () =>
        'HTTP/1.1 201 Made\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-A: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 3\r\n\r\nabc',
    );
    const { port } = await gate((p) => oneRoute(p, [up.port]));
    const answer = await ask(port, get('/'));
    expect(answer.head).toBe(
      'HTTP/1.1 201 Made\r\nX-A: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 3',
    );
    expect(answer.body).toBe('abc');
  });

  it('reuses the upstream connection, the last used first', async () => {
    const up = await upstream();
    const { port } = await gate((p) => oneRoute(p, [up.port]));
    const client = new RawClient(port);
    for (let i = 0; i < 5; i++) expect((await client.send(get(`/${i}`)).response()).status).toBe(200);
    client.close();
    await ask(port, get('/other'));
    expect(up.connections()).toBe(1);
    expect(up.requests.map(({ start }) => start.split(' ')[1])).toEqual([
      '/0',
      '/1',
      '/2',
      '/3',
      '/4',
      '/other',
    ]);
  });

  it('answers pipelined requests in order, also after answers of its own', async () => {
    const up = await upstream(
      (r) => `HTTP/1.1 200 OK\r\ncontent-length: ${r.start.length}\r\n\r\n${r.start}`,
    );
    const { port } = await gate((p) =>
      oneRoute(
        p,
        [up.port],
        [
          host('main', ['*'], ['route/direct', 'route/main']),
          route('direct', {
            matches: [{ path: { kind: 'exact', value: '/direct' }, methods: null, headers: [] }],
            action: { kind: 'direct', response: answerWith(418) },
          }),
        ],
      ),
    );
    const client = new RawClient(port);
    client.send(
      get('/1') +
        get('/direct') +
        get('/direct') +
        `POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc` +
        get('/3'),
    );
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await client.response());
    client.close();
    expect(answers.map(({ status }) => status)).toEqual([200, 418, 418, 200, 200]);
    expect(answers[3]!.body).toBe('POST /2 HTTP/1.1');
    expect(up.requests.map(({ body }) => body)).toEqual(['', 'abc', '']);
  });

  const bodies: readonly (readonly [name: string, request: string, seen: string, chunked: boolean])[] = [
    ['by length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello', 'hello', false],
    [
      'chunked',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n003\r\nllo\r\n0\r\nX-T: 1\r\n\r\n',
      'hello',
      true,
    ],
    ['none', 'POST / HTTP/1.1\r\nHost: a\r\n\r\n', '', false],
    ['length 0', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n', '', false],
  ];
  it.each(bodies)('a request body %s, cut at every place', async (_, request, seen, chunked) => {
    const up = await upstream();
    const { port } = await gate((p) => oneRoute(p, [up.port]));
    const cuts = request.length - 1;
    for (let cut = 1; cut <= cuts; cut += 3) {
      const client = new RawClient(port);
      client.send(request.slice(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      client.send(request.slice(cut));
      expect((await client.response()).status).toBe(200);
      client.close();
    }
    for (const r of up.requests) {
      expect(r.body).toBe(seen);
      expect(r.headers['transfer-encoding']).toBe(chunked ? 'chunked' : undefined);
    }
  });

  const answers: readonly (readonly [name: string, raw: string, ends: boolean, body: string])[] = [
    ['by length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', false, 'hello'],
    [
      'chunked',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n',
      false,
      'hello',
    ],
    ['until close', 'HTTP/1.1 200 OK\r\n\r\nhello', true, 'hello'],
    ['HTTP/1.0 until close', 'HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\nhello', true, 'hello'],
    ['204', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', false, ''],
    ['304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', false, ''],
    ['without reason', 'HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello', false, 'hello'],
    [
      'after 103',
      'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
      false,
      'hello',
    ],
  ];
  it.each(answers)(
    'an answer %s, cut at every place, to HTTP/1.1 and HTTP/1.0',
    async (name, raw, ends, body) => {
      let cut = 1;
      const up = await upstream((_, socket) => {
        socket.write(raw.slice(0, cut), 'latin1');
        setImmediate(() => {
          socket.write(raw.slice(cut), 'latin1');
          if (ends) socket.end();
        });
        return null;
      });
      const { port } = await gate((p) => oneRoute(p, [up.port]));
      for (cut = 1; cut < raw.length; cut += 4)
        for (const version of ['1.1', '1.0']) {
          const client = new RawClient(port);
          client.send(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`);
          let answer = await client.response();
          const interim = answer.status === 103;
          if (interim) answer = await client.response();
          expect(interim).toBe(name === 'after 103' && version === '1.1');
          expect(answer.start).toMatch(/^HTTP\/1\.1 [23]/);
          expect(answer.body).toBe(body);
          expect(version === '1.0' ? await client.closed : answer.headers['connection'] === undefined).toBe(
            true,
          );
          client.close();
        }
    },
  );

  it('HEAD has no body, and the connection goes on', async () => {
    const up = await upstream((r) =>
      r.start.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n' : ok(r, null as never),
    );
    const { port } = await gate((p) => oneRoute(p, [up.port]));
    const client = new RawClient(port);
    const head = await client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n').response(true);
    expect(head.headers['content-length']).toBe('5');
    expect((await client.send(get('/')).response()).body).toBe('ok');
    client.close();
    expect(up.connections()).toBe(1);
  });

  it('HTTP/1.0 with keep-alive is kept', async () => {
    const up = await upstream();
    const { port } = await gate((p) => oneRoute(p, [up.port]));
    const client = new RawClient(port);
    for (let i = 0; i < 2; i++) {
      const answer = await client
        .send('GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n')
        .response();
      expect(answer.headers['connection']).toBe('keep-alive');
    }
    client.close();
    expect(up.requests[0]!.start).toBe('GET / HTTP/1.1');
  });

  it('answers Expect: 100-continue itself and does not pass it on', async () => {
    const seen: string[] = [];
    const raw = net.createServer((socket) => {
      socket.on('data', (chunk: Buffer) => {
        seen.push(chunk.toString('latin1'));
        if (seen.join('').endsWith('ab')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      });
    });
    raw.listen(0, '127.0.0.1');
    await new Promise((resolve) => raw.once('listening', resolve));
    running.push({ close: () => new Promise((resolve) => raw.close(() => resolve())) });
    const asks = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n';
    const { port } = await gate((p) => oneRoute(p, [(raw.address() as net.AddressInfo).port]));
    const client = new RawClient(port);
    client.send(asks);
    expect((await client.response()).status).toBe(100);
    const answer = await client.send('ab').response();
    expect([answer.status, answer.headers['connection']]).toEqual([200, undefined]);
    expect(seen.join('')).not.toMatch(/expect/i);
    // A body that came with its head is not asked for.
    const third = await client.send(`${asks}ab`).response();
    expect(third.status).toBe(200);
    client.close();

    const early = net.createServer((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n'));
      socket.on('error', () => undefined);
    });
    early.listen(0, '127.0.0.1');
    await new Promise((resolve) => early.once('listening', resolve));
    running.push({ close: () => new Promise((resolve) => early.close(() => resolve())) });
    const second = await gate((p) => oneRoute(p, [(early.address() as net.AddressInfo).port]));
    const refused = new RawClient(second.port);
    expect((await refused.send(asks).response()).status).toBe(100);
    expect((await refused.response()).status).toBe(401);
    refused.close();
  });
});

describe('when the upstream fails', () => {
  const failing: readonly (readonly [name: string, answer: Answerer, status: number, reason: string])[] = [
    ['garbage', () => 'SSH-2.0-x\r\n\r\n', 502, 'bad_response'],
    [
      'both framings',
      () => 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      502,
      'bad_response',
    ],
    [
      'two lengths',
      () => 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na',
      502,
      'bad_response',
    ],
    ['bare LF', () => 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', 502, 'bad_response'],
    ['a head without end', () => `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(70_000)}`, 502, 'bad_response'],
    ['switching protocols', () => 'HTTP/1.1 101 Switching\r\n\r\n', 502, 'bad_response'],
    ['FIN at once', (_, s) => (s.end(), null), 502, 'closed_early'],
    ['reset', (_, s) => (s.resetAndDestroy(), null), 502, 'reset'],
  ];
  it.each(failing)('%s', async (_, answer, status, reason) => {
    const up = await upstream(answer);
    const { port, plane } = await gate((p) => oneRoute(p, [up.port]));
    const client = new RawClient(port);
    const got = await client.send(get('/')).response();
    expect(got.status).toBe(status);
    // The client's connection survives what the upstream did.
    expect((await client.send(get('/')).response()).status).toBe(status);
    client.close();
    const failures = plane.counters
      .families()
      .find(({ name }) => name === 'munjigi_upstream_failures_total')!;
    expect(failures.samples.map(({ labels, value }) => [labels, value])).toEqual([
      [['endpoint', `127.0.0.1:${up.port}`, 'reason', reason, 'upstream', 'main'], 2],
    ]);
  });

  it.each([
    ['by length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe'],
    ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n'],
    ['bad chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\nzz'],
  ])('an answer cut off (%s) never looks whole', async (_, raw) => {
    const up = await upstream((__, socket) => {
      socket.write(raw);
      setImmediate(() => socket.end());
      return null;
    });
    const { port } = await gate((p) => oneRoute(p, [up.port]));
    const client = new RawClient(port);
    await expect(client.send(get('/')).response()).rejects.toThrow(/closed after/);
    expect(await client.closed).toBe(false);
  });

  it('tries another endpoint when a connect fails, and passes the dead one over', async () => {
    const dead = await freePort();
    const up = await upstream();
    const { port, plane } = await gate((p) =>
      oneRoute(p, [dead, up.port], [route('main', { connectRetries: 1, hostHeader: { kind: 'endpoint' } })]),
    );
    for (let i = 0; i < 6; i++) expect((await ask(port, get('/'))).status).toBe(200);
    expect(new Set(up.requests.map(({ headers }) => headers['host']))).toEqual(
      new Set([`127.0.0.1:${up.port}`]),
    );
    const health = plane.endpoints();
    expect(health.find(({ endpoint }) => endpoint.endsWith(`:${dead}`))).toMatchObject({
      health: 'unhealthy',
      failures: 1,
      reason: 'the connection was refused',
    });
    expect(health.find(({ endpoint }) => endpoint.endsWith(`:${up.port}`))).toMatchObject({
      health: 'healthy',
      requests: 6,
    });
  });

  it('answers 502 when no endpoint can be reached, 503 when there is none', async () => {
    const dead = await freePort();
    const { port, plane } = await gate((p) => oneRoute(p, [dead]));
    expect((await ask(port, get('/'))).status).toBe(502);
    await apply(plane, [endpoints('main', [])], 1);
    expect(await ask(port, get('/'))).toMatchObject({ status: 503, body: '{"message":"no endpoint"}' });
    await apply(plane, [split('main', { main: 0 })], 2);
    expect(await ask(port, get('/'))).toMatchObject({ status: 503, body: '{"message":"no backend"}' });
  });

  it('sends a safe request again when a pooled connection turns out to be dead', async () => {
    let n = 0;
    // Every second request finds its connection closed instead of answered.
    const up = await upstream((r, socket) => (++n % 2 === 0 ? (socket.destroy(), null) : ok(r, socket)));
    const { port } = await gate((p) => oneRoute(p, [up.port]));
    const client = new RawClient(port);
    expect((await client.send(get('/1')).response()).status).toBe(200);
    expect((await client.send(get('/2')).response()).status).toBe(200);
    expect(up.requests.map(({ start }) => start.split(' ')[1])).toEqual(['/1', '/2', '/2']);
    // Not so a POST: it may have been done.
    expect(
      (await client.send('POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx').response()).status,
    ).toBe(502);
    expect(up.requests).toHaveLength(4);
    client.close();
  });

  it('a route timeout answers 504 and resets the upstream', async () => {
    const up = await upstream(() => null);
    const { port, plane } = await gate((p) => oneRoute(p, [up.port], [route('main', { timeout_ms: 50 })]));
    expect((await ask(port, get('/'))).status).toBe(504);
    expect(plane.endpoints()[0]).toMatchObject({ reason: 'the answer took too long', health: 'unknown' });
    await Promise.all([...up.open].map((s) => new Promise((resolve) => s.once('close', resolve))));
  });

  it('silence beyond the idle timeout answers 504', async () => {
    const up = await upstream(() => null);
    const { port } = await gate((p) => oneRoute(p, [up.port], [cluster('main', { idleTimeout_ms: 50 })]));
    expect((await ask(port, get('/'))).status).toBe(504);
  });
});

describe('when the client misbehaves', () => {
  it('goes away: the upstream connection is reset', async () => {
    const up = await upstream((_, socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart');
      return null;
    });
    const { port, plane } = await gate((p) => oneRoute(p, [up.port]));
    const client = new RawClient(port);
    client.send(get('/'));
    await up.seen(1);
    const closed = Promise.all([...up.open].map((s) => new Promise((resolve) => s.once('close', resolve))));
    client.socket.resetAndDestroy();
    await closed;
    expect(plane.workers()[0]!.inFlight).toBe(0);
  });

  it('closes its side and still gets the answer', async () => {
    const up = await upstream();
    const { port } = await gate((p) => oneRoute(p, [up.port]));
    const client = new RawClient(port);
    client.send(get('/'));
    client.socket.end();
    expect((await client.response()).status).toBe(200);
    expect(await client.closed).toBe(true);
  });

  it('sends a body that nobody needs: the answer comes, then the next request', async () => {
    const { port } = await gate((p) =>
      oneRoute(p, [], [route('main', { action: { kind: 'direct', response: answerWith(403) } })]),
    );
    const client = new RawClient(port);
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(1000)}`);
    expect((await client.response()).status).toBe(403);
    client.send('x'.repeat(99_000) + get('/'));
    expect((await client.response()).status).toBe(403);
    client.close();
    const long = new RawClient(port);
    long.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n');
    expect((await long.response()).headers['connection']).toBe('close');
    long.close();
  });

  it.each([
    ['head', 'GET / HTTP/1.1\r\nHost: a\r\n', 408],
    ['body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc', 408],
  ])('sends its %s too slowly', async (_, text, status) => {
    const up = await upstream();
    const { port } = await gate((p) => oneRoute(p, [up.port]), {
      limits: { headTimeout_ms: 50, clientIdle_ms: 50 },
    });
    const client = new RawClient(port);
    expect((await client.send(text).response()).status).toBe(status);
    expect(await client.closed).toBe(true);
  });

  it('stays idle: closed without a word', async () => {
    const up = await upstream();
    const { port } = await gate((p) => oneRoute(p, [up.port]), { limits: { keepAliveTimeout_ms: 50 } });
    const client = new RawClient(port);
    await client.send(get('/')).response();
    expect(await client.closed).toBe(true);
    expect(client.rest).toBe('');
  });

  it('is one too many', async () => {
    const up = await upstream();
    const { port, plane } = await gate((p) => oneRoute(p, [up.port]), { limits: { maxConnections: 2 } });
    const first = new RawClient(port);
    const second = new RawClient(port);
    await first.send(get('/')).response();
    await second.send(get('/')).response();
    const third = new RawClient(port);
    expect(await third.closed).toBe(false);
    // It counts as gone a moment after its reset was sent.
    while (plane.workers()[0]!.connections > 2) await new Promise((resolve) => setImmediate(resolve));
    first.close();
    second.close();
  });
});

describe('routing', () => {
  it('weights come out right over 1,000 requests', async () => {
    const names = ['a', 'b'];
    const ups = await Promise.all(
      names.map((name) => upstream(() => `HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${name}`)),
    );
    const { port } = await gate((p) =>
      oneRoute(
        p,
        [],
        [
          split('main', { a: 90, b: 10 }),
          cluster('a'),
          cluster('b'),
          endpoints('a', [ups[0]!.port]),
          endpoints('b', [ups[1]!.port]),
        ],
      ),
    );
    const client = new RawClient(port);
    for (let i = 0; i < 1000; i++) await client.send(get('/')).response();
    client.close();
    expect(ups.map(({ requests }) => requests.length)).toEqual([900, 100]);
  });

  it('chooses the host, then the first route; edits headers; rewrites; redirects', async () => {
    const up = await upstream();
    const { port } = await gate((p) => [
      listener(p, ['host/shop', 'host/wild', 'host/rest']),
      host('shop', ['shop.local'], ['route/edit', 'route/post', 'route/go', 'route/rewrite']),
      host('wild', ['*.shop.local'], ['route/wild']),
      host('rest', ['*'], []),
      route('edit', {
        matches: [
          {
            path: { kind: 'prefix', value: '/edit' },
            methods: null,
            headers: [{ name: 'x-v', kind: 'exact', values: ['2'] }],
          },
        ],
        requestHeaders: {
          remove: ['x-gone'],
          set: [
            ['x-set', 'route'],
            ['x-both', 'route'],
          ],
          add: [['x-add', '1']],
        },
        responseHeaders: { remove: ['x-up'], set: [['x-res', 'r']], add: [] },
        hostHeader: { kind: 'literal', value: 'inner.local' },
        action: { kind: 'forward', split: 'split/edit' },
      }),
      split(
        'edit',
        {},
        {
          targets: [
            {
              cluster: 'cluster/main',
              weight: 1,
              requestHeaders: { remove: [], set: [['x-both', 'target']], add: [] },
              responseHeaders: NO_EDITS,
            },
          ],
        },
      ),
      route('post', {
        matches: [{ path: null, methods: ['POST'], headers: [] }],
        action: { kind: 'direct', response: answerWith(405) },
      }),
      route('go', {
        matches: [{ path: { kind: 'exact', value: '/go' }, methods: null, headers: [] }],
        action: { kind: 'redirect', status: 301, host: null, path: null, scheme: 'https' },
      }),
      route('rewrite', {
        matches: [{ path: { kind: 'prefix', value: '/old' }, methods: null, headers: [] }],
        rewritePath: { kind: 'replacePrefix', to: '/new' },
      }),
      route('wild', { action: { kind: 'direct', response: answerWith(200, 'wild') } }),
      split('main', { main: 1 }),
      cluster('main'),
      endpoints('main', [up.port]),
    ]);
    const at = (
      host: string,
      line: string,
      more = '',
    ): Promise<{ status: number; body: string; headers: Readonly<Record<string, string>> }> =>
      ask(port, `${line} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`);
    const edited = await at(
      'SHOP.local:80',
      'GET /edit/x',
      'X-V: 2\r\nX-Gone: 1\r\nX-Set: client\r\nX-Add: 0\r\n',
    );
    expect(edited.headers['x-res']).toBe('r');
    expect(up.requests[0]!.headers).toMatchObject({
      host: 'inner.local',
      'x-set': 'route',
      'x-both': 'target',
      'x-add': '0, 1',
      'x-forwarded-host': 'SHOP.local:80',
    });
    expect(up.requests[0]!.headers).not.toHaveProperty('x-gone');
    expect((await at('shop.local.', 'GET /edit', 'X-V: 1\r\n')).status).toBe(404);
    expect((await at('shop.local', 'POST /edit')).status).toBe(405);
    expect((await at('shop.local:8000', 'GET /go?x=1')).headers['location']).toBe(
      'https://shop.local/go?x=1',
    );
    await at('shop.local', 'GET /old/a?b');
    await at('shop.local', 'GET //old/../old/./%61');
    await at('b.test', 'GET http://shop.local/old');
    expect(up.requests.slice(1).map(({ start, headers }) => [start.split(' ')[1], headers['host']])).toEqual([
      ['/new/a?b', 'shop.local'],
      ['/new/a', 'shop.local'],
      ['/new', 'shop.local'],
    ]);
    expect((await at('x.y.shop.local', 'GET /')).body).toBe('{"message":"wild"}');
    expect((await at('other', 'GET /')).status).toBe(404);
  });
});

describe('the log and the counters', () => {
  it('count and log every request once', async () => {
    const { mkdtempSync, readFileSync, rmSync } = await import('node:fs');
    const dir = mkdtempSync('/tmp/proxy-log-');
    const up = await upstream();
    const { port, plane } = await gate((p) => oneRoute(p, [up.port]), { accessLog: `${dir}/access.log` });
    await ask(port, get('/one?secret=1'));
    await ask(port, `POST /"two\\ HTTP/1.1\r\nHost: b.test:80\r\nContent-Length: 3\r\n\r\nabc`);
    await ask(port, 'BAD\r\n\r\n');
    await running.pop()!.close();
    const lines = readFileSync(`${dir}/access.log`, 'utf8')
      .trimEnd()
      .split('\n')
      .map((l) => JSON.parse(l) as object);
    rmSync(dir, { recursive: true });
    const common = {
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as unknown,
      client: '127.0.0.1',
    };
    const forwarded = {
      status: 200,
      route: 'main',
      service: 'svc',
      upstream: 'main',
      endpoint: `127.0.0.1:${up.port}`,
      bytes_out: 40,
    };
    expect(lines).toMatchObject([
      {
        ...common,
        ...forwarded,
        method: 'GET',
        host: 'a.test',
        path: '/one',
        bytes_in: get('/one?secret=1').length,
      },
      { ...common, ...forwarded, method: 'POST', host: 'b.test', path: '/"two\\' },
      { ...common, status: 400, method: '' },
    ]);
    const families = new Map(plane.counters.families().map((f) => [f.name, f.samples]));
    const value = (name: string, ...labels: string[]): number =>
      families.get(name)!.find((s) => labels.every((l) => s.labels.includes(l)))?.value ?? 0;
    expect(value('munjigi_http_requests_total', 'main', 'svc', '200')).toBe(2);
    expect(value('munjigi_http_bad_requests_total', 'request_line')).toBe(1);
    expect(value('munjigi_http_request_duration_seconds', '+Inf')).toBe(2);
    expect(value('munjigi_upstream_requests_total', 'main', '200')).toBe(2);
    expect(value('munjigi_upstream_endpoint_up', 'main')).toBe(1);
    expect(value('munjigi_http_response_bytes_total', 'main')).toBe(80);
  });
});
