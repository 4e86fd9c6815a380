// A query in this thread, without a pool: tests, tools, and programs that hold the store themselves.
import type { Clock } from '@munjigi/env';
import type { ChunkReader, Queryable } from '@munjigi/model';
import { newBudget, type Limits } from '@munjigi/promql';
import { answer } from './evaluate.ts';
import type { QueryReply, QueryRequest } from './request.ts';
import { createSymbolCache } from './symbol-cache.ts';
import { createTurns } from './turns.ts';

export interface LocalOptions {
  readonly lookback_ms?: number;
  readonly limits?: Limits;
}

/** As a pool's `query`, with the store and its reader at hand. */
export function queryLocal(
  clock: Clock,
  storage: Queryable,
  reader: ChunkReader,
  request: QueryRequest,
  options: LocalOptions = {},
): Promise<QueryReply> {
  return answer(request, newBudget(options.limits), 0, {
    clock,
    turns: createTurns(clock),
    reader,
    symbols: createSymbolCache(),
    querier: () => storage.querier(),
    peers: () => [],
    lookback_ms: options.lookback_ms ?? 300_000,
    subqueryStep_ms: 60_000,
  });
}
