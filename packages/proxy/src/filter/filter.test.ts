import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { windowAround } from '../calendar.ts';
import type { RunningDataPlane } from '../plane.ts';
import type { KeyAuthFilter, RateLimitingFilter } from '../snapshot.ts';
import { apply, filter, freePort, host, oneRoute, route, secret, started } from '../testing/world.ts';
import { ask, get, RawClient, recorder, type Recorder } from '../testing/wire.ts';
import { LimitTable, makeLimits } from './limits.ts';

const sha256 = (s: string): string => createHash('sha256').update(s).digest('hex');
const keyAuth = (change: Partial<KeyAuthFilter> = {}): object =>
  filter('auth', {
    filter: 'key-auth',
    secret: 'secret/keys',
    keyNames: ['apikey'],
    inHeader: true,
    inQuery: true,
    hideCredentials: false,
    realm: '',
    runOnPreflight: true,
    ...change,
  } as never);
const limiting = (change: Partial<RateLimitingFilter> = {}): object =>
  filter('limit', {
    filter: 'rate-limiting',
    limits: [{ window: 'year', limit: 3 }],
    limitBy: 'consumer',
    limitByName: '',
    scope: 'test',
    hideClientHeaders: false,
    errorCode: 429,
    errorMessage: 'API rate limit exceeded',
    ...change,
  } as never);
const keys = secret('keys', [
  { sha256: sha256('k1'), consumer: { id: 'id1', username: 'ann', customId: 'c1' }, credentialId: 'cred1' },
  { sha256: sha256('k2'), consumer: { id: 'id2', username: '', customId: '' }, credentialId: 'cred2' },
]);

let up: Recorder;
let plane: RunningDataPlane;
let port = 0;
let version = 0;
beforeAll(async () => {
  up = await recorder();
  port = await freePort();
  plane = await started(oneRoute(port, [up.port], [keys, keyAuth(), limiting()]));
  version = 1;
});
afterAll(async () => {
  await plane.close(0);
  await up.close();
});

async function use(filters: readonly string[], ...more: readonly object[]): Promise<void> {
  version = await apply(
    plane,
    [...more, host('main', ['*'], ['route/main']), route('main', { filters })],
    version,
  );
}

describe('key-auth', () => {
  const cases: readonly (readonly [
    name: string,
    change: Partial<KeyAuthFilter>,
    request: string,
    status: number,
    message: string,
  ])[] = [
    ['no key', {}, get('/'), 401, 'No API key found in request'],
    ['an empty key', {}, get('/', 'apikey:\r\n'), 401, 'No API key found in request'],
    ['a wrong key', {}, get('/', 'apikey: nope\r\n'), 401, 'Unauthorized'],
    ['two keys', {}, get('/', 'apikey: k1\r\nAPIKEY: k1\r\n'), 401, 'Duplicate API key found'],
    ['two keys in the query', {}, get('/?apikey=k1&apikey=k1'), 401, 'Duplicate API key found'],
    ['a key in the header', {}, get('/', 'ApiKey: k1\r\n'), 200, ''],
    ['a key in the query', {}, get('/?a=b&apikey=k1'), 200, ''],
    ['an encoded key in the query', {}, get('/?api%6bey=%6b1'), 200, ''],
    ['no header wanted', { inHeader: false }, get('/', 'apikey: k1\r\n'), 401, 'No API key found in request'],
    ['no query wanted', { inQuery: false }, get('/?apikey=k1'), 401, 'No API key found in request'],
    ['another name', { keyNames: ['X-Key', 'key'] }, get('/?key=k1'), 200, ''],
    ['OPTIONS', {}, get('/').replace('GET', 'OPTIONS'), 401, 'No API key found in request'],
    ['OPTIONS let through', { runOnPreflight: false }, get('/').replace('GET', 'OPTIONS'), 200, ''],
  ];
  it.each(cases)('%s', async (_, change, request, status, message) => {
    await use(['filter/auth'], keyAuth(change));
    const answer = await ask(port, request);
    expect(answer.status).toBe(status);
    const { headers, body } = answer;
    expect([body, headers['www-authenticate']]).toEqual(
      status === 401 ? [JSON.stringify({ message }), 'Key'] : ['ok', undefined],
    );
  });

  it('tells the upstream who it is, and hides the key when asked', async () => {
    await use(['filter/auth'], keyAuth({ hideCredentials: true, realm: 'a "b"' }));
    await ask(port, get('/p?x=1&apikey=k1&y=%20', 'X-Consumer-Username: root\r\n'));
    expect(up.requests.at(-1)!.start).toBe('GET /p?x=1&y=%20 HTTP/1.1');
    expect(up.requests.at(-1)!.headers).toMatchObject({
      'x-consumer-id': 'id1',
      'x-consumer-username': 'ann',
      'x-consumer-custom-id': 'c1',
      'x-credential-identifier': 'cred1',
    });
    await ask(port, get('/', 'apikey: k2\r\n'));
    expect(up.requests.at(-1)!.headers).not.toHaveProperty('apikey');
    expect(up.requests.at(-1)!.headers).not.toHaveProperty('x-consumer-username');
    expect((await ask(port, get('/'))).headers['www-authenticate']).toBe('Key realm="a \\"b\\""');
  });
});

