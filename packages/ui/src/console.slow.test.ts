// The built console in a real browser, against the mock server.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
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
  // As users get it: a build from within vitest would carry React's development half.
  const vite = join(import.meta.resolve('vite').slice('file://'.length), '../../../bin/vite.js');
  execFileSync(
    process.execPath,
    [vite, 'build', PACKAGE, '--outDir', join(out, 'dist'), '--logLevel', 'error'],
    {
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
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
