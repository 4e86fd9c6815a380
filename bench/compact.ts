// Cuts, compactions, checkpoints and snapshots beside scrapes: the memory that they take above the head's own, and how long they hold up commits.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { readNumbers } from '../tools/arguments.ts';
import { newProgress } from '../tools/progress.ts';
import type { CompactJob, CompactMessage, Spread } from './support/child-compact.ts';
import { memoryOf } from './support/process-usage.ts';

export const usage: string = `npm run bench -- compact [--series N] [--hours N] [--step N]
A store is written (--series 50000, a sample every --step 60 s, --hours 24) and keeps itself in order meanwhile. Beside upkeep a commit of
5,000 samples comes every 20 ms.
example: npm run bench -- compact --hours 6`;

const MEMORY_GOAL_MIB = 512;
const APPEND_GOAL_MS = 50;
const HOLD_GOAL_MS = 5;
const LOOK_MS = 10;
const MIB: number = 2 ** 20;

type Result = Extract<CompactMessage, { blocks: readonly string[] }>;

/** What is seen of the process from outside. */
interface Watched {
  /** Bytes: at the beginning of the upkeep that took most, and its peak. */
  before: number;
  above: number;
  peak: number;
}

export async function main(args: string[]): Promise<number> {
  const numbers = readNumbers(args, { series: 50_000, hours: 24, step: 60 });
  if (typeof numbers === 'string') {
    console.error(`${numbers}\n${usage}`);
    return 2;
  }
  const dir = mkdtempSync(join(tmpdir(), 'munjigi-bench-compact-'));
  try {
    const { series, hours, step } = numbers;
    const { result, watched } = await runChild({
      path: join(dir, 'data'),
      series,
      hours,
      step_ms: step * 1000,
    });
    console.log(
      `${cpus().length} cores; ${series} series, a sample every ${step} s, ${hours} h; upkeep took ${(result.upkeep_ms / 1000).toFixed(1)} s in all; ${result.blocks.length} blocks: ${result.blocks.join('; ')}`,
    );
    const good = [
      say(
        `memory of the whole process: ${mib(watched.above)} MiB above the ${mib(watched.before)} MiB when upkeep began, ${mib(watched.peak)} MiB at most`,
        watched.above / MIB <= MEMORY_GOAL_MIB,
        `${MEMORY_GOAL_MIB} MiB above`,
      ),
      say(
        `commits beside upkeep: ${text(result.beside)}`,
        result.beside.p99 <= APPEND_GOAL_MS,
        `p99 ${APPEND_GOAL_MS} ms`,
      ),
      say(`commits alone: ${text(result.alone)}`, true, ''),
      say(
        `thread held beside upkeep: max ${result.holds.max.toFixed(2)} ms in ${result.holds.n} turns (${result.holdsCpu.max.toFixed(2)} ms of its CPU)`,
        result.holds.max <= HOLD_GOAL_MS,
        `max ${HOLD_GOAL_MS} ms`,
      ),
    ];
    return good.every(Boolean) ? 0 : 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function say(line: string, good: boolean, goal: string): boolean {
  console.log(goal === '' ? line : `${line} (goal: ${goal}: ${good ? 'ok' : 'MISSED'})`);
  return good;
}

function text({ n, p50, p99, max }: Spread): string {
  return `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, max ${max.toFixed(2)} ms of ${n}`;
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0);
}

/** The process is watched from here: its own timers stand still when its thread is held. */
async function runChild(job: CompactJob): Promise<{ result: Result; watched: Watched }> {
  const progress = newProgress();
  const child = fork(new URL('support/child-compact.ts', import.meta.url), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const watched: Watched = { before: 0, above: 0, peak: 0 };
  let result: Result | null = null;
  let before: number | null = null;
  const look = (): void => {
    if (child.exitCode !== null) return;
    const { resident } = memoryOf(child.pid!);
    watched.peak = Math.max(watched.peak, resident);
    if (before === null || resident - before <= watched.above) return;
    watched.above = resident - before;
    watched.before = before;
  };
  const timer = setInterval(look, LOOK_MS);
  child.on('message', (message: CompactMessage) => {
    if (!('part' in message)) {
      result = message;
      return;
    }
    look();
    before = message.upkeep ? memoryOf(child.pid!).resident : null;
    progress.at(
      `hour ${(message.part * job.hours).toFixed(1)} of ${job.hours}${message.upkeep ? ', upkeep' : ''}`,
      message.part,
    );
  });
  child.send(job);
  const code = await new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  clearInterval(timer);
  progress.done();
  if (result === null) throw new Error(`the store's process ended with ${code}`);
  return { result, watched };
}
