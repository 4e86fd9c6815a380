// sum and avg where some cells hold native histograms. A group that has both kinds at a step has no result there, and a warning.
import { METRIC_NAME, labelValue } from '@munjigi/model';
import { boundsReconciled, mixedInAggregation, mixedSchemas, resetCollision } from './annotations.ts';
import { CELL, type Budget } from './fragment.ts';
import type { About, Groups } from './grouping.ts';
import { compact } from './histogram/histogram.ts';
import { HistogramSum } from './histogram/sum.ts';
import { histogramAt, putHistogram, type Table } from './table.ts';

/** Puts into `out`, which has the aggregated floats, what becomes of the steps with histograms. */
export function aggregateHistograms(
  b: Budget,
  op: 'sum' | 'avg',
  t: Table,
  groups: Groups,
  out: Table,
  about: About,
): void {
  const members: number[][] = groups.labels.map(() => []);
  groups.of.forEach((group, row) => members[group]!.push(row));
  members.forEach((rows, group) => {
    for (let k = 0; k < t.steps; k++)
      if (rows.some((row) => t.present[row * t.steps + k] === CELL.histogram))
        groupAt(b, op, t, rows, k, out, group * t.steps + k, about);
  });
}

/** One group at one step, its rows in order. */
function groupAt(
  b: Budget,
  op: 'sum' | 'avg',
  t: Table,
  rows: readonly number[],
  k: number,
  out: Table,
  at: number,
  { place, annotate }: About,
): void {
  const sum = new HistogramSum();
  let floats = false;
  let histograms = false;
  for (const row of rows) {
    const h = histogramAt(t, row * t.steps + k);
    if (h === null) {
      floats ||= t.present[row * t.steps + k] === CELL.float;
      continue;
    }
    // Behind a float there is no use in adding up any more.
    const adds = histograms ? sum.n > 0 : !floats;
    histograms = true;
    if (!adds) continue;
    if (op === 'avg') sum.addToMean(h);
    else sum.add(h);
    if (!sum.incompatible) continue;
    annotate(mixedSchemas(labelValue(t.labels[row]!, METRIC_NAME), place));
    break;
  }
  if (sum.boundsReconciled) annotate(boundsReconciled('aggregation', place));
  out.present[at] = CELL.absent;
  if (floats && histograms) {
    annotate(mixedInAggregation(place));
    return;
  }
  const result = op === 'avg' ? sum.mean() : sum.sum();
  if ('error' in result) return;
  if (sum.resetCollision) annotate(resetCollision('aggregation', place));
  putHistogram(b, out, at, compact(result));
}
