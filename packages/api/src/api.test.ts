import { describe, expect, test } from 'vitest';
import { errorReply, NO_COST, type QueryReply } from '@munjigi/query';
import { createApi } from './api.ts';
import type { ApiDeps } from './deps.ts';
import { bodyText, fakeDeps, NOW_MS, request } from './testing/fake-deps.ts';

/** What a request is refused with: status, error type, error. */
const REFUSED: readonly (readonly [line: string, status: number, type: string, error: string])[] = [
  [
    'GET /api/v1/query?query=up&time=x',
    400,
    'bad_data',
    `invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp`,
  ],
  [
    'GET /api/v1/query?query=up&time=NaN',
    400,
    'bad_data',
    `invalid parameter "time": invalid time value for 'time': cannot parse "NaN" to a valid timestamp`,
  ],
  [
    'GET /api/v1/query?query=up&timeout=x',
    400,
    'bad_data',
    'invalid parameter "timeout": cannot parse "x" to a valid duration',
  ],
  [
    'GET /api/v1/query?query=up&timeout=-1',
    400,
    'bad_data',
    'invalid parameter "timeout": timeout must be positive, got -1s',
  ],
  [
    'GET /api/v1/query?query=up&limit=-1',
    400,
    'bad_data',
    'invalid parameter "limit": limit must be non-negative',
  ],
  [
    'GET /api/v1/query?query=up&limit=x',
    400,
    'bad_data',
    'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax',
  ],
  [
    'GET /api/v1/query?query=up&lookback_delta=x',
    400,
    'bad_data',
    'error parsing lookback delta duration: cannot parse "x" to a valid duration',
  ],
  [
    'GET /api/v1/query_range?query=up',
    400,
    'bad_data',
    'invalid parameter "start": cannot parse "" to a valid timestamp',
  ],
  [
    'GET /api/v1/query_range?query=up&start=1',
    400,
    'bad_data',
    'invalid parameter "end": cannot parse "" to a valid timestamp',
  ],
  [
    'GET /api/v1/query_range?query=up&start=2&end=1&step=1',
    400,
    'bad_data',
    'invalid parameter "end": end timestamp must not be before start time',
  ],
  [
    'GET /api/v1/query_range?query=up&start=0&end=1',
    400,
    'bad_data',
    'invalid parameter "step": cannot parse "" to a valid duration',
  ],
  [
    'GET /api/v1/query_range?query=up&start=0&end=1&step=0',
    400,
    'bad_data',
    'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
  ],
  [
    'GET /api/v1/query_range?query=up&start=0&end=1&step=-5s',
    400,
    'bad_data',
    'invalid parameter "step": cannot parse "-5s" to a valid duration',
  ],
  [
    'GET /api/v1/query_range?query=up&start=0&end=1&step=1e300',
    400,
    'bad_data',
    'invalid parameter "step": cannot parse "1e300" to a valid duration. It overflows int64',
  ],
  [
    'GET /api/v1/query_range?query=up&start=0&end=11001&step=1',
    400,
    'bad_data',
    'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
  ],
  [
    'GET /api/v1/query_range?query=up&start=0&end=12&step=0.0001',
    400,
    'bad_data',
    'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
  ],
  [
    'GET /api/v1/query_exemplars?query=up&start=2&end=1',
    400,
    'bad_data',
    'end timestamp must not be before start timestamp',
  ],
  ['GET /api/v1/series', 400, 'bad_data', 'no match[] parameter provided'],
  [
    'GET /api/v1/labels?start=x',
    400,
    'bad_data',
    `invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp`,
  ],
  ['GET /api/v1/metadata?limit=x', 400, 'bad_data', 'limit must be a number'],
  ['GET /api/v1/status/tsdb?limit=0', 400, 'bad_data', 'limit must be a positive number'],
  ['GET /api/v1/status/tsdb?limit=x', 400, 'bad_data', 'limit must be a positive number'],
  ['GET /api/v1/rules?type=x', 400, 'bad_data', 'invalid parameter "type": not supported value "x"'],
  ['POST /api/v1/admin/tsdb/delete_series', 400, 'bad_data', 'no match[] parameter provided'],
  [
    'POST /api/v1/admin/tsdb/delete_series?match[]=up&start=x',
    400,
    'bad_data',
    `invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp`,
  ],
  [
    'POST /api/v1/admin/tsdb/delete_series?match[]=up&match[]={}',
    400,
    'bad_data',
    'invalid parameter "match[]": match[] must contain at least one non-empty matcher',
  ],
  [
    'POST /api/v1/admin/tsdb/snapshot?skip_head=x',
    400,
    'bad_data',
    'invalid parameter "skip_head": unable to parse boolean: strconv.ParseBool: parsing "x": invalid syntax',
  ],
  ['GET /api/v1/admin/tsdb/snapshot', 405, 'bad_data', 'GET is not allowed here: use POST or PUT'],
  ['GET /api/v1/munjigi/cardinality?limit=0', 400, 'bad_data', 'limit must be a positive number'],
  ['PUT /api/v1/query?query=up', 405, 'bad_data', 'PUT is not allowed here: use GET or POST'],
  ['POST /api/v1/targets', 405, 'bad_data', 'POST is not allowed here: use GET'],
  ['GET /api/v1/nothing', 404, 'not_found', 'there is no /api/v1/nothing in this API'],
  ['GET /api/v1/label//values', 404, 'not_found', 'there is no /api/v1/label//values in this API'],
  ['GET /api/v2/query', 404, 'not_found', 'there is no /api/v2/query in this API'],
  ['GET /api', 404, 'not_found', 'there is no /api in this API'],
];

