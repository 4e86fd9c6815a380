// Blocks as they are written here before the real promtool: it lists, analyzes and dumps them.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEnv } from '@munjigi/env/node';
import { Prng } from '@munjigi/env/sim';
import { labelPairs, quoteText } from '@munjigi/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newUlid } from './ulid.ts';
import { writeRandomBlock, type RandomBlock } from '../testing/random-block.ts';

const PROMTOOL = '/usr/bin/promtool';
const missing = !existsSync(PROMTOOL);
if (missing) console.log(`skipped: ${PROMTOOL} is missing; sudo apt-get install prometheus`);

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'munjigi-block-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function promtool(...args: string[]): string {
  return execFileSync(PROMTOOL, ['tsdb', ...args], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
}

/** Every sample as promtool prints it. */
function lines({ series }: RandomBlock): string[] {
  return series.flatMap(({ labels, times }) => {
    // U+E000 is private: not printable to Go.
    const pairs = [...labelPairs(labels)].map(
      ([name, value]) => `${name}=${quoteText(value).replaceAll('\ue000', String.raw`\ue000`)}`,
    );
    return times.map((t) => `{${pairs.join(', ')}} 1 ${t}`);
  });
}

test.skipIf(missing)('promtool reads blocks of one and of many segments', async () => {
  const { files } = nodeEnv();
  const random = new Prng(1, 'promtool');
  const blocks: RandomBlock[] = [];
  for (const [mint, segmentBytes] of [
    [0, undefined],
    [7_200_000, 2000],
  ] as const)
    blocks.push(
      await writeRandomBlock(files, dir, newUlid(mint, random.bytes(10)), random, {
        series: 500,
        mint,
        maxt: mint + 7_200_000,
        ...(segmentBytes === undefined ? {} : { segmentBytes, batchEntries: 50 }),
      }),
    );
  const list = promtool('list', dir);
  for (const { meta, series } of blocks) {
    const { numSamples, numChunks, numSeries } = meta.stats;
    const row = list.split('\n').find((line) => line.startsWith(meta.ulid))!;
    expect(row.split(/\s+/)).toEqual(expect.arrayContaining([numSamples, numChunks, numSeries].map(String)));
    const names = series.flatMap(({ labels }) => labels.filter((_, i) => i % 2 === 0));
    const pairs = series.flatMap(({ labels }) => [...labelPairs(labels)].map((pair) => pair.join('=')));
    const analysis = promtool('analyze', dir, meta.ulid);
    expect(analysis).toContain(`\nSeries: ${numSeries}\nLabel names: ${new Set(names).size}\n`);
    expect(analysis).toContain(`(unique label pairs): ${new Set(pairs).size}\n`);
    expect(analysis).toContain(`(total label pairs): ${pairs.length}\n`);
  }
  // Without a log promtool dumps nothing.
  mkdirSync(join(dir, 'wal'));
  const dumped = promtool('dump', dir).trimEnd().split('\n');
  expect(dumped.sort()).toEqual(blocks.flatMap(lines).sort());
  const some = promtool('dump', '--match={__name__="m1"}', dir).trimEnd().split('\n');
  const wanted = blocks.flatMap(lines).filter((line) => line.includes('__name__="m1"'));
  expect(some.sort()).toEqual(wanted.sort());
});
