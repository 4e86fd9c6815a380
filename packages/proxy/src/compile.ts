// From resources to what requests run on, inside a worker. `stage` compiles what a Delta sets and checks every reference of the whole
// version without touching anything that a request can see; `apply` then puts it all in place in one go.
import type { Random } from '@munjigi/env';
import type { Problem } from '@munjigi/model';
import { compileAnswer } from './answer.ts';
import { Cells } from './cell.ts';
import { compileFilter, type FilterWorld } from './filter/compile.ts';
import type { Filter } from './filter/filter.ts';
import type { Credentials } from './filter/keyauth.ts';
import { compileCredentials } from './filter/keyauth.ts';
import type { VirtualHost } from './listen.ts';
import { Hosts } from './route/hosts.ts';
import { compileRoute, type Route } from './route/route.ts';
import { Rules } from './route/rules.ts';
import { compileSplit, type Split } from './route/split.ts';
import type {
  Delta,
  EndpointsResource,
  HostResource,
  ListenerResource,
  Resource,
  ResourceName,
  RouteResource,
} from './snapshot.ts';
import { Cluster, compileCluster, type ClusterSettings } from './upstream/cluster.ts';
import { checkResource, problem, references } from './validate.ts';

/** Compiled, not yet in force. */
export interface Staged {
  readonly version: number;
  readonly listeners: readonly ListenerResource[];
  /** Of every listener: a port's whole table, by listener name. */
  readonly hosts: ReadonlyMap<ResourceName, Hosts<VirtualHost>>;
  /** Puts everything in force. */
  apply(): void;
}

export class Program {
  version = 0;
  readonly #resources = new Map<ResourceName, Resource>();
  readonly #routes = new Map<ResourceName, Route>();
  readonly #hosts = new Map<ResourceName, VirtualHost>();
  readonly #tables = new Map<ResourceName, Hosts<VirtualHost>>();
  readonly #splits = new Cells<Split>();
  readonly #clusters = new Cells<Cluster>();
  readonly #endpoints = new Cells<EndpointsResource>();
  readonly #secrets = new Cells<Credentials>();
  readonly #filters = new Cells<Filter>();
  readonly #rows: Map<string, number>;
  readonly #counters: Float64Array;
  readonly #random: Random;
  readonly #world: FilterWorld;
  /** Routes compiled so far: a test holds that weights and endpoints compile none. */
  routesCompiled = 0;

  constructor(rows: Map<string, number>, counters: Float64Array, random: Random, world: FilterWorld) {
    this.#rows = rows;
    this.#counters = counters;
    this.#random = random;
    this.#world = world;
  }

