import { Prng } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { fuzzBlocks } from '../testing/fuzz-blocks.ts';

test('wrong bytes are refused, or they change nothing', async () => {
  const { refused, right } = await fuzzBlocks(new Prng(1, 'fuzz'), 300);
  expect(refused).toBeGreaterThan(100);
  expect(right).toBeGreaterThan(0);
});
