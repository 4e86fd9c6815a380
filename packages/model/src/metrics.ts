// Munjigi's own metrics as plain data: every part fills a Registry in its thread, the wiring gathers the families, `exposition` writes
// them, and they are scraped like any other target's.
import { compareLabels, labelsFromObject, labelsKey, type Labels } from './labels.ts';
import type { MetricType } from './storage.ts';

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly samples: readonly MetricSample[];
}

/** `suffix` is '' or '_bucket', '_sum', '_count'. */
export interface MetricSample {
  readonly suffix: string;
  readonly labels: Labels;
  readonly value: number;
}

interface Series {
  readonly labels: Labels;
  value: number;
}

/** A counter or gauge with labels. Hold the result of `with` where it is counted often. */
export class Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly #series = new Map<string, Series>();

  constructor(name: string, help: string, type: 'counter' | 'gauge') {
    this.name = name;
    this.help = help;
    this.type = type;
  }

  with(labels: Readonly<Record<string, string>> = {}): { add(n?: number): void; set(value: number): void } {
    const sorted = labelsFromObject(labels);
    const key = labelsKey(sorted);
    let series = this.#series.get(key);
    if (series === undefined) this.#series.set(key, (series = { labels: sorted, value: 0 }));
    const found = series;
    return {
      add(n = 1): void {
        found.value += n;
      },
      set(value): void {
        found.value = value;
      },
    };
  }

  remove(labels: Readonly<Record<string, string>>): void {
    this.#series.delete(labelsKey(labelsFromObject(labels)));
  }

  family(): MetricFamily {
    const samples = [...this.#series.values()]
      .sort((a, b) => compareLabels(a.labels, b.labels))
      .map(({ labels, value }) => ({ suffix: '', labels, value }));
    return { name: this.name, help: this.help, type: this.type, samples };
  }
}

/** A classic histogram without labels beyond `le`. */
export class Histogram {
  readonly name: string;
  readonly help: string;
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.#bounds.length && value > this.#bounds[i]!) i++;
    this.#counts[i]!++;
    this.#sum += value;
  }

  family(): MetricFamily {
    const samples: MetricSample[] = [];
    let total = 0;
    for (let i = 0; i < this.#counts.length; i++) {
      total += this.#counts[i]!;
      const le = i < this.#bounds.length ? String(this.#bounds[i]) : '+Inf';
      samples.push({ suffix: '_bucket', labels: labelsFromObject({ le }), value: total });
    }
    samples.push({ suffix: '_sum', labels: labelsFromObject({}), value: this.#sum });
    samples.push({ suffix: '_count', labels: labelsFromObject({}), value: total });
    return { name: this.name, help: this.help, type: 'histogram', samples };
  }
}

/** What one thread exposes. `collect` callbacks run when families are asked for and set gauges to what is true then. */
export class Registry {
  readonly #metrics: (Metric | Histogram)[] = [];
  readonly #before: (() => void)[] = [];

  counter(name: string, help: string): Metric {
    return this.#add(new Metric(name, help, 'counter'));
  }

  gauge(name: string, help: string): Metric {
    return this.#add(new Metric(name, help, 'gauge'));
  }

  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.#add(new Histogram(name, help, bounds));
  }

  beforeCollect(fn: () => void): void {
    this.#before.push(fn);
  }

  families(): MetricFamily[] {
    for (const fn of this.#before) fn();
    return this.#metrics.map((metric) => metric.family());
  }

  #add<T extends Metric | Histogram>(metric: T): T {
    this.#metrics.push(metric);
    return metric;
  }
}
