// A surface on fakes: every dependency answers with small fixed data, and what was asked of the pool is kept.
import type { Clock, HttpRequest, Log } from '@munjigi/env';
import { labelsFromObject } from '@munjigi/model';
import { NO_COST, successBody, type QueryReply, type QueryRequest } from '@munjigi/query';
import type { ApiDeps } from '../deps.ts';

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => SILENT };

/** 2026-01-02T13:37:00Z */
export const NOW_MS = 1_767_361_020_000;

const CLOCK: Clock = {
  now: () => NOW_MS,
  monotonic: () => 0,
  after: () => ({ cancel() {} }),
  every: () => ({ cancel() {} }),
  sleep: () => Promise.resolve(),
  yield: () => Promise.resolve(),
};

function reply(data: unknown, status: number = 200): QueryReply {
  return { status, body: successBody(JSON.stringify(data)), error: null, cost: NO_COST };
}

export interface FakeDeps extends ApiDeps {
  readonly asked: QueryRequest[];
  /** What the store was told to do. */
  readonly changed: string[];
}

const NO_STATS = {
  numSamples: 0,
  numFloatSamples: 0,
  numHistogramSamples: 0,
  numSeries: 0,
  numChunks: 0,
  numTombstones: 0,
};

export function fakeDeps(changes: Partial<ApiDeps> = {}): FakeDeps {
  const asked: QueryRequest[] = [];
  const changed: string[] = [];
  const encoder = new TextEncoder();
  const assets: Record<string, { text: string; type: string; immutable: boolean }> = {
    '/index.html': { text: '<!doctype html>', type: 'text/html', immutable: false },
    '/assets/index-abc123.js': { text: 'console.log(1)', type: 'text/javascript', immutable: true },
  };
  const held = new Map(
    Object.entries(assets).map(([path, { text, type, immutable }]) => [
      path,
      { bytes: encoder.encode(text), contentType: type, immutable },
    ]),
  );
  return {
    asked,
    changed,
    clock: CLOCK,
    log: SILENT,
    query: {
      query: (request) => {
        asked.push(request);
        return Promise.resolve(reply(ANSWERS[request.kind]));
      },
    },
    targets: () =>
      Promise.resolve({
        pools: ['node', 'idle'],
        active: [
          {
            scrapePool: 'node',
            discoveredLabels: labelsFromObject({ __address__: 'a:9100', job: 'node' }),
            labels: labelsFromObject({ instance: 'a:9100', job: 'node' }),
            scrapeUrl: 'http://a:9100/metrics',
            globalUrl: 'http://a:9100/metrics',
            lastError: '',
            lastScrape_ms: NOW_MS - 5000,
            lastScrapeDuration_ms: 12.5,
            health: 'up',
            scrapeInterval_ms: 15_000,
            scrapeTimeout_ms: 10_000,
            seriesRefused: 0,
          },
          {
            scrapePool: 'node',
            discoveredLabels: labelsFromObject({ __address__: 'b:9100', job: 'node' }),
            labels: labelsFromObject({ instance: 'b:9100', job: 'node' }),
            scrapeUrl: 'http://b:9100/metrics',
            globalUrl: 'http://b:9100/metrics',
            lastError: '',
            lastScrape_ms: 0,
            lastScrapeDuration_ms: 0,
            health: 'unknown',
            scrapeInterval_ms: 15_000,
            scrapeTimeout_ms: 10_000,
            seriesRefused: 0,
          },
        ],
        dropped: [{ scrapePool: 'node', discoveredLabels: labelsFromObject({ __address__: 'c:9100' }) }],
      }),
    families: () =>
      Promise.resolve([
        {
          name: 'up_total',
          help: 'A test.',
          type: 'counter',
          samples: [{ suffix: '', labels: labelsFromObject({ a: 'b' }), value: 3 }],
        },
        { name: 'other', help: '', type: 'gauge', samples: [] },
        {
          name: 'up_total',
          help: 'A test.',
          type: 'counter',
          samples: [{ suffix: '', labels: labelsFromObject({ a: 'c' }), value: 4 }],
        },
      ]),
    configText: () => 'global:\n  scrape_interval: 15s\n',
    flags: { 'query.timeout': '2m' },
    features: { api: { admin: true }, promql_operators: { '>=': true } },
    buildInfo: {
      version: '0.1.0',
      revision: 'abc',
      branch: 'main',
      buildUser: '',
      buildDate: '',
      goVersion: 'node v24',
    },
    runtimeInfo: () => ({
      startTime_ms: NOW_MS - 60_500,
      cwd: '/srv',
      hostname: 'box',
      reloadConfigSuccess: true,
      lastConfigTime_ms: NOW_MS - 60_000,
      corruptionCount: 0,
      threads: 5,
      cpus: 2,
      memoryLimit: 0,
      storageRetention: '15d',
    }),
    tsdbStatus: (limit) =>
      Promise.resolve({
        headStats: { numSeries: 0, numLabelPairs: 0, chunkCount: 0, minTime: null, maxTime: null },
        seriesCountByMetricName: [{ name: 'up', value: limit }],
        labelValueCountByLabelName: [],
        memoryInBytesByLabelName: [],
        seriesCountByLabelValuePair: [],
      }),
    blocks: () =>
      Promise.resolve([
        {
          ulid: '01KC4D6GXQA4CRHYKV78NEBVAE',
          minTime: 1_764_568_801_099,
          maxTime: 1_764_763_200_000,
          stats: { ...NO_STATS, numSamples: 12, numFloatSamples: 12, numSeries: 3, numChunks: 4 },
          compaction: {
            level: 2,
            sources: ['01KBCJ7TR8A4QAJ3AA1J651P5S', '01KBCS3J0E34567YPB8Y5W0E24'],
            parents: [{ ulid: '01KBCJ7TR8A4QAJ3AA1J651P5S', minTime: 1, maxTime: 2 }],
            hints: ['from-out-of-order'],
          },
          version: 1,
        },
        {
          ulid: '01KC4D6GXQA4CRHYKV78NEBVAF',
          minTime: 1_764_763_200_000,
          maxTime: 1_764_770_400_000,
          stats: NO_STATS,
          compaction: { level: 1, sources: [], deletable: true, failed: false },
          version: 1,
        },
      ]),
    cardinality: (limit) =>
      Promise.resolve({
        head: { series: 1000, maxSeries: 1000 },
        storage: { refused: 7, newestNames: ['http_requests_total'] },
        maxSeriesPerTarget: 100,
        targets: [
          {
            scrapePool: 'node',
            labels: labelsFromObject({ instance: 'a:9100', job: 'node' }),
            scrapeUrl: 'http://a:9100/metrics',
            series: 100,
            refused: 30,
            refusedNow: 3,
            newestNames: ['debug_a', 'debug_b'],
          },
        ].slice(0, limit),
      }),
    adminApi: true,
    deleteSeries: (matchers, mint, maxt) => {
      changed.push(`delete ${JSON.stringify(matchers)} ${mint} ${maxt}`);
      return Promise.resolve();
    },
    cleanTombstones: () => {
      changed.push('clean');
      return Promise.resolve();
    },
    snapshot: (skipHead) => {
      changed.push(`snapshot ${skipHead}`);
      return Promise.resolve({ name: '20260102T133700Z-0123456789abcdef' });
    },
    walReplay: () => ({ min: 0, max: 2, current: 2 }),
    ready: () => ({ ready: true, reason: '' }),
    reload: () => Promise.resolve({ ok: true, version: 2, problems: [] }),
    gateway: () => Promise.resolve({ version: 1, listeners: [] }),
    problems: () => [
      { severity: 'error', file: 'kong.yml', line: 2, column: 3, field: 'services[0]', message: 'no url' },
    ],
    asset: (path) => held.get(path) ?? null,
    hostNames: null,
    ...changes,
  };
}

