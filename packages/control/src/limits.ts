// What the data plane refuses, so that it is said with its place in the file.

/** Most endpoints of a cluster. */
export const ENDPOINTS = 10_000;
/** Most routes of one host. */
export const HOST_ROUTES = 100_000;
/** Most destinations of a route. */
export const DESTINATIONS = 1000;
/** Most of a weight. */
export const WEIGHT = 1_000_000_000;
/** Most bytes that all edits of one part may have. */
export const EDIT_BYTES = 16_384;
/** Just below 2^31, where timers end: 24 days. */
export const DURATION_MS = 2_147_483_646;

/** A path as it may be sent: no query, no fragment, everything special percent-encoded. */
export function isPath(text: string): boolean {
  return text.startsWith('/') && !/[^\x21-\x7e]|[?#]/.test(text);
}

/** `name` or `name:port`. */
export function isHostHeader(text: string): boolean {
  return /^[\w.~\-[\]:]+$/.test(text);
}
