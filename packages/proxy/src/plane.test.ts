import net from 'node:net';
import { serialize } from 'node:v8';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { createDataPlane, type RunningDataPlane } from './plane.ts';
import { Program } from './compile.ts';
import { makeRegion } from './counters/layout.ts';
import { LimitTable, makeLimits } from './filter/limits.ts';
import type { Delta } from './snapshot.ts';
import {
  answerWith,
  apply,
  cluster,
  endpoints,
  freePort,
  hashed,
  host,
  inThread,
  listener,
  oneRoute,
  route,
  split,
  started,
} from './testing/world.ts';
import { ask, get, RawClient, recorder, type Recorder } from './testing/wire.ts';

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const r of running.splice(0).reverse()) await r.close();
});
async function upstream(...args: Parameters<typeof recorder>): Promise<Recorder> {
  const r = await recorder(...args);
  running.push(r);
  return r;
}
function closing(plane: RunningDataPlane): RunningDataPlane {
  running.push({ close: () => plane.close(0) });
  return plane;
}

const direct = (name: string, status: number): object =>
  route(name, { action: { kind: 'direct', response: answerWith(status) } });

describe('a change in two steps', () => {
  it('prepare changes nothing that can be seen; a new port holds what it accepts until commit', async () => {
    const [port, other] = [await freePort(), await freePort()];
    const plane = closing(await started(oneRoute(port, [], [direct('main', 201)])));
    const set = hashed([direct('main', 202), listener(other)]);
    expect(await plane.prepare({ base: 1, version: 2, set, remove: [] })).toEqual([]);
    expect((await ask(port, get('/'))).status).toBe(201);
    const early = new RawClient(other);
    early.send(get('/'));
    await once(early.socket, 'connect');
    expect((await plane.commit(2)).ok).toBe(true);
    expect((await early.response()).status).toBe(202);
    expect((await ask(port, get('/'))).status).toBe(202);
    early.close();
  });

  it('abort resets what a new port held, and the port is free again', async () => {
    const [port, other] = [await freePort(), await freePort()];
    const plane = closing(await started(oneRoute(port, [], [direct('main', 201)])));
    await plane.prepare({
      base: 1,
      version: 2,
      set: hashed([direct('main', 202), listener(other)]),
      remove: [],
    });
    const early = new RawClient(other);
    early.send(get('/'));
    await once(early.socket, 'connect');
    plane.abort(2);
    expect(await early.closed).toBe(false);
    expect((await ask(port, get('/'))).status).toBe(201);
    await apply(plane, [listener(other)], 1);
    expect((await ask(other, get('/'))).status).toBe(201);
  });

  it('a port of a stranger is refused by name, also one that would share', async () => {
    const port = await freePort();
    const stranger = net.createServer();
    stranger.listen({ port: 0, host: '127.0.0.1', reusePort: true });
    await once(stranger, 'listening');
    running.push({ close: () => new Promise((resolve) => stranger.close(() => resolve())) });
    const taken = (stranger.address() as net.AddressInfo).port;
    const plane = closing(await started(oneRoute(port, [], [direct('main', 201)])));
    const problems = await plane.prepare({ base: 1, version: 2, set: hashed([listener(taken)]), remove: [] });
    expect(problems.map(({ severity, field, message }) => [severity, field, message])).toEqual([
      [
        'error',
        `listener/${taken}`,
        `127.0.0.1:${taken} is in use by another program: stop it, or choose another port`,
      ],
    ]);
    // Nothing is pending: the next change is taken.
    await apply(plane, [direct('main', 203)], 1);
    expect((await ask(port, get('/'))).status).toBe(203);
  });

  it('a removed listener lets its request end, then closes', async () => {
    const [port, other] = [await freePort(), await freePort()];
    let answer = (): void => undefined;
    const up = await upstream((_, socket) => {
      answer = () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      return null;
    });
    const plane = closing(await started([...oneRoute(port, [up.port]), listener(other)]));
    const busy = new RawClient(other);
    busy.send(get('/'));
    await up.seen(1);
    const idle = new RawClient(other);
    await once(idle.socket, 'connect');
    await apply(plane, [], 1, [`listener/${other}`]);
    expect(await idle.closed).toBe(true);
    answer();
    const last = await busy.response();
    expect([last.status, last.headers['connection']]).toEqual([200, 'close']);
    expect(await busy.closed).toBe(true);
    const refused = net.connect(other, '127.0.0.1');
    expect(((await once(refused, 'error')) as [{ code: string }])[0].code).toBe('ECONNREFUSED');
  });

  it('a request in flight ends on the version it began with', async () => {
    const port = await freePort();
    let answer = (): void => undefined;
    const old = await upstream((_, socket) => {
      answer = () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nold');
      return null;
    });
    const fresh = await upstream(() => 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nnew');
    const plane = closing(await started(oneRoute(port, [old.port])));
    const client = new RawClient(port);
    client.send(get('/'));
    await old.seen(1);
    await apply(
      plane,
      [
        split('other', { other: 1 }),
        cluster('other'),
        endpoints('other', [fresh.port]),
        route('main', { action: { kind: 'forward', split: 'split/other' } }),
      ],
      1,
      ['split/main', 'cluster/main', 'endpoints/main'],
    );
    answer();
    expect((await client.response()).body).toBe('old');
    expect((await client.send(get('/')).response()).body).toBe('new');
    client.close();
    // What the removed cluster held is given back.
    while (old.open.size > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it.each<readonly [name: string, set: object[], remove: string[], field: string, message: RegExp]>([
    [
      'a missing reference',
      [route('main', { action: { kind: 'forward', split: 'split/none' } })],
      [],
      'route/main',
      /split\/none, which is not there/,
    ],
    ['a reference taken away', [], ['split/main'], 'route/main', /split\/main, which is not there/],

    ['a bad pattern', [host('main', ['Shop.local'], [])], [], 'host/main', /not a host pattern/],
    [
      'a header that frames',
      [route('main', { requestHeaders: { remove: ['content-length'], set: [], add: [] } })],
      [],
      'route/main',
      /can't be edited/,
    ],
    ['a bad weight', [split('main', { main: -1 })], [], 'split/main', /-1 is not a weight/],
    ['a bad port', [endpoints('main', [70_000])], [], 'endpoints/main', /70000 is not a port/],
    [
      'a bad path',
      [route('main', { matches: [{ path: { kind: 'exact', value: 'x' }, methods: null, headers: [] }] })],
      [],
      'route/main',
      /does not begin with/,
    ],
  ])('refuses %s', async (_, set, remove, field, message) => {
    const port = await freePort();
    const plane = closing(await started(oneRoute(port, [1])));
    const problems = await plane.prepare({ base: 1, version: 2, set: hashed(set), remove });
    expect(problems[0]).toMatchObject({
      severity: 'error',
      message: expect.stringMatching(message) as unknown,
    });
    expect(problems[0]!.field.startsWith(field)).toBe(true);
    await apply(plane, [direct('main', 204)], 1);
    expect((await ask(port, get('/'))).status).toBe(204);
  });

  it('refuses a host pattern that a listener has already', async () => {
    const port = await freePort();
    const plane = closing(await started(oneRoute(port, [1])));
    const set = hashed([host('more', ['x.local', '*'], []), listener(port, ['host/main', 'host/more'])]);
    const problems = await plane.prepare({ base: 1, version: 2, set, remove: [] });
    expect(problems.map(({ message }) => message)).toEqual([
      `the host * is served twice on listener/${port}`,
    ]);
  });

  it('refuses a change that is based on another version', async () => {
    const plane = closing(createDataPlane(inThread(), { workers: 1, accessLog: null }));
    expect((await plane.prepare({ base: 3, version: 4, set: [], remove: [] }))[0]!.message).toMatch(
      /based on version 3/,
    );
    await expect(plane.commit(4)).rejects.toThrow('not prepared');
  });
});

describe('the cost of a change', () => {
  const big = (routes: number): object[] => [
    host(
      'main',
      ['*'],
      Array.from({ length: routes }, (_, i) => `route/${i}`),
    ),
    ...Array.from({ length: routes }, (_, i) =>
      route(String(i), {
        matches: [{ path: { kind: 'prefix', value: `/svc/${i}` }, methods: null, headers: [] }],
      }),
    ),
    split('main', { main: 1 }),
    cluster('main'),
    endpoints('main', [1]),
  ];

  it('a weight is as small to tell among 5,000 routes as among 10, and compiles none of them', async () => {
    const sizes: number[] = [];
    for (const routes of [10, 5000]) {
      const posted: unknown[] = [];
      const env = inThread();
      const spying = {
        ...env,
        workers: {
          ...env.workers,
          start: (...args: Parameters<typeof env.workers.start>) => {
            const worker = env.workers.start(...args);
            return { ...worker, post: (m: unknown, t?: never) => (posted.push(m), worker.post(m, t)) };
          },
        },
      };
      const plane = closing(await started(big(routes), {}, spying));
      const before = posted.length;
      await apply(plane, [split('main', { main: 2 })], 1);
      sizes.push(posted.slice(before).reduce((sum: number, m) => sum + serialize(m).length, 0));
    }
    expect(sizes[1]).toBe(sizes[0]);
    expect(sizes[1]).toBeLessThan(2000);

    const program = new Program(new Map(), new Float64Array(makeRegion()), inThread().random, {
      limits: new LimitTable(makeLimits(16), 1, 1, () => undefined),
    });
    const go = (set: object[]): void => {
      const delta: Delta = {
        base: program.version,
        version: program.version + 1,
        set: hashed(set),
        remove: [],
      };
      const { staged, problems } = program.stage(delta);
      expect(problems).toEqual([]);
      staged!.apply();
    };
    go(big(5000));
    expect(program.routesCompiled).toBe(5000);
    go([split('main', { main: 3 })]);
    go([endpoints('main', [1, 2, 3])]);
    go([cluster('main', { idleTimeout_ms: 1 })]);
    expect(program.routesCompiled).toBe(5000);
    go([route('7')]);
    expect(program.routesCompiled).toBe(5001);
  });

  it('what has not changed is not told', async () => {
    const port = await freePort();
    const plane = closing(await started(oneRoute(port, [1])));
    expect(
      await plane.prepare({
        base: 1,
        version: 2,
        set: hashed(oneRoute(port, [1])),
        remove: ['route/unknown'],
      }),
    ).toEqual([]);
    expect(await plane.commit(2)).toEqual({ ok: true, version: 2, problems: [] });
  });
});
