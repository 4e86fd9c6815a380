// A walk through the whole console in a real browser, as a user would take it, against any server. Only the names that a server happens to
// have come in as expectations. No DOM types here: the program's own tests run this from Node.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
/** How long the walk waits for anything. */
const PATIENCE_ms = 15_000;
const ARGS: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export type ServerMode = 'healthy' | 'trouble' | 'empty' | 'failing' | 'slow' | 'down';

export interface WalkOptions {
  /** A route that the overview shows. */
  readonly route: string;
  /** A metric that has series, and the letters of it that are typed to be offered it. */
  readonly metric: string;
  readonly typed: string;
  /** An expression with several series over the last minutes. */
  readonly graphExpr: string;
  /** An expression whose labels try to be markup; absent: not tried. */
  readonly hostileExpr?: string;
  /** An expression with more series than a table shows at once; absent: not tried. */
  readonly bigExpr?: string;
  /** Makes the server behave otherwise; absent: those parts are left out. */
  readonly setMode?: (mode: ServerMode) => void;
  /** Where the overview's picture for the README goes (1280 x 800, light); absent: not written. */
  readonly picture?: string;
}

/** Why there can be no walk on this machine, or null. */
export function whyNoBrowser(): string | null {
  return existsSync(CHROMIUM) ? null : `skipped: no ${CHROMIUM}; apt-get install -y chromium fonts-nanum`;
}

/** Throws at the first thing that isn't as it should be; gives the screenshots' paths. */
export async function walkConsole(baseUrl: string, outDir: string, options: WalkOptions): Promise<string[]> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: [...ARGS] });
  try {
    const walk = new Walk(browser, baseUrl.replace(/\/$/, ''), outDir, options);
    await walk.overviewToQuery();
    await walk.keyboardOnly();
    await walk.queryState();
    await walk.errorsAndMarkup();
    await walk.looks();
    if (options.setMode !== undefined) await walk.otherModes(options.setMode);
    return walk.shots;
  } finally {
    await browser.close();
  }
}

interface View {
  readonly width: number;
  readonly height: number;
  readonly scheme: 'light' | 'dark';
}

const WIDE: View = { width: 1280, height: 800, scheme: 'light' };

class Walk {
  readonly shots: string[] = [];
  readonly #browser: Browser;
  readonly #base: string;
  readonly #out: string;
  readonly #o: WalkOptions;

  constructor(browser: Browser, base: string, out: string, options: WalkOptions) {
    this.#browser = browser;
    this.#base = base;
    this.#out = out;
    this.#o = options;
  }

