// A selection of the head as a source of the merge: chunk bytes in shared pages and in head chunk files.
import { StorageError, SYMBOLS_PER_INDEX_PAGE, type Selection, type SymbolPages } from '@munjigi/model';
import type { File, Files } from '@munjigi/env';
import { headChunkExtent, isHeadChunk, storedSamples } from '../chunk/stored.ts';
import { revokedError } from '../head/leases.ts';
import {
  compareBytes,
  dataFrom,
  growRows,
  newChunkRows,
  newChunkView,
  type ChunkRows,
  type ChunkView,
  type SeriesSource,
  type SymbolView,
} from './source.ts';

const READ_BYTES: number = 64 * 1024;

/**
 * Series that have no chunks at all are passed over. Files stay open until `close`. Chunks in memory are copied by decoding: the head may
 * go on writing behind the samples that the selection counts.
 */
export function selectionSource(
  files: Files,
  s: Selection,
): SeriesSource & { rewind(): void; close(): void } {
  return new SelectionSource(files, s);
}

class SelectionSource implements SeriesSource {
  readonly name = 'the head';
  readonly symbolCount: number;
  readonly chunks: ChunkRows = newChunkRows();
  readonly deleted: ChunkRows = newChunkRows();
  labels: Uint32Array = new Uint32Array(0);
  labelCount = 0;
  readonly #files: Files;
  readonly #s: Selection;
  readonly #symbols: SymbolBytes;
  readonly #lease: Int32Array | null;
  readonly #symbol: SymbolView = { number: 0, b: new Uint8Array(0), from: 0, to: 0 };
  readonly #view: ChunkView = newChunkView(this.#symbol.b);
  readonly #pages: (Uint8Array | File | null)[];
  /** Symbols in use by their bytes; null: not collected yet. */
  #used: Uint32Array | null = null;
  #nextSymbol = 0;
  #i = -1;
  #buffer = new Uint8Array(READ_BYTES);

  constructor(files: Files, s: Selection) {
    this.#files = files;
    this.#s = s;
    this.symbolCount = s.symbols.count;
    this.#symbols = new SymbolBytes(s.symbols);
    this.#lease = s.lease === undefined ? null : new Int32Array(s.lease);
    this.#pages = s.arenas.map((arena) => (arena.kind === 'memory' ? new Uint8Array(arena.buffer) : null));
  }

  /** Symbols and series from the beginning again. */
  rewind(): void {
    this.#nextSymbol = 0;
    this.#i = -1;
  }

