// Random series of floats and histograms in chunks of all encodings, in memory, in a block's segment and in a file of the head, with what
// a reader must give for them by a slow and obvious model.
import type { Files } from '@munjigi/env';
import {
  ENCODING,
  KIND,
  growColumn,
  newColumn,
  type ChunkTable,
  type Column,
  type Intervals,
  type Selection,
} from '@munjigi/model';
import { completeFloats, needHistograms, needStartTimes } from '../chunk/column.ts';
import { encodeColumn } from '../chunk/encode-column.ts';
import { addressOf } from '../chunk/stored.ts';
import { newByteWriter, putInt64, putU32, putUvarint, room, type ByteWriter } from '../wal/bytes.ts';
import { crc32c } from '../wal/crc32c.ts';
import { bitsText, histogramText, pushHistogram, type SampleText } from './chunk-vectors.ts';
import type { Dice } from './histories.ts';

export interface Modelled {
  readonly selection: Selection;
  /** What series 0 is, in [mint, maxt]. */
  readonly expected: (mint: number, maxt: number) => string[];
}

interface ModelChunk {
  readonly source: number;
  /** Sorted by time; plain chunks: as they came. */
  readonly samples: readonly SampleText[];
  readonly place: 'memory' | 'segment' | 'head';
  readonly plain: boolean;
}

export const SEGMENT_PATH = '/data/block/chunks/000001';
export const HEAD_PATH = '/data/chunks_head/000007';

/** Makes the files and the selection of one series. */
export function randomSeries(d: Dice, files: Files): Modelled {
  // Each of a source of its own: which of one source wins at equal times is not said.
  const chunks = Array.from({ length: 1 + d.below(8) }, (_, i) => randomChunk(d, (5 * i + 3) % 8));
  chunks.sort((a, b) => mintOf(a) - mintOf(b));
  const memory = newByteWriter(1 << 14);
  const segment = newByteWriter(1 << 14);
  const head = newByteWriter(1 << 14);
  // So that chunks lie over the borders of pages.
  for (const w of [segment, head]) pad(w, 65_536 - 200 - d.below(1500));
  const rows: Row[] = chunks.flatMap((chunk) =>
    chunk.plain ? [putPlain(memory, chunk)] : putChunks(d, { memory, segment, head }, chunk),
  );
  rows.sort((a, b) => a.mint - b.mint);
  write(files, SEGMENT_PATH, segment);
  write(files, HEAD_PATH, head);
  const buffer = new SharedArrayBuffer(Math.ceil(memory.n / 8) * 8 + 16);
  new Uint8Array(buffer).set(memory.b.subarray(0, memory.n));
  const deleted = d.below(2) === 0 ? null : randomIntervals(d);
  const column = <T>(f: (r: Row) => T): T[] => rows.map((r) => f(r));
  const table: ChunkTable = {
    arena: Uint16Array.from(column((r) => ['memory', 'segment', 'head'].indexOf(r.place))),
    source: Uint16Array.from(column((r) => r.source)),
    offset: Float64Array.from(column((r) => r.offset)),
    bytes: Uint32Array.from(column((r) => r.bytes)),
    samples: Uint32Array.from(column((r) => r.samples)),
    mint: Float64Array.from(column((r) => r.mint)),
    maxt: Float64Array.from(column((r) => r.maxt)),
    encoding: Uint8Array.from(column((r) => r.encoding)),
  };
  const selection: Selection = {
    count: 1,
    symbols: { count: 0, index: [], data: [] },
    labelFirst: Uint32Array.of(0, 0),
    labelSymbols: new Uint32Array(0),
    first: Uint32Array.of(0, rows.length),
    chunks: table,
    arenas: [
      { kind: 'memory', id: 0, buffer },
      { kind: 'file', id: 1, path: SEGMENT_PATH },
      { kind: 'file', id: 2, path: HEAD_PATH },
    ],
    deleted,
    warnings: [],
  };
  return { selection, expected: (mint, maxt) => expectedOf(chunks, deleted, mint, maxt) };
}

