// Chunk bytes live in slots of fixed 16 MiB shared pages. A slot is 1 to SMALL_SLOT_UNITS units of 32 bytes, or of a larger class (two to
// a power of two, for histograms); its address is a unit number over all pages, so a chunk is found by one u32. Readers of other threads may look at a slot as long as a lease is
// open, so a slot that is given up is retired first and free only once nobody can still read it (see leases.ts).

const PAGE_BYTES: number = 16 * 1024 * 1024;
/** The first page is smaller, so that a small head is cheap to make. */
const FIRST_PAGE_BYTES: number = 1024 * 1024;
export const UNIT_BYTES = 32;
export const NO_SLOT = 0xffffffff;
/** A chunk of floats holds at most 1024 bytes and the room that the encoder asks for. */
export const SMALL_SLOT_UNITS = 33;
/** The largest slot: 1 MiB. */
export const MAX_SLOT_UNITS = 32_768;
/** Classes above SMALL_SLOT_UNITS: 48, 64, 96, 128, ... MAX_SLOT_UNITS. */
const LARGE_CLASSES = 20;

const UNITS_PER_PAGE = PAGE_BYTES / UNIT_BYTES;

/** A page's last unit is never handed out: decoders look a few bytes ahead. */
function usableUnits(bytes: number): number {
  return bytes / UNIT_BYTES - 1;
}

export interface SlotPages {
  readonly buffers: SharedArrayBuffer[];
  readonly bytes: Uint8Array[];
  /** The same pages as numbers. */
  readonly floats: Float64Array[];
  readonly words: Uint32Array[];
  pageBytes(): number;
  /** Units handed out and not freed (retired ones count). */
  usedUnits(): number;
  freeUnits(): number;
  /** How many units can still be had before `maxPages` refuses. */
  roomUnits(): number;
  /** `units` as `unitsFor` gives it. Throws RangeError beyond maxPages: callers ask `roomUnits` before they promise anything. */
  alloc(units: number): number;
  free(slot: number, units: number): void;
}

export function pageOf(slot: number): number {
  return slot >>> 19;
}

export function byteOf(slot: number): number {
  return (slot & (UNITS_PER_PAGE - 1)) * UNIT_BYTES;
}

/** Units of the smallest slot that holds `bytes` (1 to MAX_SLOT_UNITS * UNIT_BYTES). */
export function unitsFor(bytes: number): number {
  const units = Math.ceil(bytes / UNIT_BYTES);
  return units <= SMALL_SLOT_UNITS ? Math.max(1, units) : largeUnits(largeClass(units));
}

function largeUnits(index: number): number {
  return (index % 2 === 0 ? 3 : 4) << (4 + (index >> 1));
}

/** The smallest large class of at least `units`. */
function largeClass(units: number): number {
  const half = 31 - Math.clz32(units - 1);
  // 2^half < units <= 2^(half + 1)
  return units <= 3 << (half - 1) ? 2 * (half - 5) : 2 * (half - 5) + 1;
}

export function newSlotPages(maxPages: number): SlotPages {
  const buffers: SharedArrayBuffer[] = [];
  const bytes: Uint8Array[] = [];
  const floats: Float64Array[] = [];
  const words: Uint32Array[] = [];
  const free = Array.from({ length: SMALL_SLOT_UNITS + 1 + LARGE_CLASSES }, () => newStack());
  let next = 0;
  let end = 0;
  let used = 0;
  let freed = 0;

  function bump(units: number): number {
    if (next + units > end) {
      if (end > next) release(next, end - next);
      if (buffers.length >= maxPages) return NO_SLOT;
      const size = buffers.length === 0 ? FIRST_PAGE_BYTES : PAGE_BYTES;
      const buffer = new SharedArrayBuffer(size);
      next = buffers.length * UNITS_PER_PAGE;
      end = next + usableUnits(size);
      buffers.push(buffer);
      bytes.push(new Uint8Array(buffer));
      floats.push(new Float64Array(buffer));
      words.push(new Uint32Array(buffer));
    }
    const slot = next;
    next += units;
    return slot;
  }

  function listOf(units: number): Stack {
    return free[units <= SMALL_SLOT_UNITS ? units : SMALL_SLOT_UNITS + 1 + largeClass(units)]!;
  }

  /** A piece of any size, as slots of the small classes. */
  function release(slot: number, units: number): void {
    freed += units;
    for (let at = slot, left = units; left > 0;) {
      const take = Math.min(left, SMALL_SLOT_UNITS);
      push(free[take]!, at);
      at += take;
      left -= take;
    }
  }

  /** Cuts a free slot of a larger class in two. */
  function split(units: number): number {
    const first = units <= SMALL_SLOT_UNITS ? units : SMALL_SLOT_UNITS + 1 + largeClass(units);
    for (let list = free.length - 1; list > first; list--) {
      if (free[list]!.n === 0) continue;
      const slot = pop(free[list]!);
      const size = list <= SMALL_SLOT_UNITS ? list : largeUnits(list - SMALL_SLOT_UNITS - 1);
      freed -= size;
      release(slot + units, size - units);
      return slot;
    }
    return NO_SLOT;
  }

  return {
    buffers,
    bytes,
    floats,
    words,
    pageBytes: () => buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0),
    usedUnits: () => used,
    freeUnits: () => freed,
    roomUnits: () => (maxPages - buffers.length) * usableUnits(PAGE_BYTES) + (end - next),
    alloc(units): number {
      let slot = NO_SLOT;
      const list = listOf(units);
      if (list.n > 0) {
        slot = pop(list);
        freed -= units;
      } else {
        // New pages only while little lies free: otherwise sizes that went out of fashion would never be used again.
        if (freed * 4 > used) slot = split(units);
        if (slot === NO_SLOT) slot = bump(units);
        if (slot === NO_SLOT) slot = split(units);
      }
      if (slot === NO_SLOT) throw new RangeError(`chunk memory: all ${maxPages} pages of 16 MiB are in use`);
      used += units;
      return slot;
    },
    free(slot, units): void {
      used -= units;
      if (units <= SMALL_SLOT_UNITS) release(slot, units);
      else {
        freed += units;
        push(listOf(units), slot);
      }
    },
  };
}

interface Stack {
  n: number;
  items: Uint32Array;
}

function newStack(): Stack {
  return { n: 0, items: new Uint32Array(16) };
}

function push(s: Stack, item: number): void {
  if (s.n === s.items.length) {
    const grown = new Uint32Array(2 * s.n);
    grown.set(s.items);
    s.items = grown;
  }
  s.items[s.n++] = item;
}

function pop(s: Stack): number {
  return s.items[--s.n]!;
}
