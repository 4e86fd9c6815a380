// The store's files and Debian's Prometheus, both ways. The same cases with a newer one: npm run compat -- tsdb-interop
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Peers } from '../compat/tsdb-interop/acts.ts';
import { runCase } from '../compat/tsdb-interop/cases.ts';
import { casesFor } from '../compat/tsdb-interop/runner.ts';
import { which } from '../tools/peers.ts';

const prometheus = which('prometheus');
const promtool = which('promtool');
const missing = prometheus === null || promtool === null;
if (missing) {
  if (process.env['MUNJIGI_REQUIRE_PEERS'] !== undefined) throw new Error('prometheus is required here');
  console.log('interoperation with Prometheus skipped: apt-get install prometheus');
}
const peers: Peers = {
  prometheus: prometheus ?? '',
  promtool: promtool ?? '',
  tsdbPeer: null,
  modern: false,
};

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'munjigi-interop-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const cases = casesFor(peers).map((one) => [one.name, one] as const);
test.skipIf(missing).each(cases)('%s', async (_, one) => {
  expect(await runCase(one, { peers, dir: join(dir, 'case'), say: () => undefined })).toBeNull();
});
