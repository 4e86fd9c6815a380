// The store and its blocks as one Queryable, in the thread that queries: what the store answers is merged with what its blocks hold.
import type { Clock, Files, Random } from '@munjigi/env';
import { compareText, type BlockRef, type LabelQuery, type Querier, type Selection } from '@munjigi/model';
import { newSlicer, type Slicer } from '../head/slicer.ts';
import { blockLabelNames, blockLabelValues } from './label-query.ts';
import { FoundCache } from './found-cache.ts';
import { eachBlock, newOpenBlocks } from './open-blocks.ts';
import type { Block } from './reader.ts';
import { selectWithBlocks, type Blocks } from './select.ts';
import { runSliced, type Steps } from './steps.ts';
import { newSymbolSpace, type SymbolSpace } from './symbol-space.ts';

export interface BlocksOptions {
  /** Memory for pages and tables of the blocks' indexes, as much again for symbols, and half of it for what matchers found. */
  readonly cacheBytes: number;
  /** After so long other work of the thread gets a turn; ms, 5 when absent. */
  readonly slice_ms?: number;
}

/** A Queryable, or one whose `querier` takes arguments of its own. */
interface Opener<A extends readonly unknown[]> {
  querier(...args: A): Querier;
}

/** Numbers of tables: above those of any store, and apart from those of other threads. */
const FIRST_TABLE: number = 2 ** 31;
const TABLES: number = 2 ** 20;

/** `inner` answers for itself and names its blocks; the result answers for all. A block that cannot be read is named in the warnings. */
export function withBlocks<A extends readonly unknown[]>(
  env: { files: Files; clock: Clock; random: Random },
  inner: Opener<A>,
  o: BlocksOptions,
): Opener<A> {
  let table = FIRST_TABLE + env.random.u32() * TABLES;
  let space = newSymbolSpace(table);
  const shared = {
    clock: env.clock,
    slice_ms: o.slice_ms ?? 5,
    open: newOpenBlocks(env, o.cacheBytes),
    found: new FoundCache(o.cacheBytes / 2),
    space(): SymbolSpace {
      if (space.bytes() > o.cacheBytes) space = newSymbolSpace(++table);
      return space;
    },
  };
  return {
    querier(...args): Querier {
      const querier = inner.querier(...args);
      const blocks: Blocks = { ...shared, unreadable: (ref, reason) => querier.unreadable?.(ref, reason) };
      return {
        async select(mint, maxt, matchers, hints): Promise<Selection> {
          const selection = await querier.select(mint, maxt, matchers, hints);
          const refs = overlapping(selection.blocks, mint, maxt);
          if (refs.length === 0 || selection.refusedBytes !== undefined) return selection;
          return selectWithBlocks(blocks, selection, refs, mint, maxt, matchers, hints);
        },
        async labelNames(q): Promise<{ names: string[]; warnings: string[] }> {
          const { names, warnings, blocks: refs } = await querier.labelNames(q);
          const merged = await labels(blocks, names, warnings, refs, q, (block) => blockLabelNames(block, q));
          return { names: merged.texts, warnings: merged.warnings };
        },
        async labelValues(name, q): Promise<{ values: string[]; warnings: string[] }> {
          const { values, warnings, blocks: refs } = await querier.labelValues(name, q);
          const merged = await labels(blocks, values, warnings, refs, q, (block) =>
            blockLabelValues(block, name, q),
          );
          return { values: merged.texts, warnings: merged.warnings };
        },
        exemplars: (mint, maxt, matchers) => querier.exemplars(mint, maxt, matchers),
        metadata: (metric) => querier.metadata(metric),
        close: () => querier.close(),
      };
    },
  };
}

function overlapping(refs: readonly BlockRef[] | undefined, mint: number, maxt: number): readonly BlockRef[] {
  return refs?.filter((ref) => ref.mint <= maxt && ref.maxt > mint) ?? [];
}

async function labels(
  blocks: Blocks,
  inner: string[],
  innerWarnings: readonly string[],
  refs: readonly BlockRef[] | undefined,
  q: LabelQuery,
  ask: (block: Block) => Steps<string[]>,
): Promise<{ texts: string[]; warnings: string[] }> {
  const slicer = newSlicer(blocks.clock, blocks.slice_ms);
  const warnings = [...innerWarnings];
  let texts = inner;
  const overlap = overlapping(refs, q.mint, q.maxt);
  await eachBlock(blocks.open, overlap, warnings, blocks.unreadable, async ({ block }) => {
    texts = await mergeTexts(texts, await runSliced(ask(block), slicer), q.limit, slicer);
  });
  return { texts, warnings };
}

/** Both lists are in the order of bytes. */
async function mergeTexts(a: string[], b: string[], limit: number, slicer: Slicer): Promise<string[]> {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  const most = limit > 0 ? Math.min(limit, a.length + b.length) : a.length + b.length;
  const merged: string[] = [];
  for (let i = 0, k = 0; merged.length < most && (i < a.length || k < b.length);) {
    if (slicer.due()) await slicer.rest();
    const order = i === a.length ? 1 : k === b.length ? -1 : compareText(a[i]!, b[k]!);
    merged.push(order <= 0 ? a[i]! : b[k]!);
    if (order <= 0) i++;
    if (order >= 0) k++;
  }
  return merged;
}
