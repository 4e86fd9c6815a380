// Whose turn it is in one thread. Queries run until they pause, after some 20 ms of work; those that paused go on one after the other,
// each in an event of its own. So a query that arrives waits for one such piece of work and never for a whole query.
import type { Clock } from '@munjigi/env';

export interface Turns {
  /** Resolves when all who paused before have had their turn and waiting messages were seen. */
  readonly pause: () => Promise<void>;
  /** Pauses that were taken: how often queries gave way. */
  readonly taken: number;
}

export function createTurns(clock: Clock): Turns {
  const waiting: (() => void)[] = [];
  let running = false;
  let taken = 0;
  const pump = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) {
      await clock.yield();
      waiting.shift()!();
    }
    running = false;
  };
  return {
    pause() {
      taken++;
      return new Promise((resolve) => {
        waiting.push(resolve);
        if (!running) void pump();
      });
    },
    get taken() {
      return taken;
    },
  };
}
