// A selection of a head that does not exist, for tests: series with chunks in shared pages and in head chunk files.
import type { Files } from '@munjigi/env';
import {
  ENCODING,
  newColumn,
  symbolPages,
  type ArenaRef,
  type ChunkTable,
  type Column,
  type Selection,
} from '@munjigi/model';
import { encodeColumn } from '../chunk/encode-column.ts';
import { newByteWriter, putInt64, putU32, putUvarint, room } from '../wal/bytes.ts';
import { crc32c } from '../wal/crc32c.ts';
import { labelsOf, sortedSeries, type SeriesName } from './model-blocks.ts';

export interface ModelPiece {
  readonly where: 'memory' | 'plain' | 'file';
  readonly source: number;
  readonly samples: Column;
}

/** Floats as a column. */
export function floats(t: readonly number[], v: readonly number[]): Column {
  const column = newColumn(t.length);
  column.t.set(t);
  column.v.set(v);
  column.n = t.length;
  return column;
}

export type DeletedPiece = readonly [mint: number, maxt: number, source: number];

/** `path`: the head chunk file to write for pieces that lie in one. */
export function modelSelection(
  files: Files,
  path: string,
  series: ReadonlyMap<SeriesName, readonly ModelPiece[]>,
  deleted?: ReadonlyMap<SeriesName, readonly DeletedPiece[]>,
): Selection {
  const sorted = sortedSeries(series);
  const memory = newByteWriter(1024);
  const file = newByteWriter(1024);
  putU32(file.b, 0, 0x0130bc91);
  file.b[4] = 1;
  file.n = 8;
  const rows: [
    arena: number,
    source: number,
    offset: number,
    bytes: number,
    n: number,
    mint: number,
    maxt: number,
    encoding: number,
  ][] = [];
  const first = [0];
  const texts = new Map<string, number>();
  const labelSymbols: number[] = [];
  const labelFirst = [0];
  for (const [name, pieces] of sorted) {
    for (const text of labelsOf(name).toReversed()) if (!texts.has(text)) texts.set(text, texts.size);
    labelSymbols.push(...labelsOf(name).map((text) => texts.get(text)!));
    labelFirst.push(labelSymbols.length);
    for (const { where, source, samples } of pieces) {
      const times = [...samples.t.subarray(0, samples.n)];
      const [mint, maxt] = [Math.min(...times), Math.max(...times)];
      if (where === 'plain') {
        memory.n = (memory.n + 7) & ~7;
        room(memory, 16 * samples.n);
        const pairs = new Float64Array(2 * samples.n);
        for (let i = 0; i < samples.n; i++) {
          pairs[2 * i] = samples.t[i]!;
          pairs[2 * i + 1] = samples.v[i]!;
        }
        memory.b.set(new Uint8Array(pairs.buffer), memory.n);
        rows.push([0, source, memory.n, 16 * samples.n, samples.n, mint, maxt, ENCODING.plain]);
        memory.n += 16 * samples.n;
        continue;
      }
      for (const c of encodeColumn(samples, 0, samples.n, { xor2: false, maxSamples: 120 })) {
        const to = where === 'memory' ? memory : file;
        room(to, c.data.length + 64);
        if (where === 'memory') {
          to.b.set(c.data.subarray(2), to.n);
          // As if the head had gone on writing behind what the selection counts.
          to.b[to.n + c.data.length - 2] = 0xff;
          rows.push([0, source, to.n, c.data.length - 1, c.samples, c.mint, c.maxt, c.encoding]);
          to.n += c.data.length - 1;
          continue;
        }
        const at = to.n;
        to.n = putInt64(to.b, to.n, 7);
        to.n = putInt64(to.b, to.n, c.mint);
        to.n = putInt64(to.b, to.n, c.maxt);
        to.b[to.n++] = c.encoding;
        to.n = putUvarint(to.b, to.n, c.data.length);
        to.b.set(c.data, to.n);
        rows.push([1, source, to.n + 2, c.data.length - 2, c.samples, c.mint, c.maxt, c.encoding]);
        to.n += c.data.length;
        to.n = putU32(to.b, to.n, crc32c(to.b, at, to.n));
      }
    }
    first.push(rows.length);
  }
  const buffer = new SharedArrayBuffer(memory.n + 64);
  new Uint8Array(buffer).set(memory.b.subarray(0, memory.n));
  if (file.n > 8) {
    const out = files.open(path, 'create');
    out.write(file.b, 0, file.n, 0);
    out.close();
  }
  const arenas: ArenaRef[] = [
    { kind: 'memory', id: 0, buffer },
    { kind: 'file', id: 1, path },
  ];
  const chunks: ChunkTable = {
    arena: Uint16Array.from(rows, (r) => r[0]),
    source: Uint16Array.from(rows, (r) => r[1]),
    offset: Float64Array.from(rows, (r) => r[2]),
    bytes: Uint32Array.from(rows, (r) => r[3]),
    samples: Uint32Array.from(rows, (r) => r[4]),
    mint: Float64Array.from(rows, (r) => r[5]),
    maxt: Float64Array.from(rows, (r) => r[6]),
    encoding: Uint8Array.from(rows, (r) => r[7]),
  };
  const hidden = sorted.map(([name]) => deleted?.get(name) ?? []);
  const all = hidden.flat();
  let end = 0;
  return {
    count: sorted.length,
    symbols: symbolPages([...texts.keys()]),
    labelFirst: Uint32Array.from(labelFirst),
    labelSymbols: Uint32Array.from(labelSymbols),
    first: Uint32Array.from(first),
    chunks,
    arenas,
    deleted: {
      first: Uint32Array.from([0, ...hidden.map((list) => (end += list.length))]),
      mint: Float64Array.from(all, (d) => d[0]),
      maxt: Float64Array.from(all, (d) => d[1]),
      source: Uint16Array.from(all, (d) => d[2]),
    },
    warnings: [],
  };
}
