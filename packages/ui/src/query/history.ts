// What was run before, newest first, kept in the browser.

/** Entries kept. */
export const HISTORY_LIMIT = 100;
/** Longer expressions aren't kept. */
const EXPR_LIMIT = 10_000;
export const HISTORY_KEY = 'munjigi.query-history';

/** The list with `expr` in front, without doubles. */
export function remember(history: readonly string[], expr: string): string[] {
  const text = expr.trim();
  if (text === '' || text.length > EXPR_LIMIT) return [...history];
  return [text, ...history.filter((e) => e !== text)].slice(0, HISTORY_LIMIT);
}

/** Reads what was stored; anything that isn't a list of strings counts as none. */
export function parseHistory(stored: string | null): string[] {
  if (stored === null) return [];
  try {
    const list: unknown = JSON.parse(stored);
    return Array.isArray(list) ? list.filter((e) => typeof e === 'string').slice(0, HISTORY_LIMIT) : [];
  } catch {
    return [];
  }
}