test.for(REFUSED)('%s', async ([line, status, errorType, error]) => {
  const deps = fakeDeps();
  const response = await createApi(deps)(request(line));
  expect([response.status, JSON.parse(bodyText(response))]).toEqual([
    status,
    { status: 'error', errorType, error },
  ]);
  expect(deps.asked).toEqual([]);
  expect(deps.changed).toEqual([]);
});

const EVALUATION = { query: 'up', limit: 0, stats: '' };

/** What reaches the pool. */
const ASKED: readonly (readonly [line: string, asked: object])[] = [
  ['GET /api/v1/query?query=up', { kind: 'instant', ...EVALUATION, time_ms: NOW_MS }],
  ['GET /api/v1/query?query=up&time=1.0006', { kind: 'instant', ...EVALUATION, time_ms: 1001 }],
  ['GET /api/v1/query?query=up&time=-1.5', { kind: 'instant', ...EVALUATION, time_ms: -1500 }],
  [
    'GET /api/v1/query?query=up&time=1e300',
    { kind: 'instant', ...EVALUATION, time_ms: Number.MAX_SAFE_INTEGER },
  ],
  [
    'GET /api/v1/query?query=up&time=2026-01-02T15:37:00.25%2B02:00&timeout=1m30s&lookback_delta=300&limit=5&stats=all',
    {
      kind: 'instant',
      query: 'up',
      limit: 5,
      stats: 'all',
      time_ms: NOW_MS + 250,
      timeout_ms: 90_000,
      lookback_ms: 300_000,
    },
  ],
  ['GET /api/v1/query?query=up&time=1&lookback_delta=0', { kind: 'instant', ...EVALUATION, time_ms: 1000 }],
  [
    'GET /api/v1/query_range?query=up&start=0&end=11000&step=1',
    { kind: 'range', ...EVALUATION, start_ms: 0, end_ms: 11_000_000, step_ms: 1000 },
  ],
  [
    'GET /api/v1/query_range?query=up&start=10&end=20.5&step=1m',
    { kind: 'range', ...EVALUATION, start_ms: 10_000, end_ms: 20_500, step_ms: 60_000 },
  ],
  [
    'GET /api/v1/query_exemplars?query=up&start=1&end=2',
    { kind: 'exemplars', query: 'up', mint: 1000, maxt: 2000 },
  ],
  ['GET /federate?match[]=up&match[]=down', { kind: 'federate', match: ['up', 'down'], time_ms: NOW_MS }],
  ['GET /api/v1/format_query?query=up', { kind: 'format', query: 'up' }],
  ['GET /api/v1/parse_query?query=up', { kind: 'parse', query: 'up' }],
  [
    'GET /api/v1/series?match[]=up&match[]=down&start=1&end=2&limit=3',
    { kind: 'series', match: ['up', 'down'], mint: 1000, maxt: 2000, limit: 3 },
  ],
  [
    'GET /api/v1/labels',
    { kind: 'labels', match: [], mint: Number.MIN_SAFE_INTEGER, maxt: Number.MAX_SAFE_INTEGER, limit: 0 },
  ],
  [
    'GET /api/v1/labels?start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z',
    { kind: 'labels', match: [], mint: Number.MIN_SAFE_INTEGER, maxt: Number.MAX_SAFE_INTEGER, limit: 0 },
  ],
  [
    'GET /api/v1/label/job/values?start=1&end=2',
    { kind: 'values', label: 'job', match: [], mint: 1000, maxt: 2000, limit: 0 },
  ],
  [
    'GET /api/v1/label/U__a_2e_b/values?start=1&end=2',
    { kind: 'values', label: 'a.b', match: [], mint: 1000, maxt: 2000, limit: 0 },
  ],
  ['GET /api/v1/metadata', { kind: 'metadata', metric: '', limit: -1, limitPerMetric: -1 }],
  [
    'GET /api/v1/metadata?metric=up&limit=2&limit_per_metric=1',
    { kind: 'metadata', metric: 'up', limit: 2, limitPerMetric: 1 },
  ],
];

