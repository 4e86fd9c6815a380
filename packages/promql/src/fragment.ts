// What crosses the seam between planning and touching samples. Plain data all of it: the same Fragment runs in this thread, in a worker
// with a part of the series, or later on another node, and `execute` merges the Partials.
import { newSharedBuffer, type Labels, type Matcher } from '@munjigi/model';
import type { Forced } from './forced-buckets.ts';
import type { Histogram } from './histogram/histogram.ts';
import type { NodeObserver } from './observe.ts';

/** Evaluation times start, start+step, ..., `steps` of them, in ms. An instant query has one step. */
export interface Grid {
  readonly start_ms: number;
  /** 0 only in a Fragment whose @ fixes the time while its arguments change from step to step. */
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
  /**
   * Function of the window: 'last' for an instant selector, 'timestamp' for the time of that sample, else PromQL's name ('rate',
   * 'sum_over_time', ...); 'matrix' keeps the samples.
   */
  readonly func: string;
  /** Scalar arguments of the function (quantile_over_time's phi, predict_linear's t): one value, or one a step. */
  readonly args: readonly Float64Array[];
  readonly aggregate: FragmentAggregate | null;
  /** Place of the selector in the query as `line:column`, for annotations; '' when unknown. */
  readonly place: string;
  /** Of native histograms only count, sum and whether the counter was reset are wanted. */
  readonly statsOnly?: boolean;
  /** Start timestamps tell resets too (rate, increase, irate, resets), or are what is asked for (start_timestamp). */
  readonly startTimestamps?: boolean;
  /** Of an `anchored` or `smoothed` selector: samples outside the range are seen as far as the look-back. */
  readonly extended?: { readonly kind: 'anchored' | 'smoothed'; readonly lookback_ms: number } | undefined;
}

export interface FragmentAggregate {
  /** Only those whose partials merge: sum, count, min, max, avg (as sum and count), group. */
  readonly op: 'sum' | 'count' | 'min' | 'max' | 'avg' | 'group';
  readonly without: boolean;
  readonly labels: readonly string[];
}

/** What a cell's byte in a `present` column says: its value stands in `values`, or its histogram in `histograms`. */
export const CELL = { absent: 0, float: 1, histogram: 2 } as const;

/** A column beside cells that hold no histograms yet; or a shorter one made as long. */
export function noHistograms(cells: number, column: (Histogram | null)[] = []): (Histogram | null)[] {
  while (column.length < cells) column.push(null);
  return column;
}

/** Bytes of a cell's place in such a column. */
export const HISTOGRAM_CELL_BYTES = 8;

/**
 * A Fragment's result over some of its series, as columns: row r has `steps` cells from r * steps, `present` says what is in each (CELL).
 * Rows are series (with their names still on), or groups when the fragment aggregates.
 */
export interface FragmentPartial {
  readonly fragment: number;
  readonly steps: number;
  readonly rows: number;
  readonly labels: readonly Labels[];
  readonly values: Float64Array;
  readonly present: Uint8Array;
  /** Beside `values`, at cells that hold a histogram; null when none does. */
  readonly histograms: readonly (Histogram | null)[] | null;
  /** Kahan compensation beside `values` for sum and avg (not added yet), counts for avg; null otherwise. */
  readonly compensation: Float64Array | null;
  readonly counts: Float64Array | null;
  /** 'matrix' only: samples of row r are t/v[first[r]..first[r+1]); where `histograms` has one, it stands in v's place. */
  readonly samples: {
    readonly first: Uint32Array;
    readonly t: Float64Array;
    readonly v: Float64Array;
    readonly histograms: readonly (Histogram | null)[] | null;
  } | null;
  /** A fused aggregation met a histogram and gave up: the fragment has to be run again without it. */
  readonly gaveUp: boolean;
  readonly annotations: readonly Remark[];
  readonly samplesRead: number;
}

/** A warning or an info of a result. */
export interface Annotation {
  readonly severity: 'warning' | 'info';
  /** As Prometheus prints it: `PromQL info: ... (line:column)`. */
  readonly message: string;
}

/** What a part of a query has to say about its input: several of one text become one annotation. */
export interface Remark {
  readonly severity: Annotation['severity'];
  /** `PromQL info: ...`, without place and numbers. */
  readonly text: string;
  /** `line:column`; '' when unknown. */
  readonly place: string;
  /** How often, where the annotation tells it. */
  readonly occurrences?: number;
  /** Where buckets fell. */
  readonly forced?: Forced;
}

export interface Limits {
  /** Samples that one query may hold at once, decoded or as result cells (Prometheus' query.max-samples); 0: none. */
  readonly maxSamples: number;
  /** Bytes that one query may hold; 0: none. */
  readonly maxBytes: number;
  /** Bytes that all queries that share `Budget.all` may hold together; 0 or absent: none. */
  readonly maxTotalBytes?: number;
}

/**
 * Cells of Budget.state. `bytes_kib` below 0: the query is over and takes nothing any more. `peak` is the highest that `samples` was;
 * `read` belongs to whoever gives the chunk reader.
 */
export const BUDGET = { bytes_kib: 0, samples: 1, cancelled: 2, peak: 3, read: 4, cells: 5 } as const;

/** Shared by all threads that work for one query: a busy thread reads no messages, so cancelling is a cell. */
export interface Budget {
  /** Over a SharedArrayBuffer where threads share it; BUDGET names its cells, `samples` counts samples and cells held. */
  readonly state: Int32Array;
  readonly limits: Limits;
  /** One cell over a SharedArrayBuffer: KiB that all queries hold together. Absent: this query is alone. */
  readonly all?: Int32Array;
}

export interface QueryIO {
  run(f: Fragment): Promise<FragmentPartial>;
  readonly budget: Budget;
  /** Lets others run: called after about 20 ms of work. */
  readonly pause?: () => Promise<void>;
  /** Looks on while the nodes of the plan are computed. */
  readonly observe?: NodeObserver;
}

/** The samples a fragment can touch, in ms, both inclusive. */
export function fragmentRange(f: Fragment): { mint: number; maxt: number } {
  const last = f.grid.start_ms + Math.max(0, f.grid.steps - 1) * f.grid.step_ms;
  const lookback = f.extended?.lookback_ms ?? 0;
  const before = f.func === 'last' ? 0 : lookback;
  const after = f.extended?.kind === 'smoothed' ? lookback : 0;
  return { mint: f.grid.start_ms - f.range_ms - before + 1, maxt: last + after };
}

/** A budget for one query in one thread. */
export function newBudget(limits: Limits = { maxSamples: 0, maxBytes: 0 }): Budget {
  return { state: new Int32Array(newSharedBuffer(BUDGET.cells * 4)), limits };
}
