// Files that Prometheus 3.16 wrote from our inputs.
import { readFileSync } from 'node:fs';
import { simWorld } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { scanHeadChunks, type HeadChunk } from './head-chunk-scan.ts';
import { newHeadChunkWriter } from './head-chunks.ts';
import { newWalReader } from './reader.ts';
import { WAL_PAGE_BYTES } from './segments.ts';

const testdata = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`testdata/${name}`, import.meta.url), 'utf8'));
const unhex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

interface Files {
  /** Segments without the zeros at their end. */
  readonly none: string;
  readonly snappy: string;
  readonly zstd: string;
  readonly headChunks: {
    readonly hex: string;
    readonly chunks: readonly (Pick<
      HeadChunk,
      'ref' | 'file' | 'at' | 'mint' | 'maxt' | 'samples' | 'encoding' | 'outOfOrder'
    > & { readonly data: string })[];
  };
}
const FILES = testdata('files.json') as Files;

test.each(['none', 'snappy', 'zstd'] as const)('a segment with compression %s', (compression) => {
  const world = simWorld(1);
  const b = new Uint8Array(WAL_PAGE_BYTES);
  b.set(unhex(FILES[compression]));
  world.disk.put('/wal/00000000', b);
  const reader = newWalReader(world.env, '/wal', [0]);
  const records: string[] = [];
  while (reader.next())
    records.push(Buffer.from(reader.bytes.subarray(reader.from, reader.to)).toString('hex'));
  expect(reader.corruption).toBeNull();
  const vectors = testdata('records.json') as { hex: string[] }[];
  expect(records).toEqual(vectors.flatMap(({ hex }) => hex));
});

test('a file of head chunks, read and written again', async () => {
  const world = simWorld(2);
  const { hex, chunks } = FILES.headChunks;
  const b = unhex(hex);
  world.disk.put('/data/000001', b);
  const found: HeadChunk[] = [];
  const each = (chunk: HeadChunk): string => {
    found.push({ ...chunk });
    return '';
  };
  const rest = async (): Promise<void> => undefined;
  const scan = await world.run(scanHeadChunks(world.env.files, '/data', each, { repair: true, rest }));
  expect(scan).toMatchObject({ problems: [], chunks: chunks.length });
  expect(
    found.map(({ offset, bytes, ...c }) => ({ ...c, data: hex.slice(2 * offset - 4, 2 * (offset + bytes)) })),
  ).toEqual(chunks);
  world.env.files.makeDir('/again');
  const writer = newHeadChunkWriter(world.env.files, '/again', 1);
  for (const c of found)
    writer.append(c.ref, c.mint, c.maxt, c.encoding, c.outOfOrder, c.samples, b, c.offset, c.bytes);
  writer.flush();
  writer.close();
  expect(world.disk.read('/again/000001')).toEqual(b);
});
