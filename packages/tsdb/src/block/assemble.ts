// What was joined becomes the columns of a Selection: series in label order, their chunks in the order of time.
import {
  newChunkTable,
  type ArenaRef,
  type ChunkTable,
  type Intervals,
  type Selection,
} from '@munjigi/model';
import { labelOrder } from '../head/order.ts';
import type { Slicer } from '../head/slicer.ts';
import type { SymbolTable } from '../head/symbol-table.ts';
import type { SeriesJoin } from './series-join.ts';

const LEFT_OUT = 0xffffffff;

export interface Assembly {
  readonly symbols: SymbolTable;
  readonly arenas: readonly ArenaRef[];
  readonly warnings: readonly string[];
  readonly lease: SharedArrayBuffer | undefined;
  /** The lists came in label order. */
  readonly ordered: boolean;
  /** Most series; 0: all. */
  readonly limit: number;
}

export async function assemble(j: SeriesJoin, a: Assembly, slicer: Slicer): Promise<Selection> {
  const lists = {
    count: j.count,
    words: j.labelSymbols,
    from: j.labelFirst,
    to: j.labelFirst.subarray(1),
  };
  const order = a.ordered ? null : await labelOrder(lists, a.symbols, a.limit, slicer);
  const count = a.limit > 0 ? Math.min(a.limit, j.count) : j.count;
  /** Where list i stands in the selection. */
  const place = new Uint32Array(j.count).fill(LEFT_OUT);
  const labelFirst = new Uint32Array(count + 1);
  for (let i = 0; i < count; i++) {
    const list = order === null ? i : order[i]!;
    place[list] = i;
    labelFirst[i + 1] = labelFirst[i]! + j.labelFirst[list + 1]! - j.labelFirst[list]!;
  }
  const labelSymbols = new Uint32Array(labelFirst[count]!);
  for (let i = 0; i < count; i++) {
    if (slicer.due()) await slicer.rest();
    const list = order === null ? i : order[i]!;
    let to = labelFirst[i]!;
    for (let w = j.labelFirst[list]!; w < j.labelFirst[list + 1]!; w++)
      labelSymbols[to++] = j.labelSymbols[w]!;
  }
  const { first, chunks } = await chunksOf(j, place, count, slicer);
  return {
    count,
    symbols: a.symbols.pages(),
    labelFirst,
    labelSymbols,
    first,
    chunks,
    arenas: a.arenas,
    deleted: deletedOf(j, place, count),
    warnings: a.warnings,
    ...(a.lease === undefined ? {} : { lease: a.lease }),
  };
}

async function chunksOf(
  { parts }: SeriesJoin,
  place: Uint32Array,
  count: number,
  slicer: Slicer,
): Promise<{ first: Uint32Array; chunks: ChunkTable }> {
  const first = new Uint32Array(count + 1);
  for (const { n, list, from, to } of parts)
    for (let i = 0; i < n; i++) {
      const at = place[list[i]!]!;
      if (at !== LEFT_OUT) first[at + 1]! += to[i]! - from[i]!;
    }
  for (let i = 0; i < count; i++) first[i + 1]! += first[i]!;
  const next = first.slice();
  const chunks = newChunkTable(first[count]!);
  for (const { n, list, from, to, copy } of parts)
    for (let i = 0; i < n; i++) {
      if (slicer.due()) await slicer.rest();
      const at = place[list[i]!]!;
      if (at === LEFT_OUT) continue;
      copy(from[i]!, to[i]!, chunks, next[at]!);
      next[at]! += to[i]! - from[i]!;
    }
  for (let i = 0; i < count; i++) {
    if (slicer.due()) await slicer.rest();
    if (!inTime(chunks.mint, first[i]!, first[i + 1]!)) sortByTime(chunks, first[i]!, first[i + 1]!);
  }
  return { first, chunks };
}

function inTime(mint: Float64Array, from: number, to: number): boolean {
  for (let k = from + 1; k < to; k++) if (mint[k - 1]! > mint[k]!) return false;
  return true;
}

/** Sorts rows [from, to) by where they begin; equal ones stay as they are. */
function sortByTime(c: ChunkTable, from: number, to: number): void {
  const order = Uint32Array.from({ length: to - from }, (_, i) => from + i);
  order.sort((a, b) => c.mint[a]! - c.mint[b]! || a - b);
  for (const column of Object.values(c) as ChunkTable[keyof ChunkTable][])
    column.set(
      Array.from(order, (row) => column[row]!),
      from,
    );
}

function deletedOf({ deleted }: SeriesJoin, place: Uint32Array, count: number): Intervals | null {
  const rows: number[] = [];
  deleted.list.forEach((list, row) => place[list] !== LEFT_OUT && rows.push(row));
  if (deleted.list.length === 0) return null;
  const placeOf = (row: number): number => place[deleted.list[row]!]!;
  rows.sort((a, b) => placeOf(a) - placeOf(b) || a - b);
  const first = new Uint32Array(count + 1);
  for (const row of rows) first[placeOf(row) + 1]!++;
  for (let i = 0; i < count; i++) first[i + 1]! += first[i]!;
  return {
    first,
    source: Uint16Array.from(rows, (row) => deleted.source[row]!),
    mint: Float64Array.from(rows, (row) => deleted.mint[row]!),
    maxt: Float64Array.from(rows, (row) => deleted.maxt[row]!),
  };
}
