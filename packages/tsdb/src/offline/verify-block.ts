// Every byte of a block: meta.json, index, chunk segments, tombstones, and that they say the same of each other.
import type { Files } from '@munjigi/env';
import { ENCODING, newColumn, type Column } from '@munjigi/model';
import { META_FILE, readMeta, type BlockMeta } from '../block/meta.ts';
import { SEGMENT_HEADER_BYTES, SEGMENT_STEP } from '../block/segment-writer.ts';
import { checkSegment, listSegments } from '../block/segment-reader.ts';
import { TOMBSTONES_FILE, readTombstones } from '../block/tombstones.ts';
import { isUlid } from '../block/ulid.ts';
import { CHUNKS_DIR, INDEX_FILE } from '../block/writer.ts';
import { clearColumn } from '../chunk/column.ts';
import { decodeData } from '../chunk/reader.ts';
import { readStored, storedBytes } from '../chunk/stored.ts';
import { openChunkWindow } from '../compact/chunk-window.ts';
import { newReporter, type Report, type Reporter } from './finding.ts';
import { verifyIndex } from './verify-index.ts';

export interface BlockVerdict {
  /** null: it cannot be read. */
  readonly meta: BlockMeta | null;
  readonly damages: number;
  readonly series: number;
  readonly chunks: number;
  readonly samples: number;
  /** Series that can be read, in label order; empty when the index is of no use. */
  readonly refs: readonly number[];
  /** Chunks that are as they should be, ascending references. */
  readonly goodChunks: Float64Array;
  /** Of all samples that can be read; mint > maxt: there are none. */
  readonly mint: number;
  readonly maxt: number;
  readonly tombstonesUsable: boolean;
}

export type VerifyProgress = (step: string, done: number, total: number) => void;

/** A block ends at most this long behind its newest chunk: the longest range that blocks are merged to by default. */
export const MAX_EMPTY_END_MS: number = 31 * 86_400_000;
/** Times beyond are not whole numbers any more. */
const MAX_TIME_MS: number = 2 ** 53;

export function isBlockTime(t: number): boolean {
  return Math.abs(t) < MAX_TIME_MS;
}

/** Thanos' downsampled chunks. */
const AGGREGATES = 255;

