// One contract, two worlds: what holds in the real one holds in a simulation, errors and their codes included.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clockContract } from './testing/clock-contract.ts';
import { codecContract } from './testing/codec-contract.ts';
import { filesContract } from './testing/files-contract.ts';
import { httpContract } from './testing/http-contract.ts';
import { netContract } from './testing/net-contract.ts';
import { workersContract } from './testing/workers-contract.ts';
import { WORLDS, type TestWorld } from './testing/worlds.ts';

const CONTRACTS = {
  clock: clockContract,
  codec: codecContract,
  files: filesContract,
  http: httpContract,
  net: netContract,
  workers: workersContract,
};

describe.each(WORLDS)('$name', (maker) => {
  let world: TestWorld;
  beforeEach(() => {
    world = maker.make();
  });
  afterEach(() => world.close());
  for (const [part, contract] of Object.entries(CONTRACTS))
    test.each(Object.entries(contract))(`${part}: %s`, async (_name, check) => {
      expect.hasAssertions();
      await world.drive(async () => check(world));
    });
});
