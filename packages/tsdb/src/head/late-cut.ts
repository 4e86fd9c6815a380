// Out-of-order samples on their way into a block: everything so far is closed and marked, a block is cut from what is marked, then it is dropped
// with the segments of the out-of-order log that held it.
import { IN_MEMORY } from './chunk-table.ts';
import { closeGroups, dropAllOutOfOrder, dropMarked } from './ooo.ts';
import { NO_CHUNK } from './series.ts';
import { newSlicer } from './slicer.ts';
import type { HeadState } from './state.ts';
import { headChunkStart } from '../wal/head-chunks.ts';

/** Everything that came out of order before it was taken. */
export interface OutOfOrderMark {
  /** Time range in ms. */
  readonly mint: number;
  readonly maxt: number;
  /** Segments of the out-of-order log before this one hold nothing else. */
  readonly segment: number;
  /** The newest of its chunks in files, by where it begins; file 0: there are no files. */
  readonly file: number;
  readonly at: number;
}

/**
 * Closes and marks what there is; null: nothing. `cut` begins a new segment of the log, `flush` brings marked chunks to files. One at a
 * time.
 */
export async function markOutOfOrder(
  state: HeadState,
  cut: () => number,
  flush: () => Promise<unknown>,
): Promise<OutOfOrderMark | null> {
  if (state.outOfOrder.size === 0) return null;
  const leave = await state.turns.share();
  try {
    const segment = cut();
    // Nothing yields between the cut and this: what is judged later goes to other groups and the new segment.
    for (const o of state.outOfOrder.values()) {
      o.mark = o.newest;
      for (const group of o.groups) {
        group.sealed = true;
        group.marked = true;
      }
    }
    const { ticket, visible } = state.turns.enqueue(() => undefined);
    state.turns.release(ticket);
    await visible;
    const slicer = newSlicer(state.clock, state.slice_ms);
    for (const [row, o] of state.outOfOrder) {
      if (slicer.due()) await slicer.rest();
      if (state.outOfOrder.get(row) === o) closeGroups(state, row);
    }
    await flush();
    return { ...(await rangeOfMarked(state)), segment };
  } finally {
    leave();
  }
}

async function rangeOfMarked(state: HeadState): Promise<Omit<OutOfOrderMark, 'segment'>> {
  const t = state.chunks;
  const slicer = newSlicer(state.clock, state.slice_ms);
  const range = { mint: Infinity, maxt: -Infinity, file: 0, at: 0 };
  for (const o of state.outOfOrder.values()) {
    if (slicer.due()) await slicer.rest();
    for (let i = o.mark; i !== NO_CHUNK; i = t.previous[i]!) {
      range.mint = Math.min(range.mint, t.mint[i]!);
      range.maxt = Math.max(range.maxt, t.maxt[i]!);
      const file = t.file[i]!;
      if (file === IN_MEMORY || file < range.file) continue;
      const at = headChunkStart(t.encoding[i]!, t.place[i]!, t.bytes[i]!);
      range.at = file > range.file ? at : Math.max(range.at, at);
      range.file = file;
    }
  }
  return range;
}

/** Drops what was marked: blocks hold it. */
export async function dropMarkedOutOfOrder(state: HeadState): Promise<void> {
  const leave = await state.turns.exclude();
  try {
    const slicer = newSlicer(state.clock, state.slice_ms);
    for (const row of state.outOfOrder.keys()) {
      if (slicer.due()) await slicer.rest();
      state.counters.chunksRemoved += dropMarked(state, row);
    }
    findRange(state);
  } finally {
    leave();
  }
}

/** Drops what is older than `mint` altogether, series by series: a head without blocks. Does not yield. */
export function dropOutOfOrderBefore(state: HeadState, mint: number): void {
  for (const [row, o] of state.outOfOrder) {
    let maxt = -Infinity;
    for (const group of o.groups) maxt = Math.max(maxt, group.visible < group.n ? Infinity : group.maxt);
    for (let i = o.newest; i !== NO_CHUNK; i = state.chunks.previous[i]!)
      maxt = Math.max(maxt, state.chunks.maxt[i]!);
    if (maxt < mint) state.counters.chunksRemoved += dropAllOutOfOrder(state, row);
  }
  findRange(state);
}

function findRange(state: HeadState): void {
  let mint = Infinity;
  let maxt = -Infinity;
  for (const o of state.outOfOrder.values()) {
    for (const group of o.groups) {
      mint = Math.min(mint, group.mint);
      maxt = Math.max(maxt, group.maxt);
    }
    for (let i = o.newest; i !== NO_CHUNK; i = state.chunks.previous[i]!) {
      mint = Math.min(mint, state.chunks.mint[i]!);
      maxt = Math.max(maxt, state.chunks.maxt[i]!);
    }
  }
  state.outOfOrderMint = mint;
  state.outOfOrderMaxt = maxt;
}
