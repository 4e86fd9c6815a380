import { expect, test } from 'vitest';
import { runCrashSeed } from './testing/crash.ts';

/** Of each kind. */
const SEEDS = 500;

test.each(['process', 'power'] as const)(`${SEEDS} histories survive a %s crash`, async (kind) => {
  const sum = { crashes: 0, checkpoints: 0, cuts: 0, merges: 0, snapshots: 0, deletions: 0, outOfOrder: 0 };
  // Others than the fast test has.
  for (let seed = 1001; seed <= 1000 + SEEDS; seed++) {
    const result = await runCrashSeed(seed, kind);
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += result[name];
  }
  expect(sum.crashes).toBeGreaterThan(2 * SEEDS);
  for (const n of Object.values(sum)) expect(n).toBeGreaterThan(SEEDS / 10);
});
