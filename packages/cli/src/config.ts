// munjigi.yaml: the program's own configuration, one table. Paths in it are relative to the file. docs/configuration.md is its manual.
import {
  boolean,
  byKind,
  byteSize,
  decode,
  duration,
  enumOf,
  integer,
  list,
  object,
  optional,
  problemAt,
  readDocuments,
  refine,
  required,
  string,
  withDefault,
  type Decoder,
} from '@munjigi/document';
import type { Problem } from '@munjigi/model';
import { storageSchema, storageSettings, type StorageSettings } from './storage-settings.ts';

/** An address to listen on. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface MunjigiConfig {
  readonly gateway: {
    readonly listen: readonly Endpoint[];
    /** Folders and files of gateway documents. */
    readonly files: readonly string[];
    /** Proxy threads; 0: one a core. */
    readonly workers: number;
    /** '-' standard output, 'off', or a file. */
    readonly accessLog: string;
  } | null;
  readonly metrics: StorageSettings & {
    /** Path of prometheus.yml; null: nothing is scraped. */
    readonly config: string | null;
    readonly path: string;
  };
  readonly query: {
    /** Query threads; 0: one a core. */
    readonly workers: number;
    readonly timeout_ms: number;
    readonly maxConcurrency: number;
    readonly maxSamples: number;
    readonly lookback_ms: number;
    /** Bytes that one query, and all together, may hold; null: from the machine's memory. */
    readonly maxMemory: number | null;
    readonly maxMemoryTotal: number | null;
    /** Slower ones are told in the log; 0: none. */
    readonly slow_ms: number;
    readonly features: readonly QueryFeature[];
  };
  readonly console: { readonly listen: Endpoint; readonly allowReload: boolean };
}

/** Of memory; smaller is a size whose unit was forgotten. */
const size = refine(byteSize, (bytes, report) =>
  bytes === 0 || bytes >= 1024 ** 2 ? bytes : report('is less than 1MB: was its unit forgotten?'),
);

/** Prometheus' features of queries that may be switched on. */
export type QueryFeature = 'query-cost' | 'promql-delayed-name-removal' | 'use-start-timestamps';

const port = integer({ min: 1, max: 65535 });

/** A setting of the design that this version does not have: only `off` is taken. */
function notYet(what: string): ReturnType<typeof optional<string>> {
  return optional(
    refine(scalarText(), (value, report) =>
      value === 'off' ? value : report(`${what} is not supported yet: remove it or write off`),
    ),
  );
}

function scalarText(): Decoder<string> {
  return byKind<string>({ scalar: string(), map: () => 'on', list: () => 'on' });
}

/** `127.0.0.1:9090`, `:9090`, `[::1]:9090`, or 9090. */
const endpoint: Decoder<Endpoint> = refine(string(), (text, report) => {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^:]*):)?(\d{1,5})$/.exec(text);
  const number = Number(match?.[2]);
  if (match === null || number < 1 || number > 65535)
    return report(`wants address:port such as 127.0.0.1:9090, got ${JSON.stringify(text)}`);
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '');
  return { address: host, port: number };
});

const listener: Decoder<Endpoint> = byKind<Endpoint>({
  scalar: endpoint,
  map: refine(
    object({
      port: required(port),
      address: withDefault(string(), ''),
      tls: notYet('TLS on the gateway'),
    }),
    ({ port, address }) => ({ address, port }),
  ),
});

const file = string({ nonEmpty: true });

/** What a storage section without a word means. */
const DEFAULT_STORAGE = decode({ kind: 'map', entries: [], line: 1, column: 1 }, storageSchema, {
  file: '',
}).value!;

