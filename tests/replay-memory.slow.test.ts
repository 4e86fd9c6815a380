// A start after kill -9 must not need more memory than the process had before: else a store that was killed for its memory is killed at every
// start again.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const CHILD = fileURLToPath(new URL('./store-child.ts', import.meta.url));
/** Of what was held before; the collector's moods are in it. */
const SLACK = 1.05;

interface Said {
  readonly peakBytes: number;
  readonly series: number;
  readonly replayed: number;
}

let dir = '';
let child: ChildProcess | null = null;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'munjigi-replay-'));
});
afterEach(async () => {
  await kill();
  rmSync(dir, { recursive: true, force: true });
});

async function kill(): Promise<void> {
  const killed = child;
  child = null;
  if (killed === null) return;
  const gone = new Promise((resolve) => killed.once('exit', resolve));
  killed.kill('SIGKILL');
  await gone;
}

async function run(what: 'fill' | 'open'): Promise<Said> {
  const started = spawn(process.execPath, [CHILD, what, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  child = started;
  const said = await new Promise<string>((resolve, reject) => {
    started.stdout.once('data', (b: Buffer) => resolve(b.toString()));
    started.once('exit', (code) => reject(new Error(`the store's process ended with ${code}`)));
  });
  return JSON.parse(said) as Said;
}

test.skipIf(process.platform !== 'linux')(
  'the replay after a kill needs no more memory than before',
  async () => {
    const before = await run('fill');
    await kill();
    const after = await run('open');
    expect(after.series).toBe(before.series);
    expect(after.replayed).toBeGreaterThan(0);
    expect(after.peakBytes / before.peakBytes).toBeLessThan(SLACK);
  },
);
