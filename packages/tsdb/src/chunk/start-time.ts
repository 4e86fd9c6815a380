// Start timestamps in chunks: a header byte (bit 7: the first sample has one; bits 0-6: the sample from which on each has one) and, behind a
// sample's other fields, how far its start lies before the previous sample's time. The same in XOR2 and in histogram chunks.
import { putBits, putVarbit, type BitReader } from './bits.ts';
import { putVarint } from '../wal/bytes.ts';

/** From this sample on every one has its start time said: the header has no room for a later number. */
const LAST_CHANGE = 127;
const FIRST_KNOWN = 0x80;

/** What an encoder remembers, one row a chunk. Set all three to 0 to begin a chunk. */
export interface StState {
  st: Float64Array;
  /** The last difference written. */
  diff: Float64Array;
  /** The sample from which on differences are written; 0: none yet. */
  changeOn: Uint8Array;
}

export function newStState(rows: number): StState {
  return { st: new Float64Array(rows), diff: new Float64Array(rows), changeOn: new Uint8Array(rows) };
}

const varint = new Uint8Array(10);

/**
 * Writes the start time of sample `index` (from 0) at bit p of b; `header` is the byte of the header, 0 before the first sample. Readers of
 * earlier samples are not disturbed by what is set in it. Times in ms, st 0: none. Returns the end.
 */
export function putStartTime(
  b: Uint8Array,
  at: number,
  header: number,
  s: StState,
  row: number,
  index: number,
  t: number,
  previousT: number,
  st: number,
): number {
  let p = at;
  if (index === 0) {
    if (st !== 0) {
      const n = putVarint(varint, 0, t - st);
      for (let i = 0; i < n; i++, p += 8) putBits(b, p, varint[i]!, 8);
      b[header] = FIRST_KNOWN;
    }
  } else if (s.changeOn[row] !== 0) {
    const diff = previousT - st;
    p = putVarbit(b, p, diff - s.diff[row]!);
    s.diff[row] = diff;
  } else if (st !== s.st[row] || index === LAST_CHANGE) {
    const diff = previousT - st;
    s.changeOn[row] = index;
    b[header]! |= index;
    p = putVarbit(b, p, diff);
    s.diff[row] = diff;
  }
  s.st[row] = st;
  return p;
}

/** Reads what `putStartTime` wrote. */
export class StartTimes {
  #known = false;
  #changeOn = 0;
  #diff = 0;
  #st = 0;

  begin(header: number): void {
    this.#known = (header & FIRST_KNOWN) !== 0;
    this.#changeOn = header & LAST_CHANGE;
    this.#diff = 0;
    this.#st = 0;
  }

  /** The start time of sample `index`; r stands behind its other fields. */
  read(r: BitReader, index: number, t: number, previousT: number): number {
    if (index === 0) {
      if (this.#known) this.#st = t - r.varint();
    } else if (this.#changeOn !== 0 && index >= this.#changeOn) {
      const diff = r.varbit();
      this.#diff = index === this.#changeOn ? diff : this.#diff + diff;
      this.#st = previousT - this.#diff;
    }
    return this.#st;
  }
}
