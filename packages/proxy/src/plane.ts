// The data plane on the main thread: keeps the Snapshot, runs the workers, and takes a change to all of them in two steps. Workers are told
// only Deltas; one that dies, hangs or doesn't answer in time is replaced by one that starts with the Snapshot as it stands.
import { EnvError, type Env, type File } from '@munjigi/env';
import type { Applied, Problem } from '@munjigi/model';
import { SharedCounters, type EndpointHealth } from './counters/families.ts';
import {
  ENDPOINT,
  ROUTE,
  UPSTREAM,
  WORKER,
  endpointCell,
  makeRegion,
  routeCell,
  upstreamCell,
} from './counters/layout.ts';
import { Rows, rowKey, type RowKind } from './counters/rows.ts';
import { LIMIT_SLOTS, LimitTable, makeLimits } from './filter/limits.ts';
import { GATE_LIMITS, type GateLimits } from './gate.ts';
import type { DataPlane, Delta, EndpointsResource, Resource, ResourceName } from './snapshot.ts';
import { trustOf } from './trust.ts';
import { problem } from './validate.ts';
import { portTrouble, type PrepareMessage, type StartMessage, type WorkerData } from './worker.ts';
import { WorkerSlot, type WorkerState } from './worker-slot.ts';

/** How long a worker may take to answer a prepare or commit, and to show that it lives. */
export const ACK_TIMEOUT_MS = 10_000;
const HOUSEKEEPING_MS = 1000;

export interface DataPlaneOptions {
  /** Worker threads; at least 1. */
  readonly workers: number;
  /** A file, '-' for standard output, null for none. */
  readonly accessLog: string | null;
  /** Default ACK_TIMEOUT_MS. */
  readonly ackTimeout_ms?: number;
  /** Addresses and CIDR blocks of peers whose X-Forwarded-* are believed. Default: none. */
  readonly trustedProxies?: readonly string[];
  /** Counters in the table of rate limits, a power of two. Default LIMIT_SLOTS. */
  readonly rateLimitSlots?: number;
  /** Named limits and timeouts towards clients. Default GATE_LIMITS. */
  readonly limits?: Partial<GateLimits>;
  /** The module that workers run; for tests. */
  readonly entry?: URL;
}

export interface RunningDataPlane extends DataPlane {
  readonly counters: SharedCounters;
  endpoints(): EndpointHealth[];
  workers(): WorkerState[];
  /** Stops accepting, lets requests in flight end for up to drain_ms, ends the threads. */
  close(drain_ms: number): Promise<void>;
}

function usesRows(r: Resource): boolean {
  return r.kind === 'route' || r.kind === 'cluster' || r.kind === 'endpoints';
}

