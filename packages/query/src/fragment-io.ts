// Where `execute` gets its fragments from: select on the store's thread, then run here, or here and on other workers at once.
import type { Clock } from '@munjigi/env';
import type { ChunkReader, Querier, Selection, SymbolReader } from '@munjigi/model';
import {
  fragmentRange,
  mergePartials,
  printSelector,
  QueryError,
  runFragment,
  type Budget,
  type Fragment,
  type FragmentPartial,
  type MatrixResult,
  type QueryIO,
} from '@munjigi/promql';
import type { CostLimits } from './cost-limits.ts';
import { RequestError } from './request.ts';
import { addStepCounts, countingReader, newStepCounts, type StepCounts } from './sample-counts.ts';
import { overMemory, selectWithin } from './select-room.ts';
import { shareOut } from './shares.ts';

/** Another worker that does part of the work. */
export interface Peer {
  /** Series [from, to). Rejects with code EPIPE when the peer has ended. */
  run(
    f: Fragment,
    s: Selection,
    from: number,
    to: number,
    budget: Budget,
    counting: Counting,
  ): Promise<PeerRun>;
  /** Rows of an answer as JSON, separated by commas, in `into` if they fit. Rejects likewise. */
  write(
    rows: MatrixResult,
    into: Uint8Array<ArrayBuffer>,
  ): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly copiedBytes: number }>;
}

export interface PeerRun {
  readonly partial: FragmentPartial;
  readonly copiedBytes: number;
  /** Null where nothing was counted. */
  readonly counts: StepCounts | null;
}

/** What is counted sample by sample, as it costs time. */
export interface Counting {
  /** Samples at each step, for `stats`. */
  readonly steps: boolean;
  /** Most samples that the query may read; 0: all. */
  readonly maxSamplesRead: number;
}

/** What a query's fragments cost, as it adds up. */
export interface FragmentTally {
  samplesRead: number;
  seriesTouched: number;
  /** Waiting for selections; reading and decoding chunks in this thread. */
  select_ms: number;
  decode_ms: number;
  copiedBytes: number;
  /** Shares that fragments were cut into, and how many of them other workers ran. */
  shares: number;
  sharesElsewhere: number;
  readonly warnings: Set<string>;
  /** Series of each selector, by its text. */
  readonly selectors: Map<string, number>;
  /** Of each fragment that ran, where they were counted. */
  readonly counts: { readonly fragment: Fragment; readonly counts: StepCounts }[];
}

export function newTally(): FragmentTally {
  return {
    samplesRead: 0,
    seriesTouched: 0,
    select_ms: 0,
    decode_ms: 0,
    copiedBytes: 0,
    shares: 0,
    sharesElsewhere: 0,
    warnings: new Set(),
    selectors: new Map(),
    counts: [],
  };
}

export interface FragmentContext {
  readonly clock: Clock;
  readonly querier: Querier;
  readonly reader: ChunkReader;
  readonly symbols: (s: Selection) => SymbolReader;
  readonly budget: Budget;
  readonly steps: boolean;
  readonly cost: CostLimits;
  readonly pause: () => Promise<void>;
  /** Other workers, as they are at this moment. */
  readonly peers: () => readonly Peer[];
}

