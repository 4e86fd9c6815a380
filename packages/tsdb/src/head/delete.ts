// Deleting samples: what is there now is hidden by tombstones, which the log keeps too.
import type { Matcher } from '@munjigi/model';
import { compileTests, matchRows } from './match.ts';
import { NO_CHUNK, OUT_OF_ORDER } from './series.ts';
import { newSlicer } from './slicer.ts';
import type { HeadState } from './state.ts';
import { NO_SLOT } from '../chunk/slots.ts';
import { newByteWriter } from '../wal/bytes.ts';
import type { WalLog } from '../wal/log.ts';
import { RECORD, beginRecord, putTombstone } from '../wal/record.ts';

/** Hides samples in [mint, maxt] (ms, both inclusive) of series that match one of the selectors, as far as they have any. */
export async function deleteSamples(
  state: HeadState,
  log: WalLog | null,
  mint: number,
  maxt: number,
  matchers: readonly (readonly Matcher[])[],
): Promise<void> {
  const slicer = newSlicer(state.clock, state.slice_ms);
  const leave = await state.turns.share();
  try {
    const found: { row: number; mint: number; maxt: number }[] = [];
    for (const selector of matchers)
      for (const row of await matchRows(state, compileTests(selector), slicer)) {
        if (slicer.due()) await slicer.rest();
        const has = rangeOf(state, row);
        const range = { row, mint: Math.max(mint, has.mint), maxt: Math.min(maxt, has.maxt) };
        if (range.mint <= range.maxt) found.push(range);
      }
    if (found.length === 0) return;
    if (log !== null) {
      const w = newByteWriter(32 * found.length);
      beginRecord(w, RECORD.tombstones);
      for (const range of found) putTombstone(w, state.series.walRef[range.row]!, range.mint, range.maxt);
      log.writeRecord(w, [w.n]);
    }
    const end = log === null ? null : log.position();
    const { ticket, visible } = state.turns.enqueue(() => {
      for (const range of found) state.tombstones.add(range.row, range.mint, range.maxt);
      if (end !== null) Object.assign(state.visibleTo, end);
    });
    try {
      await log?.durable();
    } catch (error) {
      state.turns.drop(ticket);
      throw error;
    }
    state.turns.release(ticket);
    await visible;
  } finally {
    leave();
  }
}

/** Visible samples of a series, in order or not. */
function rangeOf(state: HeadState, row: number): { mint: number; maxt: number } {
  const s = state.series;
  const { chunks } = state;
  let mint = Infinity;
  let maxt = -Infinity;
  const include = (from: number, to: number): void => {
    mint = Math.min(mint, from);
    maxt = Math.max(maxt, to);
  };
  const oldest = s.oldest[row]!;
  if (oldest !== NO_CHUNK) include(chunks.mint[oldest]!, chunks.maxt[s.newest[row]!]!);
  if (s.openSlot[row] !== NO_SLOT) include(s.openMint[row]!, s.xor.t[row]!);
  if ((s.flags[row]! & OUT_OF_ORDER) !== 0) {
    const o = state.outOfOrder.get(row)!;
    for (const group of o.groups) include(group.mint, group.maxt);
    for (let i = o.newest; i !== NO_CHUNK; i = chunks.previous[i]!) include(chunks.mint[i]!, chunks.maxt[i]!);
  }
  return { mint, maxt };
}
