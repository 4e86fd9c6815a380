// Public conformance data: as many cases of each suite pass as ever did.
import { expect, it } from 'vitest';
import { dataSuites, passedBefore, runSuite } from '../compat/run.ts';
import { conformanceDir } from '../tools/peers.ts';

const dataDir = conformanceDir();
const before = passedBefore();

it.each(await dataSuites())('%s', async (suite) => {
  if (dataDir === null) {
    if (process.env['MUNJIGI_REQUIRE_PEERS'] !== undefined)
      throw new Error('conformance data is required here');
    console.log(`${suite} skipped: conformance data not found, set MUNJIGI_CONFORMANCE`);
    return;
  }
  const { passed, failures } = await runSuite(suite, dataDir);
  const wanted = before[suite];
  if (wanted === undefined)
    throw new Error(`compat/passed.json has no number for it: npm run compat -- --raise ${suite}`);
  expect(passed, `fewer cases pass than before:\n${failures.slice(0, 20).join('\n')}`).toBeGreaterThanOrEqual(
    wanted,
  );
});

it('every number belongs to a suite', async () => {
  const known = await dataSuites();
  expect(Object.keys(before).filter((name) => !known.includes(name))).toEqual([]);
});
