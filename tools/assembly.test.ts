import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assembled, KERNELS } from './assemble.ts';
import { ROOT } from './tidy.ts';

/** The compiler takes a second or two, and longer where much else runs. */
const timeout = 60_000;

test.each(KERNELS)(
  '$module holds what $source compiles to (else: node tools/assemble.ts)',
  { timeout },
  (kernel) => {
    expect(readFileSync(join(ROOT, kernel.module), 'utf8')).toBe(assembled(kernel.source));
  },
);
