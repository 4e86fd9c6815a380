// What the merge reads from: series in label order with their chunks, one at a time. A block is one, a selection of the head is another.

import { addressOf } from '../chunk/stored.ts';

/** Bytes of a symbol: b[from..to), valid until the source is asked for anything else. */
export interface SymbolView {
  /** The source's number for it. */
  number: number;
  b: Uint8Array;
  from: number;
  to: number;
}

/** Bytes of a chunk, valid until the source reads another one: b[from..to), addressed as ENCODING says. */
export interface ChunkView {
  b: Uint8Array;
  from: number;
  to: number;
  encoding: number;
  samples: number;
  /** The chunk's data as a file has it is b[dataFrom..to), complete and final: it may be copied as it is. */
  final: boolean;
  dataFrom: number;
}

/** The current series' chunks, as columns in the order of their mint (ms, inclusive). */
export interface ChunkRows {
  count: number;
  mint: Float64Array;
  maxt: Float64Array;
  /** Numbers of age: of two samples of a time the one of the higher source counts. */
  source: Uint16Array;
}

/** Times (ms, inclusive) that are deleted from the current series, in chunks of that source only. */
export interface DeletedRows {
  count: number;
  mint: Float64Array;
  maxt: Float64Array;
  source: Uint16Array;
}

export interface SeriesSource {
  /** What errors name it by. */
  readonly name: string;
  /** The source's symbol numbers are below this. */
  readonly symbolCount: number;
  /** The symbols that its series use (and perhaps others), in the order of their bytes. null: no more. */
  nextSymbol(): SymbolView | null;
  /** Moves to the next series. */
  next(): boolean;
  /** Symbol numbers of the current series, name and value in turn. */
  readonly labels: Uint32Array;
  /** How many entries of `labels` are in use: two a label. */
  readonly labelCount: number;
  readonly chunks: ChunkRows;
  readonly deleted: DeletedRows;
  /** The bytes of chunk i of the current series. Throws StorageError when they are wrong. */
  read(i: number): ChunkView;
}

export function newChunkView(b: Uint8Array): ChunkView {
  return { b, from: 0, to: 0, encoding: 0, samples: 0, final: false, dataFrom: 0 };
}

/** Where a chunk's data as a file has it begins, by its address. */
export function dataFrom(encoding: number, address: number): number {
  return address - addressOf(encoding, 0);
}

export function newChunkRows(): ChunkRows {
  return { count: 0, mint: new Float64Array(16), maxt: new Float64Array(16), source: new Uint16Array(16) };
}

/** Makes room for `count` rows. */
export function growRows(rows: ChunkRows | DeletedRows, count: number): void {
  if (rows.mint.length >= count) return;
  const size = Math.max(count, 2 * rows.mint.length);
  rows.mint = larger(rows.mint, new Float64Array(size));
  rows.maxt = larger(rows.maxt, new Float64Array(size));
  rows.source = larger(rows.source, new Uint16Array(size));
}

function larger<T extends Float64Array | Uint16Array>(old: T, fresh: T): T {
  fresh.set(old);
  return fresh;
}

/** Order of bytes: negative, 0 or positive. */
export function compareBytes(a: SymbolView, b: SymbolView): number {
  const n = Math.min(a.to - a.from, b.to - b.from);
  for (let i = 0; i < n; i++) {
    const d = a.b[a.from + i]! - b.b[b.from + i]!;
    if (d !== 0) return d;
  }
  return a.to - a.from - (b.to - b.from);
}
