// Which step a graph is asked with.

/** How fine a graph is: chosen by density, or a step of one's own. */
export type Resolution =
  | { readonly kind: 'auto'; readonly density: Density }
  | { readonly kind: 'fixed'; readonly step_ms: number };

export type Density = 'low' | 'medium' | 'high';

/** Points over the whole range. */
const DENSITY_POINTS: Readonly<Record<Density, number>> = { low: 100, medium: 250, high: 750 };

/** Prometheus refuses a range query with more points than this. */
export const POINTS_LIMIT = 11_000;

/** Milliseconds: at least a second for `auto`, and never so fine that the server refuses. */
export function stepOf(resolution: Resolution, range_ms: number): number {
  const least = Math.ceil(range_ms / (POINTS_LIMIT - 1));
  if (resolution.kind === 'fixed') return Math.max(resolution.step_ms, least, 1);
  const step_s = Math.max(1, Math.floor(range_ms / 1000 / DENSITY_POINTS[resolution.density]));
  return Math.max(step_s * 1000, least);
}

/** Ranges offered, in milliseconds. */
export const RANGES: readonly number[] = [
  1, 5, 15, 30, 60, 120, 360, 720, 1440, 2880, 10_080, 20_160, 43_200,
].map((minutes) => minutes * 60_000);

/** The next wider (direction 1) or narrower (-1) of the offered ranges; doubles or halves beyond them. */
export function nextRange(range_ms: number, direction: 1 | -1): number {
  if (direction === 1) return RANGES.find((r) => r > range_ms) ?? range_ms * 2;
  return RANGES.findLast((r) => r < range_ms) ?? Math.max(1000, Math.floor(range_ms / 2));
}
