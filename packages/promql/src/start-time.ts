// What start timestamps tell: whether a counter began anew between two samples. Prometheus 3.16, promql/functions.go.

/**
 * Whether the counter began anew between a sample at `before_ms` and the next one at `t_ms`; `beforeStart_ms` and `start_ms` are their start
 * timestamps, 0 where unknown. A start that has not changed, lies before the sample before, or not before its own sample tells nothing.
 */
export function beganAnew(
  beforeStart_ms: number,
  before_ms: number,
  start_ms: number,
  t_ms: number,
): boolean {
  if (start_ms === beforeStart_ms || start_ms === 0 || start_ms >= t_ms) return false;
  if (start_ms !== before_ms) return start_ms > before_ms;
  // Each sample begins where the one before ended: a delta, unless the start before is unknown.
  return beforeStart_ms !== 0 && beforeStart_ms < before_ms;
}

/** Whether the counter began anew after `after_ms`, as its sample at `t_ms` tells. */
export function beganAfter(after_ms: number, start_ms: number, t_ms: number): boolean {
  return start_ms > after_ms && t_ms > after_ms && beganAnew(after_ms, after_ms, start_ms, t_ms);
}

/** Whether a start timestamp contradicts the sample before: it lies before it and is another one. */
export function startsOverlap(beforeStart_ms: number, before_ms: number, start_ms: number): boolean {
  return start_ms !== 0 && start_ms < before_ms && start_ms !== beforeStart_ms;
}

/** Start timestamp of sample i, 0 where there are none. */
export function startOf(st: Float64Array | null, i: number): number {
  return st === null ? 0 : st[i]!;
}
