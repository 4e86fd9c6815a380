// What a query gives, as columns.
import type { Labels } from '@munjigi/model';
import { CELL, type Annotation, type Grid } from './fragment.ts';
import type { Histogram } from './histogram/histogram.ts';

export type Result = (ScalarResult | StringResult | VectorResult | MatrixResult) & {
  readonly annotations: readonly Annotation[];
  readonly samplesRead: number;
};

export interface ScalarResult {
  readonly type: 'scalar';
  readonly t_ms: number;
  readonly value: number;
}

export interface StringResult {
  readonly type: 'string';
  readonly t_ms: number;
  readonly value: string;
}

/** Element i has labels[i] and values[i], all at t_ms. The order is the query's (sort, topk). */
export interface VectorResult {
  readonly type: 'vector';
  readonly t_ms: number;
  readonly labels: readonly Labels[];
  readonly values: Float64Array;
  /** Element i is the histogram histograms[i] where that is one; null when there are none. */
  readonly histograms: readonly (Histogram | null)[] | null;
}

/**
 * Series in label order. With a grid, series i has cells i * grid.steps + k where `present` is not 0 (CELL), at grid.start_ms + k *
 * grid.step_ms. Without one (a range selector as the whole query), series i has samples times/values[first[i]..first[i+1]). Either way a
 * histogram at the same place stands instead of the value; `histograms` is null when there are none.
 */
export type MatrixResult = {
  readonly type: 'matrix';
  readonly labels: readonly Labels[];
  readonly values: Float64Array;
  readonly histograms: readonly (Histogram | null)[] | null;
} & (
  | { readonly grid: Grid; readonly present: Uint8Array }
  | { readonly grid: null; readonly first: Uint32Array; readonly times: Float64Array }
);

/** Calls `visit` for every point of series i of a matrix, with the histogram where the point is one (its value means nothing then). */
export function eachPoint(
  m: MatrixResult,
  i: number,
  visit: (t_ms: number, value: number, histogram: Histogram | null) => void,
): void {
  if (m.grid === null) {
    for (let k = m.first[i]!; k < m.first[i + 1]!; k++)
      visit(m.times[k]!, m.values[k]!, m.histograms?.[k] ?? null);
    return;
  }
  const { start_ms, step_ms, steps } = m.grid;
  for (let k = 0; k < steps; k++) {
    const at = i * steps + k;
    if (m.present[at] !== CELL.absent)
      visit(start_ms + k * step_ms, m.values[at]!, m.histograms?.[at] ?? null);
  }
}
