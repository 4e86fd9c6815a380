import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { BUDGET } from '@munjigi/promql';
import { afterEach, expect, test } from 'vitest';
import {
  createQueryPool,
  POOL_SETTINGS,
  QUERY_POOL_DEFAULTS,
  type QueryPool,
  type QueryPoolOptions,
} from './pool.ts';
import { errorReply, type QueryReply, type QueryRequest, type ReplyRest } from './request.ts';
import { fakeCrew, okReply, type FakeCrew } from './testing/fake-crew.ts';

const UP: QueryRequest = { kind: 'instant', query: 'up', time_ms: 0, limit: 0, stats: '' };
const pools: QueryPool[] = [];
const folders: string[] = [];

function tempFiles(): string {
  const folder = mkdtempSync(`${tmpdir()}/pool-`);
  folders.push(folder);
  return folder;
}

function start(options: Partial<QueryPoolOptions> = {}): { pool: QueryPool; crew: FakeCrew } {
  const crew = fakeCrew();
  const pool = createQueryPool(
    crew.env,
    { ...QUERY_POOL_DEFAULTS, ...options },
    () => crew.env.workers.channel()[0],
  );
  pools.push(pool);
  return { pool, crew };
}

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function errorOf({ status, body, error }: QueryReply): unknown[] {
  const envelope = JSON.parse(new TextDecoder().decode(body)) as { errorType: string; error: string };
  expect(envelope).toEqual({ status: 'error', errorType: error?.errorType, error: error?.message });
  return [status, envelope.errorType, envelope.error];
}

function metric(pool: QueryPool, name: string, value: string = ''): number {
  const family = pool.families().find((f) => f.name === name);
  return family!.samples.find(({ labels }) => value === '' || labels.includes(value))!.value;
}

test('workers are joined to the store and to each other', async () => {
  const { crew } = start({ workers: 3 });
  await crew.settle();
  expect(crew.workers.map(({ storages }) => storages)).toEqual([1, 1, 1]);
  expect(crew.workers.map(({ peers }) => peers.toSorted((a, b) => a - b))).toEqual([
    [1, 2],
    [0, 2],
    [0, 1],
  ]);
});

test('queries go to the worker with the fewest, and bytes come back as they are', async () => {
  const { pool, crew } = start();
  const replies = [pool.query(UP), pool.query(UP), pool.query(UP)];
  await crew.settle();
  expect(crew.workers.map(({ calls }) => calls.length)).toEqual([2, 1]);
  for (const { calls } of crew.workers) for (const call of Array.from(calls)) call.answer(okReply('x'));
  for (const reply of await Promise.all(replies))
    expect(new TextDecoder().decode(reply.body)).toBe('{"status":"success","data":"x"}');
});

test('over the concurrency queries wait, over the queue they are refused', async () => {
  const { pool, crew } = start({ workers: 1, maxConcurrency: 1, queueLimit: 1 });
  const first = pool.query(UP);
  const second = pool.query(UP);
  const third = await pool.query(UP);
  expect(errorOf(third)).toEqual([
    503,
    'unavailable',
    '1 queries run and 1 wait: try again later, or raise the limits',
  ]);
  await crew.settle();
  const { calls } = crew.workers[0]!;
  expect([calls.length, metric(pool, 'prometheus_engine_queries')]).toEqual([1, 2]);
  calls[0]!.answer();
  expect((await first).status).toBe(200);
  await crew.settle();
  calls[0]!.answer();
  expect((await second).status).toBe(200);
  expect(metric(pool, 'munjigi_query_rejected_total', 'queue_full')).toBe(1);
});

test.for<readonly [name: string, running: boolean, error: string]>([
  ['while it runs', true, 'query timed out in expression evaluation'],
  ['while it waits', false, 'query timed out in query queue'],
])('a timeout %s', async ([, running, error]) => {
  const { pool, crew } = start({ workers: 1, maxConcurrency: running ? 2 : 1 });
  const first = pool.query(UP);
  const late = pool.query({ ...UP, timeout_ms: 50 });
  await crew.settle();
  await crew.advance(49);
  expect(metric(pool, 'munjigi_query_rejected_total', 'timeout')).toBe(0);
  await crew.advance(1);
  expect(errorOf(await late)).toEqual([503, 'timeout', error]);
  const { calls, cancelled } = crew.workers[0]!;
  const told = calls.slice(1).map(({ call }) => [call.state[BUDGET.cancelled], call.id]);
  expect(told).toEqual(running ? [[1, cancelled[0]]] : []);
  calls[0]!.answer();
  expect((await first).status).toBe(200);
});