test.for(ASKED)('%s', async ([line, asked]) => {
  const deps = fakeDeps();
  const response = await createApi(deps)(request(line));
  const type = line.startsWith('GET /api') ? 'application/json' : 'text/plain; version=0.0.4; charset=utf-8';
  expect([response.status, response.headers['content-type']]).toEqual([200, type]);
  const evaluates = 'time_ms' in asked || 'step_ms' in asked;
  const origin = { clientIP: '127.0.0.1', method: 'GET', path: line.split(/[ ?]/)[1] };
  expect(deps.asked).toEqual([evaluates && !line.includes('federate') ? { ...asked, origin } : asked]);
});

test('start timestamps by header', async () => {
  const deps = fakeDeps();
  const answer = createApi(deps);
  const header = (value: string): Record<string, string> => ({ 'x-prometheus-use-start-timestamps': value });
  await answer(request('GET /api/v1/query?query=up', header('T')));
  await answer(request('GET /api/v1/query?query=up', header('false')));
  expect(deps.asked.map((asked) => 'startTimestamps' in asked && asked.startTimestamps)).toEqual([
    true,
    false,
  ]);
  const { status, body } = await answer(request('GET /api/v1/query?query=up', header('maybe')));
  expect([status, JSON.parse(bodyText({ body }))]).toMatchObject([
    400,
    {
      error:
        'error parsing X-Prometheus-Use-Start-Timestamps header: strconv.ParseBool: parsing "maybe": invalid syntax',
    },
  ]);
});

/** An answer of three pieces; `dropped` hears that the rest is not wanted. */
function pieces(dropped: () => void): QueryReply {
  const left = ['b', 'c'];
  return {
    status: 200,
    body: new TextEncoder().encode('a'),
    error: null,
    cost: NO_COST,
    rest: {
      next: () => {
        const piece = left.shift();
        return Promise.resolve(piece === undefined ? null : new TextEncoder().encode(piece));
      },
      drop: dropped,
      copiedBytes: 0,
    },
  };
}

test('an answer in pieces is sent as the client takes them, and dropped when it goes away', async () => {
  let drops = 0;
  const query = { query: () => Promise.resolve(pieces(() => drops++)) };
  const answer = createApi(fakeDeps({ query }));
  const sentUpTo = async (most: number): Promise<string> => {
    const { body } = await answer(request('GET /api/v1/query?query=up'));
    if (typeof body !== 'function') throw new Error('not a stream');
    let sent = '';
    await body((chunk) => {
      sent += new TextDecoder().decode(chunk as Uint8Array);
      return Promise.resolve(sent.length < most);
    });
    return sent;
  };
  expect([await sentUpTo(9), drops]).toEqual(['abc', 0]);
  expect([await sentUpTo(2), drops]).toEqual(['ab', 1]);
  await answer(request('HEAD /api/v1/query?query=up'));
  expect(drops).toBe(2);
});

