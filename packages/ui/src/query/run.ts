// Runs one panel's query: a new run gives up the one under way.
import { useEffect, useState } from 'react';
import { ApiError, query, queryRange, type ApiReply } from '../api.ts';
import { monotonic_ms, now_ms } from '../browser.ts';
import { useContact } from '../connection.ts';
import type { QueryData } from '../series.ts';
import { stepOf } from '../step.ts';
import type { PanelState } from './panel-url.ts';

/** The grid of a range query, in seconds. */
interface Grid {
  readonly start_s: number;
  readonly end_s: number;
  readonly step_s: number;
}

/** An answer, with what was asked. */
export interface Outcome {
  readonly tab: PanelState['tab'];
  readonly expr: string;
  readonly at_s: number;
  readonly grid: Grid;
  readonly reply: ApiReply<QueryData>;
  /** Series, or 1 for a scalar or a string. */
  readonly series: number;
  readonly samples: number;
}

export type RunState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'loading'; readonly since_ms: number; readonly last: Outcome | null }
  | { readonly kind: 'done'; readonly outcome: Outcome }
  | { readonly kind: 'failed'; readonly error: ApiError; readonly expr: string };

export function useRun(panel: PanelState, run: number): { state: RunState; cancel: () => void } {
  const { epoch } = useContact();
  const [state, setState] = useState<RunState>({ kind: 'idle' });
  const [abort, setAbort] = useState<AbortController | null>(null);
  const { expr, tab, range_ms, end_ms, resolution } = panel;
  const step_ms = stepOf(resolution, range_ms);

  useEffect(() => {
    if (expr.trim() === '') {
      setState({ kind: 'idle' });
      return undefined;
    }
    const controller = new AbortController();
    setAbort(controller);
    setState((old) => ({
      kind: 'loading',
      since_ms: monotonic_ms(),
      last: old.kind === 'done' ? old.outcome : old.kind === 'loading' ? old.last : null,
    }));
    const at_s = (end_ms ?? now_ms()) / 1000;
    const step_s = step_ms / 1000;
    // Points stand on multiples of the step, so that the same graph drawn a moment later keeps its shape.
    const end_s = Math.floor(at_s / step_s) * step_s;
    const grid = { start_s: Math.floor((at_s - range_ms / 1000) / step_s) * step_s, end_s, step_s };
    const ask = async (): Promise<void> => {
      try {
        const reply =
          tab === 'table'
            ? await query(expr, at_s, controller.signal)
            : await queryRange(expr, grid, controller.signal);
        if (controller.signal.aborted) return;
        setState({ kind: 'done', outcome: { tab, expr, at_s, grid, reply, ...sizeOf(reply.data) } });
      } catch (e) {
        if (controller.signal.aborted) return;
        const error = e instanceof ApiError ? e : new ApiError('refused', String(e));
        setState({ kind: 'failed', error, expr });
      }
    };
    void ask();
    return (): void => controller.abort();
  }, [expr, tab, range_ms, end_ms, step_ms, run, epoch]);

  const cancel = (): void => {
    abort?.abort();
    setState((old) =>
      old.kind === 'loading' && old.last !== null ? { kind: 'done', outcome: old.last } : { kind: 'idle' },
    );
  };
  return { state, cancel };
}

function sizeOf(data: QueryData): { series: number; samples: number } {
  if (data.resultType === 'vector') return { series: data.result.length, samples: data.result.length };
  if (data.resultType === 'matrix') {
    const samples = data.result.reduce(
      (n, s) => n + (s.values?.length ?? 0) + (s.histograms?.length ?? 0),
      0,
    );
    return { series: data.result.length, samples };
  }
  return { series: 1, samples: 1 };
}
