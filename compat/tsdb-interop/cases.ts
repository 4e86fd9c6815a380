// Who writes, who reads, and how the writer ended: each case in a folder of its own.
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nodeEnv } from '@munjigi/env/node';
import type { DbOptions } from '@munjigi/tsdb';
import { copyBlock } from '../../packages/tsdb/src/testing/copy-block.ts';
import { startServer } from '../prometheus/server.ts';
import {
  OUT_OF_ORDER_MS,
  all,
  blocksIn,
  deletesOf,
  feed,
  must,
  mustBeClean,
  mustHave,
  peerReads,
  peerWrites,
  serverReads,
  serverWrites,
  weRead,
  weWrite,
  withoutSign,
  workload,
  type CaseContext,
} from './acts.ts';
import { sameHeadChunks, type ChunkPlan } from './head-chunks.ts';
import { OurStore } from './ours.ts';
import type { PeerOptions } from './peer.ts';
import { checkPromtool } from './promtool.ts';
import { readRemote } from './remote-read.ts';
import type { WorkloadOptions } from './workload.ts';

export interface Case {
  readonly name: string;
  /** Only with the driver of the storage. */
  readonly driver?: boolean;
  readonly modern?: boolean;
  readonly run: (c: CaseContext) => Promise<void>;
}

interface Variant {
  readonly text: string;
  readonly peer: PeerOptions;
  readonly ours: Partial<DbOptions>;
  readonly work: Partial<WorkloadOptions>;
}

const VARIANTS: readonly Variant[] = [
  { text: 'XOR, no compression', peer: { compression: 'none' }, ours: { walCompression: 'none' }, work: {} },
  {
    text: 'out of order, snappy',
    peer: { compression: 'snappy' },
    ours: { walCompression: 'snappy' },
    work: { outOfOrder_ms: OUT_OF_ORDER_MS },
  },
  {
    text: 'XOR2 with start times, zstd',
    peer: { compression: 'zstd', xor2: true, st: true, histogram_st: true },
    ours: { walCompression: 'zstd', xor2: true },
    work: { startTimes: true, outOfOrder_ms: OUT_OF_ORDER_MS },
  },
  {
    text: 'a memory snapshot',
    peer: { compression: 'snappy', snapshot: true, xor2: true, st: true, histogram_st: true },
    ours: { walCompression: 'snappy', xor2: true },
    work: { startTimes: true },
  },
];

const HEAD_CHUNKS: readonly (readonly [text: string, plan: ChunkPlan])[] = [
  ['every 5 s', { seed: 50, step_ms: 5000, startTimes: false, outOfOrder: false }],
  ['every 15 s', { seed: 51, step_ms: 15_000, startTimes: false, outOfOrder: false }],
  ['every 60 s', { seed: 52, step_ms: 60_000, startTimes: false, outOfOrder: false }],
  ['with start times', { seed: 53, step_ms: 15_000, startTimes: true, outOfOrder: false }],
  ['out of order', { seed: 54, step_ms: 15_000, startTimes: false, outOfOrder: true }],
  ['out of order with start times', { seed: 55, step_ms: 60_000, startTimes: true, outOfOrder: true }],
];

export const CASES: readonly Case[] = [
  {
    name: 'a log that we wrote, closed',
    run: async (c) => {
      const w = workload(c, 1, { hours: 2 });
      await serverReads(c, w, await weWrite(c, w, { walCompression: 'none' }, 'close'));
    },
  },
  {
    name: 'blocks, head chunks and a log that we wrote, closed',
    run: async (c) => {
      const w = workload(c, 2);
      const path = await weWrite(c, w, {}, 'close', deletesOf(w));
      mustHave(path, 2, 'wal', 'chunks_head');
      await serverReads(c, w, path);
    },
  },
  {
    name: 'blocks, head chunks and a log that we wrote, killed',
    run: async (c) => {
      const w = workload(c, 3);
      await serverReads(c, w, await weWrite(c, w, {}, 'kill'));
    },
  },
  {
    name: 'out-of-order samples that we wrote, killed',
    run: async (c) => {
      const w = workload(c, 4, { outOfOrder_ms: OUT_OF_ORDER_MS });
      const path = await weWrite(c, w, {}, 'kill');
      mustHave(path, 2, 'wal', 'wbl');
      await serverReads(c, w, path);
    },
  },
  {
    name: 'merged blocks that we wrote',
    run: async (c) => {
      const w = workload(c, 5, { outOfOrder_ms: OUT_OF_ORDER_MS });
      const path = await weWrite(c, w, { minBlock_ms: 1_800_000 }, 'close', deletesOf(w));
      mustHave(path, 2);
      await serverReads(c, w, path);
    },
  },
  {
    name: 'a log that we wrote with zstd, and a memory snapshot',
    modern: true,
    run: async (c) => {
      const w = workload(c, 6);
      const path = await weWrite(c, w, { walCompression: 'zstd' }, 'close');
      if (!readdirSync(path).some((name) => name.startsWith('chunk_snapshot.')))
        throw new Error('no memory snapshot was written');
      await serverReads(c, w, path, ['--enable-feature=memory-snapshot-on-shutdown']);
    },
  },
  ...(['stop', 'kill'] as const).map((end): Case => ({
    name: `what Prometheus wrote before ${end === 'stop' ? 'its clean stop' : 'kill -9'}`,
    run: async (c) => {
      const w = workload(c, end === 'stop' ? 7 : 8, {
        histograms: false,
        exemplars: false,
        outOfOrder_ms: OUT_OF_ORDER_MS,
      });
      const data = join(c.dir, 'data');
      await serverWrites(c, w, data, end);
      mustHave(data, 2, 'wal');
      await weRead(c, w, data, false);
    },
  })),
  { name: 'taken over again and again', run: takeTurns },
  {
    name: 'promtool on our blocks',
    run: async (c) => {
      const w = workload(c, 9);
      const path = await weWrite(c, w, {}, 'close', deletesOf(w));
      await checkPromtool(c.peers.promtool, path, blocksIn(path), w);
    },
  },
  ...driverCases(),
];

