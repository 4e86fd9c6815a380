// The wiring, top to bottom: threads, the data plane, queries, the Publisher, the HTTP surface. Nothing else constructs a driver.
import {
  createApi,
  type ApiDeps,
  type BlockView,
  type CardinalityView,
  type TargetsView,
  type WalReplay,
} from '@munjigi/api';
import type { PrometheusConfig } from '@munjigi/collect';
import type { GatewayView } from '@munjigi/control';
import {
  EnvError,
  joinPort,
  type Caller,
  type Env,
  type Listener,
  type Worker,
  type WorkerOptions,
} from '@munjigi/env';
import { cpuCount, memoryLimitBytes, nodeVersion, workingDirectory } from '@munjigi/env/node';
import { printProblem, type Applied, type MetricFamily, type Problem } from '@munjigi/model';
import { createDataPlane, type Delta } from '@munjigi/proxy';
import {
  createQueryPool,
  errorReply,
  POOL_SETTINGS,
  QUERY_POOL_DEFAULTS,
  type PoolSettings,
  type QueryPool,
} from '@munjigi/query';
import type { TsdbStatus } from '@munjigi/tsdb';
import { consoleAssets } from './assets.ts';
import type { MunjigiConfig } from './config.ts';
import { features } from './features.ts';
import { gatewayState } from './gateway-state.ts';
import { watchedFiles, type Loaded } from './load.ts';
import { maskSecrets } from './mask-secrets.ts';
import { processRegistry } from './process-metrics.ts';
import { PRODUCT_VERSION } from './product.ts';
import { createPublisher } from './publisher.ts';
import type { DeleteCall } from './threads/metrics.ts';
import { watchFiles } from './watch.ts';

/** Threads of one kind when the configuration says 0. */
const MAX_THREADS = 8;
/** Requests in flight get this long when the program stops. */
const DRAIN_MS = 8000;
/** Scrapes and selects share the metrics thread: a collection of garbage there takes a few ms, not 20. */
const METRICS_NEW_SPACE_MIB = 4;
/** A scrape of our own /metrics must not wait for a thread that hangs. */
const FAMILIES_TIMEOUT_MS = 2000;

/** Why the program cannot start: for the user, not a bug. */
export class StartError extends Error {}

export interface Running {
  readonly consoleUrl: string;
  readonly gatewayUrls: readonly string[];
  reload(reason: string): Promise<Applied>;
  /** Drains and closes. */
  close(): Promise<void>;
  /** Resolves with the reason when a thread that cannot be replaced has ended. */
  readonly broken: Promise<string>;
}

export interface ServeOptions {
  /** munjigi.yaml as the user named it, for the watch and for the console. */
  readonly configFile: string;
  /** Folder of the console's built files. */
  readonly consoleDir: string;
  /** Called as the start-up goes on. */
  readonly progress?: (step: string) => void;
}

