// Samples of a column as chunks for a block: floats and histograms in turn, cut as Prometheus' compaction cuts them.
import { ENCODING, HIGH, KIND, LOW, type Column } from '@munjigi/model';
import { HistogramEncoder } from './histogram-encode.ts';
import { newStState } from './start-time.ts';
import { chunkDataBytes, putChunkData } from './stored.ts';
import { XOR_SAMPLE_MAX_BYTES, appendXor, newXorState } from './xor-encode.ts';
import { XOR2_SAMPLE_MAX_BYTES, appendXor2 } from './xor2-encode.ts';

/** A chunk for a file. Times in ms; `data` begins with the 2-byte count. */
export interface StoredChunk {
  readonly encoding: number;
  readonly mint: number;
  readonly maxt: number;
  readonly samples: number;
  readonly data: Uint8Array;
}

export interface EncodeColumnOptions {
  /** Floats without start times too are written as XOR2. */
  readonly xor2: boolean;
  /** Histograms without start times too are written in the encodings that keep them. */
  readonly histogramSt?: boolean;
  /** A chunk ends at this many samples, 250 at most. */
  readonly maxSamples: number;
  /** A chunk of histograms ends before it could take more; 8 MiB, where readers begin to doubt it, when it isn't said. */
  readonly maxBytes?: number;
}

/**
 * Samples [from, to) of a column, ascending, as chunks. Start times are kept: floats that have one go to XOR2, histograms to the encodings
 * with start times.
 */
export function encodeColumn(c: Column, from: number, to: number, o: EncodeColumnOptions): StoredChunk[] {
  const chunks: StoredChunk[] = [];
  const maxSamples = Math.min(o.maxSamples, 250);
  for (let i = from; i < to;) {
    const float = c.kind === null || c.kind[i] === KIND.float;
    i = float
      ? encodeFloats(c, i, to, o.xor2, maxSamples, chunks)
      : encodeHistograms(c, i, to, { ...o, maxSamples }, chunks);
  }
  return chunks;
}

const floats = newXorState(1);
const starts = newStState(1);
let buffer: Uint8Array = new Uint8Array(1024);

/** One chunk of the floats that begin at sample `from`; returns where it ends. */
function encodeFloats(
  c: Column,
  from: number,
  to: number,
  xor2: boolean,
  maxSamples: number,
  chunks: StoredChunk[],
): number {
  const withSt = xor2 || stOf(c, from) !== 0;
  const room = maxSamples * (withSt ? XOR2_SAMPLE_MAX_BYTES : XOR_SAMPLE_MAX_BYTES);
  if (buffer.length < room) buffer = new Uint8Array(room);
  floats.count[0] = 0;
  floats.bits[0] = 0;
  let i = from;
  for (; i < to && i - from < maxSamples && (c.kind === null || c.kind[i] === KIND.float); i++) {
    const high = c.bits[2 * i + HIGH]!;
    const low = c.bits[2 * i + LOW]!;
    const st = stOf(c, i);
    if (withSt) appendXor2(buffer, 0, floats, starts, 0, c.t[i]!, high, low, st);
    else if (st === 0) appendXor(buffer, 0, floats, 0, c.t[i]!, high, low);
    else break;
  }
  const encoding = withSt ? ENCODING.xor2 : ENCODING.xor;
  const bytes = (floats.bits[0] + 7) >> 3;
  chunks.push(stored(encoding, c.t[from]!, c.t[i - 1]!, i - from, buffer, bytes));
  return i;
}

/** Chunks of the histograms that begin at sample `from`, as long as the same encoding serves; returns where they end. */
function encodeHistograms(
  c: Column,
  from: number,
  to: number,
  { histogramSt: alwaysSt = false, maxSamples, maxBytes = 8 * 1024 * 1024 }: EncodeColumnOptions,
  chunks: StoredChunk[],
): number {
  const kind = c.kind![from]!;
  const withSt = alwaysSt || stOf(c, from) !== 0;
  let e = new HistogramEncoder(kind, withSt);
  let i = from;
  for (; i < to && e.count < maxSamples && c.kind![i] === kind; i++) {
    if (!alwaysSt && (stOf(c, i) !== 0) !== withSt) break;
    if (e.count > 0 && !e.fits(c.h!, i, maxBytes)) break;
    if (e.append(c.t[i]!, c.h!, i, stOf(c, i), null) !== 'cut') continue;
    chunks.push(stored(e.encoding, e.mint, e.maxt, e.count, e.bytes, e.length));
    const before = e;
    e = new HistogramEncoder(kind, withSt);
    e.append(c.t[i]!, c.h!, i, stOf(c, i), before);
  }
  chunks.push(stored(e.encoding, e.mint, e.maxt, e.count, e.bytes, e.length));
  return i;
}

function stOf(c: Column, i: number): number {
  return c.st === null ? 0 : c.st[i]!;
}

function stored(
  encoding: number,
  mint: number,
  maxt: number,
  samples: number,
  b: Uint8Array,
  bytes: number,
): StoredChunk {
  const data = new Uint8Array(chunkDataBytes(encoding, bytes));
  putChunkData(data, 0, encoding, samples, b, 0, bytes);
  return { encoding, mint, maxt, samples, data };
}
