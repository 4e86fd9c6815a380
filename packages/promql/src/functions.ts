// PromQL's functions: what they take and give. One row a function; `execute` and the windows hold what they do.
import type { ValueType } from './ast.ts';

export interface FunctionSignature {
  readonly args: readonly ValueType[];
  /** 0: exactly `args`; n > 0: the last may be absent or come up to n times; -1: any number of times. */
  readonly variadic: number;
  readonly returns: ValueType;
  /** Behind promql-experimental-functions in Prometheus 3.16. */
  readonly experimental: boolean;
}

const V: ValueType = 'vector';
const M: ValueType = 'matrix';
const S: ValueType = 'scalar';
const T: ValueType = 'string';

function sig(
  args: readonly ValueType[],
  returns: ValueType = V,
  variadic: number = 0,
  experimental: boolean = false,
): FunctionSignature {
  return { args, returns, variadic, experimental };
}

const OF_VECTOR: readonly string[] = (
  'abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count ' +
  'histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan tanh timestamp'
).split(' ');

const OF_MATRIX: readonly string[] = (
  'absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate last_over_time ' +
  'max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time'
).split(' ');

const OF_MATRIX_EXPERIMENTAL: readonly string[] =
  'mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time'.split(
    ' ',
  );

const OF_DATE: readonly string[] =
  'day_of_month day_of_week day_of_year days_in_month hour minute month year'.split(' ');

/** All functions of Prometheus 3.16 by name. */
export const FUNCTIONS: ReadonlyMap<string, FunctionSignature> = new Map<string, FunctionSignature>([
  ...OF_VECTOR.map((name): [string, FunctionSignature] => [name, sig([V])]),
  ...OF_MATRIX.map((name): [string, FunctionSignature] => [name, sig([M])]),
  ...OF_MATRIX_EXPERIMENTAL.map((name): [string, FunctionSignature] => [name, sig([M], V, 0, true)]),
  ...OF_DATE.map((name): [string, FunctionSignature] => [name, sig([V], V, 1)]),
  ['clamp', sig([V, S, S])],
  ['clamp_max', sig([V, S])],
  ['clamp_min', sig([V, S])],
  ['double_exponential_smoothing', sig([M, S, S], V, 0, true)],
  ['end', sig([], S, 0, true)],
  ['histogram_fraction', sig([S, S, V])],
  ['histogram_quantile', sig([S, V])],
  ['histogram_quantiles', sig([V, T, S, S], V, 9, true)],
  ['info', sig([V, V], V, 1, true)],
  ['integral', sig([M, S], V, 1, true)],
  ['label_join', sig([V, T, T, T], V, -1)],
  ['label_replace', sig([V, T, T, T, T])],
  ['max_of', sig([S, S], S, 0, true)],
  ['min_of', sig([S, S], S, 0, true)],
  ['pi', sig([], S)],
  ['predict_linear', sig([M, S])],
  ['quantile_over_time', sig([S, M])],
  ['range', sig([], S, 0, true)],
  ['round', sig([V, S], V, 1)],
  ['scalar', sig([V], S)],
  ['sort_by_label', sig([V, T], V, -1, true)],
  ['sort_by_label_desc', sig([V, T], V, -1, true)],
  ['start', sig([], S, 0, true)],
  ['start_timestamp', sig([V], V, 0, true)],
  ['step', sig([], S, 0, true)],
  ['time', sig([], S)],
  ['vector', sig([S])],
]);

/** Aggregations whose first argument is a parameter, with its type. */
export const AGGREGATE_PARAMS: ReadonlyMap<string, ValueType> = new Map<string, ValueType>([
  ['topk', S],
  ['bottomk', S],
  ['quantile', S],
  ['limitk', S],
  ['limit_ratio', S],
  ['count_values', T],
]);

export const AGGREGATIONS: ReadonlySet<string> = new Set([
  'sum',
  'avg',
  'count',
  'min',
  'max',
  'group',
  'stddev',
  'stdvar',
  'topk',
  'bottomk',
  'count_values',
  'quantile',
  'limitk',
  'limit_ratio',
]);

/** Prometheus' word for a type. */
export function typeWord(t: ValueType): string {
  return t === 'vector' ? 'instant vector' : t === 'matrix' ? 'range vector' : t;
}