export function createFragmentIO(context: FragmentContext, tally: FragmentTally): QueryIO {
  const { clock, querier, budget, pause, cost } = context;
  const selections = new Map<string, Promise<Selection>>();
  /** Fragments of one selector and range share the selection. */
  const select = (f: Fragment): Promise<Selection> => {
    const { mint, maxt } = fragmentRange(f);
    const key = JSON.stringify([f.matchers, mint, maxt]);
    let found = selections.get(key);
    if (found === undefined) {
      const hints = { func: f.func, step_ms: f.grid.step_ms, range_ms: f.range_ms };
      selections.set(key, (found = selectWithin(querier, budget, mint, maxt, f.matchers, hints)));
    }
    return found;
  };
  const run = async (f: Fragment): Promise<FragmentPartial> => {
    const begin = clock.monotonic();
    const s = await select(f);
    tally.select_ms += clock.monotonic() - begin;
    tally.seriesTouched += s.count;
    tally.selectors.set(printSelector(f.matchers), s.count);
    if (cost.maxSeries > 0 && tally.seriesTouched > cost.maxSeries)
      throw new RequestError('cost_limit', 'query would load too many series into memory in query execution');
    for (const warning of s.warnings) tally.warnings.add(warning);
    const partial = await runShared(f, s, context, tally);
    tally.samplesRead += partial.samplesRead;
    return partial;
  };
  return {
    budget,
    pause,
    run: (f) =>
      run(f).catch((error: unknown) => {
        if (!(error instanceof QueryError) || error.kind !== 'memory') throw error;
        const series = tally.selectors.get(printSelector(f.matchers));
        throw overMemory(error, [[printSelector(f.matchers), series]], f.place);
      }),
  };
}

async function runShared(
  f: Fragment,
  s: Selection,
  context: FragmentContext,
  tally: FragmentTally,
): Promise<FragmentPartial> {
  const { budget, pause } = context;
  const symbols = context.symbols(s);
  const peers = context.peers();
  const bounds = shareOut(f, s, 1 + peers.length);
  tally.shares += bounds.length - 1;
  const counting: Counting = { steps: context.steps, maxSamplesRead: context.cost.maxSamplesRead };
  const counts = newCounts(f, counting);
  if (counts !== null && context.steps) tally.counts.push({ fragment: f, counts });
  const reader = counted(timedReader(context, tally), f, counts, budget, counting);
  const runHere = (k: number): Promise<FragmentPartial> =>
    runFragment(f, s, reader, budget, { from: bounds[k]!, to: bounds[k + 1]!, pause, symbols });
  if (bounds.length === 2) return runHere(0);
  const runThere = async (peer: Peer, k: number): Promise<FragmentPartial> => {
    try {
      const run = await peer.run(f, s, bounds[k]!, bounds[k + 1]!, budget, counting);
      tally.copiedBytes += run.copiedBytes;
      tally.sharesElsewhere++;
      if (counts !== null && run.counts !== null) addStepCounts(counts, run.counts);
      return run.partial;
    } catch (error) {
      // A peer that has ended: its share is ours. Anything else is the query's own error.
      if ((error as { code?: string }).code !== 'EPIPE') throw error;
      return runHere(k);
    }
  };
  const elsewhere = bounds.slice(1, -1).map((_, k) => runThere(peers[k]!, k + 1));
  return mergePartials(f, await Promise.all([runHere(0), ...elsewhere]));
}

/** Reads as `reader` does, and adds the time to the tally: some 0.1 us a series. */
function timedReader({ reader, clock }: FragmentContext, tally: FragmentTally): ChunkReader {
  return {
    async load(s, from, to) {
      const begin = clock.monotonic();
      await reader.load(s, from, to);
      tally.decode_ms += clock.monotonic() - begin;
    },
    series(s, i, mint, maxt, into) {
      const begin = clock.monotonic();
      reader.series(s, i, mint, maxt, into);
      tally.decode_ms += clock.monotonic() - begin;
    },
  };
}

/** Room for the counts of a fragment; null: nothing is counted. */
export function newCounts(f: Fragment, { steps, maxSamplesRead }: Counting): StepCounts | null {
  return steps || maxSamplesRead > 0 ? newStepCounts(f) : null;
}

/** The reader that fills them. */
export function counted(
  reader: ChunkReader,
  f: Fragment,
  counts: StepCounts | null,
  budget: Budget,
  { maxSamplesRead }: Counting,
): ChunkReader {
  return counts === null ? reader : countingReader(reader, f, counts, budget, maxSamplesRead);
}