export async function serve(env: Env, config: MunjigiConfig, options: ServeOptions): Promise<Running> {
  const { log } = env;
  const closing: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).reverse())
      await step().catch((error: unknown) => log.error('closing failed', { error: String(error) }));
  };
  try {
    return await start();
  } catch (error) {
    await close();
    throw error;
  }

  async function start(): Promise<Running> {
    const state = {
      ready: false,
      reason: 'starting',
      stopping: false,
      view: null as GatewayView | null,
      /** prometheus.yml as it is applied, masked. */
      scrapeConfig: '',
      /** What prometheus.yml says of queries, as it is being applied and as it is applied. */
      nextQuerySettings: POOL_SETTINGS,
      querySettings: POOL_SETTINGS,
    };
    let queries: QueryPool | null = null;

    // The console's port first: the cheapest thing that may be taken.
    let answer: ReturnType<typeof createApi> | null = null;
    const { listen } = config.console;
    const surface = await listenConsole(env, listen, async (request) =>
      answer === null ? { status: 503, headers: {}, body: 'starting\n' } : answer(request),
    );
    closing.push(() => surface.close());

    // Threads.
    options.progress?.('starting threads');
    const metrics = thread(env, 'metrics', new URL('./threads/metrics.ts', import.meta.url), config.metrics, {
      newSpace_mib: METRICS_NEW_SPACE_MIB,
    });
    const control = thread(env, 'control', new URL('./threads/control.ts', import.meta.url), config);
    closing.push(async () => {
      await metrics.caller.call('close', null);
      await Promise.all([metrics.worker.terminate(), control.worker.terminate()]);
    });
    const broken = Promise.race([
      metrics.worker.ended.then((why) => `the metrics thread ended: ${why}`),
      control.worker.ended.then((why) => `the control thread ended: ${why}`),
    ]);

    // The data plane.
    const dataPlane = createDataPlane(env, {
      workers: config.gateway === null ? 0 : threadCount(config.gateway.workers),
      accessLog:
        config.gateway === null || config.gateway.accessLog === 'off' ? null : config.gateway.accessLog,
    });
    closing.push(() => dataPlane.close(DRAIN_MS));

    // The Publisher: files to both sides, all or nothing.
    const publisher = createPublisher<{ delta: Delta; view: GatewayView | null }, PrometheusConfig>(
      env.clock,
      log,
      {
        read: async () => {
          const { problems, delta, view, scrape } = await control.caller.call<Loaded>('load', null);
          return {
            problems,
            gateway: delta === null ? null : { version: delta.version, content: { delta, view } },
            watch: scrape,
          };
        },
        gateway: {
          name: 'the gateway',
          prepare: ({ content }) => dataPlane.prepare(content.delta),
          commit: async ({ version, content }) => {
            const { problems } = await dataPlane.commit(version);
            state.view = content.view;
            return problems;
          },
          abort: ({ version }) => dataPlane.abort(version),
        },
        watch: {
          name: 'the scrape loops',
          prepare: (next) => {
            state.nextQuerySettings = querySettings(next, config.metrics.config);
            return metrics.caller.call<Problem[]>('prepare', next);
          },
          commit: async () => {
            state.querySettings = state.nextQuerySettings;
            queries?.configure(state.querySettings);
            return (await metrics.caller.call<Applied>('commit', null)).problems;
          },
          abort: () => metrics.caller.call('abort', null),
        },
        settled: () => {
          state.scrapeConfig = scrapeConfigText(env, config.metrics.config);
          return control.caller.call('committed', null);
        },
      },
    );

    // The HTTP surface, which answers health and replay while the store opens.
    const own = processRegistry();
    const families = async (): Promise<MetricFamily[]> => {
      const remote = metrics.caller.call<MetricFamily[]>('families', null);
      const late = env.clock.sleep(FAMILIES_TIMEOUT_MS).then((): MetricFamily[] => []);
      return [
        ...own.families(),
        ...dataPlane.counters.families(),
        ...(queries?.families() ?? []),
        ...publisher.families(),
        ...(await Promise.race([remote.catch(() => []), late])),
      ];
    };
    const startTime_ms = env.clock.now();
    const deps: ApiDeps = {
      clock: env.clock,
      log,
      query: {
        query: (request, signal) =>
          queries === null
            ? Promise.resolve(errorReply({ errorType: 'unavailable', message: 'not ready yet' }))
            : queries.query(request, signal),
      },
      targets: () => metrics.caller.call<TargetsView>('targets', null),
      families,
      configText: () => state.scrapeConfig,
      flags: flags(config, options),
      features: features(config),
      buildInfo: {
        version: PRODUCT_VERSION,
        revision: '',
        branch: '',
        buildUser: '',
        buildDate: '',
        goVersion: `node ${nodeVersion}`,
      },
      runtimeInfo: () => ({
        startTime_ms,
        cwd: workingDirectory(),
        hostname: '',
        reloadConfigSuccess: publisher.last()?.ok ?? false,
        lastConfigTime_ms: publisher.last()?.at_ms ?? startTime_ms,
        corruptionCount: 0,
        threads: 3 + threadCount(config.query.workers) + threadCount(config.gateway?.workers ?? 0),
        cpus: cpuCount(),
        memoryLimit: memoryLimitBytes(),
        storageRetention: `${Math.round(config.metrics.retention_ms / 1000)}s`,
      }),
      tsdbStatus: async (limit) => {
        const { numSeries, numLabelPairs, chunkCount, minTime, maxTime, ...counts } =
          await metrics.caller.call<TsdbStatus>('tsdbStatus', limit);
        const empty = numSeries === 0;
        const times = { minTime: empty ? null : minTime, maxTime: empty ? null : maxTime };
        return { headStats: { numSeries, numLabelPairs, chunkCount, ...times }, ...counts };
      },
      blocks: () => metrics.caller.call<BlockView[]>('blocks', null),
      cardinality: (limit) => metrics.caller.call<CardinalityView>('cardinality', limit),
      adminApi: config.metrics.adminApi,
      deleteSeries: (selectors, mint, maxt) =>
        metrics.caller.call('deleteSeries', { selectors, mint, maxt } satisfies DeleteCall),
      cleanTombstones: () => metrics.caller.call('cleanTombstones', null),
      snapshot: (skipHead) => metrics.caller.call('snapshot', skipHead),
      walReplay: () => metrics.caller.call<WalReplay>('walReplay', null),
      ready: () => ({
        ready: state.ready && !state.stopping,
        reason: state.stopping ? 'stopping' : state.reason,
      }),
      reload: () => {
        if (config.console.allowReload) return publisher.submit('reload');
        return Promise.resolve(refusedReload(publisher.last()?.version ?? 0));
      },
      gateway: async () => gatewayState(config, state.view, dataPlane, publisher.last()),
      problems: () => publisher.last()?.problems ?? [],
      asset: consoleAssets(env.files, options.consoleDir),
      hostNames: isLoopback(listen.address) ? [] : null,
    };
    answer = createApi(deps);

    options.progress?.('opening the store');
    state.reason = 'the write-ahead log is being replayed';
    await metrics.caller.call('opened', null).catch((error: Error) => {
      throw new StartError(`the store cannot be opened: ${error.message}`);
    });
    // After the store is ours: a second process must not touch its files.
    const pool = createQueryPool(
      env,
      {
        ...QUERY_POOL_DEFAULTS,
        workers: threadCount(config.query.workers),
        maxConcurrency: config.query.maxConcurrency,
        timeout_ms: config.query.timeout_ms,
        maxSamples: config.query.maxSamples,
        ...memoryLimits(config.query),
        lookback_ms: config.query.lookback_ms,
        slow_ms: config.query.slow_ms,
        queryCost: config.query.features.includes('query-cost'),
        delayedNameRemoval: config.query.features.includes('promql-delayed-name-removal'),
        startTimestamps: config.query.features.includes('use-start-timestamps'),
        activeQueryLogPath: `${config.metrics.path}/queries.active`,
      },
      () => {
        const [near, far] = env.workers.channel();
        metrics.caller.send('connect', null, [far]);
        return near;
      },
    );
    closing.push(() => pool.close());
    queries = pool;
    pool.configure(state.querySettings);

    // The watch begins before the first reading, so that no change falls between them. Without a good first configuration there is
    // nothing to serve.
    const watch = watchFiles(env.clock, env.files, watchedFiles(config), () => {
      void publisher.submit('files changed');
    });
    closing.push(async () => {
      state.stopping = true;
      watch.close();
    });
    state.reason = 'the configuration is being applied';
    options.progress?.('applying the configuration');
    const first = await publisher.submit('start');
    if (!first.ok)
      throw new StartError(
        `the configuration cannot be applied:\n${first.problems
          .filter((p) => p.severity === 'error')
          .map(printProblem)
          .join('\n')}`,
      );
    state.ready = true;
    state.reason = '';

    return {
      consoleUrl: `http://${shownHost(listen.address)}:${surface.port}`,
      gatewayUrls: (config.gateway?.listen ?? []).map(
        ({ address, port }) => `http://${shownHost(address)}:${port}`,
      ),
      reload: (reason) => publisher.submit(reason),
      close,
      broken,
    };
  }
}

