// The ChunkReader of memory arenas, for any thread: the hot path of queries. One series' chunks are decoded one after the other
// straight into the column; only chunks that overlap go through a merge.
import {
  ENCODING,
  StorageError,
  growColumn,
  newColumn,
  type ChunkReader,
  type ChunkTable,
  type Column,
  type Selection,
} from '@munjigi/model';
import { revokedError } from '../head/leases.ts';
import { decodePlain } from './plain.ts';
import { dropDeleted, keepRange, mergeInto } from './merge.ts';
import { decodeXor } from './xor-decode.ts';

export function openChunkReader(): ChunkReader {
  const scratch = newColumn(256);
  /** The selection that `pages` are the arenas of. */
  let of: Selection | null = null;
  let pages: Uint8Array[] = [];

  function use(s: Selection): void {
    if (of === s) return;
    pages = s.arenas.map((arena) => {
      if (arena.kind === 'memory') return new Uint8Array(arena.buffer);
      throw new StorageError('EFORMAT', `${arena.path}: chunks in files cannot be read yet`, false);
    });
    of = s;
  }

  return {
    async load(s): Promise<void> {
      use(s);
    },
    series(s, i, mint, maxt, into): void {
      use(s);
      const c = s.chunks;
      const end = s.first[i + 1]!;
      into.n = 0;
      let overlapped = false;
      for (let k = s.first[i]!; k < end; k++) {
        if (c.maxt[k]! < mint || c.mint[k]! > maxt) continue;
        if (into.n > 0 && c.mint[k]! <= into.t[into.n - 1]!) {
          overlapped = true;
          break;
        }
        decodeChunk(c, k, pages, into);
      }
      if (overlapped) mergeSeries(s, i, mint, maxt, into, scratch, pages);
      keepRange(into, mint, maxt);
      if (s.deleted !== null) dropDeleted(into, s.deleted, i);
      if (s.lease !== undefined && Atomics.load(new Int32Array(s.lease), 0) !== 0) {
        into.n = 0;
        throw revokedError(0);
      }
    },
  };
}

/** Appends chunk k's samples to the column. */
function decodeChunk(c: ChunkTable, k: number, pages: readonly Uint8Array[], into: Column): void {
  const n = c.samples[k]!;
  const encoding = c.encoding[k]!;
  const page = pages[c.arena[k]!]!;
  if (into.t.length < into.n + n) growColumn(into, into.n + n);
  if (encoding === ENCODING.xor) {
    decodeXor(page, c.offset[k]!, n, into.t, into.bits, into.n);
    into.n += n;
  } else if (encoding === ENCODING.plain) into.n += decodePlain(page, c.offset[k]!, n, into);
  else throw new StorageError('EFORMAT', `chunk encoding ${encoding} cannot be read yet`, false);
}

function mergeSeries(
  s: Selection,
  i: number,
  mint: number,
  maxt: number,
  into: Column,
  scratch: Column,
  pages: readonly Uint8Array[],
): void {
  const c = s.chunks;
  let sources = new Uint16Array(0);
  into.n = 0;
  for (let k = s.first[i]!; k < s.first[i + 1]!; k++) {
    if (c.maxt[k]! < mint || c.mint[k]! > maxt) continue;
    scratch.n = 0;
    decodeChunk(c, k, pages, scratch);
    sources = mergeInto(into, sources, scratch, c.source[k]!);
  }
}
