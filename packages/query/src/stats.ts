// The `stats` part of an answer: Prometheus' fields, and what crossing threads took.
import type { QueryCost } from './request.ts';

/** Finished JSON of `data` with its `stats`. `peakSamples`: samples and cells held when the evaluation ended. */
export function withStats(
  data: Uint8Array,
  cost: QueryCost,
  queued_ms: number,
  peakSamples: number,
): Uint8Array {
  const stats = {
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
  const tail = new TextEncoder().encode(`,"stats":${JSON.stringify(stats)}}`);
  const whole = new Uint8Array(data.length - 1 + tail.length);
  whole.set(data.subarray(0, data.length - 1));
  whole.set(tail, data.length - 1);
  return whole;
}
