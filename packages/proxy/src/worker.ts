// The entry of a worker thread. It does what the main thread says (start, prepare, commit, abort, close) and otherwise serves.
import { EnvError, joinPort, type Env, type Port } from '@munjigi/env';
import type { Problem } from '@munjigi/model';
import { Program, type Staged } from './compile.ts';
import { WORKER } from './counters/layout.ts';
import { rowKey } from './counters/rows.ts';
import { routeCell } from './counters/layout.ts';
import { LimitTable } from './filter/limits.ts';
import { Gate, type GateLimits } from './gate.ts';
import { ListenerPort } from './listen.ts';
import { AccessLog, type LogSink } from './log/access.ts';
import { fileSink, portSink } from './log/sink.ts';
import type { Delta, ListenerResource, Resource } from './snapshot.ts';
import { trustOf } from './trust.ts';
import { problem } from './validate.ts';

/** What a worker is started with. */
export interface WorkerData {
  /** From 0. */
  readonly index: number;
  /** Its counters. */
  readonly region: SharedArrayBuffer;
  readonly limits: SharedArrayBuffer;
  readonly limitSeed: number;
  /** null: none; '-': through the main thread. */
  readonly accessLog: string | null;
  readonly trusted: readonly string[];
  readonly gateLimits: GateLimits;
}

export interface StartMessage {
  readonly version: number;
  readonly resources: readonly Resource[];
  /** Keys and numbers of counter rows. */
  readonly rows: readonly (readonly [string, number])[];
}

export interface PrepareMessage {
  readonly delta: Delta;
  readonly rows: readonly (readonly [string, number])[];
}

export function run(env: Env, parent: Port, data: WorkerData): void {
  const cells = new Float64Array(data.region);
  const limits = new LimitTable(data.limits, data.limitSeed, data.index + 1, () => {
    cells[WORKER.limitEvicted]! += 1;
  });
  const rows = new Map<string, number>();
  const program = new Program(rows, cells, env.random, { limits });
  let sent: LogSink = () => false;
  const access =
    data.accessLog === null
      ? null
      : new AccessLog(
          data.accessLog === '-' ? (b, n) => sent(b, n) : fileSink(env, data.accessLog),
          (lines) => {
            cells[WORKER.logDropped]! += lines;
          },
        );
  const gate = new Gate(env, data.gateLimits, cells, access, trustOf(data.trusted), (now) =>
    program.evict(now),
  );
  const ports = new Map<string, ListenerPort>();
  let staged: { readonly what: Staged; readonly opened: Map<string, ListenerPort> } | null = null;

  const abort = async (): Promise<void> => {
    const opened = staged === null ? [] : [...staged.opened.values()];
    staged = null;
    for (const port of opened) await port.abort();
  };

  /** Compiles, and binds the ports that are new. */
  const prepare = async (delta: Delta): Promise<Problem[]> => {
    await abort();
    const { staged: what, problems } = program.stage(delta);
    if (what === null) return problems;
    const opened = new Map<string, ListenerPort>();
    for (const l of what.listeners) {
      const key = portKey(l);
      if (ports.has(key) || opened.has(key)) continue;
      const port = new ListenerPort(gate, l.address, l.port, what.hosts.get(l.name)!);
      try {
        await port.bind(data.index === 0);
        opened.set(key, port);
      } catch (error) {
        if (!(error instanceof EnvError)) throw error;
        problems.push(problem(l.name, portTrouble(l.address, l.port, error.code)));
      }
    }
    if (problems.some(({ severity }) => severity === 'error')) {
      for (const port of opened.values()) await port.abort();
      return problems;
    }
    staged = { what, opened };
    return problems;
  };

  const commit = (version: number): void => {
    if (staged === null || staged.what.version !== version)
      throw new Error(`version ${version} was not prepared here`);
    const { what, opened } = staged;
    staged = null;
    what.apply();
    gate.epoch++;
    for (const [key, port] of opened) ports.set(key, port);
    const wanted = new Set(what.listeners.map(portKey));
    for (const l of what.listeners) {
      const port = ports.get(portKey(l))!;
      port.hosts = what.hosts.get(l.name)!;
      port.start();
    }
    for (const [key, port] of ports)
      if (!wanted.has(key)) {
        ports.delete(key);
        void port.close();
      }
  };

  const addRows = (entries: readonly (readonly [string, number])[]): void => {
    for (const [key, row] of entries) rows.set(key, row);
    gate.noRouteCell = routeCell(rows.get(rowKey('route', '', '')) ?? 0);
  };

  const caller = joinPort(parent, {
    start: async ({ version, resources, rows: entries }: StartMessage) => {
      addRows(entries);
      const problems = await prepare({ base: 0, version, set: resources, remove: [] });
      if (!problems.some(({ severity }) => severity === 'error')) commit(version);
      return problems;
    },
    prepare: ({ delta, rows: entries }: PrepareMessage) => {
      addRows(entries);
      return prepare(delta);
    },
    commit: (version: number) => {
      commit(version);
      return version;
    },
    abort,
    forgetRows: (keys: readonly string[]) => {
      for (const key of keys) rows.delete(key);
    },
    close: async (drain_ms: number) => {
      gate.draining = true;
      await Promise.all([...ports.values()].map((port) => port.close()));
      const until = env.clock.monotonic() + drain_ms;
      while (gate.connections.some((c) => c.active) && env.clock.monotonic() < until)
        await env.clock.sleep(10);
      gate.stop();
      program.close();
      return gate.connections.filter((c) => c.active).length;
    },
  });
  if (data.accessLog === '-') sent = portSink(caller);
  parent.onClose(() => gate.stop());
}

function portKey(l: ListenerResource): string {
  return `${l.address} ${l.port}`;
}

/** Why a port can't be had, and what to do. */
export function portTrouble(address: string, port: number, code: string): string {
  const where = `${address}:${port}`;
  if (code === 'EADDRINUSE') return `${where} is in use by another program: stop it, or choose another port`;
  if (code === 'EACCES')
    return `${where} may not be bound by this user: choose a port from 1024 on, or allow it`;
  if (code === 'EADDRNOTAVAIL') return `${where} is no address of this machine`;
  return `${where} can't be bound: ${code}`;
}
