// The index of a block by its file: what is read lies in the blocks' cache, what is open takes a few bytes. ../../format/index.md.
import type { Files } from '@munjigi/env';
import type { StorageError } from '@munjigi/model';
import type { BlockCache } from './cache.ts';
import { INDEX_HEADER_BYTES, INDEX_MAGIC, TOC_BYTES } from './index-writer.ts';
import { PAGE_BYTES, openPagedFile, type PagedFile } from './paged-file.ts';
import { SERIES_ALIGN } from './postings-passes.ts';
import { openPostingsTable, type PostingsTable } from './postings-table.ts';
import { u32At } from './section.ts';
import { readSeries, type SeriesEntry } from './series-entry.ts';
import { openSymbols, type IndexSymbols } from './symbols.ts';
import { crc32cOn } from './buffered-file.ts';
import { crc32c } from '../wal/crc32c.ts';

/** Where the sections begin. */
export interface Toc {
  readonly symbols: number;
  readonly series: number;
  /** Also the end of the series. */
  readonly labelIndices: number;
  readonly labelIndexTable: number;
  readonly postings: number;
  readonly postingsTable: number;
}

export interface IndexReader {
  readonly path: string;
  readonly size: number;
  readonly version: number;
  readonly toc: Toc;
  readonly symbols: IndexSymbols;
  readonly table: PostingsTable;
  /** The ascending references of the list at a place of the table; its sum is checked. */
  postings(place: number): Uint32Array;
  /** References are below this. */
  readonly refEnd: number;
  /** Reads a series by its reference; its sum is checked. */
  series(ref: number, mint: number, maxt: number, into: SeriesEntry): void;
  wrong(at: number, why: string): StorageError;
  /** Keeps nothing but what the cache keeps, until it is used again. */
  release(): void;
  close(): void;
}

/**
 * Opens an index of version 1, 2 or 3. `really`: the version, where the file's own is known to be wrong. Throws EnvError when it is not
 * there, StorageError EFORMAT when header or table of contents are wrong.
 */
export function openIndex(files: Files, path: string, cache: BlockCache, really: number): IndexReader {
  const owner = cache.owner();
  const file = openPagedFile(files, path, cache, owner);
  try {
    const { version, toc } = readEnds(file, really);
    const align = version === 1 ? 1 : SERIES_ALIGN;
    const refEnd = Math.ceil(toc.labelIndices / align);
    const symbols = openSymbols(file, toc.symbols, cache, owner);
    const table = openPostingsTable(file, toc.postingsTable, version, cache, owner);
    return {
      path,
      size: file.size,
      version,
      toc,
      symbols,
      table,
      refEnd,
      postings: (place) => readPostings(file, place, refEnd),
      series(ref, mint, maxt, into): void {
        const place = ref * align;
        if (place < toc.series || ref >= refEnd)
          throw file.wrong(place, 'a series is named outside of the series');
        readSeries(file, place, symbols, version, mint, maxt, into);
      },
      wrong: (at, why) => file.wrong(at, why),
      release(): void {
        symbols.release();
        table.release();
        file.release();
      },
      close(): void {
        file.close();
        cache.forget(owner);
      },
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readEnds(file: PagedFile, really: number): { version: number; toc: Toc } {
  const head = file.view(0, INDEX_HEADER_BYTES);
  const magic = u32At(head.b, head.from);
  if (magic !== INDEX_MAGIC)
    throw file.wrong(0, `no index of a block (it begins with ${magic.toString(16)})`);
  const version = really > 0 ? really : head.b[head.from + 4]!;
  if (version < 1 || version > 3) throw file.wrong(4, `version ${version} is not known`);
  const at = file.size - TOC_BYTES;
  const { b, from } = file.view(at, TOC_BYTES);
  if (u32At(b, from + TOC_BYTES - 4) !== crc32c(b, from, from + TOC_BYTES - 4))
    throw file.wrong(at, 'the checksum of the table of contents does not match');
  const [symbols, series, labelIndices, labelIndexTable, postings, postingsTable] = [0, 1, 2, 3, 4, 5].map(
    (i) => {
      const place = u32At(b, from + 8 * i) * 2 ** 32 + u32At(b, from + 8 * i + 4);
      if (place >= file.size) throw file.wrong(at + 8 * i, `a section is named at ${place}, behind the end`);
      return place;
    },
  ) as [number, number, number, number, number, number];
  // A section that is not there is at 0.
  const seriesEnd = labelIndices > 0 ? labelIndices : postings > 0 ? postings : at;
  return {
    version,
    toc: { symbols, series, labelIndices: seriesEnd, labelIndexTable, postings, postingsTable },
  };
}

function readPostings(file: PagedFile, place: number, refEnd: number): Uint32Array {
  const { b, from } = file.view(place, 8);
  const length = u32At(b, from);
  const count = u32At(b, from + 4);
  if (length !== 4 + 4 * count) throw file.wrong(place, `a list of ${count} postings in ${length} bytes`);
  if (count > refEnd || place + 8 + length > file.size)
    throw file.wrong(place, `a list of ${count} postings does not fit`);
  const refs = new Uint32Array(count);
  const fill = (bytes: Uint8Array, at: number, first: number, n: number): void => {
    let last = first === 0 ? -1 : refs[first - 1]!;
    for (let i = 0; i < n; i++) {
      const ref = u32At(bytes, at + 4 * i);
      if (ref <= last || ref >= refEnd)
        throw file.wrong(place + 8 + 4 * (first + i), `series ${ref} behind ${last}`);
      last = ref;
      refs[first + i] = ref;
    }
  };
  const end = place + 4 + length;
  if (length <= PAGE_BYTES / 4) {
    const all = file.view(place + 4, length + 4);
    if (u32At(all.b, all.to - 4) !== crc32c(all.b, all.from, all.to - 4))
      throw file.wrong(end, 'the checksum of a list of postings does not match');
    fill(all.b, all.from + 4, 0, count);
    return refs;
  }
  // Long lists go past the cache: they would take the place of all else.
  let crc = crc32cOn(0, b, from + 4, from + 8);
  const piece = new Uint8Array(64 * 1024);
  for (let first = 0; first < count; first += piece.length / 4) {
    const n = Math.min(count - first, piece.length / 4);
    file.read(piece, place + 8 + 4 * first, 4 * n);
    crc = crc32cOn(crc, piece, 0, 4 * n);
    fill(piece, 0, first, n);
  }
  const sum = file.view(end, 4);
  if (u32At(sum.b, sum.from) !== crc)
    throw file.wrong(end, 'the checksum of a list of postings does not match');
  return refs;
}
