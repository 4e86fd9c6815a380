// Out-of-order samples on their way into a block: everything so far is closed and marked, a block is cut from what is marked, then it is dropped
// with the segments of the out-of-order log that held it.
import { closeGroups, dropAllOutOfOrder, dropMarked } from './ooo.ts';
import { NO_CHUNK } from './series.ts';
import { newSlicer } from './slicer.ts';
import type { HeadState } from './state.ts';

/** Everything that came out of order before it was taken. */
export interface OutOfOrderMark {
  /** Time range in ms. */
  readonly mint: number;
  readonly maxt: number;
  /** Segments of the out-of-order log before this one hold nothing else. */
  readonly segment: number;
}

/** Closes and marks what there is; null: nothing. `cut` begins a new segment of the log. One at a time. */
export async function markOutOfOrder(state: HeadState, cut: () => number): Promise<OutOfOrderMark | null> {
  if (state.outOfOrder.size === 0) return null;
  const leave = await state.turns.share();
  try {
    const segment = cut();
    // Nothing yields between the cut and this: what is judged later goes to other groups and the new segment.
    for (const { groups } of state.outOfOrder.values()) for (const group of groups) group.sealed = true;
    const { ticket, visible } = state.turns.enqueue(() => undefined);
    state.turns.release(ticket);
    await visible;
    const slicer = newSlicer(state.clock, state.slice_ms);
    let mint = Infinity;
    let maxt = -Infinity;
    for (const [row, o] of state.outOfOrder) {
      if (slicer.due()) await slicer.rest();
      if (state.outOfOrder.get(row) !== o) continue;
      closeGroups(state, row);
      o.mark = o.newest;
      for (let i = o.mark; i !== NO_CHUNK; i = state.chunks.previous[i]!) {
        mint = Math.min(mint, state.chunks.mint[i]!);
        maxt = Math.max(maxt, state.chunks.maxt[i]!);
      }
    }
    return { mint, maxt, segment };
  } finally {
    leave();
  }
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
