// Reads the symbols of an index that is being written back, for the table of label pairs.
import type { BufferedFile } from './buffered-file.ts';
import type { ByteView } from './paged-file.ts';

/** The place of every so manieth symbol is kept. */
export const SYMBOL_STEP = 32;
const WINDOW_BYTES: number = 64 * 1024;

/**
 * Gives the bytes of symbol n, valid until the next call; close behind the last one it is found by going on from there. `places`: of every
 * SYMBOL_STEP-th symbol; `end`: where the texts end.
 */
export function writtenSymbols(
  file: BufferedFile,
  places: readonly number[],
  end: number,
): (n: number) => ByteView {
  const found = { b: new Uint8Array(WINDOW_BYTES), from: 0, to: 0 };
  let windowFrom = 0;
  let windowEnd = 0;
  let number = -1;
  let place = 0;

  function load(from: number, bytes: number): void {
    if (from >= windowFrom && from + bytes <= windowEnd) return;
    if (bytes > found.b.length) found.b = new Uint8Array(2 * bytes);
    windowFrom = from;
    windowEnd = Math.min(end, from + found.b.length);
    file.read(found.b, windowFrom, windowEnd);
  }

  /** Places found.from and found.to around the symbol at `place`. */
  function look(): void {
    load(place, Math.min(5, end - place));
    let at = place - windowFrom;
    let length = 0;
    for (let scale = 1; ; scale *= 128) {
      const c = found.b[at++]!;
      length += (c & 127) * scale;
      if (c < 128) break;
    }
    const textFrom = windowFrom + at;
    load(textFrom, length);
    found.from = textFrom - windowFrom;
    found.to = found.from + length;
  }

  return (n) => {
    const jump = Math.floor(n / SYMBOL_STEP);
    if (number < 0 || n < number || jump * SYMBOL_STEP > number) {
      number = jump * SYMBOL_STEP;
      place = places[jump]!;
    }
    look();
    for (; number < n; number++) {
      place = windowFrom + found.to;
      look();
    }
    return found;
  };
}
