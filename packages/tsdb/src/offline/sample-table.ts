// Samples of many series in any order, as columns in memory, and blocks of them: how samples come in from outside.
import type { Files } from '@munjigi/env';
import { ENCODING, compareLabels, compareText, encodeUtf8, labelsKey, type Labels } from '@munjigi/model';
import type { BlockMeta } from '../block/meta.ts';
import {
  newChunkRows,
  newChunkView,
  type ChunkRows,
  type ChunkView,
  type SeriesSource,
  type SymbolView,
} from '../compact/source.ts';
import { writeBlock } from '../compact/write-block.ts';

export interface SampleTable {
  /** The number of a series, from 0: the same for the same labels. */
  series(labels: Labels): number;
  /** Value i of v, whose halves are bits[2i], bits[2i + 1]: NaN keeps its bits. */
  add(series: number, t_ms: number, bits: Uint32Array, i: number): void;
  readonly samples: number;
  /** Forgets samples and series. */
  clear(): void;
  /**
   * Writes a block of the samples in [mint, maxt) (ms), which spans them exactly; null: there are none. Of equal times the one that came
   * last is taken. Rejects as the block writer does.
   */
  writeBlock(files: Files, dir: string, ulid: string, mint: number, maxt: number): Promise<BlockMeta | null>;
}

const FIRST_ROWS: number = 64 * 1024;

export function newSampleTable(): SampleTable {
  const labels: Labels[] = [];
  const numbers = new Map<string, number>();
  let of = new Uint32Array(FIRST_ROWS);
  let t = new Float64Array(FIRST_ROWS);
  let halves = new Uint32Array(2 * FIRST_ROWS);
  let n = 0;

  function grow(): void {
    const wider = new Uint32Array(2 * of.length);
    wider.set(of);
    of = wider;
    const times = new Float64Array(2 * t.length);
    times.set(t);
    t = times;
    const values = new Uint32Array(2 * halves.length);
    values.set(halves);
    halves = values;
  }

  return {
    get samples(): number {
      return n;
    },
    series(its): number {
      const key = labelsKey(its);
      let number = numbers.get(key);
      if (number === undefined) numbers.set(key, (number = labels.push(its) - 1));
      return number;
    },
    add(series, t_ms, bits, i): void {
      if (n === t.length) grow();
      of[n] = series;
      t[n] = t_ms;
      halves[2 * n] = bits[2 * i]!;
      halves[2 * n + 1] = bits[2 * i + 1]!;
      n++;
    },
    clear(): void {
      n = 0;
      labels.length = 0;
      numbers.clear();
    },
    async writeBlock(files, dir, ulid, mint, maxt): Promise<BlockMeta | null> {
      const source = new TableSource(labels, { of, t, halves, n }, mint, maxt);
      if (source.first > source.last) return null;
      const meta = {
        ulid,
        minTime: source.first,
        maxTime: source.last + 1,
        compaction: { level: 1, sources: [ulid] },
      };
      return writeBlock(files, dir, [source], meta, { xor2: false });
    },
  };
}

interface Rows {
  readonly of: Uint32Array;
  readonly t: Float64Array;
  readonly halves: Uint32Array;
  readonly n: number;
}

/** The samples of a time range as a source of the merge: each series is one chunk of plain pairs, which the merge encodes. */
class TableSource implements SeriesSource {
  readonly name = 'the samples that were read';
  readonly symbolCount: number;
  /** Times of the first and the last sample. */
  first = Infinity;
  last = -Infinity;
  readonly chunks: ChunkRows = newChunkRows();
  readonly deleted: ChunkRows = newChunkRows();
  labels: Uint32Array = new Uint32Array(0);
  labelCount = 0;
  readonly #order: number[];
  readonly #labels: readonly Labels[];
  readonly #numbers: Map<string, number>;
  readonly #texts: string[];
  /** Pairs of series s are pairs[from[s]..from[s + 1]). */
  readonly #from: Uint32Array;
  readonly #pairs: Float64Array;
  readonly #symbol: SymbolView;
  readonly #view: ChunkView;
  #nextSymbol = 0;
  #nextSeries = 0;
  #current = 0;

