// Blocks for tests, from plain lists of samples; and what a folder of blocks holds, read back the long way: every series, every sample of
// every block.
import type { Files } from '@munjigi/env';
import { ENCODING, newColumn, type ArenaRef, type Column, type Selection } from '@munjigi/model';
import { newBlockCache } from '../block/cache.ts';
import type { BlockMeta } from '../block/meta.ts';
import { openBlock } from '../block/reader.ts';
import { SEGMENT_STEP, segmentFile } from '../block/segment-writer.ts';
import { findTombstones } from '../block/tombstones.ts';
import { newBlockWriter } from '../block/writer.ts';
import { encodeColumn } from '../chunk/encode-column.ts';
import { openChunkReader } from '../chunk/reader.ts';
import { encodeText } from './metas.ts';

/** `name=value,...` in label order: one series' name in tests. */
export type SeriesName = string;

/** By series, then time in ms. */
export type Samples = Map<SeriesName, Map<number, number>>;

export interface ModelChunk {
  readonly t: readonly number[];
  readonly v: readonly number[];
}

/** Chunks by series, in the order of time. */
export type ModelBlock = ReadonlyMap<SeriesName, readonly ModelChunk[]>;

const utf8 = new TextEncoder();

export function byBytes(a: string, b: string): number {
  const [x, y] = [utf8.encode(a), utf8.encode(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
  return x.length - y.length;
}

/** Name and value in turn. */
export function labelsOf(name: SeriesName): string[] {
  return name.split(',').flatMap((pair) => pair.split('='));
}

function byLabels(a: SeriesName, b: SeriesName): number {
  const [x, y] = [labelsOf(a), labelsOf(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const d = byBytes(x[i]!, y[i]!);
    if (d !== 0) return d;
  }
  return x.length - y.length;
}

export function sortedSeries<T>(block: ReadonlyMap<SeriesName, T>): [SeriesName, T][] {
  return [...block].sort(([a], [b]) => byLabels(a, b));
}

export type BlockParts = Pick<BlockMeta, 'ulid' | 'minTime' | 'maxTime'> &
  Partial<Pick<BlockMeta, 'compaction' | 'extra'>>;

/** Writes `<dir>/<ulid>`. */
export async function writeModelBlock(
  files: Files,
  dir: string,
  parts: BlockParts,
  block: ModelBlock,
): Promise<BlockMeta> {
  const texts = new Set<string>();
  for (const name of block.keys()) for (const text of labelsOf(name)) texts.add(text);
  const symbols = [...texts].sort(byBytes);
  const numbers = new Map(symbols.map((text, i) => [text, i]));
  const writer = newBlockWriter(files, dir, parts.ulid);
  for (const text of symbols) {
    const b = encodeText(text);
    writer.symbol(b, 0, b.length);
  }
  for (const [name, chunks] of sortedSeries(block)) {
    const labels = Uint32Array.from(labelsOf(name), (text) => numbers.get(text)!);
    writer.series(labels, labels.length);
    for (const { t, v } of chunks) {
      const column = newColumn(t.length);
      column.t.set(t);
      column.v.set(v);
      column.n = t.length;
      for (const c of encodeColumn(column, 0, column.n, { xor2: false, maxSamples: 1000 }))
        writer.chunk(c.encoding, c.mint, c.maxt, c.samples, c.data, 0, c.data.length);
    }
  }
  const { ulid, minTime, maxTime, extra } = parts;
  const compaction = parts.compaction ?? { level: 1, sources: [ulid] };
  return writer.finish({ minTime, maxTime, compaction, ...(extra === undefined ? {} : { extra }) });
}

/** Everything in a block that its tombstones do not hide. Throws when a sample is there twice or not in the block's range. */
export async function readModelBlock(files: Files, dir: string): Promise<Samples> {
  const found: Samples = new Map();
  await eachColumn(files, dir, (name, { n, t, v }) => {
    found.set(name, new Map(Array.from({ length: n }, (_, i) => [t[i]!, v[i]!])));
  });
  return found;
}

/** Gives every series of a block with its samples, which tombstones do not hide, to `each`; the column is used again. */
export async function eachColumn(
  files: Files,
  dir: string,
  each: (name: SeriesName, column: Column) => void,
): Promise<void> {
  const block = openBlock(files, dir, newBlockCache(1024 * 1024));
  const reader = openChunkReader(files);
  const column = newColumn();
  try {
    const { minTime, maxTime } = block.meta;
    const tombstones = block.tombstones();
    const cursor = block.series(null, -Infinity, Infinity);
    let before: string | null = null;
    while (cursor.next()) {
      const texts: string[] = [];
      for (let i = 0; i < cursor.labelCount; i++) texts.push(block.symbolText(cursor.labels[i]!));
      const pairs: string[] = [];
      for (let i = 0; i < texts.length; i += 2) pairs.push(`${texts[i]}=${texts[i + 1]}`);
      const name = pairs.join(',');
      if (before !== null && byLabels(before, name) >= 0) throw new Error(`${name} comes after ${before}`);
      before = name;
      const n = cursor.chunkCount;
      const segments = [
        ...new Set(Array.from(cursor.chunkRef.subarray(0, n), (r) => Math.floor(r / SEGMENT_STEP))),
      ];
      const arenas = segments.map((s, id): ArenaRef => ({
        kind: 'file',
        id,
        path: `${dir}/chunks/${segmentFile(s)}`,
      }));
      const row = findTombstones(tombstones, cursor.ref);
      const [from, to] = row < 0 ? [0, 0] : [tombstones.first[row]!, tombstones.first[row + 1]!];
      const selection: Selection = {
        count: 1,
        symbols: { count: 0, index: [], data: [] },
        labelFirst: new Uint32Array(2),
        labelSymbols: new Uint32Array(0),
        first: Uint32Array.of(0, n),
        chunks: {
          arena: Uint16Array.from({ length: n }, (_, i) =>
            segments.indexOf(Math.floor(cursor.chunkRef[i]! / SEGMENT_STEP)),
          ),
          source: new Uint16Array(n).fill(1),
          offset: Float64Array.from({ length: n }, (_, i) => cursor.chunkRef[i]! % SEGMENT_STEP),
          bytes: new Uint32Array(n),
          samples: new Uint32Array(n),
          mint: Float64Array.from(cursor.chunkMint.subarray(0, n)),
          maxt: Float64Array.from(cursor.chunkMaxt.subarray(0, n)),
          encoding: new Uint8Array(n).fill(ENCODING.stored),
        },
        arenas,
        deleted:
          from === to
            ? null
            : {
                first: Uint32Array.of(0, to - from),
                source: new Uint16Array(to - from).fill(1),
                mint: tombstones.mint.slice(from, to),
                maxt: tombstones.maxt.slice(from, to),
              },
        warnings: [],
      };
      await reader.load(selection, 0, 1);
      reader.series(selection, 0, -Infinity, Infinity, column);
      for (let i = 0; i < column.n; i++) {
        const t = column.t[i]!;
        if (i > 0 && t <= column.t[i - 1]!) throw new Error(`${name} has ${t} after ${column.t[i - 1]}`);
        if (t < minTime || t >= maxTime)
          throw new Error(`${name} has a sample at ${t}, the block [${minTime}, ${maxTime})`);
      }
      each(name, column);
    }
  } finally {
    block.close();
  }
}

/** For comparing: times in order. */
export function plainSamples(samples: Samples): Record<string, [number, number][]> {
  const rows = [...samples].map(([name, s]) => [name, [...s].sort((a, b) => a[0] - b[0])] as const);
  return Object.fromEntries(rows.sort(([a], [b]) => (a < b ? -1 : 1)));
}
