// A day of scraping in which a tenth of the series is replaced each hour, as deployments do it: memory and disk must not grow with the names
// that are gone. In a process of its own, on a clock that runs as fast as the store can follow.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readNumbers } from '../tools/arguments.ts';
import { newProgress } from '../tools/progress.ts';
import type { ChurnJob, ChurnMessage, Hour } from './support/child-churn.ts';

export const usage: string = `npm run soak -- churn [--series N] [--hours N] [--churn N]
Scrapes of --series series (10000) every 15 s for --hours simulated hours (24), of which --churn percent (10) are replaced each hour. Blocks of
15 minutes and a retention of 1 hour, so that it is level by hour 3. Fails when the last hour is over 1.1 times hour 3, means over the hour, in
the head's structures, what the main thread holds after a collection of garbage (objects, buffers, pages), resident memory, or disk.
example: npm run soak -- churn`;

const LEVEL_HOUR = 3;
const LIMIT = 1.1;
const MIB: number = 2 ** 20;

export async function main(args: string[]): Promise<number> {
  const numbers = readNumbers(args, { series: 10_000, hours: 24, churn: 10 });
  if (typeof numbers === 'string' || numbers.hours <= LEVEL_HOUR) {
    console.error(typeof numbers === 'string' ? `${numbers}\n${usage}` : usage);
    return 2;
  }
  const dir = mkdtempSync(join(tmpdir(), 'munjigi-churn-'));
  try {
    const hours = await runChild({
      dir,
      series: numbers.series,
      hours: numbers.hours,
      churn: numbers.churn / 100,
    });
    return judge(hours);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const COLUMNS: readonly (readonly [head: string, value: (h: Hour) => string])[] = [
  ['hour', (h) => String(h.hour)],
  ['live', (h) => String(h.series)],
  ['ever', (h) => String(h.everSeries)],
  ['objects', (h) => mib(h.heap)],
  ['buffers', (h) => mib(h.external)],
  ['pages', (h) => mib(h.pages)],
  ['held', (h) => mib(h.held)],
  ['resident', (h) => mib(h.resident)],
  ['columns', (h) => mib(h.columns)],
  ['postings', (h) => mib(h.postings)],
  ['symbols', (h) => mib(h.symbols)],
  ['chunks', (h) => mib(h.chunks)],
  ['log', (h) => mib(h.log)],
  ['head', (h) => mib(h.headChunks)],
  ['disk', (h) => mib(h.disk)],
  ['blocks', (h) => String(h.blocks)],
];

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}

async function runChild(job: ChurnJob): Promise<Hour[]> {
  const progress = newProgress();
  const hours: Hour[] = [];
  const child = fork(new URL('support/child-churn.ts', import.meta.url), {
    // A young generation of one size from the start: V8 lets it grow when it likes, which says nothing of what is held.
    execArgv: ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=16'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.on('message', (message: ChurnMessage) => {
    if (typeof message === 'number')
      progress.at(`hour ${(message * job.hours).toFixed(1)} of ${job.hours}`, message);
    else {
      if (hours.length === 0)
        progress.done(`MiB, means over each hour\n${COLUMNS.map(([head]) => head.padStart(8)).join(' ')}`);
      hours.push(message);
      progress.done(COLUMNS.map(([, value]) => value(message).padStart(8)).join(' '));
    }
  });
  child.send(job);
  const code = await new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  progress.done();
  if (code !== 0 || hours.length < job.hours)
    throw new Error(`the store's process ended with ${code} in hour ${hours.length + 1}`);
  return hours;
}

function judge(hours: readonly Hour[]): number {
  const level = hours[LEVEL_HOUR - 1]!;
  const last = hours.at(-1)!;
  let failed = 0;
  for (const name of ['structures', 'held', 'resident', 'disk'] as const) {
    const ratio = last[name] / level[name];
    const verdict = ratio <= LIMIT ? 'ok' : `over ${LIMIT}`;
    if (ratio > LIMIT) failed++;
    console.log(
      `${name.padEnd(10)} hour ${level.hour} ${mib(level[name])} MiB, hour ${last.hour} ${mib(last[name])} MiB: ${ratio.toFixed(2)}x ${verdict}`,
    );
  }
  if (failed > 0)
    for (const name of [
      'heap',
      'external',
      'pages',
      'columns',
      'postings',
      'symbols',
      'chunks',
      'log',
      'headChunks',
    ] as const)
      console.log(`  ${name.padEnd(10)} ${mib(level[name])} -> ${mib(last[name])} MiB`);
  return failed === 0 ? 0 : 1;
}
