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
  return { status, body: successBody(JSON.stringify(data), [], []), error: null, cost: NO_COST };
}

export interface FakeDeps extends ApiDeps {
  readonly asked: QueryRequest[];
}

export function fakeDeps(changes: Partial<ApiDeps> = {}): FakeDeps {
  const asked: QueryRequest[] = [];
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
