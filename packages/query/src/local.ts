// A query in this thread, without a pool: tests, tools, and programs that hold the store themselves.
import type { Clock } from '@munjigi/env';
import type { ChunkReader, Queryable } from '@munjigi/model';
import { newBudget, type Limits } from '@munjigi/promql';
import { createBuffers } from './buffers.ts';
import { NO_CEILINGS, type CostLimits } from './cost-limits.ts';
import { answer } from './evaluate.ts';
import { wholeReply, type QueryReply, type QueryRequest } from './request.ts';
import { createSymbolCache } from './symbol-cache.ts';
import { createTurns } from './turns.ts';

export interface LocalOptions {
  readonly lookback_ms?: number;
  readonly limits?: Limits;
  readonly cost?: CostLimits;
}

/** As a pool's `query`, whole, with the store and its reader at hand. */
export function queryLocal(
  clock: Clock,
  storage: Queryable,
  reader: ChunkReader,
  request: QueryRequest,
  options: LocalOptions = {},
): Promise<QueryReply> {
  const budget = newBudget(options.limits);
  const terms = {
    budget,
    queued_ms: 0,
    cost: options.cost ?? NO_CEILINGS,
    subqueryStep_ms: 60_000,
    counted: false,
  };
  const reply = answer(request, terms, {
    clock,
    turns: createTurns(clock),
    reader,
    symbols: createSymbolCache(),
    buffers: createBuffers(0),
    querier: () => storage.querier(),
    peers: () => [],
    lookback_ms: options.lookback_ms ?? 300_000,
    delayedNameRemoval: false,
    startTimestamps: false,
  });
  return reply.then(wholeReply);
}
