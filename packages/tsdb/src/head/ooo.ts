// Out-of-order samples of a series. They collect in groups, in the order they came: plain floats as pairs in one slot that is only appended
// to; as soon as there is anything else (histograms, floats with start times) as a chunk of one sample each. A full group is sorted and encoded to closed
// chunks. A sample is put into its group when it is judged; readers see as many as are `visible`.
import {
  ENCODING,
  HIGH,
  KIND,
  LOW,
  RESET_HINT,
  appendEmptyRows,
  appendHistogramRow,
  growColumn,
  newColumn,
  newHistogramColumns,
  type Column,
  type HistogramColumns,
} from '@munjigi/model';
import { IN_MEMORY, addChunk, freeChunk, linkToChain, type Chain, type ChunkStore } from './chunk-table.ts';
import { NO_CHUNK, OUT_OF_ORDER } from './series.ts';
import { decodeHistogram } from '../chunk/histogram-decode.ts';
import { encodeColumn } from '../chunk/encode-column.ts';
import { HistogramEncoder } from '../chunk/histogram-encode.ts';
import { RESET_HEADER } from '../chunk/histogram-layout.ts';
import { MAX_SLOT_UNITS, UNIT_BYTES, byteOf, pageOf, unitsFor } from '../chunk/slots.ts';
import { newStState } from '../chunk/start-time.ts';
import { addressOf } from '../chunk/stored.ts';
import { newXorState } from '../chunk/xor-encode.ts';
import { XOR2_SAMPLE_MAX_BYTES, appendXor2 } from '../chunk/xor2-encode.ts';
import { headChunkStart } from '../wal/head-chunks.ts';
import { decodeXor2 } from '../chunk/xor2-decode.ts';

/** A group is closed at this many samples, as in Prometheus. */
const GROUP_SAMPLES = 32;
const PAIR_BYTES = 16;
const FIRST_PAIRS = 4;

/** A sample that is a chunk of its own. */
interface Single {
  readonly kind: number;
  readonly t: number;
  /** Value halves, or the histogram's hash. */
  readonly high: number;
  readonly low: number;
  readonly encoding: number;
  readonly slot: number;
  readonly units: number;
  readonly bytes: number;
}

export interface Group {
  /** Samples judged, and how many of them readers see. */
  n: number;
  visible: number;
  /** Nothing more is put in. */
  sealed: boolean;
  /** Its chunks belong to the mark. */
  marked: boolean;
  /** Time range of the visible samples. */
  mint: number;
  maxt: number;
  /** Pairs of float64 in one slot; `singles` is null then. */
  slot: number;
  units: number;
  singles: Single[] | null;
}

export interface OutOfOrder extends Chain {
  /** Oldest first; the last one may take more. */
  readonly groups: Group[];
  /** Newest closed chunk that a block shall hold; NO_CHUNK: none. */
  mark: number;
}

/** Takes an out-of-order sample: 0 taken, 1 the same is in the open group already, 2 another one at this time is. */
export function offerOutOfOrder(
  c: ChunkStore,
  row: number,
  kind: number,
  t: number,
  high: number,
  low: number,
  st: number,
  h: HistogramColumns | null,
  from: number,
): 0 | 1 | 2 {
  let o = c.outOfOrder.get(row);
  const plain = kind === KIND.float && (st === 0 || !c.xor2);
  const last = o?.groups.at(-1);
  if (last !== undefined && !last.sealed)
    for (let i = 0; i < last.n; i++)
      if (timeOf(c, last, i) === t) return sameValue(c, last, i, high, low) ? 1 : 2;
  if (o === undefined) {
    o = { groups: [], mark: NO_CHUNK, oldest: NO_CHUNK, newest: NO_CHUNK };
    c.outOfOrder.set(row, o);
    c.series.flags[row]! |= OUT_OF_ORDER;
  }
  let group = last;
  if (group === undefined || group.sealed) {
    group = newGroup(c, plain);
    o.groups.push(group);
  }
  if (!plain && group.singles === null) takeApart(c, group);
  if (group.singles === null) putPair(c, group, t, high, low);
  else group.singles.push(encodeSingle(c, kind, t, high, low, st, h, from));
  group.n++;
  if (group.n === GROUP_SAMPLES) group.sealed = true;
  return 0;
}

