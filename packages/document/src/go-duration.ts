const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const SHAPE = /^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
/** An int64 of nanoseconds in ms. */
const MAX_MS = 9_223_372_036_854;

/**
 * Go's `time.ParseDuration`, as Istio and Kubernetes write durations: `5s`, `0.5s`, `1h15m`, `-2ms`, `0`. Milliseconds with a
 * fraction, or null when it is not one.
 */
export function parseGoDuration(text: string): number | null {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[-+]/, '');
  if (body === '0') return 0;
  if (!SHAPE.test(body)) return null;
  let ms = 0;
  for (const [, number, unit] of body.matchAll(PART)) ms += Number(number) * UNITS[unit!]!;
  return ms <= MAX_MS ? sign * ms : null;
}
