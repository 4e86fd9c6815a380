// Merging must not need more memory because blocks are larger: chunks go through one window a source, index pages through one cache.
import type { Files } from '@munjigi/env';
import { simWorld } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { newBlockCache, type BlockCache } from '../block/cache.ts';
import { ulidOf } from '../testing/metas.ts';
import { writeModelBlock, type ModelBlock } from '../testing/model-blocks.ts';
import { compactBlocks } from './rewrite.ts';

const TIMEOUT_MS = 60_000;

const CACHE_BYTES: number = 64 * 1024;
const PARENTS = 3;

interface Seen {
  readonly chunkBuffers: Set<ArrayBufferLike>;
  longestRead: number;
  bytesRead: number;
}

/** Files that note which buffers chunks are read into. */
function watched(files: Files): { files: Files; seen: Seen } {
  const seen: Seen = { chunkBuffers: new Set(), longestRead: 0, bytesRead: 0 };
  return {
    seen,
    files: {
      ...files,
      open(path, mode) {
        const file = files.open(path, mode);
        return {
          read(b, from, to, position): number {
            const n = file.read(b, from, to, position);
            if (!path.includes('/chunks/') || path.includes('.tmp')) return n;
            seen.chunkBuffers.add(b.buffer);
            seen.longestRead = Math.max(seen.longestRead, to - from);
            seen.bytesRead += n;
            return n;
          },
          write: (b, from, to, position) => file.write(b, from, to, position),
          truncate: (size) => file.truncate(size),
          size: () => file.size(),
          sync: () => file.sync(),
          close: () => file.close(),
        };
      },
    },
  };
}

async function merged(series: number): Promise<{ seen: Seen; cacheBytes: number; samples: number }> {
  const world = simWorld(1);
  return world.run(async () => {
    for (let n = 0; n < PARENTS; n++) {
      const t = Array.from({ length: 100 }, (_, i) => 1000 * n + i);
      const block: ModelBlock = new Map(
        Array.from({ length: series }, (_, i) => [
          `__name__=m,i=${i}`,
          [{ t, v: t.map((x) => (x * 7919 * i) % 1e9) }],
        ]),
      );
      const parts = { ulid: ulidOf(n), minTime: 1000 * n, maxTime: 1000 * n + 1000 };
      await writeModelBlock(world.env.files, '/d', parts, block);
    }
    let cacheBytes = 0;
    const inner = newBlockCache(CACHE_BYTES);
    const cache: BlockCache = {
      ...inner,
      put(owner, key, value, bytes): void {
        inner.put(owner, key, value, bytes);
        cacheBytes = Math.max(cacheBytes, inner.bytes());
      },
    };
    const { files, seen } = watched(world.env.files);
    const parents = Array.from({ length: PARENTS }, (_, n) => ulidOf(n));
    const { meta } = await compactBlocks(files, parents, { dir: '/d', ulid: ulidOf(9), xor2: false, cache });
    return { seen, cacheBytes, samples: meta!.stats.numSamples };
  });
}

test('larger blocks are merged through the same buffers', { timeout: TIMEOUT_MS }, async () => {
  const small = await merged(100);
  const large = await merged(1200);
  expect(large.samples).toBe(12 * small.samples);
  expect(large.seen.bytesRead).toBeGreaterThan(PARENTS * 3 * 128 * 1024);
  for (const { seen, cacheBytes } of [small, large]) {
    expect(seen.chunkBuffers.size).toBe(PARENTS);
    expect(seen.longestRead).toBeLessThanOrEqual(128 * 1024);
    expect(cacheBytes).toBeLessThanOrEqual(CACHE_BYTES);
  }
});