/** Takes back the newest offered sample of a series, which nobody has seen. */
export function takeBackOutOfOrder(c: ChunkStore, row: number): void {
  const o = c.outOfOrder.get(row)!;
  const group = o.groups.at(-1)!;
  group.n--;
  group.sealed = false;
  const single = group.singles?.pop();
  if (single !== undefined) c.slots.free(single.slot, single.units);
  if (group.n > 0) return;
  if (group.singles === null) c.leases.retire(group.slot, group.units);
  o.groups.pop();
  forgetEmpty(c, row, o);
}

/** The oldest sample that is not visible yet becomes visible; what is full then becomes closed chunks. */
export function publishOutOfOrder(c: ChunkStore, row: number): void {
  const o = c.outOfOrder.get(row)!;
  const group = o.groups.find((g) => g.visible < g.n)!;
  const t = timeOf(c, group, group.visible++);
  if (t < group.mint) group.mint = t;
  if (t > group.maxt) group.maxt = t;
  if (group.sealed && group.visible === group.n) closeGroups(c, row);
}

/** Closes the sealed groups whose samples are all visible. */
export function closeGroups(c: ChunkStore, row: number): void {
  const o = c.outOfOrder.get(row)!;
  while (o.groups.length > 0 && o.groups[0]!.sealed && o.groups[0]!.visible === o.groups[0]!.n) {
    const group = o.groups.shift()!;
    closeGroup(c, o, group);
    if (group.marked) o.mark = o.newest;
    giveUpGroup(c, group);
  }
}

function closeGroup(c: ChunkStore, chain: OutOfOrder, group: Group): void {
  const { chunks } = c;
  for (const { slot, units, bytes, samples, encoding, mint, maxt } of codeGroup(c, group, group.n)) {
    linkToChain(chunks, chain, addChunk(chunks, slot, units, bytes, samples, encoding, mint, maxt));
    c.openedChunks++;
  }
}

/** A chunk in a slot. */
export interface SlotChunk {
  readonly slot: number;
  readonly units: number;
  readonly bytes: number;
  readonly samples: number;
  readonly encoding: number;
  readonly mint: number;
  readonly maxt: number;
}

/** The first n samples of a group, sorted and cut to chunks, in slots of their own. */
export function codeGroup(c: ChunkStore, group: Group, n: number): SlotChunk[] {
  const column = newColumn(n);
  readGroup(c, group, n, column);
  const o = {
    xor2: c.xor2,
    histogramSt: c.xor2,
    maxSamples: GROUP_SAMPLES,
    maxBytes: MAX_SLOT_UNITS * UNIT_BYTES,
  };
  return encodeColumn(sorted(column), 0, n, o).map(({ data, encoding, samples, mint, maxt }) => {
    const from = addressOf(encoding, 0);
    const bytes = data.length - from;
    return { ...toSlot(c, data.subarray(from), bytes), bytes, samples, encoding, mint, maxt };
  });
}

/** Appends the first n samples of a group to a column, in the order they came. */
export function readGroup(c: ChunkStore, group: Group, n: number, into: Column): void {
  for (let i = 0; i < n; i++) {
    const single = group.singles?.[i];
    if (single === undefined) {
      growColumn(into, into.n + 1);
      const word = byteOf(group.slot) / 4 + 4 * i + 2;
      const words = c.slots.words[pageOf(group.slot)]!;
      into.t[into.n] = timeOf(c, group, i);
      into.bits[2 * into.n] = words[word]!;
      into.bits[2 * into.n + 1] = words[word + 1]!;
      if (into.st !== null) into.st[into.n] = 0;
      into.n++;
    } else readSingle(c, single, into);
  }
}

function readSingle(c: ChunkStore, single: Single, into: Column): void {
  const page = c.slots.bytes[pageOf(single.slot)]!;
  const at = byteOf(single.slot);
  if (single.kind !== KIND.float) {
    decodeHistogram(page, at, at + single.bytes, 1, single.encoding, into);
    // Its hint, which stands in the header alone: the chunks of the group are cut by it.
    const header = page[at]! & RESET_HEADER.gauge;
    if (header === RESET_HEADER.reset) into.h!.resetHint[into.n - 1] = RESET_HINT.reset;
    else if (header === RESET_HEADER.gauge) into.h!.resetHint[into.n - 1] = RESET_HINT.gauge;
    return;
  }
  growColumn(into, into.n + 1);
  into.st ??= new Float64Array(into.t.length);
  decodeXor2(page, at, 1, into.t, into.bits, into.st, into.n);
  if (into.kind !== null) {
    into.kind[into.n] = KIND.float;
    appendEmptyRows(into.h!, 1);
  }
  into.n++;
}

