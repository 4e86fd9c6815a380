// The store and its blocks as one Queryable, in the thread that queries: what the store answers is merged with what its blocks hold.
import { EnvError, type Clock, type Files, type Random } from '@munjigi/env';
import {
  StorageError,
  SymbolReader,
  compareText,
  type ArenaRef,
  type BlockRef,
  type LabelQuery,
  type Matcher,
  type Querier,
  type SelectHints,
  type Selection,
} from '@munjigi/model';
import { newSlicer, type Slicer } from '../head/slicer.ts';
import { assemble } from './assemble.ts';
import { Gather } from './gather.ts';
import { blockLabelNames, blockLabelValues } from './label-query.ts';
import { compileBlockTests, matchSeries, type BlockTest } from './match.ts';
import { newOpenBlocks, type OpenBlock, type OpenBlocks } from './open-blocks.ts';
import type { Block, SeriesCursor } from './reader.ts';
import { SEGMENT_STEP } from './segment-writer.ts';
import { runSliced, type Steps } from './steps.ts';
import { newSymbolSpace, type SymbolSpace } from './symbol-space.ts';
import { findTombstones, type Tombstones } from './tombstones.ts';

export interface BlocksOptions {
  /** Memory for pages and tables of the blocks' indexes, and as much again for symbols. */
  readonly cacheBytes: number;
  /** After so long other work of the thread gets a turn; ms, 5 when absent. */
  readonly slice_ms?: number;
}

/** A Queryable, or one whose `querier` takes arguments of its own. */
interface Opener<A extends readonly unknown[]> {
  querier(...args: A): Querier;
}

const MAX_ARENAS = 65_535;
/** Numbers of tables: above those of any store, and apart from those of other threads. */
const FIRST_TABLE: number = 2 ** 31;
const TABLES: number = 2 ** 20;

interface Blocks {
  readonly clock: Clock;
  readonly slice_ms: number;
  readonly open: OpenBlocks;
  /** Symbols of merged selections. */
  space(): SymbolSpace;
}

