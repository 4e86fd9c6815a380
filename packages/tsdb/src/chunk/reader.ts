// The ChunkReader of memory and file arenas, for any thread: the hot path of queries. One series' chunks are decoded one after the other
// straight into the column, or by the kernel where that can; only chunks that overlap go through a merge.
import {
  ENCODING,
  StorageError,
  growColumn,
  newColumn,
  type ChunkReader,
  type ChunkTable,
  type Column,
  type Intervals,
  type Selection,
} from '@munjigi/model';
import type { Files } from '@munjigi/env';
import { revokedError } from '../head/leases.ts';
import { clearColumn, completeFloats, needStartTimes } from './column.ts';
import { newFilePages, PAGE_BYTES, pageKey, type FilePages } from './file-pages.ts';
import { startKernel, type ChunkKernel } from './kernel.ts';
import { decodeHistogram } from './histogram-decode.ts';
import { dropDeleted, keepRange, mergeInto } from './merge.ts';
import { decodePlain } from './plain.ts';
import { STORED_EXTRA_BYTES, headChunkExtent, isHeadChunk, readStored, storedBytes } from './stored.ts';
import { decodeXor } from './xor-decode.ts';
import { decodeXor2, hasStartTimes } from './xor2-decode.ts';

/** Enough for the chunks that a query of a few thousand series needs at a time. */
const CACHE_BYTES: number = 64 * 1024 * 1024;
/** Chunks that begin so near a page's end are taken to reach into the next. */
const USUAL_CHUNK_BYTES = 1024;

export interface ChunkReaderOptions {
  /** How much of files is kept in memory. */
  readonly cacheBytes?: number;
  /** Decodes in WebAssembly, if it can be had. Takes the address space of the whole cache at once: for readers that live long. */
  readonly kernel?: boolean;
}

/** Without `files`, arenas in files cannot be read. Everything that a file gives is checked by its checksum. */
export function openChunkReader(files?: Files, o: ChunkReaderOptions = {}): ChunkReader {
  const cacheBytes = o.cacheBytes ?? CACHE_BYTES;
  const kernel = o.kernel === true ? startKernel(files === undefined ? 0 : cacheBytes) : null;
  const pages = files === undefined ? null : newFilePages(files, cacheBytes, kernel?.newBytes);
  return new Reader(pages, kernel);
}

class Reader implements ChunkReader {
  readonly #files: FilePages | null;
  readonly #kernel: ChunkKernel | null;
  readonly #scratch: Column = newColumn(256);
  #sources: Uint16Array = new Uint16Array(0);
  /** What `#pages` and `#fileOf` are made of. */
  #arenas: Selection['arenas'] | null = null;
  #generation = -1;
  /** Memory arenas; null: a file. */
  #pages: (Uint8Array | null)[] = [];
  #fileOf: number[] = [];
  /** Of the selection with these arenas; null: it has none. */
  #lease: Int32Array | null = null;

  constructor(files: FilePages | null, kernel: ChunkKernel | null) {
    this.#files = files;
    this.#kernel = kernel;
  }

