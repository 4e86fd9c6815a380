// One series' chunks on their way into a block: chunks that nothing overlaps, cuts or hides are copied as they are; the others are decoded
// together, merged by the readers' own rules, and encoded anew.
import {
  ENCODING,
  newColumn,
  type ArenaRef,
  type ChunkReader,
  type ChunkTable,
  type Column,
  type Selection,
} from '@munjigi/model';
import type { BlockWriter } from '../block/writer.ts';
import { encodeColumn } from '../chunk/encode-column.ts';
import { openChunkReader } from '../chunk/reader.ts';
import {
  dataFrom,
  growRows,
  newChunkRows,
  type ChunkRows,
  type ChunkView,
  type SeriesSource,
} from './source.ts';

const MAX_SAMPLES = 120;
/** Decoders look this far ahead. */
const BEYOND_BYTES = 32;
const FIRST_SCRATCH_BYTES: number = 64 * 1024;

export interface SeriesChunks {
  /** Takes the chunks of the source's current series. */
  add(source: SeriesSource): void;
  /**
   * Writes the series of labels[0..n), new symbol numbers of name and value in turn, with what was added, and forgets it. False: nothing
   * was left of it, and nothing was written.
   */
  write(labels: Uint32Array, n: number): Promise<boolean>;
}

export function newSeriesChunks(
  writer: BlockWriter,
  o: { readonly mint: number; readonly maxt: number; readonly xor2: boolean },
): SeriesChunks {
  return new Chunks(writer, o);
}

class Chunks implements SeriesChunks {
  readonly #writer: BlockWriter;
  /** Inclusive. */
  readonly #mint: number;
  readonly #last: number;
  readonly #xor2: boolean;
  readonly #rows: ChunkRows = newChunkRows();
  readonly #deleted: ChunkRows = newChunkRows();
  /** By row: its source, its place there, whether samples of it are cut off or hidden. */
  readonly #of: SeriesSource[] = [];
  #place = new Uint32Array(16);
  #partial = new Uint8Array(16);
  /** Rows by mint, then maxt. */
  #order: number[] = [];
  readonly #decoder = new GroupDecoder();

  constructor(writer: BlockWriter, o: { mint: number; maxt: number; xor2: boolean }) {
    this.#writer = writer;
    this.#mint = o.mint;
    this.#last = o.maxt - 1;
    this.#xor2 = o.xor2;
  }

  add(source: SeriesSource): void {
    const { chunks, deleted } = source;
    const to = this.#deleted;
    growRows(to, to.count + deleted.count);
    for (let k = 0; k < deleted.count; k++) {
      to.mint[to.count] = deleted.mint[k]!;
      to.maxt[to.count] = deleted.maxt[k]!;
      to.source[to.count++] = deleted.source[k]!;
    }
    for (let i = 0; i < chunks.count; i++) {
      const mint = chunks.mint[i]!;
      const maxt = chunks.maxt[i]!;
      if (maxt < this.#mint || mint > this.#last) continue;
      let partial = mint < this.#mint || maxt > this.#last;
      let hidden = false;
      for (let k = 0; k < deleted.count && !hidden; k++) {
        if (deleted.source[k] !== chunks.source[i]) continue;
        hidden = deleted.mint[k]! <= mint && deleted.maxt[k]! >= maxt;
        partial ||= deleted.mint[k]! <= maxt && deleted.maxt[k]! >= mint;
      }
      if (!hidden) this.#push(source, i, mint, maxt, chunks.source[i]!, partial);
    }
  }

  #push(source: SeriesSource, i: number, mint: number, maxt: number, age: number, partial: boolean): void {
    const rows = this.#rows;
    const row = rows.count++;
    growRows(rows, rows.count);
    if (row >= this.#place.length) {
      this.#place = doubled(this.#place, new Uint32Array(2 * row));
      this.#partial = doubled(this.#partial, new Uint8Array(2 * row));
    }
    rows.mint[row] = mint;
    rows.maxt[row] = maxt;
    rows.source[row] = age;
    this.#of[row] = source;
    this.#place[row] = i;
    this.#partial[row] = partial ? 1 : 0;
    this.#order.push(row);
  }