test('a form body counts as parameters', async () => {
  const deps = fakeDeps();
  await createApi(deps)(request('POST /api/v1/series?start=1', {}, 'match[]=up&end=2'));
  expect(deps.asked).toEqual([{ kind: 'series', match: ['up'], mint: 1000, maxt: 2000, limit: 0 }]);
});

/** What the store is told to do, and the answer. */
const CHANGES: readonly (readonly [
  line: string,
  form: string,
  changed: string,
  status: number,
  body: string,
])[] = [
  [
    'POST /api/v1/admin/tsdb/delete_series?match[]=up&match[]={job="a"}',
    '',
    `delete [[${MATCHER('__name__', 'up')}],[${MATCHER('job', 'a')}]] ${Number.MIN_SAFE_INTEGER} ${Number.MAX_SAFE_INTEGER}`,
    204,
    '',
  ],
  [
    'PUT /api/v1/admin/tsdb/delete_series',
    'match[]=up&start=1&end=2.5',
    `delete [[${MATCHER('__name__', 'up')}]] 1000 2500`,
    204,
    '',
  ],
  ['POST /api/v1/admin/tsdb/clean_tombstones', '', 'clean', 204, ''],
  [
    'POST /api/v1/admin/tsdb/snapshot',
    '',
    'snapshot false',
    200,
    '{"status":"success","data":{"name":"20260102T133700Z-0123456789abcdef"}}',
  ],
  [
    'PUT /api/v1/admin/tsdb/snapshot?skip_head=true',
    '',
    'snapshot true',
    200,
    '{"status":"success","data":{"name":"20260102T133700Z-0123456789abcdef"}}',
  ],
];

test.for(CHANGES)('%s %s', async ([line, form, changed, status, body]) => {
  const deps = fakeDeps();
  const response = await createApi(deps)(request(line, {}, form));
  expect([response.status, bodyText(response), deps.changed]).toEqual([status, body, [changed]]);
});

test.for(['delete_series?match[]=up', 'clean_tombstones', 'snapshot'])(
  '%s is refused when it is switched off, and to pages of others',
  async (path) => {
    const line = `POST /api/v1/admin/tsdb/${path}`;
    const off = fakeDeps({ adminApi: false });
    const reply = await createApi(off)(request(line));
    expect([reply.status, JSON.parse(bodyText(reply))]).toEqual([
      503,
      { status: 'error', errorType: 'unavailable', error: 'admin APIs disabled' },
    ]);
    const on = fakeDeps();
    const foreign = await createApi(on)(request(line, { origin: 'http://evil.test' }));
    expect([foreign.status, off.changed, on.changed]).toEqual([403, [], []]);
  },
);

function MATCHER(name: string, value: string): string {
  return JSON.stringify({ name, op: '=', value });
}