describe('rate-limiting', () => {
  it('counts down, then refuses, and says when to come back', async () => {
    await use(
      ['filter/limit'],
      limiting({
        limits: [
          { window: 'year', limit: 2 },
          { window: 'month', limit: 10 },
        ],
        scope: 'a',
      }),
    );
    const seen: (string | number | undefined)[][] = [];
    for (let i = 0; i < 3; i++) {
      const { status, headers: h, body } = await ask(port, get('/'));
      seen.push([
        status,
        h['x-ratelimit-limit-year'],
        h['x-ratelimit-remaining-year'],
        h['x-ratelimit-remaining-month'],
        h['ratelimit-limit'],
        h['ratelimit-remaining'],
        body,
      ]);
      expect(Number(h['ratelimit-reset'])).toBeGreaterThan(0);
      expect(h['retry-after']).toBe(status === 429 ? h['ratelimit-reset'] : undefined);
    }
    expect(seen).toEqual([
      [200, '2', '1', '9', '2', '1', 'ok'],
      [200, '2', '0', '8', '2', '0', 'ok'],
      [429, '2', '0', '8', '2', '0', '{"message":"API rate limit exceeded"}'],
    ]);
  });

  it.each<readonly [by: Partial<RateLimitingFilter>, one: string, same: string, other: string]>([
    [
      { limitBy: 'consumer' },
      get('/', 'apikey: k1\r\n'),
      get('/x', 'apikey: k1\r\n'),
      get('/', 'apikey: k2\r\n'),
    ],
    [
      { limitBy: 'credential' },
      get('/', 'apikey: k1\r\n'),
      get('/x', 'apikey: k1\r\n'),
      get('/', 'apikey: k2\r\n'),
    ],
    [
      { limitBy: 'header', limitByName: 'X-Team' },
      get('/', 'apikey: k1\r\nx-team: a\r\n'),
      get('/', 'apikey: k2\r\nX-TEAM: a\r\n'),
      get('/', 'apikey: k1\r\nx-team: b\r\n'),
    ],
    [
      { limitBy: 'path', limitByName: '/a' },
      get('/a', 'apikey: k1\r\n'),
      get('//%61?x', 'apikey: k2\r\n'),
      get('/b', 'apikey: k1\r\n'),
    ],
  ])('by %o', async (by, one, same, other) => {
    await use(
      ['filter/auth', 'filter/limit'],
      keyAuth(),
      limiting({ ...by, limits: [{ window: 'year', limit: 1 }], scope: `by ${by.limitBy}` }),
    );
    const statuses: number[] = [];
    for (const request of [one, same, other]) statuses.push((await ask(port, request)).status);
    expect(statuses).toEqual([200, 429, 200]);
  });

  it('survives a change of everything around it, and can be silent', async () => {
    const limits = [{ window: 'year', limit: 1 }] as const;
    await use(['filter/limit'], limiting({ limitBy: 'ip', limits, scope: 'kept' }));
    expect((await ask(port, get('/'))).status).toBe(200);
    await use(
      ['filter/limit'],
      limiting({
        limitBy: 'ip',
        limits,
        scope: 'kept',
        hideClientHeaders: true,
        errorCode: 503,
        errorMessage: 'later',
      }),
    );
    const { status, headers, body } = await ask(port, get('/'));
    expect([status, body, headers['ratelimit-limit'], headers['retry-after']]).toEqual([
      503,
      '{"message":"later"}',
      undefined,
      undefined,
    ]);
  });

  it('admits exactly the limit of concurrent requests', async () => {
    await use(
      ['filter/limit'],
      limiting({ limitBy: 'ip', limits: [{ window: 'year', limit: 50 }], scope: 'many' }),
    );
    const clients = Array.from({ length: 20 }, () => new RawClient(port));
    const statuses = await Promise.all(
      clients.flatMap((client) => {
        client.send(get('/').repeat(5));
        return Array.from({ length: 5 }, async () => (await client.response()).status);
      }),
    );
    for (const client of clients) client.close();
    expect(statuses.filter((s) => s === 200)).toHaveLength(50);
    expect(statuses.filter((s) => s === 429)).toHaveLength(50);
  });
});

