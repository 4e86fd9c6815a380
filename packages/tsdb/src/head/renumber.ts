// A symbol table is only ever added to: readers in other threads know its numbers. When most of its bytes are dead, it is made anew: beside
// all that names symbols (label lists, hashes, pairs) a second one is filled between rests, then they take the place of the first in one
// step. Until then everything works with the first. New series, pairs and symbols stand behind the ends that were noted, because free rows
// and pairs are set aside meanwhile; they are brought over last.
import { NO_PAIR, hashPair, insertPair, type NamePairs } from './postings.ts';
import { LIVE, hashSymbols } from './series.ts';
import type { Slicer } from './slicer.ts';
import type { HeadState } from './state.ts';
import { newSymbolTable, type SymbolTable } from './symbol-table.ts';

/** A symbol table is made anew when more than half of its bytes are dead and it is at least this large. */
const REBUILD_BYTES: number = 64 * 1024;
/** An array grew meanwhile: so often it is begun again before the next sweep has to do it. */
const ATTEMPTS = 3;

/** Selects are kept out while this runs, appends are not. */
export async function renumberSymbols(state: HeadState, slicer: Slicer): Promise<void> {
  if (state.symbols.bytes() < REBUILD_BYTES) return;
  const live = await liveSymbols(state, slicer);
  if (live.bytes * 2 > state.symbols.bytes()) return;
  const { series } = state;
  const { pairs } = state.postings;
  const [freeRows, freePairs] = [series.free, pairs.free];
  series.free = 0;
  pairs.free = NO_PAIR;
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const twin = await newTwin(state, live.count, slicer);
      if (await fillAndSwap(state, twin, slicer)) return;
    }
  } finally {
    // Nothing was freed meanwhile.
    series.free = freeRows;
    pairs.free = freePairs;
  }
}

/** Symbols of pairs: all but those of series that nobody has seen yet. */
async function liveSymbols(state: HeadState, slicer: Slicer): Promise<{ count: number; bytes: number }> {
  const { symbols } = state;
  const { pairs } = state.postings;
  const used = new Uint8Array(symbols.count());
  let count = 0;
  let bytes = 0;
  const use = (symbol: number): void => {
    if (symbol >= used.length || used[symbol] === 1) return;
    used[symbol] = 1;
    count++;
    bytes += 4 + symbols.byteLength(symbol);
  };
  for (let pair = 0; pair < pairs.end; pair++) {
    if (slicer.due()) await slicer.rest();
    if (pairs.n[pair] === 0) continue;
    use(pairs.name[pair]!);
    use(pairs.value[pair]!);
  }
  return { count, bytes };
}

/** The second of everything that names symbols. */
interface Twin {
  readonly symbols: SymbolTable;
  /** 1 + the new number of an old symbol; 0: it has none yet. */
  to: Uint32Array;
  readonly words: Uint32Array;
  readonly hash: Uint32Array;
  readonly slots: Uint32Array;
  readonly pairName: Uint32Array;
  readonly pairValue: Uint32Array;
  readonly pairSlots: Uint32Array;
  readonly names: Map<number, NamePairs>;
}

async function newTwin(state: HeadState, symbols: number, slicer: Slicer): Promise<Twin> {
  const { series } = state;
  const { pairs } = state.postings;
  const sized = async (like: Uint32Array): Promise<Uint32Array> => {
    await slicer.rest();
    return new Uint32Array(like.length);
  };
  return {
    symbols: newSymbolTable(state.symbols.table + 1, symbols),
    to: new Uint32Array(state.symbols.count()),
    words: await sized(series.labels.words),
    hash: await sized(series.hash),
    slots: await sized(series.slots),
    pairName: await sized(pairs.name),
    pairValue: await sized(pairs.value),
    pairSlots: await sized(pairs.slots),
    names: new Map(),
  };
}

/** Whether the twin is as large as the first still. */
function fits(state: HeadState, twin: Twin): boolean {
  const { series } = state;
  const { pairs } = state.postings;
  return (
    twin.words.length === series.labels.words.length &&
    twin.hash.length === series.hash.length &&
    twin.slots.length === series.slots.length &&
    twin.pairName.length === pairs.name.length &&
    twin.pairSlots.length === pairs.slots.length
  );
}

/** False: something grew, and nothing happened. */
async function fillAndSwap(state: HeadState, twin: Twin, slicer: Slicer): Promise<boolean> {
  const { series } = state;
  const { pairs } = state.postings;
  // The pool's free blocks are chained through their words.
  for (let at = 0; at < twin.words.length; at += COPIED_WORDS) {
    if (slicer.due(COPIED_WORDS)) await slicer.rest();
    if (!fits(state, twin)) return false;
    twin.words.set(series.labels.words.subarray(at, at + COPIED_WORDS), at);
  }
  let row = 1;
  let pair = 0;
  for (;;) {
    if (slicer.due()) await slicer.rest();
    if (!fits(state, twin)) return false;
    if (row < series.end) bringRow(state, twin, row++);
    else if (pair < pairs.end) bringPair(state, twin, pair++);
    else break;
  }
  // In the turn that found nothing missing in the twin.
  swap(state, twin);
  return true;
}

const COPIED_WORDS = 65_536;

function bringRow(state: HeadState, twin: Twin, row: number): void {
  const s = state.series;
  if ((s.flags[row]! & LIVE) === 0) return;
  const { words } = s.labels;
  const at = s.labelsAt[row]!;
  const n = 2 * s.labelCount[row]!;
  for (let i = at; i < at + n; i++) twin.words[i] = renumbered(state, twin, words[i]!);
  const hash = hashSymbols(twin.words, at, n);
  twin.hash[row] = hash;
  const mask = twin.slots.length - 1;
  let i = hash & mask;
  while (twin.slots[i] !== 0) i = (i + 1) & mask;
  twin.slots[i] = row;
}

function bringPair(state: HeadState, twin: Twin, pair: number): void {
  const { pairs, names } = state.postings;
  if (pairs.n[pair] === 0) return;
  const old = pairs.name[pair]!;
  const name = renumbered(state, twin, old);
  const value = renumbered(state, twin, pairs.value[pair]!);
  twin.pairName[pair] = name;
  twin.pairValue[pair] = value;
  insertPair(twin.pairSlots, hashPair(name, value), pair);
  if (!twin.names.has(name)) twin.names.set(name, names.get(old)!);
}

function renumbered(state: HeadState, twin: Twin, symbol: number): number {
  if (symbol >= twin.to.length) {
    const larger = new Uint32Array(Math.ceil(1.5 * (symbol + 1)));
    larger.set(twin.to);
    twin.to = larger;
  }
  const known = twin.to[symbol]!;
  if (known !== 0) return known - 1;
  const number = twin.symbols.adopt(state.symbols, symbol);
  twin.to[symbol] = number + 1;
  return number;
}

function swap(state: HeadState, twin: Twin): void {
  const { series, postings } = state;
  series.labels.words = twin.words;
  series.hash = twin.hash;
  series.slots = twin.slots;
  postings.pairs.name = twin.pairName;
  postings.pairs.value = twin.pairValue;
  postings.pairs.slots = twin.pairSlots;
  postings.names = twin.names;
  postings.version++;
  state.symbols = twin.symbols;
}
