import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assembled, KERNELS } from './assemble.ts';
import { ROOT } from './tidy.ts';

test.each(KERNELS)('$module holds what $source compiles to (else: node tools/assemble.ts)', (kernel) => {
  expect(readFileSync(join(ROOT, kernel.module), 'utf8')).toBe(assembled(kernel.source));
});
