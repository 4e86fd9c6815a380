// The metrics thread: the head and the scrape loops that fill it. Nothing here waits for a query, a request or a change of configuration.
import { createCollector, type Collector, type PrometheusConfig } from '@munjigi/collect';
import { joinPort, type Env, type Port } from '@munjigi/env';
import { serveStorage } from '@munjigi/query';
import { openHead, type Head, type ReplayStatus } from '@munjigi/tsdb';
import type { MunjigiConfig } from '../config.ts';
import { PRODUCT_VERSION } from '../product.ts';

export type MetricsThreadData = MunjigiConfig['metrics'];

export function run(env: Env, parent: Port, data: MetricsThreadData): void {
  let head: Head | null = null;
  let collector: Collector | null = null;
  let replay: ReplayStatus = { min: 0, max: 0, current: 0, state: 'waiting' };
  const opened = open();
  opened.catch(() => undefined);

  async function open(): Promise<{ head: Head; collector: Collector }> {
    head = await openHead(env, {
      path: data.path,
      retention_ms: data.retention_ms,
      walSync_ms: data.walSync_ms,
      maxSeries: data.maxSeries,
      onReplay: (status) => {
        replay = { ...status };
      },
    });
    collector = createCollector(env, head, { userAgent: `munjigi/${PRODUCT_VERSION}` });
    return { head, collector };
  }

  joinPort(parent, {
    /** Resolves when the WAL has been replayed; rejects with the reason why the store cannot be opened. */
    opened: async () => {
      await opened;
      return true;
    },
    /** A port that answers a query worker's `remoteQueryable`. */
    connect: (_: unknown, [port]: readonly Port[]) => {
      opened.then(
        (store) => serveStorage(port!, store.head),
        () => port!.close(),
      );
    },
    prepare: async (config: PrometheusConfig) => (await opened).collector.prepare(config),
    commit: async () => (await opened).collector.commit(),
    abort: async () => (await opened).collector.abort(),
    targets: () => collector?.targets() ?? { active: [], dropped: [], pools: [] },
    families: () => [...(head?.families() ?? []), ...(collector?.families() ?? [])],
    tsdbStatus: async (limit: number) => (await opened).head.tsdbStatus(limit),
    walReplay: () => replay,
    close: async () => {
      await collector?.close();
      await head?.close();
      return true;
    },
  });
}
