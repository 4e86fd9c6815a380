// A crash test that cannot find a bug proves nothing: each of these must be found.
import type { PlantedFaults } from '../faults.ts';
import { runCrashSeed } from './crash.ts';

export const PLANTS: readonly PlantedFaults[] = [
  { noFsync: true },
  { noCrcCheck: true },
  { noTailTruncate: true },
  { renameBeforeData: true },
  { ackBeforeWritten: true },
  { truncateBeforeCut: true },
  { blockWithoutSync: true },
  { checkpointWithoutSeries: true },
  { checkpointWithoutSamples: true },
  { lateLogBeforeBlocks: true },
];

/** A planted bug must show by then; most do in the first history. */
const PLANT_SEEDS = 400;

/** The first seed whose history shows the bug, and what it says. Throws when none does. */
export async function findPlant(plant: PlantedFaults): Promise<{ seed: number; message: string }> {
  for (let seed = 1; seed <= PLANT_SEEDS; seed++) {
    try {
      await runCrashSeed(seed, 'power', plant);
    } catch (error) {
      const { message } = error as Error;
      if (!/is lost|another value|other buckets|must not be there|cannot be read/.test(message)) throw error;
      return { seed, message };
    }
  }
  throw new Error(`no seed up to ${PLANT_SEEDS} found ${JSON.stringify(plant)}`);
}
