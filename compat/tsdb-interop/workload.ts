// What is written in a comparison, and what must be found: some hours of counters, gauges, odd values, series that come and go, samples out of
// order and native histograms, from one seed, with a plain record of all of it.
import {
  hexOf,
  inOrder,
  labelsText,
  rowText,
  STALE,
  type FoundSeries,
  type Histogram,
  type Row,
} from './samples.ts';
import type { Selector } from './remote-read.ts';

export interface WorkloadOptions {
  readonly seed: number;
  readonly hours: number;
  readonly step_ms: number;
  /** Time of the first sample. */
  readonly from_ms: number;
  readonly histograms: boolean;
  readonly customBuckets: boolean;
  readonly startTimes: boolean;
  readonly exemplars: boolean;
  /** 0: everything in order. */
  readonly outOfOrder_ms: number;
}

type Labels = Readonly<Record<string, string>>;

interface SeriesPlan {
  readonly labels: Labels;
  /** The sample at step k, or null. `t` is the step's time. */
  readonly at: (k: number, t: number) => Omit<Row, 's'> | null;
}

export interface Batch {
  readonly rows: readonly Row[];
}

export class Workload {
  readonly options: WorkloadOptions;
  readonly steps: number;
  readonly #series: SeriesPlan[] = [];
  /** By series: time -> row. */
  readonly #truth: Map<number, Row>[] = [];
  readonly #random: () => number;
  #deleted = false;

  constructor(options: WorkloadOptions) {
    this.options = options;
    this.steps = Math.floor((options.hours * 3_600_000) / options.step_ms);
    this.#random = randomFrom(options.seed);
    this.#plan();
    for (let i = 0; i < this.#series.length; i++) this.#truth.push(new Map());
  }

  get labels(): Labels[] {
    return this.#series.map(({ labels }) => labels);
  }

  get mint(): number {
    return this.options.from_ms;
  }

  /** After the newest sample. */
  get end(): number {
    return this.options.from_ms + this.steps * this.options.step_ms;
  }

  get samples(): number {
    return this.#truth.reduce((sum, rows) => sum + rows.size, 0);
  }

  /** The batches of steps [from, to), which count as written from now on. */
  *batches(from: number, to: number): Generator<Batch> {
    const { from_ms, step_ms, outOfOrder_ms } = this.options;
    for (let k = from; k < to; k++) {
      const t = from_ms + k * step_ms;
      const rows: Row[] = [];
      this.#series.forEach(({ at }, s) => {
        const row = at(k, t);
        if (row !== null) rows.push({ s, ...row });
      });
      if (outOfOrder_ms > 0 && k % 7 === 3) rows.push(...this.#late(t));
      for (const row of rows) this.#truth[row.s]!.set(row.t, row);
      yield { rows };
    }
  }

  /** Samples of the past that fit in between. */
  #late(now: number): Row[] {
    const rows: Row[] = [];
    this.#series.forEach(({ labels }, s) => {
      const first = this.options.from_ms;
      if (labels['__name__'] !== 'late' || now - first < 1000) return;
      for (let i = 0; i < 3; i++) {
        const back = Math.min(this.options.outOfOrder_ms - 1, now - first);
        const t = now - 1 - Math.floor(this.#random() * (back - 1));
        if (t < first || this.#truth[s]!.has(t) || rows.some((row) => row.s === s && row.t === t)) continue;
        rows.push({ s, t, v: hexOf(this.#random() * 100) });
      }
    });
    return rows;
  }

  /** What a delete in [mint, maxt] takes. */
  delete(selector: Selector): void {
    this.#deleted = true;
    this.#series.forEach(({ labels }, s) => {
      if (!matches(labels, selector)) return;
      for (const t of this.#truth[s]!.keys())
        if (t >= selector.mint && t <= selector.maxt) this.#truth[s]!.delete(t);
    });
  }

  /** What a select must find. */
  find(selector: Selector, withSt: boolean = false): FoundSeries[] {
    const found: FoundSeries[] = [];
    this.#series.forEach(({ labels }, s) => {
      if (!matches(labels, selector)) return;
      const rows = [...this.#truth[s]!.values()]
        .filter(({ t }) => t >= selector.mint && t <= selector.maxt)
        .sort((a, b) => a.t - b.t)
        .map((row) => rowText(row, withSt));
      found.push({ labels: labelsText(labels), rows });
    });
    return inOrder(found);
  }

