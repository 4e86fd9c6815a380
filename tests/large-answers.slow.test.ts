// Large answers over real sockets: their bytes are used again from piece to piece and from answer to answer, so many clients at once, slow ones, ones
// that want it compressed and ones that go away must each get all of their own.
import { createHash } from 'node:crypto';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { createApi } from '../packages/api/src/index.ts';
import { fakeDeps } from '../packages/api/src/testing/fake-deps.ts';
import { nodeEnv } from '../packages/env/src/node/index.ts';
import { labelsFromObject } from '../packages/model/src/index.ts';
import { createQueryPool, QUERY_POOL_DEFAULTS, serveStorage } from '../packages/query/src/index.ts';
import { openHead } from '../packages/tsdb/src/index.ts';
import { temporaryFolder } from './program.ts';

const SERIES = 200;
const SAMPLES = 300;
const START_S = 1_700_000_000;
const QUERIES: readonly string[] = ['g', 'g * 3', '-g', 'avg_over_time(g[5m])', 'g / on (i) g'];
const ENCODINGS: readonly string[] = ['identity', 'gzip', 'zstd'];
const CLIENTS = 8;
const ASKED = 12;

interface Asked {
  readonly query: string;
  readonly encoding: string;
  readonly slow: boolean;
  /** Bytes after which the client goes away. */
  readonly until: number;
}

/** A digest of the answer, unpacked, and its size; null: the client went away. */
async function ask(port: number, { query, encoding, slow, until }: Asked): Promise<string | null> {
  const end = START_S + 15 * SAMPLES;
  const params = new URLSearchParams({ query, start: String(START_S), end: String(end), step: '5' });
  const path = `/api/v1/query_range?${params.toString()}`;
  const request = http.get({ host: '127.0.0.1', port, path, headers: { 'accept-encoding': encoding } });
  const reply = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
  });
  expect(reply.statusCode).toBe(200);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= until) return null;
    if (slow) await sleep(1);
  }
  const all = Buffer.concat(chunks);
  const body = encoding === 'gzip' ? gunzipSync(all) : encoding === 'zstd' ? zstdDecompressSync(all) : all;
  return `${createHash('sha1').update(body).digest('hex')} ${body.length}`;
}

test('every client gets its own answer', { timeout: 120_000 }, async () => {
  const folder = temporaryFolder();
  const env = nodeEnv({ logWrite: () => {} });
  const head = await openHead(env, { path: folder.path });
  const refs = new Float64Array(SERIES);
  for (let k = 0; k < SAMPLES; k++) {
    const appender = head.appender();
    if (k === 0)
      for (let i = 0; i < SERIES; i++)
        refs[i] = appender.series(labelsFromObject({ __name__: 'g', i: String(i) }));
    const t = new Float64Array(SERIES).fill(1000 * (START_S + 15 * k));
    appender.floats(
      refs,
      t,
      Float64Array.from(refs, (_, i) => Math.sin(i * 1000 + k)),
      null,
      SERIES,
    );
    await appender.commit();
  }
  const pool = createQueryPool(env, QUERY_POOL_DEFAULTS, () => {
    const [here, there] = env.workers.channel();
    serveStorage(here, head);
    return there;
  });
  const api = createApi(fakeDeps({ query: pool, clock: env.clock }));
  const listener = await env.http.serve({ host: '127.0.0.1', port: 0 }, api);
  try {
    const wanted = new Map<string, string | null>();
    for (const query of QUERIES)
      wanted.set(
        query,
        await ask(listener.port, { query, encoding: 'identity', slow: false, until: Infinity }),
      );
    expect(new Set(wanted.values()).size).toBe(QUERIES.length);
    for (const text of wanted.values()) expect(Number(text!.split(' ')[1])).toBeGreaterThan(3_000_000);
    const client = async (n: number): Promise<number> => {
      let left = 0;
      for (let i = 0; i < ASKED; i++) {
        const query = QUERIES[(3 * n + i) % QUERIES.length]!;
        const encoding = ENCODINGS[(n + i) % ENCODINGS.length]!;
        const until = (n + i) % 5 === 0 ? 200_000 * (1 + (n % 4)) : Infinity;
        const got = await ask(listener.port, { query, encoding, slow: n % 2 === 0, until });
        if (got === null) left++;
        else expect(got, `${query} as ${encoding}`).toBe(wanted.get(query));
      }
      return left;
    };
    const left = await Promise.all(Array.from({ length: CLIENTS }, (_, n) => client(n)));
    expect(left.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(CLIENTS);
  } finally {
    await listener.close();
    await pool.close();
    await head.close();
    folder.remove();
  }
});
