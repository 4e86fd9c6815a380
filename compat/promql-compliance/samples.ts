// Samples for the metrics that the compliance queries ask: three instances of a demo service, scraped every 15 s for three hours and a half,
// from one seed.
import { Prng } from '@munjigi/env/sim';
import type { SeriesData } from '../prometheus/twins.ts';
import { hexOf, STALE } from '../tsdb-interop/samples.ts';

export const DEMO = { start_ms: 1_700_000_000_000, end_ms: 1_700_012_600_000, interval_ms: 15_000 } as const;

const INSTANCES: readonly string[] = ['10000', '10001', '10002'].map((port) => `demo.promlabs.com:${port}`);
const DURATION_BOUNDS: readonly string[] = [
  '0.0001',
  '0.001',
  '0.01',
  '0.05',
  '0.1',
  '0.5',
  '1',
  '10',
  '+Inf',
];

type Labels = Readonly<Record<string, string>>;
type Rows = SeriesData['rows'];

/** In the order of their labels. */
export function demoSeries(): SeriesData[] {
  const random = new Prng(3_160, 'demo');
  const series: SeriesData[] = [];
  INSTANCES.forEach((instance, i) => {
    const add = (name: string, labels: Labels, rows: Rows): void => {
      series.push({ labels: { __name__: name, instance, job: 'demo', ...labels }, rows });
    };
    const steady = (value: number): Rows => scrapes(random, i, () => value);
    add('demo_num_cpus', {}, steady(4));
    add('up', {}, steady(1));
    add('demo_disk_total_bytes', {}, steady(256e9));
    let disk = 1e9 * (i + 1);
    add(
      'demo_disk_usage_bytes',
      {},
      scrapes(random, i, () => (disk += random.between(0, 20_000))),
    );
    for (const type of ['buffers', 'cached', 'free', 'used'])
      add(
        'demo_memory_usage_bytes',
        { type },
        scrapes(random, i, (k) => Math.round(1e9 + 5e8 * Math.sin(k / 40 + i) + random.between(0, 1e7))),
      );
    for (const mode of ['idle', 'system', 'user']) {
      const seconds = counter(random, () => random.between(0, 30));
      add('demo_cpu_usage_seconds_total', { mode }, scrapes(random, i, seconds));
    }
    let batch = DEMO.start_ms / 1000;
    add(
      'demo_batch_last_success_timestamp_seconds',
      {},
      scrapes(random, i, (k, t) => (k % (19 + i) === 0 ? (batch = Math.floor(t / 1000)) : batch)),
    );
    if (i < 2)
      add(
        'demo_intermittent_metric',
        {},
        scrapes(
          random,
          i,
          (k) => k,
          (k) => (k % 20 < 9 ? 'there' : k % 20 === 9 ? 'stale' : 'away'),
        ),
      );
    for (const method of ['GET', 'POST'])
      for (const path of ['/api/bar', '/api/foo'])
        for (const status of ['200', '500']) {
          const labels = { method, path, status };
          addDurations(random, i, (name, more, rows) => add(name, { ...labels, ...more }, rows));
        }
  });
  return series.sort((a, b) => (labelOrder(a) < labelOrder(b) ? -1 : 1));
}

function labelOrder({ labels }: SeriesData): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}\0${value}`)
    .join('\0');
}

/** A classic histogram whose buckets are scraped together. */
function addDurations(
  random: Prng,
  instance: number,
  add: (name: string, labels: Labels, rows: Rows) => void,
): void {
  const shape = DURATION_BOUNDS.map(() => random.below(5));
  const steps: number[][] = [];
  let counts = shape.map(() => 0);
  for (let k = 0; k <= stepCount(); k++) {
    if (random.chance(0.002)) counts = counts.map(() => 0);
    counts = counts.map((n, b) => n + random.below(1 + shape[b]!));
    steps.push(counts);
  }
  const upTo = (k: number, b: number): number => steps[k]!.slice(0, b + 1).reduce((sum, n) => sum + n, 0);
  const missing = new Set(steps.flatMap((_, k) => (random.chance(0.01) ? [k] : [])));
  const rows = (value: (k: number) => number): Rows =>
    scrapes(random, instance, value, (k) => (missing.has(k) ? 'away' : 'there'));
  DURATION_BOUNDS.forEach((le, b) =>
    add(
      'demo_api_request_duration_seconds_bucket',
      { le },
      rows((k) => upTo(k, b)),
    ),
  );
  const last = DURATION_BOUNDS.length - 1;
  add(
    'demo_api_request_duration_seconds_count',
    {},
    rows((k) => upTo(k, last)),
  );
  add(
    'demo_api_request_duration_seconds_sum',
    {},
    rows((k) => upTo(k, last) / 64),
  );
}

function counter(random: Prng, more: () => number): () => number {
  let value = random.between(0, 1e5);
  return () => (value = random.chance(0.003) ? 0 : value + more());
}

function stepCount(): number {
  return (DEMO.end_ms - DEMO.start_ms) / DEMO.interval_ms;
}

/** One value a scrape; each instance has its place in the interval, and one scrape in a hundred fails (in runs of up to 30, ended by a mark). */
function scrapes(
  random: Prng,
  instance: number,
  value: (k: number, t: number) => number,
  state: (k: number) => 'there' | 'stale' | 'away' = () => 'there',
): Rows {
  const rows: SeriesData['rows'][number][] = [];
  let gap = 0;
  for (let k = 0; k <= stepCount(); k++) {
    const t = DEMO.start_ms + k * DEMO.interval_ms + 4321 * instance;
    const v = value(k, t);
    if (gap > 0) gap--;
    else if (random.chance(0.003)) {
      gap = random.below(30);
      rows.push({ t, v: STALE });
    } else if (state(k) === 'there') rows.push({ t, v: hexOf(v) });
    else if (state(k) === 'stale') rows.push({ t, v: STALE });
  }
  return rows;
}
