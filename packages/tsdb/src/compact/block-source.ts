// A block as a source of the merge: its series by the index, its chunks by reading the segments forward.
import type { Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
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

export interface BlockSourceOptions {
  /** Its number of age among the sources of a merge. */
  readonly age: number;
  /**
   * The time in ms before which whole chunks of a series are left out, and the series when none is left, by its labels: n symbol numbers, name
   * and value in turn. Absent: nothing is left out.
   */
  readonly keptFrom?: ((labels: Uint32Array, n: number) => number) | undefined;
  /** One byte a symbol, 0: no series that is kept uses it, it is left out. Absent: all symbols of the index. */
  readonly used?: Uint8Array | undefined;
}

/** The series of an open block. `close` leaves the block open. */
export function blockSource(
  files: Files,
  block: Block,
  o: BlockSourceOptions,
): SeriesSource & { close(): void } {
  return new BlockSource(files, block, o);
}

class BlockSource implements SeriesSource {
  readonly name: string;
  readonly symbolCount: number;
  readonly chunks: ChunkRows = newChunkRows();
  readonly deleted: ChunkRows = newChunkRows();
  labels: Uint32Array = new Uint32Array(0);
  labelCount = 0;
  readonly #block: Block;
  readonly #o: BlockSourceOptions;
  /** References of `chunks`. */
  #refs = new Float64Array(16);
  readonly #cursor: SeriesCursor;
  readonly #tombstones: Tombstones;
  readonly #window: ChunkWindow;
  readonly #symbol: SymbolView = { number: 0, b: new Uint8Array(0), from: 0, to: 0 };
  #nextSymbol = 0;

  constructor(files: Files, block: Block, o: BlockSourceOptions) {
    this.name = `block ${block.meta.ulid}`;
    this.symbolCount = block.symbolCount;
    this.#block = block;
    this.#o = o;
    this.#cursor = block.series(null, -Infinity, Infinity);
    this.#tombstones = block.tombstones();
    this.#window = openChunkWindow(files, block.dir);
  }

  close(): void {
    this.#window.close();
  }

  nextSymbol(): SymbolView | null {
    const { used } = this.#o;
    let next = this.#nextSymbol;
    if (used !== undefined) while (used[next] === 0) next++;
    this.#nextSymbol = next + 1;
    if (next >= this.symbolCount) return null;
    const symbol = this.#symbol;
    symbol.number = next;
    const { b, from, to } = this.#block.symbolBytes(symbol.number);
    symbol.b = b;
    symbol.from = from;
    symbol.to = to;
    return symbol;
  }

  next(): boolean {
    const cursor = this.#cursor;
    do {
      if (!cursor.next()) return false;
      this.labels = cursor.labels;
      this.labelCount = cursor.labelCount;
      this.#takeChunks(this.#o.keptFrom?.(cursor.labels, cursor.labelCount) ?? -Infinity);
    } while (this.chunks.count === 0);
    this.#takeDeleted();
    return true;
  }

  #takeChunks(from: number): void {
    const cursor = this.#cursor;
    const { chunks } = this;
    growRows(chunks, cursor.chunkCount);
    if (this.#refs.length < cursor.chunkCount) this.#refs = new Float64Array(2 * cursor.chunkCount);
    let n = 0;
    for (let i = 0; i < cursor.chunkCount; i++) {
      const mint = cursor.chunkMint[i]!;
      const maxt = cursor.chunkMaxt[i]!;
      if (!(mint <= maxt))
        throw new StorageError(
          'EFORMAT',
          `${this.#block.dir}/index: series ${cursor.ref} has a chunk from ${mint} to ${maxt}: restore the block, or move it away`,
          false,
        );
      if (maxt < from) continue;
      chunks.mint[n] = mint;
      chunks.maxt[n] = maxt;
      chunks.source[n] = this.#o.age;
      this.#refs[n++] = cursor.chunkRef[i]!;
    }
    chunks.count = n;
  }

  #takeDeleted(): void {
    const { deleted } = this;
    const t = this.#tombstones;
    deleted.count = 0;
    const row = t.ref.length === 0 ? -1 : findTombstones(t, this.#cursor.ref);
    if (row < 0) return;
    const first = t.first[row]!;
    deleted.count = t.first[row + 1]! - first;
    growRows(deleted, deleted.count);
    for (let k = 0; k < deleted.count; k++) {
      deleted.mint[k] = t.mint[first + k]!;
      deleted.maxt[k] = t.maxt[first + k]!;
      deleted.source[k] = this.#o.age;
    }
  }

  read(i: number): ChunkView {
    return this.#window.read(this.#refs[i]!);
  }
}
