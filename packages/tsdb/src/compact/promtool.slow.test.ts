// Merged, cleaned and cut blocks before the real promtool: it lists, analyzes and dumps them.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEnv } from '@munjigi/env/node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ulidOf } from '../testing/metas.ts';
import { writeModelBlock, type ModelBlock } from '../testing/model-blocks.ts';
import { floats, modelSelection } from '../testing/model-selection.ts';
import { cutHead } from './cut.ts';
import { deleteSeries } from './delete.ts';
import { compactBlocks } from './rewrite.ts';

const PROMTOOL = '/usr/bin/promtool';
const missing = !existsSync(PROMTOOL);
if (missing) console.log(`skipped: ${PROMTOOL} is missing; sudo apt-get install prometheus`);

const HOUR_MS = 3_600_000;
const SERIES = 200;

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'munjigi-compact-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function promtool(...args: string[]): string {
  return execFileSync(PROMTOOL, ['tsdb', ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** A sample a minute from `from` on, value by series and time. */
function block(from: number, minutes: number, offset_ms: number): ModelBlock {
  const t = Array.from({ length: minutes }, (_, i) => from + i * 60_000 + offset_ms);
  return new Map(
    Array.from({ length: SERIES }, (_, i) => {
      const chunks = [];
      for (let k = 0; k < t.length; k += 120) {
        const part = t.slice(k, k + 120);
        chunks.push({ t: part, v: part.map((time) => i + time / 1000) });
      }
      return [`__name__=requests_total,job=é${i % 7},number=${i}`, chunks] as const;
    }),
  );
}

test.skipIf(missing)('promtool reads merged blocks', async () => {
  const env = nodeEnv({ logWrite: () => {} });
  const { files } = env;
  const ids = [1, 2, 3, 4].map((n) => ulidOf(n));
  await writeModelBlock(files, dir, { ulid: ids[0]!, minTime: 0, maxTime: 2 * HOUR_MS }, block(0, 120, 0));
  const second = { ulid: ids[1]!, minTime: 2 * HOUR_MS, maxTime: 4 * HOUR_MS };
  await writeModelBlock(files, dir, second, block(2 * HOUR_MS, 120, 0));
  const over = { ulid: ids[2]!, minTime: HOUR_MS, maxTime: 3 * HOUR_MS };
  await writeModelBlock(files, dir, over, block(HOUR_MS, 120, 1000));
  const one = [{ name: 'number', op: '=' as const, value: '3' }];
  await deleteSeries(files, { dir: `${dir}/${ids[0]}`, mint: 0, maxt: HOUR_MS, matchers: one });
  const merged = await compactBlocks(files, ids.slice(0, 3), { dir, ulid: ids[3]!, xor2: false });
  const samples = SERIES * 360 - 61;
  expect(merged.meta!.stats).toMatchObject({ numSamples: samples, numSeries: SERIES });
  for (const ulid of merged.replaced) files.removeTree(`${dir}/${ulid}`);

  const head = modelSelection(
    files,
    join(dir, '000001'),
    new Map([
      [
        '__name__=up',
        [
          {
            where: 'memory' as const,
            source: 60_000,
            samples: floats([4 * HOUR_MS, 4 * HOUR_MS + 1], [1, 2]),
          },
          {
            where: 'plain' as const,
            source: 60_001,
            samples: floats([5 * HOUR_MS, 4 * HOUR_MS + 1], [4, 3]),
          },
        ],
      ],
    ]),
  );
  const cut = { selection: head, mint: 4 * HOUR_MS, maxt: 6 * HOUR_MS, dir, ulid: ulidOf(5) };
  await cutHead(files, { ...cut, outOfOrder: false, xor2: false });

  const listed = promtool('list', dir)
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/));
  expect(listed.map((row) => [row[0], row[4], row[5], row[6]])).toEqual([
    [ids[3], String(samples), String(merged.meta!.stats.numChunks), String(SERIES)],
    [ulidOf(5), '3', '1', '1'],
  ]);
  expect(promtool('analyze', dir, ids[3]!)).toContain(`\nSeries: ${SERIES}\n`);
  // Its reading mode wants a log, an empty one will do.
  mkdirSync(join(dir, 'wal'));
  const lines = promtool('dump', dir).trim().split('\n');
  expect(lines.length).toBe(samples + 3);
  expect(lines.filter((line) => line.startsWith('{__name__="up"}'))).toEqual([
    '{__name__="up"} 1 14400000',
    '{__name__="up"} 3 14400001',
    '{__name__="up"} 4 18000000',
  ]);
  for (const line of lines.slice(0, -3)) {
    const [, number, value, t] = /number="(\d+)"} (\S+) (\d+)$/.exec(line)!;
    expect(Number(value)).toBe(Number(number) + Number(t) / 1000);
  }
});
