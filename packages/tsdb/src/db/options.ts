// What a store is opened with, and what may change while it runs.
import type { Clock, Codec, Files, Log, Random, Workers } from '@munjigi/env';
import type { RetentionRule } from '../compact/retention.ts';
import type { PlantedFaults } from '../faults.ts';
import type { HeadOptions } from '../head/head.ts';
import type { ReplayStatus } from '../wal/replay.ts';

export interface DbEnv {
  readonly clock: Clock;
  readonly files: Files;
  readonly codec: Codec;
  readonly log: Log;
  readonly random: Random;
  readonly workers: Workers;
}

/** May change while the store runs. */
export interface DbSettings {
  /** Blocks whose newest sample is older than this before the newest block's end are removed; 0: never. Default: 15 days. */
  readonly retention_ms?: number;
  /** Blocks, log and head chunks take at most this many bytes; 0: no limit. */
  readonly retention_bytes?: number;
  /** The same as a share of the disk, 0 to 100; goes before retention_bytes. */
  readonly retention_percentage?: number;
  /** Selectors that are kept longer or shorter; the first that matches decides. */
  readonly retentionBy?: readonly RetentionRule[];
  /** How much older than the newest sample of all a sample may be when it is out of order; 0: none is taken. */
  readonly outOfOrderWindow_ms?: number;
  /** Floats are written as XOR2, with their start times. */
  readonly xor2?: boolean;
  /** New series beyond this are refused; 0: no limit. */
  readonly maxSeries?: number;
  readonly maxExemplars?: number;
}

export interface DbOptions extends DbSettings {
  /** The data folder, Prometheus' own. */
  readonly path: string;
  /** ms between fsyncs (default 1000), or 'always': a commit waits for one (several share it). */
  readonly walSync_ms?: number | 'always';
  readonly walCompression?: 'none' | 'snappy' | 'zstd';
  /** The head's block range. Default: 2 h. */
  readonly minBlock_ms?: number;
  /** No merged block spans more. Default: a tenth of the retention, at most 31 days. */
  readonly maxBlock_ms?: number;
  /** Between memory snapshots, which bound the replay at start; 0: only when it is closed. Default: 15 min. */
  readonly snapshotInterval_ms?: number;
  /** A shipper's list of the blocks it has uploaded: others are not merged. */
  readonly delayCompactFile?: string | null;
  /** Serves what another process writes: takes no lock, changes nothing, looks for what is new every 15 s. */
  readonly readOnly?: boolean;
  /** Between two looks whether there is something to do. Default: 1 min. */
  readonly interval_ms?: number;
  readonly leaseMax_ms?: number;
  readonly maxPages?: number;
  readonly segmentBytes?: number;
  readonly slice_ms?: number;
  readonly onReplay?: (status: ReplayStatus) => void;
  /** Bugs on purpose, for the tests of the tests. */
  readonly faults?: PlantedFaults;
}

/** Options with every default filled in. */
export type OpenOptions = Omit<DbOptions, keyof Defaults> & Defaults;

type Defaults = Required<Omit<DbOptions, 'path' | 'maxBlock_ms' | 'onReplay' | 'faults'>>;

export const DB_DEFAULTS: Defaults = {
  retention_ms: 15 * 86_400_000,
  retention_bytes: 0,
  retention_percentage: 0,
  retentionBy: [],
  outOfOrderWindow_ms: 0,
  xor2: false,
  maxSeries: 0,
  maxExemplars: 10_000,
  walSync_ms: 1000,
  walCompression: 'snappy',
  minBlock_ms: 2 * 3_600_000,
  snapshotInterval_ms: 15 * 60_000,
  delayCompactFile: null,
  readOnly: false,
  interval_ms: 60_000,
  leaseMax_ms: 5 * 60_000,
  maxPages: 8192,
  segmentBytes: 128 * 1024 * 1024,
  slice_ms: 3,
};

/** What of it the head needs. */
export function headSettings(o: OpenOptions): HeadOptions {
  return {
    path: o.path,
    outOfOrderWindow_ms: o.outOfOrderWindow_ms,
    xor2: o.xor2,
    walSync_ms: o.walSync_ms,
    walCompression: o.walCompression,
    leaseMax_ms: o.leaseMax_ms,
    maxSeries: o.maxSeries,
    maxPages: o.maxPages,
    maxExemplars: o.maxExemplars,
    segmentBytes: o.segmentBytes,
    chunkRange_ms: o.minBlock_ms,
    // The store's own upkeep sweeps the head.
    sweepInterval_ms: NEVER_MS,
    slice_ms: o.slice_ms,
    readOnly: o.readOnly,
    ...(o.onReplay === undefined ? {} : { onReplay: o.onReplay }),
    ...(o.faults === undefined ? {} : { faults: o.faults }),
  };
}

const NEVER_MS: number = 2 ** 31 - 1;
