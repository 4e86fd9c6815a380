// The contract of Socket.write, held against the whole gate: bytes that a socket keeps are not touched until it drains.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { nodeEnv } from '@munjigi/env/node';
import { keepingNet } from './testing/keeping-net.ts';
import { freePort, inThread, oneRoute, started } from './testing/world.ts';

const digest = (b: Uint8Array): string => createHash('sha256').update(b).digest('hex');

it('kept bytes stay as they are, both ways, and all of them arrive', async () => {
  const net = keepingNet(nodeEnv({ logLevel: 'error' }).net, 42);
  const upstream = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (b: Buffer) => parts.push(b));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      if (request.url === '/length') response.setHeader('content-length', body.length);
      response.setHeader('x-digest', digest(body));
      for (let i = 0; i < body.length; i += 10_000) response.write(body.subarray(i, i + 10_000));
      response.end();
    });
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const port = await freePort();
  const plane = await started(
    oneRoute(port, [(upstream.address() as AddressInfo).port]),
    {},
    inThread({ net }),
  );
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

  const ask = async (i: number): Promise<void> => {
    const body = Buffer.alloc([0, 10, 3000, 70_000, 400_000][i % 5]!, `body ${i} `);
    const request = http.request({
      host: '127.0.0.1',
      port,
      agent,
      method: 'POST',
      path: i % 2 === 0 ? '/length' : '/chunked',
      headers: i % 3 === 0 ? { 'content-length': body.length } : { 'transfer-encoding': 'chunked' },
    });
    for (let k = 0; k < body.length; k += 30_000) request.write(body.subarray(k, k + 30_000));
    request.end();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const parts: Buffer[] = [];
    for await (const b of response) parts.push(b as Buffer);
    const want = digest(body);
    expect([response.headers['x-digest'], digest(Buffer.concat(parts))]).toEqual([want, want]);
  };
  await Promise.all(Array.from({ length: 60 }, (_, i) => ask(i)));

  expect(net.kept()).toBeGreaterThan(100);
  expect(net.touched()).toBe(0);
  agent.destroy();
  await plane.close(0);
  upstream.closeAllConnections();
  upstream.close();
});