/** Each goes on where the other was, in one folder. */
async function takeTurns(c: CaseContext): Promise<void> {
  const w = workload(c, 10, { hours: 12, histograms: false, exemplars: false });
  const data = join(c.dir, 'data');
  mkdirSync(data);
  const TURNS = 6;
  for (let turn = 0; turn < TURNS; turn++) {
    const from = Math.floor((w.steps * turn) / TURNS);
    const to = Math.floor((w.steps * (turn + 1)) / TURNS);
    c.say(`turn ${turn + 1} of ${TURNS}`);
    if (turn % 2 === 0) {
      const store = await OurStore.open({ path: data }, w.labels);
      try {
        must(`what we find at turn ${turn + 1}`, await store.find(all(w)), w.find(all(w)));
        for (const { rows } of w.batches(from, to)) await store.append(rows);
        await store.db.upkeep();
      } finally {
        await store.close();
      }
    } else {
      const server = await startServer({ program: c.peers.prometheus, data });
      try {
        mustBeClean(server);
        must(
          `what Prometheus finds at turn ${turn + 1}`,
          (await readRemote(server.url, [all(w)]))[0]!,
          w.find(all(w)).map(withoutSign),
        );
        await feed(c, w, server, from, to);
        await server[turn === 1 ? 'stop' : 'kill']();
      } finally {
        await server.kill();
      }
    }
  }
  await weRead(c, w, data, false);
}

function driverCases(): Case[] {
  const cases: Case[] = HEAD_CHUNKS.map(([text, plan]) => ({
    name: `the same histogram chunks in the head, ${text}`,
    driver: true,
    modern: true,
    run: (c) => sameHeadChunks(c, plan),
  }));
  VARIANTS.forEach(({ text, peer, ours, work }, i) => {
    const withSt = work.startTimes === true;
    cases.push({
      name: `blocks of Prometheus' storage read and written again, ${text}`,
      driver: true,
      run: (c) => writtenAgain(c, 40 + i, peer, work),
    });
    for (const end of ['close', 'kill'] as const) {
      cases.push(
        {
          name: `what Prometheus' storage wrote, ${text}, ${end}`,
          driver: true,
          run: async (c) => {
            const w = workload(c, 20 + i, work);
            const data = join(c.dir, 'data');
            await peerWrites(
              c,
              w,
              data,
              { segment_bytes: 32_768 * 8, ...peer },
              end,
              end === 'close' ? deletesOf(w) : [],
            );
            await weRead(c, w, data, withSt, ours);
            // And it finds everything again after us.
            await peerReads(c, w, data, peer, withSt);
          },
        },
        {
          name: `what we wrote, ${text}, ${end}`,
          driver: true,
          run: async (c) => {
            const w = workload(c, 30 + i, work);
            const data = await weWrite(c, w, ours, end, deletesOf(w));
            await peerReads(c, w, data, peer, withSt);
          },
        },
      );
    }
  });
  return cases;
}

/** Blocks of Prometheus' storage, read and written again: the same bytes in index and chunks. */
async function writtenAgain(
  c: CaseContext,
  seed: number,
  peer: PeerOptions,
  work: Partial<WorkloadOptions>,
): Promise<void> {
  const w = workload(c, seed, work);
  const data = join(c.dir, 'data');
  const range_ms = 2 * 3_600_000;
  await peerWrites(
    c,
    w,
    data,
    { range_ms, max_range_ms: 3 * range_ms, chunk_segment_bytes: SEGMENT_BYTES, ...peer },
    'close',
  );
  mustHave(data, 2);
  const again = join(c.dir, 'again');
  mkdirSync(again);
  for (const block of blocksIn(data)) {
    c.say(`writing ${block} again`);
    await copyBlock(files, join(data, block), again, { segmentBytes: SEGMENT_BYTES });
    const chunks = readdirSync(join(data, block, 'chunks')).map((name) => join('chunks', name));
    if (readdirSync(join(again, block, 'chunks')).length !== chunks.length)
      throw new Error(`${block} has another number of segments`);
    for (const name of ['index', ...chunks])
      if (!readFileSync(join(data, block, name)).equals(readFileSync(join(again, block, name))))
        throw new Error(`${block}/${name} has other bytes`);
  }
}

/** Small, so that a block has several. */
const SEGMENT_BYTES: number = 64 * 1024;
const { files } = nodeEnv();

/** Runs a case in its folder; null: it passed. */
export async function runCase(one: Case, context: CaseContext): Promise<string | null> {
  mkdirSync(context.dir, { recursive: true });
  try {
    await one.run(context);
    return null;
  } catch (error) {
    return error instanceof Error
      ? process.env['MUNJIGI_STACK'] === undefined
        ? error.message
        : (error.stack ?? '')
      : String(error);
  } finally {
    rmSync(context.dir, { recursive: true, force: true });
  }
}
