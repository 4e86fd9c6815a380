// The Selection of what was captured: exact arrays in label order, filled series by series with rests. Rows must stay what they are until
// it is done (a share of the turns), commits may become visible.
import { newChunkTable, type ArenaRef, type Intervals, type Selection } from '@munjigi/model';
import type { Captured } from './capture.ts';
import { within, type ChunkBlock } from './chunk-list.ts';
import { IN_MEMORY } from './chunk-table.ts';
import { labelOrder, type LabelLists } from './order.ts';
import type { SeriesTable } from './series.ts';
import type { Slicer } from './slicer.ts';
import type { SymbolTable } from './symbol-table.ts';
import type { Tombstones } from './tombstones.ts';
import { byteOf, pageOf } from '../chunk/slots.ts';
import { headChunkFile } from '../wal/head-chunks.ts';

/** `source` of chunks of the head: newer than any block's, and what came late newer still. */
export const SOURCE = { inOrder: 60_000, outOfOrder: 60_001 } as const;

export interface SelectionStore {
  readonly series: SeriesTable;
  readonly symbols: SymbolTable;
  /** The pages that slots lie in. */
  readonly buffers: readonly SharedArrayBuffer[];
  readonly chunksDir: string;
  /** null: nothing is deleted. */
  readonly tombstones: Tombstones | null;
}

/** At most `limit` series (0: all). */
export async function buildSelection(
  captured: Captured,
  store: SelectionStore,
  limit: number,
  lease: SharedArrayBuffer,
  slicer: Slicer,
): Promise<Selection> {
  const labels = await labelLists(captured.row.subarray(0, captured.count), store.series, slicer);
  const order = await labelOrder(labels, store.symbols, limit, slicer);
  const count = limit > 0 ? Math.min(limit, captured.count) : captured.count;
  const labelFirst = new Uint32Array(count + 1);
  const first = new Uint32Array(count + 1);
  for (let i = 0; i < count; i++) {
    if (slicer.due()) await slicer.rest();
    const k = order[i]!;
    labelFirst[i + 1] = labelFirst[i]! + labels.to[k]! - labels.from[k]!;
    first[i + 1] = first[i]! + captured.first[k + 1]! - captured.first[k]!;
  }
  const labelSymbols = new Uint32Array(labelFirst[count]!);
  const chunks = first[count]!;
  const table = newChunkTable(chunks);
  const arenas = newArenas(store);
  let word = 0;
  let chunk = 0;
  for (let i = 0; i < count; i++) {
    if (slicer.due()) await slicer.rest();
    const k = order[i]!;
    for (let w = labels.from[k]!; w < labels.to[k]!; w++) labelSymbols[word++] = labels.words[w]!;
    for (let n = captured.first[k]!; n < captured.first[k + 1]!; n++) {
      const b = captured.chunks.block(n);
      const at = within(n);
      table.arena[chunk] = arenas.of(b, at);
      table.offset[chunk] = b.file[at] === IN_MEMORY ? byteOf(b.place[at]!) : b.place[at]!;
      table.source[chunk] = b.late[at] === 1 ? SOURCE.outOfOrder : SOURCE.inOrder;
      table.bytes[chunk] = b.bytes[at]!;
      table.samples[chunk] = b.samples[at]!;
      table.encoding[chunk] = b.encoding[at]!;
      table.mint[chunk] = b.mint[at]!;
      table.maxt[chunk] = b.maxt[at]!;
      chunk++;
    }
  }
  return {
    count,
    symbols: store.symbols.pages(),
    labelFirst,
    labelSymbols,
    first,
    chunks: table,
    arenas: arenas.list,
    deleted:
      store.tombstones === null
        ? null
        : await deletedRanges(captured, order, count, store.tombstones, slicer),
    warnings: [],
    lease,
  };
}

/** Where the words of rows lie. They are read where they are: a pool that grows leaves the old words as they were. */
export async function labelLists(rows: Uint32Array, s: SeriesTable, slicer: Slicer): Promise<LabelLists> {
  const count = rows.length;
  const from = new Uint32Array(count);
  const to = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    if (slicer.due()) await slicer.rest();
    const row = rows[i]!;
    from[i] = s.labelsAt[row]!;
    to[i] = from[i]! + 2 * s.labelCount[row]!;
  }
  return { count, words: s.labels.words, from, to };
}

/** The arenas that chunks lie in, each once. */
function newArenas(store: SelectionStore): { list: ArenaRef[]; of(b: ChunkBlock, at: number): number } {
  const list: ArenaRef[] = [];
  const ofPage = new Int32Array(store.buffers.length).fill(-1);
  const ofFile = new Map<number, number>();
  return {
    list,
    of(b, at): number {
      const file = b.file[at]!;
      if (file === IN_MEMORY) {
        const page = pageOf(b.place[at]!);
        if (ofPage[page] === -1)
          ofPage[page] = list.push({ kind: 'memory', id: page, buffer: store.buffers[page]! }) - 1;
        return ofPage[page]!;
      }
      let arena = ofFile.get(file);
      if (arena === undefined) {
        arena = list.push({ kind: 'file', id: file, path: headChunkFile(store.chunksDir, file) }) - 1;
        ofFile.set(file, arena);
      }
      return arena;
    },
  };
}

/** Deleted ranges of the selected series: they hide samples of both kinds. Null: there are none. */
async function deletedRanges(
  captured: Captured,
  order: Uint32Array,
  count: number,
  tombstones: Tombstones,
  slicer: Slicer,
): Promise<Intervals | null> {
  const first = new Uint32Array(count + 1);
  const source: number[] = [];
  const mint: number[] = [];
  const maxt: number[] = [];
  for (let i = 0; i < count; i++) {
    if (slicer.due()) await slicer.rest();
    const ranges = tombstones.of(captured.row[order[i]!]!) ?? [];
    for (const part of [SOURCE.inOrder, SOURCE.outOfOrder])
      for (let k = 0; k < ranges.length; k += 2) {
        source.push(part);
        mint.push(ranges[k]!);
        maxt.push(ranges[k + 1]!);
      }
    first[i + 1] = source.length;
  }
  if (source.length === 0) return null;
  return {
    first,
    source: Uint16Array.from(source),
    mint: Float64Array.from(mint),
    maxt: Float64Array.from(maxt),
  };
}
