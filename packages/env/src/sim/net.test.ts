import { expect, test } from 'vitest';
import { CLOSED, KEPT, TAKEN, type Env, type HttpFetched, type Socket, type SocketHandler } from '../env.ts';
import { simWorld, type SimWorld } from './index.ts';

/** Notes what happens; `on` changes single answers. */
function side(on: Partial<SocketHandler> = {}): SocketHandler & { log: string[]; bytes: number } {
  const handler = {
    log: [] as string[],
    bytes: 0,
    open: (): void => void handler.log.push('open'),
    data: (b: Uint8Array, n: number): boolean => {
      handler.bytes += n;
      return on.data?.(b, n) ?? true;
    },
    drain: (): void => void handler.log.push('drain'),
    end: (): void => {
      handler.log.push('end');
      on.end?.();
    },
    closed: (why: number): void => void handler.log.push(`closed ${why}`),
  };
  return handler;
}

type Side = ReturnType<typeof side>;

/** A client on one machine, a server on another. */
async function pair(
  world: SimWorld,
  serverOn: Partial<SocketHandler> = {},
): Promise<{ client: Socket; server: Socket; here: Side; there: Side }> {
  const here = side();
  const there = side(serverOn);
  let server: Socket | undefined;
  await world.machine('b').env.net.listen({ host: '0.0.0.0', port: 80 }, (socket) => {
    server = socket;
    return there;
  });
  const client = world.env.net.connect({ host: 'b', port: 80, timeout_ms: 1000 }, here);
  await world.settle();
  return { client, server: server!, here, there };
}

const bytes = (n: number): Uint8Array => new Uint8Array(n).fill(65);

test('touching bytes that write kept is caught', async () => {
  const world = simWorld(1, { automatic: false });
  const { client } = await pair(world);
  const b = bytes(10);
  client.cork();
  expect(client.write(b, 0, 10)).toBe(KEPT);
  b[9] = 66;
  client.uncork();
  await expect(world.settle()).rejects.toThrow('bytes that write had kept were changed before drain');
});

test('bytes that write took may be used again, those next to kept ones too', async () => {
  let taken = 0;
  for (let seed = 0; seed < 20; seed++) {
    const world = simWorld(seed);
    const got: number[] = [];
    const { client } = await pair(world, {
      data: (b, n) => {
        got.push(...b.subarray(0, n));
        return true;
      },
    });
    const b = bytes(30);
    if (client.write(b, 10, 20) === TAKEN) {
      taken++;
      b.fill(0);
    } else b.fill(0, 0, 10).fill(0, 20);
    await world.settle();
    expect(got).toEqual(Array.from({ length: 10 }, () => 65));
  }
  expect(taken).toBeGreaterThan(5);
  expect(taken).toBeLessThan(20);
});

test('the buffer given to data is overwritten after it returns', async () => {
  const world = simWorld(1);
  let held: Uint8Array = new Uint8Array(0);
  const { client } = await pair(world, {
    data: (b, n) => {
      held = b.subarray(0, n);
      expect(held[0]).toBe(65);
      return true;
    },
  });
  client.write(bytes(10), 0, 10);
  await world.settle();
  expect(held[0]).toBe(0xdb);
});

test('pieces are cut at random places, differently per seed', async () => {
  const shapes = new Set<string>();
  for (let seed = 0; seed < 30; seed++) {
    const world = simWorld(seed);
    const sizes: number[] = [];
    const { client } = await pair(world, {
      data: (_b, n) => {
        sizes.push(n);
        return true;
      },
    });
    client.write(bytes(1000), 0, 1000);
    await world.settle();
    expect(sizes.reduce((a, n) => a + n, 0)).toBe(1000);
    shapes.add(sizes.join());
  }
  expect(shapes.size).toBeGreaterThan(5);
});

test('faults: resets reach both sides, refusals come although somebody listens, losses delay', async () => {
  const broken = simWorld(1);
  const a = await pair(broken);
  broken.net.faults.reset = 1;
  a.client.write(bytes(10), 0, 10);
  await broken.settle();
  expect([a.here.log.at(-1), a.there.log.at(-1)]).toEqual([
    `closed ${CLOSED.reset}`,
    `closed ${CLOSED.reset}`,
  ]);

  const refusing = simWorld(1);
  refusing.net.faults.refuse = 1;
  expect((await pair(refusing)).here.log).toEqual([`closed ${CLOSED.refused}`]);

  const slow = simWorld(1);
  const b = await pair(slow);
  slow.net.faults.loss = 1;
  const before = slow.time_ms;
  b.client.write(bytes(1), 0, 1);
  await slow.settle();
  expect(b.there.bytes).toBe(1);
  expect(slow.time_ms - before).toBeGreaterThan(200 * 255);
});

test('parted machines hear nothing of each other until healed', async () => {
  const world = simWorld(1);
  const { client, here, there } = await pair(world);
  world.net.part('main', 'b');
  client.write(bytes(100), 0, 100);
  client.end();
  const late = side();
  world.env.net.connect({ host: 'b', port: 80, timeout_ms: 500 }, late);
  await world.advance(10_000);
  expect([there.bytes, there.log, late.log]).toEqual([0, [], [`closed ${CLOSED.timeout}`]]);
  world.net.heal();
  await world.settle();
  expect([there.bytes, there.log, here.log.includes('end')]).toEqual([100, ['end'], false]);
});

