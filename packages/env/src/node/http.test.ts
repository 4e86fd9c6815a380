// What only real HTTP has: encodings, connections that go stale, TLS, clients that misbehave.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import zlib from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import type { HttpFetch, HttpFetched, HttpRequest, HttpResponse } from '../env.ts';
import { nodeEnv } from './index.ts';

const env = nodeEnv({ logWrite: () => {} });
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function origin(handler: http.RequestListener): Promise<string> {
  const server = http.createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const get = (url: string, more: Partial<HttpFetch> = {}): Promise<HttpFetched> =>
  env.http.fetch({ url, timeout_ms: 5000, bodyLimit: 0, ...more });

const PLAIN = Buffer.from('metric{label="value"} 1\n'.repeat(3000));
const ENCODINGS: readonly (readonly [string, Buffer])[] = [
  ['gzip', zlib.gzipSync(PLAIN)],
  ['x-gzip', zlib.gzipSync(PLAIN)],
  ['deflate', zlib.deflateSync(PLAIN)],
  ['Deflate', zlib.deflateRawSync(PLAIN)],
  ['br', zlib.brotliCompressSync(PLAIN)],
  ['zstd', zlib.zstdCompressSync(PLAIN)],
  ['identity', PLAIN],
];

describe('fetch', () => {
  test.each(ENCODINGS)('decodes %s, with the limit on what comes out', async (encoding, bytes) => {
    const url = await origin((_q, r) => {
      r.writeHead(200, { 'content-encoding': encoding });
      for (let i = 0; i < bytes.length; i += 1000) r.write(bytes.subarray(i, i + 1000));
      r.end();
    });
    const r = await get(url, { bodyLimit: PLAIN.length });
    expect(Buffer.compare(r.body, PLAIN)).toBe(0);
    expect(r.body.buffer.byteLength).toBe(PLAIN.length);
    await expect(get(url, { bodyLimit: PLAIN.length - 1 })).rejects.toMatchObject({ code: 'EMSGSIZE' });
  });

  test.each(ENCODINGS.slice(0, 6))('a cut or spoiled %s body is an error', async (encoding, bytes) => {
    const cut = await origin((_q, r) =>
      r.writeHead(200, { 'content-encoding': encoding }).end(bytes.subarray(0, bytes.length >> 1)),
    );
    await expect(get(cut)).rejects.toBeInstanceOf(Error);
    const noise = await origin((_q, r) =>
      r.writeHead(200, { 'content-encoding': encoding }).end(Buffer.alloc(500, 0xaa)),
    );
    await expect(get(noise)).rejects.toBeInstanceOf(Error);
  });

  test('a bomb is stopped before it has unfolded', async () => {
    const bomb = zlib.gzipSync(Buffer.alloc(20_000_000));
    expect(bomb.length).toBeLessThan(50_000);
    const url = await origin((_q, r) => r.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
    await expect(get(url, { bodyLimit: 50_000 })).rejects.toMatchObject({ code: 'EMSGSIZE' });
  });

  test.each([
    ['an unknown encoding', { 'content-encoding': 'snappy' }, 'EPROTO'],
    ['two encodings', { 'content-encoding': 'gzip, br' }, 'EPROTO'],
  ])('%s is refused', async (_name, headers, code) => {
    const url = await origin((_q, r) => r.writeHead(200, headers).end('x'));
    await expect(get(url)).rejects.toMatchObject({ code });
  });

  test('headers come in lower case, repeated ones joined', async () => {
    const url = await origin((_q, r) => {
      r.writeHead(
        200,
        [
          ['X-Twice', 'a'],
          ['X-Twice', 'b'],
          ['Set-Cookie', 'c'],
          ['Set-Cookie', 'd'],
        ].flat(),
      );
      r.end();
    });
    const { headers } = await get(url);
    expect([headers['x-twice'], headers['set-cookie']]).toEqual(['a, b', 'c, d']);
  });

  test('connections are kept; one that went stale is replaced without an error', async () => {
    const ports: (number | undefined)[] = [];
    let dying = false;
    const url = await origin((q, r) => {
      ports.push(q.socket.remotePort);
      if (dying) q.socket.destroy();
      dying = false;
      r.end('ok');
    });
    await get(url);
    await get(url);
    expect(new Set(ports).size).toBe(1);
    dying = true;
    expect((await get(url)).status).toBe(200);
    expect(new Set(ports).size).toBe(2);
    dying = true;
    await expect(get(url, { method: 'POST', body: new Uint8Array(1) })).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
  });

  test.each([
    ['silence', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\nx: '],
    ['half a body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345'],
  ])('%s runs into the timeout', async (_name, sent) => {
    const server = net.createServer((s) => {
      s.on('error', () => {});
      s.write(sent);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await expect(get(url, { timeout_ms: 40 })).rejects.toMatchObject({ code: 'ETIMEDOUT', path: url });
  });

  test('a body that ends too early is an error', async () => {
    const url = await origin((_q, r) => {
      r.writeHead(200, { 'content-length': '10' });
      r.write('12345', () => r.destroy());
    });
    await expect(get(url)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('credentials stay with their origin', async () => {
    const seen: (string | undefined)[] = [];
    const there = await origin((q, r) => {
      seen.push(q.headers.authorization, q.headers['x-plain'] as string);
      r.end();
    });
    const here = await origin((q, r) => {
      if (q.url === '/own') {
        seen.push(q.headers.authorization);
        return void r.end();
      }
      r.writeHead(302, { location: q.url === '/' ? '/own' : there }).end();
    });
    const more = { followRedirects: true, headers: { Authorization: 'Bearer secret', 'X-Plain': 'p' } };
    await get(here, more);
    await get(`${here}away`, more);
    expect(seen).toEqual(['Bearer secret', undefined, 'p']);
  });

  test('TLS: refused without trust, accepted with the authority, with a name, or when told to', async () => {
    const pem = (name: string): string =>
      readFileSync(new URL(`./testdata/localhost.${name}.pem`, import.meta.url), 'utf8');
    const server = https.createServer(
      { cert: pem('cert'), key: pem('key') },
      (_q, r) => void r.end('secret'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await expect(get(url)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect((await get(url, { tls: { ca: pem('cert') } })).status).toBe(200);
    expect((await get(url, { tls: { ca: pem('cert'), serverName: 'localhost' } })).status).toBe(200);
    expect((await get(url, { tls: { insecureSkipVerify: true } })).status).toBe(200);
    await expect(get(url, { tls: { ca: pem('cert'), serverName: 'other' } })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });
});

async function site(handle: (r: HttpRequest) => Promise<HttpResponse>): Promise<number> {
  const listener = await env.http.serve({ host: '127.0.0.1', port: 0 }, handle);
  closers.push(() => void listener.close());
  return listener.port;
}

/** Sends bytes as they are; everything that comes back until the end. */
function raw(port: number, sent: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(sent));
    socket.on('data', (b) => {
      got += b.toString('latin1');
    });
    socket.on('close', () => resolve(got));
    socket.on('error', reject);
  });
}

describe('serve', () => {
  const fine = async (): Promise<HttpResponse> => ({ status: 200, headers: {}, body: 'fine' });

  test.each([
    ['a head over the limit', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`, '431'],
    ['no HTTP', 'nonsense\r\n\r\n', '400'],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', '400'],
    [
      'length and chunks together',
      'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      '400',
    ],
    ['a target that is none', 'GET nonsense HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n', '400'],
    [
      'a target with its origin',
      'GET http://a/p?q=1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
      '200',
    ],
    [
      'too much in chunks',
      `POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\na00000\r\n${'x'.repeat(0xa00000)}\r\n1\r\nx\r\n0\r\n\r\n`,
      '413',
    ],
  ])('%s', async (_name, sent, status) => {
    const port = await site(fine);
    expect((await raw(port, sent)).split(' ', 2)[1]).toBe(status);
  });

  test('compresses what gains by it, when the client says so', async () => {
    const port = await site(async (r) => ({
      status: 200,
      headers: { 'content-type': r.path === '/png' ? 'image/png' : 'application/json' },
      body: r.path === '/short' ? '{}' : 'x'.repeat(5000),
    }));
    const head = async (path: string, accept: string): Promise<boolean> =>
      /content-encoding: gzip/.test(
        await raw(
          port,
          `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\naccept-encoding: ${accept}\r\n\r\n`,
        ),
      );
    expect([
      await head('/', 'gzip, br'),
      await head('/', 'br'),
      await head('/png', 'gzip'),
      await head('/short', 'gzip'),
    ]).toEqual([true, false, false, false]);
  });

  test.for<readonly [accept: string, encoding: string | null]>([
    ['gzip', 'gzip'],
    ['deflate', 'deflate'],
    ['zstd', 'zstd'],
    ['gzip, deflate, br, zstd', 'zstd'],
    ['GZIP;q=0.8, zstd;q=0.5', 'gzip'],
    ['zstd;q=0, gzip;q=0', null],
    ['br, *', null],
    ['', null],
  ])('accept-encoding %s, whole and in pieces', async ([accept, encoding]) => {
    const lines = 'x'.repeat(5000);
    const port = await site(async (r) => ({
      status: 200,
      headers: { 'content-type': 'application/json', vary: 'Origin' },
      body:
        r.path === '/whole'
          ? lines
          : async (send) => {
              for (let i = 0; i < 5; i++) await send(lines.slice(0, 1000));
            },
    }));
    for (const path of ['/whole', '/pieces']) {
      const got = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'accept-encoding': accept } });
      expect([got.headers.get('content-encoding'), await got.text()]).toEqual([encoding, lines]);
      expect(got.headers.get('vary')).toBe(encoding === null ? 'Origin' : 'Origin, accept-encoding');
    }
  });

  test.for(['', 'gzip', 'zstd'])('a stream waits for a client that does not read (%s)', async (accept) => {
    let sent = 0;
    const stopped = { yes: false };
    const piece = new Uint8Array(1_000_000);
    const port = await site(async () => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: async (send) => {
        // So different that it does not shrink.
        do {
          crypto.getRandomValues(piece.subarray(0, 65_536));
          for (let at = 65_536; at < piece.length; at += 65_536)
            piece.set(crypto.getRandomValues(new Uint8Array(Math.min(65_536, piece.length - at))), at);
          sent++;
        } while ((await send(piece.slice())) && sent < 1000);
        stopped.yes = true;
      },
    }));
    const socket = net.connect(port, '127.0.0.1');
    socket.write(`GET / HTTP/1.1\r\nhost: a\r\naccept-encoding: ${accept}\r\n\r\n`);
    socket.pause();
    // Until nothing moves for a while: what the kernel's buffers take.
    for (let last = -1; last !== sent;) {
      last = sent;
      for (let i = 0; i < 500; i++) await env.clock.yield();
    }
    expect(sent).toBeLessThan(60);
    expect(stopped.yes).toBe(false);
    socket.destroy();
    while (!stopped.yes) await env.clock.yield();
    expect(sent).toBeLessThan(60);
  });

  test('a status without a body has none', async () => {
    const port = await site(async () => ({ status: 204, headers: {}, body: 'never sent' }));
    const got = await raw(port, 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    expect(got).toMatch(/^HTTP\/1.1 204 /);
    expect(got).not.toMatch(/never sent|content-length/);
  });

  test('a header that cannot be sent is a 500 and stands in the log', async () => {
    const lines: string[] = [];
    const listener = await nodeEnv({ logWrite: (line) => lines.push(line) }).http.serve(
      { host: '127.0.0.1', port: 0 },
      async () => ({
        status: 200,
        headers: { x: 'a\r\nforged: b' },
        body: '',
      }),
    );
    expect((await get(`http://127.0.0.1:${listener.port}/`)).status).toBe(500);
    expect(lines.join()).toMatch(
      /level=ERROR msg="an HTTP handler failed" method=GET target=\/ error="TypeError/,
    );
    await listener.close();
  });

  test('closing ends kept connections at once', async () => {
    const listener = await env.http.serve({ host: '127.0.0.1', port: 0 }, fine);
    await get(`http://127.0.0.1:${listener.port}/`);
    const kept = raw(listener.port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await get(`http://127.0.0.1:${listener.port}/`);
    await listener.close();
    expect(await kept).toMatch(/fine$/);
  });
});
