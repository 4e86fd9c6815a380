// Reads a block's chunks in the order that they lie in, through one window of each block: the disk sees long reads.
import type { File, Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import { SEGMENT_HEADER_BYTES, SEGMENT_STEP, segmentFile } from '../block/segment-writer.ts';
import { STORED_EXTRA_BYTES, readStored, storedBytes } from '../chunk/stored.ts';
import { dataFrom, newChunkView, type ChunkView } from './source.ts';

const WINDOW_BYTES: number = 128 * 1024;

export interface ChunkWindow {
  /** The chunk at a reference; valid until the next one is read. Throws StorageError EFORMAT when its bytes are wrong. */
  read(ref: number): ChunkView;
  close(): void;
}

export function openChunkWindow(files: Files, dir: string, windowBytes: number = WINDOW_BYTES): ChunkWindow {
  const view: ChunkView = { ...newChunkView(new Uint8Array(windowBytes)), final: true };
  let file: File | null = null;
  let segment = -1;
  let path = '';
  let size = 0;
  /** view.b[0..held) are the file's bytes from `start`. */
  let start = 0;
  let held = 0;

  function openSegment(n: number): void {
    file?.close();
    file = null;
    segment = -1;
    path = `${dir}/chunks/${segmentFile(n)}`;
    file = files.open(path, 'r');
    size = file.size();
    held = 0;
    segment = n;
  }

  function wrong(offset: number, why: string): StorageError {
    return new StorageError(
      'EFORMAT',
      `${path}: byte ${offset}: ${why}: restore the block from a copy, or move its folder away`,
      false,
    );
  }

  /** Where the file's byte `offset` is in view.b, with `bytes` of the file behind it (fewer at its end). */
  function near(offset: number, bytes: number): number {
    const want = Math.min(bytes, size - offset);
    if (offset >= start && offset + want <= start + held) return offset - start;
    if (view.b.length < want) view.b = new Uint8Array(want);
    start = offset;
    held = file!.read(view.b, 0, Math.min(view.b.length, size - offset), offset);
    if (held < want) throw wrong(offset, `${held} bytes could be read of ${want}`);
    return 0;
  }

  return {
    read(ref): ChunkView {
      const n = Math.floor(ref / SEGMENT_STEP);
      const offset = ref % SEGMENT_STEP;
      if (n !== segment) openSegment(n);
      if (offset < SEGMENT_HEADER_BYTES || offset >= size)
        throw wrong(offset, 'the index names a chunk that is not there');
      let at = near(offset, STORED_EXTRA_BYTES);
      const bytes = storedBytes(view.b, at, at + Math.min(STORED_EXTRA_BYTES, size - offset));
      at = near(offset, Math.max(0, bytes));
      const stored = readStored(view.b, at, at + Math.min(bytes, size - offset));
      if (typeof stored === 'string') throw wrong(offset, stored);
      view.encoding = stored.encoding;
      view.samples = stored.samples;
      view.from = stored.dataAt;
      view.to = stored.dataEnd;
      view.dataFrom = dataFrom(stored.encoding, stored.dataAt);
      return view;
    },
    close: () => file?.close(),
  };
}
