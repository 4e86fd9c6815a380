// A cluster inside a worker: settings, endpoints with their runtime state, and whose turn it is. The runtime state is keyed by
// `host:port` and survives changes of the settings and of the list.
import type { Random } from '@munjigi/env';
import { compileAnswer, type Answer } from '../answer.ts';
import type { Cell } from '../cell.ts';
import { upstreamCell } from '../counters/layout.ts';
import { rowKey } from '../counters/rows.ts';
import { latin1 } from '../http1/bytes.ts';
import type { ClusterResource, EndpointsResource } from '../snapshot.ts';
import { RoundRobin } from './balance.ts';
import { Endpoint } from './endpoint.ts';

/** What is compiled from a ClusterResource. */
export interface ClusterSettings {
  readonly resource: ClusterResource;
  readonly endpoints: Cell<EndpointsResource>;
  readonly noEndpoint: Answer;
  /** First cell of its row. */
  readonly cell: number;
  /** `,"upstream":"..."` of the access log. */
  readonly log: Buffer;
}

export function compileCluster(
  resource: ClusterResource,
  endpoints: Cell<EndpointsResource>,
  rows: ReadonlyMap<string, number>,
): ClusterSettings {
  return {
    resource,
    endpoints,
    noEndpoint: compileAnswer(resource.noEndpoint),
    cell: upstreamCell(rows.get(rowKey('upstream', resource.metric.upstream)) ?? 0),
    log: latin1(`,"upstream":${JSON.stringify(resource.metric.upstream)}`),
  };
}

/** One a cluster name and worker. */
export class Cluster {
  settings: ClusterSettings;
  readonly #known = new Map<string, Endpoint>();
  readonly #cells: Float64Array;
  readonly #random: Random;
  #list: EndpointsResource | null = null;
  #turn: RoundRobin<Endpoint> = new RoundRobin<Endpoint>([], 0);
  #now = 0;
  #avoid: Endpoint | null = null;
  readonly #open = (e: Endpoint): boolean => e.skipUntil <= this.#now && e !== this.#avoid;

  constructor(settings: ClusterSettings, cells: Float64Array, random: Random) {
    this.settings = settings;
    this.#cells = cells;
    this.#random = random;
  }

  /** The endpoint whose turn it is; not `avoid` and none that failed lately while there are others. null: there is none. */
  pick(now: number, avoid: Endpoint | null): Endpoint | null {
    this.#now = now;
    this.#avoid = avoid;
    return this.#turn.pick(this.#open);
  }

  /** Follows a change of its settings or its endpoints. `rows` knows the rows of its endpoints. */
  refresh(rows: ReadonlyMap<string, number>): void {
    const { resource, endpoints } = this.settings;
    const list = endpoints.current;
    const rowOf = (key: string): number => rows.get(rowKey('endpoint', resource.metric.upstream, key)) ?? 0;
    for (const [key, e] of this.#known) e.configure(rowOf(key), resource.maxIdleConnections);
    if (list === this.#list) return;
    this.#list = list;
    const wanted = new Map<Endpoint, number>();
    for (const { host, port, weight } of list?.endpoints ?? []) {
      const key = `${host}:${port}`;
      let e = this.#known.get(key);
      if (e === undefined) {
        e = new Endpoint(host, port, this.#cells);
        e.configure(rowOf(key), resource.maxIdleConnections);
        this.#known.set(key, e);
      }
      wanted.set(e, (wanted.get(e) ?? 0) + weight);
    }
    for (const [key, e] of this.#known)
      if (!wanted.has(e)) {
        e.remove();
        this.#known.delete(key);
      }
    this.#turn = new RoundRobin<Endpoint>([...wanted], this.#random.float());
  }

  evict(now: number): void {
    for (const e of this.#known.values()) e.evict(now, this.settings.resource.poolIdleTimeout_ms);
  }

  /** Its last version is gone: idle connections are closed, busy ones when their request ends. */
  remove(): void {
    for (const e of this.#known.values()) e.remove();
    this.#known.clear();
    this.#turn = new RoundRobin<Endpoint>([], 0);
  }
}
