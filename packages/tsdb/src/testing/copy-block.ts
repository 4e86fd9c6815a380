// Reads a block and writes it again, unchanged.
import type { Files } from '@munjigi/env';
import { newBlockCache } from '../block/cache.ts';
import { openBlock } from '../block/reader.ts';
import { SEGMENT_STEP, segmentFile } from '../block/segment-writer.ts';
import { newBlockWriter, type BlockWriterOptions } from '../block/writer.ts';
import { addressOf, readStored } from '../chunk/stored.ts';

/** Writes the block in `dir` to `<parent>/<its ulid>`, which is returned. */
export async function copyBlock(
  files: Files,
  dir: string,
  parent: string,
  o: BlockWriterOptions = {},
): Promise<string> {
  const block = openBlock(files, dir, newBlockCache(1024 * 1024));
  try {
    const { ulid, stats: _stats, version: _version, ...parts } = block.meta;
    const writer = newBlockWriter(files, parent, ulid, o);
    for (let n = 0; n < block.symbolCount; n++) {
      const { b, from, to } = block.symbolBytes(n);
      writer.symbol(b, from, to);
    }
    let segment = -1;
    let bytes = new Uint8Array(0);
    const cursor = block.series(null, -Infinity, Infinity);
    while (cursor.next()) {
      writer.series(cursor.labels, cursor.labelCount);
      for (let i = 0; i < cursor.chunkCount; i++) {
        const ref = cursor.chunkRef[i]!;
        const n = Math.floor(ref / SEGMENT_STEP);
        if (n !== segment) bytes = new Uint8Array(files.readFile(`${dir}/chunks/${segmentFile(n)}`));
        segment = n;
        const stored = readStored(bytes, ref % SEGMENT_STEP, bytes.length);
        if (typeof stored === 'string') throw new Error(`${dir}: chunk ${ref}: ${stored}`);
        const from = stored.dataAt - addressOf(stored.encoding, 0);
        writer.chunk(
          stored.encoding,
          cursor.chunkMint[i]!,
          cursor.chunkMaxt[i]!,
          stored.samples,
          bytes,
          from,
          stored.dataEnd,
        );
      }
    }
    await writer.finish(parts);
    return `${parent}/${ulid}`;
  } finally {
    block.close();
  }
}
