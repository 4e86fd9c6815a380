// The process that is measured: one data plane, one host, one route, its metrics and its access log on.
// Arguments: workers, port, upstream port, access log file.
import { nodeEnv } from '@munjigi/env/node';
import { contentHash, createDataPlane, type Resource } from '@munjigi/proxy';

const [workers = '1', port = '', upstream = '', log = ''] = process.argv.slice(2);
const none = { remove: [], set: [], add: [] };
const answer = { status: 503, contentType: 'application/json', body: '{}' };
const content: object[] = [
  {
    kind: 'listener',
    name: 'listener/bench',
    address: '127.0.0.1',
    port: Number(port),
    protocol: 'http',
    hosts: ['host/bench'],
  },
  {
    kind: 'host',
    name: 'host/bench',
    patterns: ['127.0.0.1'],
    routes: ['route/bench'],
    noRoute: { ...answer, status: 404 },
  },
  {
    kind: 'route',
    name: 'route/bench',
    matches: [{ path: { kind: 'prefix', value: '/' }, methods: null, headers: [] }],
    action: { kind: 'forward', split: 'split/bench' },
    filters: [],
    rewritePath: null,
    hostHeader: null,
    requestHeaders: none,
    responseHeaders: none,
    timeout_ms: 60_000,
    connectRetries: 1,
    metric: { route: 'bench', service: 'bench' },
  },
  {
    kind: 'split',
    name: 'split/bench',
    noBackend: answer,
    targets: [{ cluster: 'cluster/bench', weight: 1, requestHeaders: none, responseHeaders: none }],
  },
  {
    kind: 'cluster',
    name: 'cluster/bench',
    endpoints: 'endpoints/bench',
    algorithm: 'roundRobin',
    connectTimeout_ms: 5000,
    idleTimeout_ms: 60_000,
    maxIdleConnections: 64,
    poolIdleTimeout_ms: 60_000,
    noEndpoint: answer,
    metric: { upstream: 'bench' },
  },
  {
    kind: 'endpoints',
    name: 'endpoints/bench',
    endpoints: [{ host: '127.0.0.1', port: Number(upstream), weight: 1 }],
  },
];
const set = content.map((r) => ({ ...r, hash: contentHash(r) }) as Resource);
const plane = createDataPlane(nodeEnv(), { workers: Number(workers), accessLog: log });
const problems = await plane.prepare({ base: 0, version: 1, set, remove: [] });
if (problems.length > 0) throw new Error(JSON.stringify(problems));
await plane.commit(1);
process.on('SIGTERM', () => void plane.close(1000).then(() => process.exit(0)));
