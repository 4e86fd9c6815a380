// The head's own metrics. Names are Prometheus' where the meaning is the same, so that dashboards and alerts go on working.
import { labelsFromObject, type MetricFamily, type MetricType } from '@munjigi/model';
import { chunkCount } from './status.ts';
import type { HeadState } from './state.ts';
import { UNIT_BYTES } from '../chunk/slots.ts';
import type { WalLog } from '../wal/log.ts';
import type { Replayed } from '../wal/replay.ts';

export type FamilyRow = readonly [
  name: string,
  type: MetricType,
  value: number,
  help: string,
  labels?: Record<string, string>,
];

export function headFamilies(
  state: HeadState,
  log: WalLog | null,
  replayed: Replayed | null,
): MetricFamily[] {
  const c = state.counters;
  const s = state.series;
  const float = { type: 'float' };
  const rows: FamilyRow[] = [
    ['prometheus_tsdb_head_series', 'gauge', s.live, 'Series in the head.'],
    ['prometheus_tsdb_head_series_created_total', 'counter', s.created, 'Series created in the head.'],
    ['prometheus_tsdb_head_series_removed_total', 'counter', s.removed, 'Series removed from the head.'],
    [
      'prometheus_tsdb_head_series_not_found_total',
      'counter',
      c.staleRef,
      'Samples of series that are gone.',
    ],
    ['prometheus_tsdb_head_chunks', 'gauge', chunkCount(state), 'Chunks in the head.'],
    [
      'prometheus_tsdb_head_chunks_created_total',
      'counter',
      state.openedChunks,
      'Chunks created in the head.',
    ],
    [
      'prometheus_tsdb_head_chunks_removed_total',
      'counter',
      c.chunksRemoved,
      'Chunks removed from the head.',
    ],
    ['prometheus_tsdb_head_samples_appended_total', 'counter', c.appended, 'Samples appended.', float],
    [
      'prometheus_tsdb_head_samples_appended_total',
      'counter',
      c.appendedHistograms,
      'Samples appended.',
      { type: 'histogram' },
    ],
    [
      'prometheus_tsdb_head_out_of_order_samples_appended_total',
      'counter',
      c.appendedOutOfOrder,
      'Out-of-order samples appended.',
    ],
    ['prometheus_tsdb_out_of_order_samples_total', 'counter', c.outOfOrder, 'Samples refused: out of order.'],
    [
      'prometheus_tsdb_out_of_bound_samples_total',
      'counter',
      c.outOfBounds,
      'Samples refused: before the range that the head takes.',
    ],
    [
      'prometheus_tsdb_too_old_samples_total',
      'counter',
      c.tooOld,
      'Samples refused: beyond the out-of-order window.',
    ],
    [
      'munjigi_tsdb_duplicate_samples_total',
      'counter',
      c.duplicate,
      'Samples refused: same time, other value.',
    ],
    [
      'munjigi_tsdb_unsupported_samples_total',
      'counter',
      c.unsupported,
      'Samples refused: kind or time not supported.',
    ],
    [
      'munjigi_tsdb_invalid_histograms_total',
      'counter',
      c.badHistograms,
      'Histograms refused: they contradict themselves.',
    ],
    ['munjigi_tsdb_series_refused_total', 'counter', c.limited, 'New series refused.', { reason: 'limit' }],
    [
      'munjigi_tsdb_series_refused_total',
      'counter',
      c.badLabels,
      'New series refused.',
      { reason: 'labels' },
    ],
    ['prometheus_tsdb_exemplar_exemplars_appended_total', 'counter', c.exemplars, 'Exemplars appended.'],
    [
      'prometheus_tsdb_exemplar_out_of_order_exemplars_total',
      'counter',
      c.exemplarsOutOfOrder,
      'Exemplars refused: out of order.',
    ],
    [
      'prometheus_tsdb_exemplar_exemplars_in_storage',
      'gauge',
      state.exemplars.count(),
      'Exemplars in the ring.',
    ],
    [
      'prometheus_tsdb_exemplar_max_exemplars',
      'gauge',
      state.exemplars.limit(),
      'Most exemplars that are kept.',
    ],
    ['prometheus_tsdb_mmap_chunks_total', 'counter', c.chunksFlushed, 'Closed chunks written to files.'],
    [
      'munjigi_tsdb_head_chunk_flush_failures_total',
      'counter',
      c.flushFailures,
      'Times closed chunks could not be written to files.',
    ],
    [
      'munjigi_tsdb_head_chunks_waiting',
      'gauge',
      state.chunks.waiting,
      'Closed chunks that are not in files yet.',
    ],
    [
      'prometheus_tsdb_mmap_chunk_corruptions_total',
      'counter',
      c.chunkFilesDamaged,
      'Damaged places found in files of chunks.',
    ],
    ['munjigi_tsdb_head_tombstones', 'gauge', state.tombstones.count(), 'Deleted ranges in the head.'],
    ['munjigi_tsdb_head_snapshots_total', 'counter', c.snapshots, 'Memory snapshots captured.'],
    [
      'munjigi_tsdb_head_snapshot_failures_total',
      'counter',
      c.snapshotFailures,
      'Memory snapshots that could not be captured.',
    ],
    [
      'munjigi_tsdb_head_out_of_order_series',
      'gauge',
      state.outOfOrder.size,
      'Series with out-of-order samples in the head.',
    ],
    ['munjigi_tsdb_head_commits_total', 'counter', c.commits, 'Commits logged.'],
    [
      'munjigi_tsdb_head_commits_waiting',
      'gauge',
      state.turns.waiting(),
      'Commits logged and not yet visible.',
    ],
    ['munjigi_tsdb_head_selects_total', 'counter', c.selects, 'Selects.'],
    ['prometheus_tsdb_head_truncations_total', 'counter', c.sweeps, 'Sweeps of the head.'],
    ['munjigi_tsdb_leases_open', 'gauge', state.leases.openCount(), 'Open queriers.'],
    [
      'munjigi_tsdb_leases_revoked_total',
      'counter',
      state.leases.revokedCount(),
      'Queriers open longer than lease_max.',
    ],
    [
      'munjigi_tsdb_slots_retired',
      'gauge',
      state.leases.retiredCount(),
      'Chunk slots that wait for queriers.',
    ],
    [
      'munjigi_tsdb_chunk_bytes',
      'gauge',
      state.slots.usedUnits() * UNIT_BYTES,
      'Bytes of chunk slots in use.',
    ],
    ['munjigi_tsdb_chunk_page_bytes', 'gauge', state.slots.pageBytes(), 'Bytes of chunk pages.'],
    ['prometheus_tsdb_symbol_table_size_bytes', 'gauge', state.symbols.bytes(), 'Bytes of label texts.'],
    [
      'prometheus_tsdb_wal_corruptions_total',
      'counter',
      c.walCorruptions,
      'Damaged places found in the log.',
    ],
    ['prometheus_tsdb_wal_truncations_total', 'counter', c.walTruncations, 'Times segments were dropped.'],
    ['prometheus_tsdb_checkpoint_creations_total', 'counter', c.checkpoints, 'Checkpoints written.'],
    [
      'prometheus_tsdb_checkpoint_creations_failed_total',
      'counter',
      c.checkpointFailures,
      'Checkpoints that failed.',
    ],
  ];
  if (state.mint <= state.maxt)
    rows.push(
      ['prometheus_tsdb_head_min_time', 'gauge', state.mint, 'Oldest time in the head, ms.'],
      ['prometheus_tsdb_head_max_time', 'gauge', state.maxt, 'Newest time in the head, ms.'],
      ['prometheus_tsdb_head_min_time_seconds', 'gauge', state.mint / 1000, 'Oldest time in the head.'],
      ['prometheus_tsdb_head_max_time_seconds', 'gauge', state.maxt / 1000, 'Newest time in the head.'],
    );
  if (state.outOfOrderMint <= state.outOfOrderMaxt)
    rows.push([
      'prometheus_tsdb_head_out_of_order_min_time',
      'gauge',
      state.outOfOrderMint,
      'Oldest out-of-order time in the head, ms.',
    ]);
  if (log !== null) {
    const w = log.writer;
    rows.push(
      ['prometheus_tsdb_wal_segment_current', 'gauge', w.segment(), 'The segment that is written to.'],
      [
        'prometheus_tsdb_wal_writes_failed_total',
        'counter',
        w.failures(),
        'Writes and syncs of the log that failed.',
      ],
      ['munjigi_tsdb_wal_written_bytes_total', 'counter', w.written(), 'Bytes written to the log.'],
      [
        'munjigi_tsdb_wal_unsynced_bytes',
        'gauge',
        w.written() - w.synced(),
        'Bytes a power failure would lose.',
      ],
      ['munjigi_tsdb_wal_syncs_total', 'counter', w.syncs(), 'Syncs of the log.'],
      ['munjigi_tsdb_wal_segments', 'gauge', log.segmentMaxt.size, 'Segments of the log.'],
    );
  }
  if (replayed !== null)
    rows.push(
      [
        'prometheus_tsdb_data_replay_duration_seconds',
        'gauge',
        replayed.duration_ms / 1000,
        'How long the replay at start took.',
      ],
      [
        'prometheus_tsdb_snapshot_replay_error_total',
        'counter',
        replayed.snapshotErrors,
        'Memory snapshots that the start could not use.',
      ],
    );
  return metricFamilies(rows);
}

/** Rows of one name stand together. */
export function metricFamilies(rows: readonly FamilyRow[]): MetricFamily[] {
  const families = new Map<
    string,
    { name: string; help: string; type: MetricType; samples: MetricFamily['samples'][number][] }
  >();
  for (const [name, type, value, help, labels] of rows) {
    let family = families.get(name);
    if (family === undefined) families.set(name, (family = { name, help, type, samples: [] }));
    family.samples.push({ suffix: '', labels: labelsFromObject(labels ?? {}), value });
  }
  return [...families.values()];
}
