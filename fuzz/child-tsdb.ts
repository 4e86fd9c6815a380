// The thread that decodes: one batch after the other, each from its seed.
import { parentPort } from 'node:worker_threads';
import { Prng } from '@munjigi/env/sim';
import { fuzzBlocks } from '../packages/tsdb/src/testing/fuzz-blocks.ts';
import { fuzzChunks } from '../packages/tsdb/src/testing/fuzz-chunks.ts';
import { fuzzWal } from '../packages/tsdb/src/testing/fuzz-wal.ts';

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
};

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
