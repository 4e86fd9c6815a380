// What matchers found in a block, as columns: the form in which it is remembered and merged with what other blocks found.
import type { Slicer } from '../head/slicer.ts';
import type { SeriesCursor } from './reader.ts';
import { SEGMENT_STEP } from './segment-writer.ts';

/**
 * Series 0..count in label order. Labels of series i are labels[labelFirst[i]..labelFirst[i+1]), its chunks rows [chunkFirst[i], chunkFirst[i+1])
 * of the other columns, in the order of the index; times in ms, both inclusive.
 */
export interface Found {
  readonly count: number;
  readonly refs: Uint32Array;
  readonly labelFirst: Uint32Array;
  readonly labels: Uint32Array;
  readonly chunkFirst: Uint32Array;
  readonly mint: Float64Array;
  readonly maxt: Float64Array;
  /** Number of the segment, from 0, and the place in it. */
  readonly segment: Uint32Array;
  readonly offset: Uint32Array;
}

/** Per series and per chunk, at first. */
const LABEL_WORDS = 16;
const CHUNKS = 16;

export interface ReadFoundOptions {
  /** At most what the cursor comes to. */
  readonly series: number;
  /** Chunks of each series; false: one of them. */
  readonly withChunks: boolean;
  /** A symbol's number where it will be. */
  readonly number: (symbol: number) => number;
  /** Whether so many series and chunks are enough. */
  readonly enough: (series: number, chunks: number) => boolean;
}

/** What a cursor comes to, in columns that may lie in longer buffers. */
export async function readFound(
  cursor: SeriesCursor,
  { series, withChunks, number, enough }: ReadFoundOptions,
  slicer: Slicer,
): Promise<Found> {
  const refs = new Uint32Array(series);
  const labelFirst = new Uint32Array(series + 1);
  const chunkFirst = new Uint32Array(series + 1);
  let labels = new Uint32Array(LABEL_WORDS * Math.min(series, 1024));
  let chunks = newChunks(CHUNKS * Math.min(series, 1024));
  let count = 0;
  let words = 0;
  let rows = 0;
  while (count < series && !enough(count, rows) && cursor.next()) {
    if (slicer.due(2)) await slicer.rest();
    const { labelCount } = cursor;
    const chunkCount = withChunks ? cursor.chunkCount : 1;
    if (words + labelCount > labels.length) labels = grown(labels, new Uint32Array(2 * (words + labelCount)));
    if (rows + chunkCount > chunks.mint.length) chunks = grownChunks(chunks, 2 * (rows + chunkCount));
    for (let i = 0; i < labelCount; i++) labels[words++] = number(cursor.labels[i]!);
    for (let k = 0; k < chunkCount; k++, rows++) {
      const ref = cursor.chunkRef[k]!;
      const segment = Math.floor(ref / SEGMENT_STEP);
      chunks.mint[rows] = cursor.chunkMint[k]!;
      chunks.maxt[rows] = cursor.chunkMaxt[k]!;
      chunks.segment[rows] = segment;
      chunks.offset[rows] = ref - segment * SEGMENT_STEP;
    }
    refs[count++] = cursor.ref;
    labelFirst[count] = words;
    chunkFirst[count] = rows;
  }
  return {
    count,
    refs: refs.subarray(0, count),
    labelFirst: labelFirst.subarray(0, count + 1),
    labels: labels.subarray(0, words),
    chunkFirst: chunkFirst.subarray(0, count + 1),
    mint: chunks.mint.subarray(0, rows),
    maxt: chunks.maxt.subarray(0, rows),
    segment: chunks.segment.subarray(0, rows),
    offset: chunks.offset.subarray(0, rows),
  };
}

/** The same in buffers that hold nothing else: to be kept. */
export function trimmedFound(f: Found): Found {
  return {
    count: f.count,
    refs: f.refs.slice(),
    labelFirst: f.labelFirst.slice(),
    labels: f.labels.slice(),
    chunkFirst: f.chunkFirst.slice(),
    mint: f.mint.slice(),
    maxt: f.maxt.slice(),
    segment: f.segment.slice(),
    offset: f.offset.slice(),
  };
}

export function foundBytes(f: Found): number {
  const columns = [f.refs, f.labelFirst, f.labels, f.chunkFirst, f.mint, f.maxt, f.segment, f.offset];
  return columns.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

type Chunks = Pick<Found, 'mint' | 'maxt' | 'segment' | 'offset'>;

function newChunks(n: number): Chunks {
  return {
    mint: new Float64Array(n),
    maxt: new Float64Array(n),
    segment: new Uint32Array(n),
    offset: new Uint32Array(n),
  };
}

function grownChunks(c: Chunks, n: number): Chunks {
  const next = newChunks(n);
  return {
    mint: grown(c.mint, next.mint),
    maxt: grown(c.maxt, next.maxt),
    segment: grown(c.segment, next.segment),
    offset: grown(c.offset, next.offset),
  };
}

function grown<T extends Uint32Array | Float64Array>(old: T, fresh: T): T {
  fresh.set(old);
  return fresh;
}
