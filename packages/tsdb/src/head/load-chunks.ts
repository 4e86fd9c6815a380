// Start: what the files of chunks_head hold. Chunks come before the series they belong to (unless a snapshot named them): until then they
// wait in chains by log reference.
import { showSeries } from './appender.ts';
import { IN_MEMORY, addFileChunk, dropOpenChunk, freeChunk, linkToChain, type Chain } from './chunk-table.ts';
import { closeChunk } from './open-chunk.ts';
import { RefMap } from './ref-map.ts';
import { NO_CHUNK, OUT_OF_ORDER, UNKNOWN_KIND } from './series.ts';
import type { HeadState } from './state.ts';
import { NO_SLOT } from '../chunk/slots.ts';
import type { HeadChunk } from '../wal/head-chunk-scan.ts';

/**
 * No program lets a chunk in order reach over more than a block of the head, nor makes that longer. One that does would be cut into blocks
 * range by range, most of them empty, without end.
 */
export const MAX_CHUNK_SPAN_MS: number = 31 * 86_400_000;

/** Chunks whose series is not known yet. */
export class WaitingChunks {
  readonly #oldest = new RefMap(NO_CHUNK);
  readonly #newest = new RefMap(NO_CHUNK);
  readonly #lateOldest = new RefMap(NO_CHUNK);
  readonly #lateNewest = new RefMap(NO_CHUNK);
  readonly #state: HeadState;

  constructor(state: HeadState) {
    this.#state = state;
  }

  /** Returns why the chunk cannot be; ''. `row`: its series when that is known, 0. */
  add(f: HeadChunk, row: number): string {
    const state = this.#state;
    if (f.ref > state.lastWalRef) state.lastWalRef = f.ref;
    if (!f.outOfOrder && f.maxt - f.mint > MAX_CHUNK_SPAN_MS)
      return `the chunk of series ${f.ref} at byte ${f.offset} goes from ${f.mint} to ${f.maxt}`;
    if (!f.outOfOrder && f.maxt < state.minValid) return '';
    let before = row !== 0 ? state.series.newest[row]! : this.#newest.get(f.ref);
    while (before !== NO_CHUNK && state.chunks.file[before] === IN_MEMORY)
      before = state.chunks.previous[before]!;
    if (!f.outOfOrder && before !== NO_CHUNK && state.chunks.maxt[before]! >= f.mint)
      return `the chunk of series ${f.ref} at byte ${f.offset} begins before the one before it ended`;
    const { chunks } = state;
    const chunk = addFileChunk(chunks, f.file, f.offset, f.bytes, f.samples, f.encoding, f.mint, f.maxt);
    if (row !== 0) {
      if (f.outOfOrder) attachLate(state, row, { oldest: chunk, newest: chunk });
      else attach(state, row, chunk, chunk);
      return '';
    }
    const oldest = f.outOfOrder ? this.#lateOldest : this.#oldest;
    const newest = f.outOfOrder ? this.#lateNewest : this.#newest;
    const chain = { oldest: oldest.get(f.ref), newest: newest.get(f.ref) };
    linkToChain(chunks, chain, chunk);
    oldest.set(f.ref, chain.oldest);
    newest.set(f.ref, chain.newest);
    return '';
  }

  /** The series of `ref` is known. */
  take(ref: number, row: number): void {
    const oldest = this.#oldest.get(ref);
    if (oldest !== NO_CHUNK) {
      attach(this.#state, row, oldest, this.#newest.get(ref));
      this.#oldest.set(ref, NO_CHUNK);
      this.#newest.set(ref, NO_CHUNK);
    }
    const late = this.#lateOldest.get(ref);
    if (late === NO_CHUNK) return;
    attachLate(this.#state, row, { oldest: late, newest: this.#lateNewest.get(ref) });
    this.#lateOldest.set(ref, NO_CHUNK);
    this.#lateNewest.set(ref, NO_CHUNK);
  }

  /** Chunks of series that nothing names; returns how many. */
  drop(): number {
    let dropped = 0;
    for (const chains of [this.#oldest, this.#lateOldest])
      for (const [, oldest] of chains.entries())
        for (let chunk = oldest; chunk !== NO_CHUNK; dropped++) chunk = freeChunk(this.#state, chunk);
    return dropped;
  }
}

/**
 * Puts a chain of files where it belongs among what the series has. What overlaps it became a part of it after a snapshot, or belongs to
 * an older life of the series, and goes.
 */
function attach(state: HeadState, row: number, oldest: number, newest: number): void {
  const s = state.series;
  showSeries(state, row);
  const { chunks } = state;
  const mint = chunks.mint[oldest]!;
  const maxt = chunks.maxt[newest]!;
  if (s.openSlot[row] !== NO_SLOT && s.openMint[row]! <= maxt) {
    if (s.xor.t[row]! >= mint) dropOpenChunk(state, row);
    else closeChunk(state, row);
  }
  let next = NO_CHUNK;
  let before = s.newest[row]!;
  for (; before !== NO_CHUNK && chunks.mint[before]! > maxt; before = chunks.previous[before]!) next = before;
  while (before !== NO_CHUNK && chunks.maxt[before]! >= mint) {
    const overlapping = before;
    before = chunks.previous[before]!;
    freeChunk(state, overlapping);
  }
  chunks.previous[oldest] = before;
  chunks.next[newest] = next;
  if (before === NO_CHUNK) s.oldest[row] = oldest;
  else chunks.next[before] = oldest;
  if (next === NO_CHUNK) s.newest[row] = newest;
  else chunks.previous[next] = newest;
  if (maxt > s.xor.t[row]!) {
    s.judgedT[row] = maxt;
    s.judgedKind[row] = UNKNOWN_KIND;
    s.xor.t[row] = maxt;
  }
  if (maxt > state.judgedMaxt) state.judgedMaxt = maxt;
  if (maxt > state.maxt) state.maxt = maxt;
  if (mint < state.mint) state.mint = mint;
}

function attachLate(state: HeadState, row: number, chain: Chain): void {
  showSeries(state, row);
  let o = state.outOfOrder.get(row);
  if (o === undefined) {
    o = { groups: [], mark: NO_CHUNK, oldest: NO_CHUNK, newest: NO_CHUNK };
    state.outOfOrder.set(row, o);
    state.series.flags[row]! |= OUT_OF_ORDER;
  }
  const { chunks } = state;
  for (let chunk = chain.oldest; chunk !== NO_CHUNK;) {
    const next = chunks.next[chunk]!;
    chunks.next[chunk] = NO_CHUNK;
    linkToChain(chunks, o, chunk);
    if (chunks.mint[chunk]! < state.outOfOrderMint) state.outOfOrderMint = chunks.mint[chunk]!;
    if (chunks.maxt[chunk]! > state.outOfOrderMaxt) state.outOfOrderMaxt = chunks.maxt[chunk]!;
    chunk = next;
  }
}
