// What was gathered becomes the columns of a Selection: series in label order, their chunks in the order of time.
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
import type { ChunkRows, Gather } from './gather.ts';

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

export async function assemble(g: Gather, a: Assembly, slicer: Slicer): Promise<Selection> {
  const lists = {
    count: g.count,
    words: g.labelSymbols,
    from: g.labelFirst,
    to: g.labelFirst.subarray(1),
  };
  const order = a.ordered ? null : await labelOrder(lists, a.symbols, a.limit, slicer);
  const count = a.limit > 0 ? Math.min(a.limit, g.count) : g.count;
  /** Where list i stands in the selection. */
  const place = new Uint32Array(g.count).fill(LEFT_OUT);
  const labelFirst = new Uint32Array(count + 1);
  for (let i = 0; i < count; i++) {
    const list = order === null ? i : order[i]!;
    place[list] = i;
    labelFirst[i + 1] = labelFirst[i]! + g.labelFirst[list + 1]! - g.labelFirst[list]!;
  }
  const labelSymbols = new Uint32Array(labelFirst[count]!);
  for (let i = 0; i < count; i++) {
    if (slicer.due()) await slicer.rest();
    const list = order === null ? i : order[i]!;
    let to = labelFirst[i]!;
    for (let w = g.labelFirst[list]!; w < g.labelFirst[list + 1]!; w++)
      labelSymbols[to++] = g.labelSymbols[w]!;
  }
  const { first, rows } = await grouped(g.chunks.series, g.chunks.n, place, count, slicer);
  await sortByTime(g.chunks, first, rows, slicer);
  return {
    count,
    symbols: a.symbols.pages(),
    labelFirst,
    labelSymbols,
    first,
    chunks: await pick(g.chunks, rows, slicer),
    arenas: a.arenas,
    deleted: await deletedOf(g, place, count, slicer),
    warnings: a.warnings,
    ...(a.lease === undefined ? {} : { lease: a.lease }),
  };
}

/** Rows by the place of their series: those of place i are rows[first[i]..first[i + 1]), in the order they came. */
async function grouped(
  series: Uint32Array,
  n: number,
  place: Uint32Array,
  count: number,
  slicer: Slicer,
): Promise<{ first: Uint32Array; rows: Uint32Array }> {
  const first = new Uint32Array(count + 1);
  for (let k = 0; k < n; k++) {
    if (slicer.due()) await slicer.rest();
    const at = place[series[k]!]!;
    if (at !== LEFT_OUT) first[at + 1]!++;
  }
  for (let i = 0; i < count; i++) first[i + 1]! += first[i]!;
  const next = first.slice();
  const rows = new Uint32Array(first[count]!);
  for (let k = 0; k < n; k++) {
    if (slicer.due()) await slicer.rest();
    const at = place[series[k]!]!;
    if (at !== LEFT_OUT) rows[next[at]!++] = k;
  }
  return { first, rows };
}

async function sortByTime(
  c: ChunkRows,
  first: Uint32Array,
  rows: Uint32Array,
  slicer: Slicer,
): Promise<void> {
  const { mint } = c;
  for (let i = 0; i + 1 < first.length; i++) {
    const end = first[i + 1]!;
    if (slicer.due(1 + end - first[i]!)) await slicer.rest();
    let k = first[i]! + 1;
    while (k < end && mint[rows[k - 1]!]! <= mint[rows[k]!]!) k++;
    if (k < end) rows.subarray(first[i], end).sort((a, b) => mint[a]! - mint[b]! || a - b);
  }
}

async function pick(c: ChunkRows, rows: Uint32Array, slicer: Slicer): Promise<ChunkTable> {
  const n = rows.length;
  const table = newChunkTable(n);
  for (let k = 0; k < n; k++) {
    if (slicer.due()) await slicer.rest();
    const row = rows[k]!;
    table.arena[k] = c.arena[row]!;
    table.source[k] = c.source[row]!;
    table.offset[k] = c.offset[row]!;
    table.bytes[k] = c.bytes[row]!;
    table.samples[k] = c.samples[row]!;
    table.mint[k] = c.mint[row]!;
    table.maxt[k] = c.maxt[row]!;
    table.encoding[k] = c.encoding[row]!;
  }
  return table;
}

async function deletedOf(
  g: Gather,
  place: Uint32Array,
  count: number,
  slicer: Slicer,
): Promise<Intervals | null> {
  const d = g.deleted;
  if (d.n === 0) return null;
  const { first, rows } = await grouped(d.series, d.n, place, count, slicer);
  return {
    first,
    source: Uint16Array.from(rows, (row) => d.source[row]!),
    mint: Float64Array.from(rows, (row) => d.mint[row]!),
    maxt: Float64Array.from(rows, (row) => d.maxt[row]!),
  };
}
