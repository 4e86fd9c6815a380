// Long work as generators: each yield says how many steps were done since the last one. The same work runs at once (compaction, tools) or
// in slices that let the thread do other things (queries).
import type { Slicer } from '../head/slicer.ts';

export type Steps<T> = Generator<number, T, void>;

/** As many steps as make a slicer look at its clock. */
export const LONG_STEP = 128;

export function runAtOnce<T>(work: Steps<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

export async function runSliced<T>(work: Steps<T>, slicer: Slicer): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (slicer.due(value)) await slicer.rest();
  }
}
