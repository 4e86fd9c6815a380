// The head's series as columns: row r of every array belongs to series r. No object per series: a million series are about twenty
// arrays. Row 0 is never used. What each column costs stands in the README.
import {
  ENCODING,
  FAULT,
  KIND,
  METRIC_NAME,
  compareText,
  type Fault,
  type Labels,
  type SeriesRef,
} from '@munjigi/model';
import { NO_SYMBOL, type SymbolTable } from './symbol-table.ts';
import { allocWords, freeWords, newWordPool, type WordPool } from './words.ts';
import { newXorState, type XorState } from '../chunk/xor-encode.ts';
import { newStState, type StState } from '../chunk/start-time.ts';
import { NO_SLOT } from '../chunk/slots.ts';

/** A SeriesRef is generation * ROWS + row: a reference to a series that is gone never hits the row's next tenant. */
const ROWS: number = 2 ** 28;
export const MAX_LABELS = 1024;
export const NO_CHUNK = 0xffffffff;

/** Bits of `flags`. */
export const LIVE = 1;
/** Its series record is in the WAL. */
export const LOGGED = 2;
/** It has been seen by readers: it stands in the postings. */
export const PUBLISHED = 4;
/** Created or asked for since the last sweep: an appender may still hold it. */
export const YOUNG = 8;
/** It has out-of-order samples. */
export const OUT_OF_ORDER = 16;

/** Of `judgedKind`: any sample at that time counts as the same. */
export const UNKNOWN_KIND = 3;

export interface SeriesTable {
  /** Rows in use or free: [1, end). */
  end: number;
  live: number;
  created: number;
  removed: number;
  /** Told of a row when its series goes, before the row can be another's. */
  onRemove: (row: number) => void;
  readonly labels: WordPool;
  labelsAt: Uint32Array;
  labelCount: Uint16Array;
  hash: Uint32Array;
  generation: Uint32Array;
  flags: Uint8Array;
  /** The number that stands for the series in WAL records; unique for the life of the directory. */
  walRef: Float64Array;
  /** Newest sample judged (maybe not visible yet), by which the next is judged: time, value halves. */
  judgedT: Float64Array;
  /** Of a histogram: a hash of what it holds. */
  judgedValue: Uint32Array;
  /** KIND of that sample; UNKNOWN_KIND: it is in a file and was not read again. */
  judgedKind: Uint8Array;
  /** The open chunk: slot, its size in units, ENCODING, time of its first sample; `xor` (and `st`, the histogram's encoder) has the rest. */
  openSlot: Uint32Array;
  openUnits: Uint16Array;
  openEncoding: Uint8Array;
  openMint: Float64Array;
  /** Of every encoding `t` is the time of the newest visible sample. */
  xor: XorState;
  /** Start times of open XOR2 chunks; null until the first is opened. */
  st: StState | null;
  /** Closed chunks, a chain through the chunk table. */
  oldest: Uint32Array;
  newest: Uint32Array;
  /** 1 + index of its metadata; 0: none. */
  metadata: Uint32Array;
  /** Open addressing by label hash; row numbers. */
  slots: Uint32Array;
  /** Free rows, chained through labelsAt. */
  free: number;
}

export function newSeriesTable(): SeriesTable {
  const rows = 1024;
  return {
    end: 1,
    live: 0,
    created: 0,
    removed: 0,
    onRemove: () => undefined,
    labels: newWordPool(16 * 1024),
    labelsAt: new Uint32Array(rows),
    labelCount: new Uint16Array(rows),
    hash: new Uint32Array(rows),
    generation: new Uint32Array(rows),
    flags: new Uint8Array(rows),
    walRef: new Float64Array(rows),
    judgedT: new Float64Array(rows),
    judgedValue: new Uint32Array(2 * rows),
    judgedKind: new Uint8Array(rows),
    openSlot: new Uint32Array(rows),
    openUnits: new Uint16Array(rows),
    openEncoding: new Uint8Array(rows),
    openMint: new Float64Array(rows),
    xor: newXorState(rows),
    st: null,
    oldest: new Uint32Array(rows),
    newest: new Uint32Array(rows),
    metadata: new Uint32Array(rows),
    slots: new Uint32Array(2 * rows),
    free: 0,
  };
}

export function refOf(s: SeriesTable, row: number): SeriesRef {
  return s.generation[row]! * ROWS + row;
}

