import { expect, test } from 'vitest';
import type { PlantedFaults } from './faults.ts';
import { runCrashSeed } from './testing/crash.ts';

const SEEDS = 60;
/** A planted bug must show by then; most do in the first history. */
const PLANT_SEEDS = 400;
const TIMEOUT_MS = 120_000;

test.each(['process', 'power'] as const)(
  `${SEEDS} histories survive a %s crash`,
  async (kind) => {
    let checked = 0;
    for (let seed = 1; seed <= SEEDS; seed++) checked += (await runCrashSeed(seed, kind)).samplesChecked;
    expect(checked).toBeGreaterThan(SEEDS * 100);
  },
  TIMEOUT_MS,
);

// A crash test that cannot find a bug proves nothing: each of these must be found.
const PLANTS: readonly PlantedFaults[] = [
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

test.each(PLANTS)(
  'a planted bug is found: %o',
  async (plant) => {
    for (let seed = 1; seed <= PLANT_SEEDS; seed++) {
      const error = await runCrashSeed(seed, 'power', plant).then(
        () => null,
        (e: Error) => e,
      );
      if (error === null) continue;
      expect(error.message).toMatch(/is lost|another value|other buckets|must not be there/);
      return;
    }
    expect.unreachable(`no seed up to ${PLANT_SEEDS} found it`);
  },
  TIMEOUT_MS,
);
