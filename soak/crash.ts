// Crashes, many of them: simulated histories from seeds, over several processes, and real kill -9 of a process that writes.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { readNumbers } from '../tools/arguments.ts';
import { PLANTS, findPlant } from '../packages/tsdb/src/testing/plants.ts';
import { newProgress, type Progress } from '../tools/progress.ts';
import type { SeedJob, SeedResult } from './support/child-seeds.ts';
import { runKills } from './support/kill.ts';

export const usage: string = `npm run soak -- crash [--seeds N] [--from N] [--kills N]
Histories on the simulated disk, each seed with both kinds of crash (a killed process, a power failure), over as many processes as there are
cores; then each bug that the tests can plant, which must be found, or finding nothing would say nothing; then real kill -9 of a process that
writes, at random moments: everything that was acknowledged must be there, once.
  --seeds        how many (0); --from: the first one (1)
  --kills        how many (0)
example: npm run soak -- crash --seeds 10000 --kills 200`;

const PROCESSES: number = availableParallelism();
/** Seeds that a process is given at once. */
const PORTION = 10;
/** A portion that takes longer hangs. */
const HANG_MS = 300_000;

export async function main(args: string[]): Promise<number> {
  const numbers = readNumbers(args, { seeds: 0, from: 1, kills: 0 });
  if (typeof numbers === 'string' || (numbers.seeds === 0 && numbers.kills === 0)) {
    console.error(typeof numbers === 'string' ? `${numbers}\n${usage}` : usage);
    return 2;
  }
  const progress = newProgress();
  let failed = 0;
  if (numbers.seeds > 0) {
    failed += await runSeeds(numbers.from, numbers.seeds, progress);
    failed += await runPlants(progress);
  }
  if (numbers.kills > 0) failed += await runKills(numbers.kills, progress, true);
  return failed === 0 ? 0 : 1;
}

/** How many failed. */
async function runSeeds(from: number, seeds: number, progress: Progress): Promise<number> {
  const began = performance.now();
  const totals = new Map<string, number>();
  const failures: SeedResult['failures'][number][] = [];
  let next = from;
  let done = 0;
  const show = (): void =>
    progress.at(
      `${done} of ${seeds} seeds, ${failures.length} failed${pace(performance.now() - began, done, seeds)}`,
      Math.min(1, done / seeds),
    );

  async function work(): Promise<void> {
    while (next < from + seeds) {
      const job: SeedJob = { from: next, to: Math.min(next + PORTION, from + seeds) };
      next = job.to;
      const result = await inChild(job, () => {
        done++;
        show();
      });
      for (const failure of result.failures) {
        failures.push(failure);
        progress.done(`seed ${failure.seed} (${failure.kind}) failed: ${failure.message}`);
      }
      for (const [name, n] of Object.entries(result.totals)) totals.set(name, (totals.get(name) ?? 0) + n);
    }
  }

  show();
  await Promise.all(Array.from({ length: PROCESSES }, work));
  progress.done();
  const what = [...totals].map(([name, n]) => `${n} ${name}`).join(', ');
  console.log(
    `seeds ${from} to ${from + seeds - 1}, both kinds of crash, in ${Math.round((performance.now() - began) / 1000)} s: ${what}`,
  );
  if (failures.length === 0) console.log('no promise was broken');
  else {
    const list = failures.map(({ seed, kind }) => `${seed} (${kind})`);
    console.log(
      `${failures.length} failed: ${list.join(', ')}\nagain: npm run soak -- crash --from SEED --seeds 1`,
    );
  }
  return failures.length;
}

/** How fast, and how long still. */
function pace(spent_ms: number, done: number, all: number): string {
  if (done === 0) return '';
  const left_s = Math.ceil(((spent_ms / done) * (all - done)) / 1000);
  return `, ${((1000 * done) / spent_ms).toFixed(1)} a second, ${left_s} s to go`;
}

/** How many planted bugs were not found. */
async function runPlants(progress: Progress): Promise<number> {
  const found: string[] = [];
  let missed = 0;
  for (const plant of PLANTS) {
    const name = Object.keys(plant).join();
    progress.at(`the planted bug ${name}`, (found.length + missed) / PLANTS.length);
    try {
      found.push(`${name} ${(await findPlant(plant)).seed}`);
    } catch (error) {
      missed++;
      progress.done(`the planted bug ${name}: ${(error as Error).message}`);
    }
  }
  progress.done(`${found.length} of ${PLANTS.length} planted bugs found, at seed: ${found.join(', ')}`);
  return missed;
}

/** A process a portion: a run that takes the process down, or hangs, fails its seed alone. */
function inChild(job: SeedJob, each: () => void): Promise<SeedResult> {
  return new Promise((resolve) => {
    const child = fork(new URL('support/child-seeds.ts', import.meta.url), {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    let at = job.from;
    let result: SeedResult | null = null;
    const timer = setTimeout(() => child.kill('SIGKILL'), HANG_MS);
    child.stderr!.on('data', (bytes: Buffer) => (said += bytes.toString()));
    child.on('message', (message: { seed: number } | SeedResult) => {
      if ('seed' in message) {
        at = message.seed + 1;
        each();
      } else result = message;
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const message = `the process ended with ${signal ?? code}: ${said.slice(-1000)}`;
      resolve(result ?? { failures: [{ seed: at, kind: 'either', message }], totals: {} });
    });
    child.send(job);
  });
}