describe('the table of limits', () => {
  const table = (slots: number): { t: LimitTable; memory: SharedArrayBuffer; evicted: () => number } => {
    const memory = makeLimits(slots);
    let n = 0;
    return { t: new LimitTable(memory, 99, 1, () => n++), memory, evicted: () => n };
  };
  const now = 1_800_000_000;

  it('keeps counters apart and finds them again', () => {
    const { t, evicted } = table(4096);
    for (let i = 0; i < 1000; i++) expect(t.take(t.find(`key ${i}`, now + 60, now), 5)).toBe(1);
    for (let i = 0; i < 1000; i++) expect(t.used(t.find(`key ${i}`, now + 60, now))).toBe(1);
    const slot = t.find('key 1', now + 60, now);
    expect([2, 3, 4, 5, 6].map(() => t.take(slot, 5))).toEqual([2, 3, 4, 5, -1]);
    t.giveBack(slot);
    expect(t.take(slot, 5)).toBe(5);
    expect(evicted()).toBe(0);
  });

  it('is filled: what ends first makes way, what is over is free', () => {
    const { t, evicted } = table(16);
    const long = t.find('long', now + 1000, now);
    t.take(long, 10);
    for (let i = 0; i < 15; i++) t.find(`short ${i}`, now + 60, now);
    t.take(t.find('short 3', now + 60, now), 10);
    expect(evicted()).toBe(0);
    t.find('one more', now + 60, now);
    expect(evicted()).toBe(1);
    expect([t.used(t.find('long', now + 1000, now)), t.used(t.find('short 3', now + 60, now))]).toEqual([
      1, 1,
    ]);
    for (let i = 0; i < 15; i++) t.find(`later ${i}`, now + 200, now + 100);
    expect(evicted()).toBe(1);
    expect(t.used(t.find('long', now + 1000, now + 100))).toBe(1);
  });

  it('gives back what a dead worker held', () => {
    const { t, memory } = table(16);
    const lock = new Int32Array(memory);
    // Worker 7 died while it made a counter in the only bucket.
    lock[4] = 7;
    const main = new LimitTable(memory, 99, 0, () => undefined);
    main.release(6);
    expect(lock[4]).toBe(7);
    main.release(7);
    expect(lock[4]).toBe(0);
    expect(t.take(t.find('x', now + 60, now), 1)).toBe(1);
    expect(lock[4]).toBe(0);
  });
});

describe('windows', () => {
  it.each([
    ['second', '2026-11-22T18:41:10.9Z', '2026-11-22T18:41:10Z', '2026-11-22T18:41:11Z'],
    ['minute', '2026-11-22T18:41:10Z', '2026-11-22T18:41:00Z', '2026-11-22T18:42:00Z'],
    ['hour', '2026-11-22T18:41:10Z', '2026-11-22T18:00:00Z', '2026-11-22T19:00:00Z'],
    ['day', '2026-12-31T23:59:59Z', '2026-12-31T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['month', '2028-02-29T12:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
    ['month', '2026-12-31T12:00:00Z', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['year', '2100-02-28T12:00:00Z', '2100-01-01T00:00:00Z', '2101-01-01T00:00:00Z'],
  ] as const)('%s around %s', (name, at, from, to) => {
    const s = (t: string): number => Math.floor(Date.parse(t) / 1000);
    expect(windowAround(name, s(at))).toEqual({ from: s(from), to: s(to) });
  });
});
