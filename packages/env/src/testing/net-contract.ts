import { expect } from 'vitest';
import { CLOSED, FULL, KEPT, TAKEN, type Env, type Socket, type SocketHandler } from '../env.ts';
import type { Contract } from './worlds.ts';

const LOOPBACK = '127.0.0.1';

/** A handler that notes everything, and promises for what tests wait for. */
class Recorder implements SocketHandler {
  readonly events: string[] = [];
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  drains = 0;
  keepReading = true;
  onData: (() => void) | null = null;
  onEnd: (() => void) | null = null;
  readonly opened: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly ended: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly why: PromiseWithResolvers<number> = Promise.withResolvers();
  readonly timedOut: PromiseWithResolvers<void> = Promise.withResolvers();
  drained: PromiseWithResolvers<void> = Promise.withResolvers();

  open(): void {
    this.events.push('open');
    this.opened.resolve();
  }

  data(b: Uint8Array, n: number): boolean {
    if (this.events.at(-1) !== 'data') this.events.push('data');
    this.chunks.push(b.slice(0, n));
    this.bytes += n;
    this.onData?.();
    return this.keepReading;
  }

  drain(): void {
    this.drains++;
    this.drained.resolve();
    this.drained = Promise.withResolvers();
  }

  end(): void {
    this.events.push('end');
    this.ended.resolve();
    this.onEnd?.();
  }

  timeout(): void {
    this.events.push('timeout');
    this.timedOut.resolve();
  }

  closed(why: number): void {
    this.events.push('closed');
    this.why.resolve(why);
  }
}

interface Pair {
  client: Socket;
  clientSide: Recorder;
  server: Socket;
  serverSide: Recorder;
  close(): Promise<void>;
}

async function pair(env: Env): Promise<Pair> {
  const serverSide = new Recorder();
  const clientSide = new Recorder();
  const accepted = Promise.withResolvers<Socket>();
  const listener = await env.net.listen({ host: LOOPBACK, port: 0 }, (socket) => {
    accepted.resolve(socket);
    return serverSide;
  });
  const client = env.net.connect({ host: LOOPBACK, port: listener.port, timeout_ms: 5000 }, clientSide);
  const server = await accepted.promise;
  await clientSide.opened.promise;
  return {
    client,
    clientSide,
    server,
    serverSide,
    async close() {
      client.reset();
      server.reset();
      await listener.close();
    },
  };
}

async function until(env: Env, what: () => boolean): Promise<void> {
  for (let i = 0; !what() && i < 3000; i++) await env.clock.sleep(1);
  expect(what()).toBe(true);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(chunks));
}

/** Writes everything as the contract wants it: a buffer is used again only when it is free. */
async function sendAll(socket: Socket, side: Recorder, bytes: Uint8Array, piece: number): Promise<void> {
  let buffer = new Uint8Array(piece);
  for (let at = 0; at < bytes.length; at += piece) {
    const n = Math.min(piece, bytes.length - at);
    buffer.set(bytes.subarray(at, at + n));
    const drained = side.drained.promise;
    const state = socket.write(buffer, 0, n);
    if (state === TAKEN) buffer.fill(0xee);
    else buffer = new Uint8Array(piece);
    if (state === FULL) await drained;
  }
}

function pattern(n: number): Uint8Array {
  return Uint8Array.from({ length: n }, (_, i) => (i * 7 + (i >> 8)) & 255);
}

