// The pool with real threads over a real head: big and small queries at once, shares on other workers, threads that die.
import type { Env, Worker } from '@munjigi/env';
import { nodeEnv } from '@munjigi/env/node';
import { labelsFromObject } from '@munjigi/model';
import { openChunkReader, openMemoryHead, type Head } from '@munjigi/tsdb';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { queryLocal } from './local.ts';
import { createQueryPool, QUERY_POOL_DEFAULTS, type QueryPool, type QueryPoolOptions } from './pool.ts';
import { wholeReply, type QueryReply, type QueryRequest } from './request.ts';
import { serveStorage } from './storage-port.ts';

const SERIES = 2000;
const SAMPLES = 600;
const INTERVAL_MS = 15_000;
const END_MS = SAMPLES * INTERVAL_MS;
const BIG: QueryRequest = {
  kind: 'range',
  query: 'sum by (job) (rate(c_total[5m]))',
  start_ms: 0,
  end_ms: END_MS,
  step_ms: 15_000,
  limit: 0,
  stats: '',
};
const SMALL: QueryRequest = {
  kind: 'instant',
  query: 'c_total{instance="7"}',
  time_ms: END_MS,
  limit: 0,
  stats: '',
};

const base = nodeEnv({ logWrite: () => {} });
let head: Head;
let threads: Worker[] = [];
const pools: QueryPool[] = [];

beforeAll(async () => {
  head = openMemoryHead(base);
  const refs = new Float64Array(SERIES);
  const values = new Float64Array(SERIES);
  for (let k = 1; k <= SAMPLES; k++) {
    const appender = head.appender();
    for (let i = 0; i < SERIES; i++) {
      if (k === 1)
        refs[i] = appender.series(
          labelsFromObject({ __name__: 'c_total', job: `job-${i % 7}`, instance: String(i) }),
        );
      values[i]! += (i * k) % 13;
    }
    appender.floats(refs, new Float64Array(SERIES).fill(k * INTERVAL_MS), values, null, SERIES);
    await appender.commit();
  }
});

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
  threads = [];
});

afterAll(() => head.close());

function start(options: Partial<QueryPoolOptions>, served: boolean = true): QueryPool {
  const env: Env = {
    ...base,
    workers: {
      ...base.workers,
      start: (...args) => {
        const worker = base.workers.start(...args);
        threads.push(worker);
        return worker;
      },
    },
  };
  const pool = createQueryPool(env, { ...QUERY_POOL_DEFAULTS, ...options }, () => {
    const [here, there] = env.workers.channel();
    if (served) serveStorage(here, head);
    return there;
  });
  pools.push(pool);
  return pool;
}

function text({ body }: QueryReply): string {
  return new TextDecoder().decode(body);
}

async function expected(request: QueryRequest): Promise<string> {
  return text(await queryLocal(base.clock, head, openChunkReader(), request));
}

/** Until all queries have given their leases back. */
async function leasesEnd(): Promise<void> {
  while (head.stats().openQueriers > 0) await base.clock.sleep(5);
}

test('two workers share a big query and answer as one thread does', async () => {
  const pool = start({ workers: 2 });
  // The second worker may not be there yet when the first is asked.
  let reply = await pool.query(BIG);
  while (reply.cost.sharesElsewhere === 0) reply = await pool.query(BIG);
  expect(reply.cost).toMatchObject({ shares: 2, sharesElsewhere: 1, seriesTouched: SERIES });
  expect(reply.cost.samplesRead).toBe(SERIES * SAMPLES);
  // Addresses of half of the chunks go out, columns are moved.
  expect(reply.cost.copiedBytes).toBeGreaterThan(0);
  expect(reply.cost.copiedBytes).toBeLessThan(1e6);
  reply = await wholeReply(reply);
  const local = JSON.parse(await expected(BIG)) as { data: { result: { values: [number, string][] }[] } };
  const shared = JSON.parse(text(reply)) as typeof local;
  expect(shared.data.result.length).toBe(7);
  for (const [i, { values }] of shared.data.result.entries())
    for (const [k, [t, value]] of values.entries()) {
      const [time, one] = local.data.result[i]!.values[k]!;
      expect(t).toBe(time);
      expect(Number(value)).toBeCloseTo(Number(one), 9);
    }
  await leasesEnd();
});

