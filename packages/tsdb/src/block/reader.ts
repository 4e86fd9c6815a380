// A block as it is read: by its files, a bounded part of it in memory. Sync throughout; the parts that can be long also run in steps.
import type { Files } from '@munjigi/env';
import { decodeUtf8 } from '@munjigi/model';
import { newBlockCache, type BlockCache } from './cache.ts';
import { openIndex, type IndexReader } from './index-reader.ts';
import { allSeries, matchSeries, textBytes, type BlockTest } from './match.ts';
import { META_FILE, MAX_META_BYTES, readMeta, type BlockMeta } from './meta.ts';
import { wrongBytes, type ByteView } from './paged-file.ts';
import { checkSegment, listSegments } from './segment-reader.ts';
import { newSeriesEntry, type SeriesEntry } from './series-entry.ts';
import { runAtOnce } from './steps.ts';
import { NO_TOMBSTONES, TOMBSTONES_FILE, readTombstones, type Tombstones } from './tombstones.ts';
import { CHUNKS_DIR, INDEX_FILE } from './writer.ts';

/** Series one after the other; the columns are reused. */
export interface SeriesCursor extends Readonly<SeriesEntry> {
  /** What postings and tombstones call the series. */
  readonly ref: number;
  /** Moves to the next series that has chunks in the range; false: there is none. Throws StorageError EFORMAT. */
  next(): boolean;
}

export interface Block {
  readonly meta: BlockMeta;
  readonly dir: string;
  readonly index: IndexReader;
  /** Of all its files. */
  sizeBytes(): number;
  /** Series that pass all tests (null: all) and have chunks that overlap [mint, maxt] (ms, both inclusive), in label order. */
  series(tests: readonly BlockTest[] | null, mint: number, maxt: number): SeriesCursor;
  /** The same for references that are known. */
  cursor(refs: Uint32Array, mint: number, maxt: number): SeriesCursor;
  readonly symbolCount: number;
  /** Bytes of a symbol, valid until the block is asked again. Symbols are in the order of bytes. */
  symbolBytes(n: number): ByteView;
  symbolText(n: number): string;
  /** In the order of bytes. */
  labelNames(): string[];
  labelValues(name: string): string[];
  /** References of the series that have the label. */
  postings(name: string, value: string): Uint32Array;
  /** What is deleted: reads the file, which may have changed. */
  tombstones(): Tombstones;
  /** What is not in the cache is given up; the block may be used again. */
  release(): void;
  close(): void;
}

/** Bytes of a tombstones file: more than any deletion leaves. */
const MAX_TOMBSTONES_BYTES: number = 256 * 1024 * 1024;

/**
 * Opens the block in folder `dir`: its meta is read, header and table of contents of its index are checked, and nothing else is read.
 * Throws EnvError when a file cannot be read, StorageError EFORMAT when it is wrong.
 */
export function openBlock(files: Files, dir: string, cache: BlockCache): Block {
  const meta = openMeta(files, dir);
  const index = openIndex(files, `${dir}/${INDEX_FILE}`, cache, meta.version === 2 ? 2 : 0);
  function tombstones(): Tombstones {
    const path = `${dir}/${TOMBSTONES_FILE}`;
    const size = files.stat(path)?.size;
    if (size === undefined) return NO_TOMBSTONES;
    if (size > MAX_TOMBSTONES_BYTES) throw wrongBytes(path, 0, `${size} bytes of tombstones`);
    return readTombstones(files.readFile(path), path);
  }

  function symbolText(n: number): string {
    const { b, from, to } = index.symbols.view(n);
    return decodeUtf8(b, from, to);
  }

  return {
    meta,
    dir,
    index,
    sizeBytes(): number {
      let bytes = index.size;
      for (const name of [META_FILE, TOMBSTONES_FILE]) bytes += files.stat(`${dir}/${name}`)?.size ?? 0;
      for (const { size } of listSegments(files, `${dir}/${CHUNKS_DIR}`)) bytes += size;
      return bytes;
    },
    series: (tests, mint, maxt) =>
      newCursor(index, tests === null ? allSeries(index) : runAtOnce(matchSeries(index, tests)), mint, maxt),
    cursor: (refs, mint, maxt) => newCursor(index, refs, mint, maxt),
    symbolCount: index.symbols.count,
    symbolBytes: (n) => index.symbols.view(n),
    symbolText,
    labelNames: () => index.table.names(),
    labelValues(name): string[] {
      const range = index.table.range(name);
      const values: string[] = [];
      if (range === undefined) return values;
      for (let n = range.first, at = range.place; n < range.end; n++) {
        const { value, next } = index.table.entry(at);
        values.push(decodeUtf8(value.b, value.from, value.to));
        at = next;
      }
      return values;
    },
    postings(name, value): Uint32Array {
      const range = index.table.range(name);
      const place = range === undefined ? -1 : index.table.find(range, textBytes(value));
      return place < 0 ? new Uint32Array(0) : index.postings(place);
    },
    tombstones,
    release: () => index.release(),
    close: () => index.close(),
  };
}

function openMeta(files: Files, dir: string): BlockMeta {
  const path = `${dir}/${META_FILE}`;
  const size = files.stat(path)?.size ?? 0;
  if (size > MAX_META_BYTES) throw wrongBytes(path, 0, `${size} bytes`);
  return readMeta(files.readFile(path), path);
}

class Cursor implements SeriesCursor {
  ref = 0;
  readonly #index: IndexReader;
  readonly #refs: Uint32Array;
  readonly #mint: number;
  readonly #maxt: number;
  readonly #entry: SeriesEntry = newSeriesEntry();
  #next = 0;

  constructor(index: IndexReader, refs: Uint32Array, mint: number, maxt: number) {
    this.#index = index;
    this.#refs = refs;
    this.#mint = mint;
    this.#maxt = maxt;
  }

  get labels(): Uint32Array {
    return this.#entry.labels;
  }
  get labelCount(): number {
    return this.#entry.labelCount;
  }
  get chunkCount(): number {
    return this.#entry.chunkCount;
  }
  get chunkMint(): Float64Array {
    return this.#entry.chunkMint;
  }
  get chunkMaxt(): Float64Array {
    return this.#entry.chunkMaxt;
  }
  get chunkRef(): Float64Array {
    return this.#entry.chunkRef;
  }

  next(): boolean {
    while (this.#next < this.#refs.length) {
      this.ref = this.#refs[this.#next++]!;
      this.#index.series(this.ref, this.#mint, this.#maxt, this.#entry);
      if (this.#entry.chunkCount > 0) return true;
    }
    return false;
  }
}

function newCursor(index: IndexReader, refs: Uint32Array, mint: number, maxt: number): SeriesCursor {
  return new Cursor(index, refs, mint, maxt);
}

/**
 * Looks at a block from outside: its meta, header and table of contents of its index, the headers of its segments, its tombstones. Throws
 * as openBlock.
 */
export function checkBlock(files: Files, dir: string): void {
  const block = openBlock(files, dir, newBlockCache(1024 * 1024));
  try {
    block.tombstones();
    for (const segment of listSegments(files, `${dir}/${CHUNKS_DIR}`)) checkSegment(files, segment);
  } finally {
    block.close();
  }
}
