// A block as a source of the merge: its series by the index, its chunks by reading the segments forward.
import type { Files } from '@munjigi/env';
import type { Block, SeriesCursor } from '../block/reader.ts';
import { findTombstones, type Tombstones } from '../block/tombstones.ts';
import { openChunkWindow, type ChunkWindow } from './chunk-window.ts';
import {
  growRows,
  newChunkRows,
  type ChunkRows,
  type ChunkView,
  type SeriesSource,
  type SymbolView,
} from './source.ts';

/**
 * All series of an open block. `age`: its number of age among the sources of a merge. `used`: one byte a symbol, 0: the symbol is left out
 * of the new table; absent: all are taken, as the index has them. `close` leaves the block open.
 */
export function blockSource(
  files: Files,
  block: Block,
  age: number,
  used?: Uint8Array,
): SeriesSource & { close(): void } {
  return new BlockSource(files, block, age, used ?? null);
}

class BlockSource implements SeriesSource {
  readonly name: string;
  readonly symbolCount: number;
  readonly chunks: ChunkRows = newChunkRows();
  readonly deleted: ChunkRows = newChunkRows();
  labels: Uint32Array = new Uint32Array(0);
  labelCount = 0;
  readonly #block: Block;
  readonly #age: number;
  readonly #used: Uint8Array | null;
  readonly #cursor: SeriesCursor;
  readonly #tombstones: Tombstones;
  readonly #window: ChunkWindow;
  readonly #symbol: SymbolView = { number: 0, b: new Uint8Array(0), from: 0, to: 0 };
  #nextSymbol = 0;

  constructor(files: Files, block: Block, age: number, used: Uint8Array | null) {
    this.name = `block ${block.meta.ulid}`;
    this.symbolCount = block.symbolCount;
    this.#block = block;
    this.#age = age;
    this.#used = used;
    this.#cursor = block.series(null, -Infinity, Infinity);
    this.#tombstones = block.tombstones();
    this.#window = openChunkWindow(files, block.dir);
  }

  close(): void {
    this.#window.close();
  }

  nextSymbol(): SymbolView | null {
    while (this.#used !== null && this.#used[this.#nextSymbol] === 0) this.#nextSymbol++;
    if (this.#nextSymbol >= this.symbolCount) return null;
    const symbol = this.#symbol;
    symbol.number = this.#nextSymbol++;
    const { b, from, to } = this.#block.symbolBytes(symbol.number);
    symbol.b = b;
    symbol.from = from;
    symbol.to = to;
    return symbol;
  }

  next(): boolean {
    const cursor = this.#cursor;
    if (!cursor.next()) return false;
    this.labels = cursor.labels;
    this.labelCount = cursor.labelCount;
    const { chunks, deleted } = this;
    chunks.count = cursor.chunkCount;
    growRows(chunks, chunks.count);
    for (let i = 0; i < chunks.count; i++) {
      chunks.mint[i] = cursor.chunkMint[i]!;
      chunks.maxt[i] = cursor.chunkMaxt[i]!;
      chunks.source[i] = this.#age;
    }
    deleted.count = 0;
    const t = this.#tombstones;
    const row = t.ref.length === 0 ? -1 : findTombstones(t, cursor.ref);
    if (row < 0) return true;
    const first = t.first[row]!;
    deleted.count = t.first[row + 1]! - first;
    growRows(deleted, deleted.count);
    for (let k = 0; k < deleted.count; k++) {
      deleted.mint[k] = t.mint[first + k]!;
      deleted.maxt[k] = t.maxt[first + k]!;
      deleted.source[k] = this.#age;
    }
    return true;
  }

  read(i: number): ChunkView {
    return this.#window.read(this.#cursor.chunkRef[i]!);
  }
}
