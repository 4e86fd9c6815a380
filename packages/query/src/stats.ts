// The `stats` of an answer: Prometheus' fields, and what crossing threads took.
import type { QueryCost } from './request.ts';

/** As plain data. `peakSamples`: samples and cells held when the evaluation ended. */
export function queryStats(cost: QueryCost, queued_ms: number, peakSamples: number): object {
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
      totalQueryableSamples: cost.samplesRead,
      peakSamples,
      seriesTouched: cost.seriesTouched,
      samplesRead: cost.samplesRead,
    },
    threads: {
      copiedBytes: cost.copiedBytes,
      shares: cost.shares,
      sharesElsewhere: cost.sharesElsewhere,
    },
  };
}
