// `munjigi tsdb create-blocks-from openmetrics`: samples in text become blocks, as promtool's backfilling makes them.
import type { Env } from '@munjigi/env';
import { nodeEnv, readStdin, stdout } from '@munjigi/env/node';
import type { ScrapeParser } from '@munjigi/exposition';
import { labelsFrom, parseDuration, type Labels } from '@munjigi/model';
import {
  blockRanges,
  folderBytes,
  newSampleTable,
  newUlid,
  ULID_RANDOM_BYTES,
  type SampleTable,
} from '@munjigi/tsdb';
import { Failure } from './failure.ts';
import { blockTable } from './list.ts';
import { eachPiece, openInput, type ByteInput } from './openmetrics-file.ts';
import { newProgress, type Progress } from './progress.ts';

export interface CreateOptions {
  readonly humanReadable?: boolean;
  readonly quiet?: boolean;
  readonly maxBlockDuration?: string;
  readonly allowIncompatibleBlockDuration?: boolean;
  /** name=value, each. */
  readonly label?: readonly string[];
}

const DEFAULT_BLOCK_MS = 2 * 3_600_000;
/** Samples in memory at once, 40 bytes each; one block's may be more. */
const SAMPLES_AT_ONCE = 16_000_000;

export async function createBlocks(
  input: string,
  output: string,
  options: CreateOptions,
  env: Env = nodeEnv({ logLevel: 'error' }),
  samplesAtOnce: number = SAMPLES_AT_ONCE,
): Promise<number> {
  const range = blockRange(options);
  const extra = (options.label ?? []).map(labelOption);
  const progress = newProgress(env.clock, options.quiet === true);
  env.files.makeDir(output);
  try {
    const counts = countByRange(env, input, range, progress);
    let header = true;
    for (const group of groups(counts, samplesAtOnce)) {
      const table = readSamples(env, input, group, range, extra, progress);
      for (const start of group.starts) {
        progress.at('writing blocks', 0, 0);
        const ulid = newUlid(env.clock.now(), env.random.bytes(ULID_RANDOM_BYTES));
        const meta = await table.writeBlock(env.files, output, ulid, start, start + range);
        if (meta === null || options.quiet === true) continue;
        progress.end();
        const dir = `${output}/${meta.ulid}`;
        const row = { dir, meta, sizeBytes: folderBytes(env.files, dir) };
        stdout.write(blockTable([row], header, options.humanReadable === true));
        header = false;
      }
    }
  } finally {
    progress.end();
  }
  return 0;
}

/** How long a block is: 2 h, or the longest of 2 h times 3^n that is not above what is asked for. */
function blockRange({ maxBlockDuration, allowIncompatibleBlockDuration }: CreateOptions): number {
  if (maxBlockDuration === undefined) return DEFAULT_BLOCK_MS;
  const read = parseDuration(maxBlockDuration);
  if ('error' in read || read.ms === 0)
    throw new Failure(
      `--max-block-duration: wants a duration such as 24h, got ${JSON.stringify(maxBlockDuration)}`,
      2,
    );
  if (allowIncompatibleBlockDuration === true) return read.ms;
  if (read.ms <= DEFAULT_BLOCK_MS) return DEFAULT_BLOCK_MS;
  return blockRanges(DEFAULT_BLOCK_MS, 0)
    .filter((ms) => ms <= read.ms)
    .at(-1)!;
}

function labelOption(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new Failure(`--label: wants name=value, got ${JSON.stringify(text)}`, 2);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Samples by the beginning of their block. */
function countByRange(env: Env, path: string, range: number, progress: Progress): Map<number, number> {
  const counts = new Map<number, number>();
  readAll(env, path, 'looking for times', progress, (parser) => {
    for (let i = 0; i < parser.n; i++) {
      const start = startOf(parser.t[i]!, range);
      counts.set(start, (counts.get(start) ?? 0) + 1);
    }
  });
  return counts;
}

function startOf(t: number, range: number): number {
  return Math.floor(t / range) * range;
}

interface Group {
  readonly starts: number[];
  samples: number;
}

/** Blocks that are made together, each from one reading of the file: as many as fit into memory. */
function groups(counts: ReadonlyMap<number, number>, most: number): Group[] {
  const all: Group[] = [];
  for (const [start, samples] of [...counts].sort((a, b) => a[0] - b[0])) {
    const last = all.at(-1);
    if (last !== undefined && last.samples + samples <= most) {
      last.starts.push(start);
      last.samples += samples;
    } else all.push({ starts: [start], samples });
  }
  return all;
}

function readSamples(
  env: Env,
  path: string,
  group: Group,
  range: number,
  extra: readonly (readonly [string, string])[],
  progress: Progress,
): SampleTable {
  const table = newSampleTable();
  const first = group.starts[0]!;
  const end = group.starts.at(-1)! + range;
  readAll(env, path, 'reading samples', progress, (parser) => {
    const bits = new Uint32Array(parser.v.buffer, parser.v.byteOffset, 2 * parser.n);
    const { slots, entry, t } = parser;
    for (let i = 0; i < parser.n; i++) {
      if (t[i]! < first || t[i]! >= end) continue;
      const e = entry[i]!;
      // Slots are 0 for what is new.
      if (slots[e] === 0) slots[e] = 1 + table.series(withLabels(parser.labels(e), extra));
      table.add(slots[e]! - 1, t[i]!, bits, i);
    }
  });
  return table;
}

function withLabels(labels: Labels, extra: readonly (readonly [string, string])[]): Labels {
  if (extra.length === 0) return labels;
  const pairs: (readonly [string, string])[] = [];
  for (let i = 0; i < labels.length; i += 2) pairs.push([labels[i]!, labels[i + 1]!]);
  return labelsFrom([...pairs, ...extra]);
}

function readAll(
  env: Env,
  path: string,
  step: string,
  progress: Progress,
  each: (parser: ScrapeParser) => void,
): void {
  const input = path === '-' ? standardInput() : openInput(env.files, path);
  try {
    eachPiece(input, each, (done) => progress.at(step, done, input.size));
  } finally {
    input.close();
  }
}

let stdin: Uint8Array | null = null;

/** It is read twice or more, so it is kept. */
function standardInput(): ByteInput {
  const all = (stdin ??= readStdin());
  return {
    name: 'standard input',
    size: all.length,
    read(b, from, to, position): number {
      const piece = all.subarray(position, position + to - from);
      b.set(piece, from);
      return piece.length;
    },
    close: () => undefined,
  };
}
