// Type, help and unit of metrics. A few thousand entries: plain objects. Each series remembers which entry it has (a number in a
// column), so that only changes are logged.
import { compareText, type Metadata, type MetricMetadata } from '@munjigi/model';
import type { Slicer } from './slicer.ts';

/** More different entries of one metric than this are not kept. */
const MAX_PER_METRIC = 16;

export interface MetadataStore {
  /** The number (from 1) of an entry, made when new; 0: refused, the metric has too many. */
  intern(metric: string, m: Metadata): number;
  entry(number: number): MetricMetadata;
  list(metric?: string): MetricMetadata[];
  /** A sweep begins: what is interned from now on stays. The result has a place for the mark (1) of each number in use. */
  beginSweep(): Uint8Array;
  /** Forgets entries that are neither marked nor interned since. */
  endSweep(used: Uint8Array, slicer: Slicer): Promise<void>;
  count(): number;
}

export function newMetadataStore(): MetadataStore {
  const entries: (MetricMetadata | null)[] = [];
  const free: number[] = [];
  const byMetric = new Map<string, number[]>();
  /** Numbers interned since a sweep began. */
  const interned = new Set<number>();
  let sweeping = false;

  function intern(metric: string, m: Metadata): number {
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
  }

  return {
    intern(metric, m): number {
      const number = intern(metric, m);
      if (sweeping) interned.add(number);
      return number;
    },
    entry: (number) => entries[number - 1]!,
    list(metric): MetricMetadata[] {
      const metrics = metric === undefined ? [...byMetric.keys()].sort(compareText) : [metric];
      return metrics.flatMap((name) => (byMetric.get(name) ?? []).map((number) => entries[number - 1]!));
    },
    beginSweep(): Uint8Array {
      interned.clear();
      sweeping = true;
      return new Uint8Array(entries.length + 1);
    },
    async endSweep(used, slicer): Promise<void> {
      for (const metric of byMetric.keys()) {
        if (slicer.due()) await slicer.rest();
        const list = byMetric.get(metric)!;
        const kept = list.filter((number) => used[number] !== 0 || interned.has(number));
        for (const number of list) {
          if (kept.includes(number)) continue;
          entries[number - 1] = null;
          free.push(number);
        }
        if (kept.length === 0) byMetric.delete(metric);
        else byMetric.set(metric, kept);
      }
      sweeping = false;
      interned.clear();
    },
    count: () => entries.length - free.length,
  };
}