/** The row of a reference; 0 when the series is gone or never was. */
export function rowOf(s: SeriesTable, ref: SeriesRef): number {
  const generation = ref < ROWS ? 0 : Math.floor(ref / ROWS);
  const row = ref - generation * ROWS;
  // Written so that NaN and fractions fail too.
  if (!(row > 0 && row < s.end) || s.generation[row] !== generation || (s.flags[row]! & LIVE) === 0) return 0;
  return row;
}

/** Why labels cannot be a series' labels; FAULT.none when they can. */
export function judgeLabels(labels: Labels): Fault {
  const n = labels.length;
  if (n === 0 || n % 2 !== 0 || n > 2 * MAX_LABELS) return FAULT.bad_labels;
  for (let i = 0; i < n; i += 2) {
    if (labels[i] === '' || labels[i + 1] === '') return FAULT.bad_labels;
    if (i > 0 && compareText(labels[i - 2]!, labels[i]!) >= 0) return FAULT.bad_labels;
  }
  return FAULT.none;
}

/** Symbols of labels into out; false when one of them is not in the table (or, with `add`, too long). */
export function symbolsOf(table: SymbolTable, labels: Labels, out: Uint32Array, add: boolean): boolean {
  for (let i = 0; i < labels.length; i++) {
    const symbol = add ? table.add(labels[i]!) : table.find(labels[i]!);
    if (symbol === NO_SYMBOL) return false;
    out[i] = symbol;
  }
  return true;
}

