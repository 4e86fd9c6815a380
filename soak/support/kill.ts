// kill -9 under load: a process writes and says what was acknowledged; it is killed at a random moment, and a start must find all of that once.
// A folder lives through several of them.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Progress } from '../../tools/progress.ts';
import { verifyWritten } from './written.ts';

/** Kills that one folder lives through. */
const PER_FOLDER = 10;
/** A process that has not come to writing by then hangs. */
const START_MS = 120_000;
/** It is killed within this after its first acknowledgement... */
const LIFE_MS = 1200;
/** ...or, one time in so many, within this after it was started: while it reads the folder. */
const EARLY_OF = 6;
const EARLY_MS = 900;
/** So often the folder is only read after a kill, and the next process starts on what the kill left. */
const READ_ONLY_SHARE = 0.5;

const ACKNOWLEDGED = /^a /m;

interface Run {
  /** Commits [first, acknowledged) were acknowledged, up to `offered` may be there. */
  readonly acknowledged: number;
  readonly offered: number;
  /** What it was doing when it was killed. */
  readonly during: string;
}

/** How many of `kills` broke a promise. `say`: prints a summary. */
export async function runKills(kills: number, progress: Progress, say: boolean): Promise<number> {
  const began = performance.now();
  const during = new Map<string, number>();
  let failed = 0;
  let commits = 0;
  let samples = 0;
  let readOnly = 0;
  for (let done = 0; done < kills;) {
    const dir = mkdtempSync(join(tmpdir(), 'munjigi-kill-'));
    const before = `${dir}-before`;
    let kept = false;
    try {
      let next = 0;
      for (let i = 0; i < PER_FOLDER && done < kills; i++) {
        progress.at(`${done} of ${kills} kills, ${failed} failed`, done / kills);
        const run = await writeAndKill(dir, next);
        done++;
        during.set(run.during, (during.get(run.during) ?? 0) + 1);
        const reading = Math.random() < READ_ONLY_SHARE && existsSync(join(dir, 'wal'));
        if (reading) readOnly++;
        else cpSync(dir, before, { recursive: true });
        const found = await verifyWritten(dir, run.acknowledged, run.offered, reading);
        samples += found.samples;
        if (found.problem !== null) {
          failed++;
          kept = true;
          progress.done(
            `kill ${done}, while ${run.during}, ${run.acknowledged} commits acknowledged, ${run.offered} offered: ` +
              `${found.problem}\nwhat the kill left is kept in ${reading ? dir : before}`,
          );
          break;
        }
        rmSync(before, { recursive: true, force: true });
        commits += found.next - next;
        next = found.next;
      }
    } finally {
      if (!kept) for (const path of [dir, before]) rmSync(path, { recursive: true, force: true });
    }
  }
  progress.done();
  if (say) {
    const moments = [...during].map(([what, n]) => `${n} while ${what}`).join(', ');
    console.log(
      `${kills} kills in ${Math.round((performance.now() - began) / 1000)} s (${moments}), ${commits} commits, ` +
        `${samples} samples read back, ${readOnly} times by a reader that leaves the folder as it is: ${failed === 0 ? 'everything acknowledged was there once' : `${failed} failed`}`,
    );
  }
  return failed;
}

async function writeAndKill(dir: string, next: number): Promise<Run> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('child-writer.ts', import.meta.url)), dir, String(next)],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let said = '';
  let lines = '';
  child.stdout.on('data', (bytes: Buffer) => (lines += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  // `close` comes after all that it had written was read.
  const closed = once(child, 'close');
  const started = Date.now();
  const early = Math.random() < 1 / EARLY_OF && next > 0;
  if (early) await sleep(Math.random() * EARLY_MS);
  else {
    while (!ACKNOWLEDGED.test(lines) && child.exitCode === null && Date.now() - started < START_MS)
      await sleep(5);
    await sleep(Math.random() * LIFE_MS);
  }
  child.kill('SIGKILL');
  const [code] = (await closed) as [number | null];
  if (code !== null || !(early || ACKNOWLEDGED.test(lines)))
    throw new Error(`the writer ended or never wrote: ${said.slice(-2000)}`);
  const run = readLines(lines, next);
  return { ...run, during: unfinished(dir) ?? run.during };
}

/** What the files say that was under way. */
function unfinished(dir: string): string | null {
  for (const [folder, pattern, what] of UNFINISHED)
    if (existsSync(join(dir, folder)) && readdirSync(join(dir, folder)).some((name) => pattern.test(name)))
      return what;
  return null;
}

const UNFINISHED: readonly (readonly [folder: string, pattern: RegExp, what: string])[] = [
  ['.', /\.tmp-for-creation$/, 'a block was made'],
  ['.', /\.tmp-for-deletion$/, 'a block was removed'],
  ['.', /^chunk_snapshot.*\.tmp$/, 'a snapshot was written'],
  ['wal', /^checkpoint.*\.tmp$/, 'a checkpoint was written'],
];

/** `o N`: offered, `a N`: acknowledged, `d WHAT`: doing. The last line may be torn. */
function readLines(lines: string, next: number): Run {
  let acknowledged = next;
  let offered = next;
  let during = 'it was starting';
  const out = new Set<number>();
  for (const line of lines.slice(0, lines.lastIndexOf('\n')).split('\n')) {
    const value = line.slice(2);
    if (line[0] === 'o') offered = Math.max(offered, Number(value) + 1);
    else if (line[0] === 'd') during = value;
    else if (line[0] === 'a') out.add(Number(value));
  }
  while (out.delete(acknowledged)) acknowledged++;
  // One that was acknowledged before an earlier one: commits become visible in order.
  if (out.size > 0) throw new Error(`commit ${[...out][0]} was acknowledged before commit ${acknowledged}`);
  return { acknowledged, offered, during };
}