/** A series of chunks of 20 floats, the roots of their times, in a segment of several pages; of them those that `nth` counts up. */
export function longSeries(
  files: Files,
  nth: (n: number) => number,
): { selection: Selection; times: readonly number[] } {
  const all = newColumn(40_000);
  for (let i = 0; i < 40_000; i++) all.t[i] = 10 * i;
  for (let i = 0; i < 40_000; i++) all.v[i] = Math.sqrt(all.t[i]!);
  all.n = 40_000;
  const segment = newByteWriter(1 << 14);
  const rows = encodeColumn(all, 0, all.n, { xor2: false, maxSamples: 20 }).map((chunk) => ({
    ...chunk,
    offset: putStored(segment, chunk.encoding, chunk.data),
  }));
  write(files, SEGMENT_PATH, segment);
  const kept: typeof rows = [];
  for (let n = 0; nth(n) < rows.length; n++) kept.push(rows[nth(n)]!);
  const table: ChunkTable = {
    arena: new Uint16Array(kept.length),
    source: new Uint16Array(kept.length),
    offset: Float64Array.from(kept, (r) => r.offset),
    bytes: new Uint32Array(kept.length),
    samples: new Uint32Array(kept.length),
    mint: Float64Array.from(kept, (r) => r.mint),
    maxt: Float64Array.from(kept, (r) => r.maxt),
    encoding: new Uint8Array(kept.length).fill(ENCODING.stored),
  };
  const selection: Selection = {
    count: 1,
    symbols: { count: 0, index: [], data: [] },
    labelFirst: Uint32Array.of(0, 0),
    labelSymbols: new Uint32Array(0),
    first: Uint32Array.of(0, kept.length),
    chunks: table,
    arenas: [{ kind: 'file', id: 0, path: SEGMENT_PATH }],
    deleted: null,
    warnings: [],
  };
  const times = kept.flatMap(({ mint, samples }) => Array.from({ length: samples }, (_, i) => mint + 10 * i));
  return { selection, times };
}

function randomChunk(d: Dice, source: number): ModelChunk {
  const plain = d.below(5) === 0;
  const place = (['memory', 'segment', 'head'] as const)[d.below(3)]!;
  let t = d.below(3) === 0 ? d.below(2000) : d.below(20) * 100;
  const withSt = !plain && d.below(3) === 0;
  const histograms = !plain && d.below(2) === 0;
  const step = 1 + d.below(10);
  const samples: SampleText[] = [];
  for (let n = 1 + d.below(60); n > 0; n--) {
    t += 1 + d.below(step);
    const st = withSt ? Math.max(0, t - d.below(50)) : 0;
    if (histograms && d.below(10) > 0) samples.push(randomHistogram(d, t, st));
    else
      samples.push({
        t,
        st,
        value:
          d.below(20) === 0 ? '7ff0000000000002' : (0x40000000 + d.below(99)).toString(16).padEnd(16, '0'),
      });
  }
  if (plain)
    for (let i = samples.length - 1; i > 0; i--) {
      const k = d.below(i + 1);
      [samples[i], samples[k]] = [samples[k]!, samples[i]!];
    }
  return { source, samples, place, plain };
}

function randomHistogram(d: Dice, t: number, st: number): SampleText {
  if (d.below(20) === 0) return { t, st, sum: '7ff0000000000002' };
  const positive = Array.from({ length: 1 + d.below(3) }, () => d.below(20));
  return {
    t,
    st,
    schema: d.below(5) === 0 ? 1 : 3,
    count: positive.reduce((sum, x) => sum + x, 0),
    sum: '3ff0000000000000',
    positiveSpans: [[d.below(3), positive.length]],
    positive,
  };
}

function mintOf(c: ModelChunk): number {
  return Math.min(...c.samples.map((s) => s.t));
}

function randomIntervals(d: Dice): Intervals {
  const n = d.below(5);
  const mint = Float64Array.from({ length: n }, () => d.below(2000));
  return {
    first: Uint32Array.of(0, n),
    source: Uint16Array.from({ length: n }, () => d.below(8)),
    mint,
    maxt: mint.map((t) => t + d.below(300)),
  };
}

// ---- writing

interface Row {
  readonly place: ModelChunk['place'];
  readonly source: number;
  readonly offset: number;
  readonly bytes: number;
  readonly samples: number;
  readonly mint: number;
  readonly maxt: number;
  readonly encoding: number;
}

function putPlain(w: ByteWriter, chunk: ModelChunk): Row {
  pad(w, Math.ceil(w.n / 8) * 8 - w.n);
  const pairs = columnOf(chunk.samples);
  const both = new Float64Array(2 * pairs.n);
  const bits = new Uint32Array(both.buffer);
  for (let i = 0; i < pairs.n; i++) {
    both[2 * i] = pairs.t[i]!;
    bits.set(pairs.bits.subarray(2 * i, 2 * i + 2), 4 * i + 2);
  }
  const offset = put(w, new Uint8Array(both.buffer));
  const times = chunk.samples.map((s) => s.t);
  return {
    place: 'memory',
    source: chunk.source,
    offset,
    bytes: both.byteLength,
    samples: pairs.n,
    mint: Math.min(...times),
    maxt: Math.max(...times),
    encoding: ENCODING.plain,
  };
}

