// Scrape targets as the API tells them (`/api/v1/targets`), by pool.
import { parseDuration } from '../duration.ts';
import { parseRfc3339 } from '../instant.ts';

export interface Target {
  readonly pool: string;
  readonly url: string;
  readonly health: 'up' | 'down' | 'unknown';
  readonly labels: Readonly<Record<string, string>>;
  readonly discovered: Readonly<Record<string, string>>;
  readonly lastError: string;
  /** Milliseconds since 1970; null: not scraped yet. */
  readonly lastScrape_ms: number | null;
  readonly took_ms: number;
  readonly interval_ms: number | null;
}

export interface Pool {
  readonly name: string;
  readonly targets: readonly Target[];
  readonly up: number;
}

interface RawTarget {
  readonly scrapePool?: string;
  readonly scrapeUrl?: string;
  readonly globalUrl?: string;
  readonly health?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly discoveredLabels?: Readonly<Record<string, string>>;
  readonly lastError?: string;
  readonly lastScrape?: string;
  readonly lastScrapeDuration?: number;
  readonly scrapeInterval?: string;
}

/** `data` of the reply. */
export interface TargetsData {
  readonly activeTargets?: readonly RawTarget[];
  readonly droppedTargetCounts?: Readonly<Record<string, number>>;
}

export function readTargets(data: TargetsData): Target[] {
  return (data.activeTargets ?? []).map((t) => ({
    pool: t.scrapePool ?? t.labels?.['job'] ?? '',
    url: t.globalUrl ?? t.scrapeUrl ?? '',
    health: t.health === 'up' || t.health === 'down' ? t.health : 'unknown',
    labels: t.labels ?? {},
    discovered: t.discoveredLabels ?? {},
    lastError: t.lastError ?? '',
    lastScrape_ms: scrapeTime(t.lastScrape),
    took_ms: (t.lastScrapeDuration ?? NaN) * 1000,
    interval_ms: t.scrapeInterval === undefined ? null : parseDuration(t.scrapeInterval),
  }));
}

/** Pools by name; within a pool what is down comes first, then by address. */
export function poolsOf(targets: readonly Target[]): Pool[] {
  const byName = Map.groupBy(targets, (t) => t.pool);
  return [...byName.entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, of]) => ({
      name,
      targets: of.toSorted((a, b) => rank(a) - rank(b) || (a.url < b.url ? -1 : a.url > b.url ? 1 : 0)),
      up: of.filter((t) => t.health === 'up').length,
    }));
}

/** Those whose address, pool, labels or error hold every word of `text`. */
export function filterTargets(targets: readonly Target[], health: string, text: string): Target[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return targets.filter((t) => {
    if (health !== '' && health !== 'all' && t.health !== health) return false;
    if (words.length === 0) return true;
    const labels = Object.entries(t.labels).map(([k, v]) => `${k}=${v} ${k}="${v}"`);
    const hay = [t.pool, t.url, t.lastError, ...labels].join(' ').toLowerCase();
    return words.every((w) => hay.includes(w));
  });
}

function rank(t: Target): number {
  return t.health === 'down' ? 0 : t.health === 'unknown' ? 1 : 2;
}

/** RFC 3339; the year 1 means never. */
function scrapeTime(text: string | undefined): number | null {
  if (text === undefined || text.startsWith('0001-')) return null;
  const ms = parseRfc3339(text);
  return ms !== null && ms > 0 ? ms : null;
}
