// Randomness of the operating system, taken in blocks: `u32` and `float` are fit for secrets and cost no system call each.
import { randomFillSync } from 'node:crypto';
import type { Random } from '../env.ts';

const BLOCK = 1024;
/** crypto refuses more at once. */
const FILL_MAX_BYTES = 65_536;

const block = new Uint32Array(BLOCK);
let used = BLOCK;

function u32(): number {
  if (used === BLOCK) {
    randomFillSync(block);
    used = 0;
  }
  const value = block[used]!;
  block[used++] = 0;
  return value;
}

export const nodeRandom: Random = {
  u32,
  float: () => ((u32() >>> 5) * 67_108_864 + (u32() >>> 6)) / 9_007_199_254_740_992,
  bytes(n) {
    const b = new Uint8Array(n);
    for (let from = 0; from < n; from += FILL_MAX_BYTES)
      randomFillSync(b, from, Math.min(FILL_MAX_BYTES, n - from));
    return b;
  },
};
