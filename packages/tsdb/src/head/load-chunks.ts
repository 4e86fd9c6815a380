// Start: what the files of chunks_head hold. Chunks come before the series they belong to (unless a snapshot named them): until then they
// wait in chains by log reference.
import { addFileChunk, dropOpenChunk, freeChunk, linkChunk, linkToChain, type Chain } from './chunk-table.ts';
import { closeChunk } from './open-chunk.ts';
import { RefMap } from './ref-map.ts';
import { NO_CHUNK, OUT_OF_ORDER, UNKNOWN_KIND } from './series.ts';
import type { HeadState } from './state.ts';
import { NO_SLOT } from '../chunk/slots.ts';
import type { HeadChunk } from '../wal/head-chunk-scan.ts';

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
    if (!f.outOfOrder && f.maxt < state.minValid) return '';
    const before = row !== 0 ? state.series.newest[row]! : this.#newest.get(f.ref);
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

/** Puts a chain behind what the series has. What overlaps it was flushed to it, or belongs to an older life of the series, and goes. */
function attach(state: HeadState, row: number, oldest: number, newest: number): void {
  const s = state.series;
  const { chunks } = state;
  const mint = chunks.mint[oldest]!;
  const maxt = chunks.maxt[newest]!;
  if (s.openSlot[row] !== NO_SLOT) {
    // Contained in the chunk that it became, or replayed from a log that names the series twice.
    if (s.openMint[row]! <= maxt && s.xor.t[row]! >= mint) dropOpenChunk(state, row);
    else closeChunk(state, row);
  }
  while (s.newest[row] !== NO_CHUNK && chunks.maxt[s.newest[row]!]! >= mint) {
    const last = s.newest[row]!;
    s.newest[row] = chunks.previous[last]!;
    if (s.newest[row] === NO_CHUNK) s.oldest[row] = NO_CHUNK;
    else chunks.next[s.newest[row]] = NO_CHUNK;
    freeChunk(state, last);
  }
  for (let chunk = oldest; chunk !== NO_CHUNK;) {
    const next = chunks.next[chunk]!;
    chunks.next[chunk] = NO_CHUNK;
    linkChunk(state, row, chunk);
    chunk = next;
  }
  if (maxt > s.judgedT[row]!) {
    s.judgedT[row] = maxt;
    s.judgedKind[row] = UNKNOWN_KIND;
  }
  if (maxt > s.xor.t[row]! || s.openSlot[row] === NO_SLOT) s.xor.t[row] = s.judgedT[row]!;
  if (maxt > state.judgedMaxt) state.judgedMaxt = maxt;
  if (maxt > state.maxt) state.maxt = maxt;
  if (mint < state.mint) state.mint = mint;
}

function attachLate(state: HeadState, row: number, chain: Chain): void {
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
