// Where `execute` gets its fragments from: select on the store's thread, then run here, or here and on other workers at once.
import type { Clock } from '@munjigi/env';
import type { ChunkReader, Querier, Selection, SymbolReader } from '@munjigi/model';
import {
  fragmentRange,
  mergePartials,
  runFragment,
  type Budget,
  type Fragment,
  type FragmentPartial,
  type MatrixResult,
  type QueryIO,
} from '@munjigi/promql';
import { shareOut } from './shares.ts';

/** Another worker that does part of the work. */
export interface Peer {
  /** Series [from, to). Rejects with code EPIPE when the peer has ended. */
  run(f: Fragment, s: Selection, from: number, to: number, budget: Budget): Promise<PeerRun>;
  /** Rows of an answer as JSON, separated by commas. Rejects likewise. */
  write(rows: MatrixResult): Promise<{ readonly bytes: Uint8Array; readonly copiedBytes: number }>;
}

export interface PeerRun {
  readonly partial: FragmentPartial;
  readonly copiedBytes: number;
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
  };
}

export interface FragmentContext {
  readonly clock: Clock;
  readonly querier: Querier;
  readonly reader: ChunkReader;
  readonly symbols: (s: Selection) => SymbolReader;
  readonly budget: Budget;
  readonly pause: () => Promise<void>;
  /** Other workers, as they are at this moment. */
  readonly peers: () => readonly Peer[];
}

export function createFragmentIO(context: FragmentContext, tally: FragmentTally): QueryIO {
  const { clock, querier, budget, pause } = context;
  const selections = new Map<string, Promise<Selection>>();
  /** Fragments of one selector and range share the selection. */
  const select = (f: Fragment): Promise<Selection> => {
    const { mint, maxt } = fragmentRange(f);
    const key = JSON.stringify([f.matchers, mint, maxt]);
    let found = selections.get(key);
    if (found === undefined) {
      const hints = { func: f.func, step_ms: f.grid.step_ms, range_ms: f.range_ms };
      selections.set(key, (found = querier.select(mint, maxt, f.matchers, hints)));
    }
    return found;
  };
  return {
    budget,
    pause,
    async run(f) {
      const begin = clock.monotonic();
      const s = await select(f);
      tally.select_ms += clock.monotonic() - begin;
      tally.seriesTouched += s.count;
      for (const warning of s.warnings) tally.warnings.add(warning);
      const partial = await runShared(f, s, context, tally);
      tally.samplesRead += partial.samplesRead;
      return partial;
    },
  };
}

async function runShared(
  f: Fragment,
  s: Selection,
  context: FragmentContext,
  tally: FragmentTally,
): Promise<FragmentPartial> {
  const { budget, pause } = context;
  const reader = timedReader(context, tally);
  const symbols = context.symbols(s);
  const peers = context.peers();
  const bounds = shareOut(f, s, 1 + peers.length);
  tally.shares += bounds.length - 1;
  const runHere = (k: number): Promise<FragmentPartial> =>
    runFragment(f, s, reader, budget, { from: bounds[k]!, to: bounds[k + 1]!, pause, symbols });
  if (bounds.length === 2) return runHere(0);
  const runThere = async (peer: Peer, k: number): Promise<FragmentPartial> => {
    try {
      const run = await peer.run(f, s, bounds[k]!, bounds[k + 1]!, budget);
      tally.copiedBytes += run.copiedBytes;
      tally.sharesElsewhere++;
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