/** The same samples by time; of equal times the last that came. */
function sorted(c: Column): Column {
  let rising = true;
  for (let i = 1; i < c.n && rising; i++) rising = c.t[i]! > c.t[i - 1]!;
  if (rising) return c;
  const order = Uint32Array.from({ length: c.n }, (_, i) => i).sort((a, b) => c.t[a]! - c.t[b]! || a - b);
  const out = newColumn(c.n);
  out.kind = c.kind === null ? null : new Uint8Array(c.n);
  out.st = c.st === null ? null : new Float64Array(c.n);
  out.h = c.h === null ? null : newHistogramColumns(c.n);
  for (let i = 0; i < c.n; i++) {
    const from = order[i]!;
    out.t[i] = c.t[from]!;
    out.bits[2 * i] = c.bits[2 * from]!;
    out.bits[2 * i + 1] = c.bits[2 * from + 1]!;
    if (out.kind !== null) out.kind[i] = c.kind![from]!;
    if (out.st !== null) out.st[i] = c.st![from]!;
    if (out.h !== null) appendHistogramRow(out.h, c.h!, from);
  }
  out.n = c.n;
  return out;
}

function newGroup(c: ChunkStore, plain: boolean): Group {
  const units = plain ? unitsFor(FIRST_PAIRS * PAIR_BYTES) : 0;
  return {
    n: 0,
    visible: 0,
    sealed: false,
    marked: false,
    mint: Infinity,
    maxt: -Infinity,
    slot: plain ? c.slots.alloc(units) : 0,
    units,
    singles: plain ? null : [],
  };
}

/** Makes the pairs of a group chunks of their own. */
function takeApart(c: ChunkStore, group: Group): void {
  const words = c.slots.words[pageOf(group.slot)]!;
  const singles: Single[] = [];
  for (let i = 0; i < group.n; i++) {
    const at = byteOf(group.slot) / 4 + 4 * i + 2;
    const t = timeOf(c, group, i);
    singles.push(encodeSingle(c, KIND.float, t, words[at + HIGH]!, words[at + LOW]!, 0, null, 0));
  }
  c.leases.retire(group.slot, group.units);
  group.singles = singles;
}

function putPair(c: ChunkStore, group: Group, t: number, high: number, low: number): void {
  if (group.n * PAIR_BYTES === group.units * UNIT_BYTES) {
    const units = 2 * group.units;
    const slot = c.slots.alloc(units);
    const at = byteOf(group.slot);
    const bytes = group.n * PAIR_BYTES;
    c.slots.bytes[pageOf(slot)]!.set(
      c.slots.bytes[pageOf(group.slot)]!.subarray(at, at + bytes),
      byteOf(slot),
    );
    c.leases.retire(group.slot, group.units);
    group.slot = slot;
    group.units = units;
  }
  const at = byteOf(group.slot) + group.n * PAIR_BYTES;
  const page = pageOf(group.slot);
  c.slots.floats[page]![at / 8] = t;
  c.slots.words[page]![at / 4 + 2 + HIGH] = high;
  c.slots.words[page]![at / 4 + 2 + LOW] = low;
}

function timeOf(c: ChunkStore, group: Group, i: number): number {
  if (group.singles !== null) return group.singles[i]!.t;
  return c.slots.floats[pageOf(group.slot)]![byteOf(group.slot) / 8 + 2 * i]!;
}

function sameValue(c: ChunkStore, group: Group, i: number, high: number, low: number): boolean {
  const single = group.singles?.[i];
  if (single !== undefined) return single.high === high && single.low === low;
  const words = c.slots.words[pageOf(group.slot)]!;
  const at = byteOf(group.slot) / 4 + 4 * i + 2;
  return words[at + HIGH] === high && words[at + LOW] === low;
}

