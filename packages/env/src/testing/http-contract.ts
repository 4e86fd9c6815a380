import { expect } from 'vitest';
import type { Env, EnvError, HttpFetch, HttpFetched, HttpRequest, HttpResponse, Listener } from '../env.ts';
import type { Contract } from './worlds.ts';

const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const back = (r: HttpFetched): string => new TextDecoder().decode(r.body);

interface Site {
  readonly listener: Listener;
  readonly seen: HttpRequest[];
  get(path: string, more?: Partial<HttpFetch>): Promise<HttpFetched>;
}

async function site(
  env: Env,
  handle: (r: HttpRequest) => Promise<HttpResponse> | HttpResponse,
): Promise<Site> {
  const seen: HttpRequest[] = [];
  const listener = await env.http.serve({ host: '127.0.0.1', port: 0 }, async (r) => {
    seen.push(r);
    return handle(r);
  });
  const base = `http://127.0.0.1:${listener.port}`;
  return {
    listener,
    seen,
    get: (path, more) => env.http.fetch({ url: base + path, timeout_ms: 5000, bodyLimit: 0, ...more }),
  };
}

const ok = (body: HttpResponse['body'], headers: Record<string, string> = {}): HttpResponse => ({
  status: 200,
  headers: { 'content-type': 'text/plain', ...headers },
  body,
});

