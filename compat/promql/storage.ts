// The real store for test scripts: a head in a temporary folder, read as it is or through blocks that are cut from it. Settings are those
// of Prometheus' own runner: ranges of 24 h, nothing out of order, start timestamps kept.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEnv } from '@munjigi/env/node';
import type { BlockRef, Querier, Queryable } from '@munjigi/model';
import type { TestStorage } from '@munjigi/promql';
import { newUlid, openChunkReader, openHead, ULID_RANDOM_BYTES, withBlocks, type Head } from '@munjigi/tsdb';
import { cutHead } from '../../packages/tsdb/src/compact/cut.ts';
import { storeOfBlocks } from '../../packages/tsdb/src/testing/empty-store.ts';

const DAY_MS = 86_400_000;
const CACHE_BYTES = 1024 * 1024;

const env = nodeEnv({ logLevel: 'error' });

export type Place = 'head' | 'blocks';

/** An empty store whose queries read the head, or blocks alone. */
export async function openStorage(place: Place): Promise<TestStorage> {
  const dir = mkdtempSync(join(tmpdir(), 'munjigi-promql-'));
  const head = await openHead(env, { path: dir, chunkRange_ms: DAY_MS, xor2: true });
  /** Of what was written so far; null: to be cut. */
  let blocks: Promise<Pick<Queryable, 'querier'>> | null = null;
  const inBlocks = async (): Promise<Querier> => (await (blocks ??= cut(head, dir))).querier();
  return {
    appender() {
      blocks = null;
      return head.appender();
    },
    querier: () => (place === 'head' ? head.querier() : later(inBlocks)),
    reader: () => openChunkReader(env.files),
    async close() {
      // A query that failed may have left a cut behind.
      await blocks?.catch(() => undefined);
      await head.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A querier that is opened when it is asked first. */
function later(open: () => Promise<Querier>): Querier {
  let opening: Promise<Querier> | null = null;
  const opened = (): Promise<Querier> => (opening ??= open());
  return {
    select: async (...args) => (await opened()).select(...args),
    labelNames: async (q) => (await opened()).labelNames(q),
    labelValues: async (name, q) => (await opened()).labelValues(name, q),
    exemplars: async (...args) => (await opened()).exemplars(...args),
    metadata: async (metric) => (await opened()).metadata(metric),
    close: () => void opening?.then((querier) => querier.close()),
  };
}

/** The head stays as it is: the next load may be older than its end. */
async function cut(head: Head, dir: string): Promise<Pick<Queryable, 'querier'>> {
  const { mint, maxt } = head.range();
  const refs: BlockRef[] = [];
  for (let from = DAY_MS * Math.floor(mint / DAY_MS); from <= maxt; from += DAY_MS) {
    const all = await head.selectAll(from, from + DAY_MS - 1, 'in-order');
    const ulid = newUlid(env.clock.now(), env.random.bytes(ULID_RANDOM_BYTES));
    try {
      const range = { mint: from, maxt: from + DAY_MS };
      const meta = await cutHead(env.files, {
        ...range,
        selection: all.selection,
        dir,
        ulid,
        outOfOrder: false,
        xor2: true,
      });
      if (meta !== null) refs.push({ dir: join(dir, ulid), ulid, ...range, version: 0 });
    } finally {
      all.close();
    }
  }
  return withBlocks(env, storeOfBlocks(refs), { cacheBytes: CACHE_BYTES });
}
