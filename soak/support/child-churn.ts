// The store of a churn run, in a process of its own that reports every simulated hour.
import { join } from 'node:path';
import { nodeEnv } from '@munjigi/env/node';
import type { Env } from '@munjigi/env';
import { labelsFromObject, newColumn, type Labels, type Querier } from '@munjigi/model';
import { openChunkReader, openDb, withBlocks, type Db } from '@munjigi/tsdb';
import { folderBytes } from '../../tools/folders.ts';

export interface ChurnJob {
  readonly dir: string;
  readonly series: number;
  readonly hours: number;
  /** The share of the series that is replaced in an hour. */
  readonly churn: number;
}

/** Bytes are means over the hour. */
export interface Hour {
  readonly hour: number;
  readonly series: number;
  /** Names that there ever were. */
  readonly everSeries: number;
  readonly heap: number;
  readonly external: number;
  readonly pages: number;
  /** heap, external and pages. */
  readonly held: number;
  readonly resident: number;
  readonly columns: number;
  readonly postings: number;
  readonly symbols: number;
  readonly chunks: number;
  /** columns, postings, symbols and chunks. */
  readonly structures: number;
  readonly log: number;
  readonly headChunks: number;
  readonly disk: number;
  readonly blocks: number;
}

/** An hour, or the part of all that is done. */
export type ChurnMessage = Hour | number;

const SCRAPE_MS = 15_000;
const HOUR_MS = 3_600_000;
const FROM_MS = 1_700_006_400_000;
/** Targets: each is one commit a scrape. */
const TARGETS = 10;
/** Replaced at once, so many times an hour. */
const ROLLOUTS = 12;
const LOOKS = 12;
const UPKEEP_MS = 60_000;
/** A query's lease lasts until the next one. */
const QUERY_MS: number = 4 * 60_000;
const CACHE_BYTES: number = 4 * 1024 * 1024;
const METRICS = 50;

process.on('message', (job: ChurnJob) => void run(job).then(() => process.disconnect()));

async function run(job: ChurnJob): Promise<void> {
  let now = FROM_MS;
  const env = simulatedTime(() => now);
  const db = await openDb(env, {
    path: job.dir,
    minBlock_ms: 15 * 60_000,
    retention_ms: HOUR_MS,
    // Upkeep comes by the simulated clock.
    interval_ms: 2 ** 31 - 1,
  });
  let held: Querier | null = null;
  const names = new Names(job.series);
  let looks: Omit<Hour, 'hour'>[] = [];
  const steps = (job.hours * HOUR_MS) / SCRAPE_MS;
  for (let step = 0; step < steps; step++) {
    now = FROM_MS + step * SCRAPE_MS;
    const inHour = (step * SCRAPE_MS) % HOUR_MS;
    if (inHour % (HOUR_MS / ROLLOUTS) === 0 && step > 0)
      await names.replace(db, Math.round((job.series * job.churn) / ROLLOUTS), now);
    await names.scrape(db, step, now);
    if ((step * SCRAPE_MS) % UPKEEP_MS === 0) await db.upkeep();
    if ((step * SCRAPE_MS) % QUERY_MS === 0) {
      // Selections that are still open while things are dropped.
      held?.close();
      held = await query(env, db, step);
    }
    if ((inHour + SCRAPE_MS) % (HOUR_MS / LOOKS) !== 0) continue;
    process.send!((step + 1) / steps);
    looks.push(look(db, job.dir, names.ever));
    if (inHour + SCRAPE_MS < HOUR_MS) continue;
    process.send!({ hour: Math.round(((step + 1) * SCRAPE_MS) / HOUR_MS), ...mean(looks) } satisfies Hour);
    looks = [];
  }
  held?.close();
  await db.close();
}

/** Reads a metric of head and blocks. What it read stays until the querier is closed. */
async function query(env: Env, db: Db, step: number): Promise<Querier> {
  const querier = withBlocks(env, db, { cacheBytes: CACHE_BYTES }).querier();
  const value = `container_metric_${step % METRICS}_total`;
  const selection = await querier.select(-Infinity, Infinity, [{ name: '__name__', op: '=', value }]);
  const reader = openChunkReader(env.files);
  const column = newColumn();
  await reader.load(selection, 0, selection.count);
  for (let i = 0; i < selection.count; i++) reader.series(selection, i, -Infinity, Infinity, column);
  if (selection.count === 0 || selection.warnings.length > 0)
    throw new Error(`${selection.count} series of ${value}: ${selection.warnings.join('; ')}`);
  return querier;
}