  close(): void {
    for (const page of this.#pages) if (page !== null && !(page instanceof Uint8Array)) page.close();
  }

  nextSymbol(): SymbolView | null {
    this.#used ??= this.#sortedSymbols();
    if (this.#nextSymbol >= this.#used.length) return null;
    this.#symbols.view(this.#used[this.#nextSymbol++]!, this.#symbol);
    return this.#symbol;
  }

  next(): boolean {
    const s = this.#s;
    if (this.#lease !== null && Atomics.load(this.#lease, 0) !== 0) throw revokedError(0);
    do this.#i++;
    while (this.#i < s.count && s.first[this.#i] === s.first[this.#i + 1]);
    if (this.#i >= s.count) return false;
    const from = s.labelFirst[this.#i]!;
    this.labelCount = s.labelFirst[this.#i + 1]! - from;
    this.labels = s.labelSymbols.subarray(from, from + this.labelCount);
    this.#take(this.chunks, s.first, s.chunks);
    if (s.deleted !== null) this.#take(this.deleted, s.deleted.first, s.deleted);
    return true;
  }

  #take(to: ChunkRows, first: Uint32Array, from: Pick<ChunkRows, 'mint' | 'maxt' | 'source'>): void {
    const at = first[this.#i]!;
    to.count = first[this.#i + 1]! - at;
    growRows(to, to.count);
    for (let k = 0; k < to.count; k++) {
      to.mint[k] = from.mint[at + k]!;
      to.maxt[k] = from.maxt[at + k]!;
      to.source[k] = from.source[at + k]!;
    }
  }

  read(i: number): ChunkView {
    const t = this.#s.chunks;
    const k = this.#s.first[this.#i]! + i;
    const view = this.#view;
    view.encoding = t.encoding[k]!;
    view.samples = t.samples[k]!;
    const arena = t.arena[k]!;
    const page = this.#pages[arena];
    if (page instanceof Uint8Array) {
      view.final = false;
      view.b = page;
      view.from = t.offset[k]!;
      view.to = view.from + t.bytes[k]!;
      return view;
    }
    this.#readFile(arena, t.offset[k]!, t.bytes[k]!, t.samples[k]!, t.encoding[k]!);
    return view;
  }

  #readFile(arena: number, offset: number, bytes: number, samples: number, encoding: number): void {
    const { path } = this.#s.arenas[arena]! as { path: string };
    const file = (this.#pages[arena] ??= this.#files.open(path, 'r')) as File;
    const { from, to } = headChunkExtent(encoding, offset, bytes);
    const size = to - from;
    if (this.#buffer.length < size) this.#buffer = new Uint8Array(2 * size);
    const b = this.#buffer;
    const read = from < 0 ? 0 : file.read(b, 0, size, from);
    const at = dataFrom(encoding, offset) - from;
    if (read < size || !isHeadChunk(b, 0, size) || storedSamples(encoding, b, at) !== samples)
      throw new StorageError(
        'EFORMAT',
        `${path}: byte ${from}: the chunk there is damaged (its checksum or its count is wrong); restart the program: these files are ` +
          'repaired at start from the log',
        false,
      );
    const view = this.#view;
    view.final = true;
    view.b = b;
    view.from = offset - from;
    view.to = view.from + bytes;
    view.dataFrom = at;
  }

  /** Numbers of the symbols in use, in the order of their bytes. */
  #sortedSymbols(): Uint32Array {
    const seen = new Uint8Array(this.symbolCount);
    let n = 0;
    for (const symbol of this.#s.labelSymbols)
      if (seen[symbol] === 0) {
        seen[symbol] = 1;
        n++;
      }
    const used = new Uint32Array(n);
    n = 0;
    for (let symbol = 0; symbol < seen.length; symbol++) if (seen[symbol] === 1) used[n++] = symbol;
    return this.#symbols.sort(used);
  }
}

/** Texts of symbols as bytes in their pages. */
class SymbolBytes {
  readonly #index: readonly Uint32Array[];
  readonly #data: readonly Uint8Array[];

  constructor(pages: SymbolPages) {
    this.#index = pages.index.map((page) => new Uint32Array(page));
    this.#data = pages.data.map((page) => new Uint8Array(page));
  }

  view(symbol: number, into: SymbolView): void {
    const words = this.#index[Math.floor(symbol / SYMBOLS_PER_INDEX_PAGE)]!;
    const entry = (symbol % SYMBOLS_PER_INDEX_PAGE) * 2;
    const b = this.#data[words[entry]!]!;
    const at = words[entry + 1]!;
    const length = b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24);
    into.number = symbol;
    into.b = b;
    into.from = at + 4;
    into.to = at + 4 + length;
  }

  /** By bytes: first by their first six as one number, then whole. */
  sort(symbols: Uint32Array): Uint32Array {
    const [a, b] = [this.#empty(), this.#empty()];
    const keys = new Float64Array(symbols.length);
    symbols.forEach((symbol, i) => {
      this.view(symbol, a);
      let key = 0;
      for (let k = 0; k < 6; k++) key = key * 256 + (a.from + k < a.to ? a.b[a.from + k]! : 0);
      keys[i] = key;
    });
    const order = new Uint32Array(symbols.length).map((_, i) => i);
    order.sort((i, k) => {
      if (keys[i] !== keys[k]) return keys[i]! - keys[k]!;
      this.view(symbols[i]!, a);
      this.view(symbols[k]!, b);
      return compareBytes(a, b);
    });
    return order.map((i) => symbols[i]!);
  }

  #empty(): SymbolView {
    return { number: 0, b: new Uint8Array(0), from: 0, to: 0 };
  }
}