/** Requests with their headers -> status, some headers, and a part of the body. */
const REPLIES: readonly (readonly [
  name: string,
  line: string,
  headers: Readonly<Record<string, string>>,
  want: { status: number; headers?: object; body?: string },
  changes?: Partial<ApiDeps>,
])[] = [
  ['healthy', 'GET /-/healthy', {}, { status: 200, body: 'healthy' }],
  ['healthy by HEAD', 'HEAD /-/healthy', {}, { status: 200 }],
  ['ready', 'GET /-/ready', {}, { status: 200, body: 'ready' }],
  ['not ready', 'GET /-/ready', {}, { status: 503, body: 'WAL segment 3 of 9' }, NOT_READY()],
  [
    'the store is not ready',
    'GET /api/v1/query?query=up',
    {},
    { status: 503, body: '"errorType":"unavailable"' },
    NOT_READY(),
  ],
  [
    'status while not ready',
    'GET /api/v1/status/walreplay',
    {},
    { status: 200, body: '"current":2' },
    NOT_READY(),
  ],
  [
    'metrics',
    'GET /metrics',
    {},
    {
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      body: 'up_total{a="b"} 3\nup_total{a="c"} 4\n',
    },
  ],
  [
    'federation that is refused',
    'GET /federate?match[]={',
    {},
    { status: 400, body: 'no selector' },
    REFUSING(),
  ],
  [
    'federation while not ready',
    'GET /federate?match[]=up',
    {},
    { status: 503, body: 'WAL segment' },
    NOT_READY(),
  ],
  ['version', 'GET /version', {}, { status: 200, body: '"goVersion"' }],
  ['reload by GET', 'GET /-/reload', {}, { status: 405, headers: { allow: 'POST, PUT' } }],
  ['reload', 'POST /-/reload', {}, { status: 200 }],
  ['reload from our own page', 'POST /-/reload', { origin: 'http://localhost:9090' }, { status: 200 }],
  [
    'reload from another page',
    'POST /-/reload',
    { origin: 'http://evil.test' },
    { status: 403, body: 'evil.test' },
  ],
  ['reload from no page at all', 'POST /-/reload', { origin: 'null' }, { status: 403 }],
  [
    'reload under a foreign name',
    'POST /-/reload',
    { host: 'evil.test:9090', origin: 'http://evil.test:9090' },
    { status: 403, body: 'evil.test' },
    { hostNames: [] },
  ],
  [
    'reload under a known name',
    'POST /-/reload',
    { host: 'watch.test:9090' },
    { status: 200 },
    { hostNames: ['watch.test'] },
  ],
  ['reload by address', 'POST /-/reload', { host: '[::1]:9090' }, { status: 200 }, { hostNames: [] }],
  [
    'a reload that fails',
    'PUT /-/reload',
    {},
    { status: 500, body: 'prometheus.yml:3:5: error: scrape_configs[0]: bad' },
    FAILING(),
  ],
  [
    'cross-origin read',
    'GET /api/v1/labels',
    { origin: 'http://x.test' },
    { status: 200, headers: { 'access-control-allow-origin': '*', vary: 'Origin' } },
  ],
  [
    'preflight',
    'OPTIONS /api/v1/query',
    { origin: 'http://x.test' },
    { status: 204, headers: { 'access-control-allow-methods': 'GET, POST, OPTIONS' } },
  ],
  [
    'cross-origin errors are readable',
    'GET /api/v1/nothing',
    { origin: 'http://x.test' },
    { status: 404, headers: { 'access-control-allow-origin': '*' } },
  ],
  ['HEAD of the API', 'HEAD /api/v1/labels', {}, { status: 200 }],
  [
    'a part that fails',
    'GET /api/v1/targets',
    {},
    { status: 500, body: '"errorType":"internal","error":"gone"' },
    { targets: () => Promise.reject(new Error('gone')) },
  ],
  [
    'targets',
    'GET /api/v1/targets?state=any',
    {},
    { status: 200, body: '"droppedTargetCounts":{"node":1,"idle":0}' },
  ],
  [
    'targets of one pool',
    'GET /api/v1/targets?scrapePool=idle',
    {},
    { status: 200, body: '"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{"idle":0}' },
  ],
  [
    'dropped targets only',
    'GET /api/v1/targets?state=dropped',
    {},
    { status: 200, body: '"activeTargets":[],"droppedTargets":[{' },
  ],
  [
    'a target never scraped',
    'GET /api/v1/targets',
    {},
    { status: 200, body: '"lastScrape":"0001-01-01T00:00:00Z"' },
  ],
  ['scrape pools', 'GET /api/v1/scrape_pools', {}, { status: 200, body: '["idle","node"]' }],
  [
    'an empty head',
    'GET /api/v1/status/tsdb?limit=7',
    {},
    {
      status: 200,
      body: '"minTime":9223372036854775807,"maxTime":-9223372036854775808},"seriesCountByMetricName":[{"name":"up","value":7}]',
    },
  ],
  [
    'blocks',
    'GET /api/v1/status/tsdb/blocks',
    {},
    {
      status: 200,
      body: '{"ulid":"01KC4D6GXQA4CRHYKV78NEBVAF","minTime":1764763200000,"maxTime":1764770400000,"stats":{},"compaction":{"level":1,"deletable":true},"version":1}]}}',
    },
  ],
  [
    'a snapshot that fails',
    'POST /api/v1/admin/tsdb/snapshot',
    {},
    { status: 500, body: '"errorType":"internal","error":"create snapshot: disk full"' },
    { snapshot: () => Promise.reject(new Error('disk full')) },
  ],
  [
    'administration while not ready',
    'POST /api/v1/admin/tsdb/clean_tombstones',
    {},
    { status: 503, body: 'WAL segment' },
    NOT_READY(),
  ],
  [
    'what caps refused',
    'GET /api/v1/munjigi/cardinality?limit=1',
    {},
    {
      status: 200,
      body:
        '"data":{"store":{"series":1000,"maxSeries":1000,"refused":7,"newestNames":["http_requests_total"]},"maxSeriesPerTarget":100,' +
        '"targets":[{"scrapePool":"node","labels":{"instance":"a:9100","job":"node"},"scrapeUrl":"http://a:9100/metrics","series":100,"refused":30,"refusedNow":3,"newestNames":["debug_a","debug_b"]}]}',
    },
  ],
  [
    'problems',
    'GET /api/v1/munjigi/problems',
    {},
    { status: 200, body: '"text":"kong.yml:2:3: error: services[0]: no url"' },
  ],
  ['the gate', 'GET /api/v1/munjigi/gateway', {}, { status: 200, body: '"data":{"version":1' }],
  [
    'the page',
    'GET /',
    {},
    {
      status: 200,
      headers: {
        'content-type': 'text/html',
        'cache-control': 'no-cache',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'same-origin',
      },
      body: '<!doctype html>',
    },
  ],
  ['a path of the page', 'GET /query', {}, { status: 200, headers: { 'content-type': 'text/html' } }],
  [
    'a hashed file',
    'GET /assets/index-abc123.js',
    {},
    { status: 200, headers: { 'cache-control': 'public, max-age=31536000, immutable' } },
  ],
  ['a hashed file that is gone', 'GET /assets/index-old.js', {}, { status: 404 }],
  ['the page by POST', 'POST /', {}, { status: 405 }],
  ['no console at all', 'GET /', {}, { status: 404 }, { asset: () => null }],
];

