// Selections on their way between threads: which buffers can be moved, and slices of a selection with or without columns of their own.
import type { ChunkTable, Selection } from './storage.ts';
import type { SymbolPages } from './symbols.ts';

export type NumberColumn = Float64Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;

/** Columns for n chunks, to be filled. */
export function newChunkTable(n: number): ChunkTable {
  return {
    arena: new Uint16Array(n),
    source: new Uint16Array(n),
    offset: new Float64Array(n),
    bytes: new Uint32Array(n),
    samples: new Uint32Array(n),
    mint: new Float64Array(n),
    maxt: new Float64Array(n),
    encoding: new Uint8Array(n),
  };
}

/** About what a series and a chunk of it take while a selection is made, with the selection itself: bytes. */
export const SELECTING_BYTES = { series: 120, chunk: 76 } as const;

/** A selection that would take more than it may. */
export function refusedSelection(symbols: SymbolPages, refusedBytes: number): Selection {
  return {
    count: 0,
    symbols,
    labelFirst: new Uint32Array(1),
    labelSymbols: new Uint32Array(0),
    first: new Uint32Array(1),
    chunks: newChunkTable(0),
    arenas: [],
    deleted: null,
    warnings: [],
    refusedBytes,
  };
}

/** What the columns of a selection take. */
export function selectionBytes(s: Selection): number {
  let bytes = 0;
  for (const { byteLength } of selectionColumns(s)) bytes += byteLength;
  return bytes;
}

/** The columns of a selection that belong to it alone (not the shared pages). */
export function selectionColumns(s: Selection): NumberColumn[] {
  const { chunks: c, deleted: d } = s;
  const columns: NumberColumn[] = [s.labelFirst, s.labelSymbols, s.first];
  columns.push(c.arena, c.source, c.offset, c.bytes, c.samples, c.mint, c.maxt, c.encoding);
  if (d !== null) columns.push(d.first, d.source, d.mint, d.maxt);
  return columns;
}

/** Buffers that can be moved because exactly one column fills them, and the bytes of the columns that must be copied instead. */
export function movableColumns(columns: readonly NumberColumn[]): {
  transfer: ArrayBuffer[];
  copiedBytes: number;
} {
  const transfer = new Set<ArrayBuffer>();
  let copiedBytes = 0;
  for (const { buffer, byteLength } of columns) {
    if (buffer instanceof SharedArrayBuffer || byteLength === 0) continue;
    if (byteLength !== buffer.byteLength) copiedBytes += buffer.byteLength;
    else transfer.add(buffer);
  }
  return { transfer: [...transfer], copiedBytes };
}

/** Series [from, to) of a selection without copying: for use in the same thread. */
export function sliceSelection(s: Selection, from: number, to: number): Selection {
  return {
    ...s,
    count: to - from,
    labelFirst: s.labelFirst.subarray(from, to + 1),
    first: s.first.subarray(from, to + 1),
    deleted: s.deleted === null ? null : { ...s.deleted, first: s.deleted.first.subarray(from, to + 1) },
  };
}

/** Series [from, to) of a selection with columns of its own, to be moved to another thread, and what the copy cost. */
export function copySelection(
  s: Selection,
  from: number,
  to: number,
): { selection: Selection; transfer: ArrayBuffer[]; copiedBytes: number } {
  const rebased = (first: Uint32Array): Uint32Array => {
    const own = first.slice(from, to + 1);
    const base = own[0]!;
    for (let i = 0; i < own.length; i++) own[i]! -= base;
    return own;
  };
  const { chunks: c, deleted: d } = s;
  const a = s.first[from]!;
  const b = s.first[to]!;
  const selection: Selection = {
    ...s,
    count: to - from,
    labelFirst: rebased(s.labelFirst),
    labelSymbols: s.labelSymbols.slice(s.labelFirst[from], s.labelFirst[to]),
    first: rebased(s.first),
    chunks: {
      arena: c.arena.slice(a, b),
      source: c.source.slice(a, b),
      offset: c.offset.slice(a, b),
      bytes: c.bytes.slice(a, b),
      samples: c.samples.slice(a, b),
      mint: c.mint.slice(a, b),
      maxt: c.maxt.slice(a, b),
      encoding: c.encoding.slice(a, b),
    },
    deleted:
      d === null
        ? null
        : {
            first: rebased(d.first),
            source: d.source.slice(d.first[from], d.first[to]),
            mint: d.mint.slice(d.first[from], d.first[to]),
            maxt: d.maxt.slice(d.first[from], d.first[to]),
          },
    warnings: [],
  };
  const columns = selectionColumns(selection);
  let copiedBytes = 0;
  for (const column of columns) copiedBytes += column.byteLength;
  return { selection, transfer: movableColumns(columns).transfer, copiedBytes };
}
