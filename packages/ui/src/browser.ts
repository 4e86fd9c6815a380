// The console's only door to the browser's clock, timers and storage, so that everything beside it can be tested as plain functions.

/** Milliseconds since 1970. */
export function now_ms(): number {
  return Date.now();
}

/** The date object that the chart library asks for when it looks for round days and hours. */
export function dateAt(t_ms: number): Date {
  return new Date(t_ms);
}

/** Milliseconds on a clock that never goes back, for measuring how long a call took. */
export function monotonic_ms(): number {
  return performance.now();
}

/** Calls `f` once after `delay_ms`; the result cancels it. */
export function after(delay_ms: number, f: () => void): () => void {
  const timer = window.setTimeout(f, delay_ms);
  return (): void => window.clearTimeout(timer);
}

/** Calls `f` every `period_ms`; the result ends it. */
export function every(period_ms: number, f: () => void): () => void {
  const timer = window.setInterval(f, period_ms);
  return (): void => window.clearInterval(timer);
}

/** A stored value, or null when there is none or storage is switched off. */
export function readStored(key: string): string | null {
  try {
    return window.localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Stores a value; where storage is switched off or full the console works on without it. */
export function writeStored(key: string, value: string): void {
  try {
    window.localStorage.setItem(key, value);
  } catch {
    // Nothing to do: what is stored here is comfort, never data.
  }
}

/** Folder that the console is served under, with a slash at its end: `/`, or `/munjigi/` behind a proxy that adds a prefix. */
export const basePath: string = import.meta.env.DEV
  ? '/'
  : new URL(/* @vite-ignore */ '../', import.meta.url).pathname;

/** Puts text on the clipboard; false when the browser refuses. Pages served without TLS have no clipboard API: the old command serves there. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    area.style.opacity = '0';
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}