  /** The overview answers, and a click on a route draws its graph. */
  async overviewToQuery(): Promise<void> {
    await this.#with(WIDE, async (page) => {
      await page.goto(`${this.#base}/`);
      const route = page.getByRole('table').first().getByRole('link', { name: this.#o.route, exact: true });
      await route.waitFor();
      await page.getByText(/^Live, updated/).waitFor();
      await this.#shot(page, 'overview-wide-light');
      if (this.#o.picture !== undefined) await page.screenshot({ path: this.#o.picture });
      await route.click();
      await page.waitForURL(/\/query\?g0\.expr=/);
      await graphDrawn(page);
      await page.goBack();
      await page.getByRole('heading', { name: 'Routes' }).waitFor();
    });
  }

  /** From the first key to a result without a pointer. */
  async keyboardOnly(): Promise<void> {
    await this.#with(WIDE, async (page) => {
      await page.goto(`${this.#base}/`);
      await page.getByText(/^Live, updated/).waitFor();
      await page.keyboard.press('Tab');
      assert.equal(
        await page.evaluate('document.activeElement.className'),
        'skip',
        'the first Tab reaches the skip link',
      );
      await page.keyboard.press('Enter');
      assert.equal(
        await page.evaluate('document.activeElement.id'),
        'main',
        'the skip link leads to the content',
      );
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      await page.keyboard.press('g');
      await page.keyboard.press('t');
      await page.getByRole('heading', { name: 'Targets', exact: true }).waitFor();
      await page.keyboard.press('g');
      await page.keyboard.press('q');
      await page.locator('.cm-content').waitFor();
      await page.keyboard.press('g');
      await page.keyboard.press('o');
      await page.getByRole('heading', { name: 'Routes' }).waitFor();
      await page.keyboard.press('/');
      await until(page, `document.activeElement.classList.contains('cm-content')`);
      await page.keyboard.type(this.#o.typed, { delay: 15 });
      const offer = page.locator('.cm-tooltip-autocomplete li', { hasText: this.#o.metric }).first();
      await offer.waitFor();
      await this.#shot(page, 'query-completion');
      for (let i = 0; i < 30; i++) {
        const chosen = await page.locator('.cm-tooltip-autocomplete li[aria-selected]').textContent();
        if (chosen?.startsWith(this.#o.metric) === true) break;
        await page.keyboard.press('ArrowDown');
      }
      await page.keyboard.press('Enter');
      await until(
        page,
        `document.querySelector('.cm-content').textContent.includes(${JSON.stringify(this.#o.metric)})`,
      );
      await page.keyboard.press('Control+Enter');
      await page.locator('.results tbody tr').first().waitFor();
      assert.match(page.url(), new RegExp(`g0\\.expr=${this.#o.metric}`), 'the address holds the expression');
    });
  }

  /** Everything chosen stands in the address: a reload, and a panel more, change nothing. */
  async queryState(): Promise<void> {
    await this.#with(WIDE, async (page) => {
      const expr = encodeURIComponent(this.#o.graphExpr);
      await page.goto(`${this.#base}/query?g0.expr=${expr}&g0.tab=graph&g0.range_input=30m`);
      await graphDrawn(page);
      await page.getByText('Stacked', { exact: true }).click();
      await page.waitForURL(/display_mode=stacked/);
      await page.getByLabel('Range', { exact: true }).last().fill('10m');
      await page.keyboard.press('Enter');
      await page.waitForURL(/range_input=10m/);
      await page.getByLabel('Resolution').selectOption({ label: 'Step 15s' });
      await page.waitForURL(/res_step=15/);
      await graphDrawn(page);
      const before = await pageState(page);
      await page.reload();
      await graphDrawn(page);
      assert.deepEqual(await pageState(page), before, 'a reload shows the same');
      await page.getByLabel('End time: earlier').click();
      await page.waitForURL(/end_input=/);
      await page.getByLabel('End time: back to now').click();
      await page.waitForURL((url) => !url.search.includes('end_input='));
      await graphDrawn(page);

      // The legend: a click shows one alone, a second one all.
      const entries = page.locator('.legend-item');
      const count = await entries.count();
      assert.ok(count > 1, 'the graph has several series');
      await entries.first().click();
      assert.equal(await page.locator('.legend-item[aria-pressed=true]').count(), 1);
      await entries.first().click();
      assert.equal(await page.locator('.legend-item[aria-pressed=true]').count(), count);
      await entries.first().click({ modifiers: ['Control'] });
      assert.equal(await page.locator('.legend-item[aria-pressed=true]').count(), count - 1);

      // The pointer reads values; a drag narrows the range. At the right end, where a server that was just started has its data.
      const box = await page.locator('.chart .u-over').boundingBox();
      assert.ok(box !== null);
      await page.mouse.move(box.x + box.width * 0.98, box.y + box.height * 0.5);
      await page.locator('.hover-value').waitFor();
      await this.#shot(page, 'query-graph-stacked');
      await page.mouse.move(box.x + box.width * 0.6, box.y + 40);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.99, box.y + 60, { steps: 5 });
      await page.mouse.up();
      await page.waitForURL((url) => !url.search.includes('range_input=10m'));
      await graphDrawn(page);
      await page.goBack();
      await page.waitForURL(/range_input=10m/);

      await page.getByRole('button', { name: 'Add panel' }).click();
      await page.waitForURL(/g1\.expr=/);
      const second = page.getByRole('region', { name: 'Panel 2' });
      await second.locator('.cm-content').click();
      await page.keyboard.type('1 + 1');
      await page.keyboard.press('Shift+Enter');
      await second.getByText('scalar').waitFor();
      await page.getByRole('button', { name: 'History' }).first().click();
      await page.getByRole('menuitem', { name: '1 + 1' }).waitFor();
      await page.keyboard.press('Escape');
      await second.getByRole('button', { name: 'Remove panel' }).click();
      await second.waitFor({ state: 'hidden' });
      assert.doesNotMatch(page.url(), /g1\./);

      await page.getByRole('button', { name: 'Metrics' }).click();
      await page.getByLabel('Search metrics').fill(this.#o.metric);
      await page.locator('.explorer-item', { hasText: this.#o.metric }).first().waitFor();
      await this.#shot(page, 'query-metrics');
    });
  }

  /** A wrong expression is shown where it is wrong; names are text whatever they hold; big results say that they are cut. */
  async errorsAndMarkup(): Promise<void> {
    await this.#with(WIDE, async (page) => {
      await page.goto(`${this.#base}/query`);
      await page.locator('.cm-content').click();
      await page.keyboard.insertText('sum(rate(up[5m]) +');
      await page.locator('.cm-lintRange-error').waitFor();
      await page.keyboard.press('Shift+Enter');
      await page.getByRole('alert').getByText('The expression is not valid').waitFor();
      await page
        .getByRole('alert')
        .getByText(/line 1, column \d+/)
        .waitFor();
      await this.#shot(page, 'query-error');
      await page.goto(`${this.#base}/query?g0.expr=${encodeURIComponent('absent_metric_of_no_one')}`);
      await page.getByText('No series.').waitFor();
      if (this.#o.hostileExpr !== undefined) {
        for (const tab of ['table', 'graph'] as const) {
          await page.goto(
            `${this.#base}/query?g0.expr=${encodeURIComponent(this.#o.hostileExpr)}&g0.tab=${tab}`,
          );
          await page.getByText('<img src=x').first().waitFor();
          assert.equal(await page.evaluate('document.querySelectorAll(".panel-result img").length'), 0);
          assert.equal(await page.evaluate('window.broken'), undefined, 'a label is never run');
        }
      }
      if (this.#o.bigExpr !== undefined) {
        await page.goto(`${this.#base}/query?g0.expr=${encodeURIComponent(this.#o.bigExpr)}`);
        await page.getByText(/^The first 500 of/).waitFor();
        assert.equal(await page.locator('.results tbody tr').count(), 500);
        await page.getByRole('button', { name: /^Show/ }).click();
        await until(page, 'document.querySelectorAll(".results tbody tr").length > 500');
      }
    });
  }

  /** Every page, light and dark, from a telephone to a large screen: nothing runs out of its place. */
  async looks(): Promise<void> {
    const graph = `/query?g0.expr=${encodeURIComponent(this.#o.graphExpr)}&g0.tab=graph&g0.range_input=30m`;
    const table = `/query?g0.expr=${encodeURIComponent(this.#o.graphExpr)}&g0.tab=table`;
    const pages: readonly (readonly [string, string, string])[] = [
      ['overview', '/', '.routes tbody tr'],
      ['graph', graph, '.chart canvas'],
      ['table', table, '.results tbody tr'],
      ['targets', '/targets', '.targets tbody tr'],
      ['status', '/status', '.pairs'],
    ];
    const views: readonly (readonly [string, View])[] = [
      ['narrow-light', { width: 360, height: 740, scheme: 'light' }],
      ['narrow-dark', { width: 360, height: 740, scheme: 'dark' }],
      ['middle-light', { width: 768, height: 1024, scheme: 'light' }],
      ['wide-light', WIDE],
      ['wide-dark', { ...WIDE, scheme: 'dark' }],
      ['large-light', { width: 1920, height: 1080, scheme: 'light' }],
    ];
    for (const [viewName, view] of views) {
      await this.#with(view, async (page) => {
        for (const [name, path, ready] of pages) {
          await page.goto(`${this.#base}${path}`);
          await page.locator(ready).first().waitFor();
          if (name === 'overview') await page.getByText(/^Live, updated/).waitFor();
          if (name === 'graph') await graphDrawn(page);
          if (path.startsWith('/query')) await page.locator('.cm-content').first().waitFor();
          await this.#shot(page, `${name}-${viewName}`);
          await fits(page, `${name} ${viewName}`);
        }
      });
    }
    // The switch itself: chosen, kept over a reload.
    await this.#with(WIDE, async (page) => {
      await page.goto(`${this.#base}/`);
      await page.getByRole('button', { name: 'Settings' }).click();
      await page.getByRole('menuitemradio', { name: 'Dark' }).click();
      const scheme = 'document.documentElement.getAttribute("data-mantine-color-scheme")';
      assert.equal(await page.evaluate(scheme), 'dark');
      await page.reload();
      assert.equal(await page.evaluate(scheme), 'dark', 'the chosen theme is kept');
    });
  }

  /** Trouble, nothing there, errors, slowness, and no server at all. */
  async otherModes(setMode: (mode: ServerMode) => void): Promise<void> {
    const query = `/query?g0.expr=${encodeURIComponent(this.#o.graphExpr)}&g0.tab=graph`;
    for (const view of [WIDE, { width: 360, height: 740, scheme: 'dark' } as const]) {
      const suffix = `${view.width === 360 ? 'narrow' : 'wide'}-${view.scheme}`;
      await this.#with(view, async (page) => {
        setMode('trouble');
        await page.goto(`${this.#base}/`);
        await page.getByRole('heading', { level: 1, name: /problem/ }).waitFor();
        await page.getByText('ECONNREFUSED').first().waitFor();
        await page
          .getByText(/checkout\.yaml:14:11/)
          .first()
          .waitFor();
        await this.#shot(page, `overview-trouble-${suffix}`);
        await fits(page, `overview in trouble ${suffix}`);
        await page.goto(`${this.#base}/targets?health=down`);
        await page.getByText('ECONNREFUSED').waitFor();
        await this.#shot(page, `targets-down-${suffix}`);
        await fits(page, `targets in trouble ${suffix}`);

        setMode('empty');
        await page.goto(`${this.#base}/`);
        await page.getByRole('heading', { level: 1, name: 'Nothing to watch yet' }).waitFor();
        await page.getByText('No route is configured').waitFor();
        await this.#shot(page, `overview-empty-${suffix}`);
        await page.goto(`${this.#base}${query}`);
        await page.getByText('No series.').waitFor();

        setMode('failing');
        await page.goto(`${this.#base}/`);
        await page.getByText('Some of this could not be asked').waitFor();
        await this.#shot(page, `overview-failing-${suffix}`);
        await fits(page, `overview failing ${suffix}`);
        await page.goto(`${this.#base}${query}`);
        await page.getByText('The server is not ready').waitFor();
        await this.#shot(page, `query-failing-${suffix}`);

        setMode('slow');
        await page.goto(`${this.#base}${query}`);
        await page.getByRole('button', { name: 'Cancel' }).click();
        await page.getByRole('button', { name: 'Run', exact: true }).waitFor();

        setMode('healthy');
        await page.goto(`${this.#base}/`);
        await page.getByText(/^Live, updated/).waitFor();
        setMode('down');
        await page.getByText('The server has not answered since').waitFor();
        await page.getByRole('heading', { level: 1, name: 'No contact' }).waitFor();
        await this.#shot(page, `overview-lost-${suffix}`);
        await fits(page, `overview without server ${suffix}`);
        setMode('healthy');
        await page.getByText('The server has not answered since').waitFor({ state: 'hidden' });
        await page.getByRole('heading', { level: 1, name: 'All healthy' }).waitFor();
      });
    }
  }

  /** A fresh page; afterwards: no script error, no policy violation, no request to anyone else. */
  async #with(view: View, body: (page: Page) => Promise<void>): Promise<void> {
    const context: BrowserContext = await this.#browser.newContext({
      viewport: { width: view.width, height: view.height },
      colorScheme: view.scheme,
      reducedMotion: 'reduce',
      timezoneId: 'UTC',
      locale: 'en-GB',
    });
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE_ms);
      const wrong: string[] = [];
      page.on('pageerror', (e) => wrong.push(`page error: ${e.message}`));
      page.on('console', (m) => {
        // Answers with an error status and cut connections are what some parts of the walk are about.
        if (m.type() === 'error' && !m.text().startsWith('Failed to load resource'))
          wrong.push(`console: ${m.text()}`);
      });
      page.on('request', (r) => {
        if (!r.url().startsWith(this.#base) && !r.url().startsWith('data:'))
          wrong.push(`foreign request: ${r.url()}`);
      });
      await body(page);
      assert.deepEqual(wrong, []);
    } finally {
      await context.close();
    }
  }

  async #shot(page: Page, name: string): Promise<void> {
    const path = join(this.#out, `${name}.png`);
    await page.screenshot({ path, fullPage: true });
    this.shots.push(path);
  }
}

