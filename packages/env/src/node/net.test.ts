import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { CLOSED, EnvError, FULL, TAKEN, type Listener, type Socket, type SocketHandler } from '../env.ts';
import { nodeNet } from './net.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const o of open.splice(0).reverse()) await o.close();
});

function quiet(change: Partial<SocketHandler> = {}): SocketHandler {
  return {
    data: () => true,
    drain: () => undefined,
    end: () => undefined,
    closed: () => undefined,
    ...change,
  };
}

async function listen(accept: (s: Socket) => SocketHandler): Promise<Listener> {
  const listener = await nodeNet.listen({ host: '127.0.0.1', port: 0, reusePort: true }, accept);
  open.push(listener);
  return listener;
}

it('says who owns the bytes: until drain they are not ours to touch', async () => {
  const SIZE = 32 * 1024 * 1024;
  const states = new Set<number>();
  const received = Promise.withResolvers<number>();
  const listener = await listen((s) => {
    let n = 0;
    let wrong = 0;
    // The reader starts late, so that writes pile up.
    s.pause();
    setImmediate(() => s.resume());
    return quiet({
      data(b, k) {
        for (let i = 0; i < k; i += 4096) if (b[i] !== 120) wrong++;
        n += k;
        return true;
      },
      end: () => {
        s.end();
        received.resolve(wrong === 0 ? n : -wrong);
      },
    });
  });
  const buffer = Buffer.alloc(256 * 1024, 'x');
  let sent = 0;
  const write = (): void => {
    while (sent < SIZE) {
      buffer.fill('x');
      sent += buffer.length;
      const state = socket.write(buffer, 0, buffer.length);
      states.add(state);
      if (state !== TAKEN) return;
      // It is ours again: the next bytes may be put into it.
      buffer.fill('?');
    }
    socket.end();
  };
  const socket = nodeNet.connect(
    { host: '127.0.0.1', port: listener.port, timeout_ms: 5000 },
    quiet({ drain: write }),
  );
  // Not connected yet: kept until it is.
  write();
  expect(states).toEqual(new Set([FULL]));
  expect(await received.promise).toBe(SIZE);
  expect(states.has(TAKEN)).toBe(true);
});

it('corked writes are kept until they are uncorked, and drain follows', async () => {
  const got = Promise.withResolvers<string>();
  const listener = await listen(() =>
    quiet({ data: (b, n) => (got.resolve(Buffer.from(b.subarray(0, n)).toString()), true) }),
  );
  const drained = Promise.withResolvers<void>();
  const s = nodeNet.connect(
    { host: '127.0.0.1', port: listener.port, timeout_ms: 0 },
    quiet({
      open() {
        s.cork();
        expect(s.write(Buffer.from('xab'), 1, 2)).not.toBe(TAKEN);
        expect(s.write(new Uint8Array([98, 99]), 0, 1)).not.toBe(TAKEN);
        s.uncork();
      },
      drain: () => drained.resolve(),
    }),
  );
  await drained.promise;
  expect(await got.promise).toBe('ab');
  s.reset();
});

it('each side may end by itself, and reading goes on', async () => {
  const seen: string[] = [];
  const listener = await listen((s) =>
    quiet({
      end: () => {
        seen.push('server: end');
        s.write(Buffer.from('late'), 0, 4);
        s.end();
      },
      closed: (why) => void seen.push(`server: closed ${why}`),
    }),
  );
  const closed = Promise.withResolvers<void>();
  const s = nodeNet.connect(
    { host: '127.0.0.1', port: listener.port, timeout_ms: 0 },
    quiet({
      open: () => s.end(),
      data: (b, n) => (seen.push(Buffer.from(b.subarray(0, n)).toString()), true),
      end: () => void seen.push('end'),
      closed: (why) => {
        seen.push(`closed ${why}`);
        closed.resolve();
      },
    }),
  );
  await closed.promise;
  expect(seen.filter((x) => !x.startsWith('server: closed'))).toEqual([
    'server: end',
    'late',
    'end',
    'closed 0',
  ]);
  // Writing to what is closed does nothing.
  expect(s.write(Buffer.from('x'), 0, 1)).toBe(TAKEN);
});

it('false from data pauses until resume, on both sides', async () => {
  const texts: string[] = [];
  const both = Promise.withResolvers<void>();
  const listener = await listen((s) => {
    const parts: string[] = [];
    return quiet({
      data(b, n) {
        parts.push(Buffer.from(b.subarray(0, n)).toString());
        s.write(Buffer.from(`${parts.length}`), 0, 1);
        setImmediate(() => s.resume());
        return false;
      },
    });
  });
  let paused = false;
  const s = nodeNet.connect(
    { host: '127.0.0.1', port: listener.port, timeout_ms: 0 },
    quiet({
      open: () => void s.write(Buffer.from('a'), 0, 1),
      data(b, n) {
        expect(paused).toBe(false);
        texts.push(Buffer.from(b.subarray(0, n)).toString());
        if (texts.length === 3) both.resolve();
        paused = true;
        s.write(Buffer.from('b'), 0, 1);
        setTimeout(() => {
          paused = false;
          s.resume();
        }, 5);
        return false;
      },
    }),
  );
  await both.promise;
  expect(texts.join('')).toMatch(/^123/);
  s.reset();
});

it('tells why a connection closed', async () => {
  const resetting = await listen((s) => quiet({ data: () => (s.reset(), true) }));
  const full = net.createServer();
  full.listen(0, '127.0.0.1');
  await once(full, 'listening');
  const { port: closedPort } = full.address() as net.AddressInfo;
  full.close();
  await once(full, 'close');
  const why = (host: string, port: number, timeout_ms: number): Promise<number> =>
    new Promise((resolve) => {
      const s = nodeNet.connect(
        { host, port, timeout_ms },
        quiet({ open: () => void s.write(Buffer.from('x'), 0, 1), closed: resolve }),
      );
    });
  expect(await why('127.0.0.1', resetting.port, 1000)).toBe(CLOSED.reset);
  expect(await why('127.0.0.1', closedPort, 1000)).toBe(CLOSED.refused);
  expect(await why('no-such-host.invalid', 80, 5000)).toBe(CLOSED.unreachable);
});

it('a port that anyone listens on is not free', async () => {
  const listener = await listen(() => quiet());
  await expect(nodeNet.tryPort('127.0.0.1', listener.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await expect(nodeNet.tryPort('127.0.0.1', listener.port)).rejects.toBeInstanceOf(EnvError);
  // Listeners that share may.
  const second = await nodeNet.listen({ host: '127.0.0.1', port: listener.port, reusePort: true }, () =>
    quiet(),
  );
  await expect(
    nodeNet.listen({ host: '127.0.0.1', port: listener.port }, () => quiet()),
  ).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await second.close();
  await listener.close();
  await nodeNet.tryPort('127.0.0.1', listener.port);
});

it('knows addresses of names, and of addresses', async () => {
  expect(await nodeNet.resolve('::1')).toEqual({ addresses: ['::1'], ttl_ms: Infinity });
  const { addresses, ttl_ms } = await nodeNet.resolve('localhost');
  expect(addresses.every((a) => ['127.0.0.1', '::1'].includes(a))).toBe(true);
  expect(ttl_ms).toBeGreaterThan(0);
  await expect(nodeNet.resolve('no-such-host.invalid')).rejects.toBeInstanceOf(EnvError);
});
