// The store across threads: `serveStorage` on the thread that owns it, `remoteQueryable` in a query worker. What crosses is plain data:
// shared pages are shared, columns are moved, and only texts (label names, metadata, warnings) and columns that are views are copied,
// and counted. A querier is a lease of the port: it ends with its `close`, or with the port when the other thread ends.
import { joinPort, moving, type Handler, type Port } from '@munjigi/env';
import {
  movableColumns,
  selectionColumns,
  type BlockRef,
  type ExemplarSeries,
  type LabelQuery,
  type Matcher,
  type MetricMetadata,
  type Queryable,
  type Querier,
  type SelectHints,
  type Selection,
} from '@munjigi/model';

interface SelectCall {
  readonly lease: number;
  readonly mint: number;
  readonly maxt: number;
  readonly matchers: readonly Matcher[];
  readonly hints?: SelectHints;
}

interface SelectReply {
  readonly selection: Selection;
  readonly copiedBytes: number;
}

export interface StorageServer {
  /** Queriers that are open. */
  readonly leases: number;
  close(): void;
}

/** Most queriers that one port may hold open at once: far above what a pool's concurrency can reach. */
const MAX_LEASES = 1024;

/** Answers a worker's `remoteQueryable` on the other end of `port`. */
export function serveStorage(port: Port, storage: Queryable): StorageServer {
  const leases = new Map<number, Querier>();
  const querier = (lease: number): Querier => {
    let found = leases.get(lease);
    if (found !== undefined) return found;
    if (leases.size >= MAX_LEASES)
      throw new Error(`${MAX_LEASES} queriers are open on one port: one of its queries does not close them`);
    leases.set(lease, (found = storage.querier()));
    return found;
  };
  const close = (): void => {
    for (const open of leases.values()) open.close();
    leases.clear();
  };
  joinPort(port, {
    select: async ({ lease, mint, maxt, matchers, hints }: SelectCall) => {
      const selection = await querier(lease).select(mint, maxt, matchers, hints);
      const { transfer, copiedBytes } = movableColumns(selectionColumns(selection));
      return moving({ selection, copiedBytes } satisfies SelectReply, transfer);
    },
    labelNames: ({ lease, q }: { lease: number; q: LabelQuery }) => querier(lease).labelNames(q),
    labelValues: ({ lease, name, q }: { lease: number; name: string; q: LabelQuery }) =>
      querier(lease).labelValues(name, q),
    exemplars: ({
      lease,
      mint,
      maxt,
      matchers,
    }: {
      lease: number;
      mint: number;
      maxt: number;
      matchers: Matcher[][];
    }) => querier(lease).exemplars(mint, maxt, matchers),
    metadata: ({ lease, metric }: { lease: number; metric?: string }) => querier(lease).metadata(metric),
    unreadable: ({ lease, block, reason }: { lease: number; block: BlockRef; reason: string }) =>
      querier(lease).unreadable?.(block, reason),
    close: ({ lease }: { lease: number }) => {
      leases.get(lease)?.close();
      leases.delete(lease);
    },
  } satisfies Record<string, Handler>);
  port.onClose(close);
  return {
    get leases() {
      return leases.size;
    },
    close() {
      close();
      port.close();
    },
  };
}

/**
 * The store on the other end of a port. `copied` hears how many bytes a selection cost in copies. `idle` resolves when the thread has done what is
 * more urgent than giving back a lease: waking the store's thread takes as long as a small query.
 */
export function remoteQueryable(port: Port, idle: () => Promise<void>): RemoteQueryable {
  const caller = joinPort(port, {});
  let next = 1;
  return {
    querier: (copied) => {
      const lease = next++;
      let used = false;
      const call = <T>(method: string, argument: object): Promise<T> => {
        used = true;
        return caller.call<T>(method, { lease, ...argument });
      };
      return {
        select: async (mint, maxt, matchers, hints) => {
          const reply = await call<SelectReply>('select', {
            mint,
            maxt,
            matchers,
            ...(hints === undefined ? {} : { hints }),
          });
          copied?.(reply.copiedBytes);
          return reply.selection;
        },
        labelNames: (q) => call('labelNames', { q }),
        labelValues: (name, q) => call('labelValues', { name, q }),
        exemplars: (mint, maxt, matchers) => call<ExemplarSeries[]>('exemplars', { mint, maxt, matchers }),
        metadata: (metric) => call<MetricMetadata[]>('metadata', metric === undefined ? {} : { metric }),
        unreadable: (block, reason) => caller.send('unreadable', { lease, block, reason }),
        close: () => {
          if (used) void idle().then(() => caller.send('close', { lease }));
        },
      };
    },
  };
}

/** A Queryable whose queriers tell what their answers copied between threads. */
export interface RemoteQueryable extends Queryable {
  querier(copied?: (bytes: number) => void): Querier;
}
