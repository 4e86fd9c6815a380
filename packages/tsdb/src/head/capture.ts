// Captures matched series: labels and chunk addresses with their counts, as they are between two commits. Row order first, while no
// commit becomes visible; label order and the Selection's exact arrays afterwards, from the copy.
import { ENCODING, type ArenaRef, type Intervals, type Selection } from '@munjigi/model';
import { IN_MEMORY, type ChunkStore } from './chunk-table.ts';
import type { Group } from './ooo.ts';
import { NO_CHUNK, OUT_OF_ORDER } from './series.ts';
import type { Slicer } from './slicer.ts';
import type { Tombstones } from './tombstones.ts';
import { NO_SLOT, byteOf, pageOf } from '../chunk/slots.ts';
import { labelOrder } from './order.ts';
import type { SymbolTable } from './symbol-table.ts';
import { headChunkFile } from '../wal/head-chunks.ts';

/** `source` of chunks of the head: newer than any block's, and what came late newer still. */
export const SOURCE = { inOrder: 60_000, outOfOrder: 60_001 } as const;

/** Which chunks: all, or what a block is cut from. Of out-of-order ones a cut takes those up to the mark. */
export type Part = 'all' | 'in-order' | 'out-of-order';

/** Captured series in row order. */
export interface Captured {
  count: number;
  chunkCount: number;
  labelFirst: Uint32Array;
  labelSymbols: Uint32Array;
  first: Uint32Array;
  row: Uint32Array;
  /** Slot, or offset in `file`. */
  place: Uint32Array;
  file: Uint32Array;
  bytes: Uint32Array;
  samples: Uint32Array;
  mint: Float64Array;
  maxt: Float64Array;
  encoding: Uint8Array;
  /** 1: out of order. */
  late: Uint8Array;
}

export interface CaptureOptions {
  readonly mint: number;
  readonly maxt: number;
  readonly withChunks: boolean;
  readonly part: Part;
}

/** Series of `rows` with chunks that overlap [mint, maxt]. */
export async function captureRows(
  c: ChunkStore,
  rows: Uint32Array,
  o: CaptureOptions,
  slicer: Slicer,
): Promise<Captured> {
  const out = newCaptured(rows.length);
  const s = c.series;
  for (const row of rows) {
    if (slicer.due()) await slicer.rest();
    const before = out.chunkCount;
    if (o.part !== 'out-of-order') captureChunks(c, out, row, o.mint, o.maxt);
    if (o.part !== 'in-order' && (s.flags[row]! & OUT_OF_ORDER) !== 0) {
      captureLate(c, out, row, o);
      sortByMint(out, before);
    }
    if (out.chunkCount === before) continue;
    if (!o.withChunks) out.chunkCount = before;
    const n = 2 * s.labelCount[row]!;
    const at = s.labelsAt[row]!;
    const to = out.labelFirst[out.count]!;
    if (to + n > out.labelSymbols.length)
      out.labelSymbols = grown(out.labelSymbols, new Uint32Array(Math.max(to + n, 2 * to)));
    for (let i = 0; i < n; i++) out.labelSymbols[to + i] = s.labels.words[at + i]!;
    out.row[out.count] = row;
    out.count++;
    out.labelFirst[out.count] = to + n;
    out.first[out.count] = out.chunkCount;
  }
  return out;
}

/** Whether a chunk of the series overlaps [mint, maxt]. */
export function overlaps(c: ChunkStore, row: number, mint: number, maxt: number): boolean {
  const s = c.series;
  if (s.openSlot[row] !== NO_SLOT && s.openMint[row]! <= maxt && s.xor.t[row]! >= mint) return true;
  for (let i = s.newest[row]!; i !== NO_CHUNK && c.chunks.maxt[i]! >= mint; i = c.chunks.previous[i]!)
    if (c.chunks.mint[i]! <= maxt) return true;
  if ((s.flags[row]! & OUT_OF_ORDER) === 0) return false;
  const o = c.outOfOrder.get(row)!;
  for (const group of o.groups) if (group.mint <= maxt && group.maxt >= mint) return true;
  for (let i = o.newest; i !== NO_CHUNK; i = c.chunks.previous[i]!)
    if (c.chunks.mint[i]! <= maxt && c.chunks.maxt[i]! >= mint) return true;
  return false;
}

