// The store's own metrics besides the head's: blocks, compactions, retention, faults. Names are Prometheus' where the meaning is the same.
import { metricFamilies, type FamilyRow } from '../head/families.ts';
import type { MetricFamily } from '@munjigi/model';
import type { BlockList } from './blocks.ts';

export interface DbCounters {
  headCuts: number;
  outOfOrderCuts: number;
  compactions: number;
  compaction_ms: number;
  filtered: number;
  timeRetentions: number;
  sizeRetentions: number;
  tombstoneCleanups: number;
  /** Monotonic ms of the last one. */
  snapshotAt_ms: number;
  /** By step of the upkeep. */
  readonly failures: Map<string, number>;
  /** The newest commit was refused because the disk is full. */
  diskFull: boolean;
  refusedCommits: number;
}

export function newDbCounters(now_ms: number): DbCounters {
  return {
    headCuts: 0,
    outOfOrderCuts: 0,
    compactions: 0,
    compaction_ms: 0,
    filtered: 0,
    timeRetentions: 0,
    sizeRetentions: 0,
    tombstoneCleanups: 0,
    snapshotAt_ms: now_ms,
    failures: new Map(),
    diskFull: false,
    refusedCommits: 0,
  };
}

const STEPS = ['sweep', 'head', 'compaction', 'retention', 'snapshot'] as const;

export function dbFamilies(c: DbCounters, blocks: BlockList, retention_bytes: number): MetricFamily[] {
  const failed = STEPS.reduce((sum, step) => sum + (c.failures.get(step) ?? 0), 0);
  const compactions = c.compactions + c.headCuts + c.outOfOrderCuts;
  const rows: FamilyRow[] = [
    ['prometheus_tsdb_blocks_loaded', 'gauge', blocks.list().length, 'Blocks that are served.'],
    [
      'munjigi_tsdb_blocks_aside',
      'gauge',
      blocks.aside().length,
      'Blocks that cannot be read and are left out.',
    ],
    ['prometheus_tsdb_storage_blocks_bytes', 'gauge', blocks.bytes(), 'Bytes of all blocks.'],
    ['prometheus_tsdb_retention_limit_bytes', 'gauge', retention_bytes, 'Limit of the size; 0: none.'],
    [
      'prometheus_tsdb_compactions_total',
      'counter',
      compactions,
      'Blocks written from the head and from blocks.',
    ],
    ['prometheus_tsdb_compactions_failed_total', 'counter', failed, 'Steps of upkeep that failed.'],
    ['munjigi_tsdb_head_cuts_total', 'counter', c.headCuts, 'Blocks cut from the head.'],
    ['munjigi_tsdb_block_merges_total', 'counter', c.compactions, 'Merges of blocks.'],
    ['munjigi_tsdb_block_merge_seconds_total', 'counter', c.compaction_ms / 1000, 'Time that merges took.'],
    ['munjigi_tsdb_block_filters_total', 'counter', c.filtered, 'Blocks rewritten for rules of retention.'],
    ['prometheus_tsdb_time_retentions_total', 'counter', c.timeRetentions, 'Blocks removed for their age.'],
    ['prometheus_tsdb_size_retentions_total', 'counter', c.sizeRetentions, 'Blocks removed for the size.'],
    [
      'munjigi_tsdb_tombstone_cleanups_total',
      'counter',
      c.tombstoneCleanups,
      'Clean-ups of deleted samples.',
    ],
    [
      'munjigi_tsdb_disk_full',
      'gauge',
      c.diskFull ? 1 : 0,
      '1: samples are refused until the disk has space.',
    ],
    ['munjigi_tsdb_commits_refused_total', 'counter', c.refusedCommits, 'Commits that the disk refused.'],
  ];
  for (const step of STEPS)
    rows.push([
      'munjigi_tsdb_upkeep_failures_total',
      'counter',
      c.failures.get(step) ?? 0,
      'Failures by step.',
      { step },
    ]);
  const oldest = blocks.list()[0]?.meta.minTime;
  if (oldest !== undefined)
    rows.push(
      ['prometheus_tsdb_lowest_timestamp', 'gauge', oldest, 'Oldest time in the blocks, ms.'],
      ['prometheus_tsdb_lowest_timestamp_seconds', 'gauge', oldest / 1000, 'Oldest time in the blocks.'],
    );
  return metricFamilies(rows);
}
