// The `stats` of an answer: Prometheus' fields, and what crossing threads took.
import type { Grid } from '@munjigi/promql';
import type { QueryCost } from './request.ts';

export interface QueryStats {
  readonly timings: object;
  readonly samples: object;
  readonly threads: object;
}

/** As plain data. `perStep`: samples at each step too, where they were counted. */
export function queryStats(cost: QueryCost, queued_ms: number, perStep: boolean): QueryStats {
  const { steps } = cost;
  const samples = [cost.samplesRead];
  const { total, read } = steps?.counts ?? { total: samples, read: samples };
  const grid = perStep ? (steps?.grid ?? null) : null;
  return {
    timings: {
      evalTotalTime: (cost.prepare_ms + cost.evaluate_ms) / 1000,
      resultSortTime: 0,
      queryPreparationTime: cost.prepare_ms / 1000,
      innerEvalTime: cost.evaluate_ms / 1000,
      execQueueTime: queued_ms / 1000,
      execTotalTime: (queued_ms + cost.prepare_ms + cost.evaluate_ms) / 1000,
    },
    samples: {
      ...(grid === null ? {} : { totalQueryableSamplesPerStep: points(grid, total) }),
      totalQueryableSamples: sumOf(total),
      ...(grid === null ? {} : { samplesReadPerStep: points(grid, read) }),
      samplesRead: sumOf(read),
      seriesTouched: cost.seriesTouched,
      peakSamples: cost.peakSamples,
    },
    threads: {
      copiedBytes: cost.copiedBytes,
      shares: cost.shares,
      sharesElsewhere: cost.sharesElsewhere,
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
