import { simWorld } from '@munjigi/env/sim';
import { labelsToObject, printProblem } from '@munjigi/model';
import { expect, test } from 'vitest';
import { parsePrometheusConfig } from './prometheus.ts';

const lines = (text: string): string[] => parsePrometheusConfig('p.yml', text).problems.map(printProblem);

test('an empty file has the defaults', () => {
  const { config, problems } = parsePrometheusConfig('/etc/p.yml', '');
  expect(problems).toEqual([]);
  expect(config).toMatchObject({
    global: { scrape_interval: 60_000, scrape_timeout: 10_000, evaluation_interval: 60_000, sample_limit: 0 },
    scrape_configs: [],
    rule_files: [],
    dir: '/etc',
  });
});

test('a job takes from global what it does not say', () => {
  const { config, problems } = parsePrometheusConfig(
    '/etc/p.yml',
    `
global:
  scrape_interval: 15s
  sample_limit: 1500
  body_size_limit: 15MB
  metric_name_validation_scheme: legacy
  external_labels: { a: 'x\${HOST}y', b: '$$' }
scrape_configs:
  - job_name: one
    static_configs: [{ targets: ['h:1'], labels: { l: 'v' } }]
  - job_name: two
    scrape_interval: 5s
    sample_limit: 7
    scheme: https
    metrics_path: /m
    params: { q: [x] }
    honor_labels: true
    metric_name_validation_scheme: utf8
    file_sd_configs: [{ files: ['t/*.yml'] }]
    basic_auth: { username: u, password_file: /p }
    relabel_configs: [{ source_labels: [a], action: Keep, regex: b }]
storage: { tsdb: { out_of_order_time_window: 30m, retention: { time: 1d, size: 1GB } } }
`,
    { variables: (name) => (name === 'HOST' ? 'h' : undefined) },
  );
  expect(problems).toEqual([]);
  const [one, two] = config!.scrape_configs;
  expect(one).toMatchObject({
    scrape_interval: 15_000,
    scrape_timeout: 10_000,
    sample_limit: 1500,
    body_size_limit: 15 * 1024 * 1024,
    metrics_path: '/metrics',
    scheme: 'http',
    honor_timestamps: true,
    metric_name_escaping_scheme: 'underscores',
    scrape_protocols: [
      'OpenMetricsText1.0.0',
      'OpenMetricsText0.0.1',
      'PrometheusText1.0.0',
      'PrometheusText0.0.4',
    ],
    static_configs: [{ targets: ['h:1'], labels: ['l', 'v'] }],
    dir: '/etc',
  });
  expect(two).toMatchObject({
    scrape_interval: 5000,
    scrape_timeout: 5000,
    sample_limit: 7,
    metric_name_escaping_scheme: 'allow-utf-8',
    params: new Map([['q', ['x']]]),
    file_sd_configs: [{ files: ['t/*.yml'], refresh_interval: 300_000 }],
    relabel_configs: [{ action: 'keep', separator: ';', regex: 'b' }],
  });
  expect(labelsToObject(config!.global.external_labels)).toEqual({ a: 'xhy', b: '$' });
  expect(config!.storage).toEqual({
    retention: { time: 86_400_000, size: 1024 ** 3, percentage: 0 },
    out_of_order_time_window: 1_800_000,
    float_encoding: undefined,
    max_exemplars: undefined,
  });
});

const UNSAID = {
  retention: undefined,
  out_of_order_time_window: undefined,
  float_encoding: undefined,
  max_exemplars: undefined,
};

