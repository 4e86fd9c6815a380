import { Prng } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { fuzzWal } from '../testing/fuzz-wal.ts';

test('wrong bytes of the log, of head chunks and of snapshots are told or give wrong entries', async () => {
  await expect(fuzzWal(new Prng(1, 'wal'), 1500)).resolves.toBeUndefined();
});
