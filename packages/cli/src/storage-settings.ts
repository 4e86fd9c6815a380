// `metrics.storage` of munjigi.yaml, and what prometheus.yml changes of it while the program runs.
import type { StorageConfig } from '@munjigi/collect';
import {
  boolean,
  byteSize,
  duration,
  enumOf,
  integer,
  list,
  number,
  object,
  optional,
  refine,
  required,
  string,
  withDefault,
  type Decoder,
} from '@munjigi/document';
import type { Matcher } from '@munjigi/model';
import { parseSelector, printParseError } from '@munjigi/promql';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const LONGEST_RETENTION_MS = 100 * 365 * DAY_MS;
const DEFAULT_RETENTION_MS = 15 * DAY_MS;
const DEFAULT_BLOCK_MS = 2 * HOUR_MS;
const LONGEST_BLOCK_MS = 31 * DAY_MS;
/** Anything smaller is a size whose unit was forgotten. */
const SMALLEST_SIZE = 1024 ** 2;
const MAX_RULES = 100;

/** What prometheus.yml may change without a restart. */
export interface ReloadableStorage {
  /** 0: for ever. */
  readonly retention_ms: number;
  /** Of the blocks, the log and the head's chunks; 0: no limit. */
  readonly retention_bytes: number;
  /** Of the disk's size, 0 to 100; 0: no limit. Where it is set `retention_bytes` does not count. */
  readonly retention_percentage: number;
  readonly outOfOrderWindow_ms: number;
  readonly floatEncoding: 'xor' | 'xor2';
  /** 0: none are kept. */
  readonly maxExemplars: number;
}

export interface StorageSettings extends ReloadableStorage {
  /** The first rule that matches a series decides; retention_ms 0: for ever. */
  readonly retentionBy: readonly { readonly matchers: readonly Matcher[]; readonly retention_ms: number }[];
  readonly walSync_ms: number | 'always';
  readonly walCompression: 'none' | 'snappy' | 'zstd';
  /** 0: only when the program stops. */
  readonly snapshotInterval_ms: number;
  /** Active series of the store and of one scrape target; 0: no limit. */
  readonly maxSeries: number;
  readonly maxSeriesPerTarget: number;
  readonly minBlock_ms: number;
  readonly maxBlock_ms: number;
  /** Whether series may be deleted and snapshots taken over HTTP. */
  readonly adminApi: boolean;
  /** A shipper's list of uploaded blocks; null: compactions wait for nobody. */
  readonly delayCompactFile: string | null;
  /** Another process writes the folder. */
  readonly readOnly: boolean;
}

const file = string({ nonEmpty: true });

const walSync: Decoder<number | 'always'> = (node, context) =>
  node.kind === 'scalar' && node.text === 'always'
    ? 'always'
    : duration({ min: 10, max: MINUTE_MS })(node, context);

/** 0 is "no limit", nothing between it and a minute makes sense. */
const retention: Decoder<number> = refine(duration({ max: LONGEST_RETENTION_MS }), (ms, report) =>
  ms === 0 || ms >= MINUTE_MS ? ms : report('must be 0 (for ever) or at least 1m'),
);

const retentionSize: Decoder<number> = refine(byteSize, (bytes, report) =>
  bytes === 0 || bytes >= SMALLEST_SIZE ? bytes : report('is less than 1MB: was its unit forgotten?'),
);

const selector: Decoder<readonly Matcher[]> = refine(file, (text, report) => {
  const read = parseSelector(text);
  return 'matchers' in read ? read.matchers : report(`is no selector: ${printParseError(read.errors[0]!)}`);
});

type ChunkEncoding = WrittenStorage['chunk_encoding'];

const chunkEncoding: Decoder<ChunkEncoding> = object({
  floats: withDefault(enumOf('xor', 'xor2'), 'xor'),
});

const block = duration({ min: MINUTE_MS, max: LONGEST_BLOCK_MS });
const series = integer({ min: 0, max: 1e9 });

/** The section as it is written; durations in ms. */
export interface WrittenStorage {
  readonly path: string;
  readonly retention: number | undefined;
  readonly retention_size: number;
  readonly retention_percentage: number;
  readonly retention_by: readonly { readonly match: readonly Matcher[]; readonly keep: number }[];
  readonly wal_sync: number | 'always';
  readonly wal_compression: 'none' | 'snappy' | 'zstd';
  readonly snapshot_interval: number;
  readonly out_of_order_time_window: number;
  readonly chunk_encoding: { readonly floats: 'xor' | 'xor2' };
  readonly max_exemplars: number;
  readonly max_series: number;
  readonly max_series_per_target: number;
  readonly min_block_duration: number;
  readonly max_block_duration: number | undefined;
  readonly admin_api: boolean;
  readonly delay_compact_file: string | undefined;
  readonly read_only: boolean;
}

