// Pages by path, through the browser's history. The address holds all state.
import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent, type ReactNode } from 'react';
import { basePath } from './browser.ts';

const CHANGED = 'munjigi:navigated';

/** Where we are: path below the console's folder, as `/query`, and the search part with its `?`. */
export interface Place {
  readonly path: string;
  readonly search: string;
}

/** Goes to a place below the console's folder: `navigate('/query?g0.expr=up')`. */
export function navigate(to: string, how: 'push' | 'replace' = 'push'): void {
  const url = href(to);
  if (how === 'push') window.history.pushState(null, '', url);
  else window.history.replaceState(null, '', url);
  window.dispatchEvent(new Event(CHANGED));
}

function href(to: string): string {
  return `${basePath}${to.replace(/^\//, '')}`;
}

export function usePlace(): Place {
  const key = useSyncExternalStore(subscribe, () => `${window.location.pathname}\n${window.location.search}`);
  const [pathname = '/', search = ''] = key.split('\n');
  const below = pathname.startsWith(basePath) ? pathname.slice(basePath.length) : pathname.slice(1);
  return { path: `/${below.replace(/\/$/, '')}`, search };
}

/** A link inside the console: the browser's own behaviour for new tabs and windows stays. */
export function Link(
  props: AnchorHTMLAttributes<HTMLAnchorElement> & { to: string; children: ReactNode },
): ReactNode {
  const { to, onClick, ...rest } = props;
  const follow = (e: MouseEvent<HTMLAnchorElement>): void => {
    onClick?.(e);
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    navigate(to);
  };
  return <a {...rest} href={href(to)} onClick={follow} />;
}

/** A link to the query page with one panel. */
export function queryLink(expr: string, tab: 'graph' | 'table' = 'graph'): string {
  return `/query?g0.expr=${encodeURIComponent(expr)}&g0.tab=${tab}&g0.range_input=1h`;
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('popstate', listener);
  window.addEventListener(CHANGED, listener);
  return (): void => {
    window.removeEventListener('popstate', listener);
    window.removeEventListener(CHANGED, listener);
  };
}
