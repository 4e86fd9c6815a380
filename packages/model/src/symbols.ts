// Symbols: label names and values by number, in shared pages that are only ever appended to, so that a selection crosses
// threads as numbers. Layout:
//   index pages: SYMBOLS_PER_INDEX_PAGE entries of 8 bytes, u32 data page number, u32 offset in it; symbol i is entry i.
//   data pages:  u32 length in bytes, then UTF-8. A symbol never crosses a data page.
// Entry i is valid once the writer has told the reader a `count` above i (by message, so no ordering is needed here).
import { newSharedBuffer } from './shared-memory.ts';

export const SYMBOL_PAGE_BYTES: number = 16 * 1024 * 1024;
export const SYMBOLS_PER_INDEX_PAGE: number = SYMBOL_PAGE_BYTES / 8;

/** Plain data: posting it shares the pages and copies nothing. */
export interface SymbolPages {
  readonly count: number;
  /** Which table the numbers belong to: a store that renumbers its symbols begins another one. Absent: 0. */
  readonly table?: number;
  readonly index: readonly SharedArrayBuffer[];
  readonly data: readonly SharedArrayBuffer[];
}

/** Reads symbols as strings, each decoded once and remembered up to a limit. */
export class SymbolReader {
  #pages: SymbolPages;
  #texts = new Map<number, string>();
  readonly #limit: number;

  constructor(pages: SymbolPages, cacheLimit: number = 1_000_000) {
    this.#pages = pages;
    this.#limit = cacheLimit;
  }

  /** Takes a longer list of pages of the same table, or another table (what was remembered is forgotten). */
  update(pages: SymbolPages): void {
    if ((pages.table ?? 0) !== (this.#pages.table ?? 0)) {
      this.#pages = pages;
      this.#texts.clear();
    } else if (pages.count > this.#pages.count) this.#pages = pages;
  }

  text(symbol: number): string {
    const known = this.#texts.get(symbol);
    if (known !== undefined) return known;
    if (symbol >= this.#pages.count) throw new RangeError(`symbol ${symbol} of ${this.#pages.count}`);
    const entry = new Uint32Array(
      this.#pages.index[Math.floor(symbol / SYMBOLS_PER_INDEX_PAGE)]!,
      (symbol % SYMBOLS_PER_INDEX_PAGE) * 8,
      2,
    );
    const data = new Uint8Array(this.#pages.data[entry[0]!]!);
    const at = entry[1]!;
    const length = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    const text = decodeUtf8(data, at + 4, at + 4 + length);
    if (this.#texts.size >= this.#limit) this.#texts.clear();
    this.#texts.set(symbol, text);
    return text;
  }
}

/** Up to this many characters are made a string at once: one flat text, where adding them one by one makes as many objects. */
const FLAT_CHARACTERS = 64;
const CODES: readonly number[][] = Array.from({ length: FLAT_CHARACTERS + 1 }, (_, n) =>
  Array.from({ length: n }, () => 0),
);

/** UTF-8 to string without TextDecoder, which pure packages do not have; wrong bytes become U+FFFD. */
export function decodeUtf8(b: Uint8Array, from: number, to: number): string {
  let out = '';
  let i = from;
  while (i < to) {
    const n = Math.min(FLAT_CHARACTERS, to - i);
    const codes = CODES[n]!;
    let k = 0;
    for (; k < n && b[i + k]! < 0x80; k++) codes[k] = b[i + k]!;
    if (k < n) break;
    out += String.fromCharCode.apply(null, codes);
    i += n;
  }
  while (i < to) {
    const c = b[i]!;
    if (c < 0x80) {
      out += String.fromCharCode(c);
      i++;
      continue;
    }
    const size = c >= 0xf0 && c <= 0xf4 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
    let code = size === 4 ? c & 7 : size === 3 ? c & 15 : c & 31;
    let ok = size > 0 && c < 0xf5 && i + size <= to;
    for (let k = 1; ok && k < size; k++) {
      const next = b[i + k]!;
      if ((next & 0xc0) !== 0x80) ok = false;
      code = (code << 6) | (next & 63);
    }
    if (ok && size === 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) ok = false;
    if (ok && size === 4 && (code < 0x10000 || code > 0x10ffff)) ok = false;
    out += ok ? String.fromCodePoint(code) : '\ufffd';
    i += ok ? size : 1;
  }
  return out;
}

/** String to UTF-8 into b from `at`; returns the end. A lone surrogate becomes U+FFFD. The caller has room for 3 bytes a unit. */
export function encodeUtf8(text: string, b: Uint8Array, at: number): number {
  let p = at;
  for (let i = 0; i < text.length; i++) {
    let c = text.charCodeAt(i);
    if (c >= 0xd800 && c <= 0xdfff) {
      const code = text.codePointAt(i)!;
      if (code > 0xffff) {
        b[p++] = 0xf0 | (code >> 18);
        b[p++] = 0x80 | ((code >> 12) & 63);
        b[p++] = 0x80 | ((code >> 6) & 63);
        b[p++] = 0x80 | (code & 63);
        i++;
        continue;
      }
      c = 0xfffd;
    }
    if (c < 0x80) b[p++] = c;
    else if (c < 0x800) {
      b[p++] = 0xc0 | (c >> 6);
      b[p++] = 0x80 | (c & 63);
    } else {
      b[p++] = 0xe0 | (c >> 12);
      b[p++] = 0x80 | ((c >> 6) & 63);
      b[p++] = 0x80 | (c & 63);
    }
  }
  return p;
}

/** How many bytes `encodeUtf8` writes. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const c of text) {
    const code = c.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** A few texts as pages of their own, for selections that are put together in one thread. */
export function symbolPages(texts: readonly string[]): SymbolPages {
  const index = newSharedBuffer(Math.max(8, 8 * texts.length));
  const data = newSharedBuffer(texts.reduce((sum, text) => sum + 4 + utf8Length(text), 4));
  const entries = new Uint32Array(index);
  const bytes = new Uint8Array(data);
  const view = new DataView(data);
  let at = 0;
  texts.forEach((text, i) => {
    entries[2 * i + 1] = at;
    const end = encodeUtf8(text, bytes, at + 4);
    view.setUint32(at, end - at - 4, true);
    at = end;
  });
  return { count: texts.length, index: [index], data: [data] };
}
