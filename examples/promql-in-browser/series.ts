// A file of series: what Prometheus' API answers to a range selector, as /api/v1/query?query={__name__=~".%2B"}[2h] or the command
// `munjigi promql query instant 'up[2h]' --output json`.
import { labelsFromObject } from '@munjigi/model';
import { MemoryStore } from '@munjigi/promql/memory-store';

export interface Loaded {
  readonly store: MemoryStore;
  readonly series: number;
  readonly samples: number;
  /** Times of the first and the last sample. */
  readonly first_ms: number;
  readonly last_ms: number;
}

interface Answer {
  readonly data?: {
    readonly resultType?: string;
    readonly result?: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values?: readonly (readonly [seconds: number, value: string])[];
    }[];
  };
}

/** Throws Error with what is wrong with the text. */
export function readSeries(text: string): Loaded {
  let answer: Answer;
  try {
    answer = JSON.parse(text) as Answer;
  } catch (error) {
    throw new Error(`this is no JSON: ${(error as Error).message}`, { cause: error });
  }
  const { resultType, result } = answer.data ?? {};
  if (resultType !== 'matrix' || !Array.isArray(result))
    throw new Error('this is no answer with series: "data" wants "resultType": "matrix" and a list "result"');
  const store = new MemoryStore();
  let samples = 0;
  let first_ms = Infinity;
  let last_ms = -Infinity;
  for (const { metric, values = [] } of answer.data!.result!) {
    const times = values.map(([seconds]) => Math.round(seconds * 1000));
    const numbers = Float64Array.from(values, ([, value]) => Number(value.replace('Inf', 'Infinity')));
    store.add(labelsFromObject(metric), times, numbers);
    samples += times.length;
    first_ms = Math.min(first_ms, times[0] ?? Infinity);
    last_ms = Math.max(last_ms, times.at(-1) ?? -Infinity);
  }
  if (samples === 0) throw new Error('there are no samples in it');
  return { store, series: store.seriesCount, samples, first_ms, last_ms };
}
