// The `stats` of an answer: Prometheus' fields, where the time went, and what crossing threads took.
import type { QueryCost } from './request.ts';

/** Times besides those of the cost: waiting for a turn, and writing the result. */
export interface Took extends QueryCost {
  readonly queued_ms: number;
  readonly encode_ms: number;
}

/** As plain data, times in seconds. `peakSamples`: samples and cells held when the evaluation ended. */
export function queryStats(took: Took, peakSamples: number): object {
  const { prepare_ms, evaluate_ms, select_ms, decode_ms, encode_ms, queued_ms } = took;
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
      totalQueryableSamples: took.samplesRead,
      peakSamples,
      seriesTouched: took.seriesTouched,
      samplesRead: took.samplesRead,
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
