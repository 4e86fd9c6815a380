// Data that is loaded again and again while a page shows it.
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from './api.ts';
import { every, now_ms } from './browser.ts';
import { useContact } from './connection.ts';

export interface Polled<T> {
  /** Last good data; kept while later loads fail. */
  readonly data: T | null;
  readonly error: ApiError | null;
  readonly loadedAt_ms: number | null;
  readonly refresh: () => void;
}

/**
 * Loads at once and then every `period_ms` (0: only once), pauses while the tab is hidden, never has two loads under way, and loads again
 * when contact with the server comes back. `load` must be stable (useCallback).
 */
export function usePoll<T>(load: (signal: AbortSignal) => Promise<T>, period_ms: number): Polled<T> {
  const { epoch } = useContact();
  const [state, setState] = useState<{ data: T | null; error: ApiError | null; at: number | null }>({
    data: null,
    error: null,
    at: null,
  });
  const running = useRef<AbortController | null>(null);

  const refresh = useCallback(() => {
    if (running.current !== null) return;
    const abort = new AbortController();
    running.current = abort;
    const ask = async (): Promise<void> => {
      try {
        const data = await load(abort.signal);
        if (!abort.signal.aborted) setState({ data, error: null, at: now_ms() });
      } catch (e) {
        if (abort.signal.aborted) return;
        const error = e instanceof ApiError ? e : new ApiError('refused', String(e));
        setState((last) => ({ ...last, error }));
      } finally {
        if (running.current === abort) running.current = null;
      }
    };
    void ask();
  }, [load]);

  useEffect(() => {
    refresh();
    const tick = (): void => {
      if (!document.hidden) refresh();
    };
    const stop = period_ms > 0 ? every(period_ms, tick) : (): void => undefined;
    document.addEventListener('visibilitychange', tick);
    return (): void => {
      stop();
      document.removeEventListener('visibilitychange', tick);
      running.current?.abort();
      running.current = null;
    };
  }, [refresh, period_ms, epoch]);

  return { data: state.data, error: state.error, loadedAt_ms: state.at, refresh };
}
