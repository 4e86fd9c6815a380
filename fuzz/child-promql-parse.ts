// The thread that parses: one batch after the other, each from its seed.
import { parentPort } from 'node:worker_threads';
import { parse } from '../packages/promql/src/parse.ts';
import { fuzzParse, growingText } from '../packages/promql/src/fuzz-parse.ts';

/** A text ten times as long may take this many times as long, and what a collection of garbage takes. */
const MOST_TIMES = 40;
const SPARE_MS = 250;

function growth(seed: number): string[] {
  const { short, long } = growingText(seed);
  const [first, second] = [took(short), took(long)];
  if (second <= MOST_TIMES * first + SPARE_MS) return [];
  // Once more: the machine may have been busy.
  const [again, more] = [took(short), took(long)];
  return more <= MOST_TIMES * again + SPARE_MS
    ? []
    : [
        `${short.length} characters take ${again.toFixed(1)} ms, ${long.length} take ${more.toFixed(1)}: ${short.slice(0, 100)}`,
      ];
}

function took(text: string): number {
  const began = performance.now();
  parse(text);
  return performance.now() - began;
}

parentPort!.on('message', ({ seed, rounds }: { seed: number; rounds: number }) => {
  let problems: string[];
  try {
    problems = [...fuzzParse(seed, rounds), ...growth(seed)];
  } catch (error) {
    problems = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
  parentPort!.postMessage(problems);
});