export function verifyBlock(
  files: Files,
  dir: string,
  report: Report,
  progress: VerifyProgress = () => undefined,
): BlockVerdict {
  const r = newReporter(report);
  const meta = verifyMeta(files, dir, r);
  const name = dir.slice(dir.lastIndexOf('/') + 1);
  const starts = walkSegments(files, dir, r, (done, total) => progress(`${name}: chunks`, done, total));
  const used = new Uint8Array(starts.length);
  const counts = { chunks: 0, aggregates: 0, floats: 0, histograms: 0, mint: Infinity, maxt: -Infinity };
  let newest = -Infinity;
  const good: number[] = [];
  const column = newColumn(256);
  const window = openChunkWindow(files, dir);
  const indexPath = `${dir}/${INDEX_FILE}`;
  const index = verifyIndex(
    files,
    indexPath,
    meta?.version === 2 ? 2 : 0,
    r,
    ({ ref, entry }) => {
      for (let i = 0; i < entry.chunkCount; i++) {
        const [mint, maxt] = [entry.chunkMint[i]!, entry.chunkMaxt[i]!];
        const place = `series ${ref}, chunk of ${mint} to ${maxt}`;
        if (mint > maxt || (i > 0 && mint <= entry.chunkMaxt[i - 1]!))
          r.damage(indexPath, -1, `${place}: not behind the chunk before it`);
        if (meta !== null && (mint < meta.minTime || maxt >= meta.maxTime))
          r.damage(indexPath, -1, `${place}: outside of the block's ${meta.minTime} to ${meta.maxTime}`);
        newest = Math.max(newest, maxt);
        const at = rowOf(starts, entry.chunkRef[i]!);
        if (at < 0) {
          const { file, offset } = placeOf(dir, entry.chunkRef[i]!);
          r.damage(indexPath, -1, `${place}: no good chunk begins at byte ${offset} of ${file}`);
          continue;
        }
        used[at] = 1;
        const view = window.read(starts[at]!);
        if (view.encoding === AGGREGATES) {
          good.push(starts[at]!);
          counts.chunks++;
          counts.aggregates++;
          continue;
        }
        const wrong = checkChunk(view.b, view.from, view.to, view.samples, view.encoding, column, mint, maxt);
        const { file, offset } = placeOf(dir, starts[at]!);
        if (wrong !== '') {
          r.damage(file, offset, wrong);
          continue;
        }
        good.push(starts[at]!);
        counts.chunks++;
        counts.mint = Math.min(counts.mint, mint);
        counts.maxt = Math.max(counts.maxt, maxt);
        if (view.encoding === ENCODING.xor || view.encoding === ENCODING.xor2) counts.floats += view.samples;
        else counts.histograms += view.samples;
      }
    },
    (done, total) => progress(`${name}: index`, done, total),
  );
  window.close();
  const unnamed = used.indexOf(0);
  if (unnamed >= 0 && index.usable) {
    const { file, offset } = placeOf(dir, starts[unnamed]!);
    r.note(
      file,
      offset,
      `${used.reduce((n, u) => n + 1 - u, 0)} chunks that no series names, the first here`,
    );
  }
  if (counts.aggregates > 0)
    r.note(
      dir,
      -1,
      `${counts.aggregates} chunks of downsampled data: their sums are right, what is in them was not looked at`,
    );
  const samples = counts.floats + counts.histograms;
  if (meta !== null && meta.maxTime - newest > MAX_EMPTY_END_MS && newest > -Infinity)
    r.damage(
      `${dir}/${META_FILE}`,
      -1,
      `maxTime is ${meta.maxTime}, and the newest chunk ends at ${newest}: a start would take the samples between them for stored in this block, and drop them`,
    );
  if (meta !== null && r.damages() === 0) compareStats(meta, dir, index.refs.length, counts, r);
  const tombstonesUsable = verifyTombstones(files, dir, index.refs, r);
  return {
    meta,
    damages: r.damages(),
    series: index.refs.length,
    chunks: counts.chunks,
    samples,
    refs: index.usable ? index.refs : [],
    goodChunks: Float64Array.from(good).sort(),
    mint: counts.mint,
    maxt: counts.maxt,
    tombstonesUsable,
  };
}

function verifyMeta(files: Files, dir: string, r: Reporter): BlockMeta | null {
  const path = `${dir}/${META_FILE}`;
  try {
    const meta = readMeta(files.readFile(path), path);
    const name = dir.slice(dir.lastIndexOf('/') + 1);
    if (isUlid(name) && name !== meta.ulid) r.damage(path, -1, `it says ${meta.ulid}, its folder ${name}`);
    for (const [key, t] of [
      ['minTime', meta.minTime],
      ['maxTime', meta.maxTime],
    ] as const)
      if (!isBlockTime(t)) r.damage(path, -1, `${key} is ${t}, a time that no sample has`);
    return meta;
  } catch (error) {
    r.error(error, path);
    return null;
  }
}

const WINDOW_BYTES: number = 1024 * 1024;

/** References of all chunks whose sums are right, ascending. After a damaged length the rest of a segment cannot be found. */
function walkSegments(
  files: Files,
  dir: string,
  r: Reporter,
  progress: (done: number, total: number) => void,
): Float64Array {
  const starts: number[] = [];
  const folder = `${dir}/${CHUNKS_DIR}`;
  let segments;
  try {
    segments = listSegments(files, folder);
  } catch (error) {
    r.error(error, folder);
    return new Float64Array(0);
  }
  const total = segments.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const segment of segments) {
    const number = Number(segment.path.slice(segment.path.lastIndexOf('/') + 1)) - 1;
    try {
      checkSegment(files, segment);
      walkSegment(files, segment.path, segment.size, r, (offset) => {
        starts.push(number * SEGMENT_STEP + offset);
        if (starts.length % 1024 === 0) progress(done + offset, total);
      });
    } catch (error) {
      r.error(error, segment.path);
    }
    done += segment.size;
  }
  return Float64Array.from(starts);
}

