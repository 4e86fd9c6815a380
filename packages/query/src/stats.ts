// The `stats` of an answer: Prometheus' fields, where the time went, and what crossing threads took.
import type { Grid } from '@munjigi/promql';
import type { QueryCost } from './request.ts';

/** Times besides those of the cost: waiting for a turn, and writing the result. */
export interface Took extends QueryCost {
  readonly queued_ms: number;
  readonly encode_ms: number;
}

export interface QueryStats {
  readonly timings: object;
  readonly samples: object;
  readonly phases: object;
  readonly threads: object;
}

/** As plain data, times in seconds. `perStep`: samples at each step too, where they were counted. */
export function queryStats(took: Took, perStep: boolean): QueryStats {
  const { prepare_ms, evaluate_ms, select_ms, decode_ms, encode_ms, queued_ms, steps } = took;
  const samples = [took.samplesRead];
  const { total, read } = steps?.counts ?? { total: samples, read: samples };
  const grid = perStep ? (steps?.grid ?? null) : null;
  return {
    timings: {
      evalTotalTime: (prepare_ms + evaluate_ms) / 1000,
      resultSortTime: 0,
      queryPreparationTime: prepare_ms / 1000,
      innerEvalTime: evaluate_ms / 1000,
      execQueueTime: queued_ms / 1000,
      execTotalTime: (queued_ms + prepare_ms + evaluate_ms) / 1000,
    },
    samples: {
      ...(grid === null ? {} : { totalQueryableSamplesPerStep: points(grid, total) }),
      totalQueryableSamples: sumOf(total),
      ...(grid === null ? {} : { samplesReadPerStep: points(grid, read) }),
      samplesRead: sumOf(read),
      seriesTouched: took.seriesTouched,
      peakSamples: took.peakSamples,
    },
    phases: {
      select: select_ms / 1000,
      decode: decode_ms / 1000,
      evaluate: Math.max(0, prepare_ms + evaluate_ms - select_ms - decode_ms) / 1000,
      encode: encode_ms / 1000,
    },
    threads: {
      copiedBytes: took.copiedBytes,
      shares: took.shares,
      sharesElsewhere: took.sharesElsewhere,
    },
  };
}

function points({ start_ms, step_ms }: Grid, values: Iterable<number>): [time_s: number, samples: number][] {
  return Array.from(values, (value, k) => [(start_ms + k * step_ms) / 1000, value]);
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
