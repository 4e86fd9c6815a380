// What a query consumes, counted as Prometheus counts it: an instant selector one sample a step, a range selector every sample of every
// window (`total`) and every sample once (`read`). Counted beside the evaluation, on the columns that it reads, and only when asked for.
import { isStale, type ChunkReader, type Column } from '@munjigi/model';
import { BUDGET, type Budget, type Fragment } from '@munjigi/promql';
import { RequestError } from './request.ts';

/** Samples at each step of a fragment. */
export interface StepCounts {
  readonly total: Float64Array;
  readonly read: Float64Array;
}

export function newStepCounts(f: Fragment): StepCounts {
  return { total: new Float64Array(f.grid.steps), read: new Float64Array(f.grid.steps) };
}

export function addStepCounts(to: StepCounts, from: StepCounts): void {
  for (let k = 0; k < to.total.length; k++) {
    to.total[k]! += from.total[k]!;
    to.read[k]! += from.read[k]!;
  }
}

/** The same reader, which counts what it gives for `f`. Throws RequestError ('cost_limit') over `maxRead` (0: none) samples of the query. */
export function countingReader(
  reader: ChunkReader,
  f: Fragment,
  counts: StepCounts,
  budget: Budget,
  maxRead: number,
): ChunkReader {
  const count = f.func === 'last' || f.func === 'timestamp' ? countLast : countWindows;
  return {
    load: (s, from, to) => reader.load(s, from, to),
    series(s, i, mint, maxt, into) {
      reader.series(s, i, mint, maxt, into);
      const read = count(f, into, counts);
      // The cell holds 2^31: far above it a limit means nothing any more.
      if (maxRead > 0 && Atomics.add(budget.state, BUDGET.read, read) + read > maxRead)
        throw new RequestError('cost_limit', 'query would read too many samples in query execution');
    },
  };
}

/** The newest sample in the look-back, where it is no staleness mark. */
function countLast({ grid, range_ms }: Fragment, c: Column, { total, read }: StepCounts): number {
  let at = -1;
  let sum = 0;
  for (let k = 0; k < grid.steps; k++) {
    const end = grid.start_ms + k * grid.step_ms;
    while (at + 1 < c.n && c.t[at + 1]! <= end) at++;
    if (at < 0 || c.t[at]! <= end - range_ms || isStale(c.bits, at)) continue;
    total[k]!++;
    read[k]!++;
    sum++;
  }
  return sum;
}

function countWindows({ grid, range_ms }: Fragment, c: Column, { total, read }: StepCounts): number {
  let [from, to, held, sum] = [0, 0, 0, 0];
  for (let k = 0; k < grid.steps; k++) {
    const end = grid.start_ms + k * grid.step_ms;
    let fresh = 0;
    while (to < c.n && c.t[to]! <= end) {
      if (!isStale(c.bits, to)) {
        held++;
        if (c.t[to]! > end - range_ms) fresh++;
      }
      to++;
    }
    while (from < to && c.t[from]! <= end - range_ms) if (!isStale(c.bits, from++)) held--;
    total[k]! += held;
    read[k]! += fresh;
    sum += fresh;
  }
  return sum;
}
