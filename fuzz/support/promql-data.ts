// Random series for queries: half an hour to an hour of counters and gauges with gaps, resets, staleness marks, infinities and NaN, classic
// histograms, native ones of all kinds, and info metrics. All of it from one seed.
import { Prng } from '@munjigi/env/sim';
import type { SeriesData } from '../../compat/prometheus/twins.ts';
import { hexOf, STALE } from '../../compat/tsdb-interop/samples.ts';
import { randomHistograms, type HistogramKind } from './promql-histograms.ts';

export type FamilyKind = 'gauge' | 'counter' | 'bucket' | 'histogram' | 'mixed' | 'info';

/** A metric as the queries know it. */
export interface Family {
  readonly name: string;
  readonly kind: FamilyKind;
}

export interface DataSet {
  readonly start_ms: number;
  readonly end_ms: number;
  readonly interval_ms: number;
  readonly families: readonly Family[];
  /** In label order. */
  readonly series: readonly SeriesData[];
}

/** Values that labels of all families take. */
export const LABEL_VALUES: Readonly<Record<string, readonly string[]>> = {
  a: ['x', 'y', 'z'],
  b: ['1', '2'],
  instance: ['i1', 'i2'],
  job: ['api', 'db'],
};

const HISTOGRAMS: readonly (readonly [name: string, kind: HistogramKind])[] = [
  ['nh1', 'counter'],
  ['nh2', 'counter'],
  ['nh_gauge', 'gauge'],
  ['nh_schemas', 'schemas'],
  ['nh_custom', 'custom'],
  ['nh_customs', 'custom-different'],
];

const BASE_MS = 1_700_000_000_000;

type Sample = SeriesData['rows'][number];
type Labels = Readonly<Record<string, string>>;

export function randomData(seed: number): DataSet {
  const random = new Prng(seed, 'data');
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
  const interval_ms = pick([10_000, 15_000, 15_000, 30_000, 60_000]);
  const start_ms = BASE_MS + random.below(3) * 7_200_000 - pick([0, 1, 600_000]);
  const end_ms = start_ms + interval_ms * (60 + random.below(80));
  const families: Family[] = [];
  const series: SeriesData[] = [];
  const scrape = { random, start_ms, end_ms, interval_ms };

  /** Some of the label sets that two labels make, each with rows of its own. */
  const family = (
    name: string,
    kind: FamilyKind,
    rows: (labels: Labels) => Sample[],
    most: number = 6,
    more: readonly Labels[] = [{}],
  ): void => {
    families.push({ name, kind });
    const sets = new Map<string, Labels>();
    const names = pick([
      ['a', 'b'],
      ['a', 'b'],
      ['a', 'instance', 'job'],
      ['instance', 'job'],
    ]);
    for (let i = 1 + random.below(most); i > 0; i--) {
      const labels = Object.fromEntries(
        names.filter(() => !random.chance(0.1)).map((label) => [label, pick(LABEL_VALUES[label]!)]),
      );
      sets.set(JSON.stringify(labels), labels);
    }
    for (const labels of sets.values())
      for (const extra of more) {
        const data = rows({ ...labels, ...extra });
        if (data.length > 0) series.push({ labels: { __name__: name, ...labels, ...extra }, rows: data });
      }
  };

  for (const name of ['g1', 'g2', 'g3']) family(name, 'gauge', () => floats(scrape, gauge(random)));
  family('flat', 'gauge', () => floats(scrape, () => pick([1, 1, 2])));
  family('odd', 'gauge', () => floats(scrape, odd(random)));
  for (const name of ['c1_total', 'c2_total', 'c3'])
    family(name, 'counter', () => counterRows(scrape, pick(['none', 'given', 'given', 'wild'])));
  for (const name of ['lat_bucket', 'size_bucket']) {
    const { rows, bounds } = classicRows(scrape);
    family(name, 'bucket', rows, 3, bounds);
  }
  for (const [name, kind] of HISTOGRAMS)
    for (const float of [false, true])
      family(float ? `${name}_f` : name, 'histogram', () => histogramRows(scrape, kind, float), 4);
  family('mixed', 'mixed', () => mixedRows(scrape, false));
  family('mixed_total', 'mixed', () => mixedRows(scrape, true));
  // A family whose series are partly floats and partly histograms, as after a change of instrumentation.
  family('both', 'mixed', () =>
    random.chance(0.5) ? floats(scrape, gauge(random)) : histogramRows(scrape, 'gauge', random.chance(0.5)),
  );
  addInfo(scrape, families, series);
  series.sort((x, y) => (orderOf(x) < orderOf(y) ? -1 : 1));
  return { start_ms, end_ms, interval_ms, families, series };
}