test("the pool's own timeout is the longest", async () => {
  const { pool, crew } = start({ timeout_ms: 100 });
  const reply = pool.query({ ...UP, timeout_ms: 1e9 });
  await crew.settle();
  await crew.advance(100);
  expect((await reply).error?.errorType).toBe('timeout');
});

test.for<readonly [name: string, running: boolean, error: string]>([
  ['while it runs', true, 'query was canceled in expression evaluation'],
  ['while it waits', false, 'query was canceled in query queue'],
])('the client goes away %s', async ([, running, error]) => {
  const { pool, crew } = start({ workers: 1, maxConcurrency: 1 });
  const other = running ? null : pool.query(UP);
  const gone = new AbortController();
  const reply = pool.query(UP, gone.signal);
  await crew.settle();
  gone.abort();
  expect(errorOf(await reply)).toEqual([499, 'canceled', error]);
  await crew.settle();
  const { calls, cancelled } = crew.workers[0]!;
  expect([calls.length, cancelled.length]).toEqual([1, running ? 1 : 0]);
  calls[0]!.answer();
  await other;
  expect((await pool.query(UP, gone.signal)).error?.errorType).toBe('canceled');
});

test('the place of a cancelled query is free only when its worker is done with it', async () => {
  const { pool, crew } = start({ workers: 1, maxConcurrency: 1 });
  const gone = new AbortController();
  const first = pool.query(UP, gone.signal);
  const second = pool.query(UP);
  await crew.settle();
  gone.abort();
  await first;
  await crew.settle();
  const { calls } = crew.workers[0]!;
  expect(calls.length).toBe(1);
  calls[0]!.answer();
  await crew.settle();
  calls[0]!.answer();
  expect((await second).status).toBe(200);
});

test('a worker that ends fails its own queries with the reason, and is replaced', async () => {
  const { pool, crew } = start();
  const [doomed, other] = [pool.query(UP), pool.query(UP)];
  await crew.settle();
  await crew.advance(5000);
  crew.workers[0]!.die('out of memory');
  expect(errorOf(await doomed)).toEqual([
    503,
    'unavailable',
    'the thread that ran this query ended (out of memory): try again, other queries go on',
  ]);
  crew.workers[1]!.calls[0]!.answer();
  expect((await other).status).toBe(200);
  await crew.settle();
  expect(crew.workers.map(({ name }) => name)).toEqual(['query-0', 'query-1', 'query-0']);
  expect(crew.workers[2]!.peers).toEqual([1]);
  expect(metric(pool, 'munjigi_query_worker_restarts_total')).toBe(1);
  const next = pool.query(UP);
  await crew.settle();
  crew.workers[2]!.calls[0]!.answer();
  expect((await next).status).toBe(200);
});

test('workers that end at once are started again only after a pause; queries wait for them', async () => {
  const { pool, crew } = start({ workers: 1 });
  await crew.settle();
  crew.workers[0]!.die('broken');
  await crew.settle();
  const waiting = pool.query(UP);
  await crew.settle();
  expect(crew.workers.length).toBe(1);
  await crew.advance(1000);
  expect(crew.workers.length).toBe(2);
  crew.workers[1]!.calls[0]!.answer();
  expect((await waiting).status).toBe(200);
});

test('a worker that does not react to a cancelled query is ended', async () => {
  const { pool, crew } = start({ workers: 1, timeout_ms: 1000 });
  const reply = pool.query(UP);
  await crew.settle();
  await crew.advance(1000);
  expect((await reply).error?.errorType).toBe('timeout');
  await crew.advance(4999);
  expect(crew.workers.length).toBe(1);
  await crew.advance(1);
  expect(crew.workers.length).toBe(2);
  expect(crew.log.filter((line) => line.includes('does not react')).length).toBe(1);
});

test('closing answers everything that waits', async () => {
  const { pool, crew } = start({ workers: 1, maxConcurrency: 1 });
  const replies = [pool.query(UP), pool.query(UP)];
  await crew.settle();
  await pool.close();
  for (const reply of await Promise.all(replies))
    expect(errorOf(reply)).toEqual([503, 'unavailable', 'the server is shutting down']);
  expect((await pool.query(UP)).status).toBe(503);
});