/** A graph is there when its canvas has ink beyond the axes and no query is under way. */
async function graphDrawn(page: Page): Promise<void> {
  await until(
    page,
    `(() => {
    if (document.querySelector('.panel-result[aria-busy=true]') !== null) return false;
    const canvas = document.querySelector('.chart canvas');
    if (canvas === null || canvas.width === 0) return false;
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let coloured = 0;
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] > 60 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 50) coloured++;
    return coloured > 200;
  })()`,
  );
}

/** Asks again and again from here: the page's policy forbids the browser tool's own way, which builds a function from text in the page. */
async function until(page: Page, expression: string): Promise<void> {
  const last = performance.now() + PATIENCE_ms;
  while ((await page.evaluate(expression)) !== true) {
    assert.ok(performance.now() < last, `not in time: ${expression}`);
    await page.waitForTimeout(50);
  }
}

async function pageState(page: Page): Promise<object> {
  return {
    url: page.url(),
    editor: await page.locator('.cm-content').first().textContent(),
    legend: await page.locator('.legend-name').allTextContents(),
    range: await page.getByLabel('Range', { exact: true }).last().inputValue(),
    resolution: await page.getByLabel('Resolution').inputValue(),
  };
}

/** Nothing is wider than the screen, and no text is cut off. */
async function fits(page: Page, where: string): Promise<void> {
  const overflow: unknown = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
  assert.ok(
    typeof overflow === 'number' && overflow <= 0,
    `${where}: the page is ${String(overflow)} px wider than the screen`,
  );
  const cut = await page.evaluate(`[...document.querySelectorAll('body *')].filter((e) => {
    const style = getComputedStyle(e);
    if (e.closest('.hidden, .cm-scroller, svg, .chart, thead') !== null || e.children.length > 0) return false;
    return style.overflowX !== 'visible' && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1;
  }).map((e) => e.className + ': ' + e.textContent.slice(0, 40))`);
  assert.deepEqual(cut, [], `${where}: text is cut off`);
}
