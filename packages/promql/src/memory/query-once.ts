// A query from text to result in this thread.
import type { ChunkReader, Querier } from '@munjigi/model';
import { execute } from '../execute.ts';
import { newBudget, fragmentRange, type Budget, type Fragment, type FragmentPartial } from '../fragment.ts';
import { parse, type ParseOptions } from '../parse.ts';
import { plan, type PlanOptions } from '../plan.ts';
import { printParseError } from '../position.ts';
import type { Result } from '../result.ts';
import { runFragment } from '../run-fragment.ts';

/** A store and the reader of its chunks. */
export interface Readable {
  querier(): Querier;
  reader(): ChunkReader;
}

export type QueryParams = Omit<PlanOptions, 'text'> & {
  readonly parser?: ParseOptions;
  readonly budget?: Budget;
};

/** Parses, plans and executes in this thread. Throws QueryError, and Error with the first parse error's text. */
export async function queryOnce(storage: Readable, text: string, params: QueryParams): Promise<Result> {
  const parsed = parse(text, params.parser);
  if ('errors' in parsed) throw new Error(printParseError(parsed.errors[0]!));
  const querier = storage.querier();
  const reader = storage.reader();
  const budget = params.budget ?? newBudget();
  try {
    const run = async (f: Fragment): Promise<FragmentPartial> => {
      const { mint, maxt } = fragmentRange(f);
      const selection = await querier.select(mint, maxt, f.matchers);
      return runFragment(f, selection, reader, budget);
    };
    return await execute(plan(parsed.expr, { ...params, text }), { run, budget });
  } finally {
    querier.close();
  }
}
