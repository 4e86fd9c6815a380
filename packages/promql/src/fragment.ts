// What crosses the seam between planning and touching samples. Plain data all of it: the same Fragment runs in this thread, in a worker
// with a part of the series, or later on another node, and `execute` merges the Partials.
import type { Labels, Matcher } from '@munjigi/model';

/** Evaluation times start, start+step, ..., `steps` of them, in ms. An instant query has one step. */
export interface Grid {
  readonly start_ms: number;
  readonly step_ms: number;
  readonly steps: number;
}

/**
 * The part of a plan that touches samples: one selector, a window over the step grid, a function of the window, and with or without
 * the first aggregation above it.
 */
export interface Fragment {
  readonly id: number;
  readonly matchers: readonly Matcher[];
  /** Times at which windows end (already moved by offset and @). When @ fixes the time, steps is 1 and `execute` repeats it. */
  readonly grid: Grid;
  /** Window (end - range, end]; for an instant selector the look-back. */
  readonly range_ms: number;
  /** Function of the window: 'last' for an instant selector, else PromQL's name ('rate', 'sum_over_time', ...); 'matrix' keeps the samples. */
  readonly func: string;
  /** Scalar arguments of the function (quantile_over_time's phi, predict_linear's t): one value, or one a step. */
  readonly args: readonly Float64Array[];
  readonly aggregate: FragmentAggregate | null;
}

export interface FragmentAggregate {
  /** Only those whose partials merge: sum, count, min, max, avg (as sum and count), group. */
  readonly op: 'sum' | 'count' | 'min' | 'max' | 'avg' | 'group';
  readonly without: boolean;
  readonly labels: readonly string[];
}

/**
 * A Fragment's result over some of its series, as columns: row r has `steps` cells from r * steps. A cell is absent where its bit in
 * `present` is 0 (one byte a cell). Rows are series, or groups when the fragment aggregates.
 */
export interface FragmentPartial {
  readonly fragment: number;
  readonly steps: number;
  readonly rows: number;
  readonly labels: readonly Labels[];
  readonly values: Float64Array;
  readonly present: Uint8Array;
  /** Kahan compensation beside `values` for sum and avg, counts for avg; null otherwise. */
  readonly compensation: Float64Array | null;
  readonly counts: Float64Array | null;
  /** 'matrix' only: samples of row r are t/v[first[r]..first[r+1]). */
  readonly samples: {
    readonly first: Uint32Array;
    readonly t: Float64Array;
    readonly v: Float64Array;
  } | null;
  readonly annotations: readonly Annotation[];
  readonly samplesRead: number;
}

/** A warning or an info of a result, positioned in the query. */
export interface Annotation {
  readonly severity: 'warning' | 'info';
  readonly message: string;
}

export interface Limits {
  /** Samples that one query may hold decoded at once (Prometheus' query.max-samples); 0: none. */
  readonly maxSamples: number;
  /** Bytes of result and intermediate columns; 0: none. */
  readonly maxBytes: number;
}

/** Cells of Budget.state. */
export const BUDGET = { bytes_kib: 0, samples: 1, cancelled: 2, cells: 4 } as const;

/** Shared by all threads that work for one query: a busy thread reads no messages, so cancelling is a cell. */
export interface Budget {
  readonly state: Int32Array;
  readonly limits: Limits;
}

export interface QueryIO {
  run(f: Fragment): Promise<FragmentPartial>;
  readonly budget: Budget;
}