test('a connection attempt without a timeout of its own gives up as Linux does', async () => {
  const world = simWorld(1);
  world.machine('b');
  world.net.part('main', 'b');
  const late = side();
  world.env.net.connect({ host: 'b', port: 80, timeout_ms: 0 }, late);
  await world.advance(126_999);
  expect(late.log).toEqual([]);
  await world.advance(2);
  expect(late.log).toEqual([`closed ${CLOSED.timeout}`]);
});

test('a dead process leaves its connections closed and its ports free', async () => {
  const world = simWorld(1);
  const { client, here, there } = await pair(world);
  const b = world.machine('b');
  b.disk.crash('process');
  await world.settle();
  expect(here.log).toEqual(['open', 'end']);
  client.write(bytes(5), 0, 5);
  await world.settle();
  expect(here.log.at(-1)).toBe(`closed ${CLOSED.reset}`);
  expect([there.log, there.bytes, world.net.open]).toEqual([[], 0, 0]);
  const refused = side();
  world.env.net.connect({ host: 'b', port: 80, timeout_ms: 100 }, refused);
  await world.settle();
  expect(refused.log).toEqual([`closed ${CLOSED.refused}`]);
  await b.restart().net.listen({ host: '0.0.0.0', port: 80 }, () => side());
});

test('loopback listeners are seen by their own machine only', async () => {
  const world = simWorld(1);
  await world.env.net.listen({ host: '127.0.0.1', port: 80 }, () => side());
  const own = side();
  const foreign = side();
  world.env.net.connect({ host: 'localhost', port: 80, timeout_ms: 100 }, own);
  world.machine('b').env.net.connect({ host: 'main', port: 80, timeout_ms: 100 }, foreign);
  await world.settle();
  expect([own.log, foreign.log]).toEqual([['open'], [`closed ${CLOSED.refused}`]]);
});

test('names resolve as the test says', async () => {
  const world = simWorld(1);
  world.net.name('svc', ['10.0.0.8', '10.0.0.9'], 5000);
  expect(await world.env.net.resolve('svc')).toEqual({ addresses: ['10.0.0.8', '10.0.0.9'], ttl_ms: 5000 });
  world.net.name('svc', []);
  await expect(world.env.net.resolve('svc')).rejects.toMatchObject({ code: 'ENOTFOUND' });
});

const get = (env: Env, url: string, timeout_ms = 1000): Promise<HttpFetched> =>
  env.http.fetch({ url, timeout_ms, bodyLimit: 0 });

test('a test stands in for the outside, and machines serve each other', async () => {
  const world = simWorld(1);
  world.http.handle('http://target:9100', async (r) => ({
    status: 200,
    headers: {},
    body: `outside ${r.path}`,
  }));
  const b = world.machine('b').env;
  await b.http.serve({ host: '0.0.0.0', port: 90 }, async (r) => ({
    status: 201,
    headers: {},
    body: r.remoteAddress,
  }));
  expect(new TextDecoder().decode((await get(world.env, 'http://target:9100/metrics')).body)).toBe(
    'outside /metrics',
  );
  const r = await get(world.env, 'http://b:90/');
  expect([r.status, new TextDecoder().decode(r.body)]).toEqual([201, world.address]);
  world.http.handle('http://target:9100', null);
  await expect(get(world.env, 'http://target:9100/metrics')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  await expect(get(world.env, 'http://b:91/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('HTTP over a broken network: timeouts, resets, a server that dies', async () => {
  const world = simWorld(1);
  const b = world.machine('b');
  await b.env.http.serve({ host: '0.0.0.0', port: 90 }, () => new Promise(() => {}));
  world.net.part('main', 'b');
  await expect(world.run(get(world.env, 'http://b:90/'))).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  world.net.heal();
  const dying = get(world.env, 'http://b:90/', 60_000).catch(
    (error: unknown) => (error as { code: string }).code,
  );
  await world.settle();
  b.disk.crash('process');
  expect(await world.run(dying)).toBe('ECONNRESET');
  world.net.faults.reset = 1;
  await b
    .restart()
    .http.serve({ host: '0.0.0.0', port: 90 }, async () => ({ status: 200, headers: {}, body: '' }));
  await expect(get(world.env, 'http://b:90/')).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('the same seed gives the same traffic', async () => {
  const run = async (seed: number): Promise<string> => {
    const world = simWorld(seed);
    Object.assign(world.net.faults, { loss: 0.1, split: 0.8 });
    const { client, there } = await pair(world);
    for (let i = 0; i < 50; i++) client.write(bytes(1000), 0, 1000);
    await world.settle();
    expect(there.bytes).toBe(50_000);
    return `${world.hash()} ${world.events} ${world.time_ms}`;
  };
  expect(await run(7)).toBe(await run(7));
  expect(await run(7)).not.toBe(await run(8));
});