const schema = object({
  gateway: optional(
    object({
      listen: withDefault(list(listener, { min: 1, max: 64 }), [{ address: '', port: 8000 }]),
      workers: withDefault(integer({ min: 0, max: 256 }), 0),
      access_log: withDefault(file, '-'),
      sources: optional(
        object({
          files: withDefault(list(file, { max: 100 }), []),
          database: notYet('a configuration database'),
          kubernetes: notYet('Kubernetes as a source'),
        }),
      ),
      mesh: notYet('the mesh listener'),
    }),
  ),
  metrics: optional(
    object({
      config: optional(file),
      storage: withDefault(storageSchema, DEFAULT_STORAGE),
      object_store: notYet('an object store'),
    }),
  ),
  query: optional(
    object({
      workers: withDefault(integer({ min: 0, max: 256 }), 0),
      timeout: withDefault(duration({ min: 100 }), 120_000),
      max_concurrency: withDefault(integer({ min: 1, max: 10_000 }), 20),
      max_samples: withDefault(integer({ min: 1 }), 50_000_000),
      lookback_delta: withDefault(duration({ min: 1 }), 300_000),
      max_memory: optional(size),
      max_memory_total: optional(size),
      slow: withDefault(duration(), 0),
      features: withDefault(
        list(enumOf('query-cost', 'promql-delayed-name-removal', 'use-start-timestamps'), { max: 3 }),
        [],
      ),
    }),
  ),
  console: optional(
    object({
      listen: withDefault(endpoint, { address: '127.0.0.1', port: 9090 }),
      lifecycle: withDefault(boolean, true),
      auth: notYet('authentication of the console'),
    }),
  ),
  log: optional(object({ level: withDefault(enumOf('debug', 'info', 'warn', 'error'), 'info') })),
});

export interface ReadConfig {
  readonly config: MunjigiConfig | null;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly problems: Problem[];
}

/** Parses munjigi.yaml. `directory` is where relative paths start; `dataDir`, when given, replaces the storage path's folder. */
export function parseMunjigiConfig(
  name: string,
  text: string,
  directory: string,
  dataDir: string | null = null,
): ReadConfig {
  const { documents, problems } = readDocuments(name, text);
  const refusedDocument = (message: string): ReadConfig => ({
    config: null,
    logLevel: 'info',
    problems: [...problems, { severity: 'error', file: name, line: 1, column: 1, field: '', message }],
  });
  if (documents.length > 1)
    return refusedDocument('wants one document, got several: remove the --- between them');
  if (documents.length === 0 && problems.length > 0) return { config: null, logLevel: 'info', problems };
  if (documents.length === 0) return refusedDocument('the file is empty: name at least gateway or metrics');
  const decoded = decode(documents[0]!, schema, { file: name, unknownFields: 'error' });
  problems.push(...decoded.problems);
  const value = decoded.value;
  if (value === undefined) return { config: null, logLevel: 'info', problems };

  const at = (path: string): string => absolute(directory, path);
  const { gateway, metrics, query } = value;
  const storage = metrics?.storage ?? DEFAULT_STORAGE;
  if (storage.read_only && metrics?.config !== undefined)
    problems.push(
      problemAt(metrics, 'warning', 'nothing is scraped into a read-only store: it is ignored', 'config'),
    );
  const config: MunjigiConfig = {
    gateway:
      gateway === undefined
        ? null
        : {
            listen: gateway.listen.map(({ address, port }) => ({
              address: address === '' ? '0.0.0.0' : address,
              port,
            })),
            files: (gateway.sources?.files ?? []).map(at),
            workers: gateway.workers,
            accessLog:
              gateway.access_log === '-' || gateway.access_log === 'off'
                ? gateway.access_log
                : at(gateway.access_log),
          },
    metrics: {
      ...storageSettings(storage, at),
      config: metrics?.config === undefined || storage.read_only ? null : at(metrics.config),
      path: dataDir === null ? at(storage.path) : `${dataDir}/metrics`,
    },
    query: {
      workers: query?.workers ?? 0,
      timeout_ms: query?.timeout ?? 120_000,
      maxConcurrency: query?.max_concurrency ?? 20,
      maxSamples: query?.max_samples ?? 50_000_000,
      lookback_ms: query?.lookback_delta ?? 300_000,
      maxMemory: query?.max_memory ?? null,
      maxMemoryTotal: query?.max_memory_total ?? null,
      slow_ms: query?.slow ?? 0,
      features: query?.features ?? [],
    },
    console: {
      listen: consoleAddress(value.console?.listen),
      allowReload: value.console?.lifecycle ?? true,
    },
  };
  return { config, logLevel: value.log?.level ?? 'info', problems };
}

/** The console is on loopback unless an address is written out. */
function consoleAddress(listen: Endpoint | undefined): Endpoint {
  if (listen === undefined) return { address: '127.0.0.1', port: 9090 };
  return listen.address === '' ? { address: '127.0.0.1', port: listen.port } : listen;
}

function absolute(directory: string, path: string): string {
  return path.startsWith('/') ? path : `${directory}/${path.replace(/^\.\//, '')}`;
}