function walkSegment(
  files: Files,
  path: string,
  size: number,
  r: Reporter,
  each: (offset: number) => void,
): void {
  const file = files.open(path, 'r');
  try {
    let b = new Uint8Array(Math.min(size, WINDOW_BYTES));
    let start = 0;
    let held = 0;
    const load = (at: number, n: number): number => {
      const want = Math.min(n, size - at);
      if (at < start || at + want > start + held) {
        if (b.length < want) b = new Uint8Array(want);
        start = at;
        held = file.read(b, 0, Math.min(b.length, size - at), at);
      }
      return at - start;
    };
    for (let at = SEGMENT_HEADER_BYTES; at < size;) {
      let from = load(at, 16);
      const bytes = storedBytes(b, from, Math.min(held, from + size - at));
      if (bytes <= 0 || at + bytes > size) {
        r.damage(path, at, 'a chunk with a length that cannot be: the rest of the segment cannot be walked');
        return;
      }
      from = load(at, bytes);
      const stored = readStored(b, from, from + bytes);
      if (typeof stored === 'string') r.damage(path, at, stored);
      else each(at);
      at += bytes;
    }
  } finally {
    file.close();
  }
}

/** '' or what is wrong with the samples of a chunk whose sum is right. */
export function checkChunk(
  b: Uint8Array,
  from: number,
  to: number,
  samples: number,
  encoding: number,
  column: Column,
  mint: number,
  maxt: number,
): string {
  clearColumn(column);
  const wrong = decodeData(b, from, to, samples, encoding, column);
  if (wrong !== null) return `a chunk: ${wrong}`;
  if (column.n !== samples || samples === 0) return `a chunk of ${column.n} samples says it has ${samples}`;
  for (let i = 1; i < column.n; i++)
    if (column.t[i]! <= column.t[i - 1]!) return `a chunk whose sample ${i} is not behind the one before it`;
  if (column.t[0] === mint && column.t[column.n - 1] === maxt) return '';
  return `a chunk of ${column.t[0]} to ${column.t[column.n - 1]}, named as ${mint} to ${maxt}`;
}

function rowOf(sorted: Float64Array, x: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] === x) return middle;
    if (sorted[middle]! < x) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

function placeOf(dir: string, ref: number): { file: string; offset: number } {
  const segment = Math.floor(ref / SEGMENT_STEP);
  return { file: `${dir}/${CHUNKS_DIR}/${String(segment + 1).padStart(6, '0')}`, offset: ref % SEGMENT_STEP };
}

function compareStats(
  { stats }: BlockMeta,
  dir: string,
  series: number,
  counts: { chunks: number; aggregates: number; floats: number; histograms: number },
  r: Reporter,
): void {
  const is = (what: string, said: number, found: number): void => {
    if (said !== found) r.damage(`${dir}/${META_FILE}`, -1, `${what} is ${said}, there are ${found}`);
  };
  is('numSeries', stats.numSeries, series);
  is('numChunks', stats.numChunks, counts.chunks);
  if (counts.aggregates > 0) return;
  is('numSamples', stats.numSamples, counts.floats + counts.histograms);
  // Older writers count them together only.
  if (stats.numFloatSamples + stats.numHistogramSamples === 0) return;
  is('numFloatSamples', stats.numFloatSamples, counts.floats);
  is('numHistogramSamples', stats.numHistogramSamples, counts.histograms);
}

function verifyTombstones(files: Files, dir: string, refs: readonly number[], r: Reporter): boolean {
  const path = `${dir}/${TOMBSTONES_FILE}`;
  if (files.stat(path) === null) return true;
  try {
    const t = readTombstones(files.readFile(path), path);
    const known = Float64Array.from(refs);
    for (const ref of t.ref)
      if (rowOf(known, ref) < 0)
        r.damage(path, -1, `series ${ref} has deleted ranges and is not in the index`);
    return true;
  } catch (error) {
    r.error(error, path);
    return false;
  }
}
