import { expect, test } from 'vitest';
import { runCrashSeed } from './testing/crash.ts';
import { PLANTS, findPlant } from './testing/plants.ts';

const SEEDS = 60;
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

test.each(PLANTS)(
  'a planted bug is found: %o',
  async (plant) => {
    expect((await findPlant(plant)).seed).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