/** The real world with the time of the run: durations pass as they do, plus the hours that are skipped. */
function simulatedTime(now: () => number): Env {
  const env = nodeEnv({ logLevel: 'warn' });
  return { ...env, clock: { ...env.clock, now, monotonic: () => env.clock.monotonic() + now() - FROM_MS } };
}

/** The series that are scraped now. */
class Names {
  ever = 0;
  readonly #labels: Labels[] = [];
  readonly #refs: Float64Array;
  readonly #values: Float64Array;
  #next = 0;

  constructor(series: number) {
    for (let i = 0; i < series; i++) this.#labels.push(this.#fresh(i));
    this.#refs = new Float64Array(series);
    this.#values = new Float64Array(series);
  }

  /** A pod's name is in its series, and never comes again. */
  #fresh(place: number): Labels {
    const n = this.ever++;
    return labelsFromObject({
      __name__: `container_metric_${place % METRICS}_total`,
      pod: `shop-${(n * 2_654_435_761) >>> 0}-${n.toString(36)}`,
      namespace: `team-${place % 20}`,
      node: `node-${place % 40}`,
      container: `c${place % 3}`,
    });
  }

  /** Stale markers for the oldest, new names in their place. */
  async replace(db: Db, n: number, t: number): Promise<void> {
    const gone = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const place = this.#next;
      this.#next = (this.#next + 1) % this.#labels.length;
      gone[i] = this.#refs[place]!;
      this.#labels[place] = this.#fresh(place);
      this.#refs[place] = 0;
      this.#values[place] = 0;
    }
    const v = new Float64Array(n);
    const bits = new BigUint64Array(v.buffer);
    bits.fill(0x7ff0000000000002n);
    const appender = db.appender();
    appender.floats(gone, new Float64Array(n).fill(t - 1), v, null, n);
    await appender.commit();
  }

  async scrape(db: Db, step: number, t: number): Promise<void> {
    const per = Math.ceil(this.#labels.length / TARGETS);
    for (let from = 0; from < this.#labels.length; from += per) {
      const n = Math.min(per, this.#labels.length - from);
      const appender = db.appender();
      const refs = this.#refs.subarray(from, from + n);
      for (let i = 0; i < n; i++) {
        if (refs[i] === 0) refs[i] = appender.series(this.#labels[from + i]!);
        this.#values[from + i]! += (from + i + step) % 17;
      }
      appender.floats(refs, new Float64Array(n).fill(t), this.#values.subarray(from, from + n), null, n);
      const { faults } = await appender.commit();
      const fault = faults.find((f) => f !== 0);
      if (fault !== undefined) throw new Error(`fault ${fault} at step ${step}`);
    }
  }
}

function look(db: Db, dir: string, everSeries: number): Omit<Hour, 'hour'> {
  globalThis.gc!();
  const { heapUsed: heap, external, rss: resident } = process.memoryUsage();
  const { series, bytes } = db.stats();
  const { pages, columns, postings, symbols, chunks } = bytes;
  return {
    series,
    everSeries,
    heap,
    external,
    pages,
    held: heap + external + pages,
    resident,
    columns,
    postings,
    symbols,
    chunks,
    structures: columns + postings + symbols + chunks,
    log: folderBytes(join(dir, 'wal')),
    headChunks: folderBytes(join(dir, 'chunks_head')),
    disk: folderBytes(dir),
    blocks: db.blocks().length,
  };
}

function mean(looks: readonly Omit<Hour, 'hour'>[]): Omit<Hour, 'hour'> {
  const keys = Object.keys(looks[0]!) as (keyof Omit<Hour, 'hour'>)[];
  const sums = Object.fromEntries(
    keys.map((key) => [key, Math.round(looks.reduce((sum, one) => sum + one[key], 0) / looks.length)]),
  );
  return sums as unknown as Omit<Hour, 'hour'>;
}
