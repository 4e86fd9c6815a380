// One portion of seeds, in a process of its own.
import { runCrashSeed } from '../../packages/tsdb/src/testing/crash.ts';

/** Seeds [from, to). */
export interface SeedJob {
  readonly from: number;
  readonly to: number;
}

export interface SeedResult {
  readonly failures: readonly { readonly seed: number; readonly kind: string; readonly message: string }[];
  /** What happened in the histories, summed. */
  readonly totals: Readonly<Record<string, number>>;
}

process.on('message', (job: SeedJob) => void answer(job));

async function answer({ from, to }: SeedJob): Promise<void> {
  process.send!(await runSeeds(from, to));
  process.disconnect();
}

async function runSeeds(from: number, to: number): Promise<SeedResult> {
  const failures: SeedResult['failures'][number][] = [];
  const totals: Record<string, number> = {};
  for (let seed = from; seed < to; seed++) {
    for (const kind of ['process', 'power'] as const) {
      try {
        const result = await runCrashSeed(seed, kind);
        for (const [name, n] of Object.entries(result)) totals[name] = (totals[name] ?? 0) + (n as number);
      } catch (error) {
        failures.push({ seed, kind, message: error instanceof Error ? error.message : String(error) });
      }
    }
    process.send!({ seed });
  }
  return { failures, totals };
}
