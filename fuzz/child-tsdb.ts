// The thread that decodes: one batch after the other, each from its seed.
import { parentPort } from 'node:worker_threads';
import { Prng } from '@munjigi/env/sim';
import { fuzzBlocks } from '../packages/tsdb/src/testing/fuzz-blocks.ts';
import { fuzzChunks } from '../packages/tsdb/src/testing/fuzz-chunks.ts';
import { fuzzMeta } from '../packages/tsdb/src/testing/fuzz-meta.ts';
import { fuzzStore } from '../packages/tsdb/src/testing/fuzz-store.ts';
import { fuzzWal } from '../packages/tsdb/src/testing/fuzz-wal.ts';
import { limitAllocations } from './support/allocations.ts';

export interface Job {
  readonly name: string;
  readonly seed: number;
  readonly rounds: number;
}

export interface Done {
  readonly problem: string | null;
}

interface Decoders {
  /** What it covers, for people. */
  readonly decoders: string;
  /** Inputs a batch: some tenths of a second. */
  readonly rounds: number;
  readonly run: (random: Prng, rounds: number) => unknown;
}

export const DECODERS: Readonly<Record<string, Decoders>> = {
  chunks: {
    decoders: 'XOR, XOR2, histogram and float histogram chunks with and without start times, stored chunks',
    rounds: 1000,
    run: fuzzChunks,
  },
  wal: {
    decoders:
      'log records of all types, compressed records, segments, checkpoints, head chunks, memory snapshots',
    rounds: 1000,
    run: fuzzWal,
  },
  blocks: {
    decoders: 'index (symbols, series, postings, tables), chunk segments, tombstones, meta.json',
    rounds: 200,
    run: fuzzBlocks,
  },
  meta: {
    decoders: 'meta.json: wrong values in right JSON',
    rounds: 2000,
    run: fuzzMeta,
  },
  store: {
    decoders:
      'whole folders: files damaged, cut, swapped, missing; records and memory snapshots with right checksums',
    rounds: 10,
    run: fuzzStore,
  },
};

/** Of one array. The head's pages have 16 MiB, and nothing that is read here is larger. */
const ALLOCATION_BYTES: number = 64 * 1024 * 1024;

if (parentPort !== null) limitAllocations(ALLOCATION_BYTES);
parentPort?.on('message', ({ name, seed, rounds }: Job) => {
  void runBatch(name, seed, rounds).then((problem) => parentPort!.postMessage({ problem } satisfies Done));
});

async function runBatch(name: string, seed: number, rounds: number): Promise<string | null> {
  try {
    await DECODERS[name]!.run(new Prng(seed, name), rounds);
    return null;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