  async write(labels: Uint32Array, n: number): Promise<boolean> {
    const { mint, maxt, count } = this.#rows;
    const order = this.#order;
    let sorted = true;
    for (let k = 1; k < count && sorted; k++)
      sorted = mint[k - 1]! < mint[k]! || (mint[k - 1] === mint[k] && maxt[k - 1]! <= maxt[k]!);
    if (!sorted) order.sort((a, b) => mint[a]! - mint[b]! || maxt[a]! - maxt[b]! || a - b);
    let begun = false;
    const begin = (): void => {
      if (!begun) this.#writer.series(labels, n);
      begun = true;
    };
    for (let k = 0; k < count;) {
      const from = k;
      let end = maxt[order[k++]!]!;
      for (; k < count && mint[order[k]!]! <= end; k++) end = Math.max(end, maxt[order[k]!]!);
      await this.#group(from, k, begin);
    }
    this.#rows.count = 0;
    this.#deleted.count = 0;
    this.#of.length = 0;
    this.#order.length = 0;
    return begun;
  }

  /** Chunks order[from..to): each overlaps one before it. */
  async #group(from: number, to: number, begin: () => void): Promise<void> {
    const rows = this.#rows;
    const decoder = this.#decoder;
    decoder.begin(to - from);
    let before = -1;
    for (let k = from; k < to; k++) {
      const row = this.#order[k]!;
      const view = this.#of[row]!.read(this.#place[row]!);
      const partial = this.#partial[row] === 1;
      if (to - from === 1 && view.final && !partial) return this.#copy(row, view, begin);
      const twin =
        before >= 0 &&
        !partial &&
        this.#partial[before] === 0 &&
        rows.mint[before] === rows.mint[row] &&
        rows.maxt[before] === rows.maxt[row];
      // Replicas that wrote the same: the one that is there will do.
      if (twin && decoder.sameAsLast(view)) decoder.raiseLast(rows.source[row]!);
      else decoder.add(view, rows.mint[row]!, rows.maxt[row]!, rows.source[row]!);
      before = row;
    }
    const only = decoder.count === 1 && this.#partial[before] === 0 ? decoder.last() : null;
    if (only !== null && only.final) return this.#copy(before, only, begin);
    const column = await decoder.decode(this.#deleted, this.#mint, this.#last);
    if (column.n === 0) return;
    begin();
    const xor2 = this.#xor2 || decoder.hasXor2;
    for (const c of encodeColumn(column, 0, column.n, { xor2, maxSamples: MAX_SAMPLES }))
      this.#writer.chunk(c.encoding, c.mint, c.maxt, c.samples, c.data, 0, c.data.length);
  }

  #copy(row: number, view: ChunkView, begin: () => void): void {
    begin();
    const { mint, maxt } = this.#rows;
    this.#writer.chunk(view.encoding, mint[row]!, maxt[row]!, view.samples, view.b, view.dataFrom, view.to);
  }
}

/** Brings chunks of any sources together in one buffer, as a selection of one series, and lets the chunk reader merge them. */
class GroupDecoder {
  count = 0;
  hasXor2 = false;
  readonly #reader: ChunkReader = openChunkReader();
  readonly #column: Column = newColumn(256);
  #buffer = new SharedArrayBuffer(FIRST_SCRATCH_BYTES);
  #b = new Uint8Array(this.#buffer);
  /** The buffer as a reader knows it: another list for another buffer. */
  #arenas: ArenaRef[] = [{ kind: 'memory', id: 0, buffer: this.#buffer }];
  #used = 0;
  #table = newTable(16);
  #finals = new Uint8Array(16);

