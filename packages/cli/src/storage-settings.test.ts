import { parsePrometheusConfig } from '@munjigi/collect';
import { printProblem } from '@munjigi/model';
import { expect, test } from 'vitest';
import { parseMunjigiConfig } from './config.ts';
import { reloadedStorage, type StorageSettings } from './storage-settings.ts';

const DAY = 86_400_000;

function read(text: string): { settings: StorageSettings | undefined; problems: string } {
  const { config, problems } = parseMunjigiConfig(
    'm.yaml',
    `metrics:\n  storage:\n${text
      .split('\n')
      .map((line) => `    ${line}`)
      .join('\n')}`,
    '/etc/m',
  );
  return { settings: config?.metrics, problems: problems.map(printProblem).join('\n') };
}

test.each<[text: string, settings: Partial<StorageSettings>]>([
  ['retention: 30d', { retention_ms: 30 * DAY, maxBlock_ms: 3 * DAY }],
  ['retention: 0', { retention_ms: 0, maxBlock_ms: 31 * DAY }],
  ['retention: 10y', { retention_ms: 3650 * DAY, maxBlock_ms: 31 * DAY }],
  ['retention: 2h', { retention_ms: 7_200_000, maxBlock_ms: 7_200_000 }],
  ['retention_size: 512MB', { retention_ms: 0, retention_bytes: 512 * 1024 ** 2 }],
  ['retention_size: 10GiB\nretention: 90d', { retention_ms: 90 * DAY, retention_bytes: 10 * 1024 ** 3 }],
  ['retention_percentage: 80.5', { retention_ms: 0, retention_percentage: 80.5 }],
  [
    `retention_by:
  - { match: '{job="billing"}', keep: 400d }
  - { match: '{__name__=~"debug_.*"}', keep: 1d }
  - { match: up, keep: 0 }`,
    {
      retentionBy: [
        { matchers: [{ name: 'job', op: '=', value: 'billing' }], retention_ms: 400 * DAY },
        { matchers: [{ name: '__name__', op: '=~', value: 'debug_.*' }], retention_ms: DAY },
        { matchers: [{ name: '__name__', op: '=', value: 'up' }], retention_ms: 0 },
      ],
    },
  ],
  ['max_series: 2000000\nmax_series_per_target: 50000', { maxSeries: 2e6, maxSeriesPerTarget: 5e4 }],
  ['wal_compression: zstd', { walCompression: 'zstd' }],
  ['wal_compression: none', { walCompression: 'none' }],
  ['snapshot_interval: 0', { snapshotInterval_ms: 0 }],
  ['out_of_order_time_window: 30m', { outOfOrderWindow_ms: 1_800_000 }],
  ['chunk_encoding: { floats: xor2 }', { floatEncoding: 'xor2' }],
  ['chunk_encoding: {}', { floatEncoding: 'xor' }],
  ['max_exemplars: 100000', { maxExemplars: 100_000 }],
  ['min_block_duration: 10m\nmax_block_duration: 90m', { minBlock_ms: 600_000, maxBlock_ms: 5_400_000 }],
  ['admin_api: true', { adminApi: true }],
  ['delay_compact_file: ./shipper.json', { delayCompactFile: '/etc/m/shipper.json' }],
  ['read_only: true', { readOnly: true }],
])('%s', (text, settings) => {
  const got = read(text);
  expect(got.problems).toBe('');
  expect(got.settings).toMatchObject(settings);
});

test.each<[text: string, problem: RegExp]>([
  [
    'retention: 30s',
    /^m.yaml:3:\d+: error: metrics.storage.retention: must be 0 \(for ever\) or at least 1m/,
  ],
  ['retention_size: 512', /retention_size: is less than 1MB: was its unit forgotten\?/],
  ['retention_size: lots', /retention_size: wants a size/],
  ['retention_percentage: 101', /retention_percentage: must be at most 100/],
  ["retention_by: [{ match: 'sum(up)', keep: 1d }]", /retention_by\[0\].match: is no selector: /],
  ["retention_by: [{ match: '{}', keep: 1d }]", /at least one non-empty matcher/],
  ['retention_by: [{ match: up }]', /retention_by\[0\]: the field keep is required/],
  ['wal_compression: gzip', /wants one of none, snappy, zstd/],
  ['chunk_encoding: { floats: XOR2 }', /wants one of xor, xor2/],
  ['max_block_duration: 1h', /max_block_duration: is less than min_block_duration/],
  ['retention_sise: 1GB', /did you mean retention_size\?/],
])('refuses %s', (text, problem) => {
  const got = read(text);
  expect(got.settings).toBeUndefined();
  expect(got.problems).toMatch(problem);
});

test.each<[text: string, warning: RegExp, settings: Partial<StorageSettings>]>([
  [
    'retention_size: 1GB\nretention_percentage: 50',
    /warning: metrics.storage.retention_size: has no effect/,
    { retention_percentage: 50 },
  ],
  ['read_only: true\nadmin_api: true', /admin_api: has no effect with read_only/, { adminApi: false }],
])('warns of %s', (text, warning, settings) => {
  const got = read(text);
  expect(got.problems).toMatch(warning);
  expect(got.settings).toMatchObject(settings);
});

test('nothing is scraped into a read-only store', () => {
  const { config, problems } = parseMunjigiConfig(
    'm.yaml',
    'metrics: { config: p.yml, storage: { read_only: true } }',
    '/etc/m',
  );
  expect(config!.metrics.config).toBeNull();
  expect(problems.map(printProblem)).toEqual([
    'm.yaml:1:10: warning: metrics.config: nothing is scraped into a read-only store: it is ignored',
  ]);
});

test.each<[storage: string, changed: object]>([
  ['', {}],
  ['{ tsdb: { retention: { size: 1GB } } }', { retention_ms: 0, retention_bytes: 1024 ** 3 }],
  ['{ tsdb: { retention: { time: 1d } } }', { retention_ms: DAY, retention_percentage: 0 }],
  ['{ tsdb: { out_of_order_time_window: 0s } }', { outOfOrderWindow_ms: 0 }],
  ['{ tsdb: { chunk_encoding: { floats: xor } } }', { floatEncoding: 'xor' }],
  ['{ exemplars: { max_exemplars: 0 } }', { maxExemplars: 0 }],
])('prometheus.yml wins: storage: %s', (storage, changed) => {
  const settings = read(
    'retention: 30d\nretention_percentage: 50\nout_of_order_time_window: 5m\nchunk_encoding: { floats: xor2 }',
  ).settings!;
  const base = {
    retention_ms: 30 * DAY,
    retention_bytes: 0,
    retention_percentage: 50,
    outOfOrderWindow_ms: 300_000,
    floatEncoding: 'xor2',
    maxExemplars: 10_000,
  };
  const { config } = parsePrometheusConfig('p.yml', `storage: ${storage}`);
  const retention = config!.storage.retention === undefined ? {} : { retention_percentage: 0 };
  expect(reloadedStorage(settings, config!.storage)).toEqual({ ...base, ...retention, ...changed });
});
