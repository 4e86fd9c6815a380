// What the HTTP surface asks of the rest of the program: plain functions and data that the wiring hands over. No endpoint reaches further.
import type { RefusedView, TargetsView } from '@munjigi/collect';
import type { Clock, Log } from '@munjigi/env';
import type { Applied, Matcher, MetricFamily, Problem } from '@munjigi/model';
import type { QueryReply, QueryRequest } from '@munjigi/query';

export interface ApiDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Runs queries; `signal` is aborted when the client goes away. */
  readonly query: { readonly query: (request: QueryRequest, signal?: AbortSignal) => Promise<QueryReply> };
  /** Active and dropped targets of all scrape pools. */
  readonly targets: () => Promise<TargetsView>;
  /** Munjigi's own metrics of all threads. */
  readonly families: () => Promise<readonly MetricFamily[]>;
  /** prometheus.yml as it is applied, secrets masked. */
  readonly configText: () => string;
  /** Flags and settings as Prometheus names them. */
  readonly flags: Readonly<Record<string, string>>;
  readonly buildInfo: BuildInfo;
  /** Features by category, as Prometheus names them. */
  readonly features: Readonly<Record<string, Readonly<Record<string, boolean>>>>;
  readonly runtimeInfo: () => RuntimeInfo | Promise<RuntimeInfo>;
  /** The `limit` largest of each statistic. */
  readonly tsdbStatus: (limit: number) => Promise<TsdbStatus>;
  /** The store's blocks by time. */
  readonly blocks: () => Promise<readonly BlockView[]>;
  /** Active series, their caps, and what the caps refused: of targets the `limit` that refused most of late. */
  readonly cardinality: (limit: number) => Promise<CardinalityView>;
  /** Whether the three below may be asked for. */
  readonly adminApi: boolean;
  /** Hides the samples in [mint, maxt] (ms, both inclusive) of series that match any of the selectors. */
  readonly deleteSeries: (
    matchers: readonly (readonly Matcher[])[],
    mint: number,
    maxt: number,
  ) => Promise<void>;
  /** Writes blocks anew without what was deleted. */
  readonly cleanTombstones: () => Promise<void>;
  /** Copies the store to a new folder below its `snapshots`; gives that folder's name. */
  readonly snapshot: (skipHead: boolean) => Promise<{ readonly name: string }>;
  readonly walReplay: () => WalReplay | Promise<WalReplay>;
  readonly ready: () => { readonly ready: boolean; readonly reason: string };
  /** Reads all configuration again. */
  readonly reload: () => Promise<Applied>;
  /** State of the gate: version, listeners, routes, endpoints' health, workers: plain data. */
  readonly gateway: () => Promise<object>;
  /** Problems of the configuration as it was last tried. */
  readonly problems: () => readonly Problem[];
  /** A file of the console by path ('/index.html'); null: none. */
  readonly asset: (path: string) => Asset | null;
  /**
   * Names under which the surface is reached besides IP addresses and localhost; null: any name. Administrative requests under another name
   * are refused, so that a web page can't reach a loopback listener through a name of its own.
   */
  readonly hostNames: readonly string[] | null;
}

export interface Asset {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** The name holds a hash of the content: may be kept for ever. */
  readonly immutable: boolean;
}

export interface BuildInfo {
  readonly version: string;
  readonly revision: string;
  readonly branch: string;
  readonly buildUser: string;
  readonly buildDate: string;
  /** Where Prometheus has its Go version: ours is Node's. */
  readonly goVersion: string;
}

export interface RuntimeInfo {
  readonly startTime_ms: number;
  readonly cwd: string;
  readonly hostname: string;
  readonly reloadConfigSuccess: boolean;
  readonly lastConfigTime_ms: number;
  readonly corruptionCount: number;
  readonly threads: number;
  readonly cpus: number;
  /** Bytes; 0: no limit is known. */
  readonly memoryLimit: number;
  readonly storageRetention: string;
}

export interface TsdbStatus {
  readonly headStats: {
    readonly numSeries: number;
    readonly numLabelPairs: number;
    readonly chunkCount: number;
    /** ms; null: the head is empty. */
    readonly minTime: number | null;
    readonly maxTime: number | null;
  };
  readonly seriesCountByMetricName: readonly TsdbStat[];
  readonly labelValueCountByLabelName: readonly TsdbStat[];
  readonly memoryInBytesByLabelName: readonly TsdbStat[];
  readonly seriesCountByLabelValuePair: readonly TsdbStat[];
}

export interface TsdbStat {
  readonly name: string;
  readonly value: number;
}

/** What a block's meta.json says, with Prometheus' names; times in ms, [minTime, maxTime). */
export interface BlockView {
  readonly ulid: string;
  readonly minTime: number;
  readonly maxTime: number;
  readonly stats: {
    readonly numSamples: number;
    readonly numFloatSamples: number;
    readonly numHistogramSamples: number;
    readonly numSeries: number;
    readonly numChunks: number;
    readonly numTombstones: number;
  };
  readonly compaction: {
    readonly level: number;
    readonly sources: readonly string[];
    readonly deletable?: boolean;
    readonly parents?: readonly {
      readonly ulid: string;
      readonly minTime: number;
      readonly maxTime: number;
    }[];
    readonly failed?: boolean;
    readonly hints?: readonly string[];
  };
  readonly version: number;
}

export interface CardinalityView extends RefusedView {
  readonly head: {
    /** Active series now. */
    readonly series: number;
    /** 0: no cap. */
    readonly maxSeries: number;
  };
}

/** WAL segments. */
export interface WalReplay {
  readonly min: number;
  readonly max: number;
  readonly current: number;
}
