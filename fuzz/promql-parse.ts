// PromQL's parser fed nearly expressions: a tree or errors are right; a throw, a hang or work that grows faster than the text is not.
// A thread parses, this one watches it.
import { Worker } from 'node:worker_threads';
import { readNumbers } from '../tools/arguments.ts';
import { newProgress } from '../tools/progress.ts';

export const usage: string = `npm run fuzz -- promql-parse [--seconds N] [--seed N]
Random and broken PromQL for N seconds (60), and texts ten times as long that must not take much more than ten times as long.
  --seed         of the first batch; batches count up from it (default: the time)
example: npm run fuzz -- promql-parse --seconds 60`;

const ROUNDS = 2000;
/** A batch that takes longer hangs; they take a second at most. */
const HANG_MS = 60_000;

export async function main(args: string[]): Promise<number> {
  const numbers = readNumbers(args, { seconds: 60, seed: Date.now() % 2 ** 31 });
  if (typeof numbers === 'string') {
    console.error(`${numbers}\n${usage}`);
    return 2;
  }
  const progress = newProgress();
  const began = performance.now();
  const worker = new Worker(new URL('child-promql-parse.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  });
  let { seed } = numbers;
  let problems: string[] = [];
  try {
    while (problems.length === 0 && performance.now() - began < numbers.seconds * 1000) {
      const part = Math.min(1, (performance.now() - began) / (numbers.seconds * 1000));
      progress.at(`seed ${seed}: ${(seed - numbers.seed) * ROUNDS} texts`, part);
      problems = await batch(worker, seed++);
    }
  } finally {
    await worker.terminate();
  }
  progress.done();
  for (const problem of problems) console.log(problem);
  console.log(
    `${(seed - numbers.seed) * ROUNDS} texts, seeds ${numbers.seed} to ${seed - 1}: ${problems.length === 0 ? 'nothing failed' : `again: npm run fuzz -- promql-parse --seed ${seed - 1} --seconds 1`}`,
  );
  return problems.length === 0 ? 0 : 1;
}

/** What went wrong. */
function batch(worker: Worker, seed: number): Promise<string[]> {
  return new Promise((resolve) => {
    const done = (problems: string[]): void => {
      clearTimeout(timer);
      worker.off('message', done).off('error', died);
      resolve(problems);
    };
    const died = (error: Error): void => done([`the thread died: ${error.stack ?? error.message}`]);
    const timer = setTimeout(() => done([`it hangs: no end after ${HANG_MS / 1000} s`]), HANG_MS);
    worker.on('message', done).on('error', died);
    worker.postMessage({ seed, rounds: ROUNDS });
  });
}
