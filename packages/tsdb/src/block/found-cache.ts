// What some matchers found in a block the last time. Blocks never change (what is deleted stands elsewhere), so it is what they find the next
// time too: dashboards and alerts ask the same again and again, for times a little later.
import type { SeriesCursor } from './reader.ts';
import type { SymbolSpace } from './symbol-space.ts';

/** Series in label order with all their chunks, as columns. */
export interface Found {
  /** Label symbols are numbers of this space. */
  readonly space: SymbolSpace;
  readonly refs: Uint32Array;
  readonly labelFirst: Uint32Array;
  readonly labels: Uint32Array;
  readonly chunkFirst: Uint32Array;
  readonly chunkMint: Float64Array;
  readonly chunkMaxt: Float64Array;
  readonly chunkRef: Float64Array;
}

/** More series than these are not remembered: reading them goes on without a rest, for some ms. */
export const MAX_FOUND_SERIES = 10_000;

/** Everything a cursor comes to, with its symbols as `number` gives them. */
export function readFound(
  cursor: SeriesCursor,
  space: SymbolSpace,
  number: (symbol: number) => number,
): Found {
  const refs: number[] = [];
  const labelFirst = [0];
  const labels: number[] = [];
  const chunkFirst = [0];
  const chunkMint: number[] = [];
  const chunkMaxt: number[] = [];
  const chunkRef: number[] = [];
  while (cursor.next()) {
    refs.push(cursor.ref);
    for (let i = 0; i < cursor.labelCount; i++) labels.push(number(cursor.labels[i]!));
    labelFirst.push(labels.length);
    for (let k = 0; k < cursor.chunkCount; k++) {
      chunkMint.push(cursor.chunkMint[k]!);
      chunkMaxt.push(cursor.chunkMaxt[k]!);
      chunkRef.push(cursor.chunkRef[k]!);
    }
    chunkFirst.push(chunkRef.length);
  }
  return {
    space,
    refs: Uint32Array.from(refs),
    labelFirst: Uint32Array.from(labelFirst),
    labels: Uint32Array.from(labels),
    chunkFirst: Uint32Array.from(chunkFirst),
    chunkMint: Float64Array.from(chunkMint),
    chunkMaxt: Float64Array.from(chunkMaxt),
    chunkRef: Float64Array.from(chunkRef),
  };
}

/** Goes through what was found as a cursor of the block would: series with chunks that overlap [mint, maxt], and those chunks. */
export class FoundCursor implements SeriesCursor {
  ref = 0;
  labelCount = 0;
  labels: Uint32Array = new Uint32Array(64);
  chunkCount = 0;
  chunkMint: Float64Array = new Float64Array(64);
  chunkMaxt: Float64Array = new Float64Array(64);
  chunkRef: Float64Array = new Float64Array(64);
  readonly #f: Found;
  readonly #mint: number;
  readonly #maxt: number;
  #next = 0;

  constructor(f: Found, mint: number, maxt: number) {
    this.#f = f;
    this.#mint = mint;
    this.#maxt = maxt;
  }

  next(): boolean {
    const f = this.#f;
    while (this.#next < f.refs.length) {
      const i = this.#next++;
      this.#takeChunks(f.chunkFirst[i]!, f.chunkFirst[i + 1]!);
      if (this.chunkCount === 0) continue;
      this.ref = f.refs[i]!;
      const from = f.labelFirst[i]!;
      this.labelCount = f.labelFirst[i + 1]! - from;
      if (this.labelCount > this.labels.length) this.labels = new Uint32Array(2 * this.labelCount);
      for (let w = 0; w < this.labelCount; w++) this.labels[w] = f.labels[from + w]!;
      return true;
    }
    return false;
  }

  #takeChunks(from: number, to: number): void {
    if (to - from > this.chunkMint.length) {
      this.chunkMint = new Float64Array(2 * (to - from));
      this.chunkMaxt = new Float64Array(2 * (to - from));
      this.chunkRef = new Float64Array(2 * (to - from));
    }
    const { chunkMint, chunkMaxt, chunkRef } = this.#f;
    let n = 0;
    for (let k = from; k < to; k++) {
      if (chunkMint[k]! > this.#maxt || chunkMaxt[k]! < this.#mint) continue;
      this.chunkMint[n] = chunkMint[k]!;
      this.chunkMaxt[n] = chunkMaxt[k]!;
      this.chunkRef[n++] = chunkRef[k]!;
    }
    this.chunkCount = n;
  }
}

/** The last finds, by block and matchers, as far as they fit. */
export class FoundCache {
  readonly #maxBytes: number;
  /** The longest unused first. */
  readonly #found = new Map<string, Found>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: string, space: SymbolSpace): Found | undefined {
    const found = this.#found.get(key);
    if (found === undefined) return undefined;
    this.#found.delete(key);
    if (found.space !== space) {
      this.#bytes -= bytesOf(found);
      return undefined;
    }
    this.#found.set(key, found);
    return found;
  }

  put(key: string, found: Found): void {
    const old = this.#found.get(key);
    if (old !== undefined) this.#drop(key, old);
    this.#found.set(key, found);
    this.#bytes += bytesOf(found);
    for (const [first, f] of this.#found) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#drop(first, f);
    }
  }

  #drop(key: string, found: Found): void {
    this.#found.delete(key);
    this.#bytes -= bytesOf(found);
  }
}

/** The texts of matchers are about as long as these are for nothing found. */
const ENTRY_BYTES = 1024;

function bytesOf(f: Found): number {
  return (
    ENTRY_BYTES + 8 * f.refs.length + 4 * f.labels.length + 4 * f.chunkFirst.length + 24 * f.chunkRef.length
  );
}