export const httpContract: Contract = {
  'a request arrives as it was sent': async ({ env }) => {
    const s = await site(env, () => ok('fine', { 'X-Answer': 'yes' }));
    const r = await s.get('/a%20b/c?x=1&y=%C3%BC&x=2', { headers: { 'X-Asked': 'why' } });
    expect([r.status, back(r), r.headers['x-answer'], r.headers['content-type']]).toEqual([
      200,
      'fine',
      'yes',
      'text/plain',
    ]);
    const [q] = s.seen;
    expect([q!.method, q!.target, q!.path]).toEqual(['GET', '/a%20b/c?x=1&y=%C3%BC&x=2', '/a b/c']);
    expect([q!.params.getAll('x'), q!.params.get('y')]).toEqual([['1', '2'], 'ü']);
    expect([q!.headers['x-asked'], q!.body.length]).toEqual(['why', 0]);
    await s.listener.close();
  },
  'form bodies are parameters, and go before those of the query': async ({ env }) => {
    const s = await site(env, () => ok(''));
    const form = { 'Content-Type': 'application/x-www-form-urlencoded; charset=UTF-8' };
    await s.get('/q?a=query&b=2', { method: 'POST', headers: form, body: text('a=body&c=1+1') });
    await s.get('/q?a=query', {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: text('a=body'),
    });
    expect([...s.seen[0]!.params]).toEqual([
      ['a', 'body'],
      ['c', '1 1'],
      ['a', 'query'],
      ['b', '2'],
    ]);
    expect(s.seen[0]!.params.get('a')).toBe('body');
    expect([...s.seen[1]!.params]).toEqual([['a', 'query']]);
    await s.listener.close();
  },
  'large bodies go both ways': async ({ env }) => {
    const s = await site(env, (r) => ok(r.body));
    const body = env.random.bytes(3_000_000);
    const r = await s.get('/', { method: 'PUT', body });
    expect(Buffer.compare(r.body, body)).toBe(0);
    await s.listener.close();
  },
  'a body over 10 MiB is answered with 413 and never reaches the handler': async ({ env }) => {
    const s = await site(env, () => ok('no'));
    const body = new Uint8Array(10 * 1024 * 1024 + 1);
    expect((await s.get('/', { method: 'POST', body })).status).toBe(413);
    expect(s.seen).toHaveLength(0);
    await s.listener.close();
  },
  'a malformed target is answered with 400': async ({ env }) => {
    const s = await site(env, () => ok('no'));
    expect((await s.get('/%ff%')).status).toBe(400);
    expect(s.seen).toHaveLength(0);
    await s.listener.close();
  },
  'HEAD has no body; compressible answers come out as they went in': async ({ env }) => {
    const s = await site(env, () => ok('line\n'.repeat(5000)));
    expect((await s.get('/', { method: 'HEAD' })).body).toHaveLength(0);
    const r = await s.get('/');
    expect(back(r)).toBe('line\n'.repeat(5000));
    expect(r.headers['content-encoding']).toBe(undefined);
    await s.listener.close();
  },
  'a stream is sent piece by piece': async ({ env }) => {
    const s = await site(env, () =>
      ok(async (send) => {
        for (let i = 0; i < 100; i++) expect(await send(`${i},`.padEnd(2000, '.'))).toBe(true);
        await send(text('end'));
      }),
    );
    const r = await s.get('/');
    expect([r.body.length, back(r).slice(-3)]).toEqual([200_003, 'end']);
    await s.listener.close();
  },
  'the limit on what is fetched holds': async ({ env }) => {
    const s = await site(env, () => ok('x'.repeat(100_000)));
    expect((await s.get('/', { bodyLimit: 100_000 })).body).toHaveLength(100_000);
    await expect(s.get('/', { bodyLimit: 99_999 })).rejects.toMatchObject({ code: 'EMSGSIZE' });
    await s.listener.close();
  },
  'an answer that takes too long is given up, and the server hears of it': async ({ env }) => {
    const aborted = Promise.withResolvers<string>();
    const s = await site(env, async (r) => {
      r.signal.addEventListener('abort', () => aborted.resolve('aborted'));
      await aborted.promise;
      return ok('late');
    });
    await expect(s.get('/', { timeout_ms: 30 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(await aborted.promise).toBe('aborted');
    await s.listener.close();
  },
  'a fetch can be cancelled, also before it began': async ({ env }) => {
    const reached = Promise.withResolvers<void>();
    const s = await site(env, async (r) => {
      reached.resolve();
      await new Promise<void>((resolve) => r.signal.addEventListener('abort', () => resolve()));
      return ok('late');
    });
    const stop = new AbortController();
    const fetched = s.get('/', { signal: stop.signal });
    const outcome = fetched.catch((error: unknown) => (error as EnvError).code);
    await reached.promise;
    stop.abort();
    expect(await outcome).toBe('ECANCELED');
    await expect(s.get('/', { signal: stop.signal })).rejects.toMatchObject({ code: 'ECANCELED' });
    await s.listener.close();
  },
  'a stream ends when the client goes': async ({ env }) => {
    const told = Promise.withResolvers<boolean>();
    const s = await site(env, () =>
      ok(async (send) => {
        let alive = true;
        while (alive) {
          alive = await send('tick\n');
          await env.clock.sleep(1);
        }
        told.resolve(alive);
      }),
    );
    await expect(s.get('/', { timeout_ms: 40 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(await told.promise).toBe(false);
    await s.listener.close();
  },
  'a handler that fails is a 500': async ({ env }) => {
    const s = await site(env, () => {
      throw new Error('a bug');
    });
    const r = await s.get('/');
    expect([r.status, back(r)]).toEqual([500, 'internal error; the log has the details\n']);
    await s.listener.close();
  },
  'redirects are followed when asked, with a limit': async ({ env }) => {
    const s = await site(env, (r) =>
      r.path === '/end'
        ? ok(`${r.method} ${r.body.length}`)
        : {
            status: r.path === '/see' ? 303 : 307,
            headers: { location: r.path === '/loop' ? '/loop' : '/end' },
            body: '',
          },
    );
    expect((await s.get('/go')).status).toBe(307);
    const post = { method: 'POST', body: text('12345'), followRedirects: true };
    expect(back(await s.get('/go', post))).toBe('POST 5');
    expect(back(await s.get('/see', post))).toBe('GET 0');
    await expect(s.get('/loop', { followRedirects: true })).rejects.toMatchObject({ code: 'ELOOP' });
    await s.listener.close();
  },
  'what cannot be reached is an error with its code': async ({ env }) => {
    const s = await site(env, () => ok(''));
    await s.listener.close();
    await expect(s.get('/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const fetch = (url: string): Promise<HttpFetched> =>
      env.http.fetch({ url, timeout_ms: 20_000, bodyLimit: 0 });
    await expect(fetch('http://no-such-host.invalid/')).rejects.toBeInstanceOf(Error);
    await expect(fetch('nonsense')).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(fetch('ftp://127.0.0.1/')).rejects.toMatchObject({ code: 'EINVAL' });
  },
  'closing waits for the answers that are under way': async ({ env }) => {
    const begun = Promise.withResolvers<void>();
    const s = await site(env, async () => {
      begun.resolve();
      await env.clock.sleep(20);
      return ok('done');
    });
    await expect(
      env.http.serve({ host: '127.0.0.1', port: s.listener.port }, async () => ok('')),
    ).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const answer = s.get('/');
    await begun.promise;
    await s.listener.close();
    expect(back(await answer)).toBe('done');
    await expect(s.get('/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  },
};
