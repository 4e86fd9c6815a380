// A selection over the store and its blocks: each block is matched and its series gathered, then the store's, and all become one.
import type { Clock } from '@munjigi/env';
import {
  refusedSelection,
  StorageError,
  SymbolReader,
  type ArenaRef,
  type BlockRef,
  type Matcher,
  type SelectHints,
  type Selection,
} from '@munjigi/model';
import { newSlicer, type Slicer } from '../head/slicer.ts';
import { assemble } from './assemble.ts';
import { FoundCursor, MAX_FOUND_SERIES, readFound, type FoundCache } from './found-cache.ts';
import { Gather } from './gather.ts';
import { compileBlockTests, matchSeries, type BlockTest } from './match.ts';
import { eachBlock, type OpenBlock, type OpenBlocks } from './open-blocks.ts';
import type { Block, SeriesCursor } from './reader.ts';
import { SEGMENT_STEP } from './segment-writer.ts';
import { runSliced } from './steps.ts';
import type { SymbolSpace } from './symbol-space.ts';
import { findTombstones, type Tombstones } from './tombstones.ts';

const MAX_ARENAS = 65_535;

export interface Blocks {
  readonly clock: Clock;
  readonly slice_ms: number;
  readonly open: OpenBlocks;
  /** Hears of blocks that cannot be read. */
  readonly unreadable: (ref: BlockRef, reason: string) => void;
  /** Symbols of merged selections. */
  space(): SymbolSpace;
  readonly found: FoundCache;
}

/** What `inner` found, merged with what the blocks hold in [mint, maxt]. */
export async function selectWithBlocks(
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
    maxBytes: hints?.maxBytes ?? 0,
    found: blocks.found,
    matchers: JSON.stringify(matchers),
  };
  /** How many added lists of their own: those of one are in label order as they came. */
  let sources = 0;
  const ages = await agesOf(blocks, refs);
  await eachBlock(blocks.open, ages.byTime, warnings, blocks.unreadable, async (open, ref) => {
    const before = merge.gather.count;
    await gatherBlock(merge, open, ages.source.get(ref) ?? 0, tests, slicer);
    if (merge.gather.count > before) sources++;
  });
  const before = merge.gather.count;
  await gatherInner(merge, inner, slicer);
  if (merge.gather.count > before) sources++;
  // How much more there is nobody knows.
  if (full(merge)) return refusedSelection(inner.symbols, 2 * merge.gather.bytes);
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
  const quiet = (): void => undefined;
  await eachBlock(blocks.open, refs, [], quiet, async ({ block }, ref) => {
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
  /** 0: all. */
  readonly maxBytes: number;
  readonly found: FoundCache;
  /** As text. */
  readonly matchers: string;
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
  if (full(m)) return;
  const numbers = m.space.of(block);
  const text = (symbol: number): string => block.symbolText(symbol);
  const inSpace = (symbol: number): number => numbers.number(symbol, text);
  const key = `${block.dir} ${m.matchers}`;
  let found = m.found.get(key, m.space);
  let cursor: SeriesCursor;
  if (found === undefined) {
    const refs = await runSliced(matchSeries(block.index, tests), slicer);
    if (refs.length <= MAX_FOUND_SERIES && coversMost(m, block)) {
      found = readFound(block.cursor(refs, -Infinity, Infinity), m.space, inSpace);
      m.found.put(key, found);
    }
    cursor =
      found === undefined ? block.cursor(refs, m.mint, m.maxt) : new FoundCursor(found, m.mint, m.maxt);
  } else cursor = new FoundCursor(found, m.mint, m.maxt);
  const arenas = new Map<number, number>();
  for (let n = 0; (m.limit === 0 || n < m.limit) && !full(m) && cursor.next();) {
    if (slicer.due(2)) await slicer.rest();
    const row = findTombstones(tombstones, cursor.ref);
    if (row >= 0 && allDeleted(cursor, tombstones, row)) continue;
    n++;
    const words = cursor.labelCount;
    const at = gather.room(words);
    if (found === undefined)
      for (let i = 0; i < words; i++) gather.labelSymbols[at + i] = inSpace(cursor.labels[i]!);
    else for (let i = 0; i < words; i++) gather.labelSymbols[at + i] = cursor.labels[i]!;
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

/** Whether a selection asks for so much of a block that all of it may be read, and remembered. */
function coversMost({ mint, maxt, withChunks }: Merge, { meta }: Block): boolean {
  const seen = Math.min(maxt, meta.maxTime) - Math.max(mint, meta.minTime);
  return withChunks && 4 * seen >= meta.maxTime - meta.minTime;
}

function full({ gather, maxBytes }: Merge): boolean {
  return maxBytes > 0 && gather.bytes > maxBytes;
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
  for (let i = 0; i < inner.count && !full(m); i++) {
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
