// Type, help and unit of metrics. A few thousand entries: plain objects. Each series remembers which entry it has (a number in a
// column), so that only changes are logged.
import { compareText, type Metadata, type MetricMetadata } from '@munjigi/model';

/** More different entries of one metric than this are not kept. */
const MAX_PER_METRIC = 16;

export interface MetadataStore {
  /** The number (from 1) of an entry, made when new; 0: refused, the metric has too many. */
  intern(metric: string, m: Metadata): number;
  entry(number: number): MetricMetadata;
  list(metric?: string): MetricMetadata[];
  /** Forgets entries that no series has any more. */
  sweep(used: ReadonlySet<number>): void;
  count(): number;
}

export function newMetadataStore(): MetadataStore {
  const entries: (MetricMetadata | null)[] = [];
  const free: number[] = [];
  const byMetric = new Map<string, number[]>();
  return {
    intern(metric, m): number {
      let list = byMetric.get(metric);
      if (list === undefined) byMetric.set(metric, (list = []));
      for (const number of list) {
        const e = entries[number - 1]!;
        if (e.type === m.type && e.help === m.help && e.unit === m.unit) return number;
      }
      if (list.length >= MAX_PER_METRIC) return 0;
      const entry = { metric, type: m.type, help: m.help, unit: m.unit };
      const number = free.pop() ?? entries.length + 1;
      entries[number - 1] = entry;
      list.push(number);
      return number;
    },
    entry: (number) => entries[number - 1]!,
    list(metric): MetricMetadata[] {
      const metrics = metric === undefined ? [...byMetric.keys()].sort(compareText) : [metric];
      return metrics.flatMap((name) => (byMetric.get(name) ?? []).map((number) => entries[number - 1]!));
    },
    sweep(used): void {
      for (const [metric, list] of byMetric) {
        const kept = list.filter((number) => used.has(number));
        for (const number of list) {
          if (used.has(number)) continue;
          entries[number - 1] = null;
          free.push(number);
        }
        if (kept.length === 0) byMetric.delete(metric);
        else byMetric.set(metric, kept);
      }
    },
    count: () => entries.length - free.length,
  };
}
