// The gate in a world made from seeds: connections that split, delay and keep bytes as they like, reads whose buffer is gone afterwards, and
// connections that break. Every answer is whole and right, or visibly cut off; nothing is left over.
import type { Env, Socket, SocketHandler } from '@munjigi/env';
import { simWorld } from '@munjigi/env/sim';
import { expect, it } from 'vitest';
import { createDataPlane } from './plane.ts';
import { cluster, hashed, oneRoute, route } from './testing/world.ts';
import { readMessage } from './testing/wire.ts';

const GATE_PORT = 8000;

/** n characters that tell a shifted or repeated piece from the right one. */
function pattern(n: number, salt: number): string {
  let s = '';
  for (let i = 0; s.length < n; i++) s += `${salt}:${i};`;
  return s.slice(0, n);
}

function write(socket: Socket, text: string): void {
  const b = Buffer.from(text, 'latin1');
  socket.write(b, 0, b.length);
}

/** Answers `/KIND/SIZE/SALT` with that many bytes, framed by length, chunks or the end of the connection, after checking the body. */
async function upstream(env: Env, port: number, wrong: string[]): Promise<void> {
  await env.net.listen({ host: '0.0.0.0', port }, (socket) => {
    let text = '';
    const handler: SocketHandler = {
      data(b, n) {
        text += Buffer.from(b.subarray(0, n)).toString('latin1');
        for (;;) {
          const read = readMessage(text, 'request', false);
          if (read === null) return true;
          text = read.rest;
          const [, kind, size, salt] = read.message.start.split(' ')[1]!.split('/');
          const sent = Number(read.message.headers['x-size']);
          if (read.message.body !== pattern(sent, Number(salt)))
            wrong.push(`request body ${read.message.start}`);
          const body = pattern(Number(size), Number(salt));
          if (kind === 'length') write(socket, `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${body}`);
          else if (kind === 'chunked') {
            write(socket, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
            for (let i = 0; i < body.length; i += 700) {
              const piece = body.slice(i, i + 700);
              write(socket, `${piece.length.toString(16)}\r\n${piece}\r\n`);
            }
            write(socket, '0\r\n\r\n');
          } else {
            write(socket, `HTTP/1.1 200 OK\r\n\r\n${body}`);
            socket.end();
          }
        }
      },
      drain: () => undefined,
      end: () => socket.end(),
      closed: () => undefined,
    };
    return handler;
  });
}

/** One connection with requests one after the other, some pipelined; how many answers were right, and whether the connection broke. */
function client(
  env: Env,
  requests: readonly { text: string; size: number; salt: number }[],
): Promise<{ right: number; wrong: string[]; broke: boolean }> {
  return new Promise((resolve) => {
    const wrong: string[] = [];
    let right = 0;
    let text = '';
    let ended = false;
    const done = (broke: boolean): void => resolve({ right, wrong, broke });
    const socket = env.net.connect(
      { host: 'gate', port: GATE_PORT, timeout_ms: 5000 },
      {
        open: () => {
          for (const r of requests) write(socket, r.text);
        },
        data(b, n) {
          text += Buffer.from(b.subarray(0, n)).toString('latin1');
          for (;;) {
            const read = readMessage(text, 'response', ended);
            if (read === null) return true;
            text = read.rest;
            const { size, salt } = requests[right + wrong.length]!;
            if (read.message.start === 'HTTP/1.1 200 OK' && read.message.body === pattern(size, salt))
              right++;
            else wrong.push(read.message.start);
            if (right + wrong.length === requests.length) {
              socket.end();
              done(false);
              return true;
            }
          }
        },
        drain: () => undefined,
        end: () => {
          ended = true;
          socket.end();
        },
        closed: () => done(true),
      },
    );
  });
}

async function play(seed: number, faults: boolean): Promise<{ hash: string; right: number; broke: number }> {
  const world = simWorld(seed);
  const random = world.random('test');
  const gate = world.machine('gate');
  const ups = ['up1', 'up2'].map((name) => world.machine(name));
  const bad: string[] = [];
  const plane = createDataPlane(gate.env, { workers: 1, accessLog: '/access.log' });
  const set = hashed(
    oneRoute(
      GATE_PORT,
      [],
      [
        route('main', { connectRetries: 1, timeout_ms: 20_000 }),
        cluster('main', { idleTimeout_ms: 5000 }),
        {
          kind: 'endpoints',
          name: 'endpoints/main',
          endpoints: ups.map(({ address }) => ({ host: address, port: 9000, weight: 1 })),
        },
      ],
    ).map((r) => ('address' in r ? { ...r, address: '0.0.0.0' } : r)),
  );
  const outcome = await world.run(async () => {
    for (const { env } of ups) await upstream(env, 9000, bad);
    expect(await plane.prepare({ base: 0, version: 1, set, remove: [] })).toEqual([]);
    await plane.commit(1);
    if (faults) Object.assign(world.net.faults, { reset: 0.002, loss: 0.01, refuse: 0.05 });
    const clients = Array.from({ length: 4 }, (_, c) => {
      const requests = Array.from({ length: 5 }, (_x, i) => {
        const [size, sent, salt] = [
          random.below(2) * random.below(90_000),
          random.below(2) * random.below(90_000),
          c * 100 + i,
        ];
        const kind = ['length', 'chunked', 'close'][random.below(3)]!;
        const body = pattern(sent, salt);
        const head = `POST /${kind}/${size}/${salt} HTTP/1.1\r\nHost: a\r\nX-Size: ${sent}\r\n`;
        const text =
          random.below(2) === 0
            ? `${head}Content-Length: ${sent}\r\n\r\n${body}`
            : `${head}Transfer-Encoding: chunked\r\n\r\n${sent > 0 ? `${sent.toString(16)}\r\n${body}\r\n` : ''}0\r\n\r\n`;
        return { text, size, salt };
      });
      return client(world.machine(`client${c}`).env, requests);
    });
    const results = await Promise.all(clients);
    await world.env.clock.sleep(10_000);
    return results;
  });
  expect(bad).toEqual([]);
  const [{ connections, inFlight } = { connections: -1, inFlight: -1 }] = plane.workers();
  expect({ connections, inFlight }).toEqual({ connections: 0, inFlight: 0 });
  // A gateway error is an honest answer to a broken upstream; anything else is not.
  const wrong = outcome.flatMap((o) => o.wrong).filter((start) => !faults || !/ 50[24] /.test(start));
  expect(wrong).toEqual([]);
  await world.run(plane.close(0));
  const sum = (f: (o: (typeof outcome)[number]) => number): number => outcome.reduce((n, o) => n + f(o), 0);
  return { hash: world.hash(), right: sum((o) => o.right), broke: sum((o) => Number(o.broke)) };
}

it.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %i: all answers are right', async (seed) => {
  expect(await play(seed, false)).toMatchObject({ right: 20, broke: 0 });
});

it.each([21, 22, 23, 24, 25, 26])('seed %i, with broken connections: no answer is wrong', async (seed) => {
  const { right, broke } = await play(seed, true);
  expect(right + broke).toBeGreaterThan(3);
});

it('one seed, one history', async () => {
  expect((await play(11, false)).hash).toBe((await play(11, false)).hash);
});
