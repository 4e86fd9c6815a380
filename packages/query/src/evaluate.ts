// One request in the thread that owns it: parse, plan, execute, and the finished JSON.
import type { Clock } from '@munjigi/env';
import type { ChunkReader, Querier, Selection, SymbolReader } from '@munjigi/model';
import {
  BUDGET,
  execute,
  plan,
  prettyExpr,
  QueryError,
  type Budget,
  type Expr,
  type MatrixResult,
  type Plan,
  type QueryIO,
} from '@munjigi/promql';
import { exprJson } from './expr-json.ts';
import { federate } from './federate.ts';
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
      case 'federate': {
        const { match, time_ms } = request;
        const ran = await withFragments(evaluator, budget, (io) =>
          federate(match, time_ms, evaluator.lookback_ms, io),
        );
        return { status: 200, body: ran.value, error: null, cost: ran.cost };
      }
      case 'format':
        return textual(JSON.stringify(prettyExpr(parseQuery(request.query))));
      case 'parse':
        return textual(JSON.stringify(exprJson(parseQuery(request.query))));
      default: {
        const { querier, symbols, turns } = evaluator;
        return await answerLabels(request, { querier, symbols, pause: turns.pause });
      }
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

/** Runs `work` on fragments, with a lease that ends with it, and says what it took. */
async function withFragments<T>(
  evaluator: Evaluator,
  budget: Budget,
  work: (io: QueryIO) => Promise<T>,
): Promise<{ value: T; cost: QueryCost; warnings: string[] }> {
  const { clock, turns, reader, symbols, peers } = evaluator;
  const tally = newTally();
  const querier = evaluator.querier((bytes) => (tally.copiedBytes += bytes));
  try {
    const begin = clock.monotonic();
    const context = { clock, querier, reader, symbols, budget, pause: turns.pause, peers };
    const value = await work(createFragmentIO(context, tally));
    const { warnings, ...counts } = tally;
    const cost = { prepare_ms: 0, evaluate_ms: clock.monotonic() - begin, ...counts };
    return { value, cost, warnings: [...warnings] };
  } finally {
    querier.close();
  }
}

async function evaluate(
  request: EvaluationRequest,
  budget: Budget,
  queued_ms: number,
  evaluator: Evaluator,
): Promise<QueryReply> {
  const { clock, turns } = evaluator;
  const begin = clock.monotonic();
  const planned = planFor(request, parseQuery(request.query), evaluator);
  const prepare_ms = clock.monotonic() - begin;
  const ran = await withFragments(evaluator, budget, (io) => execute(planned, io));
  const cost: QueryCost = { ...ran.cost, prepare_ms };
  const peak = Atomics.load(budget.state, BUDGET.samples);
  const evaluated = clock.monotonic();
  // What copying rows to other writers costs is counted by the pool alone.
  const stats = (): string => {
    const took = { ...cost, queued_ms, encode_ms: clock.monotonic() - evaluated };
    return `,"stats":${JSON.stringify(queryStats(took, peak))}`;
  };
  const parts = {
    limit: request.limit,
    warnings: ran.warnings,
    more: request.stats === '' ? (): string => '' : stats,
  };
  let { copiedBytes } = cost;
  const writers = evaluator.peers().map((peer) => ({
    async write(rows: MatrixResult): Promise<Uint8Array> {
      const written = await peer.write(rows);
      copiedBytes += written.copiedBytes;
      return written.bytes;
    },
  }));
  const body = await writeAnswer(ran.value, parts, turns.pause, writers);
  return { status: 200, body, error: null, cost: { ...cost, copiedBytes } };
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
