// Captures matched series: their chunk addresses with counts, as they are between two commits. No commit becomes visible meanwhile, so
// only what commits change is copied; labels, order and the Selection come afterwards.
import { ENCODING, KIND, SELECTING_BYTES } from '@munjigi/model';
import { IN_MEMORY, type ChunkStore } from './chunk-table.ts';
import { ChunkList, within } from './chunk-list.ts';
import { codeGroup, type Group, type SlotChunk } from './ooo.ts';
import { NO_CHUNK, OUT_OF_ORDER } from './series.ts';
import type { Slicer } from './slicer.ts';
import { MAX_SLOT_UNITS, NO_SLOT } from '../chunk/slots.ts';

/** Which chunks: all, or what a block is cut from. Of out-of-order ones a cut takes those up to the mark. */
export type Part = 'all' | 'in-order' | 'out-of-order';

/** With less chunk memory left, groups are not coded for readers. */
const ROOM_UNITS: number = 32 * MAX_SLOT_UNITS;

/** Series in the order of rows. */
export interface Captured {
  count: number;
  readonly row: Uint32Array;
  /** Series i has chunks [first[i], first[i + 1]). */
  readonly first: Uint32Array;
  readonly chunks: ChunkList;
  /** Not 0: given up, because all of it would take about so many bytes. */
  refusedBytes: number;
}

export interface CaptureOptions {
  readonly mint: number;
  readonly maxt: number;
  readonly withChunks: boolean;
  readonly part: Part;
  /** What a selection of it may take; 0: all. */
  readonly maxBytes: number;
}

/** Series of `rows` with chunks that overlap [mint, maxt]. */
export async function captureRows(
  c: ChunkStore,
  rows: Uint32Array,
  o: CaptureOptions,
  slicer: Slicer,
): Promise<Captured> {
  const chunks = new ChunkList();
  const out: Captured = {
    count: 0,
    row: new Uint32Array(rows.length),
    first: new Uint32Array(rows.length + 1),
    chunks,
    refusedBytes: 0,
  };
  let seen = 0;
  for (const row of rows) {
    if (slicer.due()) await slicer.rest();
    const bytes = out.count * SELECTING_BYTES.series + chunks.count * SELECTING_BYTES.chunk;
    if (o.maxBytes > 0 && bytes > o.maxBytes) {
      out.refusedBytes = Math.ceil((bytes / seen) * rows.length);
      return out;
    }
    seen++;
    if (o.withChunks) {
      const before = chunks.count;
      if (o.part !== 'out-of-order') captureChunks(c, chunks, row, o.mint, o.maxt);
      if (o.part !== 'in-order' && (c.series.flags[row]! & OUT_OF_ORDER) !== 0) {
        captureLate(c, chunks, row, o);
        chunks.sortByMint(before);
      }
      if (chunks.count === before) continue;
    } else if (!overlaps(c, row, o.mint, o.maxt)) continue;
    out.row[out.count++] = row;
    out.first[out.count] = chunks.count;
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

function captureChunks(c: ChunkStore, out: ChunkList, row: number, mint: number, maxt: number): void {
  const s = c.series;
  const t = c.chunks;
  let n = 0;
  for (let i = s.newest[row]!; i !== NO_CHUNK && t.maxt[i]! >= mint; i = t.previous[i]!)
    if (t.mint[i]! <= maxt) n++;
  const open = s.openSlot[row] !== NO_SLOT && s.openMint[row]! <= maxt && s.xor.t[row]! >= mint;
  let to = out.count + n - 1;
  out.extend(out.count + n + (open ? 1 : 0));
  if (n > 0)
    for (let i = s.newest[row]!; i !== NO_CHUNK && t.maxt[i]! >= mint; i = t.previous[i]!)
      if (t.mint[i]! <= maxt) putRow(c, out, to--, i, 0);
  if (!open) return;
  const encoder = c.histograms.get(row);
  const b = out.block(out.count - 1);
  const at = within(out.count - 1);
  b.place[at] = s.openSlot[row]!;
  b.file[at] = IN_MEMORY;
  b.bytes[at] = encoder?.length ?? (s.xor.bits[row]! + 7) >> 3;
  b.samples[at] = encoder?.count ?? s.xor.count[row]!;
  b.encoding[at] = s.openEncoding[row]!;
  b.late[at] = 0;
  b.mint[at] = s.openMint[row]!;
  b.maxt[at] = s.xor.t[row]!;
}

function putRow(c: ChunkStore, out: ChunkList, to: number, chunk: number, late: number): void {
  const t = c.chunks;
  const b = out.block(to);
  const at = within(to);
  b.place[at] = t.place[chunk]!;
  b.file[at] = t.file[chunk]!;
  b.bytes[at] = t.bytes[chunk]!;
  b.samples[at] = t.samples[chunk]!;
  b.encoding[at] = t.encoding[chunk]!;
  b.late[at] = late;
  b.mint[at] = t.mint[chunk]!;
  b.maxt[at] = t.maxt[chunk]!;
}

function captureLate(c: ChunkStore, out: ChunkList, row: number, o: CaptureOptions): void {
  const late = c.outOfOrder.get(row)!;
  const from = o.part === 'out-of-order' ? late.mark : late.newest;
  for (let i = from; i !== NO_CHUNK; i = c.chunks.previous[i]!) {
    if (c.chunks.mint[i]! > o.maxt || c.chunks.maxt[i]! < o.mint) continue;
    out.extend(out.count + 1);
    putRow(c, out, out.count - 1, i, 1);
  }
  if (o.part === 'all')
    for (const group of late.groups)
      if (group.visible > 0 && group.mint <= o.maxt && group.maxt >= o.mint) captureGroup(c, out, group);
}

function captureGroup(c: ChunkStore, out: ChunkList, group: Group): void {
  const { singles, slot, visible: n, mint, maxt } = group;
  if (singles === null) {
    putChunk(out, { slot, bytes: 16 * n, samples: n, encoding: ENCODING.plain, mint, maxt });
    return;
  }
  const histograms = singles.slice(0, n).some(({ kind }) => kind !== KIND.float);
  if (!histograms || c.slots.roomUnits() < ROOM_UNITS) {
    for (const { slot, bytes, encoding, t } of singles.slice(0, n))
      putChunk(out, { slot, bytes, samples: 1, encoding, mint: t, maxt: t });
    return;
  }
  // Histograms share a layout as they will when the group is closed, in chunks for this reader alone.
  for (const chunk of codeGroup(c, group, n)) {
    putChunk(out, chunk);
    c.leases.retire(chunk.slot, chunk.units);
  }
}

/** A chunk in memory that came late. */
function putChunk(out: ChunkList, chunk: Omit<SlotChunk, 'units'>): void {
  const n = out.count;
  out.extend(n + 1);
  const b = out.block(n);
  const at = within(n);
  b.file[at] = IN_MEMORY;
  b.late[at] = 1;
  b.place[at] = chunk.slot;
  b.bytes[at] = chunk.bytes;
  b.samples[at] = chunk.samples;
  b.encoding[at] = chunk.encoding;
  b.mint[at] = chunk.mint;
  b.maxt[at] = chunk.maxt;
}
