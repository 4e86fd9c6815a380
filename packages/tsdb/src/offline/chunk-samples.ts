// The chunks of a block one by one, decoded: for tools that look at how they are filled.
import type { Files } from '@munjigi/env';
import { StorageError, newColumn, type Column } from '@munjigi/model';
import { clearColumn } from '../chunk/column.ts';
import { decodeData } from '../chunk/reader.ts';
import { openChunkWindow } from '../compact/chunk-window.ts';

export interface ChunkSamples {
  readonly encoding: number;
  /** Of the data with its 2-byte count. */
  readonly bytes: number;
  /** Used again by the next chunk. */
  readonly column: Column;
}

/** Chunks of the block in folder `dir` by reference. Throws StorageError EFORMAT when one is wrong. */
export function openChunks(files: Files, dir: string): { read(ref: number): ChunkSamples; close(): void } {
  const window = openChunkWindow(files, dir);
  const column = newColumn(256);
  return {
    read(ref): ChunkSamples {
      const { b, from, to, dataFrom, samples, encoding } = window.read(ref);
      clearColumn(column);
      const wrong = decodeData(b, from, to, samples, encoding, column);
      if (wrong !== null) throw new StorageError('EFORMAT', `${dir}: a chunk: ${wrong}`, false);
      return { encoding, bytes: to - dataFrom, column };
    },
    close: () => window.close(),
  };
}
