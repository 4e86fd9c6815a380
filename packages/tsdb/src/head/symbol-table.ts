// The writer's side of model/symbols.ts: text to number through an open-addressing table over typed arrays, text bytes in shared
// pages. Only ever appended to. When most of a table is dead (series went away), the head makes a new one with another
// `table` number and renumbers; readers that still hold the old pages keep them alive as long as they like.
import {
  SYMBOL_PAGE_BYTES,
  SYMBOLS_PER_INDEX_PAGE,
  decodeUtf8,
  encodeUtf8,
  type SymbolPages,
} from '@munjigi/model';

/** A label name or value longer than this is refused. */
const MAX_SYMBOL_BYTES: number = 1024 * 1024;
/** Bytes of a table's first pages; they are copied to larger ones until they have the full size. */
const FIRST_PAGE_BYTES: number = 64 * 1024;
export const NO_SYMBOL = 0xffffffff;

export interface SymbolTable {
  readonly table: number;
  count(): number;
  /** Bytes of text and their length words. */
  bytes(): number;
  /** NO_SYMBOL when it is not there. */
  find(text: string): number;
  /** Finds or adds; NO_SYMBOL when the text is over MAX_SYMBOL_BYTES. */
  add(text: string): number;
  /** As `add`, of a text of another table. */
  adopt(from: SymbolTable, symbol: number): number;
  text(symbol: number): string;
  byteLength(symbol: number): number;
  /** Copies the text's bytes to b[at..) and returns the end. */
  copy(symbol: number, b: Uint8Array, at: number): number;
  /** Order of the texts' UTF-8 bytes. */
  compare(a: number, b: number): number;
  startsWith(symbol: number, prefix: Uint8Array): boolean;
  /** Bytes [at, at + 6) of the text as a number that is ordered as they are; times 8, plus how many of them there are. */
  sixBytes(symbol: number, at: number): number;
  pages(): SymbolPages;
}