function putChunks(d: Dice, to: Readonly<Record<ModelChunk['place'], ByteWriter>>, chunk: ModelChunk): Row[] {
  const column = columnOf(chunk.samples);
  const stored = encodeColumn(column, 0, column.n, { xor2: d.below(2) === 0, maxSamples: 20 });
  return stored.map(({ encoding, mint, maxt, samples, data }): Row => {
    const w = to[chunk.place];
    const common = { place: chunk.place, source: chunk.source, mint, maxt };
    const bytes = data.length - (addressOf(encoding, 0) === 0 ? 0 : 2);
    if (chunk.place === 'memory')
      return { ...common, offset: addressOf(encoding, put(w, data)), bytes, samples, encoding };
    if (chunk.place === 'segment') {
      const offset = putStored(w, encoding, data);
      return { ...common, offset, bytes: 0, samples: 0, encoding: ENCODING.stored };
    }
    const start = w.n;
    room(w, data.length + 60);
    w.n = putInt64(w.b, w.n, 77);
    w.n = putInt64(w.b, w.n, mint);
    w.n = putInt64(w.b, w.n, maxt);
    w.b[w.n++] = encoding;
    w.n = putUvarint(w.b, w.n, data.length);
    const at = put(w, data);
    w.n = putU32(w.b, w.n, crc32c(w.b, start, w.n));
    return { ...common, offset: addressOf(encoding, at), bytes, samples, encoding };
  });
}

/** A chunk as a segment has it; where it begins. */
function putStored(w: ByteWriter, encoding: number, data: Uint8Array): number {
  const start = w.n;
  room(w, data.length + 20);
  w.n = putUvarint(w.b, w.n, data.length);
  const summed = w.n;
  w.b[w.n++] = encoding;
  put(w, data);
  w.n = putU32(w.b, w.n, crc32c(w.b, summed, w.n));
  return start;
}

function pad(w: ByteWriter, n: number): void {
  room(w, n);
  w.b.fill(0, w.n, w.n + n);
  w.n += n;
}

function put(w: ByteWriter, b: Uint8Array): number {
  room(w, b.length + 8);
  const at = w.n;
  w.b.set(b, at);
  w.n += b.length;
  return at;
}

function write(files: Files, path: string, w: ByteWriter): void {
  files.makeDir(path.slice(0, path.lastIndexOf('/')));
  const f = files.open(path, 'create');
  f.write(w.b, 0, w.n, 0);
  f.close();
}

function columnOf(samples: readonly SampleText[]): Column {
  const c = newColumn(samples.length);
  for (const s of samples) {
    growColumn(c, c.n + 1);
    const histogram = s.value === undefined;
    c.t[c.n] = s.t;
    if (s.st !== undefined && s.st !== 0) needStartTimes(c);
    if (histogram) needHistograms(c);
    if (c.st !== null) c.st[c.n] = s.st ?? 0;
    if (histogram) {
      c.kind![c.n] = KIND.histogram;
      pushHistogram(c.h!, s);
      c.n++;
    } else {
      c.bits[2 * c.n] = Number.parseInt(s.value.slice(8), 16);
      c.bits[2 * c.n + 1] = Number.parseInt(s.value.slice(0, 8), 16);
      c.n++;
      completeFloats(c, c.n - 1, true);
    }
  }
  return c;
}

// ---- the model

function expectedOf(
  chunks: readonly ModelChunk[],
  deleted: Intervals | null,
  mint: number,
  maxt: number,
): string[] {
  const at = new Map<number, { source: number; sample: SampleText }>();
  for (const { source, samples } of chunks) {
    for (const sample of samples) {
      const { t } = sample;
      if (t < mint || t > maxt || isDeleted(deleted, source, t)) continue;
      const there = at.get(t);
      if (there === undefined || source >= there.source) at.set(t, { source, sample });
    }
  }
  const sorted = [...at.values()].map(({ sample }) => sample).sort((a, b) => a.t - b.t);
  return textOf(columnOf(sorted));
}

function isDeleted(deleted: Intervals | null, source: number, t: number): boolean {
  if (deleted === null) return false;
  return deleted.mint.some((from, k) => deleted.source[k] === source && t >= from && t <= deleted.maxt[k]!);
}

/** A column as text, without hints and without how spans are cut. */
export function textOf(c: Column): string[] {
  return Array.from({ length: c.n }, (_, i) => {
    const histogram = c.kind !== null && c.kind[i] !== KIND.float;
    const what = histogram ? histogramText(c.h!, i) : bitsText(c.v, i);
    return `${c.t[i]} st ${c.st?.[i] ?? 0}: ${what}`;
  });
}
