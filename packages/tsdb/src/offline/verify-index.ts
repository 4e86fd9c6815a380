// Every byte of a block's index: sums, order, and that postings and series say the same. What is wrong is reported, and what comes after it is
// looked at all the same where its place is known.
import type { Files } from '@munjigi/env';
import { decodeUtf8 } from '@munjigi/model';
import { newBlockCache } from '../block/cache.ts';
import { openIndex, type IndexReader } from '../block/index-reader.ts';
import { TOC_BYTES } from '../block/index-writer.ts';
import { SERIES_ALIGN } from '../block/postings-passes.ts';
import { textBytes } from '../block/match.ts';
import { openPagedFile, type PagedFile } from '../block/paged-file.ts';
import { u32At } from '../block/section.ts';
import { newSeriesEntry, type SeriesEntry } from '../block/series-entry.ts';
import { runAtOnce } from '../block/steps.ts';
import { readUvarint, type ByteReader } from '../wal/bytes.ts';
import { crc32cOn } from '../block/buffered-file.ts';
import type { Reporter } from './finding.ts';

const CACHE_BYTES: number = 32 * 1024 * 1024;

export interface IndexSeries {
  readonly ref: number;
  readonly entry: SeriesEntry;
}

export interface IndexVerdict {
  /** References of series that can be read, ascending, in label order. */
  readonly refs: number[];
  /** Whether symbols can be read at all. */
  readonly usable: boolean;
}

/** `each` is called for every series that can be read; the entry is used again. */
export function verifyIndex(
  files: Files,
  path: string,
  really: number,
  report: Reporter,
  each: (series: IndexSeries) => void,
  progress: (done: number, total: number) => void,
): IndexVerdict {
  const cache = newBlockCache(CACHE_BYTES);
  let index: IndexReader;
  try {
    index = openIndex(files, path, cache, really);
  } catch (error) {
    report.error(error, path);
    return { refs: [], usable: false };
  }
  const file = openPagedFile(files, path, cache, cache.owner());
  try {
    const usable = verifySymbols(index, report);
    const pairs = new PairSums(index.symbols.count);
    const refs = walkSeries(index, file, report, usable, pairs, each, progress);
    verifyPostings(index, report, usable, pairs, refs);
    verifySections(index, file, report);
    return { refs, usable };
  } finally {
    file.close();
    index.close();
  }
}

function verifySymbols(index: IndexReader, report: Reporter): boolean {
  const { symbols, path, toc } = index;
  try {
    runAtOnce(symbols.prepare());
    let before = new Uint8Array(64);
    let length = -1;
    for (let n = 0; n < symbols.count; n++) {
      const { b, from, to } = symbols.view(n);
      if (length >= 0 && compareBytes(before, length, b, from, to) >= 0)
        report.damage(path, toc.symbols, `symbol ${n} is not above symbol ${n - 1}`);
      if (before.length < to - from) before = new Uint8Array(2 * (to - from));
      before.set(b.subarray(from, to));
      length = to - from;
    }
    return true;
  } catch (error) {
    report.error(error, path);
    return false;
  }
}

function compareBytes(a: Uint8Array, length: number, b: Uint8Array, from: number, to: number): number {
  const n = Math.min(length, to - from);
  for (let i = 0; i < n; i++) if (a[i] !== b[from + i]) return a[i]! - b[from + i]!;
  return length - (to - from);
}

/** For each label pair how many series have it, and a sum of their references that does not depend on order. */
class PairSums {
  readonly byPair = new Map<number, { count: number; sum: number }>();
  readonly #symbols: number;

  constructor(symbols: number) {
    this.#symbols = symbols;
  }

  add(name: number, value: number, ref: number): void {
    const key = name * this.#symbols + value;
    const known = this.byPair.get(key);
    if (known === undefined) this.byPair.set(key, { count: 1, sum: mixed(ref) });
    else {
      known.count++;
      known.sum = (known.sum + mixed(ref)) >>> 0;
    }
  }

  take(name: number, value: number): { count: number; sum: number } {
    const key = name * this.#symbols + value;
    const known = this.byPair.get(key) ?? { count: 0, sum: 0 };
    this.byPair.delete(key);
    return known;
  }
}