/** `expected` symbols fit without growing. */
export function newSymbolTable(table: number, expected = 0): SymbolTable {
  const index: SharedArrayBuffer[] = [];
  const data: SharedArrayBuffer[] = [];
  const indexWords: Uint32Array[] = [];
  const dataBytes: Uint8Array[] = [];
  let count = 0;
  let used = 0;
  let next = 0;
  // At most half full.
  let hashes = new Uint32Array(Math.max(512, 2 ** Math.ceil(Math.log2(expected + 1))));
  let slots = new Uint32Array(2 * hashes.length);
  let scratch = new Uint8Array(1024);
  let shared: SymbolPages = { count: 0, index: [], data: [], table };

  /** Encodes into scratch; returns the length. */
  function encode(text: string): number {
    if (3 * text.length > scratch.length) scratch = new Uint8Array(6 * text.length);
    return encodeUtf8(text, scratch, 0);
  }

  function place(symbol: number): { bytes: Uint8Array; at: number; length: number } {
    const words = indexWords[Math.floor(symbol / SYMBOLS_PER_INDEX_PAGE)]!;
    const entry = (symbol % SYMBOLS_PER_INDEX_PAGE) * 2;
    const bytes = dataBytes[words[entry]!]!;
    const at = words[entry + 1]!;
    const length = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    return { bytes, at: at + 4, length };
  }

  function same(symbol: number, length: number): boolean {
    const p = place(symbol);
    if (p.length !== length) return false;
    for (let i = 0; i < length; i++) if (p.bytes[p.at + i] !== scratch[i]) return false;
    return true;
  }

  function lookup(length: number, hash: number): number {
    const mask = slots.length - 1;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const found = slots[i]!;
      if (found === 0) return NO_SYMBOL;
      if (hashes[found - 1] === hash && same(found - 1, length)) return found - 1;
    }
  }

  function insert(symbol: number, hash: number): void {
    const mask = slots.length - 1;
    let i = hash & mask;
    while (slots[i] !== 0) i = (i + 1) & mask;
    slots[i] = symbol + 1;
  }

  function store(length: number): void {
    const need = 4 + length;
    if (data.length === 0 || next + need > SYMBOL_PAGE_BYTES) {
      addPage(data, pageBytes(data.length === 0, need));
      next = 0;
    } else if (next + need > data.at(-1)!.byteLength) growPage(data, pageBytes(true, next + need));
    const entry = (count % SYMBOLS_PER_INDEX_PAGE) * 2;
    if (entry === 0) addPage(index, index.length === 0 ? FIRST_PAGE_BYTES : SYMBOL_PAGE_BYTES);
    else if (entry * 4 === index.at(-1)!.byteLength) growPage(index, 2 * entry * 4);
    const bytes = dataBytes.at(-1)!;
    for (let k = 0; k < 4; k++) bytes[next + k] = length >>> (8 * k);
    bytes.set(scratch.subarray(0, length), next + 4);
    const words = indexWords.at(-1)!;
    words[entry] = data.length - 1;
    words[entry + 1] = next;
    next += need;
    used += need;
  }

  function pageBytes(first: boolean, need: number): number {
    let size = first ? FIRST_PAGE_BYTES : SYMBOL_PAGE_BYTES;
    while (size < need) size *= 2;
    return size;
  }

  function addPage(pages: SharedArrayBuffer[], size: number): void {
    pages.push(new SharedArrayBuffer(size));
    look(pages);
  }

  /** A larger copy takes the place of the last page; who holds the old one finds in it all that it was told of. */
  function growPage(pages: SharedArrayBuffer[], size: number): void {
    const larger = new SharedArrayBuffer(size);
    new Uint8Array(larger).set(new Uint8Array(pages.at(-1)!));
    pages[pages.length - 1] = larger;
    look(pages);
  }

  function look(pages: SharedArrayBuffer[]): void {
    const last = pages.length - 1;
    if (pages === data) dataBytes[last] = new Uint8Array(pages[last]!);
    else indexWords[last] = new Uint32Array(pages[last]!);
  }

  /** Of the bytes in scratch. */
  function findOrAdd(length: number): number {
    const hash = hashBytes(scratch, length);
    const found = lookup(length, hash);
    if (found !== NO_SYMBOL) return found;
    store(length);
    const symbol = count++;
    if (symbol === hashes.length) {
      const grown = new Uint32Array(2 * hashes.length);
      grown.set(hashes);
      hashes = grown;
      slots = new Uint32Array(2 * slots.length);
      for (let s = 0; s < symbol; s++) insert(s, hashes[s]!);
    }
    hashes[symbol] = hash;
    insert(symbol, hash);
    return symbol;
  }

  return {
    table,
    count: () => count,
    bytes: () => used,
    find(text): number {
      const length = encode(text);
      return lookup(length, hashBytes(scratch, length));
    },
    add(text): number {
      const length = encode(text);
      return length > MAX_SYMBOL_BYTES ? NO_SYMBOL : findOrAdd(length);
    },
    adopt(from, symbol): number {
      const length = from.byteLength(symbol);
      if (length > scratch.length) scratch = new Uint8Array(2 * length);
      from.copy(symbol, scratch, 0);
      return findOrAdd(length);
    },
    text(symbol): string {
      const p = place(symbol);
      return decodeUtf8(p.bytes, p.at, p.at + p.length);
    },
    byteLength: (symbol) => place(symbol).length,
    copy(symbol, b, at): number {
      const p = place(symbol);
      if (p.length > 64) b.set(p.bytes.subarray(p.at, p.at + p.length), at);
      else for (let i = 0; i < p.length; i++) b[at + i] = p.bytes[p.at + i]!;
      return at + p.length;
    },
    compare(a, b): number {
      if (a === b) return 0;
      const p = place(a);
      const q = place(b);
      const n = Math.min(p.length, q.length);
      for (let i = 0; i < n; i++) {
        const d = p.bytes[p.at + i]! - q.bytes[q.at + i]!;
        if (d !== 0) return d;
      }
      return p.length - q.length;
    },
    startsWith(symbol, prefix): boolean {
      const p = place(symbol);
      if (p.length < prefix.length) return false;
      for (let i = 0; i < prefix.length; i++) if (p.bytes[p.at + i] !== prefix[i]) return false;
      return true;
    },
    sixBytes(symbol, from): number {
      const { bytes, at, length } = place(symbol);
      const n = Math.max(0, Math.min(6, length - from));
      let key = 0;
      for (let i = 0; i < 6; i++) key = 256 * key + (i < n ? bytes[at + from + i]! : 0);
      return 8 * key + n;
    },
    pages(): SymbolPages {
      if (shared.count !== count) shared = { count, index: [...index], data: [...data], table };
      return shared;
    },
  };
}

/** FNV-1a with a final mix: short texts that differ in the last byte must not be neighbours. */
function hashBytes(b: Uint8Array, n: number): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < n; i++) h = Math.imul(h ^ b[i]!, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