test('what a query took is counted', async () => {
  const { pool, crew } = start({ workers: 1 });
  const reply = pool.query(UP);
  await crew.settle();
  const cost = {
    prepare_ms: 2,
    evaluate_ms: 1500,
    select_ms: 0,
    decode_ms: 0,
    samplesRead: 7,
    seriesTouched: 1,
    copiedBytes: 11,
    shares: 3,
    sharesElsewhere: 2,
    peakSamples: 9,
    steps: null,
  };
  crew.workers[0]!.calls[0]!.answer({ ...okReply('x'), cost });
  await reply;
  expect([
    metric(pool, 'prometheus_engine_query_samples_total'),
    metric(pool, 'munjigi_query_copied_bytes_total'),
    metric(pool, 'munjigi_query_shares_total', 'own'),
    metric(pool, 'munjigi_query_shares_total', 'other'),
    metric(pool, 'prometheus_engine_query_duration_seconds', 'inner_eval'),
  ]).toEqual([7, 11, 1, 2, 1.5]);
});

const COST = { ceilings: { maxSeries: 10, maxSamplesRead: 0, maxDuration_ms: 45_000 } };

test.for<readonly [name: string, own: object, error: string]>([
  ['series', { maxSeries: 11 }, 'requested max_series of 11 exceeds the server limit of 10'],
  [
    'duration',
    { maxDuration_ms: 180_000 },
    'requested max_query_duration of 3m0s exceeds the server limit of 45s',
  ],
])('a request may not raise its limit of %s', async ([, own, error]) => {
  const { pool } = start({ queryCost: true });
  pool.configure({ ...POOL_SETTINGS, ...COST });
  expect(errorOf(await pool.query({ ...UP, ...own }))).toEqual([400, 'bad_data', error]);
});

test('limits of cost reach the worker, and replace the timeout', async () => {
  const { pool, crew } = start({ queryCost: true, workers: 1, timeout_ms: 1000 });
  pool.configure({ ...POOL_SETTINGS, ...COST, subqueryStep_ms: 7000 });
  const replies = [pool.query(UP), pool.query({ ...UP, maxSeries: 3, maxSamplesRead: 5 })];
  await crew.settle();
  const { calls } = crew.workers[0]!;
  expect(
    calls.map(({ call }) => [call.cost.maxSeries, call.cost.maxSamplesRead, call.subqueryStep_ms]),
  ).toEqual([
    [10, 0, 7000],
    [3, 5, 7000],
  ]);
  calls[1]!.answer(
    errorReply({
      errorType: 'cost_limit',
      message: 'query would load too many series into memory in query execution',
    }),
  );
  await crew.advance(44_999);
  expect(metric(pool, 'prometheus_engine_query_rejected_total', 'max_series')).toBe(1);
  await crew.advance(1);
  expect((await replies[0]!).error?.errorType).toBe('timeout');
  expect(metric(pool, 'prometheus_engine_query_rejected_total', 'max_duration')).toBe(1);
});

test('without query-cost its limits count for nothing', async () => {
  const { pool, crew } = start({ workers: 1 });
  pool.configure({ ...POOL_SETTINGS, ...COST });
  void pool.query({ ...UP, maxSeries: 11 });
  await crew.settle();
  expect(crew.workers[0]!.calls[0]!.call.cost.maxSeries).toBe(0);
});

