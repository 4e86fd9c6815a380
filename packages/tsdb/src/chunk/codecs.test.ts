// The codecs beside XOR: every byte as Prometheus 3.16 writes it (testdata/chunks.jsonl: our samples, its bytes), every sample back as it was.
import { readFileSync } from 'node:fs';
import { Prng } from '@munjigi/env/sim';
import { ENCODING, HIGH, KIND, LOW, RESET_HINT, newColumn, newHistogramColumns } from '@munjigi/model';
import { expect, test } from 'vitest';
import {
  bitsOfText,
  bitsText,
  bytesOfHex,
  chunkData,
  hexOf,
  histogramText,
  pushHistogram,
  type SampleText,
} from '../testing/chunk-vectors.ts';
import { randomHistory, wide } from '../testing/histories.ts';
import { decodeHistogram } from './histogram-decode.ts';
import { HistogramEncoder } from './histogram-encode.ts';
import { newStState } from './start-time.ts';
import { addressOf, putChunkData, storedSamples } from './stored.ts';
import { startKernel } from './kernel.ts';
import { decodeXor2 } from './xor2-decode.ts';
import { XOR2_SAMPLE_MAX_BYTES, appendXor2, resumeXor2 } from './xor2-encode.ts';
import { XOR_SAMPLE_MAX_BYTES, appendXor, newXorState, resumeXor } from './xor-encode.ts';

interface Vector {
  readonly kind: 'int' | 'float' | 'xor' | 'xor2';
  readonly withSt: boolean;
  /** A new chunk is begun at this many samples, the one before it known; 0: never. */
  readonly cutAt: number;
  readonly samples: readonly SampleText[];
  readonly chunks: readonly string[];
}