  async load(s: Selection, from: number, to: number): Promise<void> {
    this.#use(s);
    if (this.#files === null || !this.#pages.includes(null)) return;
    this.#files.load(Float64Array.from(this.#pageKeys(s, s.first[from]!, s.first[to]!)));
  }

  /** Of the pages in which chunks [first, end) lie. */
  #pageKeys(s: Selection, first: number, end: number): number[] {
    const { arena, offset, bytes } = s.chunks;
    const keys: number[] = [];
    const inFile = Uint8Array.from(this.#pages, (page) => Number(page === null));
    /** Where the page of each arena that was named last begins and ends: neighbours of a series lie beside its chunks. */
    const pageAt = new Float64Array(inFile.length);
    const pageEnd = new Float64Array(inFile.length);
    for (let k = first; k < end; k++) {
      const a = arena[k]!;
      const at = offset[k]!;
      const last = at + Math.max(bytes[k]!, USUAL_CHUNK_BYTES);
      if (inFile[a] === 0 || (at >= pageAt[a]! && last < pageEnd[a]!)) continue;
      for (let page = Math.floor(at / PAGE_BYTES); page * PAGE_BYTES <= last; page++) {
        keys.push(pageKey(this.#fileOf[a]!, page * PAGE_BYTES));
        pageAt[a] = page * PAGE_BYTES;
        pageEnd[a] = (page + 1) * PAGE_BYTES;
      }
    }
    return keys;
  }

  series(s: Selection, i: number, mint: number, maxt: number, into: Column): void {
    this.#use(s);
    const deleted = s.deleted !== null && s.deleted.first[i + 1]! > s.deleted.first[i]! ? s.deleted : null;
    if (deleted !== null || !this.#kernelSeries(s, i, mint, maxt, into))
      this.#anySeries(s, i, mint, maxt, into, deleted);
    if (this.#lease !== null && Atomics.load(this.#lease, 0) !== 0) {
      into.n = 0;
      throw revokedError(0);
    }
  }

  /** False: there is something about the series that the kernel does not do. */
  #kernelSeries(s: Selection, i: number, mint: number, maxt: number, into: Column): boolean {
    const kernel = this.#kernel;
    if (kernel === null) return false;
    const c = s.chunks;
    const end = s.first[i + 1]!;
    clearColumn(into);
    kernel.n = 0;
    let last = -Infinity;
    for (let k = s.first[i]!; k < end;) {
      if (c.maxt[k]! < mint || c.mint[k]! > maxt) {
        k++;
        continue;
      }
      if (c.mint[k]! <= last) return false;
      if (kernel.full) kernel.moveTo(into, mint, maxt);
      const did = this.#kernelChunks(kernel, c, k, end, maxt);
      if (did === 0) return false;
      if (kernel.n > 0) last = kernel.t[kernel.n - 1]!;
      k += did;
    }
    kernel.moveTo(into, mint, maxt);
    return true;
  }

  /** Decodes chunk k, and those before `end` that follow it in a block's file and begin until maxt. How many it did. */
  #kernelChunks(kernel: ChunkKernel, c: ChunkTable, k: number, end: number, maxt: number): number {
    const arena = c.arena[k]!;
    const page = this.#pages[arena]!;
    const encoding = c.encoding[k]!;
    const offset = c.offset[k]!;
    if (page !== null) return Number(kernel.memory(encoding, page, offset, c.bytes[k]!, c.samples[k]!));
    if (this.#files === null) return 0;
    const file = this.#fileOf[arena]!;
    if (encoding !== ENCODING.stored) {
      const { from, to } = headChunkExtent(encoding, offset, c.bytes[k]!);
      if (from < 0) return 0;
      const place = this.#files.view(file, from, to - from);
      if (place.length !== to - from) return 0;
      return Number(kernel.headChunk(encoding, place, offset - from, c.samples[k]!));
    }
    let next = k + 1;
    while (next < end && follows(c, next) && c.mint[next]! <= maxt) next++;
    const rest = this.#files.rest(file, offset);
    const did = kernel.stored(rest, c.offset, k, next - k);
    if (did > 0) return did;
    if (did < 0) return kernel.stored(rest, c.offset, k, 1);
    // It reaches into the next page.
    const head = this.#files.view(file, offset, STORED_EXTRA_BYTES);
    const size = storedBytes(head.b, head.from, head.from + head.length);
    return size > 0 ? kernel.stored(this.#files.view(file, offset, size), c.offset, k, 1) : 0;
  }

  #anySeries(
    s: Selection,
    i: number,
    mint: number,
    maxt: number,
    into: Column,
    deleted: Intervals | null,
  ): void {
    const c = s.chunks;
    const end = s.first[i + 1]!;
    clearColumn(into);
    let overlapped = false;
    for (let k = s.first[i]!; k < end; k++) {
      if (c.maxt[k]! < mint || c.mint[k]! > maxt) continue;
      if (into.n > 0 && c.mint[k]! <= into.t[into.n - 1]!) {
        overlapped = true;
        break;
      }
      const from = into.n;
      this.#decode(s, k, into);
      if (deleted !== null) dropDeleted(into, from, deleted, i, c.source[k]!);
    }
    if (overlapped) this.#merge(s, i, mint, maxt, into);
    keepRange(into, mint, maxt);
  }

  #use(s: Selection): void {
    if (this.#arenas === s.arenas && (this.#files === null || this.#files.generation() === this.#generation))
      return;
    this.#pages = s.arenas.map((arena) => (arena.kind === 'memory' ? new Uint8Array(arena.buffer) : null));
    this.#fileOf = s.arenas.map((arena) =>
      arena.kind === 'file' ? (this.#files?.fileOf(arena.path) ?? 0) : 0,
    );
    this.#generation = this.#files?.generation() ?? 0;
    this.#lease = s.lease === undefined ? null : new Int32Array(s.lease);
    this.#arenas = s.arenas;
  }

  /** Appends chunk k's samples to the column. */
  #decode(s: Selection, k: number, into: Column): void {
    const c = s.chunks;
    const page = this.#pages[c.arena[k]!]!;
    const encoding = c.encoding[k]!;
    if (page === null) {
      this.#decodeFile(s, k, into);
      return;
    }
    if (encoding !== ENCODING.xor) {
      decodeMemory(c, k, page, into);
      return;
    }
    const n = c.samples[k]!;
    if (into.t.length < into.n + n) growColumn(into, into.n + n);
    decodeXor(page, c.offset[k]!, n, into.t, into.bits, into.n);
    into.n += n;
    if (into.st !== null || into.kind !== null) completeFloats(into, into.n - n, false);
  }

  #decodeFile(s: Selection, k: number, into: Column): void {
    const path = pathOf(s, k);
    const offset = s.chunks.offset[k]!;
    if (this.#files === null)
      throw new StorageError('EFORMAT', `${path}: this reader was opened without files`, false);
    const file = this.#fileOf[s.chunks.arena[k]!]!;
    // A page may have been read while this file was being written: what looks wrong is read again.
    const wrong =
      decodeFileChunk(this.#files, file, s.chunks, k, into) &&
      (this.#files.forget(file, Math.max(0, offset - 64), 64 + STORED_EXTRA_BYTES + s.chunks.bytes[k]!),
      decodeFileChunk(this.#files, file, s.chunks, k, into));
    if (wrong !== null)
      throw new StorageError('EFORMAT', `${path}: chunk at byte ${offset}: ${wrong}`, false);
  }

  #merge(s: Selection, i: number, mint: number, maxt: number, into: Column): void {
    const c = s.chunks;
    const scratch = this.#scratch;
    clearColumn(into);
    for (let k = s.first[i]!; k < s.first[i + 1]!; k++) {
      if (c.maxt[k]! < mint || c.mint[k]! > maxt) continue;
      clearColumn(scratch);
      this.#decode(s, k, scratch);
      if (s.deleted !== null) dropDeleted(scratch, 0, s.deleted, i, c.source[k]!);
      this.#sources = mergeInto(into, this.#sources, scratch, c.source[k]!);
    }
  }
}

/** Whether chunk k may begin in a block's file where the one before it ends, and does so in time. */
function follows(c: ChunkTable, k: number): boolean {
  return (
    c.arena[k] === c.arena[k - 1] &&
    c.encoding[k] === ENCODING.stored &&
    c.offset[k]! > c.offset[k - 1]! &&
    c.mint[k]! > c.maxt[k - 1]!
  );
}

function pathOf(s: Selection, k: number): string {
  const arena = s.arenas[s.chunks.arena[k]!]!;
  return arena.kind === 'file' ? arena.path : `memory arena ${arena.id}`;
}

function decodeMemory(c: ChunkTable, k: number, page: Uint8Array, into: Column): void {
  const at = c.offset[k]!;
  const n = c.samples[k]!;
  if (c.encoding[k] === ENCODING.plain) {
    growColumn(into, into.n + n);
    const from = into.n;
    into.n += decodePlain(page, at, n, into);
    completeFloats(into, from, false);
    return;
  }
  const wrong =
    c.encoding[k] === ENCODING.stored
      ? decodeStored(page, at, page.length, into)
      : decodeData(page, at, at + c.bytes[k]!, n, c.encoding[k]!, into);
  if (wrong !== null) throw new StorageError('EFORMAT', `chunk at byte ${at} of memory: ${wrong}`, false);
}

/** Null, or what is wrong; the column is then as it was. */
function decodeFileChunk(
  files: FilePages,
  file: number,
  c: ChunkTable,
  k: number,
  into: Column,
): string | null {
  const offset = c.offset[k]!;
  if (c.encoding[k] === ENCODING.stored) {
    const head = files.view(file, offset, STORED_EXTRA_BYTES);
    const size = storedBytes(head.b, head.from, head.from + head.length);
    if (size < 0) return 'it has a length that cannot be';
    if (size === 0) return 'the file ends before it does';
    const all = files.view(file, offset, size);
    return decodeStored(all.b, all.from, all.from + all.length, into);
  }
  const extent = headChunkExtent(c.encoding[k]!, offset, c.bytes[k]!);
  if (extent.from < 0) return 'it begins before the file does';
  const { b, from, length } = files.view(file, extent.from, extent.to - extent.from);
  if (length < extent.to - extent.from) return 'the file ends before it does';
  if (!isHeadChunk(b, from, from + length)) return 'it does not have its checksum';
  const at = from + offset - extent.from;
  return decodeData(b, at, at + c.bytes[k]!, c.samples[k]!, c.encoding[k]!, into);
}

function decodeStored(b: Uint8Array, at: number, end: number, into: Column): string | null {
  const place = readStored(b, at, end);
  if (typeof place === 'string') return place;
  return decodeData(b, place.dataAt, place.dataEnd, place.samples, place.encoding, into);
}

/** Appends the n samples of b[at..end), of any encoding of files, to the column. Null, or what is wrong. */
export function decodeData(
  b: Uint8Array,
  at: number,
  end: number,
  n: number,
  encoding: number,
  into: Column,
): string | null {
  switch (encoding) {
    case ENCODING.xor: {
      growColumn(into, into.n + n);
      if (decodeXor(b, at, n, into.t, into.bits, into.n) > 8 * end) return TOO_SHORT;
      into.n += n;
      completeFloats(into, into.n - n, false);
      return null;
    }
    case ENCODING.xor2: {
      growColumn(into, into.n + n);
      const st = hasStartTimes(b, at) ? needStartTimes(into) : into.st;
      if (decodeXor2(b, at, n, into.t, into.bits, st, into.n) > 8 * end) return TOO_SHORT;
      into.n += n;
      completeFloats(into, into.n - n, true);
      return null;
    }
    case ENCODING.histogram:
    case ENCODING.floatHistogram:
    case ENCODING.histogramSt:
    case ENCODING.floatHistogramSt:
      return decodeHistogram(b, at, end, n, encoding, into);
    default:
      return `its encoding ${encoding} is not known`;
  }
}

const TOO_SHORT = 'it ends before its samples do';
