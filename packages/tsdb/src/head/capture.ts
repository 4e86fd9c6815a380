// Captures matched series: labels and chunk addresses with their counts, as they are between two commits. Row order first, while no
// commit becomes visible; label order and the Selection's exact arrays afterwards, from the copy.
import { ENCODING, type ArenaRef, type Selection } from '@munjigi/model';
import type { ChunkStore } from './chunk-table.ts';
import { NO_CHUNK } from './series.ts';
import type { Slicer } from './slicer.ts';
import { NO_SLOT, byteOf, pageOf } from '../chunk/slots.ts';
import { labelOrder } from './order.ts';
import type { SymbolTable } from './symbol-table.ts';

/** Captured series in row order. */
export interface Captured {
  count: number;
  chunkCount: number;
  labelFirst: Uint32Array;
  labelSymbols: Uint32Array;
  first: Uint32Array;
  slot: Uint32Array;
  bytes: Uint32Array;
  samples: Uint32Array;
  mint: Float64Array;
  maxt: Float64Array;
}

/** Series of `rows` with chunks that overlap [mint, maxt]. */
export async function captureRows(
  c: ChunkStore,
  rows: Uint32Array,
  mint: number,
  maxt: number,
  withChunks: boolean,
  slicer: Slicer,
): Promise<Captured> {
  const out = newCaptured(rows.length);
  const s = c.series;
  for (const row of rows) {
    if (slicer.due()) await slicer.rest();
    const before = out.chunkCount;
    captureChunks(c, out, row, mint, maxt);
    if (out.chunkCount === before) continue;
    if (!withChunks) out.chunkCount = before;
    const n = 2 * s.labelCount[row]!;
    const at = s.labelsAt[row]!;
    const to = out.labelFirst[out.count]!;
    if (to + n > out.labelSymbols.length)
      out.labelSymbols = grown(out.labelSymbols, Math.max(to + n, 2 * to));
    for (let i = 0; i < n; i++) out.labelSymbols[to + i] = s.labels.words[at + i]!;
    out.count++;
    out.labelFirst[out.count] = to + n;
    out.first[out.count] = out.chunkCount;
  }
  return out;
}

function captureChunks(c: ChunkStore, out: Captured, row: number, mint: number, maxt: number): void {
  const s = c.series;
  const t = c.chunks;
  let n = 0;
  for (let i = s.newest[row]!; i !== NO_CHUNK && t.maxt[i]! >= mint; i = t.previous[i]!)
    if (t.mint[i]! <= maxt) n++;
  const open = s.openSlot[row] !== NO_SLOT && s.openMint[row]! <= maxt && s.xor.t[row]! >= mint;
  const end = out.chunkCount + n + (open ? 1 : 0);
  if (end > out.slot.length) growChunks(out, end);
  let to = out.chunkCount + n - 1;
  for (let i = s.newest[row]!; i !== NO_CHUNK && t.maxt[i]! >= mint; i = t.previous[i]!) {
    if (t.mint[i]! > maxt) continue;
    out.slot[to] = t.slot[i]!;
    out.bytes[to] = t.bytes[i]!;
    out.samples[to] = t.samples[i]!;
    out.mint[to] = t.mint[i]!;
    out.maxt[to] = t.maxt[i]!;
    to--;
  }
  if (open) {
    to = end - 1;
    out.slot[to] = s.openSlot[row]!;
    out.bytes[to] = (s.xor.bits[row]! + 7) >> 3;
    out.samples[to] = s.xor.count[row]!;
    out.mint[to] = s.openMint[row]!;
    out.maxt[to] = s.xor.t[row]!;
  }
  out.chunkCount = end;
}

/** The Selection in label order, at most `limit` series (0: all). `buffers` are the pages that slots lie in. */
export async function buildSelection(
  captured: Captured,
  symbols: SymbolTable,
  buffers: readonly SharedArrayBuffer[],
  limit: number,
  lease: SharedArrayBuffer,
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
    encoding: new Uint8Array(chunks).fill(ENCODING.xor),
  };
  const arenas: ArenaRef[] = [];
  const arenaOf = new Int32Array(buffers.length).fill(-1);
  let word = 0;
  let chunk = 0;
  for (let i = 0; i < count; i++) {
    if (slicer.due()) await slicer.rest();
    const k = order[i]!;
    for (let w = captured.labelFirst[k]!; w < captured.labelFirst[k + 1]!; w++)
      labelSymbols[word++] = captured.labelSymbols[w]!;
    for (let n = captured.first[k]!; n < captured.first[k + 1]!; n++) {
      const slot = captured.slot[n]!;
      const page = pageOf(slot);
      if (arenaOf[page] === -1) {
        arenaOf[page] = arenas.length;
        arenas.push({ kind: 'memory', id: page, buffer: buffers[page]! });
      }
      table.arena[chunk] = arenaOf[page]!;
      table.offset[chunk] = byteOf(slot);
      table.bytes[chunk] = captured.bytes[n]!;
      table.samples[chunk] = captured.samples[n]!;
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
    deleted: null,
    warnings: [],
    lease,
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
    slot: new Uint32Array(chunks),
    bytes: new Uint32Array(chunks),
    samples: new Uint32Array(chunks),
    mint: new Float64Array(chunks),
    maxt: new Float64Array(chunks),
  };
}

function growChunks(c: Captured, least: number): void {
  const size = Math.max(least, 2 * c.slot.length);
  c.slot = grown(c.slot, size);
  c.bytes = grown(c.bytes, size);
  c.samples = grown(c.samples, size);
  const mint = new Float64Array(size);
  mint.set(c.mint);
  c.mint = mint;
  const maxt = new Float64Array(size);
  maxt.set(c.maxt);
  c.maxt = maxt;
}

function grown(old: Uint32Array, size: number): Uint32Array {
  const larger = new Uint32Array(size);
  larger.set(old);
  return larger;
}