function thread(
  env: Env,
  name: string,
  entry: URL,
  data: unknown,
  options?: WorkerOptions,
): { worker: Worker; caller: Caller } {
  const worker = env.workers.start(name, entry, data, options);
  return { worker, caller: joinPort(worker, {}) };
}

function threadCount(configured: number): number {
  return configured === 0 ? Math.min(cpuCount(), MAX_THREADS) : configured;
}

async function listenConsole(
  env: Env,
  { address, port }: MunjigiConfig['console']['listen'],
  handle: Parameters<Env['http']['serve']>[1],
): Promise<Listener> {
  try {
    return await env.http.serve({ host: address, port }, handle);
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    if (error.code === 'EADDRINUSE')
      throw new StartError(
        `port ${port} for the console is in use on ${address}: stop what listens there, or set console.listen`,
      );
    throw new StartError(`the console cannot listen on ${address}:${port}: ${error.message}`);
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address === 'localhost' || address.startsWith('127.');
}

/** localhost for addresses that a browser on this machine reaches so. */
function shownHost(address: string): string {
  return ['127.0.0.1', '0.0.0.0', '::1', '::', ''].includes(address) ? 'localhost' : address;
}

/** What prometheus.yml says of queries; a relative path of the log begins at its folder. */
function querySettings({ global }: PrometheusConfig, file: string | null): PoolSettings {
  const { query_log_file: log } = global;
  const folder = file === null ? '.' : file.slice(0, Math.max(0, file.lastIndexOf('/')));
  return {
    ceilings: {
      maxSeries: global.query_max_series,
      maxSamplesRead: global.query_max_samples_read,
      maxDuration_ms: global.query_max_duration,
    },
    subqueryStep_ms: global.evaluation_interval,
    queryLogPath: log === '' || log.startsWith('/') ? log : `${folder}/${log}`,
  };
}

/** Of the machine's memory that all queries may hold when nothing else is said, and of that one query's. */
const TOTAL_MEMORY_SHARE = 0.4;
const QUERY_MEMORY_SHARE = 0.5;

function memoryLimits({ maxMemory, maxMemoryTotal }: MunjigiConfig['query']): {
  maxBytes: number;
  maxTotalBytes: number;
} {
  const maxTotalBytes = maxMemoryTotal ?? Math.round(memoryLimitBytes() * TOTAL_MEMORY_SHARE);
  return { maxBytes: maxMemory ?? Math.round(maxTotalBytes * QUERY_MEMORY_SHARE), maxTotalBytes };
}

function refusedReload(version: number): Applied {
  const message = 'reloading over HTTP is switched off: set console.lifecycle, or send SIGHUP';
  return {
    ok: false,
    version,
    problems: [{ severity: 'error', file: 'munjigi', line: 0, column: 0, field: '', message }],
  };
}

function scrapeConfigText(env: Env, file: string | null): string {
  if (file === null) return '';
  try {
    return maskSecrets(new TextDecoder().decode(env.files.readFile(file)));
  } catch {
    return '';
  }
}

function flags(config: MunjigiConfig, options: ServeOptions): Record<string, string> {
  return {
    'config.file': options.configFile,
    'web.listen-address': `${config.console.listen.address}:${config.console.listen.port}`,
    'web.enable-lifecycle': String(config.console.allowReload),
    'storage.tsdb.path': config.metrics.path,
    'storage.tsdb.retention.time': `${Math.round(config.metrics.retention_ms / 1000)}s`,
    'query.lookback-delta': `${Math.round(config.query.lookback_ms / 1000)}s`,
    'query.max-concurrency': String(config.query.maxConcurrency),
    'query.max-samples': String(config.query.maxSamples),
    'query.timeout': `${Math.round(config.query.timeout_ms / 1000)}s`,
  };
}
