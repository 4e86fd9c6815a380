import { expect, test } from 'vitest';
import { runCrashSeed } from './testing/crash.ts';

const SEEDS = 1000;

test.each(['process', 'power'] as const)(`${SEEDS} histories survive a %s crash`, async (kind) => {
  let crashes = 0;
  let checkpoints = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = await runCrashSeed(seed, kind);
    crashes += result.crashes;
    checkpoints += result.checkpoints;
  }
  expect(crashes).toBeGreaterThan(2 * SEEDS);
  expect(checkpoints).toBeGreaterThan(SEEDS / 10);
});
