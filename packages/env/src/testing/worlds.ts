// The two worlds that one contract is checked in.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env } from '../env.ts';
import { nodeEnv } from '../node/index.ts';
import { simWorld } from '../sim/index.ts';

export interface TestWorld {
  readonly env: Env;
  /** An empty directory. */
  readonly dir: string;
  /** Moves time, where it must be moved, until the promise settles. */
  drive<T>(work: () => Promise<T>): Promise<T>;
  close(): void;
}

export interface TestWorldMaker {
  readonly name: string;
  make(): TestWorld;
}

const node: TestWorldMaker = {
  name: 'node',
  make() {
    const dir = mkdtempSync(join(tmpdir(), 'munjigi-env-'));
    return {
      env: nodeEnv({ logWrite: () => {} }),
      dir,
      drive: (work) => work(),
      close: () => rmSync(dir, { recursive: true, force: true }),
    };
  },
};

const sim = (seed: number): TestWorldMaker => ({
  name: `sim ${seed}`,
  make() {
    const world = simWorld(seed);
    world.env.files.makeDir('/work');
    return { env: world.env, dir: '/work', drive: (work) => world.run(work), close: () => {} };
  },
});

export const WORLDS: readonly TestWorldMaker[] = [node, sim(1), sim(2), sim(3)];

/** Runs one contract's table in each world. */
export type Contract = Readonly<Record<string, (world: TestWorld) => Promise<void> | void>>;