test('rows of series come back in order from several workers', async () => {
  const pool = start({ workers: 3 });
  const rows: QueryRequest = { ...BIG, query: 'rate(c_total[5m]) > 0.4', step_ms: 60_000 };
  let reply = await pool.query(rows);
  while (reply.cost.sharesElsewhere < 2) reply = await pool.query(rows);
  expect(text(await wholeReply(reply))).toBe(await expected(rows));
});

test('a small query does not wait for big ones', async () => {
  const pool = start({ workers: 1 });
  await pool.query(SMALL);
  const order: string[] = [];
  const big = [0, 1, 2].map(async () => {
    const reply = await pool.query({ ...BIG, step_ms: 1000 });
    order.push('big');
    return reply;
  });
  const small = async (): Promise<QueryReply> => {
    // The big ones have begun.
    await base.clock.sleep(30);
    const reply = await pool.query(SMALL);
    order.push('small');
    return reply;
  };
  const reply = await small();
  expect(text(reply)).toBe(await expected(SMALL));
  for (const { status } of await Promise.all(big)) expect(status).toBe(200);
  expect(order[0]).toBe('small');
});

test('a busy worker notices a timeout, and goes on with others', async () => {
  const pool = start({ workers: 1, maxConcurrency: 1 });
  await pool.query(SMALL);
  const long = await pool.query({ ...BIG, step_ms: 1000, timeout_ms: 20 });
  expect(long.error).toEqual({ errorType: 'timeout', message: 'query timed out in expression evaluation' });
  // Runs only when the cancelled one has given up its place.
  expect((await pool.query(SMALL)).status).toBe(200);
  expect(threads.length).toBe(1);
  await leasesEnd();
});

test('a query that waits for the store can be cancelled', async () => {
  const pool = start({ workers: 1, maxConcurrency: 1 }, false);
  // The thread stands.
  await pool.query({ kind: 'format', query: 'up' });
  const first = await pool.query({ ...SMALL, timeout_ms: 50 });
  const second = await pool.query({ ...SMALL, timeout_ms: 50 });
  const timeout = { errorType: 'timeout', message: 'query timed out in expression evaluation' };
  expect([first.error, second.error]).toEqual([timeout, timeout]);
  expect(threads.length).toBe(1);
});

test('a worker that dies takes only its own queries with it', async () => {
  const pool = start({ workers: 2 });
  await Promise.all([pool.query(SMALL), pool.query(SMALL)]);
  const queries = [pool.query({ ...BIG, step_ms: 1000 }), pool.query({ ...BIG, step_ms: 1000 })];
  await base.clock.sleep(30);
  await threads[1]!.terminate();
  const replies = await Promise.all(queries.map(async (query) => wholeReply(await query)));
  expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 503]);
  expect(replies.find(({ status }) => status === 503)!.error!.message).toContain('(terminated)');
  const whole = replies.find(({ status }) => status === 200)!;
  expect(whole.cost.samplesRead).toBe(SERIES * SAMPLES);
  expect((JSON.parse(text(whole)) as { data: { result: unknown[] } }).data.result.length).toBe(7);
  // The replacement runs queries too.
  while (threads.length < 3) await base.clock.sleep(5);
  for (const { status } of await Promise.all([pool.query(SMALL), pool.query(SMALL), pool.query(SMALL)]))
    expect(status).toBe(200);
  await leasesEnd();
});

/** The gauge of what all queries hold. */
function heldBytes(pool: QueryPool): number {
  return pool.families().find(({ name }) => name === 'munjigi_query_memory_bytes')!.samples[0]!.value;
}