  /** Exemplars of a metric, as `labels value time`. */
  exemplars(metric: string): string[] {
    const out: string[] = [];
    this.#series.forEach(({ labels }, s) => {
      if (labels['__name__'] !== metric) return;
      for (const { x } of this.#truth[s]!.values())
        for (const e of x ?? []) out.push(`${labelsText(labels)} ${labelsText(e.labels)} ${e.v} ${e.t}`);
    });
    return out.sort();
  }

  /** `n` selectors over names, values, patterns and time ranges that find much, little or nothing. */
  selectors(n: number): Selector[] {
    const random = randomFrom(this.options.seed + 1);
    const below = (limit: number): number => Math.floor(random() * limit);
    const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
    const names = [...new Set(this.labels.map((labels) => labels['__name__']!)), 'absent'];
    const span = this.end - this.mint;
    return Array.from({ length: n }, () => {
      const chosen = pick(this.labels);
      const name = below(10) === 0 ? pick(names) : chosen['__name__']!;
      const matchers: Selector['matchers'][number][] = [];
      const kind = below(8);
      if (kind < 4) matchers.push({ name: '__name__', op: '=', value: name });
      else if (kind === 4) matchers.push({ name: '__name__', op: '=~', value: `${name.slice(0, 3)}.*` });
      else if (kind === 5) matchers.push({ name: '__name__', op: '=~', value: `${name}|${pick(names)}` });
      else if (kind === 6) matchers.push({ name: '__name__', op: '!=', value: name });
      else matchers.push({ name: '__name__', op: '=~', value: '.+' });
      for (let extra = below(3); extra > 0; extra--) {
        const labels = below(4) === 0 ? pick(this.labels) : chosen;
        const [key, value] = pick(Object.entries(labels));
        if (key === '__name__') continue;
        const other = pick(this.labels)[key] ?? '';
        const text = value.replace(/[^\w]/g, '.');
        matchers.push(
          pick<Selector['matchers'][number]>([
            { name: key, op: '=', value },
            { name: key, op: '!=', value },
            { name: key, op: '=~', value: `${text}|${other.replace(/[^\w]/g, '.')}` },
            { name: key, op: '!~', value: `${text.slice(0, 2)}.*` },
            { name: key, op: '=', value: '' },
            { name: key, op: '!=', value: '' },
            { name: 'nosuch', op: '=', value: '' },
            { name: key, op: '=~', value: `.*${text.slice(-1)}` },
          ]),
        );
      }
      const mint = this.mint + below(span);
      const maxt = mint + below(pick([1000, 60_000, 3_600_000, span]));
      if (below(4) === 0) return { mint: this.mint, maxt: this.end, matchers };
      // Prometheus 3.16 panics when a read cuts a chunk at both ends and a deleted range comes later.
      if (this.#deleted)
        return below(2) === 0 ? { mint: this.mint, maxt, matchers } : { mint, maxt: this.end, matchers };
      return { mint, maxt, matchers };
    });
  }

  // ---- which series there are

  #plan(): void {
    const { startTimes, histograms, customBuckets, exemplars } = this.options;
    const random = this.#random;
    const below = (n: number): number => Math.floor(random() * n);
    for (let i = 0; i < 40; i++) {
      let value = below(1e6);
      let st = this.options.from_ms - below(1e7);
      const code = String(200 + (i % 5));
      this.#series.push({
        labels: {
          __name__: 'requests_total',
          instance: `10.0.0.${i >> 2}:9090`,
          code,
          job: `job-${i % 3}`,
          path: `/ü/"${i % 4}"`,
        },
        at: (k, t) => {
          if (below(30) === 0) return null;
          if (below(200) === 0) {
            value = 0;
            st = t - 1;
          }
          value += below(50);
          const x =
            exemplars && i === 0 && k % 20 === 0
              ? [{ labels: { trace: `t${k}` }, v: hexOf(k), t: t - 5 }]
              : undefined;
          return { t: t + below(900), v: hexOf(value), ...(startTimes ? { st } : {}), ...(x ? { x } : {}) };
        },
      });
    }
    for (let i = 0; i < 20; i++)
      this.#series.push({
        labels: { __name__: 'temperature', room: `r${i}`, job: 'home' },
        at: (_, t) => ({ t, v: hexOf(20 + (i % 4 === 0 ? below(5) : random() * 5)) }),
      });
    const odd = [
      '7ff8000000000001',
      'fff8000000000000',
      STALE,
      '7ff0000000000000',
      'fff0000000000000',
      '8000000000000000',
      '0000000000000001',
      '7fefffffffffffff',
      '0000000000000000',
    ];
    for (let i = 0; i < 4; i++)
      this.#series.push({
        labels: { __name__: 'odd', n: String(i) },
        at: (_, t) => ({ t, v: odd[below(odd.length)]! }),
      });
    for (let i = 0; i < 16; i++)
      this.#series.push({
        labels: { __name__: 'churn', pod: `pod-${i}-${'x'.repeat(i)}`, job: `job-${i % 3}` },
        at: (k, t) => {
          const life = Math.floor(this.steps / 8);
          const k0 = i * Math.floor(life / 2);
          if (k < k0 || k > k0 + life) return null;
          return { t, v: k === k0 + life ? STALE : hexOf(k) };
        },
      });
    for (let i = 0; i < 6; i++)
      this.#series.push({
        labels: { __name__: 'late', n: String(i) },
        at: (k, t) => (k % 3 === 0 ? { t: t + 1, v: hexOf(k * i) } : null),
      });
    if (histograms) this.#planHistograms(customBuckets);
  }

  #planHistograms(customBuckets: boolean): void {
    const { startTimes } = this.options;
    const random = this.#random;
    const below = (n: number): number => Math.floor(random() * n);
    const kinds: readonly ('int' | 'float' | 'custom' | 'gauge' | 'mixed')[] = [
      'int',
      'int',
      'float',
      'float',
      'gauge',
      'mixed',
      'custom',
      'custom',
    ];
    kinds.forEach((kind, i) => {
      if (kind === 'custom' && !customBuckets) return;
      let state = newBuckets(below, kind === 'custom');
      const st0 = this.options.from_ms - 5000;
      this.#series.push({
        labels: { __name__: 'latency', n: String(i), kind },
        at: (k, t) => {
          if (below(20) === 0) return null;
          if (below(120) === 0) state = newBuckets(below, kind === 'custom');
          if (kind === 'mixed' && k % 40 < 10) return { t, v: hexOf(k) };
          const st = startTimes ? { st: st0 } : {};
          const float = kind === 'float' || (kind === 'custom' && i % 2 === 1);
          if (below(100) === 0) return { t, h: { ...EMPTY, float, sum: STALE }, ...st };
          observe(state, below, kind === 'gauge');
          return { t, h: histogramOf(state, float, kind === 'gauge'), ...st };
        },
      });
    });
  }
}

