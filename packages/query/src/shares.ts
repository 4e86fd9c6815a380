// How the series of a fragment are shared out: each worker gets a run of neighbours with about the same work.
import type { Selection } from '@munjigi/model';
import type { Fragment } from '@munjigi/promql';

/** Samples to decode and cells to fill: less than this is done by one worker, as handing it over would take as long (some ms). */
const SHARE_FROM_UNITS = 150_000;

/** In a chunk of a block, whose number of samples is known only when it is read. */
const USUAL_SAMPLES = 120;

/** Series [bounds[k], bounds[k + 1]) are the share of worker k; `workers` + 1 bounds, or fewer when it is not worth it. */
export function shareOut(f: Fragment, s: Selection, workers: number): number[] {
  const { samples } = s.chunks;
  const { first, count } = s;
  const upTo = new Float64Array(count + 1);
  for (let i = 0; i < count; i++) {
    let units = f.grid.steps;
    for (let c = first[i]!; c < first[i + 1]!; c++) units += samples[c]! || USUAL_SAMPLES;
    upTo[i + 1] = upTo[i]! + units;
  }
  const total = upTo[count]!;
  const shares = Math.max(1, Math.min(workers, Math.floor(total / SHARE_FROM_UNITS), count));
  const bounds = [0];
  for (let k = 1, i = 0; k < shares; k++) {
    const target = (total * k) / shares;
    while (upTo[i]! < target) i++;
    // The nearer of the two places around the target.
    const nearer = i > 0 && target - upTo[i - 1]! < upTo[i]! - target ? i - 1 : i;
    bounds.push(Math.max(bounds[k - 1]!, nearer));
  }
  bounds.push(count);
  return bounds;
}