function captureChunks(c: ChunkStore, out: Captured, row: number, mint: number, maxt: number): void {
  const s = c.series;
  const t = c.chunks;
  let n = 0;
  for (let i = s.newest[row]!; i !== NO_CHUNK && t.maxt[i]! >= mint; i = t.previous[i]!)
    if (t.mint[i]! <= maxt) n++;
  const open = s.openSlot[row] !== NO_SLOT && s.openMint[row]! <= maxt && s.xor.t[row]! >= mint;
  const end = out.chunkCount + n + (open ? 1 : 0);
  if (end > out.place.length) growChunks(out, end);
  let to = out.chunkCount + n - 1;
  for (let i = s.newest[row]!; i !== NO_CHUNK && t.maxt[i]! >= mint; i = t.previous[i]!)
    if (t.mint[i]! <= maxt) putRow(c, out, to--, i, 0);
  if (open) {
    const encoder = c.histograms.get(row);
    to = end - 1;
    out.place[to] = s.openSlot[row]!;
    out.file[to] = IN_MEMORY;
    out.bytes[to] = encoder?.length ?? (s.xor.bits[row]! + 7) >> 3;
    out.samples[to] = encoder?.count ?? s.xor.count[row]!;
    out.encoding[to] = s.openEncoding[row]!;
    out.late[to] = 0;
    out.mint[to] = s.openMint[row]!;
    out.maxt[to] = s.xor.t[row]!;
  }
  out.chunkCount = end;
}

function putRow(c: ChunkStore, out: Captured, to: number, chunk: number, late: number): void {
  const t = c.chunks;
  out.place[to] = t.place[chunk]!;
  out.file[to] = t.file[chunk]!;
  out.bytes[to] = t.bytes[chunk]!;
  out.samples[to] = t.samples[chunk]!;
  out.encoding[to] = t.encoding[chunk]!;
  out.late[to] = late;
  out.mint[to] = t.mint[chunk]!;
  out.maxt[to] = t.maxt[chunk]!;
}

function captureLate(c: ChunkStore, out: Captured, row: number, o: CaptureOptions): void {
  const late = c.outOfOrder.get(row)!;
  const from = o.part === 'out-of-order' ? late.mark : late.newest;
  for (let i = from; i !== NO_CHUNK; i = c.chunks.previous[i]!) {
    if (c.chunks.mint[i]! > o.maxt || c.chunks.maxt[i]! < o.mint) continue;
    if (out.chunkCount === out.place.length) growChunks(out, out.chunkCount + 1);
    putRow(c, out, out.chunkCount++, i, 1);
  }
  if (o.part === 'all')
    for (const group of late.groups)
      if (group.visible > 0 && group.mint <= o.maxt && group.maxt >= o.mint) captureGroup(out, group);
}

function captureGroup(out: Captured, group: Group): void {
  const n = group.singles === null ? 1 : group.visible;
  if (out.chunkCount + n > out.place.length) growChunks(out, out.chunkCount + n);
  for (let i = 0; i < n; i++) {
    const to = out.chunkCount++;
    const single = group.singles?.[i];
    out.file[to] = IN_MEMORY;
    out.late[to] = 1;
    out.place[to] = single?.slot ?? group.slot;
    out.bytes[to] = single?.bytes ?? 16 * group.visible;
    out.samples[to] = single === undefined ? group.visible : 1;
    out.encoding[to] = single?.encoding ?? ENCODING.plain;
    out.mint[to] = single?.t ?? group.mint;
    out.maxt[to] = single?.t ?? group.maxt;
  }
}

/** Sorts a series' chunks, [from, chunkCount), by mint; those of one mint stay as they are. */
function sortByMint(out: Captured, from: number): void {
  for (let i = from + 1; i < out.chunkCount; i++)
    for (let k = i; k > from && out.mint[k - 1]! > out.mint[k]!; k--)
      for (const column of [
        out.place,
        out.file,
        out.bytes,
        out.samples,
        out.mint,
        out.maxt,
        out.encoding,
        out.late,
      ]) {
        const held = column[k]!;
        column[k] = column[k - 1]!;
        column[k - 1] = held;
      }
}