test.each<[text: string, said: object]>([
  ['', {}],
  ['{}', {}],
  ['{ tsdb: {} }', {}],
  ['{ tsdb: { retention: null } }', {}],
  [
    '{ tsdb: { retention: { size: 512MB } } }',
    { retention: { time: 0, size: 512 * 1024 ** 2, percentage: 0 } },
  ],
  ['{ tsdb: { retention: { percentage: 0.5 } } }', { retention: { time: 0, size: 0, percentage: 0.5 } }],
  ['{ tsdb: { chunk_encoding: { floats: xor2 } } }', { float_encoding: 'xor2' }],
  ['{ tsdb: { chunk_encoding: { floats: xor } } }', { float_encoding: 'xor' }],
  ["{ tsdb: { chunk_encoding: { floats: '' } } }", {}],
  ['{ exemplars: { max_exemplars: 7 } }', { max_exemplars: 7 }],
  ['{ exemplars: { max_exemplars: -1 } }', { max_exemplars: 0 }],
  ['{ exemplars: {} }', {}],
])('storage: %s', (text, said) => {
  const { config, problems } = parsePrometheusConfig('p.yml', `storage: ${text}`);
  expect(problems).toEqual([]);
  expect(config!.storage).toEqual({ ...UNSAID, ...said });
});

const job = (fields: string): string => `scrape_configs: [{ job_name: j, ${fields} }]`;

test.each<[what: string, text: string, problems: RegExp[]]>([
  ['an unknown section', 'glob: {}', [/^p.yml:1:1: error: glob: unknown field: did you mean global\?$/]],
  [
    'an unknown field of a job',
    job('scrape_intervall: 5s'),
    [/unknown field: did you mean scrape_interval\?/],
  ],
  ['no name', 'scrape_configs: [{ metrics_path: /m }]', [/job_name is required/]],
  [
    'a name twice',
    'scrape_configs:\n  - job_name: a\n  - job_name: a',
    [/^p.yml:3:5: error: scrape_configs\[1\].job_name: found multiple scrape configs with job name "a"$/],
  ],
  [
    'a timeout above the interval',
    job('scrape_interval: 5s, scrape_timeout: 6s'),
    [/scrape_timeout: is greater than the scrape interval of job "j"/],
  ],
  [
    'a global timeout above the interval',
    'global: { scrape_interval: 5s, scrape_timeout: 6s }',
    [/scrape_timeout is greater/],
  ],
  [
    'a bad expression',
    job('relabel_configs: [{ regex: "a(", target_label: b }]'),
    [/relabel_configs\[0\]: regex is not RE2/],
  ],
  [
    'a label name of the wrong kind',
    `global: { metric_name_validation_scheme: legacy }\n${job('relabel_configs: [{ target_label: a-b }]')}`,
    [/"a-b" is no target_label/],
  ],
  [
    'a URL as target',
    job('static_configs: [{ targets: ["http://x"] }]'),
    [/"http:\/\/x" is not a valid hostname/],
  ],
  [
    'two ways to authenticate',
    job('bearer_token: a, basic_auth: { username: u }'),
    [/at most one of bearer_token, basic_auth can be set/],
  ],
  [
    'two passwords',
    job('basic_auth: { password: a, password_file: b }'),
    [/at most one of password and password_file/],
  ],
  ['a certificate without key', job('tls_config: { cert_file: a }'), [/needs its key/]],
  ['a reserved header', job('http_headers: { Authorization: { values: [x] } }'), [/reserved header/]],
  ['a size without unit', job('body_size_limit: 100'), [/with its unit/]],
  ['protobuf alone', job('scrape_protocols: [PrometheusProto]'), [/PrometheusProto is not read yet/]],
  [
    'what would be unsafe to neglect',
    job('oauth2: { client_id: a, token_url: b }, proxy_url: "http://p"'),
    [/oauth2 is not supported yet/, /proxies are not supported yet/],
  ],
  [
    'several at once',
    'global: { scrape_interval: 5 }\nscrape_configs: [{ job_name: a, scheme: ftp }, { honor_labels: 3 }]',
    [/1:28: .*scrape_interval/, /scheme/, /job_name is required/, /honor_labels/],
  ],
  [
    'other files without a way to read them',
    'scrape_config_files: [x.yml]',
    [/other files cannot be read here/],
  ],
  ['duplicate keys', 'global: {}\nglobal: {}', [/duplicate key "global"/]],
  [
    'an unknown chunk encoding',
    'storage: { tsdb: { chunk_encoding: { floats: XOR } } }',
    [/^p.yml:1:\d+: error: storage.tsdb.chunk_encoding.floats: wants one of xor, xor2, got "XOR"/],
  ],
  [
    'more than the disk',
    'storage: { tsdb: { retention: { percentage: 101 } } }',
    [/storage.tsdb.retention.percentage: must be at most 100, got 101/],
  ],
  [
    'a negative share of the disk',
    'storage: { tsdb: { retention: { percentage: -1 } } }',
    [/percentage: must be at least 0, got -1/],
  ],
  ['a negative size', 'storage: { tsdb: { retention: { size: -1GB } } }', [/retention.size: wants a size/]],
  [
    'a negative time',
    'storage: { tsdb: { retention: { time: -1h } } }',
    [/retention.time: wants a duration/],
  ],
])('refuses %s', (_, text, problems) => {
  const printed = lines(text);
  expect(parsePrometheusConfig('p.yml', text).config).toBeNull();
  problems.forEach((pattern, i) => expect(printed[i] ?? '').toMatch(pattern));
});

