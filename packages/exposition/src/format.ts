// The text formats by name, and what a Content-Type says.

/** Prometheus' text format 0.0.4 (also 1.0.0, which adds quoted names), and OpenMetrics text 1.0.0. */
export type Format = 'text' | 'openmetrics';

export const CONTENT_TYPE_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** The format of a Content-Type header; null when it names none that can be read (the caller has a fallback or an error). */
export function formatOf(contentType: string): Format | null {
  const media = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (media === 'text/plain') return 'text';
  return media === 'application/openmetrics-text' ? 'openmetrics' : null;
}