function mixed(x: number): number {
  let h = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function walkSeries(
  index: IndexReader,
  file: PagedFile,
  report: Reporter,
  usable: boolean,
  pairs: PairSums,
  each: (series: IndexSeries) => void,
  progress: (done: number, total: number) => void,
): number[] {
  const { toc, path } = index;
  const align = index.version === 1 ? 1 : SERIES_ALIGN;
  const entry = newSeriesEntry();
  const refs: number[] = [];
  let before = new Uint32Array(0);
  const end = toc.labelIndices;
  let at = toc.series;
  for (let seen = 0; at < end; seen++) {
    if (seen % 4096 === 0) progress(at - toc.series, end - toc.series);
    const padded = Math.min(end, Math.ceil(at / align) * align);
    if (!isZero(file, at, padded)) report.damage(path, at, 'bytes between two series are not zero');
    at = padded;
    if (at >= end || isZero(file, at, Math.min(end, at + align))) break;
    const bytes = seriesBytes(file, at, end);
    if (bytes === 0) {
      report.damage(path, at, 'a series with a length that cannot be: what follows cannot be found');
      break;
    }
    try {
      index.series(at / align, -Infinity, Infinity, entry);
      const { labels, labelCount } = entry;
      for (let i = 0; i < (usable ? labelCount : 0); i += 2) {
        if (i > 0 && labels[i]! <= labels[i - 2]!)
          report.damage(path, at, 'the labels of a series are not in the order of their names');
        pairs.add(labels[i]!, labels[i + 1]!, at / align);
      }
      const order = compareLabelNumbers(before, labels, labelCount);
      if (refs.length > 0 && order >= 0)
        report.damage(path, at, order === 0 ? 'a series stands twice' : 'a series is not in label order');
      else {
        refs.push(at / align);
        before = labels.slice(0, labelCount);
        each({ ref: at / align, entry });
      }
    } catch (error) {
      report.error(error, path);
    }
    at += bytes;
  }
  progress(1, 1);
  return refs;
}

function compareLabelNumbers(a: Uint32Array, b: Uint32Array, n: number): number {
  const least = Math.min(a.length, n);
  for (let i = 0; i < least; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - n;
}

/** Of the whole entry with its length and its sum; 0: it cannot be. */
function seriesBytes(file: PagedFile, at: number, end: number): number {
  const { b, from, to } = file.peek(at, 10);
  const r: ByteReader = { b, at: from, end: to, bad: false };
  const length = readUvarint(r);
  const bytes = r.at - from + length + 4;
  return r.bad || length === 0 || at + bytes > end ? 0 : bytes;
}

function isZero(file: PagedFile, from: number, to: number): boolean {
  if (to <= from) return true;
  const view = file.view(from, to - from);
  for (let i = view.from; i < view.to; i++) if (view.b[i] !== 0) return false;
  return true;
}

function verifyPostings(
  index: IndexReader,
  report: Reporter,
  usable: boolean,
  pairs: PairSums,
  refs: readonly number[],
): void {
  const { path, toc, table } = index;
  try {
    runAtOnce(table.prepare());
    const all = table.range('');
    const place = all === undefined ? -1 : table.find(all, new Uint8Array(0));
    if (place < 0) report.damage(path, toc.postingsTable, 'the list of all series is not there');
    else
      compareList(index, place, { count: refs.length, sum: sumOf(refs) }, 'the list of all series', report);
    for (const name of table.names()) {
      const range = table.range(name)!;
      const nameNumber = usable ? index.symbols.find(textBytes(name)) : -1;
      if (usable && nameNumber < 0) report.damage(path, range.place, `the label name ${name} is no symbol`);
      for (let n = range.first, at = range.place; n < range.end; n++) {
        const { value, postings, next } = table.entry(at);
        const text = value.b.slice(value.from, value.to);
        at = next;
        const number = usable ? index.symbols.find(text) : -1;
        const shown = `the postings of ${name}=${JSON.stringify(decodeUtf8(text, 0, text.length))}`;
        if (usable && number < 0) report.damage(path, postings, `${shown}: the value is no symbol`);
        else compareList(index, postings, usable ? pairs.take(nameNumber, number) : null, shown, report);
      }
    }
    if (usable && pairs.byPair.size > 0)
      report.damage(path, toc.postingsTable, `${pairs.byPair.size} label pairs of series have no postings`);
  } catch (error) {
    report.error(error, path);
  }
}

function sumOf(refs: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < refs.length; i++) sum = (sum + mixed(refs[i]!)) >>> 0;
  return sum;
}

function compareList(
  index: IndexReader,
  place: number,
  want: { count: number; sum: number } | null,
  what: string,
  report: Reporter,
): void {
  try {
    const list = index.postings(place);
    if (want === null || (list.length === want.count && sumOf(list) === want.sum)) return;
    const differ = list.length === want.count ? 'others' : String(want.count);
    report.damage(index.path, place, `${what}: ${list.length} series, and ${differ} have the label`);
  } catch (error) {
    report.error(error, index.path);
  }
}

/** All sections from end to end, those that no query reads too: their sums, and the zeros between them. */
function verifySections(index: IndexReader, file: PagedFile, report: Reporter): void {
  const { toc, path } = index;
  const tocAt = file.size - TOC_BYTES;
  const places = [toc.labelIndices, toc.labelIndexTable, toc.postings, toc.postingsTable, tocAt];
  const behind = (place: number): number => Math.min(...places.filter((other) => other > place));
  if (toc.labelIndexTable > 0) section(file, toc.labelIndexTable, behind(toc.labelIndexTable), path, report);
  for (const place of new Set([toc.labelIndices, toc.postings]))
    if (place > 0) walkSections(file, place, behind(place), path, report);
}

function walkSections(file: PagedFile, from: number, end: number, path: string, report: Reporter): void {
  // The table of contents names the place before the padding.
  for (let at = from; at < end;) {
    const next = Math.min(end, aligned(at));
    if (!isZero(file, at, next)) report.damage(path, at, 'bytes between two sections are not zero');
    if (next >= end) return;
    at = section(file, next, end, path, report);
    if (at === 0) return;
  }
}

function aligned(at: number): number {
  return Math.ceil(at / 4) * 4;
}

const PIECE_BYTES: number = 64 * 1024;

/** Checks a section's sum; its end, 0: it cannot be. */
function section(file: PagedFile, at: number, end: number, path: string, report: Reporter): number {
  const head = file.peek(at, 4);
  if (head.to - head.from < 4) return 0;
  const length = u32At(head.b, head.from);
  if (at + 4 + length + 4 > end) {
    report.damage(path, at, `a section of ${length} bytes ends behind the next one's beginning`);
    return 0;
  }
  let crc = 0;
  for (let from = at + 4; from < at + 4 + length; from += PIECE_BYTES) {
    const piece = file.view(from, Math.min(PIECE_BYTES, at + 4 + length - from));
    crc = crc32cOn(crc, piece.b, piece.from, piece.to);
  }
  const sum = file.view(at + 4 + length, 4);
  if (u32At(sum.b, sum.from) !== crc)
    report.damage(path, at + 4 + length, 'the checksum of a section does not match');
  return at + 8 + length;
}
