// kill -9 of a process that writes, again and again. More of it: npm run soak -- crash --kills 200
import { expect, test } from 'vitest';
import { runKills } from '../soak/support/kill.ts';
import { newProgress } from '../tools/progress.ts';

test('20 times kill -9 under load: everything acknowledged is there, once', async () => {
  expect(await runKills(20, newProgress(), true)).toBe(0);
});
