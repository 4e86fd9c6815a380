// Retention: drops chunks that ended too long ago, then series that have none left, then symbols that most of the table's bytes are
// wasted on.
import { dropChunksBefore, hasChunks } from './chunk-table.ts';
import { findPair, removeRows, renumberPostings } from './postings.ts';
import { LIVE, PUBLISHED, YOUNG, freeRow, hashSymbols, rebuildSlots, removeRow } from './series.ts';
import { newSlicer } from './slicer.ts';
import { oldestValid, type HeadState } from './state.ts';
import { NO_SYMBOL, newSymbolTable } from './symbol-table.ts';
import { NO_CHUNK } from './series.ts';
import { NO_SLOT } from '../chunk/slots.ts';

/** A symbol table is made anew when more than half of its bytes are dead and it is at least this large. */
const REBUILD_BYTES: number = 1024 * 1024;

/** Drops what ended before the retention. One at a time. */
export async function sweep(state: HeadState): Promise<void> {
  const leave = await state.turns.exclude();
  try {
    const cutoff = oldestValid(state);
    state.minValid = cutoff;
    const dead = await sweepRows(state, cutoff);
    if (dead.length > 0) forget(state, dead);
    state.counters.sweeps++;
  } finally {
    leave();
  }
}

async function sweepRows(state: HeadState, cutoff: number): Promise<number[]> {
  const s = state.series;
  const slicer = newSlicer(state.clock, state.slice_ms);
  const dead: number[] = [];
  // Lowered by what is published while this rests, and by what is kept.
  state.mint = Infinity;
  let mint = Infinity;
  for (let row = 1; row < s.end; row++) {
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
    // Read by `forget`: the flag tells which rows stand in the postings.
    s.flags[row] = flags & PUBLISHED;
    dead.push(row);
  }
  state.mint = Math.min(mint, state.mint);
  if (state.mint === Infinity) state.maxt = -Infinity;
  return dead;
}

/** Takes dead rows out of postings, metadata and exemplars, and frees them. Does not yield. */
function forget(state: HeadState, dead: readonly number[]): void {
  const s = state.series;
  const words = s.labels.words;
  const isDead = new Uint8Array(s.end);
  const pairs = new Set<number>();
  for (const row of dead) {
    isDead[row] = 1;
    if ((s.flags[row]! & PUBLISHED) === 0) continue;
    const at = s.labelsAt[row]!;
    for (let i = 0; i < 2 * s.labelCount[row]!; i += 2)
      pairs.add(findPair(state.postings, words[at + i]!, words[at + i + 1]!));
  }
  removeRows(state.postings, pairs, (row) => isDead[row] === 1);
  for (const row of dead) {
    s.flags[row] = 0;
    freeRow(s, row);
  }
  const metadata = new Set<number>();
  for (let row = 1; row < s.end; row++) if ((s.flags[row]! & LIVE) !== 0) metadata.add(s.metadata[row]!);
  state.metadata.sweep(metadata);
  state.exemplars.sweep((row) => s.generation[row]!);
  renumberSymbols(state);
}

function renumberSymbols(state: HeadState): void {
  const s = state.series;
  const old = state.symbols;
  if (old.bytes() < REBUILD_BYTES) return;
  const used = new Uint8Array(old.count());
  forLabelWords(state, (words, i) => {
    used[words[i]!] = 1;
  });
  let live = 0;
  for (let symbol = 0; symbol < used.length; symbol++)
    if (used[symbol] === 1) live += 4 + old.byteLength(symbol);
  if (live * 2 > old.bytes()) return;
  const table = newSymbolTable(old.table + 1);
  const to = new Uint32Array(old.count()).fill(NO_SYMBOL);
  for (let symbol = 0; symbol < used.length; symbol++)
    if (used[symbol] === 1) to[symbol] = table.add(old.text(symbol));
  forLabelWords(state, (words, i) => {
    words[i] = to[words[i]!]!;
  });
  for (let row = 1; row < s.end; row++)
    if ((s.flags[row]! & LIVE) !== 0)
      s.hash[row] = hashSymbols(s.labels.words, s.labelsAt[row]!, 2 * s.labelCount[row]!);
  rebuildSlots(s, s.slots.length);
  renumberPostings(state.postings, to);
  state.symbols = table;
}

function forLabelWords(state: HeadState, fn: (words: Uint32Array, i: number) => void): void {
  const s = state.series;
  const words = s.labels.words;
  for (let row = 1; row < s.end; row++) {
    if ((s.flags[row]! & LIVE) === 0) continue;
    const at = s.labelsAt[row]!;
    for (let i = at; i < at + 2 * s.labelCount[row]!; i++) fn(words, i);
  }
}
