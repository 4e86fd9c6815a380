// `munjigi tsdb list`: the blocks of a folder, as promtool lists them.
import type { Env } from '@munjigi/env';
import { nodeEnv, stderr, stdout } from '@munjigi/env/node';
import { printGoDuration } from '@munjigi/model';
import { printUtc } from './utc.ts';
import { goBytes, goTable } from './go-format.ts';
import { findBlocks, mustBeStore, type FoundBlock } from './blocks.ts';

export interface ListOptions {
  readonly humanReadable?: boolean;
}

const HEADER = [
  'BLOCK ULID',
  'MIN TIME',
  'MAX TIME',
  'DURATION',
  'NUM SAMPLES',
  'NUM CHUNKS',
  'NUM SERIES',
  'SIZE',
] as const;
const LEAST_WIDTH = 13;

export function list(path: string, options: ListOptions, env: Env = nodeEnv({ logLevel: 'error' })): number {
  mustBeStore(env.files, path);
  const { blocks, unreadable } = findBlocks(env.files, path);
  stdout.write(blockTable(blocks, true, options.humanReadable === true));
  for (const { reason } of unreadable) stderr.write(`not listed: ${reason}\n`);
  return unreadable.length > 0 ? 1 : 0;
}

/** Rows as promtool prints them, with or without their header. */
export function blockTable(blocks: readonly FoundBlock[], header: boolean, readable: boolean): string {
  const time = (ms: number): string => (readable ? printUtc(ms) : String(ms));
  const rows = blocks.map(({ meta, sizeBytes }) => [
    meta.ulid,
    time(meta.minTime),
    time(meta.maxTime),
    printGoDuration(meta.maxTime - meta.minTime),
    String(meta.stats.numSamples),
    String(meta.stats.numChunks),
    String(meta.stats.numSeries),
    readable ? goBytes(sizeBytes) : String(sizeBytes),
  ]);
  return goTable(header ? [HEADER, ...rows] : rows, LEAST_WIDTH);
}
