// The same samples in our store and in live servers: written once by our Appender, the folder copied for each server, both opened.
import { cpSync } from 'node:fs';
import { OurStore } from '../tsdb-interop/ours.ts';
import type { Row } from '../tsdb-interop/samples.ts';
import { startServer, type Server } from './server.ts';

/** A series with its samples in time order. */
export interface SeriesData {
  readonly labels: Readonly<Record<string, string>>;
  readonly rows: readonly Omit<Row, 's'>[];
}

/** Everything stays in the head of both, in chunks cut at the same times. */
const DAY_MS = 86_400_000;
const SERVER_ARGS: readonly string[] = [
  '--storage.tsdb.min-block-duration=24h',
  '--storage.tsdb.max-block-duration=24h',
  '--log.level=error',
];
const FEATURES: readonly string[] = [
  'promql-experimental-functions',
  'promql-binop-fill-modifiers',
  'st-storage',
];

/** Lock, closed chunks and memory snapshots. */
const NOT_THE_LOG = /^.(?:lock|chunks_head|chunk_snapshot)/;

/** Writes series in this order, which becomes the order of their references, into a new folder. */
export async function writeSeries(dir: string, series: readonly SeriesData[]): Promise<void> {
  const store = await openOurs(
    dir,
    series.map(({ labels }) => labels),
  );
  try {
    for (const [s, { rows }] of series.entries())
      for (const run of runsOfKind(rows)) await store.append(run.map((row) => ({ ...row, s })));
  } finally {
    await store.close();
  }
}

/** A commit takes floats before histograms: a series that has both goes in several. */
function runsOfKind(rows: SeriesData['rows']): SeriesData['rows'][number][][] {
  const runs: SeriesData['rows'][number][][] = [];
  rows.forEach((row, i) => {
    if (i === 0 || (row.h === undefined) !== (rows[i - 1]!.h === undefined)) runs.push([]);
    runs.at(-1)!.push(row);
  });
  return runs;
}

/** A folder that `writeSeries` made, for queries; `labels` only for whoever writes. */
export function openOurs(dir: string, labels: readonly SeriesData['labels'][] = []): Promise<OurStore> {
  return OurStore.open({ path: dir, minBlock_ms: DAY_MS, xor2: true }, labels);
}

/** A server over a copy of that folder's log, beside it: its chunks are of its own making. */
export function startTwin(
  program: string,
  dir: string,
  name: string,
  features: readonly string[] = [],
): Promise<Server> {
  const data = `${dir}-${name}`;
  cpSync(dir, data, {
    recursive: true,
    filter: (path) => path === dir || !NOT_THE_LOG.test(path.slice(dir.length)),
  });
  return startServer({
    program,
    data,
    args: [...SERVER_ARGS, `--enable-feature=${[...FEATURES, ...features].join(',')}`],
  });
}
