// Retention: drops chunks that ended too long ago, then series that have none left, then symbols that most of the table's bytes are
// wasted on. Selects wait meanwhile, appends go on: this rests every few ms.
//
// A series that is dropped leaves the series table at once and its row gets another generation: an append that comes a moment later finds
// nothing and makes a new series in another row. The old row is given away only when nothing names it any more. What an appender was handed
// since the last sweep stays, and so does what has samples that are not visible yet.
import { dropChunksBefore, hasChunks } from './chunk-table.ts';
import { removeRows } from './postings-sweep.ts';
import { renumberSymbols } from './renumber.ts';
import { LIVE, NO_CHUNK, PUBLISHED, YOUNG, freeRow, removeRow } from './series.ts';
import { newSlicer, type Slicer } from './slicer.ts';
import { oldestValid, type HeadState } from './state.ts';
import { NO_SLOT } from '../chunk/slots.ts';

/** Drops what ended before the retention. One at a time. */
export async function sweep(state: HeadState): Promise<void> {
  const leave = await state.turns.exclude();
  try {
    const slicer = newSlicer(state.clock, state.slice_ms);
    const cutoff = oldestValid(state);
    state.minValid = cutoff;
    const dead = await sweepRows(state, cutoff, slicer);
    if (dead !== null) {
      await forget(state, dead, slicer);
      await renumberSymbols(state, slicer);
    }
    state.counters.sweeps++;
  } finally {
    leave();
  }
}

/** Drops chunks and series without any: 1 in the place of each such row; null: none. */
async function sweepRows(state: HeadState, cutoff: number, slicer: Slicer): Promise<Uint8Array | null> {
  const s = state.series;
  // Rows that are made while this rests are young: their turn is the next sweep.
  const isDead = new Uint8Array(s.end);
  let dead = 0;
  // Lowered by what is published while this rests, and by what is kept.
  state.mint = Infinity;
  let mint = Infinity;
  for (let row = 1; row < isDead.length; row++) {
    if (slicer.due()) await slicer.rest();
    const flags = s.flags[row]!;
    if ((flags & LIVE) === 0) continue;
    state.counters.chunksRemoved += dropChunksBefore(state, row, cutoff);
    const oldest = s.oldest[row]!;
    if (oldest !== NO_CHUNK) mint = Math.min(mint, state.chunks.mint[oldest]!);
    else if (s.openSlot[row] !== NO_SLOT) mint = Math.min(mint, s.openMint[row]!);
    s.flags[row] = flags & ~YOUNG;
    const waiting = s.judgedT[row] !== s.xor.t[row];
    if (hasChunks(s, row) || waiting || (flags & YOUNG) !== 0) continue;
    removeRow(s, row);
    // Read by `removeRows`: the flag tells which rows stand in the postings.
    s.flags[row] = flags & PUBLISHED;
    isDead[row] = 1;
    dead++;
  }
  state.mint = Math.min(mint, state.mint);
  if (state.mint === Infinity) state.maxt = -Infinity;
  return dead === 0 ? null : isDead;
}

/** Takes dead rows out of postings, exemplars and metadata, and frees them. */
async function forget(state: HeadState, isDead: Uint8Array, slicer: Slicer): Promise<void> {
  const s = state.series;
  await removeRows(state.postings, s, isDead, slicer);
  for (let row = 1; row < isDead.length; row++) {
    if (slicer.due()) await slicer.rest();
    if (isDead[row] !== 1) continue;
    state.exemplars.removeRow(row);
    s.flags[row] = 0;
    freeRow(s, row);
  }
  if (state.metadata.count() > 0) await forgetMetadata(state, slicer);
}

async function forgetMetadata(state: HeadState, slicer: Slicer): Promise<void> {
  const s = state.series;
  const used = state.metadata.beginSweep();
  for (let row = 1; row < s.end; row++) {
    if (slicer.due()) await slicer.rest();
    if ((s.flags[row]! & LIVE) !== 0) used[s.metadata[row]!] = 1;
  }
  await state.metadata.endSweep(used, slicer);
}
