// promtool's reading of our blocks: it lists, analyzes and dumps them, and the dump has every sample.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { STALE, hexOf } from './samples.ts';
import type { Workload } from './workload.ts';

const run = promisify(execFile);
const BUFFER_BYTES: number = 1024 * 1024 * 1024;

async function promtool(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(program, ['tsdb', ...args], { maxBuffer: BUFFER_BYTES });
  return stdout;
}

export async function checkPromtool(
  program: string,
  path: string,
  blocks: readonly string[],
  w: Workload,
): Promise<void> {
  const list = await promtool(program, 'list', path);
  for (const block of blocks)
    if (!list.includes(block)) throw new Error(`tsdb list does not show ${block}:\n${list}`);
  for (const block of blocks) {
    const analysis = await promtool(program, 'analyze', path, block);
    if (!/Series: [1-9]/.test(analysis)) throw new Error(`tsdb analyze ${block}:\n${analysis.slice(0, 500)}`);
  }
  const dump = await promtool(program, 'dump', path);
  const floats = new Map<string, number>();
  for (const line of dump.split('\n')) {
    // {labels} value time: only floats, as histograms are printed in a form of their own.
    const match = /^(\{.*\}) (\S+) (\d+)$/.exec(line);
    if (match === null || match[2]!.includes('count:')) continue;
    const v = Number(match[2]!.replace('Inf', 'Infinity'));
    floats.set(`${match[1]} ${match[3]}`, v);
  }
  let checked = 0;
  for (const { labels, rows } of w.find({ mint: w.mint, maxt: w.end, matchers: [] })) {
    const key = `{${(JSON.parse(labels) as [string, string][]).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`;
    for (const row of rows) {
      const [t, hex] = row.split(' ');
      if (hex === 'histogram' || hex === 'float') continue;
      const v = floats.get(`${key} ${t}`);
      if (v === undefined) throw new Error(`tsdb dump has no sample of ${key} at ${t}`);
      const same = Number.isNaN(v)
        ? /^[7f]ff[8-f]|^7ff0{12}[1-9a-f]|^7ff0000000000002/.test(hex!) || hex === STALE
        : hexOf(v) === hex;
      if (!same) throw new Error(`tsdb dump: ${key} at ${t} is ${v}, should be ${hex}`);
      checked++;
    }
  }
  if (checked === 0) throw new Error('tsdb dump: nothing could be compared');
}
