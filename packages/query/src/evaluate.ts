// One request in the thread that owns it: parse, plan, execute, and the finished JSON.
import type { Clock } from '@munjigi/env';
import type { ChunkReader, Querier, Selection, SymbolReader } from '@munjigi/model';
import {
  BUDGET,
  execute,
  plan,
  printExpr,
  QueryError,
  type Budget,
  type Expr,
  type MatrixResult,
  type Plan,
} from '@munjigi/promql';
import { exprJson } from './expr-json.ts';
import { createFragmentIO, newTally, type Peer } from './fragment-io.ts';
import { answerLabels, parseQuery } from './label-query.ts';
import {
  errorReply,
  NO_COST,
  RequestError,
  successBody,
  type ErrorType,
  type QueryCost,
  type QueryReply,
  type QueryRequest,
} from './request.ts';
import { queryStats } from './stats.ts';
import type { Turns } from './turns.ts';
import { writeAnswer } from './write-answer.ts';

type EvaluationRequest = Extract<QueryRequest, { kind: 'instant' | 'range' }>;

/** What a thread answers requests with. */
export interface Evaluator {
  readonly clock: Clock;
  readonly turns: Turns;
  /** `copied` hears how many bytes a selection cost in copies between threads. */
  readonly querier: (copied: (bytes: number) => void) => Querier;
  readonly reader: ChunkReader;
  readonly symbols: (s: Selection) => SymbolReader;
  /** Other workers, as they are at this moment. */
  readonly peers: () => readonly Peer[];
  readonly lookback_ms: number;
  /** Step of subqueries that name none: the global evaluation interval. */
  readonly subqueryStep_ms: number;
}

/** Never rejects for what the one who asks or the store does wrong; a bug is an `internal` error with the bug's message. */
export async function answer(
  request: QueryRequest,
  budget: Budget,
  queued_ms: number,
  evaluator: Evaluator,
): Promise<QueryReply> {
  try {
    switch (request.kind) {
      case 'instant':
      case 'range':
        return await evaluate(request, budget, queued_ms, evaluator);
      case 'format':
        return textual(JSON.stringify(printExpr(parseQuery(request.query))));
      case 'parse':
        return textual(JSON.stringify(exprJson(parseQuery(request.query))));
      default:
        return await answerLabels(request, evaluator.querier);
    }
  } catch (error) {
    const { errorType, message } = describe(error as Error);
    // Other threads that still work for this query stop.
    Atomics.store(budget.state, BUDGET.cancelled, 1);
    return errorReply({ errorType, message });
  }
}

function textual(json: string): QueryReply {
  return { status: 200, body: successBody(json, [], []), error: null, cost: NO_COST };
}

async function evaluate(
  request: EvaluationRequest,
  budget: Budget,
  queued_ms: number,
  evaluator: Evaluator,
): Promise<QueryReply> {
  const { clock, turns, reader, symbols, peers } = evaluator;
  const begin = clock.monotonic();
  const expr = parseQuery(request.query);
  const planned = planFor(request, expr, evaluator);
  const tally = newTally();
  const querier = evaluator.querier((bytes) => (tally.copiedBytes += bytes));
  try {
    const prepared = clock.monotonic();
    const context = { querier, reader, symbols, budget, pause: turns.pause, peers };
    const result = await execute(planned, createFragmentIO(context, tally));
    const evaluated = clock.monotonic();
    const peak = Atomics.load(budget.state, BUDGET.samples);
    const cost: QueryCost = {
      prepare_ms: prepared - begin,
      evaluate_ms: evaluated - prepared,
      samplesRead: tally.samplesRead,
      seriesTouched: tally.seriesTouched,
      copiedBytes: tally.copiedBytes,
      shares: tally.shares,
      sharesElsewhere: tally.sharesElsewhere,
    };
    // After the stats are written: what copying rows to writers costs is counted by the pool alone.
    let written = 0;
    const stats = request.stats === '' ? '' : `,"stats":${JSON.stringify(queryStats(cost, queued_ms, peak))}`;
    const parts = { limit: request.limit, warnings: [...tally.warnings], more: stats };
    const writers = peers().map((peer) => ({
      async write(rows: MatrixResult): Promise<Uint8Array> {
        const { bytes, copiedBytes } = await peer.write(rows);
        written += copiedBytes;
        return bytes;
      },
    }));
    const body = await writeAnswer(result, parts, turns.pause, writers);
    return { status: 200, body, error: null, cost: { ...cost, copiedBytes: cost.copiedBytes + written } };
  } finally {
    querier.close();
  }
}

/** Throws RequestError where the expression does not fit the request. */
function planFor(request: EvaluationRequest, expr: Expr, e: Evaluator): Plan {
  const common = {
    lookback_ms: request.lookback_ms ?? e.lookback_ms,
    subqueryStep_ms: e.subqueryStep_ms,
    text: request.query,
  };
  try {
    if (request.kind === 'instant')
      return plan(expr, { ...common, start_ms: request.time_ms, end_ms: request.time_ms, step_ms: 0 });
    const { start_ms, end_ms, step_ms } = request;
    return plan(expr, { ...common, start_ms, end_ms, step_ms });
  } catch (error) {
    // Prometheus judges types when it makes the query, before it runs.
    if (error instanceof QueryError && error.kind === 'execution')
      throw new RequestError('bad_data', `invalid parameter "query": ${error.message}`);
    throw error;
  }
}

/** Prometheus' error type for what went wrong below the request. */
function describe(error: Error): { errorType: ErrorType; message: string } {
  const { message } = error;
  if (error instanceof RequestError) return { errorType: error.errorType, message };
  if (error instanceof QueryError)
    return { errorType: error.kind === 'cancelled' ? 'canceled' : 'execution', message };
  return { errorType: 'internal', message };
}
