// Our own PromQL parser in the browser: exact errors while one writes, and the format button. Loaded apart, with the first panel.
import type { Diagnostic } from '@codemirror/lint';

import { useEffect, useState } from 'react';
import type { parse, printExpr } from './parser.ts';

interface Promql {
  readonly parse: typeof parse;
  readonly printExpr: typeof printExpr;
}

let loaded: Promql | null = null;
let loading: Promise<Promql> | null = null;

function load(): Promise<Promql> {
  loading ??= import('./parser.ts').then((module) => (loaded = module));
  return loading;
}

/** Marks for the editor. An empty expression has none: nothing was written yet. */
export async function diagnose(text: string): Promise<Diagnostic[]> {
  if (text.trim() === '') return [];
  const promql = await load();
  const result = promql.parse(text);
  if ('expr' in result) return [];
  return result.errors.map((e) => {
    // A mark of no width can't be seen: it takes the character beside it.
    const from = Math.min(e.start, Math.max(0, text.length - 1));
    return { from, to: Math.max(e.end, from + 1), severity: 'error' as const, message: e.message };
  });
}

/** True once the parser is there. */
export function useFormatter(): boolean {
  const [ready, setReady] = useState(loaded !== null);
  useEffect(() => {
    let gone = false;
    const wait = async (): Promise<void> => {
      try {
        await load();
        if (!gone) setReady(true);
      } catch {
        // Without it there is no format button; everything else works.
      }
    };
    void wait();
    return (): void => {
      gone = true;
    };
  }, []);
  return ready;
}

/** The expression in its usual form; null when it isn't valid. */
export function formatExpr(text: string): string | null {
  if (loaded === null) return null;
  const result = loaded.parse(text);
  return 'expr' in result ? loaded.printExpr(result.expr) : null;
}