  begin(most: number): void {
    this.count = 0;
    this.hasXor2 = false;
    this.#used = 0;
    if (this.#table.mint.length >= most) return;
    this.#table = newTable(2 * most);
    this.#finals = new Uint8Array(2 * most);
  }

  add(view: ChunkView, mint: number, maxt: number, source: number): void {
    const bytes = view.to - view.from;
    // Plain chunks want an offset divisible by 8; a file's 2-byte count may lie in front of it.
    const at = (this.#used + 2 + 7) & ~7;
    this.#room(at + bytes + BEYOND_BYTES);
    const begin = view.final ? view.dataFrom : view.from;
    this.#b.set(view.b.subarray(begin, view.to), at - (view.from - begin));
    this.#b.fill(0, at + bytes, at + bytes + BEYOND_BYTES);
    this.#used = at + bytes + BEYOND_BYTES;
    const k = this.count++;
    const t = this.#table;
    t.source[k] = source;
    t.offset[k] = at;
    t.bytes[k] = bytes;
    t.samples[k] = view.samples;
    t.mint[k] = mint;
    t.maxt[k] = maxt;
    t.encoding[k] = view.encoding;
    this.#finals[k] = view.final ? 1 : 0;
    this.hasXor2 ||= view.encoding === ENCODING.xor2;
  }

  sameAsLast(view: ChunkView): boolean {
    const k = this.count - 1;
    const t = this.#table;
    const bytes = view.to - view.from;
    if (t.encoding[k] !== view.encoding || t.samples[k] !== view.samples || t.bytes[k] !== bytes)
      return false;
    const at = t.offset[k]!;
    for (let i = 0; i < bytes; i++) if (this.#b[at + i] !== view.b[view.from + i]) return false;
    return true;
  }

  raiseLast(source: number): void {
    const k = this.count - 1;
    this.#table.source[k] = Math.max(this.#table.source[k]!, source);
  }

  last(): ChunkView {
    const k = this.count - 1;
    const t = this.#table;
    const from = t.offset[k]!;
    const encoding = t.encoding[k]!;
    return {
      b: this.#b,
      from,
      to: from + t.bytes[k]!,
      encoding,
      samples: t.samples[k]!,
      final: this.#finals[k] === 1,
      dataFrom: dataFrom(encoding, from),
    };
  }

  /** The samples of mint <= t <= maxt; the column is used again by the next call. */
  async decode(deleted: ChunkRows, mint: number, maxt: number): Promise<Column> {
    const selection: Selection = {
      count: 1,
      symbols: { count: 0, index: [], data: [] },
      labelFirst: new Uint32Array(2),
      labelSymbols: new Uint32Array(0),
      first: Uint32Array.of(0, this.count),
      chunks: this.#table,
      arenas: this.#arenas,
      deleted: deleted.count === 0 ? null : { ...deleted, first: Uint32Array.of(0, deleted.count) },
      warnings: [],
    };
    await this.#reader.load(selection, 0, 1);
    this.#reader.series(selection, 0, mint, maxt, this.#column);
    return this.#column;
  }

  #room(bytes: number): void {
    if (bytes <= this.#buffer.byteLength) return;
    const old = this.#b;
    this.#buffer = new SharedArrayBuffer(Math.max(bytes, 2 * old.length));
    this.#arenas = [{ kind: 'memory', id: 0, buffer: this.#buffer }];
    this.#b = new Uint8Array(this.#buffer);
    this.#b.set(old);
  }
}

function newTable(rows: number): ChunkTable {
  return {
    arena: new Uint16Array(rows),
    source: new Uint16Array(rows),
    offset: new Float64Array(rows),
    bytes: new Uint32Array(rows),
    samples: new Uint32Array(rows),
    mint: new Float64Array(rows),
    maxt: new Float64Array(rows),
    encoding: new Uint8Array(rows),
  };
}

function doubled<T extends Uint32Array | Uint8Array>(old: T, fresh: T): T {
  fresh.set(old);
  return fresh;
}
