// examples/promql-in-browser, built and opened in a real browser as a user would use it, without headers that make a page cross-origin
// isolated: the engine needs no shared memory there.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from './program.ts';

const CHROMIUM = '/usr/bin/chromium';
const EXAMPLE = fileURLToPath(new URL('../examples/promql-in-browser', import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
};

const missing = existsSync(CHROMIUM) ? null : `skipped: no ${CHROMIUM}; apt-get install -y chromium`;
let folder: { path: string; remove(): void };
let server: http.Server;
let browser: Browser;
let url = '';

beforeAll(async () => {
  if (missing !== null) {
    process.stdout.write(`${missing}\n`);
    return;
  }
  folder = temporaryFolder();
  const vite = join(import.meta.resolve('vite').slice('file://'.length), '../../../bin/vite.js');
  execFileSync(
    process.execPath,
    [vite, 'build', EXAMPLE, '--base', './', '--outDir', folder.path, '--emptyOutDir', '--logLevel', 'error'],
    { env: { ...process.env, NODE_ENV: 'production' }, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  server = http.createServer((request, response) => {
    const path = join(folder.path, request.url === '/' ? 'index.html' : request.url!);
    if (!existsSync(path)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain' }).end(readFileSync(path));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
});

afterAll(async () => {
  if (missing !== null) return;
  await browser.close();
  server.close();
  folder.remove();
});

/** A page with the series downloaded; what goes wrong in it fails the test at its end. */
async function opened(
  view: { readonly width?: number; readonly dark?: boolean },
  use: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({
    viewport: { width: view.width ?? 1200, height: 800 },
    colorScheme: view.dark === true ? 'dark' : 'light',
  });
  try {
    const page = await context.newPage();
    const wrong: string[] = [];
    page.on('pageerror', (error) => wrong.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
    await page.goto(url);
    await page.getByText('2 series,').waitFor();
    await use(page);
    expect(wrong).toEqual([]);
  } finally {
    await context.close();
  }
}

async function picture(page: Page, name: string): Promise<void> {
  const into = process.env['MUNJIGI_PICTURES'];
  if (into !== undefined) await page.screenshot({ path: join(into, `${name}.png`), fullPage: true });
}

describe.skipIf(missing !== null)('the example in a browser', () => {
  test('a typed query is drawn and listed, over a range and at one time', () =>
    opened({}, async (page) => {
      expect(
        await page.evaluate(() => (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated),
      ).toBe(false);
      expect(await page.locator('svg path.series').count()).toBe(2);
      expect(await page.locator('tbody tr').first().innerText()).toMatch(
        /^\{job="api"\}\s+[0-9.]+\s+14:00:00\s+120$/,
      );
      await picture(page, 'light');
      await page.getByLabel('at one time').check();
      await page.locator('svg').waitFor({ state: 'detached' });
      await page.getByLabel('Query').fill('count by (job) (up)');
      await page.locator('tbody tr', { hasText: '{job="web"}' }).waitFor();
      expect(await page.locator('tbody tr').allInnerTexts()).toEqual(['{job="api"}\t1', '{job="web"}\t1']);
      expect(await page.getByLabel('Step').isVisible()).toBe(false);
      await page.getByLabel('Query').fill('1 + 1');
      await page.locator('tbody tr', { hasText: 'scalar' }).waitFor();
      await page.getByLabel('Query').fill('temperature_celsius[3m]');
      await page.locator('th', { hasText: 'Points' }).waitFor();
      await picture(page, 'instant');
    }));

  test('errors say where, and warnings are told', () =>
    opened({}, async (page) => {
      await page.getByLabel('Query').fill('sum by (job) (\n  rate(up[5m]) +* 2\n)');
      const problem = page.locator('.problem').first();
      await problem.waitFor();
      expect(await problem.innerText()).toMatch(/^2:17 unexpected/);
      expect(await page.locator('.problem mark').first().innerText()).toBe('*');
      await picture(page, 'error');
      await problem.getByRole('button').click();
      expect(
        await page
          .getByLabel('Query')
          .evaluate((area) => (area as unknown as { selectionStart: number }).selectionStart),
      ).toBe(31);
      await page.getByLabel('Query').fill('up * on (nosuch) up');
      await page.getByText('found duplicate series').waitFor();
      await page.getByLabel('Query').fill('rate(up[5m])');
      await page.locator('.note.info', { hasText: 'might not be a counter' }).waitFor();
      await page.getByLabel('Query').fill('nosuch');
      await page.getByText('The result is empty').waitFor();
      expect(await page.locator('#graph').innerText()).toBe('');
      await picture(page, 'empty');
      await page.getByLabel('Query').fill('');
      await page.getByText('Type a query').waitFor();
    }));

  test('it can be used with the keyboard alone, narrow and dark', () =>
    opened({ width: 360, dark: true }, async (page) => {
      const wide = await page.evaluate('document.documentElement.scrollWidth');
      expect(wide).toBe(360);
      await picture(page, 'narrow-dark');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Control+A');
      await page.keyboard.type('up == 0');
      await page.locator('tbody tr', { hasText: 'up{job="web"}' }).waitFor();
      // Past the examples to the choice of times.
      for (let i = 0; i < 6; i++) await page.keyboard.press('Tab');
      await page.keyboard.press('ArrowRight');
      await page.getByText('The result is empty').waitFor();
      expect(await page.getByLabel('at one time').isChecked()).toBe(true);
    }));

  test('another file takes the place of the series, a wrong one says why', () =>
    opened({ dark: true }, async (page) => {
      await picture(page, 'dark');
      const answer = {
        data: { resultType: 'matrix', result: [{ metric: { __name__: 'x' }, values: [[60, '7']] }] },
      };
      const file = (text: string): { name: string; mimeType: string; buffer: Buffer } => ({
        name: 'mine.json',
        mimeType: 'application/json',
        buffer: Buffer.from(text),
      });
      await page.getByLabel('Other series').setInputFiles(file('{"data":{}}'));
      await page.getByText('mine.json: this is no answer with series').waitFor();
      await page.getByLabel('Query').fill('x');
      await page.getByText('The result is empty').waitFor();
      await page.getByLabel('Other series').setInputFiles(file(JSON.stringify(answer)));
      await page.getByText('mine.json: 1 series, 1 sample.').waitFor();
      await page.locator('tbody tr').waitFor();
      expect(await page.locator('tbody tr').allInnerTexts()).toEqual(['x\t7\t00:01:00\t1']);
    }));
});