/** The Selection in label order, at most `limit` series (0: all). `buffers` are the pages that slots lie in. */
export async function buildSelection(
  captured: Captured,
  symbols: SymbolTable,
  store: { readonly buffers: readonly SharedArrayBuffer[]; readonly chunksDir: string },
  limit: number,
  lease: SharedArrayBuffer,
  deletedOf: Tombstones | null,
  slicer: Slicer,
): Promise<Selection> {
  const order = await labelOrder(captured, symbols, slicer);
  const count = limit > 0 ? Math.min(limit, captured.count) : captured.count;
  let words = 0;
  let chunks = 0;
  for (let i = 0; i < count; i++) {
    const k = order[i]!;
    words += captured.labelFirst[k + 1]! - captured.labelFirst[k]!;
    chunks += captured.first[k + 1]! - captured.first[k]!;
  }
  const labelFirst = new Uint32Array(count + 1);
  const labelSymbols = new Uint32Array(words);
  const first = new Uint32Array(count + 1);
  const table = {
    arena: new Uint16Array(chunks),
    source: new Uint16Array(chunks),
    offset: new Float64Array(chunks),
    bytes: new Uint32Array(chunks),
    samples: new Uint32Array(chunks),
    mint: new Float64Array(chunks),
    maxt: new Float64Array(chunks),
    encoding: new Uint8Array(chunks),
  };
  const arenas: ArenaRef[] = [];
  const pageArena = new Int32Array(store.buffers.length).fill(-1);
  const fileArena = new Map<number, number>();
  let word = 0;
  let chunk = 0;
  for (let i = 0; i < count; i++) {
    if (slicer.due()) await slicer.rest();
    const k = order[i]!;
    for (let w = captured.labelFirst[k]!; w < captured.labelFirst[k + 1]!; w++)
      labelSymbols[word++] = captured.labelSymbols[w]!;
    for (let n = captured.first[k]!; n < captured.first[k + 1]!; n++) {
      const place = captured.place[n]!;
      const file = captured.file[n]!;
      if (file === IN_MEMORY) {
        const page = pageOf(place);
        if (pageArena[page] === -1) {
          pageArena[page] = arenas.length;
          arenas.push({ kind: 'memory', id: page, buffer: store.buffers[page]! });
        }
        table.arena[chunk] = pageArena[page]!;
        table.offset[chunk] = byteOf(place);
      } else {
        let arena = fileArena.get(file);
        if (arena === undefined) {
          fileArena.set(file, (arena = arenas.length));
          arenas.push({ kind: 'file', id: file, path: headChunkFile(store.chunksDir, file) });
        }
        table.arena[chunk] = arena;
        table.offset[chunk] = place;
      }
      table.source[chunk] = captured.late[n] === 1 ? SOURCE.outOfOrder : SOURCE.inOrder;
      table.bytes[chunk] = captured.bytes[n]!;
      table.samples[chunk] = captured.samples[n]!;
      table.encoding[chunk] = captured.encoding[n]!;
      table.mint[chunk] = captured.mint[n]!;
      table.maxt[chunk] = captured.maxt[n]!;
      chunk++;
    }
    labelFirst[i + 1] = word;
    first[i + 1] = chunk;
  }
  return {
    count,
    symbols: symbols.pages(),
    labelFirst,
    labelSymbols,
    first,
    chunks: table,
    arenas,
    deleted: deletedOf === null ? null : deletedRanges(captured, order, count, deletedOf),
    warnings: [],
    lease,
  };
}

/** Deleted ranges of the selected series: they hide samples of both kinds. Null: there are none. */
function deletedRanges(
  captured: Captured,
  order: Uint32Array,
  count: number,
  tombstones: Tombstones,
): Intervals | null {
  const first = new Uint32Array(count + 1);
  const source: number[] = [];
  const mint: number[] = [];
  const maxt: number[] = [];
  for (let i = 0; i < count; i++) {
    const ranges = tombstones.of(captured.row[order[i]!]!) ?? [];
    for (const part of [SOURCE.inOrder, SOURCE.outOfOrder])
      for (let k = 0; k < ranges.length; k += 2) {
        source.push(part);
        mint.push(ranges[k]!);
        maxt.push(ranges[k + 1]!);
      }
    first[i + 1] = source.length;
  }
  if (source.length === 0) return null;
  return {
    first,
    source: Uint16Array.from(source),
    mint: Float64Array.from(mint),
    maxt: Float64Array.from(maxt),
  };
}

function newCaptured(rows: number): Captured {
  const chunks = Math.max(16, rows);
  return {
    count: 0,
    chunkCount: 0,
    labelFirst: new Uint32Array(rows + 1),
    labelSymbols: new Uint32Array(16 * Math.max(1, rows)),
    first: new Uint32Array(rows + 1),
    row: new Uint32Array(rows),
    place: new Uint32Array(chunks),
    file: new Uint32Array(chunks),
    bytes: new Uint32Array(chunks),
    samples: new Uint32Array(chunks),
    mint: new Float64Array(chunks),
    maxt: new Float64Array(chunks),
    encoding: new Uint8Array(chunks),
    late: new Uint8Array(chunks),
  };
}

function growChunks(c: Captured, least: number): void {
  const size = Math.max(least, 2 * c.place.length);
  c.place = grown(c.place, new Uint32Array(size));
  c.file = grown(c.file, new Uint32Array(size));
  c.bytes = grown(c.bytes, new Uint32Array(size));
  c.samples = grown(c.samples, new Uint32Array(size));
  c.mint = grown(c.mint, new Float64Array(size));
  c.maxt = grown(c.maxt, new Float64Array(size));
  c.encoding = grown(c.encoding, new Uint8Array(size));
  c.late = grown(c.late, new Uint8Array(size));
}

function grown<T extends { set(from: T): void }>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
