// A server for developing and testing the console without the program: `node src/testing/mock-server.ts [port]`. Serves dist/ under the
// same content policy as the real one, and answers the API from formulas. How it behaves is set by `POST /mock?mode=trouble`.
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { MOCK_ROUTES, MOCK_TARGETS, mockFamilies, type MockFamily } from './mock-data.ts';
import { compileMock, MockQueryError } from './mock-eval.ts';

/** healthy; trouble: some things are broken; empty: nothing is there; failing: the API answers errors; slow: answers take 1.5 s; down:
 *  connections are cut. */
type MockMode = 'healthy' | 'trouble' | 'empty' | 'failing' | 'slow' | 'down';

export interface MockServer {
  readonly url: string;
  setMode(mode: MockMode): void;
  close(): Promise<void>;
}

const SLOW_ms = 1500;
const SECURITY: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
};
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Serves `dist` (a folder's path) on a port of 127.0.0.1; 0: any. */
export function startMockServer(dist: string, port = 0): Promise<MockServer> {
  let mode: MockMode = 'healthy';
  const started_s = Math.floor(Date.now() / 1000);
  const server = createServer((req, res) => {
    const url = new URL(req.url ?? '/', 'http://mock');
    if (url.pathname === '/mock') {
      mode = (url.searchParams.get('mode') ?? 'healthy') as MockMode;
      res.writeHead(204).end();
    } else if (mode === 'down') {
      req.socket.destroy();
    } else if (url.pathname.startsWith('/api/v1/')) {
      void serveApi(req, res, url, mode, started_s);
    } else {
      void serveFile(res, dist, url.pathname);
    }
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const at = typeof address === 'object' && address !== null ? address.port : port;
      resolve({
        url: `http://127.0.0.1:${at}`,
        setMode: (m) => void (mode = m),
        close: () => closeServer(server),
      });
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function serveFile(res: ServerResponse, dist: string, path: string): Promise<void> {
  const name = extname(path) === '' ? 'index.html' : normalize(path);
  try {
    const bytes = await readFile(join(dist, name));
    res
      .writeHead(200, { ...SECURITY, 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' })
      .end(bytes);
  } catch {
    res.writeHead(404, SECURITY).end('not found\n');
  }
}

async function serveApi(
  req: IncomingMessage,
  res: ServerResponse,
  url: URL,
  mode: MockMode,
  started_s: number,
): Promise<void> {
  const params = url.searchParams;
  if (req.method === 'POST') {
    let body = '';
    for await (const part of req) body += String(part);
    for (const [name, value] of new URLSearchParams(body)) params.append(name, value);
  }
  if (mode === 'slow') await new Promise((resolve) => setTimeout(resolve, SLOW_ms));
  const path = url.pathname.slice('/api/v1/'.length);
  const send = (status: number, reply: object): void => {
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
  };
  if (mode === 'failing' && !path.startsWith('status/buildinfo')) {
    send(503, {
      status: 'error',
      errorType: 'unavailable',
      error: 'the store is being opened, try again in a moment',
    });
    return;
  }
  const families: Map<string, MockFamily> =
    mode === 'empty' ? new Map() : mockFamilies(mode === 'trouble', started_s - 8 * 60);
  try {
    const reply = answer(path, params, families, mode, started_s);
    if (reply === null)
      send(404, { status: 'error', errorType: 'not_found', error: `no such endpoint: ${path}` });
    else send(200, { status: 'success', ...reply });
  } catch (e) {
    if (!(e instanceof MockQueryError)) throw e;
    send(400, { status: 'error', errorType: 'bad_data', error: e.message });
  }
}

interface Reply {
  readonly data: unknown;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

function answer(
  path: string,
  params: URLSearchParams,
  families: ReadonlyMap<string, MockFamily>,
  mode: MockMode,
  started_s: number,
): Reply | null {
  const label = /^label\/(.+)\/values$/.exec(path)?.[1];
  if (label !== undefined) return { data: labelValues(decodeURIComponent(label), families) };
  switch (path) {
    case 'query':
      return instant(params, families);
    case 'query_range':
      return range(params, families);
    case 'labels':
      return {
        data: [
          ...new Set([...families.values()].flatMap((f) => f.series.flatMap((s) => Object.keys(s.labels)))),
          '__name__',
        ].toSorted(),
      };
    case 'series':
      return { data: series(params, families) };
    case 'metadata':
      return {
        data: Object.fromEntries(
          [...families].map(([name, f]) => [
            name.replace(/_bucket$/, ''),
            [{ type: f.type, help: f.help, unit: '' }],
          ]),
        ),
      };
    case 'targets':
      return {
        data: {
          activeTargets: mode === 'empty' ? [] : targets(mode === 'trouble'),
          droppedTargets: [],
          droppedTargetCounts: {},
        },
      };
    case 'munjigi/gateway':
      return { data: gateway(mode, started_s) };
    case 'status/buildinfo':
      return {
        data: {
          version: '0.1.0',
          revision: 'mock',
          branch: 'main',
          buildUser: '',
          buildDate: '',
          goVersion: 'node v24.21.0',
        },
      };
    case 'status/runtimeinfo':
      return {
        data: {
          startTime: new Date(started_s * 1000).toISOString(),
          CWD: '/srv/munjigi',
          reloadConfigSuccess: true,
          lastConfigTime: new Date(started_s * 1000).toISOString(),
          storageRetention: '15d',
        },
      };
    case 'status/flags':
      return {
        data: {
          'config.file': 'munjigi.yaml',
          'storage.tsdb.path': './data/metrics',
          'web.listen-address': '127.0.0.1:9090',
        },
      };
    case 'status/tsdb':
      return {
        data: {
          headStats: {
            numSeries: [...families.values()].reduce((n, f) => n + f.series.length, 0),
            numLabelPairs: 1310,
            chunkCount: 3840,
            minTime: (started_s - 7200) * 1000,
            maxTime: started_s * 1000,
          },
          seriesCountByMetricName: [...families]
            .map(([name, f]) => ({ name, value: f.series.length }))
            .toSorted((a, b) => b.value - a.value)
            .slice(0, 10),
          labelValueCountByLabelName: [
            { name: 'queue', value: 1200 },
            { name: '__name__', value: families.size },
          ],
          memoryInBytesByLabelName: [{ name: 'queue', value: 12_890 }],
          seriesCountByLabelValuePair: [
            { name: 'job=jobs', value: 1200 },
            { name: 'job=munjigi', value: 120 },
          ],
        },
      };
    default:
      return null;
  }
}

function instant(params: URLSearchParams, families: ReadonlyMap<string, MockFamily>): Reply {
  const t_s = Number(params.get('time') ?? Date.now() / 1000);
  const text = params.get('query') ?? '';
  const value = compileMock(text, families)(t_s);
  const data =
    typeof value === 'number'
      ? { resultType: 'scalar', result: [t_s, print(value)] }
      : { resultType: 'vector', result: value.map((s) => ({ metric: s.labels, value: [t_s, print(s.v)] })) };
  // The two kinds of annotation, for a look at them.
  return text.includes('rate(queue_depth')
    ? {
        data,
        infos: [
          'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "queue_depth"',
        ],
        warnings: ['one replica did not answer: results may be incomplete'],
      }
    : { data };
}

function range(params: URLSearchParams, families: ReadonlyMap<string, MockFamily>): Reply {
  const start = Number(params.get('start'));
  const end = Number(params.get('end'));
  const step = Number(params.get('step'));
  const at = compileMock(params.get('query') ?? '', families);
  const bySeries = new Map<string, { metric: object; values: [number, string][] }>();
  for (let i = 0; start + i * step <= end + 1e-6; i++) {
    const t_s = start + i * step;
    const value = at(t_s);
    for (const s of typeof value === 'number' ? [{ labels: {}, v: value }] : value) {
      const key = JSON.stringify(s.labels);
      const found = bySeries.get(key) ?? { metric: s.labels, values: [] };
      found.values.push([t_s, print(s.v)]);
      bySeries.set(key, found);
    }
  }
  return { data: { resultType: 'matrix', result: [...bySeries.values()] } };
}

function print(v: number): string {
  return v === Infinity ? '+Inf' : v === -Infinity ? '-Inf' : String(v);
}

function labelValues(label: string, families: ReadonlyMap<string, MockFamily>): string[] {
  if (label === '__name__') return [...families.keys()].toSorted();
  const values = [...families.values()].flatMap((f) => f.series.map((s) => s.labels[label] ?? ''));
  return [...new Set(values)].filter(Boolean).toSorted();
}

function series(params: URLSearchParams, families: ReadonlyMap<string, MockFamily>): object[] {
  return params.getAll('match[]').flatMap((text) => {
    const found = compileMock(text, families)(0);
    return typeof found === 'number' ? [] : found.map((s) => s.labels);
  });
}

function targets(trouble: boolean): object[] {
  const now = Date.now();
  return MOCK_TARGETS.map((t, i) => {
    const down = trouble && t.fails;
    return {
      discoveredLabels: {
        __address__: t.instance,
        __metrics_path__: '/metrics',
        __scheme__: 'http',
        job: t.job,
      },
      labels: { instance: t.instance, job: t.job, ...t.labels },
      scrapePool: t.job,
      scrapeUrl: `http://${t.instance}/metrics`,
      globalUrl: `http://${t.instance}/metrics`,
      lastError: down ? `Get "http://${t.instance}/metrics": connect ECONNREFUSED ${t.instance}` : '',
      lastScrape: new Date(now - 2000 - i * 900).toISOString(),
      lastScrapeDuration: 0.004 + i * 0.0031,
      health: down ? 'down' : 'up',
      scrapeInterval: '15s',
      scrapeTimeout: '10s',
    };
  });
}

function gateway(mode: MockMode, started_s: number): object {
  const trouble = mode === 'trouble';
  const now = Date.now();
  const routes = mode === 'empty' ? [] : MOCK_ROUTES;
  const isDown = (upstream: string): boolean => trouble && upstream === 'reviews-v2';
  const endpoints = routes.flatMap((r, i) =>
    r.split.map(([upstream, weight], at) => ({
      upstream,
      endpoint: `10.0.${i}.${at + 10}:8080`,
      health: isDown(upstream) ? 'down' : 'up',
      reason: isDown(upstream) ? 'connect ECONNREFUSED, 5 in a row' : '',
      lastFailure_ms: isDown(upstream) ? now - 190_000 : r.failing[1] > 0.1 && trouble ? now - 4000 : 0,
      requests: Math.round(r.rate * weight * 40),
      failures: isDown(upstream) ? 214 : 0,
    })),
  );
  return {
    version: mode === 'empty' ? 1 : 12,
    listeners: [{ address: '0.0.0.0', port: 8000 }],
    routes: routes.map((r, i) => ({
      name: `${r.dialect}/${r.route}`,
      route: r.route,
      service: r.service,
      dialect: r.dialect,
      place: `gateway/${r.service}.yaml:${i * 7 + 3}`,
      hosts: [r.host],
      match: r.match,
      action: 'forward',
      filters: r.filters,
      split: r.split.map(([upstream, weight], at) => ({
        cluster: upstream,
        upstream,
        weight,
        endpoints: [
          {
            address: `10.0.${i}.${at + 10}`,
            port: 8080,
            weight: 1,
            health: isDown(upstream) ? 'down' : 'up',
            reason: '',
            since_ms: 0,
          },
        ],
      })),
    })),
    endpoints,
    workers: [
      { id: 0, state: 'running', connections: 118 },
      { id: 1, state: 'running', connections: 127 },
    ],
    problems: trouble
      ? [
          {
            severity: 'error',
            file: 'gateway/checkout.yaml',
            line: 14,
            column: 11,
            field: 'services[0].routes[0].paths[0]',
            message: 'expected a path that begins with "/", found "checkout": write "/checkout"',
          },
        ]
      : [],
    lastChange: { ok: !trouble, at_ms: started_s * 1000 - (trouble ? 45_000 : 260_000), version: 12 },
  };
}

if (import.meta.main) {
  const dist = join(import.meta.dirname, '../../dist');
  const server = await startMockServer(dist, Number(process.argv[2] ?? 9099));
  process.stdout.write(
    `mock server: ${server.url} (POST /mock?mode=healthy|trouble|empty|failing|slow|down)\n`,
  );
}
