// Durations as PromQL writes them: `90m`, `1h30m`, `1d12h`. A year has 365 days, as in Prometheus.

const UNITS: readonly (readonly [string, number])[] = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];
const SHAPE = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** Milliseconds, or null when the text is no duration or is zero. Blanks are ignored, a bare number counts as seconds. */
export function parseDuration(text: string): number | null {
  const compact = text.replaceAll(/\s+/g, '').toLowerCase();
  if (compact === '') return null;
  if (/^\d+(\.\d+)?$/.test(compact)) {
    const ms = Math.round(Number(compact) * 1000);
    return ms > 0 && Number.isSafeInteger(ms) ? ms : null;
  }
  const parts = SHAPE.exec(compact);
  if (parts === null) return null;
  let ms = 0;
  for (const [i, [, size]] of UNITS.entries()) ms += Number(parts[i + 1] ?? 0) * size;
  return ms > 0 && Number.isSafeInteger(ms) ? ms : null;
}

/** The shortest exact form without weeks and years where days say it better: 5,400,000 is `1h30m`, 14 days `14d`, 0 is `0s`. */
export function printDuration(ms: number): string {
  let rest = Math.round(ms);
  if (rest <= 0) return '0s';
  let text = '';
  for (const [unit, size] of UNITS) {
    if (unit === 'y' || unit === 'w') {
      // Only when it divides evenly: `2w` and `1y` are clear, `1y1d` and `2w3d` are not.
      if (rest % size === 0) return `${text}${rest / size}${unit}`;
      continue;
    }
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}

/** How long something took, for people: `0.84 ms`, `12 ms`, `1.30 s`, `2m 5s`. */
export function printElapsed(ms: number): string {
  if (!Number.isFinite(ms)) return '-';
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  return `${Math.floor(ms / 60_000)}m ${Math.round((ms % 60_000) / 1000)}s`;
}

/** How long ago, in one unit: `just now`, `12 s ago`, `5 min ago`, `3 h ago`, `4 d ago`. Times ahead of the clock count as now. */
export function printAgo(then_ms: number, now_ms: number): string {
  const age = printAge(then_ms, now_ms);
  return age === '' ? 'just now' : `${age} ago`;
}

/** As `printAgo`, without `ago`; '' when under two seconds. */
export function printAge(then_ms: number, now_ms: number): string {
  const s = Math.floor((now_ms - then_ms) / 1000);
  if (s < 2) return '';
  if (s < 120) return `${s} s`;
  if (s < 2 * 3600) return `${Math.floor(s / 60)} min`;
  if (s < 2 * 86_400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}