const ANSWERS: Readonly<Record<QueryRequest['kind'], unknown>> = {
  instant: { resultType: 'vector', result: [{ metric: { __name__: 'up' }, value: [1, '1'] }] },
  range: { resultType: 'matrix', result: [{ metric: {}, values: [[1.5, '2']] }] },
  series: [{ __name__: 'up' }],
  labels: ['__name__'],
  values: ['up'],
  metadata: { up: [{ type: 'gauge', help: '', unit: '' }] },
  exemplars: [],
  federate: 'text',
  format: 'up',
  parse: { type: 'vectorSelector' },
};

/** `METHOD target`, a form body as params, and headers. */
export function request(
  line: string,
  headers: Readonly<Record<string, string>> = {},
  form: string = '',
): HttpRequest {
  const [method = 'GET', target = '/'] = line.split(' ');
  const at = target.indexOf('?');
  const params = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
  for (const [name, value] of new URLSearchParams(form)) params.append(name, value);
  return {
    method,
    target,
    path: decodeURIComponent(at < 0 ? target : target.slice(0, at)),
    params,
    headers: { host: 'localhost:9090', ...headers },
    body: new TextEncoder().encode(form),
    remoteAddress: '127.0.0.1',
    signal: new AbortController().signal,
  };
}

export function bodyText({ body }: { body: unknown }): string {
  return typeof body === 'string' ? body : new TextDecoder().decode(body as Uint8Array);
}