test.for(REPLIES)('%s', async ([, line, headers, want, changes]) => {
  const response = await createApi(fakeDeps(changes))(request(line, headers));
  expect(response.status).toBe(want.status);
  expect(response.headers).toMatchObject(want.headers ?? {});
  expect(bodyText(response)).toContain(want.body ?? '');
});

function NOT_READY(): Partial<ApiDeps> {
  return { ready: () => ({ ready: false, reason: 'reading WAL segment 3 of 9' }) };
}

function REFUSING(): Partial<ApiDeps> {
  return {
    query: { query: () => Promise.resolve(errorReply({ errorType: 'bad_data', message: 'no selector' })) },
  };
}

function FAILING(): Partial<ApiDeps> {
  const problem = { file: 'prometheus.yml', line: 3, column: 5, field: 'scrape_configs[0]', message: 'bad' };
  return {
    reload: () => Promise.resolve({ ok: false, version: 1, problems: [{ severity: 'error', ...problem }] }),
  };
}

describe('the page', () => {
  test('is not sent again when it is known', async () => {
    const api = createApi(fakeDeps());
    const first = await api(request('GET /'));
    const again = await api(request('GET /', { 'if-none-match': `"other", W/${first.headers['etag']}` }));
    expect([again.status, bodyText(again), again.headers['etag']]).toEqual([304, '', first.headers['etag']]);
  });
  test('allows no inline script and no frame around it', async () => {
    const { headers } = await createApi(fakeDeps())(request('GET /'));
    const policy = headers['content-security-policy'] ?? '';
    expect(policy).toMatch(/script-src 'self';/);
    expect(policy).toContain("frame-ancestors 'none'");
  });
});
