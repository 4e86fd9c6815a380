// How far rate, increase and delta reach beyond the samples of a window: Prometheus 3.16, extrapolatedRate.

export interface Observed {
  /** Times of the first and the last sample, and how many gaps lie between them. */
  readonly first_ms: number;
  readonly last_ms: number;
  readonly gaps: number;
  /** Start timestamp of the first sample, 0 where it is unknown or not looked at. */
  readonly start_ms: number;
  /** Value (or count) of the first sample, and by how much it rose until the last. */
  readonly first: number;
  readonly rise: number;
}

export interface Range {
  readonly start_ms: number;
  readonly end_ms: number;
  readonly range_ms: number;
  readonly isCounter: boolean;
  readonly isRate: boolean;
}

/** Whether a counter began at zero inside the range, before its first sample. */
export function beganInside(o: Observed, r: Range): boolean {
  return r.isCounter && o.start_ms !== 0 && o.start_ms > r.start_ms && o.start_ms < o.first_ms;
}

/** What the rise between the samples is multiplied with; NaN where one sample alone tells nothing. */
export function extrapolation(o: Observed, r: Range): number {
  let toStart = (o.first_ms - r.start_ms) / 1000;
  let toEnd = (r.end_ms - o.last_ms) / 1000;
  let sampled = (o.last_ms - o.first_ms) / 1000;
  const average = o.gaps > 0 ? sampled / o.gaps : 0;
  const threshold = average * 1.1;
  if (beganInside(o, r)) {
    toStart = 0;
    sampled = (o.last_ms - o.start_ms) / 1000;
  } else if (o.gaps === 0) return NaN;
  else {
    if (toStart >= threshold) toStart = average / 2;
    if (r.isCounter && o.rise > 0 && o.first >= 0) {
      const toZero = sampled * (o.first / o.rise);
      if (toZero < toStart) toStart = toZero;
    }
  }
  if (toEnd >= threshold) toEnd = average / 2;
  const factor = sampled === 0 ? 1 : (sampled + toStart + toEnd) / sampled;
  return r.isRate ? factor / (r.range_ms / 1000) : factor;
}