export const storageSchema: Decoder<WrittenStorage> = object(
  {
    path: withDefault(file, './data/metrics'),
    retention: optional(retention),
    retention_size: withDefault(retentionSize, 0),
    retention_percentage: withDefault(number({ min: 0, max: 100 }), 0),
    retention_by: withDefault(
      list(object({ match: required(selector), keep: required(retention) }), { max: MAX_RULES }),
      [],
    ),
    wal_sync: withDefault(walSync, 1000),
    wal_compression: withDefault(enumOf('none', 'snappy', 'zstd'), 'snappy'),
    snapshot_interval: withDefault(duration({ max: DAY_MS }), 15 * MINUTE_MS),
    out_of_order_time_window: withDefault(duration({ max: LONGEST_RETENTION_MS }), 0),
    chunk_encoding: withDefault<ChunkEncoding>(chunkEncoding, { floats: 'xor' }),
    max_exemplars: withDefault(integer({ min: 0, max: 1e8 }), 10_000),
    max_series: withDefault(series, 0),
    max_series_per_target: withDefault(series, 0),
    min_block_duration: withDefault(block, DEFAULT_BLOCK_MS),
    max_block_duration: optional(block),
    admin_api: withDefault(boolean, false),
    delay_compact_file: optional(file),
    read_only: withDefault(boolean, false),
  },
  {
    check: (value, report) => {
      const { min_block_duration: min, max_block_duration: max } = value;
      if (max !== undefined && max < min)
        report.error('max_block_duration', 'is less than min_block_duration');
      if (value.retention_percentage > 0 && value.retention_size > 0)
        report.warn('retention_size', 'has no effect, because retention_percentage is set');
      if (value.read_only && value.admin_api)
        report.warn('admin_api', 'has no effect with read_only: nothing can be changed');
    },
  },
);

/** What the section means; `at` makes a path absolute. */
export function storageSettings(s: WrittenStorage, at: (path: string) => string): StorageSettings {
  const limited = s.retention_size > 0 || s.retention_percentage > 0;
  // As Prometheus: who limits the size and says nothing of the time keeps what fits.
  const retention_ms = s.retention ?? (limited ? 0 : DEFAULT_RETENTION_MS);
  return {
    retention_ms,
    retention_bytes: s.retention_size,
    retention_percentage: s.retention_percentage,
    outOfOrderWindow_ms: s.out_of_order_time_window,
    floatEncoding: s.chunk_encoding.floats,
    maxExemplars: s.max_exemplars,
    retentionBy: s.retention_by.map(({ match, keep }) => ({ matchers: match, retention_ms: keep })),
    walSync_ms: s.wal_sync,
    walCompression: s.wal_compression,
    snapshotInterval_ms: s.snapshot_interval,
    maxSeries: s.max_series,
    maxSeriesPerTarget: s.max_series_per_target,
    minBlock_ms: s.min_block_duration,
    maxBlock_ms: s.max_block_duration ?? longestBlock(retention_ms, s.min_block_duration),
    adminApi: s.admin_api && !s.read_only,
    delayCompactFile: s.delay_compact_file === undefined ? null : at(s.delay_compact_file),
    readOnly: s.read_only,
  };
}

/** As Prometheus: a tenth of the retention, so that what expires leaves in small steps. */
function longestBlock(retention_ms: number, min_ms: number): number {
  const tenth = retention_ms > 0 ? Math.floor(retention_ms / 10) : LONGEST_BLOCK_MS;
  return Math.max(min_ms, Math.min(LONGEST_BLOCK_MS, tenth));
}

/** The settings with what prometheus.yml says in its own `storage` section, which wins. */
export function reloadedStorage(settings: ReloadableStorage, said: StorageConfig): ReloadableStorage {
  const { retention: r } = said;
  return {
    retention_ms: r === undefined ? settings.retention_ms : r.time,
    retention_bytes: r === undefined ? settings.retention_bytes : r.size,
    retention_percentage: r === undefined ? settings.retention_percentage : r.percentage,
    outOfOrderWindow_ms: said.out_of_order_time_window ?? settings.outOfOrderWindow_ms,
    floatEncoding: said.float_encoding ?? settings.floatEncoding,
    maxExemplars: said.max_exemplars ?? settings.maxExemplars,
  };
}