/** One sample as a chunk of its own in a slot. */
function encodeSingle(
  c: ChunkStore,
  kind: number,
  t: number,
  high: number,
  low: number,
  st: number,
  h: HistogramColumns | null,
  from: number,
): Single {
  if (kind === KIND.float) {
    const state = newXorState(1);
    const b = new Uint8Array(2 * XOR2_SAMPLE_MAX_BYTES);
    appendXor2(b, 0, state, newStState(1), 0, t, high, low, st);
    const bytes = (state.bits[0]! + 7) >> 3;
    return { kind, t, high, low, encoding: ENCODING.xor2, bytes, ...toSlot(c, b, bytes) };
  }
  const encoder = new HistogramEncoder(kind, c.xor2);
  encoder.append(t, h!, from, st, null);
  const bytes = encoder.length;
  return { kind, t, high, low, encoding: encoder.encoding, bytes, ...toSlot(c, encoder.bytes, bytes) };
}

function toSlot(c: ChunkStore, b: Uint8Array, bytes: number): { slot: number; units: number } {
  const units = unitsFor(bytes);
  const slot = c.slots.alloc(units);
  c.slots.bytes[pageOf(slot)]!.set(b.subarray(0, bytes), byteOf(slot));
  return { slot, units };
}

function giveUpGroup(c: ChunkStore, group: Group): void {
  if (group.singles === null) c.leases.retire(group.slot, group.units);
  else for (const { slot, units } of group.singles) c.leases.retire(slot, units);
}

/** Drops the closed chunks up to and with the mark; returns how many. */
export function dropMarked(c: ChunkStore, row: number): number {
  const o = c.outOfOrder.get(row)!;
  if (o.mark === NO_CHUNK) return 0;
  let dropped = 0;
  for (let chunk = o.oldest; chunk !== NO_CHUNK;) {
    const last = chunk === o.mark;
    chunk = freeChunk(c, chunk);
    dropped++;
    o.oldest = chunk;
    if (last) break;
  }
  if (o.oldest === NO_CHUNK) o.newest = NO_CHUNK;
  else c.chunks.previous[o.oldest] = NO_CHUNK;
  o.mark = NO_CHUNK;
  forgetEmpty(c, row, o);
  return dropped;
}

/** Drops all out-of-order samples of a series; returns how many chunks were closed ones. */
export function dropAllOutOfOrder(c: ChunkStore, row: number): number {
  const o = c.outOfOrder.get(row)!;
  for (const group of o.groups) giveUpGroup(c, group);
  o.groups.length = 0;
  o.mark = o.newest;
  if (o.mark !== NO_CHUNK) return dropMarked(c, row);
  forgetEmpty(c, row, o);
  return 0;
}

/** Drops the chunks in files up to the one that begins at byte `at` of `file`: blocks hold them. */
export function dropFiledUpTo(c: ChunkStore, row: number, file: number, at: number): void {
  const o = c.outOfOrder.get(row)!;
  const t = c.chunks;
  keepChunks(c, row, o, (chunk) => {
    const its = t.file[chunk]!;
    if (its === IN_MEMORY || its > file) return true;
    return its === file && headChunkStart(t.encoding[chunk]!, t.place[chunk]!, t.bytes[chunk]!) > at;
  });
}

/** Drops everything that a series has in memory only: chunks of files hold it too. */
export function dropUnfiled(c: ChunkStore, row: number): void {
  const o = c.outOfOrder.get(row);
  if (o === undefined) return;
  for (const group of o.groups) giveUpGroup(c, group);
  o.groups.length = 0;
  keepChunks(c, row, o, (chunk) => c.chunks.file[chunk] !== IN_MEMORY);
}

function keepChunks(c: ChunkStore, row: number, o: OutOfOrder, keep: (chunk: number) => boolean): void {
  const kept: number[] = [];
  for (let chunk = o.oldest; chunk !== NO_CHUNK;) {
    const next = c.chunks.next[chunk]!;
    if (keep(chunk)) kept.push(chunk);
    else freeChunk(c, chunk);
    chunk = next;
  }
  o.oldest = NO_CHUNK;
  o.newest = NO_CHUNK;
  for (const chunk of kept) {
    c.chunks.next[chunk] = NO_CHUNK;
    linkToChain(c.chunks, o, chunk);
  }
  forgetEmpty(c, row, o);
}

function forgetEmpty(c: ChunkStore, row: number, o: OutOfOrder): void {
  if (o.groups.length > 0 || o.newest !== NO_CHUNK) return;
  c.outOfOrder.delete(row);
  c.series.flags[row]! &= ~OUT_OF_ORDER;
}
