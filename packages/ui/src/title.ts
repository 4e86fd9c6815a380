import { useEffect } from 'react';

/** Names the browser's tab. */
export function useTitle(text: string): void {
  useEffect(() => {
    document.title = `${text} · Munjigi`;
  }, [text]);
}
