import { Prng } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { fuzzMeta } from '../testing/fuzz-meta.ts';
import { fuzzStore } from '../testing/fuzz-store.ts';

test('wrong metas are told, or are read and written as they are', () => {
  expect(() => fuzzMeta(new Prng(1, 'meta'), 500)).not.toThrow();
});

test('a damaged folder opens, or a StorageError says why not', async () => {
  await expect(fuzzStore(new Prng(1, 'store'), 8)).resolves.toBeUndefined();
}, 60_000);
