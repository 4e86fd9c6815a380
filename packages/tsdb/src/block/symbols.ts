// The symbol table of an index. In memory is the place of every 32nd symbol, made by one scan, which also checks the sum.
import type { BlockCache } from './cache.ts';
import { LONG_STEP, runAtOnce, type Steps } from './steps.ts';
import type { ByteView, PagedFile } from './paged-file.ts';
import { SectionScan, u32At } from './section.ts';

const STEP = 32;
/** Of the places, among the pages of the file. */
const PLACES_KEY = 0xffffffff;

export interface IndexSymbols {
  readonly count: number;
  /** Makes the table ready, in steps; every other call does it at once where that is needed. */
  prepare(): Steps<void>;
  /** From here on the table is the cache's alone; until then it stays, so that a small cache costs one scan a use. */
  release(): void;
  /** Bytes of symbol n < count. */
  view(n: number): ByteView;
  /** -1: it is not there. */
  find(text: Uint8Array): number;
  /** The number of the symbol that begins at a place in the file, which is how version 1 names it. */
  numberAt(place: number): number;
}

export function openSymbols(
  file: PagedFile,
  section: number,
  cache: BlockCache,
  owner: number,
): IndexSymbols {
  const head = file.view(section, 8);
  const count = u32At(head.b, head.from + 4);
  const numbers = new Map<number, number>();
  let held: Float64Array | undefined;
  /** The symbol that was read last, and the place behind it. */
  let last = -2;
  let next = 0;

  function* scan(): Steps<Float64Array> {
    const s = new SectionScan(file, section, 1);
    const places = new Float64Array(Math.ceil(s.count / STEP));
    for (let n = 0; n < s.count; n++) {
      if (n % STEP === 0) {
        places[n / STEP] = s.place;
        if (n % (STEP * LONG_STEP) === 0) yield LONG_STEP;
      }
      s.skipText();
    }
    if (s.place !== s.to) throw file.wrong(s.place, `${s.to - s.place} bytes behind the last symbol`);
    s.finish();
    cache.put(owner, PLACES_KEY, places, places.byteLength);
    held = places;
    return places;
  }

  function known(): Float64Array | undefined {
    held ??= cache.get(owner, PLACES_KEY) as Float64Array | undefined;
    return held;
  }

  function places(): Float64Array {
    return known() ?? runAtOnce(scan());
  }

  /** The text at `place`; `next` stands behind it afterwards. */
  function textAt(place: number): ByteView {
    const peek = file.peek(place, 10);
    let length = 0;
    let at = peek.from;
    for (let scale = 1; ; scale *= 128) {
      if (at >= peek.to || scale > 2 ** 35) throw file.wrong(place, 'the length of a symbol is wrong');
      const c = peek.b[at++]!;
      length += (c & 127) * scale;
      if (c < 128) break;
    }
    const from = place + at - peek.from;
    next = from + length;
    return file.view(from, length);
  }

  function view(n: number): ByteView {
    if (n >= count) throw file.wrong(section, `symbol ${n} of ${count} is named`);
    const jump = Math.floor(n / STEP) * STEP;
    let number = last + 1;
    if (number < jump || number > n) {
      next = places()[jump / STEP]!;
      number = jump;
    }
    // Until it is found: an error leaves no half step behind.
    last = -2;
    let found = textAt(next);
    for (; number < n; number++) found = textAt(next);
    last = n;
    return found;
  }

  return {
    count,
    *prepare(): Steps<void> {
      if (known() === undefined) yield* scan();
    },
    release(): void {
      held = undefined;
      numbers.clear();
    },
    view,
    find(text): number {
      let low = 0;
      let high = Math.ceil(count / STEP) - 1;
      // The last step whose first symbol is not above the text.
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (compareView(view(middle * STEP), text) <= 0) low = middle;
        else high = middle - 1;
      }
      for (let n = low * STEP; n < Math.min(count, (low + 1) * STEP); n++) {
        const d = compareView(view(n), text);
        if (d === 0) return n;
        if (d > 0) break;
      }
      return -1;
    },
    numberAt(place): number {
      const known = numbers.get(place);
      if (known !== undefined) return known;
      const all = places();
      let low = 0;
      let high = all.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (all[middle]! <= place) low = middle;
        else high = middle - 1;
      }
      let at = all[low] ?? Infinity;
      for (let n = low * STEP; n < Math.min(count, (low + 1) * STEP) && at <= place; n++) {
        if (at === place) {
          if (numbers.size > 100_000) numbers.clear();
          numbers.set(place, n);
          return n;
        }
        textAt(at);
        at = next;
        last = -2;
      }
      throw file.wrong(place, 'a series names a symbol there, and none begins there');
    },
  };
}

/** Order of bytes. */
export function compareView(v: ByteView, text: Uint8Array): number {
  const n = Math.min(v.to - v.from, text.length);
  for (let i = 0; i < n; i++) {
    const d = v.b[v.from + i]! - text[i]!;
    if (d !== 0) return d;
  }
  return v.to - v.from - text.length;
}
