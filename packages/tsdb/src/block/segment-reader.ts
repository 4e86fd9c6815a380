// The chunk segments of a block: which there are, and whether they are what they should be. Their chunks are read by address.
import type { Files } from '@munjigi/env';
import { wrongBytes } from './paged-file.ts';
import { u32At } from './section.ts';
import { SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, SEGMENT_VERSION } from './segment-writer.ts';

export interface SegmentFile {
  readonly path: string;
  readonly size: number;
}

/** The segments in a block's folder of chunks, in order. Throws EnvError when the folder is not there. */
export function listSegments(files: Files, dir: string): SegmentFile[] {
  return files
    .list(dir)
    .filter(({ name, kind }) => kind === 'file' && /^\d+$/.test(name))
    .sort((a, b) => Number(a.name) - Number(b.name))
    .map(({ name }) => ({ path: `${dir}/${name}`, size: files.stat(`${dir}/${name}`)?.size ?? 0 }));
}

/** Throws StorageError EFORMAT when the file does not begin as a segment does. */
export function checkSegment(files: Files, { path }: SegmentFile): void {
  const file = files.open(path, 'r');
  try {
    const b = new Uint8Array(SEGMENT_HEADER_BYTES);
    const n = file.read(b, 0, b.length, 0);
    if (n < b.length) throw wrongBytes(path, n, 'a chunk segment without its header');
    if (u32At(b, 0) !== SEGMENT_MAGIC)
      throw wrongBytes(path, 0, `no chunk segment (it begins with ${u32At(b, 0).toString(16)})`);
    if (b[4] !== SEGMENT_VERSION) throw wrongBytes(path, 4, `version ${b[4]} is not known`);
  } finally {
    file.close();
  }
}
