// A data plane in the test's own thread: real sockets, workers as plain calls. And short ways to say what it runs.
import { once } from 'node:events';
import net from 'node:net';
import type { Env, Net, Worker, WorkerMain } from '@munjigi/env';
import { nodeEnv } from '@munjigi/env/node';
import { contentHash } from '../hash.ts';
import { createDataPlane, type DataPlaneOptions, type RunningDataPlane } from '../plane.ts';
import type {
  ClusterResource,
  Delta,
  DirectResponse,
  FilterResource,
  HeaderEdits,
  Resource,
  RouteResource,
  SecretResource,
  SplitResource,
} from '../snapshot.ts';

export const NO_EDITS: HeaderEdits = { remove: [], set: [], add: [] };

export function answerWith(status: number, message = `answer ${status}`): DirectResponse {
  return { status, contentType: 'application/json', body: JSON.stringify({ message }) };
}

type Part<T> = Partial<Omit<T, 'kind' | 'name' | 'hash'>>;

/** Gives each resource its hash. */
export function hashed(resources: readonly object[]): Resource[] {
  return resources.map((r) => ({ ...r, hash: contentHash(r) }) as Resource);
}

export function listener(port: number, hosts: readonly string[] = ['host/main']): object {
  return { kind: 'listener', name: `listener/${port}`, address: '127.0.0.1', port, protocol: 'http', hosts };
}

export function host(name: string, patterns: readonly string[], routes: readonly string[]): object {
  return { kind: 'host', name: `host/${name}`, patterns, routes, noRoute: answerWith(404, 'no route') };
}

export function route(name: string, change: Part<RouteResource> = {}): object {
  return {
    kind: 'route',
    name: `route/${name}`,
    matches: [{ path: { kind: 'prefix', value: '/' }, methods: null, headers: [] }],
    action: { kind: 'forward', split: 'split/main' },
    filters: [],
    rewritePath: null,
    hostHeader: null,
    requestHeaders: NO_EDITS,
    responseHeaders: NO_EDITS,
    timeout_ms: 0,
    connectRetries: 0,
    metric: { route: name, service: 'svc' },
    ...change,
  };
}

export function split(
  name: string,
  weights: Readonly<Record<string, number>>,
  change: Part<SplitResource> = {},
): object {
  return {
    kind: 'split',
    name: `split/${name}`,
    targets: Object.entries(weights).map(([cluster, weight]) => ({
      cluster: `cluster/${cluster}`,
      weight,
      requestHeaders: NO_EDITS,
      responseHeaders: NO_EDITS,
    })),
    noBackend: answerWith(503, 'no backend'),
    ...change,
  };
}

export function cluster(name: string, change: Part<ClusterResource> = {}): object {
  return {
    kind: 'cluster',
    name: `cluster/${name}`,
    endpoints: `endpoints/${name}`,
    algorithm: 'roundRobin',
    connectTimeout_ms: 2000,
    idleTimeout_ms: 30_000,
    maxIdleConnections: 64,
    poolIdleTimeout_ms: 30_000,
    noEndpoint: answerWith(503, 'no endpoint'),
    metric: { upstream: name },
    ...change,
  };
}

export function endpoints(name: string, ports: readonly number[], weights: readonly number[] = []): object {
  return {
    kind: 'endpoints',
    name: `endpoints/${name}`,
    endpoints: ports.map((port, i) => ({ host: '127.0.0.1', port, weight: weights[i] ?? 1 })),
  };
}

/** One listener, host `*`, one route to one cluster; `more` is added or replaces by name. */
export function oneRoute(port: number, upstreams: readonly number[], more: readonly object[] = []): object[] {
  const base = [
    listener(port),
    host('main', ['*'], ['route/main']),
    route('main'),
    split('main', { main: 1 }),
    cluster('main'),
    endpoints('main', upstreams),
  ] as { name: string }[];
  const names = new Set((more as { name: string }[]).map(({ name }) => name));
  return [...base.filter(({ name }) => !names.has(name)), ...more];
}

export function secret(name: string, credentials: SecretResource['credentials']): object {
  return { kind: 'secret', name: `secret/${name}`, credentials };
}

export function filter(
  name: string,
  content: Omit<FilterResource, 'kind' | 'name' | 'hash'> & object,
): object {
  return { kind: 'filter', name: `filter/${name}`, ...content };
}

/** The real world, with workers in this thread; `net` replaces the sockets. */
export function inThread(change: { net?: Net } = {}): Env {
  const env = nodeEnv({ logLevel: 'error', logWrite: () => undefined });
  const world: Env = {
    ...env,
    ...change,
    workers: {
      channel: () => env.workers.channel(),
      start(name, entry, data): Worker {
        const [near, far] = env.workers.channel();
        const { promise, resolve } = Promise.withResolvers<string>();
        void (async (): Promise<void> => {
          const { run } = (await import(entry.href)) as { run: WorkerMain };
          await run(world, far, data as never);
        })();
        const terminate = async (): Promise<void> => {
          near.close();
          resolve('terminated');
          await promise;
        };
        return { ...near, name, ended: promise, terminate };
      },
    },
  };
  return world;
}

/** Puts resources in force as the next version; what `before` had and `resources` has not is removed. Throws on problems. */
export async function apply(
  plane: RunningDataPlane,
  resources: readonly object[],
  base: number,
  remove: readonly string[] = [],
): Promise<number> {
  const delta: Delta = { base, version: base + 1, set: hashed(resources), remove };
  const problems = await plane.prepare(delta);
  if (problems.length > 0) throw new Error(problems.map((p) => `${p.field}: ${p.message}`).join('\n'));
  const applied = await plane.commit(delta.version);
  if (!applied.ok || applied.problems.length > 0) throw new Error(JSON.stringify(applied));
  return delta.version;
}

/** A running data plane in this thread. */
export async function started(
  resources: readonly object[],
  options: Partial<DataPlaneOptions> = {},
  env: Env = inThread(),
): Promise<RunningDataPlane> {
  const plane = createDataPlane(env, { workers: 1, accessLog: null, ...options });
  await apply(plane, resources, 0);
  return plane;
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
