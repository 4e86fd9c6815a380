// The samples that queries are measured on, as blocks: counters with resets, Gaussian gauges, and classic histograms.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { Env } from '../../packages/env/src/index.ts';
import { labelsFromObject, type Labels } from '../../packages/model/src/index.ts';
import { openDb } from '../../packages/tsdb/src/index.ts';

export const INTERVAL_MS = 15_000;
/** Blocks are of two hours, the default of both. */
export const BLOCK_MS: number = 2 * 3_600_000;
export const COUNTERS = 2000;
export const GAUGES = 400;
/** Bounds of each histogram, with +Inf. */
export const BOUNDS = 40;
export const HISTOGRAMS = 50;
const SERIES: number = COUNTERS + GAUGES + BOUNDS * HISTOGRAMS;
const JOBS = 10;
const CODES: readonly string[] = ['200', '301', '404', '500', '503'];
const UPKEEP_EVERY: number = BLOCK_MS / INTERVAL_MS;

/** Writes `hours` hours that end at end_ms (both whole blocks) under `dir`, and gives the folder that holds nothing but the blocks. */
export async function writeBlocks(
  env: Env,
  dir: string,
  end_ms: number,
  hours: number,
  at: (part: number) => void,
): Promise<string> {
  const path = join(dir, 'written');
  const db = await openDb(env, { path, retention_ms: 1e13, interval_ms: 2 ** 31 - 1, walSync_ms: 60_000 });
  const steps = (hours * 3_600_000) / INTERVAL_MS;
  const samples = newSamples();
  for (let k = 0; k < steps; k++) {
    const appender = db.appender();
    if (k === 0) for (let i = 0; i < SERIES; i++) samples.refs[i] = appender.series(labelsOf(i));
    next(samples, end_ms + (k - steps) * INTERVAL_MS);
    appender.floats(samples.refs, samples.t, samples.v, null, SERIES);
    const { accepted } = await appender.commit();
    if (accepted !== SERIES) throw new Error(`${accepted} of ${SERIES} samples were taken at step ${k}`);
    if (k % UPKEEP_EVERY === UPKEEP_EVERY - 1) await db.upkeep();
    at(k / steps);
  }
  const name = await db.snapshot(false);
  await db.close();
  return join(path, 'snapshots', name);
}

/** A copy of the blocks, for one server. */
export function copyBlocks(blocks: string, to: string): string {
  cpSync(blocks, to, { recursive: true });
  return to;
}

function labelsOf(i: number): Labels {
  if (i < COUNTERS) {
    const instance = Math.floor(i / CODES.length);
    return labelsFromObject({
      __name__: 'bench_requests_total',
      code: CODES[i % CODES.length]!,
      instance: instanceOf(instance),
      job: `job-${instance % JOBS}`,
    });
  }
  if (i < COUNTERS + GAUGES) {
    const instance = i - COUNTERS;
    return labelsFromObject({
      __name__: 'bench_load',
      instance: instanceOf(instance),
      job: `job-${instance % JOBS}`,
      zone: `zone-${instance % 3}`,
    });
  }
  const k = i - COUNTERS - GAUGES;
  const [histogram, bound] = [Math.floor(k / BOUNDS), k % BOUNDS];
  return labelsFromObject({
    __name__: 'bench_duration_seconds_bucket',
    instance: instanceOf(histogram),
    job: `job-${histogram % JOBS}`,
    le: bound === BOUNDS - 1 ? '+Inf' : String(0.005 * (bound + 1)),
  });
}

function instanceOf(i: number): string {
  return `10.0.${i >> 8}.${i & 255}:9100`;
}

interface Samples {
  readonly refs: Float64Array;
  readonly t: Float64Array;
  readonly v: Float64Array;
  readonly random: () => number;
}

function newSamples(): Samples {
  let seed = 1;
  return {
    refs: new Float64Array(SERIES),
    t: new Float64Array(SERIES),
    v: new Float64Array(SERIES),
    random: () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647,
  };
}

/** The scrape that begins at t_ms. A series is scraped at the same part of each interval, as Prometheus does, and never on a window's border. */
function next({ t, v, random }: Samples, t_ms: number): void {
  for (let i = 0; i < SERIES; i++)
    t[i] = t_ms + 1 + ((Math.floor(i / CODES.length) * 37) % (INTERVAL_MS - 1));
  for (let i = 0; i < COUNTERS; i++) {
    const more = 50 * random();
    // One of five counts seconds; sums of whole numbers alone would be equal too often for `topk`.
    v[i] = random() < 0.0005 ? 0 : v[i]! + (i % CODES.length === 4 ? more : Math.floor(more));
  }
  for (let i = COUNTERS; i < COUNTERS + GAUGES; i++)
    v[i] = 50 + 10 * Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  for (let i = COUNTERS + GAUGES; i < SERIES; i += BOUNDS) {
    let more = 0;
    for (let k = i; k < i + BOUNDS; k++) {
      if (random() < 0.5) more += Math.floor(random() * 3);
      v[k]! += more;
    }
  }
}