test('slow queries are told in the log, and every one in the query log', async () => {
  const files = tempFiles();
  const { pool, crew } = start({ workers: 1, slow_ms: 1000 });
  const path = `${files}/query.log`;
  pool.configure({ ...POOL_SETTINGS, queryLogPath: path });
  const origin = { clientIP: '10.0.0.1', method: 'GET', path: '/api/v1/query_range' };
  const asked = [
    pool.query({
      kind: 'range',
      query: 'up',
      start_ms: 0,
      end_ms: 60_500,
      step_ms: 15_000,
      limit: 0,
      stats: '',
      origin,
    }),
    pool.query({ ...UP, query: 'sum(' }),
    pool.query({ kind: 'format', query: 'up' }),
  ];
  await crew.settle();
  const { calls } = crew.workers[0]!;
  expect(calls.map(({ call }) => call.counted)).toEqual([true, true, false]);
  calls[1]!.answer(errorReply({ errorType: 'bad_data', message: 'parse error' }));
  await crew.settle();
  await crew.advance(1500);
  for (const call of Array.from(calls)) call.answer();
  await Promise.all(asked);
  const lines = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(lines).toMatchObject([
    { level: 'INFO', msg: 'promql query logged', params: { query: 'sum(', step: 0 }, error: 'parse error' },
    {
      time: '1970-01-01T00:00:01.500Z',
      params: { end: '1970-01-01T00:01:00.500Z', query: 'up', start: '1970-01-01T00:00:00.000Z', step: 15 },
      stats: { timings: { execQueueTime: 0 }, samples: { totalQueryableSamples: 0, peakSamples: 0 } },
      httpRequest: origin,
    },
  ]);
  expect(Object.keys(lines[1]!)).toEqual([
    'time',
    'level',
    'source',
    'msg',
    'params',
    'stats',
    'httpRequest',
  ]);
  const slow = crew.log.filter((line) => line.includes('slow query'));
  expect(slow.length).toBe(1);
  expect(slow[0]).toContain('total_ms=1500');
  expect(metric(pool, 'prometheus_engine_query_log_enabled')).toBe(1);
  pool.configure(POOL_SETTINGS);
  expect(metric(pool, 'prometheus_engine_query_log_enabled')).toBe(0);
});

test('a query log that cannot be opened leaves the last one', () => {
  const { pool, crew } = start({ workers: 1 });
  pool.configure({ ...POOL_SETTINGS, queryLogPath: `${tempFiles()}/query.log` });
  pool.configure({ ...POOL_SETTINGS, queryLogPath: '/proc/nothing/query.log' });
  expect(metric(pool, 'prometheus_engine_query_log_enabled')).toBe(1);
  expect(crew.log.filter((line) => line.includes('cannot be opened')).length).toBe(1);
});

/** A rest of so many pieces that tells whether it was dropped. */
function restOf(count: number): ReplyRest & { dropped: boolean } {
  let left = count;
  return {
    dropped: false,
    copiedBytes: 5,
    next: () => Promise.resolve(left-- > 0 ? Uint8Array.of(left) : null),
    drop() {
      this.dropped = true;
    },
  };
}

async function withRest(
  rest: ReplyRest,
): Promise<{ pool: QueryPool; crew: FakeCrew; reply: QueryReply; gone: AbortController }> {
  const { pool, crew } = start({ workers: 1, maxConcurrency: 1 });
  const gone = new AbortController();
  const asked = pool.query(UP, gone.signal);
  await crew.settle();
  crew.workers[0]!.calls[0]!.answer({ ...okReply('x'), rest });
  return { pool, crew, reply: await asked, gone };
}

test('an answer in pieces frees its place with its first piece, and is counted with its last', async () => {
  const { pool, crew, reply } = await withRest(restOf(2));
  void pool.query(UP);
  await crew.settle();
  expect(crew.workers[0]!.calls.length).toBe(1);
  expect([await reply.rest!.next(null), await reply.rest!.next(null), await reply.rest!.next(null)]).toEqual([
    Uint8Array.of(1),
    Uint8Array.of(0),
    null,
  ]);
  expect(metric(pool, 'munjigi_query_copied_bytes_total')).toBe(5);
});

test.for<readonly [name: string, end: (w: Awaited<ReturnType<typeof withRest>>) => Promise<unknown> | void]>([
  ['its client goes away', ({ gone }) => gone.abort()],
  ['its client stalls for a minute', ({ crew }) => crew.advance(60_000)],
  ['nobody wants it', ({ reply }) => reply.rest!.drop()],
  ['the pool is closed', ({ pool }) => pool.close()],
])('the rest of an answer ends when %s', async ([, end]) => {
  const rest = restOf(2);
  const started = await withRest(rest);
  await started.reply.rest!.next(null);
  await started.crew.advance(59_999);
  expect(rest.dropped).toBe(false);
  await end(started);
  await started.crew.settle();
  await expect(started.reply.rest!.next(null)).rejects.toThrow('dropped');
});

test('the rest of an answer is lost with its worker', async () => {
  const { crew, reply } = await withRest(restOf(2));
  crew.workers[0]!.die('out of memory');
  await expect(reply.rest!.next(null)).rejects.toThrow('out of memory');
});
