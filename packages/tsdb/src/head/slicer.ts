// Long loops give other work of the thread a turn every few ms.
import type { Clock } from '@munjigi/env';

export interface Slicer {
  /** A loop of small steps does so many before it asks `due`. */
  readonly chunk: number;
  /** Counts steps; true when it is time to rest. */
  due(steps?: number): boolean;
  rest(): Promise<void>;
}

const STEPS_PER_LOOK = 128;
const CHUNK_STEPS = 2048;

export function newSlicer(clock: Clock, slice_ms: number): Slicer {
  let until = clock.monotonic() + slice_ms;
  let steps = 0;
  return {
    chunk: slice_ms === 0 ? 1 : CHUNK_STEPS,
    due(more = 1): boolean {
      // With a slice of 0 every step rests: tests put commits between any two steps.
      if (slice_ms === 0) return true;
      steps += more;
      if (steps < STEPS_PER_LOOK) return false;
      steps = 0;
      return clock.monotonic() >= until;
    },
    async rest(): Promise<void> {
      await clock.yield();
      until = clock.monotonic() + slice_ms;
    },
  };
}
