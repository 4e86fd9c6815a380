// Suites of public conformance data that must pass whole.
import { expect, it } from 'vitest';
import { runSuite } from '../compat/run.ts';
import { conformanceDir } from '../tools/peers.ts';

const WHOLE: readonly string[] = ['promql-grammar'];
const dataDir = conformanceDir();

it.each(WHOLE)('%s', async (suite) => {
  if (dataDir === null) {
    if (process.env['MUNJIGI_REQUIRE_PEERS'] !== undefined)
      throw new Error('conformance data is required here');
    console.log(`${suite} skipped: conformance data not found, set MUNJIGI_CONFORMANCE`);
    return;
  }
  const { passed, failures } = await runSuite(suite, dataDir);
  expect(failures).toEqual([]);
  expect(passed).toBeGreaterThan(0);
});