export const netContract: Contract = {
  'bytes arrive whole and in order, whatever the pieces': async ({ env }) => {
    const p = await pair(env);
    const bytes = pattern(300_000);
    await sendAll(p.client, p.clientSide, bytes, 7001);
    p.client.end();
    await p.serverSide.ended.promise;
    expect(Buffer.compare(joined(p.serverSide.chunks), bytes)).toBe(0);
    await p.close();
  },
  'each side knows the other': async ({ env }) => {
    const p = await pair(env);
    expect(p.client.remoteAddress).toBe(LOOPBACK);
    expect(p.server.remoteAddress).toBe(LOOPBACK);
    expect(p.server.remotePort).toBeGreaterThan(0);
    await p.close();
  },
  'a half-closed connection still answers, then both close normally': async ({ env }) => {
    const p = await pair(env);
    p.serverSide.onEnd = () => {
      p.server.write(pattern(50_000), 0, 50_000);
      p.server.end();
      expect(p.server.write(pattern(10), 0, 10)).toBe(TAKEN);
    };
    p.client.write(pattern(10), 0, 10);
    p.client.end();
    await p.clientSide.ended.promise;
    expect(p.clientSide.bytes).toBe(50_000);
    expect(await p.clientSide.why.promise).toBe(CLOSED.normal);
    expect(await p.serverSide.why.promise).toBe(CLOSED.normal);
    expect(p.clientSide.events).toEqual(['open', 'data', 'end', 'closed']);
    expect(p.serverSide.events).toEqual(['data', 'end', 'closed']);
    await p.close();
  },
  'a reset is told to the other side as one': async ({ env }) => {
    const p = await pair(env);
    p.client.reset();
    p.client.reset();
    expect(await p.serverSide.why.promise).toBe(CLOSED.reset);
    expect(await p.clientSide.why.promise).toBe(CLOSED.normal);
    expect(p.client.write(pattern(10), 0, 10)).toBe(TAKEN);
    p.server.end();
    p.server.reset();
    expect(p.serverSide.events.filter((e) => e === 'closed')).toHaveLength(1);
    await p.close();
  },
  'a reader that pauses holds the writer back: write says KEPT, then FULL, then drain comes': async ({
    env,
  }) => {
    const p = await pair(env);
    p.serverSide.keepReading = false;
    const states = new Set<number>();
    let written = 0;
    for (let i = 0; i < 1000 && !states.has(FULL); i++) {
      states.add(p.client.write(pattern(40_000), 0, 40_000));
      written += 40_000;
      await env.clock.yield();
    }
    expect(states.has(FULL)).toBe(true);
    await until(env, () => p.serverSide.bytes > 0);
    await env.clock.sleep(20);
    expect(p.serverSide.bytes).toBeLessThan(written);
    expect(p.serverSide.chunks).toHaveLength(1);
    const drained = p.clientSide.drained.promise;
    p.serverSide.keepReading = true;
    p.server.resume();
    await drained;
    await until(env, () => p.serverSide.bytes === written);
    await p.close();
  },
  'pause stops data until resume': async ({ env }) => {
    const p = await pair(env);
    p.serverSide.onData = () => p.server.pause();
    p.client.write(pattern(10), 0, 10);
    await until(env, () => p.serverSide.bytes > 0);
    const first = p.serverSide.chunks.length;
    p.client.write(pattern(10), 0, 10);
    await env.clock.sleep(20);
    expect(p.serverSide.chunks).toHaveLength(first);
    p.serverSide.onData = null;
    p.server.resume();
    await until(env, () => p.serverSide.bytes === 20);
    await p.close();
  },
  'corked bytes are kept and go out at uncork': async ({ env }) => {
    const p = await pair(env);
    p.client.cork();
    p.client.cork();
    expect(p.client.write(pattern(10), 0, 10)).toBe(KEPT);
    expect(p.client.write(pattern(10), 0, 10)).toBe(KEPT);
    p.client.uncork();
    await env.clock.sleep(10);
    expect(p.serverSide.bytes).toBe(0);
    p.client.uncork();
    p.client.uncork();
    await until(env, () => p.serverSide.bytes === 20 && p.clientSide.drains > 0);
    await p.close();
  },
  'what is written before the connection stands is kept and sent': async ({ env }) => {
    const serverSide = new Recorder();
    const listener = await env.net.listen({ host: LOOPBACK, port: 0 }, () => serverSide);
    const side = new Recorder();
    const client = env.net.connect({ host: LOOPBACK, port: listener.port, timeout_ms: 5000 }, side);
    expect(client.write(pattern(10), 0, 10)).toBe(KEPT);
    await until(env, () => serverSide.bytes === 10 && side.drains === 1);
    client.reset();
    await listener.close();
    expect(await serverSide.why.promise).toBe(CLOSED.reset);
  },
  'nobody there: refused; a name nobody knows: unreachable': async ({ env }) => {
    const listener = await env.net.listen({ host: LOOPBACK, port: 0 }, () => new Recorder());
    await listener.close();
    const side = new Recorder();
    env.net.connect({ host: LOOPBACK, port: listener.port, timeout_ms: 5000 }, side);
    expect(await side.why.promise).toBe(CLOSED.refused);
    expect(side.events).toEqual(['closed']);
    const lost = new Recorder();
    env.net.connect({ host: 'no-such-host.invalid', port: 80, timeout_ms: 20_000 }, lost);
    expect(await lost.why.promise).toBe(CLOSED.unreachable);
  },
  'a silent connection times out, once, and lives on': async ({ env }) => {
    const p = await pair(env);
    p.client.idle(5);
    await p.clientSide.timedOut.promise;
    await env.clock.sleep(20);
    expect(p.clientSide.events).toEqual(['open', 'timeout']);
    p.client.idle(0);
    p.client.write(pattern(10), 0, 10);
    await until(env, () => p.serverSide.bytes === 10);
    await p.close();
  },
  'a closed listener refuses, its sockets go on': async ({ env }) => {
    const serverSide = new Recorder();
    const listener = await env.net.listen({ host: LOOPBACK, port: 0 }, () => serverSide);
    const side = new Recorder();
    const client = env.net.connect({ host: LOOPBACK, port: listener.port, timeout_ms: 5000 }, side);
    await side.opened.promise;
    client.write(pattern(5), 0, 5);
    await until(env, () => serverSide.bytes === 5);
    await listener.close();
    client.write(pattern(5), 0, 5);
    await until(env, () => serverSide.bytes === 10);
    client.reset();
  },
  'ports in use are told apart from free ones': async ({ env }) => {
    const listener = await env.net.listen({ host: LOOPBACK, port: 0 }, () => new Recorder());
    const { port } = listener;
    await expect(env.net.tryPort(LOOPBACK, port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await expect(env.net.listen({ host: LOOPBACK, port }, () => new Recorder())).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    await listener.close();
    await env.net.tryPort(LOOPBACK, port);
    const shared = { host: LOOPBACK, port: 0, reusePort: true };
    const one = await env.net.listen(shared, () => new Recorder());
    const two = await env.net.listen({ ...shared, port: one.port }, () => new Recorder());
    expect(two.port).toBe(one.port);
    await one.close();
    await two.close();
  },
  'addresses resolve to themselves for ever, unknown names do not': async ({ env }) => {
    expect(await env.net.resolve('10.1.2.3')).toEqual({ addresses: ['10.1.2.3'], ttl_ms: Infinity });
    expect((await env.net.resolve('localhost')).addresses).toContain(LOOPBACK);
    await expect(env.net.resolve('no-such-host.invalid')).rejects.toBeInstanceOf(Error);
  },
};
