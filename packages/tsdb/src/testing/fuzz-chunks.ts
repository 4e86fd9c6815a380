// Wrong bytes for every decoder of chunks: mutated chunks and random ones. They must say what is wrong or give wrong samples, in bounded
// time and memory; throw nothing; and leave alone what the column held before.
import { ENCODING, KIND, newColumn, type Column, type HistogramColumns } from '@munjigi/model';
import { clearColumn } from '../chunk/column.ts';
import { decodeHistogram } from '../chunk/histogram-decode.ts';
import { HistogramEncoder } from '../chunk/histogram-encode.ts';
import { STORED_EXTRA_BYTES, addressOf, readStored, storedSamples } from '../chunk/stored.ts';
import { decodeXor } from '../chunk/xor-decode.ts';
import { decodeXor2 } from '../chunk/xor2-decode.ts';
import { XOR2_SAMPLE_MAX_BYTES, appendXor2, newStState } from '../chunk/xor2-encode.ts';
import { appendXor, newXorState } from '../chunk/xor-encode.ts';
import { putU32, putUvarint } from '../wal/bytes.ts';
import { crc32c } from '../wal/crc32c.ts';
import { chunkData, hexOf } from './chunk-vectors.ts';
import { randomHistory, type Dice } from './histories.ts';

const ENCODINGS: readonly number[] = [
  ENCODING.xor,
  ENCODING.histogram,
  ENCODING.floatHistogram,
  ENCODING.xor2,
  ENCODING.histogramSt,
  ENCODING.floatHistogramSt,
];
/** A float64 for each bit of a chunk, twice for growth by half, and what a column has anyway: more is running away. */
const BUCKETS_PER_BYTE = 32;

/** Runs `rounds` inputs; throws an Error with the input's bytes in hexadecimal when a decoder breaks its promises. */
export function fuzzChunks(random: Dice, rounds: number): void {
  const column = newColumn(64);
  for (let round = 0; round < rounds; round++) {
    const encoding = ENCODINGS[random.below(ENCODINGS.length)]!;
    const data = mutate(random, random.below(8) === 0 ? randomBytes(random) : validChunk(random, encoding));
    try {
      decodeAny(column, encoding, data);
      readAny(random, encoding, data);
    } catch (error) {
      throw new Error(`encoding ${encoding}, bytes ${hexOf(data)}: ${String(error)}`, { cause: error });
    }
  }
}

function decodeAny(column: Column, encoding: number, data: Uint8Array): void {
  clearColumn(column);
  column.t[0] = 42;
  column.n = 1;
  const at = addressOf(encoding, 0);
  const n = storedSamples(encoding, data, 0);
  if (encoding === ENCODING.xor || encoding === ENCODING.xor2) {
    // As the reader does: room for all samples that are promised, 65,535 at most.
    const c = newColumn(n + 1);
    if (encoding === ENCODING.xor) decodeXor(data, at, n, c.t, c.bits, 1);
    else decodeXor2(data, at, n, c.t, c.bits, new Float64Array(n + 1), 1);
    if (c.t[0] !== 0) throw new Error('it wrote before its place');
    return;
  }
  const wrong = decodeHistogram(data, at, data.length, n, encoding, column);
  if (column.t[0] !== 42) throw new Error('it wrote before its place');
  if (column.n !== (wrong === null ? n + 1 : 1)) throw new Error(`it gave ${column.n - 1} of ${n} samples`);
  checkColumn(column, data.length);
}

