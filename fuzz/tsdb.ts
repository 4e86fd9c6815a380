// Every decoder of the store fed mutated and random bytes: an error value or a wrong answer is right; a crash, a hang or a runaway allocation
// is not. A thread decodes, this one watches it.
import { Worker } from 'node:worker_threads';
import { newProgress } from '../tools/progress.ts';
import { readNumbers } from '../tools/arguments.ts';
import { DECODERS, type Done, type Job } from './child-tsdb.ts';

export const usage: string = `npm run fuzz -- tsdb [--seconds N] [--seed N] [--only NAME]
Wrong bytes for the store's decoders, in turn, for N seconds (60). What fails is printed with its seed and bytes.
  --seed         of the first batch; batches count up from it (default: the time)
  --only         one of them: ${Object.keys(DECODERS).join(', ')}
${Object.entries(DECODERS)
  .map(([name, { decoders }]) => `  ${name.padEnd(8)} ${decoders}`)
  .join('\n')}
example: npm run fuzz -- tsdb --seconds 60`;

/** A batch that takes longer hangs; they take a second at most. */
const HANG_MS = 60_000;
/** The thread's memory beyond what it began with. */
const MEMORY_BYTES: number = 2 * 1024 * 1024 * 1024;

export async function main(args: string[]): Promise<number> {
  const at = args.indexOf('--only');
  const only = at < 0 ? null : (args[at + 1] ?? '');
  const numbers = readNumbers(at < 0 ? args : args.toSpliced(at, 2), {
    seconds: 60,
    seed: Date.now() % 2 ** 31,
  });
  if (typeof numbers === 'string' || (only !== null && !(only in DECODERS))) {
    console.error(typeof numbers === 'string' ? `${numbers}\n${usage}` : usage);
    return 2;
  }
  const names = only === null ? Object.keys(DECODERS) : [only];
  const totals = new Map(names.map((name) => [name, 0]));
  const progress = newProgress();
  const began = performance.now();
  const until = began + numbers.seconds * 1000;
  const start = process.memoryUsage.rss();
  let { seed } = numbers;
  let worker = newWorker();
  let failed = 0;
  try {
    for (let turn = 0; performance.now() < until; turn++) {
      const name = names[turn % names.length]!;
      const job: Job = { name, seed: seed++, rounds: DECODERS[name]!.rounds };
      const part = Math.min(1, (performance.now() - began) / (numbers.seconds * 1000));
      progress.at(
        `${name} seed ${job.seed}: ${[...totals.values()].reduce((a, b) => a + b, 0)} inputs`,
        part,
      );
      const problem = await batch(worker, job);
      totals.set(name, totals.get(name)! + job.rounds);
      const grown = process.memoryUsage.rss() - start;
      const wrong =
        problem ?? (grown > MEMORY_BYTES ? `memory grew by ${Math.round(grown / 2 ** 20)} MiB` : null);
      if (wrong === null) continue;
      failed++;
      progress.done(
        `${name}, seed ${job.seed}: ${wrong}\nagain: npm run fuzz -- tsdb --only ${name} --seed ${job.seed} --seconds 1`,
      );
      await worker.terminate();
      worker = newWorker();
      if (failed >= 10) break;
    }
  } finally {
    await worker.terminate();
  }
  progress.done();
  for (const [name, inputs] of totals)
    console.log(`${name.padEnd(8)} ${String(inputs).padStart(9)} inputs  ${DECODERS[name]!.decoders}`);
  console.log(
    `seeds ${numbers.seed} to ${seed - 1} in ${Math.round((performance.now() - began) / 1000)} s: ${failed === 0 ? 'nothing failed' : `${failed} batches failed`}`,
  );
  return failed === 0 ? 0 : 1;
}

function newWorker(): Worker {
  return new Worker(new URL('child-tsdb.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 2048 },
  });
}

/** null, or what went wrong. */
function batch(worker: Worker, job: Job): Promise<string | null> {
  return new Promise((resolve) => {
    const answered = ({ problem }: Done): void => done(problem);
    const died = (error: Error): void => done(`the thread died: ${error.stack ?? error.message}`);
    const ended = (code: number): void => done(`the thread ended with ${code}`);
    const done = (problem: string | null): void => {
      clearTimeout(timer);
      worker.off('message', answered).off('error', died).off('exit', ended);
      resolve(problem);
    };
    const timer = setTimeout(() => done(`it hangs: no end after ${HANG_MS / 1000} s`), HANG_MS);
    worker.on('message', answered).on('error', died).on('exit', ended);
    worker.postMessage(job);
  });
}
