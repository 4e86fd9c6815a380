// A selection over the store and its blocks: each block is matched and its series gathered, then the store's, and all become one.
import type { Clock } from '@munjigi/env';
import {
  ENCODING,
  refusedSelection,
  SELECTING_BYTES,
  StorageError,
  SymbolReader,
  type ArenaRef,
  type BlockRef,
  type ChunkTable,
  type Matcher,
  type SelectHints,
  type Selection,
} from '@munjigi/model';
import { newSlicer, type Slicer } from '../head/slicer.ts';
import { assemble } from './assemble.ts';
import { MAX_FOUND_SERIES, type FoundCache } from './found-cache.ts';
import { readFound, trimmedFound, type Found } from './found.ts';
import { compileBlockTests, matchSeries, type BlockTest } from './match.ts';
import { eachBlock, type OpenBlock, type OpenBlocks } from './open-blocks.ts';
import type { Block } from './reader.ts';
import { SeriesJoin, type Part } from './series-join.ts';
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
    join: new SeriesJoin(),
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
    const before = merge.join.count;
    await joinBlock(merge, open, ages.source.get(ref) ?? 0, tests, slicer);
    if (merge.join.count > before) sources++;
  });
  const before = merge.join.count;
  await joinInner(merge, inner, slicer);
  if (merge.join.count > before) sources++;
  // How much more there is nobody knows.
  if (full(merge)) return refusedSelection(inner.symbols, 2 * merge.join.bytes);
  return assemble(
    merge.join,
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
  readonly join: SeriesJoin;
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

async function joinBlock(
  m: Merge,
  open: OpenBlock,
  source: number,
  tests: readonly BlockTest[],
  slicer: Slicer,
): Promise<void> {
  if (full(m)) return;
  const { join, mint, maxt } = m;
  const { block, tombstones } = open;
  const found = await foundIn(m, open, tests, slicer);
  const whole = mint <= block.meta.minTime && maxt >= block.meta.maxTime;
  const arenas: number[] = [];
  const part = newPart(found.count, copyStored(found, source, arenas));
  let n = 0;
  for (let i = 0; i < found.count && (m.limit === 0 || n < m.limit) && !full(m); i++) {
    if (slicer.due(2)) await slicer.rest();
    let from = found.chunkFirst[i]!;
    let to = found.chunkFirst[i + 1]!;
    if (!whole) {
      while (from < to && found.maxt[from]! < mint) from++;
      while (from < to && found.mint[to - 1]! > maxt) to--;
    }
    if (from === to) continue;
    const row = findTombstones(tombstones, found.refs[i]!);
    if (row >= 0 && allDeleted(found, from, to, tombstones, row)) continue;
    n++;
    const list = join.list(found.labels, found.labelFirst[i]!, found.labelFirst[i + 1]!);
    if (!m.withChunks) continue;
    for (let k = from; k < to; k++) arenas[found.segment[k]!] ??= addArena(m, open, found.segment[k]!);
    addRows(m, part, list, from, to);
    if (row < 0) continue;
    for (let k = tombstones.first[row]!; k < tombstones.first[row + 1]!; k++)
      if (tombstones.mint[k]! <= maxt && tombstones.maxt[k]! >= mint)
        join.delete(list, source, tombstones.mint[k]!, tombstones.maxt[k]!);
  }
  if (part.n > 0) join.parts.push(part);
}

/** What the matchers find in a block, at least as far as it overlaps [mint, maxt], is asked for and has room. */
async function foundIn(
  m: Merge,
  { block, tombstones }: OpenBlock,
  tests: readonly BlockTest[],
  slicer: Slicer,
): Promise<Found> {
  const key = `${block.dir} ${m.matchers}`;
  const known = m.found.get(key, m.space);
  if (known !== undefined) return known;
  const refs = await runSliced(matchSeries(block.index, tests), slicer);
  const numbers = m.space.of(block);
  const text = (symbol: number): string => block.symbolText(symbol);
  const number = (symbol: number): number => numbers.number(symbol, text);
  if (m.withChunks && isWorthKeeping(m, block, refs.length)) {
    const all = { series: refs.length, withChunks: true, number, enough: () => false };
    const found = trimmedFound(await readFound(block.cursor(refs, -Infinity, Infinity), all, slicer));
    m.found.put(key, found, m.space);
    return found;
  }
  // Of those that were deleted in part it is known only later whether anything is left.
  const most = m.limit === 0 ? Infinity : m.limit + tombstones.ref.length;
  const options = {
    series: Math.min(refs.length, most),
    withChunks: m.withChunks || tombstones.count > 0,
    number,
    enough: (series: number, chunks: number) => isTooMuch(m, series, chunks),
  };
  return readFound(block.cursor(refs, m.mint, m.maxt), options, slicer);
}

interface PartRows extends Part {
  n: number;
}

function newPart(series: number, copy: Part['copy']): PartRows {
  return {
    n: 0,
    list: new Uint32Array(series),
    from: new Uint32Array(series),
    to: new Uint32Array(series),
    copy,
  };
}

function addRows({ join }: Merge, part: PartRows, list: number, from: number, to: number): void {
  const i = part.n++;
  part.list[i] = list;
  part.from[i] = from;
  part.to[i] = to;
  join.chunks += to - from;
}

/** Chunks as segments hold them: their sizes stand there. `arenas`: those of the block's segments. */
function copyStored(found: Found, source: number, arenas: readonly number[]): Part['copy'] {
  return (from, to, table, at) => {
    for (let k = from; k < to; k++, at++) {
      table.arena[at] = arenas[found.segment[k]!]!;
      table.source[at] = source;
      table.offset[at] = found.offset[k]!;
      table.mint[at] = found.mint[k]!;
      table.maxt[at] = found.maxt[k]!;
      table.encoding[at] = ENCODING.stored;
    }
  };
}

/** Whether all that so many series have in a block is read and kept: most of it is asked for, or it is not much. */
function isWorthKeeping({ mint, maxt }: Merge, { meta }: Block, series: number): boolean {
  if (series > MAX_FOUND_SERIES) return false;
  const { numSeries, numChunks } = meta.stats;
  if (series * (numChunks / Math.max(1, numSeries)) <= FEW_CHUNKS) return true;
  const seen = Math.min(maxt, meta.maxTime) - Math.max(mint, meta.minTime);
  return 4 * seen >= meta.maxTime - meta.minTime;
}

/** About a MiB of what is kept. */
const FEW_CHUNKS = 40_000;

function full(m: Merge): boolean {
  return isTooMuch(m, 0, 0);
}

/** Whether so many more series and chunks are more than a selection may hold. */
function isTooMuch({ join, maxBytes }: Merge, series: number, chunks: number): boolean {
  const more = series * SELECTING_BYTES.series + chunks * SELECTING_BYTES.chunk;
  return maxBytes > 0 && join.bytes + more > maxBytes;
}

/** Whether nothing is left of chunks [from, to): then the series is not found any more, not even by its labels. */
function allDeleted(found: Found, from: number, to: number, t: Tombstones, row: number): boolean {
  for (let i = from; i < to; i++) {
    let k = t.first[row]!;
    const end = t.first[row + 1]!;
    while (k < end && !(t.mint[k]! <= found.mint[i]! && t.maxt[k]! >= found.maxt[i]!)) k++;
    if (k === end) return false;
  }
  return true;
}

function addArena(m: Merge, { block, segments }: OpenBlock, segment: number): number {
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
  return id;
}

async function joinInner(m: Merge, inner: Selection, slicer: Slicer): Promise<void> {
  const { join } = m;
  const reader = new SymbolReader(inner.symbols, 1);
  const numbers = m.space.of(inner.symbols.table ?? 0);
  const text = (symbol: number): string => reader.text(symbol);
  const part = newPart(inner.count, copyTable(inner.chunks));
  let labels = new Uint32Array(64);
  for (let i = 0; i < inner.count && !full(m); i++) {
    if (slicer.due(2)) await slicer.rest();
    const first = inner.labelFirst[i]!;
    const words = inner.labelFirst[i + 1]! - first;
    if (words > labels.length) labels = new Uint32Array(2 * words);
    for (let w = 0; w < words; w++) labels[w] = numbers.number(inner.labelSymbols[first + w]!, text);
    const list = join.list(labels, 0, words);
    addRows(m, part, list, inner.first[i]!, inner.first[i + 1]!);
    if (inner.deleted !== null) join.copyDeleted(list, inner.deleted, i);
  }
  if (part.n > 0) join.parts.push(part);
}

function copyTable(c: ChunkTable): Part['copy'] {
  return (from, to, table, at) => {
    for (let k = from; k < to; k++, at++) {
      table.arena[at] = c.arena[k]!;
      table.source[at] = c.source[k]!;
      table.offset[at] = c.offset[k]!;
      table.bytes[at] = c.bytes[k]!;
      table.samples[at] = c.samples[k]!;
      table.mint[at] = c.mint[k]!;
      table.maxt[at] = c.maxt[k]!;
      table.encoding[at] = c.encoding[k]!;
    }
  };
}
