// The metrics thread: the store and the scrape loops that fill it. Nothing here waits for a query, a request or a change of configuration.
import { createCollector, type Collector, type PrometheusConfig } from '@munjigi/collect';
import { joinPort, type Env, type Port } from '@munjigi/env';
import type { Matcher } from '@munjigi/model';
import { serveStorage } from '@munjigi/query';
import { openDb, type Db, type DbOptions, type DbSettings, type ReplayStatus } from '@munjigi/tsdb';
import type { MunjigiConfig } from '../config.ts';
import { PRODUCT_VERSION } from '../product.ts';
import { reloadedStorage, type ReloadableStorage } from '../storage-settings.ts';

export type MetricsThreadData = MunjigiConfig['metrics'];

export interface DeleteCall {
  readonly selectors: readonly (readonly Matcher[])[];
  readonly mint: number;
  readonly maxt: number;
}

export function run(env: Env, parent: Port, data: MetricsThreadData): void {
  let db: Db | null = null;
  let collector: Collector | null = null;
  let replay: ReplayStatus = { min: 0, max: 0, current: 0, state: 'waiting' };
  let prepared: PrometheusConfig | null = null;
  const opened = open();
  opened.catch(() => undefined);

  async function open(): Promise<{ db: Db; collector: Collector }> {
    db = await openDb(env, {
      ...dbOptions(data),
      onReplay: (status) => {
        replay = { ...status };
      },
    });
    collector = createCollector(env, db, {
      userAgent: `munjigi/${PRODUCT_VERSION}`,
      maxSeriesPerTarget: data.maxSeriesPerTarget,
    });
    return { db, collector };
  }

  joinPort(parent, {
    /** Resolves when the log has been replayed; rejects with the reason why the store cannot be opened. */
    opened: async () => {
      await opened;
      return true;
    },
    /** A port that answers a query worker's `remoteQueryable`. */
    connect: (_: unknown, [port]: readonly Port[]) => {
      opened.then(
        (store) => serveStorage(port!, store.db),
        () => port!.close(),
      );
    },
    prepare: async (config: PrometheusConfig) => {
      const problems = await (await opened).collector.prepare(config);
      prepared = config;
      return problems;
    },
    commit: async () => {
      const store = await opened;
      const applied = await store.collector.commit();
      if (prepared !== null) store.db.configure(dbSettings(reloadedStorage(data, prepared.storage)));
      return applied;
    },
    abort: async () => (await opened).collector.abort(),
    targets: () => collector?.targets() ?? { active: [], dropped: [], pools: [] },
    families: () => [...(db?.families() ?? []), ...(collector?.families() ?? [])],
    tsdbStatus: async (limit: number) => (await opened).db.tsdbStatus(limit),
    blocks: async () => (await opened).db.blocks().map(({ meta }) => meta),
    aside: async () => (await opened).db.aside(),
    cardinality: async (limit: number) => {
      const store = await opened;
      const head = { series: store.db.stats().series, maxSeries: data.maxSeries };
      return { head, ...store.collector.refused(limit) };
    },
    deleteSeries: async ({ selectors, mint, maxt }: DeleteCall) =>
      (await opened).db.deleteSeries(selectors, mint, maxt),
    cleanTombstones: async () => (await opened).db.cleanTombstones(),
    snapshot: async (skipHead: boolean) => ({ name: await (await opened).db.snapshot(skipHead) }),
    walReplay: () => replay,
    close: async () => {
      await collector?.close();
      await db?.close();
      return true;
    },
  });
}

function dbOptions(data: MetricsThreadData): DbOptions {
  return {
    ...dbSettings(data),
    path: data.path,
    walSync_ms: data.walSync_ms,
    walCompression: data.walCompression,
    retentionBy: data.retentionBy,
    maxSeries: data.maxSeries,
    minBlock_ms: data.minBlock_ms,
    maxBlock_ms: data.maxBlock_ms,
    snapshotInterval_ms: data.snapshotInterval_ms,
    delayCompactFile: data.delayCompactFile,
    readOnly: data.readOnly,
  };
}

/** What prometheus.yml may change while the program runs. */
function dbSettings(s: ReloadableStorage): DbSettings {
  return {
    retention_ms: s.retention_ms,
    retention_bytes: s.retention_bytes,
    retention_percentage: s.retention_percentage,
    outOfOrderWindow_ms: s.outOfOrderWindow_ms,
    xor2: s.floatEncoding === 'xor2',
    maxExemplars: s.maxExemplars,
  };
}