function orderOf({ labels }: SeriesData): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}\0${value}`)
    .join('\0');
}

interface Scrape {
  readonly random: Prng;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly interval_ms: number;
}

/** Times of one series: with or without jitter, in stretches, some scrapes lost. `end` marks what is lost after a time of samples. */
function* times({ random, start_ms, end_ms, interval_ms }: Scrape): Generator<{ t: number; end: boolean }> {
  const jitter = random.chance(0.5) ? 0 : random.below(interval_ms / 2);
  const offset = random.chance(0.5) ? 0 : random.below(interval_ms);
  const lossy = random.chance(0.3) ? 0.2 : 0.01;
  const marks = random.chance(0.7);
  let away = random.chance(0.2) ? random.below(40) : 0;
  for (let t = start_ms + offset; t <= end_ms; t += interval_ms) {
    if (away > 0) away--;
    else if (random.chance(0.015)) {
      away = 1 + random.below(45);
      if (marks) yield { t, end: true };
    } else if (!random.chance(lossy)) yield { t: t + (jitter > 0 ? random.below(jitter) : 0), end: false };
  }
}

function floats(scrape: Scrape, next: () => number): Sample[] {
  return Array.from(times(scrape), ({ t, end }) => ({ t, v: end ? STALE : hexOf(next()) }));
}

function gauge(random: Prng): () => number {
  const shape = random.below(5);
  let value = random.between(-100, 100);
  return () => {
    switch (shape) {
      case 0:
        return random.below(5);
      case 1:
        return (value += random.between(-3, 3));
      case 2:
        return (value = random.chance(0.2) ? random.below(20) - 10 : value);
      case 3:
        return random.between(-1, 1) * 10 ** (random.below(20) - 10);
      default:
        return 0.1 * random.below(100);
    }
  };
}

const ODD: readonly number[] = [
  NaN,
  Infinity,
  -Infinity,
  -0,
  0,
  1,
  5e-324,
  1.7976931348623157e308,
  -1e300,
  1e16,
  9007199254740992,
];

function odd(random: Prng): () => number {
  const often = random.chance(0.5);
  return () => (often || random.chance(0.1) ? ODD[random.below(ODD.length)]! : random.below(100));
}

/** Start times: none; the time of the last reset; or anything, overlapping and missing ones too. */
function counterRows(scrape: Scrape, starts: 'none' | 'given' | 'wild'): Sample[] {
  const { random, start_ms, interval_ms } = scrape;
  const whole = random.chance(0.6);
  const resets = random.chance(0.3) ? 0.1 : 0.02;
  let value = random.below(1000);
  let st = start_ms - random.below(600_000);
  return Array.from(times(scrape), ({ t, end }) => {
    if (end) return { t, v: STALE };
    if (random.chance(resets)) {
      value = random.chance(0.5) ? 0 : random.below(Math.max(1, Math.floor(value)));
      st = t - random.below(interval_ms);
    }
    value += random.chance(0.3) ? 0 : whole ? random.below(50) : random.between(0, 5);
    const sample = { t, v: hexOf(value) };
    if (starts === 'none') return sample;
    if (starts === 'wild' && random.chance(0.2))
      st = [0, t, t - 1, t - 2 * interval_ms, t + 1, t - interval_ms][random.below(6)]!;
    return { ...sample, st };
  });
}

/** Buckets of a classic histogram, with what goes wrong with them: missing bounds, counts that are not monotonic, bounds that are none. */
function classicRows(scrape: Scrape): { bounds: Labels[]; rows: (labels: Labels) => Sample[] } {
  const { random } = scrape;
  const all = ['-1', '0', '0.1', '0.5', '1', '5', '10', '+Inf'];
  const bounds = all.filter((le, i) => (le === '+Inf' || i > 1 ? !random.chance(0.1) : random.chance(0.2)));
  if (random.chance(0.2)) bounds.push(['much', '1e1', '', '0.10'][random.below(4)]!);
  const steady = random.chance(0.6);
  return {
    bounds: bounds.map((le): Labels => (le === '' ? {} : { le })),
    rows: ({ le = '' }) => {
      const level = Math.max(1, all.indexOf(le) + 1);
      let value = 0;
      return floats(
        scrape,
        () => (value = random.chance(0.01) ? 0 : value + level * (steady ? 3 : random.below(5))),
      );
    },
  };
}

function histogramRows(scrape: Scrape, kind: HistogramKind, float: boolean): Sample[] {
  const { random, start_ms, interval_ms } = scrape;
  const next = randomHistograms(random, kind, float);
  const starts = random.chance(0.4);
  let st = start_ms - random.below(600_000);
  return Array.from(times(scrape), ({ t, end }) => {
    if (end) return { t, h: { ...next.stale } };
    const { h, reset } = next.next();
    if (reset) st = t - random.below(interval_ms);
    return starts ? { t, h, st } : { t, h };
  });
}

/** Stretches of floats and of histograms in one series. */
function mixedRows(scrape: Scrape, counter: boolean): Sample[] {
  const { random } = scrape;
  const next = randomHistograms(random, counter ? 'counter' : 'gauge', random.chance(0.5));
  let value = 0;
  let histograms = random.chance(0.5);
  return Array.from(times(scrape), ({ t, end }) => {
    if (random.chance(0.08)) histograms = !histograms;
    if (end) return { t, v: STALE };
    if (histograms) return { t, h: next.next().h };
    value = counter ? value + random.below(9) : random.below(50);
    return { t, v: hexOf(value) };
  });
}

/** `target_info` and `build_info`: labels that change now and then, the old series marked stale or forgotten, sometimes two at a time. */
function addInfo(scrape: Scrape, families: Family[], series: SeriesData[]): void {
  const { random, start_ms, end_ms, interval_ms } = scrape;
  for (const name of ['target_info', 'build_info']) {
    families.push({ name, kind: 'info' });
    for (const instance of LABEL_VALUES['instance']!)
      for (const job of LABEL_VALUES['job']!) {
        if (random.chance(0.2)) continue;
        let from = start_ms;
        for (let version = 1; from < end_ms; version++) {
          const until = from + interval_ms * (5 + random.below(100));
          const rows: Sample[] = [];
          for (let t = from; t < Math.min(until, end_ms); t += interval_ms) rows.push({ t, v: hexOf(1) });
          if (until < end_ms && random.chance(0.7)) rows.push({ t: until, v: STALE });
          const labels: Record<string, string> = { __name__: name, instance, job, version: `v${version}` };
          if (random.chance(0.6)) labels['env'] = random.chance(0.5) ? 'prod' : 'dev';
          if (random.chance(0.2)) labels['a'] = 'info';
          series.push({ labels, rows });
          from = until - (random.chance(0.2) ? 3 * interval_ms : 0);
        }
      }
  }
}