function checkColumn(c: Column, bytes: number): void {
  const { h } = c;
  if (h === null) return;
  if (h.bucket.length > BUCKETS_PER_BYTE * bytes + 65_536)
    throw new Error(`it took room for ${h.bucket.length} buckets`);
  for (let i = 1; i < c.n; i++) {
    if (c.kind![i] === KIND.float) throw new Error(`sample ${i} became a float`);
    if (
      bucketsOf(h, h.positiveSpanFirst[i]!, h.positiveSpanEnd[i]!) !==
        h.positiveEnd[i]! - h.positiveFirst[i]! ||
      bucketsOf(h, h.negativeSpanFirst[i]!, h.negativeSpanEnd[i]!) !==
        h.negativeEnd[i]! - h.negativeFirst[i]! ||
      h.negativeEnd[i]! > h.buckets
    )
      throw new Error(`sample ${i} has other buckets than its spans say`);
  }
}

function bucketsOf(h: HistogramColumns, first: number, end: number): number {
  let length = 0;
  for (let k = first; k < end; k++) length += h.spanLength[k]!;
  return length;
}

/** The frame of a chunk segment, with its checksum, whole or with a wrong byte. */
function readAny(random: Dice, encoding: number, data: Uint8Array): void {
  const b = new Uint8Array(data.length + STORED_EXTRA_BYTES);
  const at = putUvarint(b, 0, data.length);
  b[at] = encoding;
  b.set(data, at + 1);
  const end = putU32(b, at + 1 + data.length, crc32c(b, at, at + 1 + data.length));
  const place = readStored(b, 0, end);
  if (data.length >= 3 && typeof place === 'string') throw new Error(`a good frame: ${place}`);
  b[random.below(end)]! ^= 1 << random.below(8);
  const wrong = readStored(b, 0, end - random.below(2));
  if (typeof wrong !== 'string') throw new Error('a wrong frame was taken');
}

function validChunk(random: Dice, encoding: number): Uint8Array {
  const n = 1 + random.below(40);
  if (encoding !== ENCODING.xor && encoding !== ENCODING.xor2) {
    const whole = encoding === ENCODING.histogram || encoding === ENCODING.histogramSt;
    const withSt = encoding === ENCODING.histogramSt || encoding === ENCODING.floatHistogramSt;
    const kind = whole ? KIND.histogram : KIND.floatHistogram;
    const history = randomHistory(random, kind, n, withSt);
    const e = new HistogramEncoder(kind, withSt);
    for (let i = 0; i < n; i++)
      if (e.append(history.t[i]!, history.h, i, history.st[i]!, null) === 'cut') break;
    return chunkData(e);
  }
  const b = new Uint8Array(2 + n * XOR2_SAMPLE_MAX_BYTES);
  const s = newXorState(1);
  const starts = newStState(1);
  let t = random.below(1e9);
  for (let i = 0; i < n; i++) {
    t += 1 + random.below(20_000);
    const high = random.below(2 ** 32);
    if (encoding === ENCODING.xor2) appendXor2(b, 2, s, starts, 0, t, high, 0, random.below(2) * (t - 5));
    else appendXor(b, 2, s, 0, t, high, 0);
  }
  b[1] = n;
  return b.slice(0, 2 + Math.ceil(s.bits[0]! / 8));
}

function randomBytes(random: Dice): Uint8Array {
  return Uint8Array.from({ length: 3 + random.below(120) }, () => random.below(256));
}

/** Bits turned, bytes taken out or put in, runs of ones, and counts that are too large. */
function mutate(random: Dice, b: Uint8Array): Uint8Array {
  let out = b.slice();
  for (let n = random.below(4); n > 0; n--) {
    const at = random.below(out.length);
    switch (random.below(5)) {
      case 0:
        out[at]! ^= 1 << random.below(8);
        break;
      case 1:
        out.fill(255, at, at + 1 + random.below(12));
        break;
      case 2:
        out = Uint8Array.from([...out.subarray(0, at), ...out.subarray(at + 1 + random.below(6))]);
        break;
      case 3:
        out = Uint8Array.from([...out.subarray(0, at), random.below(256), ...out.subarray(at)]);
        break;
      default:
        out[random.below(2)] = random.below(256);
    }
    if (out.length < 3) out = Uint8Array.from([...out, 0, 0, 0]);
  }
  return out;
}
