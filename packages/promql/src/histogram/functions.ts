// Functions that tell one number of a native histogram, by PromQL's name.
import type { Histogram } from './histogram.ts';
import { histogramAvg, histogramStdDev, histogramStdVar } from './quantile.ts';

export const NATIVE_FUNCTIONS: ReadonlyMap<string, (h: Histogram) => number> = new Map([
  ['histogram_count', (h: Histogram): number => h.count],
  ['histogram_sum', (h: Histogram): number => h.sum],
  ['histogram_avg', histogramAvg],
  ['histogram_stddev', histogramStdDev],
  ['histogram_stdvar', histogramStdVar],
]);