/** `inner` answers for itself and names its blocks; the result answers for all. A block that cannot be read is named in the warnings. */
export function withBlocks<A extends readonly unknown[]>(
  env: { files: Files; clock: Clock; random: Random },
  inner: Opener<A>,
  o: BlocksOptions,
): Opener<A> {
  let table = FIRST_TABLE + env.random.u32() * TABLES;
  let space = newSymbolSpace(table);
  const blocks: Blocks = {
    clock: env.clock,
    slice_ms: o.slice_ms ?? 5,
    open: newOpenBlocks(env, o.cacheBytes),
    space(): SymbolSpace {
      if (space.bytes() > o.cacheBytes) space = newSymbolSpace(++table);
      return space;
    },
  };
  return {
    querier(...args): Querier {
      const querier = inner.querier(...args);
      return {
        async select(mint, maxt, matchers, hints): Promise<Selection> {
          const selection = await querier.select(mint, maxt, matchers, hints);
          const refs = overlapping(selection.blocks, mint, maxt);
          if (refs.length === 0) return selection;
          return select(blocks, selection, refs, mint, maxt, matchers, hints);
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

/** Runs `fn` with each block that can be opened; what is wrong with one becomes a warning. */
async function eachBlock(
  blocks: Blocks,
  refs: readonly BlockRef[],
  warnings: string[],
  fn: (open: OpenBlock, ref: BlockRef) => Promise<void>,
): Promise<void> {
  for (const ref of refs) {
    try {
      const open = blocks.open.use(ref);
      try {
        await fn(open, ref);
      } finally {
        blocks.open.done(ref);
      }
    } catch (error) {
      if (!(error instanceof StorageError) && !(error instanceof EnvError)) throw error;
      warnings.push(
        `block ${ref.ulid} cannot be read, what it holds is missing in the answer: ${error.message}`,
      );
    }
  }
}

async function select(
  blocks: Blocks,
  inner: Selection,
  refs: readonly BlockRef[],
  mint: number,
  maxt: number,
  matchers: readonly Matcher[],
  hints?: SelectHints,
): Promise<Selection> {
  const slicer = newSlicer(blocks.clock, blocks.slice_ms);
  const tests = compileBlockTests(matchers);
  const warnings = [...inner.warnings];
  const merge: Merge = {
    gather: new Gather(),
    space: blocks.space(),
    arenas: [...inner.arenas],
    mint,
    maxt,
    limit: hints?.limit ?? 0,
    withChunks: hints?.labelsOnly !== true,
  };
  /** How many added lists of their own: those of one are in label order as they came. */
  let sources = 0;
  const ages = await agesOf(blocks, refs);
  await eachBlock(blocks, ages.byTime, warnings, async (open, ref) => {
    const before = merge.gather.count;
    await gatherBlock(merge, open, ages.source.get(ref) ?? 0, tests, slicer);
    if (merge.gather.count > before) sources++;
  });
  const before = merge.gather.count;
  await gatherInner(merge, inner, slicer);
  if (merge.gather.count > before) sources++;
  return assemble(
    merge.gather,
    {
      symbols: merge.space.table,
      arenas: merge.arenas,
      warnings,
      lease: inner.lease,
      ordered: sources <= 1,
      limit: merge.limit,
    },
    slicer,
  );
}

/** Blocks in the order of their times, and a number for the age of each: the one that was written last has the highest. */
async function agesOf(
  blocks: Blocks,
  refs: readonly BlockRef[],
): Promise<{ byTime: BlockRef[]; source: ReadonlyMap<BlockRef, number> }> {
  const ages: { ref: BlockRef; age: string }[] = [];
  // What cannot be read is named when it is gathered.
  await eachBlock(blocks, refs, [], async ({ block }, ref) => {
    const { sources } = block.meta.compaction;
    ages.push({ ref, age: sources.reduce((a, b) => (a > b ? a : b), '') || ref.ulid });
  });
  ages.sort((a, b) => (a.age < b.age || (a.age === b.age && a.ref.ulid < b.ref.ulid) ? -1 : 1));
  const byTime = refs.toSorted((a, b) => a.mint - b.mint || (a.ulid < b.ulid ? -1 : 1));
  return { byTime, source: new Map(ages.map(({ ref }, i) => [ref, i + 1])) };
}

interface Merge {
  readonly gather: Gather;
  readonly space: SymbolSpace;
  readonly arenas: ArenaRef[];
  readonly mint: number;
  readonly maxt: number;
  readonly limit: number;
  readonly withChunks: boolean;
}

async function gatherBlock(
  m: Merge,
  open: OpenBlock,
  source: number,
  tests: readonly BlockTest[],
  slicer: Slicer,
): Promise<void> {
  const { block, tombstones } = open;
  const { gather } = m;
  const refs = await runSliced(matchSeries(block.index, tests), slicer);
  const cursor = block.cursor(refs, m.mint, m.maxt);
  const numbers = m.space.of(block);
  const text = (symbol: number): string => block.symbolText(symbol);
  const arenas = new Map<number, number>();
  for (let n = 0; (m.limit === 0 || n < m.limit) && cursor.next();) {
    if (slicer.due(2)) await slicer.rest();
    const row = findTombstones(tombstones, cursor.ref);
    if (row >= 0 && allDeleted(cursor, tombstones, row)) continue;
    n++;
    const words = cursor.labelCount;
    const at = gather.room(words);
    for (let i = 0; i < words; i++) gather.labelSymbols[at + i] = numbers.number(cursor.labels[i]!, text);
    const series = gather.series(words);
    if (!m.withChunks) continue;
    for (let k = 0; k < cursor.chunkCount; k++) {
      const ref = cursor.chunkRef[k]!;
      const segment = Math.floor(ref / SEGMENT_STEP);
      const arena = arenas.get(segment) ?? addArena(m, open, segment, arenas);
      gather.storedChunk(
        series,
        arena,
        source,
        cursor.chunkMint[k]!,
        cursor.chunkMaxt[k]!,
        ref - segment * SEGMENT_STEP,
      );
    }
    if (row < 0) continue;
    for (let k = tombstones.first[row]!; k < tombstones.first[row + 1]!; k++)
      if (tombstones.mint[k]! <= m.maxt && tombstones.maxt[k]! >= m.mint)
        gather.delete(series, source, tombstones.mint[k]!, tombstones.maxt[k]!);
  }
}

/** Whether nothing is left of the series' chunks: then it is not found any more, not even by its labels. */
function allDeleted(cursor: SeriesCursor, t: Tombstones, row: number): boolean {
  for (let i = 0; i < cursor.chunkCount; i++) {
    let k = t.first[row]!;
    const end = t.first[row + 1]!;
    while (k < end && !(t.mint[k]! <= cursor.chunkMint[i]! && t.maxt[k]! >= cursor.chunkMaxt[i]!)) k++;
    if (k === end) return false;
  }
  return true;
}

function addArena(
  m: Merge,
  { block, segments }: OpenBlock,
  segment: number,
  arenas: Map<number, number>,
): number {
  const path = segments.get(segment);
  if (path === undefined)
    throw block.index.wrong(
      block.index.toc.series,
      `a chunk is named in segment ${segment + 1}, which is not there`,
    );
  const id = m.arenas.length;
  if (id >= MAX_ARENAS)
    throw new StorageError(
      'ELIMIT',
      `the query reads more than ${MAX_ARENAS} files: ask for a shorter time range`,
      false,
    );
  m.arenas.push({ kind: 'file', id, path });
  arenas.set(segment, id);
  return id;
}

async function gatherInner(m: Merge, inner: Selection, slicer: Slicer): Promise<void> {
  const { gather } = m;
  const reader = new SymbolReader(inner.symbols, 1);
  const numbers = m.space.of(inner.symbols.table ?? 0);
  const text = (symbol: number): string => reader.text(symbol);
  for (let i = 0; i < inner.count; i++) {
    if (slicer.due(2)) await slicer.rest();
    const from = inner.labelFirst[i]!;
    const words = inner.labelFirst[i + 1]! - from;
    const at = gather.room(words);
    for (let w = 0; w < words; w++)
      gather.labelSymbols[at + w] = numbers.number(inner.labelSymbols[from + w]!, text);
    const series = gather.series(words);
    for (let k = inner.first[i]!; k < inner.first[i + 1]!; k++)
      gather.copyChunk(series, inner.chunks, k, inner.chunks.arena[k]!);
    if (inner.deleted !== null) gather.copyDeleted(series, inner.deleted, i);
  }
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
  await eachBlock(blocks, overlapping(refs, q.mint, q.maxt), warnings, async ({ block }) => {
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