  /** Closes pooled connections: nothing is served any more. */
  close(): void {
    for (const { current } of this.#clusters.values()) current?.remove();
  }

  evict(now: number): void {
    for (const { current } of this.#clusters.values()) current?.evict(now);
  }

  /** Problems with severity error mean: not staged. */
  stage(delta: Delta): { staged: Staged | null; problems: Problem[] } {
    const problems: Problem[] = [];
    const next = new Map(this.#resources);
    for (const name of delta.remove) next.delete(name);
    for (const r of delta.set) {
      next.set(r.name, r);
      problems.push(...checkResource(r));
    }
    if (delta.base !== this.version)
      problems.push(
        problem('', `the change is based on version ${delta.base}, version ${this.version} is running`),
      );
    // Only what changed, or what names something that went, can hold a reference to nothing.
    const removed = new Set(delta.remove);
    const changed = new Set(delta.set.map(({ name }) => name));
    for (const r of next.values())
      if (changed.has(r.name) || (removed.size > 0 && references(r).some((name) => removed.has(name))))
        for (const name of references(r))
          if (!next.has(name)) problems.push(problem(r.name, `refers to ${name}, which is not there`));
    if (problems.some((p) => p.severity === 'error')) return { staged: null, problems };

    const routes = new Map<ResourceName, Route>();
    const steps: (() => void)[] = [];
    const touchedClusters = new Set<ResourceName>();
    for (const r of delta.set)
      switch (r.kind) {
        case 'route':
          routes.set(r.name, this.#compileRoute(r));
          break;
        case 'split': {
          const split = compileSplit(r, (name) => this.#clusters.of(name), this.#random.float());
          steps.push(() => {
            this.#splits.of(r.name).current = split;
          });
          break;
        }
        case 'cluster': {
          const settings = compileCluster(r, this.#endpoints.of(r.endpoints), this.#rows);
          touchedClusters.add(r.name);
          steps.push(() => this.#setCluster(r.name, settings));
          break;
        }
        case 'endpoints':
          steps.push(() => {
            this.#endpoints.of(r.name).current = r;
          });
          break;
        case 'secret': {
          const credentials = compileCredentials(r);
          steps.push(() => {
            this.#secrets.of(r.name).current = credentials;
          });
          break;
        }
        case 'filter': {
          const filter = compileFilter(r, (name) => this.#secrets.of(name), this.#world);
          steps.push(() => {
            this.#filters.of(r.name).current = filter;
          });
          break;
        }
        case 'listener':
        case 'host':
          break;
        // no default
      }

    // Hosts whose rules hold a changed route, and the tables of listeners that hold a changed host.
    const hosts = new Map<ResourceName, VirtualHost>();
    const tables = new Map<ResourceName, Hosts<VirtualHost>>();
    const routeOf = (name: ResourceName): Route => routes.get(name) ?? this.#routes.get(name)!;
    const hostOf = (name: ResourceName): VirtualHost => hosts.get(name) ?? this.#hosts.get(name)!;
    const listeners: ListenerResource[] = [];
    for (const r of next.values())
      if (r.kind === 'host' && (changed.has(r.name) || r.routes.some((name) => routes.has(name))))
        hosts.set(r.name, compileHost(r, next, routeOf));
    for (const r of next.values()) {
      if (r.kind !== 'listener') continue;
      listeners.push(r);
      if (changed.has(r.name) || r.hosts.some((name) => hosts.has(name)))
        tables.set(r.name, this.#compileTable(r, next, hostOf, problems));
      else tables.set(r.name, this.#tables.get(r.name)!);
    }
    const endpointsChanged = delta.set.some(({ kind }) => kind === 'endpoints');
    if (problems.some((p) => p.severity === 'error')) return { staged: null, problems };
    const apply = (): void => {
      for (const name of delta.remove) this.#remove(name);
      for (const r of delta.set) this.#resources.set(r.name, r);
      for (const [name, route] of routes) this.#routes.set(name, route);
      for (const [name, host] of hosts) this.#hosts.set(name, host);
      for (const [name, table] of tables) this.#tables.set(name, table);
      for (const step of steps) step();
      for (const { name, current } of this.#clusters.values())
        if (endpointsChanged || delta.remove.length > 0 || touchedClusters.has(name))
          current?.refresh(this.#rows);
      this.version = delta.version;
    };
    return { staged: { version: delta.version, listeners, hosts: tables, apply }, problems };
  }

  #compileRoute(r: RouteResource): Route {
    this.routesCompiled++;
    return compileRoute(
      r,
      r.action.kind === 'forward' ? this.#splits.of(r.action.split) : null,
      r.filters.map((name) => this.#filters.of(name)),
      this.#rows,
    );
  }

  #setCluster(name: ResourceName, settings: ClusterSettings): void {
    const cell = this.#clusters.of(name);
    if (cell.current === null) cell.current = new Cluster(settings, this.#counters, this.#random);
    else cell.current.settings = settings;
  }

  #compileTable(
    r: ListenerResource,
    next: ReadonlyMap<ResourceName, Resource>,
    hostOf: (name: ResourceName) => VirtualHost,
    problems: Problem[],
  ): Hosts<VirtualHost> {
    const table = new Hosts<VirtualHost>();
    for (const name of r.hosts)
      for (const pattern of (next.get(name) as HostResource).patterns)
        if (!table.add(pattern, hostOf(name)))
          problems.push(problem(name, `the host ${pattern} is served twice on ${r.name}`));
    return table;
  }

  #remove(name: ResourceName): void {
    this.#resources.delete(name);
    this.#routes.delete(name);
    this.#hosts.delete(name);
    this.#tables.delete(name);
    const kind = name.slice(0, name.indexOf('/'));
    if (kind === 'split') this.#splits.remove(name);
    else if (kind === 'cluster') {
      this.#clusters.of(name).current?.remove();
      this.#clusters.remove(name);
    } else if (kind === 'endpoints') this.#endpoints.remove(name);
    else if (kind === 'secret') this.#secrets.remove(name);
    else if (kind === 'filter') this.#filters.remove(name);
  }
}

function compileHost(
  r: HostResource,
  next: ReadonlyMap<ResourceName, Resource>,
  routeOf: (name: ResourceName) => Route,
): VirtualHost {
  return {
    rules: new Rules(
      r.routes.map((name) => ({ route: routeOf(name), matches: (next.get(name) as RouteResource).matches })),
    ),
    noRoute: compileAnswer(r.noRoute),
  };
}