const EMPTY: Histogram = { schema: 0, zero_threshold: 0, zero_count: 0, count: hexOf(0), sum: hexOf(0) };

interface Buckets {
  readonly schema: number;
  readonly zeroThreshold: number;
  zero: number;
  sum: number;
  readonly positive: Map<number, number>;
  readonly negative: Map<number, number>;
  readonly bounds: readonly number[];
}

function newBuckets(below: (n: number) => number, custom: boolean): Buckets {
  return {
    schema: custom ? -53 : below(6) - 1,
    zeroThreshold: custom ? 0 : 0.001,
    zero: 0,
    sum: 0,
    positive: new Map(),
    negative: new Map(),
    bounds: custom ? [0.1, 0.5, 1, 5, 10 + below(3)] : [],
  };
}

function observe(b: Buckets, below: (n: number) => number, gauge: boolean): void {
  const custom = b.bounds.length > 0;
  for (let i = below(5); i >= 0; i--) {
    const side = !custom && below(4) === 0 ? b.negative : b.positive;
    const bucket = custom ? below(6) : below(12) - 4;
    side.set(bucket, (side.get(bucket) ?? 0) + 1 + below(3));
  }
  if (gauge && b.positive.size > 3) b.positive.delete([...b.positive.keys()][0]!);
  if (!custom) b.zero += below(2);
  b.sum += below(1000) / 8;
}

function histogramOf(b: Buckets, float: boolean, gauge: boolean): Histogram {
  const scale = float ? 1.5 : 1;
  const side = (counts: ReadonlyMap<number, number>): { spans: [number, number][]; list: number[] } => {
    const spans: [number, number][] = [];
    const list: number[] = [];
    let next = 0;
    for (const [bucket, count] of [...counts].sort(([a], [c]) => a - c)) {
      const last = spans.at(-1);
      if (last !== undefined && bucket === next) last[1]++;
      else spans.push([bucket - (last === undefined ? 0 : next), 1]);
      next = bucket + 1;
      list.push(count * scale);
    }
    return { spans, list };
  };
  const positive = side(b.positive);
  const negative = side(b.negative);
  const zero_count = b.zero * scale;
  const count = [...positive.list, ...negative.list].reduce((sum, n) => sum + n, zero_count);
  return {
    float,
    hint: gauge ? 3 : 0,
    schema: b.schema,
    zero_threshold: b.zeroThreshold,
    zero_count,
    count: hexOf(count),
    sum: hexOf(b.sum),
    positive_spans: positive.spans,
    negative_spans: negative.spans,
    positive: positive.list,
    negative: negative.list,
    ...(b.bounds.length > 0 ? { bounds: b.bounds } : {}),
  };
}

function matches(labels: Labels, { matchers }: Selector): boolean {
  return matchers.every(({ name, op, value }) => {
    const is = labels[name] ?? '';
    if (op === '=') return is === value;
    if (op === '!=') return is !== value;
    return new RegExp(`^(?:${value})$`, 's').test(is) === (op === '=~');
  });
}

function randomFrom(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}
