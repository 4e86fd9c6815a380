// A typed text to what is shown of it: a result, or everything that is wrong with it.
import { parse, QueryError, type Result } from '@munjigi/promql';
import { queryOnce } from '@munjigi/promql/memory-store';
import type { Loaded } from './series.ts';

/** Times in ms; an instant query has start = end and step 0. */
export interface Times {
  readonly start_ms: number;
  readonly end_ms: number;
  readonly step_ms: number;
}

export interface Problem {
  readonly message: string;
  /** Offsets in the text; null: it is about all of it. */
  readonly span: { readonly start: number; readonly end: number } | null;
  /** line:column, or empty. */
  readonly place: string;
}

export type Outcome =
  | { readonly kind: 'blank' }
  | { readonly kind: 'wrong'; readonly problems: readonly Problem[] }
  | { readonly kind: 'result'; readonly result: Result; readonly took_ms: number };

export async function evaluate(text: string, times: Times, { store }: Loaded): Promise<Outcome> {
  if (text.trim() === '') return { kind: 'blank' };
  const parsed = parse(text);
  if ('errors' in parsed)
    return {
      kind: 'wrong',
      problems: parsed.errors.map(({ message, start, end, line, column }) => ({
        message,
        span: { start, end },
        place: `${line}:${column}`,
      })),
    };
  const from = performance.now();
  try {
    const result = await queryOnce(store, text, times);
    return { kind: 'result', result, took_ms: performance.now() - from };
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    return { kind: 'wrong', problems: [{ message: error.message, span: null, place: '' }] };
  }
}
