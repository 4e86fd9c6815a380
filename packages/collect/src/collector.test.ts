import type { HttpRequest, HttpResponse } from '@munjigi/env';
import { simWorld, type SimWorld } from '@munjigi/env/sim';
import { hasErrors, printProblem, StorageError, type MetricFamily } from '@munjigi/model';
import { expect, test } from 'vitest';
import { createCollector, parsePrometheusConfig, type Collector } from './index.ts';
import { Recorder } from './testing/recorder.ts';

type Page = string | HttpResponse | ((r: HttpRequest) => Promise<HttpResponse>);

const TEXT = { 'content-type': 'text/plain; version=0.0.4' };

interface Bench {
  readonly world: SimWorld;
  readonly storage: Recorder;
  readonly collector: Collector;
  /** What the target answers from now on. */
  page(page: Page, origin?: string): void;
  /** Takes a configuration; throws its problems. */
  load(text: string): Promise<void>;
  /** One interval of 10 s; what was committed in it, without the target's own series when `own` is false. */
  interval(own?: boolean): Promise<string[]>;
}

function bench(seed = 1, maxSeriesPerTarget = 0, storage: Recorder = new Recorder()): Bench {
  const world = simWorld(seed);
  const collector = createCollector(world.env, storage, { userAgent: 'test/1', maxSeriesPerTarget });
  const own = /^(?:up|scrape_[a-z_]+)\{/;
  return {
    world,
    storage,
    collector,
    page(page, origin = 'http://t:1') {
      world.http.handle(origin, async (request) => {
        if (typeof page === 'string') return { status: 200, headers: TEXT, body: page };
        return typeof page === 'function' ? page(request) : page;
      });
    },
    async load(text) {
      const { config, problems } = parsePrometheusConfig('/etc/prometheus.yml', text, {
        files: world.env.files,
      });
      const wrong = [...problems];
      if (config !== null) wrong.push(...(await collector.prepare(config)));
      if (hasErrors(wrong)) throw new Error(wrong.map(printProblem).join('\n'));
      await collector.commit();
    },
    async interval(all = false) {
      const from = storage.batches.length;
      await world.advance(10_000);
      return storage.batches
        .slice(from)
        .flatMap((batch) => batch.samples.filter((line) => all || !own.test(line)));
    },
  };
}

const job = (more = ''): string => `
global: { scrape_interval: 10s }
scrape_configs:
  - job_name: j
    static_configs: [{ targets: ['t:1'] }]
${more}`;
const T = 'instance="t:1", job="j"';

async function started(more: string, page: Page): Promise<Bench> {
  const b = bench();
  b.page(page);
  await b.load(job(more));
  return b;
}

function value(families: readonly MetricFamily[], name: string): number {
  return families.find((f) => f.name === name)!.samples.reduce((sum, s) => sum + s.value, 0);
}

test("a page becomes samples with the labels of its target, in one commit with the target's own series", async () => {
  const b = await started('', '# TYPE a counter\n# HELP a Help.\na{x="1"} 5\nb 2 1767225601000\n');
  await b.interval();
  expect(b.storage.batches).toHaveLength(1);
  const [batch] = b.storage.batches;
  expect(batch!.samples).toEqual([
    `a{${T}, x="1"} 5`,
    `b{${T}} 2 @${1_767_225_601_000 - batch!.t}`,
    `up{${T}} 1`,
    `scrape_samples_scraped{${T}} 2`,
    `scrape_samples_post_metric_relabeling{${T}} 2`,
    `scrape_series_added{${T}} 2`,
  ]);
  expect(b.storage.metadata).toEqual([`a{${T}, x="1"} counter Help.`]);
  await b.interval();
  const asked = b.storage.asked;
  await b.interval();
  expect(b.storage.asked).toBe(asked);
  expect(b.storage.batches.map((x) => x.t - batch!.t)).toEqual([0, 10_000, 20_000]);
  expect(b.storage.last()).toContain(`scrape_series_added{${T}} 0`);
});

test('what is sent to the target', async () => {
  let seen: HttpRequest | null = null;
  const b = bench();
  b.world.env.files.makeDir('/etc');
  const secret = b.world.env.files.open('/etc/secret', 'create');
  secret.write(new TextEncoder().encode('s3cret\n'), 0, 7, 0);
  b.page(async (request) => {
    seen = request;
    return { status: 200, headers: TEXT, body: 'a 1\n' };
  });
  await b.load(
    job(`
    metrics_path: /m p
    params: { q: [x, 'y&z'] }
    scrape_timeout: 2500ms
    authorization: { credentials_file: /etc/secret }
    http_headers: { X-More: { values: [v] } }`),
  );
  await b.interval();
  expect(seen!.target).toBe('/m%20p?q=x&q=y%26z');
  expect(seen!.headers).toMatchObject({
    authorization: 'Bearer s3cret',
    'x-more': 'v',
    'user-agent': 'test/1',
    'accept-encoding': 'gzip',
    'x-prometheus-scrape-timeout-seconds': '2.5',
    accept:
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
  });
});

/** Pages of one target, one an interval, and what is written of them (without the target's own series). */
test.each<[what: string, more: string, steps: [page: Page, written: string[]][]]>([
  [
    'a series that goes is marked, one that comes back goes on',
    '',
    [
      ['a 1\nb 1\n', [`a{${T}} 1`, `b{${T}} 1`]],
      ['a 2\n', [`a{${T}} 2`, `b{${T}} stale`]],
      ['a 3\n', [`a{${T}} 3`]],
      ['a 4\nb 4\n', [`a{${T}} 4`, `b{${T}} 4`]],
    ],
  ],
  [
    'a scrape that fails marks all, once',
    '',
    [
      ['a 1\n', [`a{${T}} 1`]],
      [{ status: 500, headers: {}, body: '' }, [`a{${T}} stale`]],
      [{ status: 500, headers: {}, body: '' }, []],
      ['b 1\n', [`b{${T}} 1`]],
      ['a 1\n', [`a{${T}} 1`, `b{${T}} stale`]],
    ],
  ],
  [
    'a page that is wrong is as good as none',
    '',
    [
      ['a 1\n', [`a{${T}} 1`]],
      ['a 2\nb\n', [`a{${T}} stale`]],
      ['a 3\n', [`a{${T}} 3`]],
    ],
  ],
  [
    'an empty page',
    '',
    [
      ['a 1\n', [`a{${T}} 1`]],
      ['', [`a{${T}} stale`]],
    ],
  ],
  [
    'series with times of their own are not marked',
    '',
    [
      ['a 1 1767225600100\nb 1\n', [`a{${T}} 1`, `b{${T}} 1`]],
      ['c 1\n', [`c{${T}} 1`, `b{${T}} stale`]],
    ],
  ],
  [
    'unless the job wants it',
    '    track_timestamps_staleness: true',
    [
      ['a 1 1767225600100\n', [`a{${T}} 1`]],
      ['', [`a{${T}} stale`]],
    ],
  ],
  [
    'times are not honoured when the job says so',
    '    honor_timestamps: false',
    [
      ['a 1 5\n', [`a{${T}} 1`]],
      ['', [`a{${T}} stale`]],
    ],
  ],
  ['a time too far in the future', '', [['a 1 1767999999000\nb 1\n', [`b{${T}} 1`]]]],
  [
    'NaN keeps its bits',
    '',
    [
      ['a NaN\n', [`a{${T}} NaN`]],
      ['a NaN\n', [`a{${T}} NaN`]],
    ],
  ],
  [
    'labels of the target win',
    '',
    [
      [
        'a{job="x",exported_instance="y",instance="z"} 1\n',
        [`a{exported_exported_instance="z", exported_instance="y", exported_job="x", ${T}} 1`],
      ],
    ],
  ],
  [
    'labels of the page win',
    '    honor_labels: true',
    [['a{job="x"} 1\nb 1\n', ['a{instance="t:1", job="x"} 1', `b{${T}} 1`]]],
  ],
  [
    'metric relabelling',
    '    metric_relabel_configs: [{ action: drop, source_labels: [__name__], regex: b }, { target_label: job, replacement: k }]',
    [
      ['a 1\nb 1\n', ['a{instance="t:1", job="k"} 1']],
      ['b 2\n', ['a{instance="t:1", job="k"} stale']],
    ],
  ],
  [
    'a sample limit',
    '    sample_limit: 2',
    [
      ['a 1\nb 1\n', [`a{${T}} 1`, `b{${T}} 1`]],
      ['a 2\nb 2\nc 2\n', [`a{${T}} stale`, `b{${T}} stale`]],
      ['a 3\n', [`a{${T}} 3`]],
    ],
  ],
  [
    'a label limit',
    '    label_limit: 4',
    [
      ['a{x="1"} 1\n', [`a{${T}, x="1"} 1`]],
      ['a{x="1"} 2\na{x="1",y="2"} 1\n', [`a{${T}, x="1"} stale`]],
    ],
  ],
  [
    'a name length limit',
    '    label_name_length_limit: 8',
    [
      ['a{x="1"} 1\n', [`a{${T}, x="1"} 1`]],
      ['a{xxxxxxxxx="1"} 1\n', [`a{${T}, x="1"} stale`]],
    ],
  ],
  [
    'a value length limit',
    '    label_value_length_limit: 5',
    [
      ['a{x="12345"} 1\n', [`a{${T}, x="12345"} 1`]],
      ['a{x="123456"} 1\n', [`a{${T}, x="12345"} stale`]],
    ],
  ],
  [
    'a body limit',
    '    body_size_limit: 10B',
    [
      ['a 1\n', [`a{${T}} 1`]],
      [`a 2\n# ${'x'.repeat(20)}\n`, [`a{${T}} stale`]],
    ],
  ],
  ['the same series twice', '', [['a 1\na 2\n', [`a{${T}} 1`]]]],
  [
    'two series that relabelling makes one',
    '    metric_relabel_configs: [{ action: labeldrop, regex: x }]',
    [
      ['a{x="1"} 1\na{x="2"} 1\n', [`a{${T}} 1`, `a{${T}} 1`]],
      ['a{x="1"} 2\n', [`a{${T}} 2`]],
    ],
  ],
  [
    'OpenMetrics',
    '',
    [
      [
        {
          status: 200,
          headers: { 'content-type': 'application/openmetrics-text; version=1.0.0' },
          body: 'a 1\n# EOF\n',
        },
        [`a{${T}} 1`],
      ],
    ],
  ],
  [
    'another content type',
    '',
    [[{ status: 200, headers: { 'content-type': 'text/html' }, body: 'a 1\n' }, []]],
  ],
  [
    'another content type with a fallback',
    '    fallback_scrape_protocol: PrometheusText0.0.4',
    [[{ status: 200, headers: { 'content-type': 'text/html' }, body: 'a 1\n' }, [`a{${T}} 1`]]],
  ],
  [
    'names of the classic kind only',
    '    metric_name_validation_scheme: legacy',
    [
      ['{"a.b"} 1\n', []],
      ['a 1\n', [`a{${T}} 1`]],
    ],
  ],
])('%s', async (_, more, steps) => {
  const b = await started(more, '');
  for (const [page, written] of steps) {
    b.page(page);
    // Times of their own are relative to the scrape's: not the point here.
    expect((await b.interval()).map((line) => line.replace(/ @-?\d+$/, ''))).toEqual(written);
  }
});

test.each<[what: string, more: string, page: Page, error: RegExp, counter?: string]>([
  ['a status', '', { status: 503, headers: {}, body: '' }, /HTTP status 503/],
  ['a bad line', '', 'a 1\nb x\n', /line 2: expected a number/],
  [
    'no content type',
    '',
    { status: 200, headers: {}, body: 'a 1\n' },
    /no Content-Type.*fallback_scrape_protocol/,
  ],
  [
    'a sample limit',
    '    sample_limit: 1',
    'a 1\nb 1\n',
    /sample limit exceeded/,
    'prometheus_target_scrapes_exceeded_sample_limit_total',
  ],
  [
    'a body limit',
    '    body_size_limit: 3B',
    'a 1\n',
    /body size limit/,
    'prometheus_target_scrapes_exceeded_body_size_limit_total',
  ],
  [
    'a label limit',
    '    label_limit: 2',
    'a{x="1"} 1\n',
    /label_limit exceeded.*number of labels: 4, limit: 2/,
    'prometheus_target_scrape_pool_exceeded_label_limits_total',
  ],
  [
    'a target limit',
    '  - { job_name: k, target_limit: 1, static_configs: [{ targets: [u:1, u:2] }] }',
    'a 1\n',
    /target_limit exceeded/,
    'prometheus_target_scrape_pool_exceeded_target_limit_total',
  ],
  [
    'nobody there',
    '    relabel_configs: [{ target_label: __address__, replacement: "nobody:1" }]',
    'a 1\n',
    /./,
  ],
])('a target is down: %s', async (_, more, page, error, counter) => {
  const b = await started(more, page);
  await b.interval();
  const down = b.collector.targets().active.filter((t) => t.health === 'down');
  expect(down.length).toBeGreaterThan(0);
  expect(down[0]!.lastError).toMatch(error);
  const up = b.storage.batches
    .flatMap((batch) => batch.samples)
    .filter((line) => line.startsWith(`up{instance="${down[0]!.labels[1]}"`));
  expect(up).toEqual([expect.stringMatching(/ 0$/)]);
  expect(counter === undefined ? 1 : value(b.collector.families(), counter)).toBe(1);
});

test('a target that hangs delays nobody, and is down after its timeout', async () => {
  const b = bench();
  b.page(() => new Promise(() => {}));
  b.page('b 1\n', 'http://u:1');
  await b.load(job('    scrape_timeout: 5s\n  - { job_name: k, static_configs: [{ targets: [u:1] }] }'));
  for (let i = 0; i < 4; i++) await b.interval();
  const [hanging, well] = b.collector.targets().active;
  expect([hanging!.health, well!.health]).toEqual(['down', 'up']);
  expect(hanging!.lastScrapeDuration_ms).toBeGreaterThanOrEqual(5000);
  expect(b.storage.batches.filter((x) => x.samples.some((line) => line.startsWith('b{')))).toHaveLength(4);
});

test('scrapes fall due at fixed instants, and one that takes longer skips the next', async () => {
  const b = await started('', 'a 1\n');
  await b.interval();
  b.storage.hold = b.world.env.clock.sleep(35_000);
  for (let i = 0; i < 6; i++) await b.interval();
  const first = b.storage.batches[0]!.t;
  expect(b.storage.batches.map((x) => x.t - first)).toEqual([0, 10_000, 40_000, 50_000, 60_000]);
  expect(value(b.collector.families(), 'munjigi_target_scrapes_skipped_total')).toBe(2);
});

test('targets are spread over the interval', async () => {
  const b = bench();
  const targets = Array.from({ length: 200 }, (_, i) => `t${i}:1`);
  for (const target of targets) b.page('a 1\n', `http://${target}`);
  await b.load(
    `global: { scrape_interval: 10s }\nscrape_configs: [{ job_name: j, static_configs: [{ targets: [${targets.join(', ')}] }] }]`,
  );
  await b.interval();
  expect(b.storage.batches).toHaveLength(200);
  const seconds = Array.from({ length: 10 }, () => 0);
  for (const batch of b.storage.batches) seconds[Math.floor((batch.t % 10_000) / 1000)]!++;
  expect(Math.min(...seconds)).toBeGreaterThan(5);
});

test('a target that vanishes ends two intervals later, at the time of its next scrape', async () => {
  const b = await started('', 'a 1\n');
  await b.interval();
  const last = b.storage.batches.at(-1)!.t;
  await b.load('scrape_configs: []');
  expect(await b.interval(true)).toEqual([]);
  await b.interval(true);
  await b.interval(true);
  const end = b.storage.batches.at(-1)!;
  expect(end.t).toBe(last + 10_000);
  expect(end.samples).toEqual([
    `a{${T}} stale`,
    ...[
      'up',
      'scrape_duration_seconds',
      'scrape_samples_scraped',
      'scrape_samples_post_metric_relabeling',
      'scrape_series_added',
    ].map((name) => `${name}{${T}} stale`),
  ]);
  expect(b.collector.targets()).toEqual({ active: [], dropped: [], pools: [] });
});

test('a target that only changes its interval does not end', async () => {
  const b = await started('', 'a 1\n');
  await b.interval();
  await b.load(job('    scrape_interval: 5s'));
  for (let i = 0; i < 4; i++) await b.interval();
  expect(b.storage.batches.flatMap((x) => x.samples).filter((line) => line.endsWith('stale'))).toEqual([]);
});

test('a reload that changes nothing for a target leaves it alone', async () => {
  const b = await started('', 'a 1\n');
  await b.interval();
  const asked = b.storage.asked;
  await b.load(job('  - { job_name: k, static_configs: [{ targets: [u:1] }] }'));
  await b.load(job());
  expect(await b.interval()).toEqual([`a{${T}} 1`]);
  expect(b.storage.asked - asked).toBe(0);
  expect(b.collector.targets().active[0]!.health).toBe('up');
});

test('a reload of metric relabelling ends the series that get other labels', async () => {
  const b = await started('', 'a 1\nb 1\n');
  await b.interval();
  await b.load(
    job(
      '    metric_relabel_configs: [{ source_labels: [__name__], regex: a, target_label: x, replacement: "1" }]',
    ),
  );
  expect(await b.interval()).toEqual([`a{${T}, x="1"} 1`, `b{${T}} 1`, `a{${T}} stale`]);
  expect(await b.interval()).toEqual([`a{${T}, x="1"} 1`, `b{${T}} 1`]);
});

test('what fails to prepare changes nothing', async () => {
  const b = await started('', 'a 1\n');
  await b.interval();
  await expect(b.load(job('    tls_config: { ca_file: /nowhere.pem }'))).rejects.toThrow('nowhere.pem');
  expect(await b.interval()).toEqual([`a{${T}} 1`]);
});

test('files of targets are followed, and a bad one keeps its last good targets', async () => {
  const b = bench();
  b.page('a 1\n');
  b.page('a 2\n', 'http://u:1');
  const { files } = b.world.env;
  files.makeDir('/etc');
  const write = (text: string): Promise<void> =>
    files.writeWhole('/etc/t.json', new TextEncoder().encode(text));
  await b.world.run(write('[{"targets": ["t:1"], "labels": {"env": "x"}}]'));
  await b.load(
    'global: { scrape_interval: 10s }\nscrape_configs: [{ job_name: j, file_sd_configs: [{ files: ["t*.json"], refresh_interval: 20s }] }]',
  );
  expect(await b.interval()).toEqual([`a{env="x", ${T}} 1`]);
  const view = b.collector.targets().active[0]!;
  expect(view.discoveredLabels).toEqual([
    '__address__',
    't:1',
    '__meta_filepath',
    '/etc/t.json',
    '__metrics_path__',
    '/metrics',
    '__scheme__',
    'http',
    '__scrape_interval__',
    '10s',
    '__scrape_timeout__',
    '10s',
    'env',
    'x',
    'job',
    'j',
  ]);
  await b.world.run(write('[{"targets": [5'));
  expect(await b.interval()).toEqual([`a{env="x", ${T}} 1`]);
  await b.world.run(write('[{"targets": ["u:1"]}]'));
  await b.interval();
  expect(b.collector.targets().active.map((t) => t.labels)).toEqual([['instance', 'u:1', 'job', 'j']]);
});

test('targets are relabelled, dropped and refused', async () => {
  const b = bench();
  await b.load(
    job(`
    relabel_configs:
      - { action: drop, source_labels: [__address__], regex: 'd:.*' }
      - { action: replace, source_labels: [__address__], regex: 'p:(.*)', target_label: __param_module, replacement: '$1' }
      - { action: replace, source_labels: [__address__], regex: 'p:.*', target_label: __address__, replacement: 'proxy:9' }
      - { action: replace, source_labels: [__address__], regex: 'i:.*', target_label: __scrape_interval__, replacement: '1s' }
  - job_name: k
    static_configs: [{ targets: ['d:1', 'p:1', 'i:1', 'u:1', 'u:1'] }]
    scheme: https
    params: { module: [x], z: ['1'] }
    relabel_configs:
      - { action: drop, source_labels: [__address__], regex: 'd:.*' }
      - { action: replace, source_labels: [__address__], regex: 'p:(.*)', target_label: __param_module, replacement: 'm$1' }
      - { action: replace, source_labels: [__address__], regex: 'i:.*', target_label: __scrape_interval__, replacement: '1s' }`),
  );
  const { active, dropped } = b.collector.targets();
  expect(active.map((t) => `${t.scrapePool} ${t.scrapeUrl} ${t.scrapeInterval_ms}`)).toEqual([
    'j http://t:1/metrics 10000',
    'k https://p:1/metrics?module=m1&z=1 10000',
    'k https://u:1/metrics?module=x&z=1 10000',
  ]);
  expect(dropped.map((t) => [t.scrapePool, t.discoveredLabels[1]])).toEqual([['k', 'd:1']]);
  // i:1: its interval is below its timeout.
  expect(value(b.collector.families(), 'prometheus_target_sync_failed_total')).toBe(1);
  expect(value(b.collector.families(), 'prometheus_sd_discovered_targets')).toBe(6);
});

test('samples that the storage does not take are counted', async () => {
  const b = await started('', 'a 1\na 2\nb 1 1767225603000\n');
  await b.interval();
  b.page('a 1\nb 2 1767225602000\n');
  await b.interval();
  const families = b.collector.families();
  expect(value(families, 'prometheus_target_scrapes_sample_duplicate_timestamp_total')).toBe(1);
  expect(value(families, 'prometheus_target_scrapes_sample_out_of_order_total')).toBe(1);
});

test('references that the storage has given up are asked for again in the same scrape', async () => {
  const b = await started('', 'a 1\nb 1\n');
  await b.interval();
  b.storage.forget();
  expect(await b.interval()).toEqual([`a{${T}} 1`, `b{${T}} 1`]);
  expect(b.storage.last()).toContain(`up{${T}} 1`);
});

test('series that the storage refuses are counted, known ones go on', async () => {
  const b = await started('', 'a 1\n');
  await b.interval();
  b.storage.maxSeries = 6;
  b.page('a 1\nb 1\n');
  expect(await b.interval()).toEqual([`a{${T}} 1`]);
  expect(value(b.collector.families(), 'munjigi_target_scrapes_series_refused_total')).toBe(1);
});

/** Pages of a target that may have two series, one an interval: what is written of them, and how many series are left out. */
test.each<[what: string, more: string, steps: [page: Page, written: string[], refused: number][]]>([
  [
    'known series go on, further ones are left out without harm to the rest',
    '',
    [
      ['a 1\nb 1\n', [`a{${T}} 1`, `b{${T}} 1`], 0],
      ['a 2\nc 2\nb 2\nd 2\n', [`a{${T}} 2`, `b{${T}} 2`], 2],
      ['c 3\nd 3\na 3\nb 3\n', [`a{${T}} 3`, `b{${T}} 3`], 2],
    ],
  ],
  [
    'a place that becomes free is given to the next',
    '',
    [
      ['a 1\nb 1\nc 1\n', [`a{${T}} 1`, `b{${T}} 1`], 1],
      ['b 2\nc 2\n', [`b{${T}} 2`, `c{${T}} 2`, `a{${T}} stale`], 0],
      ['b 3\nc 3\nd 3\n', [`b{${T}} 3`, `c{${T}} 3`], 1],
    ],
  ],
  [
    'a known series that was away comes back, even when its place was taken',
    '',
    [
      ['a 1\nb 1\n', [`a{${T}} 1`, `b{${T}} 1`], 0],
      ['b 2\n', [`b{${T}} 2`, `a{${T}} stale`], 0],
      ['b 3\nc 3\n', [`b{${T}} 3`, `c{${T}} 3`], 0],
      ['d 4\nc 4\nb 4\na 4\n', [`c{${T}} 4`, `b{${T}} 4`, `a{${T}} 4`], 1],
    ],
  ],
  [
    'what relabelling drops takes no place',
    '    metric_relabel_configs: [{ source_labels: [__name__], regex: a, action: drop }]',
    [['a 1\nb 1\nc 1\nd 1\n', [`b{${T}} 1`, `c{${T}} 1`], 1]],
  ],
  [
    'a series that stands twice in a page is one',
    '',
    [['a 1\na 1\nb 1\nc 1\nc 2\n', [`a{${T}} 1`, `a{${T}} 1`, `b{${T}} 1`], 1]],
  ],
  [
    'what left out series counts for limits of the job as before',
    '    sample_limit: 3',
    [
      ['a 1\nb 1\nc 1\n', [`a{${T}} 1`, `b{${T}} 1`], 1],
      ['a 1\nb 1\nc 1\nd 1\n', [`a{${T}} stale`, `b{${T}} stale`], 2],
      ['c 2\na 2\nb 2\n', [`a{${T}} 2`, `b{${T}} 2`], 1],
    ],
  ],
])('a cap on the series of a target: %s', async (_, more, steps) => {
  const b = bench(1, 2);
  b.page('');
  await b.load(job(more));
  for (const [page, written, refused] of steps) {
    b.page(page);
    expect(await b.interval()).toEqual(written);
    expect(b.collector.targets().active[0]!.seriesRefused).toBe(refused);
  }
});

test('what a cap left out is counted by job, and shown with the newest names first', async () => {
  const b = bench(1, 1);
  b.page('a 1\n');
  await b.load(job());
  await b.interval();
  expect(b.collector.refused(5).targets).toEqual([]);
  b.page('x{l="1"} 1\nx{l="2"} 1\ny 1\na 2\n');
  await b.interval();
  await b.interval();
  const found = b.collector.families().find((f) => f.name === 'munjigi_scrape_series_refused_total')!;
  expect(found.samples).toMatchObject([{ labels: ['scrape_job', 'j'], value: 6 }]);
  expect(b.collector.refused(5)).toMatchObject({
    storage: { refused: 0, newestNames: [] },
    maxSeriesPerTarget: 1,
    targets: [
      {
        scrapePool: 'j',
        scrapeUrl: 'http://t:1/metrics',
        series: 1,
        refused: 6,
        refusedNow: 3,
        newestNames: ['y', 'x'],
      },
    ],
  });
  expect(b.collector.refused(0).targets).toEqual([]);
  expect(b.world.log.some((line) => JSON.stringify(line).includes('max_series_per_target'))).toBe(true);
  expect(b.collector.targets().active).toMatchObject([{ health: 'up', lastError: '' }]);
});

test('after a restart a cap lets all go on that the storage knows, in whatever order they come', async () => {
  const before = bench(1, 2);
  before.page('a 1\nb 1\n');
  await before.load(job());
  await before.interval();
  await before.collector.close();
  const b = bench(1, 2, before.storage);
  await b.world.advance(30_000);
  b.page('c 2\nd 2\nb 2\na 2\n');
  await b.load(job());
  expect(await b.interval()).toEqual([`b{${T}} 2`, `a{${T}} 2`]);
});

test('what the storage does not take is logged by kind with its number, at most once a minute', async () => {
  const b = await started('', 'a 1\nb 1\nc 1 1\n');
  await b.interval();
  const lines = (): unknown[] =>
    b.world.log.flatMap(({ msg, fields }) =>
      /were (?:dropped|refused)/.test(msg) ? [[msg.split(': ')[1], fields['dropped'], fields['url']]] : [],
    );
  b.storage.maxSeries = 8;
  b.page('a 1 -600000\nb 1 9000000000000\nc 2 1\nd 1\ne 1\nf 1\n');
  for (let i = 0; i < 5; i++) await b.interval();
  const url = 'http://t:1/metrics';
  const once = [
    ['out of order', 1, url],
    ['too far in the future', 1, url],
    ['same timestamp, different value', 1, url],
    ['the store has max_series, known ones go on', 3, url],
  ];
  expect(lines()).toEqual(once);
  for (let i = 0; i < 3; i++) await b.interval();
  expect(lines()).toEqual([...once, ...once]);
});

test('names of series that the storage refuses are shown', async () => {
  const b = await started('', 'a 1\n');
  await b.interval();
  b.storage.maxSeries = 6;
  b.page('a 1\nb 1\n');
  await b.interval();
  expect(b.collector.refused(5).storage).toEqual({ refused: 1, newestNames: ['b'] });
});

test('a storage that cannot write is told of, and the next scrape goes on', async () => {
  const b = await started('', 'a 1\n');
  b.storage.failure = new StorageError('ENOSPC', 'disk full', true);
  await b.interval();
  expect(b.collector.targets().active.map(({ health, lastError }) => [health, lastError])).toEqual([
    ['up', 'its samples could not be stored: disk full'],
  ]);
  b.storage.failure = null;
  expect(await b.interval()).toEqual([`a{${T}} 1`]);
  expect(value(b.collector.families(), 'munjigi_target_scrapes_commits_failed_total')).toBe(1);
  expect(b.world.log.some((line) => JSON.stringify(line).includes('disk full'))).toBe(true);
});

test('closing writes nothing more', async () => {
  const b = await started('', 'a 1\n');
  await b.interval();
  await b.world.run(b.collector.close());
  for (let i = 0; i < 4; i++) expect(await b.interval(true)).toEqual([]);
});

test('metadata that changes and exemplars are handed on', async () => {
  const open = (help: string): HttpResponse => ({
    status: 200,
    headers: { 'content-type': 'application/openmetrics-text' },
    body: `# TYPE a counter\n# HELP a ${help}\na_total 1 # {id="1"} 0.5 2\n# EOF\n`,
  });
  const b = await started('', open('One.'));
  await b.interval();
  await b.interval();
  b.page(open('Two.'));
  await b.interval();
  expect(b.storage.metadata).toEqual([`a_total{${T}} counter One.`, `a_total{${T}} counter Two.`]);
  expect(b.storage.exemplars[0]).toBe(`a_total{${T}} {id="1"} 0.5 @2000`);
});

test('extra series of a scrape', async () => {
  const b = await started('    extra_scrape_metrics: true\n    sample_limit: 7', 'a 1\n');
  await b.interval();
  expect(b.storage.last().slice(-3)).toEqual([
    `scrape_timeout_seconds{${T}} 10`,
    `scrape_sample_limit{${T}} 7`,
    `scrape_body_size_bytes{${T}} 4`,
  ]);
});