/** Until everything that queries held is free. */
async function nothingHeld(pool: QueryPool): Promise<void> {
  while (heldBytes(pool) > 0) await base.clock.sleep(5);
}

const EVERYTHING: QueryRequest = { ...BIG, query: 'c_total + 0.1', step_ms: 1500 };

test('an answer of any size needs the room of its columns and a few pieces', async () => {
  const pool = start({ workers: 2 });
  await pool.query(SMALL);
  const reply = await pool.query(EVERYTHING);
  expect(reply.rest).toBeDefined();
  let bytes = reply.body.length;
  const held = heldBytes(pool);
  let [most, largest] = [0, 0];
  for (let piece = await reply.rest!.next(null); piece !== null; piece = await reply.rest!.next(null)) {
    bytes += piece.length;
    largest = Math.max(largest, piece.length);
    most = Math.max(most, heldBytes(pool));
  }
  // 2,000 series of 6,000 points.
  expect(bytes).toBeGreaterThan(200_000_000);
  expect(most).toBeLessThanOrEqual(held);
  expect(largest).toBeLessThan(4_000_000);
  await nothingHeld(pool);
});

test('a client that goes away in the middle of an answer frees what it held', async () => {
  const pool = start({ workers: 2 });
  const gone = new AbortController();
  const reply = await pool.query(EVERYTHING, gone.signal);
  await reply.rest!.next(null);
  expect(heldBytes(pool)).toBeGreaterThan(0);
  gone.abort();
  await nothingHeld(pool);
  expect((await pool.query(SMALL)).status).toBe(200);
});

test('queries that together want a hundred times the budget are refused one by one, and small ones go on', async () => {
  const pool = start({ workers: 2, maxBytes: 0, maxTotalBytes: 20_000_000 });
  await pool.query(SMALL);
  const greedy = [
    'c_total',
    'c_total * 2',
    'rate(c_total[5m])',
    'topk(5, c_total)',
    'c_total or c_total + 1',
  ];
  const asked = greedy
    .flatMap((query) => [query, query])
    .map((query) => pool.query({ ...BIG, query, step_ms: 1000 }));
  const small: QueryReply[] = [];
  for (let i = 0; i < 5; i++) small.push(await pool.query(SMALL));
  for (const { status, error } of await Promise.all(asked)) {
    expect([status, error?.errorType]).toEqual([422, 'execution']);
    expect(error!.message).toMatch(
      /^query needs \d+ bytes of memory, with which all queries would hold \d+ and may hold 20000000 \(query.max_memory_total\).*c_total/,
    );
  }
  // One that finds the memory full may be refused too; it is told so.
  for (const { status } of small) expect([200, 422]).toContain(status);
  await nothingHeld(pool);
  expect((await pool.query(SMALL)).status).toBe(200);
  expect(threads.length).toBe(2);
});

test('samples of each step are counted by all workers alike', async () => {
  const pool = start({ workers: 3 });
  const request: QueryRequest = { ...BIG, step_ms: 60_000, stats: 'all' };
  let reply = await pool.query(request);
  while (reply.cost.sharesElsewhere < 2) reply = await pool.query(request);
  const samplesOf = (answer: string): object =>
    (JSON.parse(answer) as { data: { stats: { samples: object } } }).data.stats.samples;
  const { peakSamples: _, ...counted } = samplesOf(text(await wholeReply(reply))) as { peakSamples: number };
  expect(samplesOf(await expected(request))).toMatchObject(counted);
});

test('a budget holds across workers', async () => {
  const pool = start({ workers: 2, maxSamples: 1000 });
  const reply = await pool.query({ ...BIG, query: 'rate(c_total[5m])' });
  expect([reply.status, reply.error]).toEqual([
    422,
    {
      errorType: 'execution',
      message: 'query processing would load too many samples into memory in query execution',
    },
  ]);
  await leasesEnd();
});