/** Starts the workers; they listen once a version with listeners is committed. Throws RangeError for a trusted proxy that is no block. */
export function createDataPlane(env: Env, options: DataPlaneOptions): RunningDataPlane {
  const ackTimeout_ms = options.ackTimeout_ms ?? ACK_TIMEOUT_MS;
  trustOf(options.trustedProxies ?? []);
  const rows = new Rows();
  rows.take('route', '', '');
  const limitMemory = makeLimits(options.rateLimitSlots ?? LIMIT_SLOTS);
  const limitSeed = env.random.u32();
  const limitTable = new LimitTable(limitMemory, limitSeed, 0, () => undefined);
  const count = Math.max(1, options.workers);
  const regions = Array.from({ length: count }, makeRegion);
  const cells = regions.map((region) => new Float64Array(region));
  const counters = new SharedCounters(cells, rows);
  const resources = new Map<ResourceName, Resource>();
  let version = 0;
  let pending: { readonly delta: Delta } | null = null;
  let stdout: File | null = null;

  const log = (bytes: Uint8Array): void => {
    stdout ??= env.files.open('/dev/stdout', 'append');
    stdout.write(bytes, 0, bytes.length, -1);
  };
  const startMessage = (): StartMessage => ({
    version,
    resources: [...resources.values()],
    rows: rows.entries(),
  });
  const slots = regions.map((region, index) => {
    const data: WorkerData = {
      index,
      region,
      limits: limitMemory,
      limitSeed,
      accessLog: options.accessLog,
      trusted: options.trustedProxies ?? [],
      gateLimits: { ...GATE_LIMITS, ...options.limits },
    };
    return new WorkerSlot(env, {
      name: `proxy-${index}`,
      index,
      entry: options.entry ?? new URL('./worker.ts', import.meta.url),
      data,
      ackTimeout_ms,
      start: startMessage,
      pending: () => (pending === null ? null : prepareMessage(pending.delta)),
      cells: cells[index]!,
      died: () => {
        limitTable.release(index + 1);
        cells[index]![WORKER.connections] = 0;
        cells[index]![WORKER.inFlight] = 0;
      },
      log,
    });
  });
  const housekeeping = env.clock.every(HOUSEKEEPING_MS, () => {
    const gone = rows.sweep(env.clock.monotonic(), zeroRow);
    for (const slot of slots) {
      if (gone.length > 0) slot.forgetRows(gone);
      slot.check();
    }
  });

  function zeroRow(kind: RowKind, row: number): void {
    const [from, width] =
      kind === 'route'
        ? [routeCell(row), ROUTE.width]
        : kind === 'upstream'
          ? [upstreamCell(row), UPSTREAM.width]
          : [endpointCell(row), ENDPOINT.width];
    for (const c of cells) c.fill(0, from, from + width);
  }

  /** What a worker needs to know of the rows of what a Delta sets. */
  function prepareMessage(delta: Delta): PrepareMessage {
    const known = new Map<string, number>();
    for (const r of delta.set)
      for (const [kind, ...labels] of rowsOf(r)) {
        const key = rowKey(kind, ...labels);
        known.set(key, rows.rowOf(key));
      }
    return { delta, rows: [...known] };
  }

  /** Kinds and labels of the rows that a resource uses, as the version with `pending` has them. */
  function* rowsOf(r: Resource): Generator<[RowKind, ...string[]]> {
    if (r.kind === 'route') yield ['route', r.metric.route, r.metric.service];
    else if (r.kind === 'cluster') {
      yield ['upstream', r.metric.upstream];
      const list = lookUp(r.endpoints);
      if (list !== undefined) yield* endpointRows(r.metric.upstream, list as EndpointsResource);
    } else if (r.kind === 'endpoints')
      for (const cluster of clustersOf(r.name)) yield* endpointRows(cluster, r);
  }

  function lookUp(name: ResourceName): Resource | undefined {
    return pending?.delta.set.find((r) => r.name === name) ?? resources.get(name);
  }

  /** Labels of the clusters that use an endpoints resource. */
  function clustersOf(name: ResourceName): Set<string> {
    const found = new Set<string>();
    const set = pending?.delta.set ?? [];
    for (const r of set) if (r.kind === 'cluster' && r.endpoints === name) found.add(r.metric.upstream);
    for (const r of resources.values())
      if (r.kind === 'cluster' && r.endpoints === name && !set.some((s) => s.name === r.name))
        found.add(r.metric.upstream);
    return found;
  }

  function* endpointRows(upstream: string, r: EndpointsResource): Generator<[RowKind, ...string[]]> {
    for (const { host, port } of r.endpoints) yield ['endpoint', upstream, `${host}:${port}`];
  }

  /** Rows that neither the running version nor a prepared one uses begin their grace. */
  function retainRows(delta: Delta): void {
    if (!delta.set.some(usesRows) && delta.remove.length === 0) return;
    const used = new Set([rowKey('route', '', '')]);
    for (const r of resources.values())
      for (const [kind, ...labels] of rowsOf(r)) used.add(rowKey(kind, ...labels));
    rows.retain(used, env.clock.monotonic());
  }

  async function prepare(given: Delta): Promise<Problem[]> {
    if (pending !== null)
      return [problem('', `version ${pending.delta.version} is being applied: commit or abort it first`)];
    if (given.base !== version)
      return [problem('', `the change is based on version ${given.base}, but version ${version} is running`)];
    const delta: Delta = {
      ...given,
      set: given.set.filter((r) => resources.get(r.name)?.hash !== r.hash),
      remove: given.remove.filter((name) => resources.has(name)),
    };
    pending = { delta };
    const taken = await tryPorts(delta).catch((error: unknown) => {
      pending = null;
      throw error;
    });
    if (taken.length > 0) {
      pending = null;
      return taken;
    }
    for (const r of delta.set) for (const [kind, ...labels] of rowsOf(r)) rows.take(kind, ...labels);
    const message = prepareMessage(delta);
    const answers = await Promise.all(slots.map((slot) => slot.prepare(message)));
    // Every worker finds the same; what only one finds (a port) counts too.
    const problems = new Map<string, Problem>();
    for (const p of answers.flat()) problems.set(`${p.field}\n${p.message}`, p);
    const all = [...problems.values()];
    if (all.some(({ severity }) => severity === 'error')) abort(delta.version);
    return all;
  }

  /** Every new port must be free of strangers: sharing would silently give them a part of the connections. */
  async function tryPorts(delta: Delta): Promise<Problem[]> {
    const bound = new Set<string>();
    for (const r of resources.values()) if (r.kind === 'listener') bound.add(`${r.address} ${r.port}`);
    const problems: Problem[] = [];
    for (const r of delta.set) {
      if (r.kind !== 'listener' || bound.has(`${r.address} ${r.port}`)) continue;
      if (!Number.isInteger(r.port) || r.port < 1 || r.port > 65_535) {
        problems.push(problem(r.name, `${r.port} is not a port`));
        continue;
      }
      try {
        await env.net.tryPort(r.address, r.port);
      } catch (error) {
        if (!(error instanceof EnvError)) throw error;
        problems.push(problem(r.name, portTrouble(r.address, r.port, error.code)));
      }
    }
    return problems;
  }

  async function commit(wanted: number): Promise<Applied> {
    if (pending === null || pending.delta.version !== wanted)
      throw new Error(`version ${wanted} was not prepared`);
    const { delta } = pending;
    // From here on a worker that starts, starts with the new version.
    pending = null;
    for (const name of delta.remove) resources.delete(name);
    for (const r of delta.set) resources.set(r.name, r);
    version = delta.version;
    retainRows(delta);
    const problems = (await Promise.all(slots.map((slot) => slot.commit(version)))).flat();
    return { ok: true, version, problems };
  }

  function abort(unwanted: number): void {
    if (pending === null || pending.delta.version !== unwanted) return;
    const { delta } = pending;
    pending = null;
    retainRows(delta);
    for (const slot of slots) slot.abort(unwanted);
  }

  return {
    counters,
    prepare,
    commit,
    abort,
    endpoints: () => counters.endpoints(),
    workers: () => slots.map((slot) => slot.state()),
    async close(drain_ms): Promise<void> {
      housekeeping.cancel();
      await Promise.all(slots.map((slot) => slot.close(drain_ms)));
      stdout?.close();
    },
  };
}