test.each<[text: string, warning: RegExp]>([
  [
    'remote_write: [{ url: "http://x" }]',
    /remote_write: remote_write is not supported yet: it is ignored, and nothing is sent/,
  ],
  ['alerting: { alertmanagers: [{ static_configs: [{ targets: [a] }] }] }', /alerting is not supported yet/],
  ['otlp: { promote_resource_attributes: [a] }', /otlp is not supported yet/],
  [
    job('dns_sd_configs: [{ names: [a] }]'),
    /dns_sd_configs: dns discovery is not supported yet: it is ignored, and its targets are not scraped/,
  ],
  [job('scrape_native_histograms: true'), /native histograms are not scraped/],
  [job('enable_http2: false'), /no effect/],
  ['global: {}\n---\nglobal: {}', /p.yml:3:1: warning: only the first document/],
  [
    'storage: { tsdb: { retention: { percentage: 80, size: 1GB } } }',
    /retention.size: has no effect, because percentage is set/,
  ],
  ['storage: { tsdb: { retention: {} } }', /storage.tsdb.retention: limits nothing/],
  [
    'storage: { tsdb: { stale_series_compaction_threshold: 0.5 } }',
    /stale_series_compaction_threshold: has no effect/,
  ],
])('warns of %s', (text, warning) => {
  const { config, problems } = parsePrometheusConfig('p.yml', text);
  expect(config).not.toBeNull();
  expect(problems.map(printProblem).join('\n')).toMatch(warning);
});

test('jobs of other files', () => {
  const { env } = simWorld(1);
  env.files.makeDir('/etc');
  env.files.makeDir('/etc/jobs');
  const write = (path: string, text: string): void => {
    const file = env.files.open(path, 'create');
    const bytes = new TextEncoder().encode(text);
    file.write(bytes, 0, bytes.length, 0);
    file.close();
  };
  write('/etc/jobs/b.yml', 'scrape_configs: [{ job_name: b }]');
  write('/etc/jobs/a.yml', 'scrape_configs: [{ job_name: a, file_sd_configs: [{ files: [t.yml] }] }]');
  const text = 'scrape_config_files: [jobs/*.yml]\nscrape_configs: [{ job_name: m }]';
  const parse = (): ReturnType<typeof parsePrometheusConfig> =>
    parsePrometheusConfig('/etc/p.yml', text, { files: env.files });
  expect(parse().config!.scrape_configs.map((j) => [j.job_name, j.dir])).toEqual([
    ['m', '/etc'],
    ['a', '/etc/jobs'],
    ['b', '/etc/jobs'],
  ]);
  write('/etc/jobs/c.yml', 'scrape_configs: [{ job_name: b }, { job_nam: x }]');
  const printed = parse().problems.map(printProblem);
  expect(printed[0]).toMatch(/^\/etc\/jobs\/c.yml:1:35: error: .*job_name is required/);
  write('/etc/jobs/c.yml', 'scrape_configs: [{ job_name: b }]');
  expect(parse().problems.map(printProblem)[0]).toMatch(
    /^\/etc\/jobs\/c.yml:1:18: .*multiple scrape configs/,
  );
});
