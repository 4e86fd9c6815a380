// Captures matched series: their chunk addresses with counts, as they are between two commits. No commit becomes visible meanwhile, so
// only what commits change is copied; labels, order and the Selection come afterwards.
import { ENCODING, SELECTING_BYTES } from '@munjigi/model';
import { IN_MEMORY, type ChunkStore } from './chunk-table.ts';
import { ChunkList, within } from './chunk-list.ts';
import type { Group } from './ooo.ts';
import { NO_CHUNK, OUT_OF_ORDER } from './series.ts';
import type { Slicer } from './slicer.ts';
import { NO_SLOT } from '../chunk/slots.ts';

/** Which chunks: all, or what a block is cut from. Of out-of-order ones a cut takes those up to the mark. */
export type Part = 'all' | 'in-order' | 'out-of-order';

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
      if (group.visible > 0 && group.mint <= o.maxt && group.maxt >= o.mint) captureGroup(out, group);
}

function captureGroup(out: ChunkList, group: Group): void {
  const from = out.count;
  out.extend(from + (group.singles === null ? 1 : group.visible));
  for (let n = from; n < out.count; n++) {
    const b = out.block(n);
    const at = within(n);
    const single = group.singles?.[n - from];
    b.file[at] = IN_MEMORY;
    b.late[at] = 1;
    b.place[at] = single?.slot ?? group.slot;
    b.bytes[at] = single?.bytes ?? 16 * group.visible;
    b.samples[at] = single === undefined ? group.visible : 1;
    b.encoding[at] = single?.encoding ?? ENCODING.plain;
    b.mint[at] = single?.t ?? group.mint;
    b.maxt[at] = single?.t ?? group.maxt;
  }
}
