// The built console in a real browser, against the mock server.
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { build } from 'vite';
import { startMockServer } from './testing/mock-server.ts';
import { walkConsole, whyNoBrowser } from './testing/walk.ts';

const PACKAGE = join(import.meta.dirname, '..');

test('the console, walked through in a browser', async (t) => {
  const missing = whyNoBrowser();
  if (missing !== null) {
    process.stdout.write(`${missing}\n`);
    t.skip();
  }
  const out = mkdtempSync(join(tmpdir(), 'munjigi-console-'));
  await build({ root: PACKAGE, logLevel: 'error', build: { outDir: join(out, 'dist') } });
  const server = await startMockServer(join(out, 'dist'));
  try {
    const shots = await walkConsole(server.url, out, {
      route: 'storefront',
      metric: 'munjigi_http_requests_total',
      typed: 'munjigi_http',
      graphExpr: 'sum by (route) (rate(munjigi_http_requests_total[1m]))',
      hostileExpr: 'hostile',
      bigExpr: 'queue_depth',
      setMode: (mode) => server.setMode(mode),
      picture: join(out, 'overview.png'),
    });
    process.stdout.write(`screenshots: ${out}\n`);
    expect(shots.length).toBeGreaterThan(40);
    expect(existsSync(join(out, 'overview.png'))).toBe(true);
  } finally {
    await server.close();
  }
});