export function hashSymbols(words: Uint32Array, at: number, n: number): number {
  let h = n;
  for (let i = at; i < at + n; i++) {
    h = Math.imul(h ^ words[i]!, 0x9e3779b1);
    h = (h << 13) | (h >>> 19);
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return (h ^ (h >>> 15)) >>> 0;
}

/** The row of the series with these symbols; 0: none. */
export function findRow(s: SeriesTable, symbols: Uint32Array, n: number, hash: number): number {
  const mask = s.slots.length - 1;
  const words = s.labels.words;
  for (let i = hash & mask; ; i = (i + 1) & mask) {
    const row = s.slots[i]!;
    if (row === 0) return 0;
    if (s.hash[row] !== hash || s.labelCount[row] !== n / 2) continue;
    const at = s.labelsAt[row]!;
    let k = 0;
    while (k < n && words[at + k] === symbols[k]) k++;
    if (k === n) return row;
  }
}

/** Adds a series that findRow did not find. */
export function addRow(
  s: SeriesTable,
  symbols: Uint32Array,
  n: number,
  hash: number,
  walRef: number,
): number {
  let row = s.free;
  if (row !== 0) s.free = s.labelsAt[row]!;
  else {
    row = s.end++;
    if (row === s.flags.length) growRows(s);
  }
  const at = allocWords(s.labels, n);
  for (let i = 0; i < n; i++) s.labels.words[at + i] = symbols[i]!;
  s.labelsAt[row] = at;
  s.labelCount[row] = n / 2;
  s.hash[row] = hash;
  s.flags[row] = LIVE | YOUNG;
  s.walRef[row] = walRef;
  s.judgedT[row] = -Infinity;
  s.judgedKind[row] = KIND.float;
  s.openSlot[row] = NO_SLOT;
  s.openUnits[row] = 0;
  s.openEncoding[row] = ENCODING.xor;
  s.xor.count[row] = 0;
  s.xor.bits[row] = 0;
  // Equal to judgedT exactly when every judged sample is visible.
  s.xor.t[row] = -Infinity;
  s.oldest[row] = NO_CHUNK;
  s.newest[row] = NO_CHUNK;
  s.metadata[row] = 0;
  s.live++;
  s.created++;
  if (2 * s.live > s.slots.length) rebuildSlots(s, 2 * s.slots.length);
  else insertSlot(s, row);
  return row;
}

/** Takes a series out of the table; its row is free for another one once `freeRow` is called. */
export function removeRow(s: SeriesTable, row: number): void {
  s.onRemove(row);
  removeSlot(s, row);
  s.flags[row] = 0;
  s.generation[row]!++;
  s.live--;
  s.removed++;
}

export function freeRow(s: SeriesTable, row: number): void {
  freeWords(s.labels, s.labelsAt[row]!, 2 * s.labelCount[row]!);
  s.labelsAt[row] = s.free;
  s.labelCount[row] = 0;
  s.free = row;
}

export function labelsOfRow(s: SeriesTable, table: SymbolTable, row: number): Labels {
  const flat: string[] = [];
  const at = s.labelsAt[row]!;
  for (let i = 0; i < 2 * s.labelCount[row]!; i++) flat.push(table.text(s.labels.words[at + i]!));
  return flat as unknown as Labels;
}

export function metricNameOf(s: SeriesTable, table: SymbolTable, row: number): string {
  const labels = labelsOfRow(s, table, row);
  for (let i = 0; i < labels.length; i += 2) if (labels[i] === METRIC_NAME) return labels[i + 1]!;
  return '';
}

/** Bytes of all columns, the hash index and the label words. */
export function tableBytes(s: SeriesTable): number {
  let bytes = s.labels.words.byteLength;
  for (const column of [...Object.values(s), ...Object.values(s.xor), ...Object.values(s.st ?? {})])
    if (ArrayBuffer.isView(column)) bytes += column.byteLength;
  return bytes;
}

function insertSlot(s: SeriesTable, row: number): void {
  const mask = s.slots.length - 1;
  let i = s.hash[row]! & mask;
  while (s.slots[i] !== 0) i = (i + 1) & mask;
  s.slots[i] = row;
}

function rebuildSlots(s: SeriesTable, size: number): void {
  s.slots = new Uint32Array(size);
  for (let row = 1; row < s.end; row++) if ((s.flags[row]! & LIVE) !== 0) insertSlot(s, row);
}

/** Linear probing without tombstones: what stood behind the hole moves up. */
function removeSlot(s: SeriesTable, row: number): void {
  const mask = s.slots.length - 1;
  let hole = s.hash[row]! & mask;
  while (s.slots[hole] !== row) hole = (hole + 1) & mask;
  for (let i = (hole + 1) & mask; s.slots[i] !== 0; i = (i + 1) & mask) {
    const home = s.hash[s.slots[i]!]! & mask;
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    s.slots[hole] = s.slots[i]!;
    hole = i;
  }
  s.slots[hole] = 0;
}

function growRows(s: SeriesTable): void {
  const rows = Math.ceil(s.flags.length * 1.5);
  s.labelsAt = grown(s.labelsAt, new Uint32Array(rows));
  s.labelCount = grown(s.labelCount, new Uint16Array(rows));
  s.hash = grown(s.hash, new Uint32Array(rows));
  s.generation = grown(s.generation, new Uint32Array(rows));
  s.flags = grown(s.flags, new Uint8Array(rows));
  s.walRef = grown(s.walRef, new Float64Array(rows));
  s.judgedT = grown(s.judgedT, new Float64Array(rows));
  s.judgedValue = grown(s.judgedValue, new Uint32Array(2 * rows));
  s.openSlot = grown(s.openSlot, new Uint32Array(rows));
  s.judgedKind = grown(s.judgedKind, new Uint8Array(rows));
  s.openUnits = grown(s.openUnits, new Uint16Array(rows));
  s.openEncoding = grown(s.openEncoding, new Uint8Array(rows));
  s.openMint = grown(s.openMint, new Float64Array(rows));
  s.oldest = grown(s.oldest, new Uint32Array(rows));
  s.newest = grown(s.newest, new Uint32Array(rows));
  s.metadata = grown(s.metadata, new Uint32Array(rows));
  const x = s.xor;
  x.bits = grown(x.bits, new Uint16Array(rows));
  x.count = grown(x.count, new Uint8Array(rows));
  x.lead = grown(x.lead, new Uint8Array(rows));
  x.trail = grown(x.trail, new Uint8Array(rows));
  x.t = grown(x.t, new Float64Array(rows));
  x.delta = grown(x.delta, new Float64Array(rows));
  x.value = grown(x.value, new Uint32Array(2 * rows));
  if (s.st !== null) s.st = grownSt(s.st, rows);
}

/** Makes the start times of open chunks, once a chunk has to keep them. */
export function startTimes(s: SeriesTable): StState {
  s.st ??= newStState(s.flags.length);
  return s.st;
}

function grownSt(old: StState, rows: number): StState {
  const larger = newStState(rows);
  for (const [name, column] of Object.entries(old))
    (larger as unknown as Record<string, Float64Array>)[name]!.set(column as Float64Array);
  return larger;
}

function grown<T extends { set(from: T): void }>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