  constructor(labels: readonly Labels[], rows: Rows, mint: number, maxt: number) {
    this.#labels = labels;
    const from = new Uint32Array(labels.length + 1);
    const inside = (i: number): boolean => rows.t[i]! >= mint && rows.t[i]! < maxt;
    for (let i = 0; i < rows.n; i++) if (inside(i)) from[rows.of[i]! + 1]!++;
    const used = new Set<string>();
    const order: number[] = [];
    for (let s = 0; s < labels.length; s++) {
      if (from[s + 1]! > 0) {
        order.push(s);
        for (const text of labels[s]!) used.add(text);
      }
      from[s + 1]! += from[s]!;
    }
    this.#order = order.sort((a, b) => compareLabels(labels[a]!, labels[b]!));
    this.#texts = [...used].sort(compareText);
    this.#numbers = new Map(this.#texts.map((text, i) => [text, i]));
    this.symbolCount = this.#texts.length;
    this.#from = from;
    this.#pairs = new Float64Array(2 * from[labels.length]!);
    this.#fill(rows, inside);
    this.#symbol = { number: 0, b: new Uint8Array(64), from: 0, to: 0 };
    this.#view = newChunkView(new Uint8Array(this.#pairs.buffer));
    this.#view.encoding = ENCODING.plain;
  }

  #fill(rows: Rows, inside: (i: number) => boolean): void {
    const at = this.#from.slice();
    const bits = new Uint32Array(this.#pairs.buffer);
    for (let i = 0; i < rows.n; i++) {
      if (!inside(i)) continue;
      const pair = at[rows.of[i]!]!++;
      this.#pairs[2 * pair] = rows.t[i]!;
      bits[4 * pair + 2] = rows.halves[2 * i]!;
      bits[4 * pair + 3] = rows.halves[2 * i + 1]!;
      this.first = Math.min(this.first, rows.t[i]!);
      this.last = Math.max(this.last, rows.t[i]!);
    }
  }

  nextSymbol(): SymbolView | null {
    if (this.#nextSymbol >= this.#texts.length) return null;
    const symbol = this.#symbol;
    const text = this.#texts[this.#nextSymbol]!;
    if (symbol.b.length < 3 * text.length) symbol.b = new Uint8Array(6 * text.length);
    symbol.number = this.#nextSymbol++;
    symbol.to = encodeUtf8(text, symbol.b, 0);
    return symbol;
  }

  next(): boolean {
    if (this.#nextSeries >= this.#order.length) return false;
    this.#current = this.#order[this.#nextSeries++]!;
    const texts = this.#labels[this.#current]!;
    if (this.labels.length < texts.length) this.labels = new Uint32Array(2 * texts.length);
    texts.forEach((text, i) => {
      this.labels[i] = this.#numbers.get(text)!;
    });
    this.labelCount = texts.length;
    let mint = Infinity;
    let maxt = -Infinity;
    for (let pair = this.#from[this.#current]!; pair < this.#from[this.#current + 1]!; pair++) {
      mint = Math.min(mint, this.#pairs[2 * pair]!);
      maxt = Math.max(maxt, this.#pairs[2 * pair]!);
    }
    const { chunks } = this;
    chunks.count = 1;
    chunks.mint[0] = mint;
    chunks.maxt[0] = maxt;
    chunks.source[0] = 1;
    return true;
  }

  read(): ChunkView {
    const view = this.#view;
    view.from = 16 * this.#from[this.#current]!;
    view.to = 16 * this.#from[this.#current + 1]!;
    view.samples = (view.to - view.from) / 16;
    view.dataFrom = view.from;
    return view;
  }
}