const VECTORS: readonly Vector[] = readFileSync(new URL('./testdata/chunks.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector);

/** All chunks that a series of samples comes to; now and then the encoder is made anew from its bytes. */
function encodeHistograms(v: {
  kind: number;
  withSt: boolean;
  cutAt: number;
  t: readonly number[];
  st: readonly number[];
  h: ReturnType<typeof newHistogramColumns>;
}): HistogramEncoder[] {
  let e = new HistogramEncoder(v.kind, v.withSt);
  const chunks = [e];
  const next = (): HistogramEncoder => {
    const before = e;
    chunks.push((e = new HistogramEncoder(v.kind, v.withSt)));
    return before;
  };
  v.t.forEach((t, i) => {
    const previous = v.cutAt > 0 && e.count >= v.cutAt ? next() : null;
    if (i % 7 === 6 && e.count > 0)
      e = chunks[chunks.length - 1] = HistogramEncoder.resume(e.bytes, e.length, e.count, e.encoding);
    if (e.append(t, v.h, i, v.st[i]!, previous) !== 'cut') return;
    const before = next();
    expect(e.append(t, v.h, i, v.st[i]!, before)).toBe('appended');
  });
  return chunks;
}

test.each(VECTORS.map((v, i) => [i, v.kind, v.withSt ? 'with start times' : '', v] as const))(
  'vector %d: %s %s',
  (_, kind, _st, v) => {
    if (kind === 'int' || kind === 'float') {
      const h = newHistogramColumns();
      for (const s of v.samples) pushHistogram(h, s);
      const chunks = encodeHistograms({
        kind: kind === 'int' ? KIND.histogram : KIND.floatHistogram,
        withSt: v.withSt,
        cutAt: v.cutAt,
        t: v.samples.map((s) => s.t),
        st: v.samples.map((s) => s.st ?? 0),
        h,
      });
      expect(chunks.map((e) => hexOf(chunkData(e)))).toEqual(v.chunks);
      return;
    }
    const s = newXorState(1);
    const e = newStState(1);
    const b = new Uint8Array(v.samples.length * XOR2_SAMPLE_MAX_BYTES);
    for (const { t, st = 0, value = '0'.repeat(16) } of v.samples) {
      const [high, low] = bitsOfText(value);
      if (kind === 'xor2') appendXor2(b, 0, s, e, 0, t, high, low, st);
      else appendXor(b, 0, s, 0, t, high, low);
    }
    const bytes = (s.bits[0]! + 7) >> 3;
    const data = new Uint8Array(bytes + 2);
    putChunkData(data, 0, ENCODING.xor2, v.samples.length, b, 0, bytes);
    expect([hexOf(data)]).toEqual(v.chunks);
  },
);

test.each([
  [KIND.histogram, false],
  [KIND.floatHistogram, false],
  [KIND.histogram, true],
  [KIND.floatHistogram, true],
])('histograms of kind %d come back as they were (start times: %s)', (kind, withSt) => {
  const random = new Prng(kind, `codecs ${withSt}`);
  for (let round = 0; round < 40; round++) {
    const history = randomHistory(random, kind, 1 + random.below(60), withSt);
    const cutAt = random.below(2) === 0 ? 0 : 1 + random.below(20);
    const chunks = encodeHistograms({ ...history, withSt, cutAt });
    const column = newColumn(1);
    column.t[0] = 5;
    column.n = 1;
    for (const e of chunks) {
      const data = chunkData(e);
      expect(storedSamples(e.encoding, data, 0)).toBe(e.count);
      const from = column.n;
      decodeHistogram(data, addressOf(e.encoding, 0), data.length, e.count, e.encoding, column);
      expect([column.t[from], column.t[column.n - 1]]).toEqual([e.mint, e.maxt]);
    }
    const h = column.h!;
    expect(Array.from(column.t.subarray(1, column.n))).toEqual(history.t);
    expect(Array.from(column.st?.subarray(1, column.n) ?? history.t.map(() => 0))).toEqual(history.st);
    expect(Array.from(column.kind!.subarray(0, column.n))).toEqual([
      KIND.float,
      ...history.t.map(() => kind),
    ]);
    expect(histogramText(h, 0)).toBe(histogramText(newHistogramRow(), 0));
    history.t.forEach((_, i) => {
      expect(histogramText(h, i + 1)).toBe(histogramText(history.h, i));
    });
  }
});

function newHistogramRow(): ReturnType<typeof newHistogramColumns> {
  const h = newHistogramColumns();
  pushHistogram(h, { t: 0 });
  return h;
}

test('a chunk of finer buckets than there are is read coarser', () => {
  const h = newHistogramColumns();
  const sample: SampleText = {
    t: 0,
    schema: 10,
    count: 21,
    positiveSpans: [
      [-5, 3],
      [1, 3],
    ],
    positive: [1, 2, 3, 4, 5, 6],
  };
  pushHistogram(h, sample);
  pushHistogram(h, { ...sample, count: 42, positive: [2, 4, 6, 8, 10, 12] });
  const e = new HistogramEncoder(KIND.histogram, false);
  e.append(1, h, 0, 0, null);
  e.append(2, h, 1, 0, null);
  const column = newColumn();
  decodeHistogram(e.bytes, 0, e.length, 2, e.encoding, column);
  // Buckets -5 -4 -3, -1 0 1: four of schema 10 are one of schema 8, (-8..-4] is bucket -1.
  expect([0, 1].map((i) => histogramText(column.h!, i).split(' | ')[2])).toEqual([
    '+ -1:3 0:12 1:6',
    '+ -1:6 0:24 1:12',
  ]);
  expect([column.h!.schema[1], column.h!.positiveEnd[1]! - column.h!.positiveFirst[1]!]).toEqual([8, 3]);
});

test.each<[string, number, number]>([
  ['of gauges', RESET_HINT.gauge, RESET_HINT.gauge],
  ['of counters', RESET_HINT.unknown, RESET_HINT.notReset],
])('hints %s', (_, hint, later) => {
  const h = newHistogramColumns();
  const e = new HistogramEncoder(KIND.floatHistogram, true);
  const samples: SampleText[] = [
    { t: 1, count: 1, hint },
    { t: 2, count: 2, hint },
    { t: 3, sum: '7ff0000000000002', hint },
  ];
  samples.forEach((s, i) => {
    pushHistogram(h, s);
    expect(e.append(s.t, h, i, 0, null)).toBe('appended');
  });
  const column = newColumn();
  decodeHistogram(e.bytes, 0, e.length, 3, e.encoding, column);
  const first = hint === RESET_HINT.gauge ? RESET_HINT.gauge : RESET_HINT.unknown;
  expect(Array.from(column.h!.resetHint.subarray(0, 3))).toEqual([first, later, RESET_HINT.unknown]);
});

test('bytes of another encoder cannot be gone on with', () => {
  const h = newHistogramColumns();
  pushHistogram(h, { t: 1, count: 1, positiveSpans: [[0, 1]], positive: [1] });
  const e = new HistogramEncoder(KIND.histogram, false);
  e.append(1, h, 0, 0, null);
  const bytes = e.bytes.slice(0, e.length + 1);
  expect(() => HistogramEncoder.resume(bytes, e.length + 1, 1, e.encoding)).toThrow('another encoder');
});

test.each([false, true])('floats come back through XOR2, and encoders go on (start times: %s)', (withSt) => {
  const random = new Prng(4, `xor2 ${withSt}`);
  const kernel = startKernel(0)!;
  for (let round = 0; round < 60; round++) {
    const n = 1 + random.below(200);
    const t = new Float64Array(n);
    const st = new Float64Array(n);
    const v = new Float64Array(n);
    const bits = new Uint32Array(v.buffer);
    const b = new Uint8Array(8 + n * XOR2_SAMPLE_MAX_BYTES).fill(0xa5);
    const s = newXorState(2);
    const e = newStState(2);
    let row = 0;
    let time = wide(random, 2e12) - 1e12;
    for (let i = 0; i < n; i++) {
      time += random.below(3) === 0 ? 1 + wide(random, 2 ** random.below(36)) : 15_000;
      t[i] = time;
      const lot = random.below(8);
      if (i > 0) st[i] = st[i - 1]!;
      if (withSt && random.below(round % 2 === 0 ? 5 : 150) === 0) st[i] = time - random.below(1e6);
      if (lot === 0) bits.set([2, 0x7ff00000], 2 * i);
      else if (lot < 3) bits.set([random.u32(), random.u32()], 2 * i);
      else if (lot < 6) v[i] = random.below(1000);
      else if (i > 0) v[i] = v[i - 1]!;
      if (i > 0 && random.below(30) === 0) {
        expect(resumeXor2(b, 5, s, e, 1 - row, i)).toBe(true);
        row = 1 - row;
      }
      appendXor2(b, 5, s, e, row, time, bits[2 * i + HIGH]!, bits[2 * i + LOW]!, st[i]!);
    }
    for (const part of [n, 1 + random.below(n)]) {
      const column = newColumn(part);
      const starts = new Float64Array(part);
      const end = decodeXor2(b, 5, part, column.t, column.bits, starts, 0);
      if (part === n) expect(end).toBe(40 + s.bits[row]!);
      if (kernel.memory(ENCODING.xor2, b, 5, (end >> 3) - 4, part)) {
        const other = newColumn(1);
        kernel.moveTo(other, -Infinity, Infinity);
        expect(other.t.subarray(0, part)).toEqual(column.t);
        expect(other.bits.subarray(0, 2 * part)).toEqual(column.bits);
      } else expect(b[5]).not.toBe(0);
      expect(Array.from(column.t)).toEqual(Array.from(t.subarray(0, part)));
      expect(Array.from(starts)).toEqual(Array.from(st.subarray(0, part)));
      expect(Array.from(column.v, (_, i) => bitsText(column.v, i))).toEqual(
        Array.from(column.v, (_, i) => bitsText(v, i)),
      );
    }
  }
});

test('XOR encoders go on where another stopped', () => {
  const s = newXorState(2);
  const b = new Uint8Array(200 * XOR_SAMPLE_MAX_BYTES);
  const other = b.slice();
  const random = new Prng(1, 'resume');
  for (let i = 0; i < 120; i++) {
    const [high, low] = [random.below(4) === 0 ? random.u32() : 0x40000000, 0];
    if (i > 0) expect(resumeXor(b, 0, s, 1, i)).toBe(true);
    appendXor(b, 0, s, 0, i * 1000 + random.below(9), high, low);
    if (i === 0) s.count[1] = s.bits[1] = 0;
    appendXor(other, 0, s, 1, s.t[0]!, high, low);
    expect([s.bits[1], s.lead[1], s.trail[1], s.delta[1]]).toEqual([
      s.bits[0],
      s.lead[0],
      s.trail[0],
      s.delta[0],
    ]);
    other.set(b);
  }
  b[10]! ^= 1;
  b[11]! ^= 255;
  expect(resumeXor(b.fill(0xff, 100), 0, s, 1, 120)).toBe(false);
});

test('vectors read back', () => {
  for (const v of VECTORS) {
    if (v.kind === 'xor' || v.kind === 'xor2') continue;
    const h = newHistogramColumns();
    for (const s of v.samples) pushHistogram(h, s);
    const column = newColumn();
    for (const chunk of v.chunks) {
      const b = bytesOfHex(chunk);
      const encoding = (v.kind === 'int' ? 2 : 3) + (v.withSt ? 3 : 0);
      const n = storedSamples(encoding, b, 0);
      decodeHistogram(b, addressOf(encoding, 0), b.length, n, encoding, column);
    }
    expect(v.samples.map((_, i) => histogramText(column.h!, i))).toEqual(
      v.samples.map((_, i) => histogramText(h, i)),
    );
    expect(v.samples.map((_, i) => column.st?.[i] ?? 0)).toEqual(v.samples.map((s) => s.st ?? 0));
  }
});
