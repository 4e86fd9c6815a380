// One request in the thread that owns it: parse, plan, execute, and the finished JSON.
import type { Clock } from '@munjigi/env';
import type { ChunkReader, Querier, Selection, SymbolReader } from '@munjigi/model';
import {
  BUDGET,
  closeBudget,
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
import type { Buffers } from './buffers.ts';
import type { CostLimits } from './cost-limits.ts';
import { exprJson } from './expr-json.ts';
import { federate } from './federate.ts';
import { createFragmentIO, newTally, type FragmentTally, type Peer } from './fragment-io.ts';
import { answerLabels, parseQuery } from './label-query.ts';
import {
  errorReply,
  NO_COST,
  RequestError,
  successBody,
  type ErrorType,
  type EvaluationRequest,
  type QueryCost,
  type QueryReply,
  type QueryRequest,
} from './request.ts';
import { overMemory } from './select-room.ts';
import { queryStats } from './stats.ts';
import { stepSamples } from './step-samples.ts';
import { streamed } from './streamed.ts';
import type { Turns } from './turns.ts';
import { answerPieces, takeAnswerRoom, type AnswerParts } from './write-answer.ts';

/** What a thread answers requests with. */
export interface Evaluator {
  readonly clock: Clock;
  readonly turns: Turns;
  /** `copied` hears how many bytes a selection cost in copies between threads. */
  readonly querier: (copied: (bytes: number) => void) => Querier;
  readonly reader: ChunkReader;
  readonly symbols: (s: Selection) => SymbolReader;
  /** Where answers are written. */
  readonly buffers: Buffers;
  /** Other workers, as they are at this moment. */
  readonly peers: () => readonly Peer[];
  readonly lookback_ms: number;
  readonly delayedNameRemoval: boolean;
  readonly startTimestamps: boolean;
}

/** What one query gets beside its request. */
export interface QueryTerms {
  readonly budget: Budget;
  readonly queued_ms: number;
  readonly cost: CostLimits;
  /** Step of subqueries that name none: the global evaluation interval. */
  readonly subqueryStep_ms: number;
  /** Samples are counted step by step whether the answer shows it or not. */
  readonly counted: boolean;
}

/**
 * Never rejects for what the one who asks or the store does wrong; a bug is an `internal` error with the bug's message. The budget is closed
 * when the answer is complete: with the reply, or with its rest.
 */
export async function answer(
  request: QueryRequest,
  terms: QueryTerms,
  evaluator: Evaluator,
): Promise<QueryReply> {
  const { budget } = terms;
  const close = (): void => closeBudget(budget);
  try {
    switch (request.kind) {
      case 'instant':
      case 'range':
        return await evaluate(request, terms, evaluator, close);
      case 'federate': {
        const { match, time_ms } = request;
        const ran = await withFragments(evaluator, terms, false, (io) =>
          federate(match, time_ms, evaluator.lookback_ms, io),
        );
        return await streamed(
          ran.value,
          { status: 200, error: null, cost: costOf(ran, budget, 0, null) },
          close,
          { buffers: evaluator.buffers },
        );
      }
      case 'format':
        return textual(JSON.stringify(prettyExpr(parseQuery(request.query))), close);
      case 'parse':
        return textual(JSON.stringify(exprJson(parseQuery(request.query))), close);
      default: {
        const { querier, symbols, turns, buffers } = evaluator;
        return await answerLabels(request, { querier, symbols, pause: turns.pause, budget, buffers }, close);
      }
    }
  } catch (error) {
    const { errorType, message } = describe(error as Error);
    // Other threads that still work for this query stop.
    Atomics.store(budget.state, BUDGET.cancelled, 1);
    close();
    return errorReply({ errorType, message });
  }
}

function textual(json: string, done: () => void): QueryReply {
  done();
  return { status: 200, body: successBody(json), error: null, cost: NO_COST };
}

interface Ran<T> {
  readonly value: T;
  readonly tally: FragmentTally;
  readonly evaluate_ms: number;
}

function costOf(
  { tally, evaluate_ms }: Ran<unknown>,
  budget: Budget,
  prepare_ms: number,
  plan: Plan | null,
): QueryCost {
  const { samplesRead, seriesTouched, select_ms, decode_ms, copiedBytes, shares, sharesElsewhere } = tally;
  return {
    prepare_ms,
    evaluate_ms,
    select_ms,
    decode_ms,
    samplesRead,
    seriesTouched,
    copiedBytes,
    shares,
    sharesElsewhere,
    peakSamples: Atomics.load(budget.state, BUDGET.peak),
    steps: plan === null ? null : { grid: plan.grid, counts: stepSamples(plan, tally.counts) },
  };
}

/** Runs `work` on fragments, with a lease that ends with it, and says what it took. */
async function withFragments<T>(
  evaluator: Evaluator,
  { budget, cost }: QueryTerms,
  steps: boolean,
  work: (io: QueryIO) => Promise<T>,
): Promise<Ran<T>> {
  const { clock, turns, reader, symbols, peers } = evaluator;
  const tally = newTally();
  const querier = evaluator.querier((bytes) => (tally.copiedBytes += bytes));
  try {
    const begin = clock.monotonic();
    const context = { clock, querier, reader, symbols, budget, steps, cost, pause: turns.pause, peers };
    const value = await work(createFragmentIO(context, tally));
    return { value, tally, evaluate_ms: clock.monotonic() - begin };
  } catch (error) {
    // What is computed above the selectors is as large as what they give.
    if (error instanceof QueryError && error.kind === 'memory')
      throw overMemory(error, [...tally.selectors], '');
    throw error;
  } finally {
    querier.close();
  }
}

async function evaluate(
  request: EvaluationRequest,
  terms: QueryTerms,
  evaluator: Evaluator,
  done: () => void,
): Promise<QueryReply> {
  const { clock, turns } = evaluator;
  const { budget, queued_ms } = terms;
  const begin = clock.monotonic();
  const planned = planFor(request, parseQuery(request.query), terms, evaluator);
  const prepare_ms = clock.monotonic() - begin;
  const steps = request.stats !== '' || terms.counted;
  const ran = await withFragments(evaluator, terms, steps, async (io) => {
    const result = await execute(planned, io);
    takeAnswerRoom(budget, result, evaluator.peers().length);
    return result;
  });
  const cost = costOf(ran, budget, prepare_ms, steps ? planned : null);
  const evaluated = clock.monotonic();
  const stats = (): string => {
    const took = { ...cost, queued_ms, encode_ms: clock.monotonic() - evaluated };
    return `,"stats":${JSON.stringify(queryStats(took, request.stats === 'all'))}`;
  };
  const warnings = [...ran.tally.warnings];
  if (request.stats !== '' && request.stats !== 'true' && request.stats !== 'all')
    warnings.push(oldStats(request.stats));
  const more = request.stats === '' ? (): string => '' : stats;
  const parts: AnswerParts = { limit: request.limit, warnings, more };
  // What copying rows to other writers costs comes after the reply's cost: it is told with the pieces.
  let copiedBytes = 0;
  const writers = evaluator.peers().map((peer) => ({
    async write(rows: MatrixResult, into: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
      const written = await peer.write(rows, into);
      copiedBytes += written.copiedBytes;
      return written.bytes;
    },
  }));
  const pieces = answerPieces(ran.value, parts, turns.pause, evaluator.buffers, writers);
  return streamed(pieces, { status: 200, error: null, cost }, done, {
    buffers: evaluator.buffers,
    copiedBytes: () => copiedBytes,
  });
}

function oldStats(value: string): string {
  return `value ${JSON.stringify(value)} for parameter "stats" is deprecated and will be rejected in the next major release, use "true" or "all"`;
}

/** Throws RequestError where the expression does not fit the request. */
function planFor(
  request: EvaluationRequest,
  expr: Expr,
  { subqueryStep_ms }: QueryTerms,
  e: Evaluator,
): Plan {
  const common = {
    lookback_ms: request.lookback_ms ?? e.lookback_ms,
    subqueryStep_ms,
    startTimestamps: request.startTimestamps ?? e.startTimestamps,
    delayedNameRemoval: e.delayedNameRemoval,
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
